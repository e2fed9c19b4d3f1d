//! The one decision of delivery: what a subscription needs now. Looks at the gap between what is wanted and what was
//! delivered; there is no queue.

use super::fallback;
use super::ids::{SubscriptionId, TokenId};
use super::push::Operation;
use super::revision::{Number, Revision, Run};
use super::shard::Shard;
use super::subscription::{Cause, Reason, State, Subscription};
use crate::clock::Time;
use std::time::Duration;
use uuid::Uuid;

/// How long a begun start without an answer waits for evidence before it is sent once more.
pub const START_DOUBT: Duration = Duration::from_mins(1);
/// A start is sent at most this often while nobody knows what became of it.
pub const STARTS_MAX: i32 = 2;
/// A last stamp further ahead than this is of no use: phones ignore what lies further in the future.
const STAMP_AHEAD_MAX_S: i64 = 8 * 60 * 60;

/// What a run asks, as far as it is marked; loaded once per claim.
#[derive(Debug)]
pub struct Wanted {
    /// The run.
    pub run: Run,
    /// The newest marked revision for everyone.
    pub newest: Revision,
    /// Those for everyone with an alert, the newest first, and those that target a member.
    pub others: Vec<Revision>,
    /// How long a start is worth making after it was asked for.
    pub deliver_for: Duration,
    /// The run was over by itself: nobody has asked for its end.
    pub has_expired: bool,
}

/// What happens to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Make one.
    Start,
    /// Change it.
    Update,
    /// End it.
    End,
    /// End the other one.
    CloseSecond,
    /// Make none: show an ordinary notification instead.
    Fallback,
}

/// Why a card is ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// Its run or its stay there is over, as somebody asked.
    #[default]
    Asked,
    /// Its run is over by itself.
    RunExpired,
    /// The system would end it soon.
    CardTooOld,
}

/// One push, decided from the rows loaded at the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// For whom.
    pub subscription: SubscriptionId,
    /// What happens to the card.
    pub kind: Kind,
    /// What it will show.
    pub revision: Number,
    /// The revision whose alert rides along; 0 for none.
    pub alert: Number,
    /// By which token; a start goes by the device's push-to-start token.
    pub token: Option<TokenId>,
    /// The subscription's version when it was loaded.
    pub version: i64,
    /// What it had been delivered then.
    pub delivered: Number,
    /// The newest stamp of a push to it then.
    pub last_stamp: i64,
    /// Which try of this revision it is, from 1.
    pub attempt: i32,
    /// Why, where it ends a card.
    pub ends: Ends,
}

/// What a subscription needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until something changes.
    Nothing,
    /// Nothing before this time.
    Wait(Time),
    /// This push.
    Send(Plan),
    /// It will not be started any more: the run is over for it.
    Over,
    /// It will not be started any more: that would come too late.
    TooLate,
    /// No token has come for a card that was started long ago.
    NoToken,
}

/// The present, as a plan may use it.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    /// Now.
    pub now: Time,
    /// The second in which this process started; no stamp falls into it, for the process before may have used it.
    pub process_start_s: i64,
}

impl Kind {
    /// What the push is to do.
    pub fn operation(self) -> Operation {
        match self {
            Kind::Start => Operation::Start,
            Kind::Update => Operation::Update,
            Kind::End | Kind::CloseSecond => Operation::End,
            Kind::Fallback => Operation::Fallback,
        }
    }

    /// It cannot be taken back, so it is written down before it is sent.
    pub fn is_written_ahead(self) -> bool {
        matches!(self, Kind::Start | Kind::Fallback)
    }

    /// It is about the card that the subscription follows.
    pub fn is_about_the_card(self) -> bool {
        !matches!(self, Kind::CloseSecond | Kind::Fallback)
    }
}

impl Ends {
    /// What the subscription says of it.
    pub fn reason(self) -> Option<Reason> {
        (self == Ends::CardTooOld).then_some(Reason::CardTooOld)
    }

    /// Who has ended it.
    pub fn cause(self) -> Cause {
        if self == Ends::Asked { Cause::Caller } else { Cause::Sweeper }
    }
}

impl Wanted {
    /// The revision of that number.
    pub fn revision(&self, number: Number) -> Option<&Revision> {
        std::iter::once(&self.newest).chain(&self.others).find(|r| r.number == number)
    }

    /// The revision that the subscription should show: its targeted end, or the newest of what is asked of everyone and
    /// of it.
    pub fn of(&self, subscription: &Subscription) -> &Revision {
        let wanted = subscription.targeted.wanted(self.newest.number);
        self.revision(wanted).unwrap_or(&self.newest)
    }

