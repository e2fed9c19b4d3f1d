//! One batch on its way: room for each push, its head, its answer.
//!
//! May import the rest of this folder. Every push is answered exactly once, even where its task dies. A push that was
//! not written is tried on another connection; one that was written is not.

use super::connection::Connection;
use super::pool::{NoRoom, Pool, Slot};
use super::request::{self, Address};
use super::skew::Skew;
use super::token::ProviderToken;
use crate::clock::Clock;
use crate::domain::provider_token;
use crate::domain::reasons::{INVALID_TOKEN, PROVIDER_TOKENS_PAUSED};
use crate::provider::reply::Reply;
use crate::provider::{Class, Outcome, Push};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// Apple ties a connection to the apps that the team has when it is opened: where an app is refused on one of this age,
/// the app may be newer, and a new connection is worth a try.
const REFUSED_CONNECTION_AGE_MAX: Duration = Duration::from_mins(10);

/// Apple's word for provider tokens that change too often.
pub(super) const TOO_MANY_UPDATES: &str = "TooManyProviderTokenUpdates";

/// One batch on its way.
pub(super) struct Sending {
    pub(super) address: Address,
    pub(super) pool: Arc<Pool>,
    pub(super) clock: Clock,
    pub(super) skew: Arc<Skew>,
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
                Err(why) => reply.give(self.without_room(why)),
            }
        }
    }

    fn without_room(&self, why: NoRoom) -> Outcome {
        match why {
            NoRoom::Failed(reason) => Outcome::NotSent { reason },
            NoRoom::Parked(rest) => {
                let until = self.clock.now() + rest;
                Outcome::Postponed { reason: PROVIDER_TOKENS_PAUSED, until }
            }
        }
    }

    async fn push(self: Arc<Self>, mut slot: Slot, mut reply: Reply, push: Push) {
        let outcome = loop {
            let now = self.clock.now();
            let token = self.pool.token();
            let Some(head) = request::head(&self.address, &push, token.header()) else {
                break Outcome::NotSent { reason: INVALID_TOKEN };
            };
            if let Some(exchange) = slot.connection.write(head, push.body.clone()).await {
                reply.sent(now);
                let (outcome, date) = exchange.answer(self.request_timeout).await;
                self.skew.look(date, self.clock.now());
                self.pool.hear(&outcome);
                break self.learn(&slot.connection, &token, outcome);
            }
            drop(slot);
            slot = match self.pool.slot(self.deadline).await {
                Ok(slot) => slot,
                Err(why) => return reply.give(self.without_room(why)),
            };
        };
        drop(slot);
        reply.give(outcome);
    }

    /// What an answer says about the connection and the provider token, beside the push.
    fn learn(&self, connection: &Connection, token: &ProviderToken, outcome: Outcome) -> Outcome {
        let Outcome::Rejected(mut rejection) = outcome else { return outcome };
        match rejection.class {
            // Apple answers everything on that connection like this from then on.
            Class::ProviderToken => {
                connection.retire();
                let now = self.clock.now();
                if provider_token::is_fresh(token.minted_at(), now) {
                    self.skew.expired(now.since(token.minted_at()));
                    rejection.class = Class::Configuration;
                } else {
                    token.refuse();
                }
            }
            Class::Connection => connection.retire(),
            Class::Configuration if connection.age() > REFUSED_CONNECTION_AGE_MAX => {
                connection.retire();
            }
            // The token is kept, for a new one would make it worse.
            Class::Retry if rejection.reason == TOO_MANY_UPDATES => connection.park(),
            _ => {}
        }
        Outcome::Rejected(rejection)
    }
}
