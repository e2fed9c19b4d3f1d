//! One batch on its way: leave, room and a request for each push, and what its answer says about others.
//!
//! May import the rest of this folder. A push that would be refused now is put off instead of sent. One that was sent
//! is sent again only where Google refused our access token, which is not looking at the push.

use super::access::Bearer;
use super::accounts::Account;
use super::lanes::{Lanes, Slot};
use super::pacing::Devices;
use super::response::{self, Reading};
use super::{Push, body, request};
use crate::clock::Clock;
use crate::domain::ids::DeviceKey;
use crate::domain::reasons::{
    DEVICE_PACED, INVALID_TOKEN, NO_STREAM, PROJECT_PACED, PROJECT_PAUSED, TIMEOUT,
};
use crate::provider::reply::Reply;
use crate::provider::{Class, Outcome, Rejection};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::TaskTracker;

/// One batch on its way.
pub(super) struct Sending {
    pub(super) account: Arc<Account>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) devices: Arc<Devices>,
    pub(super) clock: Clock,
    /// When the waiting for access, leave and room ends.
    pub(super) deadline: Instant,
    pub(super) request_timeout: Duration,
}

/// All that one push takes.
struct Admitted {
    bearer: Bearer,
    slot: Slot,
    _room: OwnedSemaphorePermit,
}

impl Sending {
    /// Sends each push as soon as there is room for it, and returns when the last is on its way.
    pub(super) async fn run(self: Arc<Self>, replies: Vec<(Reply, Push)>, tasks: TaskTracker) {
        for (reply, push) in replies {
            let Some(body) = request::body(&push) else {
                reply.give(Outcome::NotSent { reason: INVALID_TOKEN });
                continue;
            };
            match self.admit(push.device).await {
                Ok(admitted) => {
                    tasks.spawn(self.clone().push(admitted, reply, body));
                }
                Err(outcome) => reply.give(outcome),
            }
        }
    }

    async fn admit(&self, device: DeviceKey) -> Result<Admitted, Outcome> {
        let account = &self.account;
        if let Some(until) = account.brake().held(Instant::now()) {
            return Err(self.postponed(PROJECT_PAUSED, until));
        }
        let bearer = account.access.bearer(self.deadline).await;
        let bearer = bearer.map_err(|reason| Outcome::NotSent { reason })?;
        let room = timeout_at(self.deadline, account.room.clone().acquire_owned()).await;
        let slot = timeout_at(self.deadline, self.lanes.slot()).await;
        let (Ok(Ok(room)), Ok(Some(slot))) = (room, slot) else {
            return Err(Outcome::NotSent { reason: NO_STREAM });
        };
        let now = Instant::now();
        let paced = self.devices.take(device, now);
        paced.map_err(|wait| self.postponed(DEVICE_PACED, now + wait))?;
        let wait = account.reserve(self.deadline.saturating_duration_since(now), now);
        sleep(wait.map_err(|wait| self.postponed(PROJECT_PACED, now + wait))?).await;
        let entered = account.brake().enter(Instant::now());
        entered.map_err(|until| self.postponed(PROJECT_PAUSED, until))?;
        Ok(Admitted { bearer, slot, _room: room })
    }

    async fn push(self: Arc<Self>, admitted: Admitted, mut reply: Reply, body: Bytes) {
        let Admitted { bearer, slot, _room } = admitted;
        reply.sent(self.clock.now());
        let deadline = Instant::now() + self.request_timeout;
        let mut reading = self.post(&slot, &bearer, body.clone()).await;
        if refuses_access(&reading.outcome) && self.account.access.replace(&bearer) {
            let access = &self.account.access;
            if let Ok(fresh) = access.bearer(deadline).await {
                let again = timeout_at(deadline, self.post(&slot, &fresh, body)).await;
                reading = again.unwrap_or(Reading {
                    outcome: Outcome::Unknown { reason: TIMEOUT },
                    of_project: false,
                });
            }
        }
        self.learn(&reading);
        drop(slot);
        reply.give(reading.outcome);
    }

    async fn post(&self, slot: &Slot, bearer: &Bearer, body: Bytes) -> Reading {
        let request = slot.client.post(self.account.url.clone());
        let request = request.header(AUTHORIZATION, bearer.authorization.clone());
        match request.header(CONTENT_TYPE, "application/json").body(body).send().await {
            Ok(response) => {
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                let body = body::read(response).await;
                response::read(status, &headers, &body, self.clock.now())
            }
            Err(error) => {
                let outcome = response::of_error(&error);
                tracing::debug!(error = %error.without_url(), "a push got no answer of Google's");
                Reading { outcome, of_project: false }
            }
        }
    }

    /// What an answer says about the project, beside the push.
    fn learn(&self, reading: &Reading) {
        let Reading { outcome, of_project } = reading;
        let paused = self.account.brake().learn(outcome, *of_project, Instant::now());
        let Outcome::Rejected(Rejection { status, reason, .. }) = outcome else { return };
        if let Some(pause) = paused {
            let (project_id, pause_s) = (&*self.account.project_id, pause.as_secs());
            tracing::warn!(
                project_id,
                status,
                reason,
                pause_s,
                "Google refuses a project's pushes; they wait."
            );
        }
    }

    fn postponed(&self, reason: &'static str, until: Instant) -> Outcome {
        let wait = until.saturating_duration_since(Instant::now());
        Outcome::Postponed { reason, until: self.clock.now() + wait }
    }
}

fn refuses_access(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Rejected(rejection) if rejection.class == Class::ProviderToken)
}