    /// Until when a start of the subscription is worth making.
    pub fn deliver_until(&self, subscription: &Subscription) -> Time {
        subscription.asked_at + self.deliver_for
    }

    /// The newest alert that has not expired, above what the device had and up to what it will show.
    pub(super) fn alert(
        &self,
        subscription: &Subscription,
        above: Number,
        to: Number,
        now: Time,
    ) -> Number {
        let for_it = |r: &&Revision| r.is_for_everyone() || r.number == subscription.targeted.alert;
        std::iter::once(&self.newest)
            .chain(&self.others)
            .filter(for_it)
            .filter(|r| r.number > above && r.number <= to && r.live_alert(now).is_some())
            .map(|r| r.number)
            .max()
            .unwrap_or(0)
    }
}

/// Decides what the subscription needs now.
pub fn next(subscription: &Subscription, shard: &Shard, wanted: &Wanted, present: Present) -> Next {
    let wanted_revision = wanted.of(subscription);
    let ends = wanted_revision.is_end() || subscription.closing;
    let step = match subscription.state {
        State::PendingStart => return next_start(subscription, shard, wanted, present),
        State::Active => next_of_active(subscription, shard, wanted, present),
        State::PendingToken if !ends && subscription.reason.is_none() => {
            let until = wanted.deliver_until(subscription);
            if until > present.now { Next::Wait(until) } else { Next::NoToken }
        }
        State::Unreachable if !ends && fallback::is_due(subscription, present.now) => {
            let revision = wanted_revision.number;
            let plan = Plan { kind: Kind::Fallback, revision, ..blank(subscription, shard) };
            gated(subscription, plan, present)
        }
        _ => Next::Nothing,
    };
    match (step, &subscription.second) {
        (Next::Nothing | Next::Wait(_), Some(second)) => {
            let plan = Plan {
                kind: Kind::CloseSecond,
                revision: wanted_revision.number,
                alert: 0,
                token: second.token,
                ..blank(subscription, shard)
            };
            gated(subscription, plan, present)
        }
        (step, _) => step,
    }
}

/// A card is changed until it or its run is over; it is looked at when it becomes too old.
fn next_of_active(
    subscription: &Subscription,
    shard: &Shard,
    wanted: &Wanted,
    present: Present,
) -> Next {
    let ends_at = subscription.card_ends_at();
    let is_asked = wanted.of(subscription).is_end() || subscription.closing;
    let is_too_old = !is_asked && ends_at.is_some_and(|ends_at| ends_at <= present.now);
    let kind = if is_asked || is_too_old { Kind::End } else { Kind::Update };
    let ends = match kind {
        Kind::End if is_too_old => Ends::CardTooOld,
        Kind::End if wanted.has_expired && !subscription.closing => Ends::RunExpired,
        _ => Ends::Asked,
    };
    let step = next_of_card(subscription, shard, wanted, (kind, ends), present);
    match ends_at.filter(|ends_at| *ends_at > present.now && !is_asked) {
        Some(ends_at) if step == Next::Nothing => Next::Wait(ends_at),
        _ => step,
    }
}

fn next_start(
    subscription: &Subscription,
    shard: &Shard,
    wanted: &Wanted,
    present: Present,
) -> Next {
    let revision = wanted.of(subscription);
    let ends = revision.is_end() || subscription.closing;
    let repeats = subscription.place.route.repeats_starts();
    if repeats && ends && subscription.starts_begun > 0 {
        // It may have arrived, and an end of nothing does no harm.
        return next_of_card(subscription, shard, wanted, (Kind::End, Ends::Asked), present);
    }
    let doubt = subscription.start_doubt_until.filter(|until| *until > present.now);
    if let Some(until) = doubt {
        return Next::Wait(until);
    }
    if ends {
        let given_up = subscription.reason == Some(Reason::StartUnknown);
        return if given_up { Next::Nothing } else { Next::Over };
    }
    if !repeats && subscription.starts_begun >= STARTS_MAX {
        return Next::Nothing;
    }
    if let Some(until) = in_flight(subscription, revision.number, present) {
        return Next::Wait(until);
    }
    if wanted.deliver_until(subscription) <= present.now {
        let is_known = subscription.reason == Some(Reason::StartUnknown);
        return if is_known { Next::Nothing } else { Next::TooLate };
    }
    let plan = Plan {
        kind: Kind::Start,
        revision: revision.number,
        alert: wanted.alert(subscription, 0, revision.number, present.now),
        ..blank(subscription, shard)
    };
    gated(subscription, plan, present)
}

