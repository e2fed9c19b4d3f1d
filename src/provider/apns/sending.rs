//! One batch on its way: room for each push, its head, its answer.
//!
//! May import the rest of this folder. Every push is answered exactly once, even where its task dies. A push that was
//! not written is tried on another connection; one that was written is not.

use super::connection::Connection;
use super::pool::{Pool, Slot};
use super::request::{self, Address};
use super::token::Signer;
use crate::clock::Clock;
use crate::domain::reasons::{INVALID_KEY, INVALID_TOKEN};
use crate::provider::reply::Reply;
use crate::provider::{Class, Outcome, Push, Rejection};
use std::sync::Arc;
use std::time::Duration;
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
                reply.sent(now);
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
