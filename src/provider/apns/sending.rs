//! One batch on its way: room for each push, its head, its answer.
//!
//! May import the rest of this folder. Every push is answered exactly once, even where its task dies. A push that was
//! not written is tried on another connection; one that was written is not.

use super::connection::Connection;
use super::pool::{Pool, Slot};
use super::request::{self, Address};
use super::token::Signer;
use crate::clock::{Clock, Time};
use crate::domain::reasons::{CONNECTION_LOST, INVALID_KEY, INVALID_TOKEN, SHUTTING_DOWN};
use crate::provider::{Answer, Class, Outcome, Push, Rejection};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// Apple ties a connection to the apps that the team has when it is opened: where an app is refused on one of this age,
/// the app may be newer, and a new connection is worth a try.
const REFUSED_CONNECTION_AGE_MAX: Duration = Duration::from_mins(10);

/// One batch on its way.
pub(super) struct Sending {
    pub(super) address: Address,
    pub(super) signer: Arc<Signer>,
    pub(super) pool: Arc<Pool>,
    pub(super) clock: Clock,
    pub(super) request_timeout: Duration,
    /// When the waiting for room ends.
    pub(super) deadline: Instant,
}

/// Owes one answer, and gives it when it is dropped.
pub(super) struct Reply {
    answers: mpsc::Sender<Answer>,
    clock: Clock,
    index: usize,
    sent_at: Option<Time>,
    outcome: Option<Outcome>,
}

/// Answers every push with the same reason why it was not sent.
pub(super) fn refuse(replies: Vec<(Reply, Push)>, reason: &'static str) {
    for (reply, _) in replies {
        reply.give(Outcome::NotSent { reason });
    }
}

impl Sending {
    /// Sends each push as soon as there is room for it, and returns when the last is on its way.
    pub(super) async fn run(self: Arc<Self>, replies: Vec<(Reply, Push)>, tasks: TaskTracker) {
        for (reply, push) in replies {
            match self.pool.slot(self.deadline).await {
                Ok(slot) => {
                    tasks.spawn(self.clone().push(slot, reply, push));
                }
                Err(reason) => reply.give(Outcome::NotSent { reason }),
            }
        }
    }

    async fn push(self: Arc<Self>, mut slot: Slot, mut reply: Reply, push: Push) {
        let outcome = loop {
            let now = self.clock.now();
            let Ok(authorization) = self.signer.authorization(now) else {
                break Outcome::NotSent { reason: INVALID_KEY };
            };
            let Some(head) = request::head(&self.address, &push, authorization) else {
                break Outcome::NotSent { reason: INVALID_TOKEN };
            };
            if let Some(exchange) = slot.connection.write(head, push.body.clone()).await {
                reply.sent_at = Some(now);
                let outcome = exchange.answer(self.request_timeout).await;
                self.learn(&slot.connection, &outcome);
                break outcome;
            }
            drop(slot);
            slot = match self.pool.slot(self.deadline).await {
                Ok(slot) => slot,
                Err(reason) => return reply.give(Outcome::NotSent { reason }),
            };
        };
        drop(slot);
        reply.give(outcome);
    }

    /// What an answer says about the connection and the provider token, beside the push.
    fn learn(&self, connection: &Connection, outcome: &Outcome) {
        let Outcome::Rejected(Rejection { reason, class, .. }) = outcome else { return };
        match class {
            // Apple answers everything on that connection like this from then on.
            Class::ProviderToken => {
                connection.retire();
                self.signer.replace(self.clock.now());
            }
            Class::Connection => connection.retire(),
            Class::Configuration if connection.age() > REFUSED_CONNECTION_AGE_MAX => {
                connection.retire();
            }
            // The token is kept, for a new one would make it worse; the connection stays useless for long.
            Class::Retry if reason == "TooManyProviderTokenUpdates" => connection.retire(),
            _ => {}
        }
    }
}

impl Reply {
    pub(super) fn new(answers: mpsc::Sender<Answer>, clock: Clock, index: usize) -> Self {
        Reply { answers, clock, index, sent_at: None, outcome: None }
    }

    fn give(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let answered_at = self.clock.now();
        let outcome = self.outcome.take().unwrap_or(match self.sent_at {
            Some(_) => Outcome::Unknown { reason: CONNECTION_LOST },
            None => Outcome::NotSent { reason: SHUTTING_DOWN },
        });
        let sent_at = self.sent_at.unwrap_or(answered_at);
        // There is room for every answer of the batch; who dropped the receiver does not want it.
        let _ = self.answers.try_send(Answer { index: self.index, outcome, sent_at, answered_at });
    }
}