fn next_of_card(
    subscription: &Subscription,
    shard: &Shard,
    wanted: &Wanted,
    (kind, ends): (Kind, Ends),
    present: Present,
) -> Next {
    let revision = wanted.of(subscription).number;
    let delivered = subscription.delivered(shard);
    let ends_anyway = subscription.closing || ends == Ends::CardTooOld;
    if delivered >= revision && !ends_anyway {
        return Next::Nothing;
    }
    if let Some(until) = in_flight(subscription, revision, present) {
        return Next::Wait(until);
    }
    let flies = subscription.exception.and_then(|exception| exception.in_flight);
    let flies = flies.filter(|(_, until)| *until > present.now);
    let had = delivered.max(subscription.alerted).max(flies.map_or(0, |(number, _)| number));
    let silent = subscription.closing;
    let alert = if silent { 0 } else { wanted.alert(subscription, had, revision, present.now) };
    let token = subscription.card.token;
    let plan = Plan { kind, revision, alert, token, ends, ..blank(subscription, shard) };
    gated(subscription, plan, present)
}

/// When the answer to a push of this revision or a newer one will no longer come, where one is awaited.
fn in_flight(subscription: &Subscription, revision: Number, present: Present) -> Option<Time> {
    let (number, until) = subscription.exception?.in_flight?;
    (number >= revision && until > present.now).then_some(until)
}

/// Holds a plan back while a retry or the provider says so, or until the clock has passed the last stamp.
fn gated(subscription: &Subscription, mut plan: Plan, present: Present) -> Next {
    let now = present.now;
    let exception = subscription.exception.unwrap_or_default();
    if let Some(until) = exception.not_before.filter(|until| *until > now) {
        return Next::Wait(until);
    }
    if exception.failed >= plan.revision {
        match exception.retry_at {
            Some(until) if until > now => return Next::Wait(until),
            Some(_) => {}
            None => return Next::Nothing,
        }
        plan.attempt = exception.attempts + 1;
    }
    let free_at = free_at(plan.last_stamp, present);
    if now < free_at { Next::Wait(free_at) } else { Next::Send(plan) }
}

fn blank(subscription: &Subscription, shard: &Shard) -> Plan {
    Plan {
        subscription: subscription.id,
        kind: Kind::Update,
        revision: 0,
        alert: 0,
        token: None,
        version: subscription.version,
        delivered: subscription.delivered(shard),
        last_stamp: subscription.last_stamp(shard),
        attempt: 1,
        ends: Ends::Asked,
    }
}

/// A stamp further ahead than phones accept is ignored.
fn useful_stamp(last: i64, now: Time) -> i64 {
    if last > now.seconds().saturating_add(STAMP_AHEAD_MAX_S) { 0 } else { last }
}

impl Plan {
    /// The timestamp of the push, in seconds: later than any before, for a phone keeps the newest.
    pub fn stamp(&self, now: Time) -> i64 {
        now.seconds().max(useful_stamp(self.last_stamp, now) + 1)
    }

    /// `apns-id`: the same for a resend of the same revision.
    pub fn apns_id(&self, run: Run) -> Uuid {
        let name = format!("{run}/{}/{:?}", self.revision, self.kind);
        Uuid::new_v5(&self.subscription.0, name.as_bytes())
    }
}

/// When the subscription is to be looked at again on its own account.
pub fn look_at(
    subscription: &Subscription,
    shard: &Shard,
    wanted: &Wanted,
    present: Present,
) -> Option<Time> {
    match next(subscription, shard, wanted, present) {
        Next::Nothing => None,
        Next::Wait(until) => Some(until),
        Next::Send(_) | Next::Over | Next::TooLate | Next::NoToken => Some(present.now),
    }
}

/// When the shard is to be looked at again: at once where it is behind, else with the first of its members.
pub fn due(
    shard: &Shard,
    wanted: &Wanted,
    first_look: Option<Time>,
    present: Present,
) -> Option<Time> {
    if shard.delivered < wanted.newest.number {
        return Some(present.now.max(Time::from_seconds(shard.last_stamp + 1)));
    }
    first_look
}

/// When a second is free after the last stamp: no stamp falls into a second that one fell into before, and none into
/// the second in which this process started.
pub fn free_at(last_stamp: i64, present: Present) -> Time {
    let last = useful_stamp(last_stamp, present.now);
    Time::from_seconds(last.max(present.process_start_s) + 1)
}

#[cfg(test)]
mod tests;
