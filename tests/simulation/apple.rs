//! Apple, with the network to it: takes pushes, refuses them, loses them and their answers.
//!
//! Left out: a truthful 410 for a token that is good. An old one for it is possible, and must kill nothing.

use crate::world::{Owner, World};
use anyhow::Result;
use std::time::Duration;
use tidings::clock::Time;
use tidings::domain::outcome::{Class, Outcome, Rejection};

/// What Apple may say instead of yes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    TooMany,
    ServerError,
    /// 410, dated when the token really died.
    Gone,
    /// 410, dated before the token was registered.
    GoneLongAgo,
    NotSent,
}

impl World<'_> {
    /// Apple takes the push, or it never arrives there.
    pub(crate) fn decide(&mut self, push: usize, arrives: bool) {
        let valid = self.is_valid(self.pushes[push].made.sent.plan.token);
        let push = &mut self.pushes[push];
        push.decided = true;
        if arrives && valid && !push.early {
            push.copies += 1;
        }
    }

    /// 200, also for a token that the phone has replaced: that push is lost.
    pub(crate) async fn accept(&mut self, push: usize) -> Result<()> {
        self.decide(push, true);
        self.learn(push, Outcome::Accepted { unique_id: None }).await
    }

    /// The answer is lost, and perhaps the push before it.
    pub(crate) async fn lose(&mut self, push: usize, arrives: bool) -> Result<()> {
        self.history.disturbed = true;
        self.decide(push, arrives);
        self.learn(push, Outcome::Unknown { reason: "CONNECTION_LOST" }).await
    }

    pub(crate) async fn refuse(&mut self, push: usize, refusal: Refusal) -> Result<()> {
        self.pushes[push].decided = true;
        let sent = &self.pushes[push].made.sent;
        self.history.note_refused(sent.plan.kind, sent.plan.subscription);
        let outcome = match refusal {
            Refusal::NotSent => Outcome::NotSent { reason: "CONNECT_FAILED" },
            Refusal::TooMany => rejected(429, "TooManyRequests", Class::Retry, None),
            Refusal::ServerError => rejected(500, "InternalServerError", Class::Retry, None),
            Refusal::Gone => {
                let since = self.died_at(push);
                rejected(410, "Unregistered", Class::Token, Some(since))
            }
            Refusal::GoneLongAgo => {
                let since = self.pushes[push].made.planned.token.registered_at;
                let since = since.min(self.now()) - Duration::from_secs(10);
                rejected(410, "Unregistered", Class::Token, Some(since))
            }
        };
        self.learn(push, outcome).await
    }

    /// What Apple may refuse this push with.
    pub(crate) fn refusals(&self, push: usize) -> Vec<Refusal> {
        let token = self.pushes[push].made.sent.plan.token;
        let owner = token.and_then(|token| self.tokens.get(&token));
        let closed = matches!(owner, Some(Owner::Card(card, _)) if !self.cards[*card].open);
        let dead = closed || !self.is_valid(token);
        let about_token = if dead { Refusal::Gone } else { Refusal::GoneLongAgo };
        vec![Refusal::TooMany, Refusal::ServerError, Refusal::NotSent, about_token, about_token]
    }

    /// When the token of the push was replaced or its card went away.
    fn died_at(&self, push: usize) -> Time {
        let owner =
            self.pushes[push].made.sent.plan.token.and_then(|token| self.tokens.get(&token));
        match owner {
            Some(Owner::Card(card, rotation)) => {
                let card = &self.cards[*card];
                if card.rotation == *rotation { card.closed_at } else { card.token_time }
            }
            Some(Owner::Start(device, _)) => self.devices[*device].start_rotated_at,
            Some(Owner::Notifications) | None => self.now(),
        }
    }
}

fn rejected(status: u16, reason: &str, class: Class, dead_since: Option<Time>) -> Outcome {
    let reason = reason.to_owned();
    Outcome::Rejected(Rejection { status, reason, class, dead_since, retry_after: None })
}
