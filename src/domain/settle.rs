//! What an answer leaves behind. Facts (what was sent, what was accepted, which alert rode along) are recorded whatever
//! happened to the subscription meanwhile; what counts as delivered only where nothing did.

mod fallback;
mod hold;
mod shared_token;

use self::hold::{hold, note_rest};
use super::device::Obstacle;
use super::event::{Event, EventKind};
use super::outcome::{Class, Outcome, Rejection};
use super::plan::{Kind, Plan, STARTS_MAX};
use super::revision::Number;
use super::shard::Shard;
use super::subscription::{Cause, Reason, State, Subscription};
use super::token::{Token, Verdict};
use super::{plan, retry};
use crate::clock::Time;

/// One push that was made.
#[derive(Clone, Debug)]
pub struct Sent {
    /// As it was decided.
    pub plan: Plan,
    /// Its timestamp, in seconds.
    pub stamp: i64,
    /// When it was handed to the provider.
    pub sent_at: Time,
    /// Where in the window of a retry the next try would lie, in thousandths.
    pub spread: u16,
}

impl Sent {
    /// A push at the moment of its sending.
    pub fn new(plan: Plan, now: Time) -> Self {
        let spread = retry::spread(plan.subscription, plan.attempt);
        Sent { stamp: plan.stamp(now), sent_at: now, spread, plan }
    }
}

/// What is known of its answer.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// None yet; none will come after this time.
    InFlight(Time),
    /// This one.
    Is(&'a Outcome),
}

/// What an answer changes beside the subscription.
#[derive(Debug, Default)]
pub struct Settled {
    /// The push counts as delivered: the finish of its claim may clear the exception.
    pub counts: bool,
    /// The subscription's row must be written.
    pub changed: bool,
    /// The token, where the answer says something about it.
    pub token: Option<Token>,
    /// What happened.
    pub events: Vec<Event>,
}

/// Records the answer of one push. `subscription`, `shard` and `token` are as they are now, not as at the claim.
pub fn settle(
    subscription: &mut Subscription,
    shard: &Shard,
    token: Option<&Token>,
    (sent, answer): (&Sent, Answer<'_>),
    now: Time,
) -> Settled {
    let before = subscription.clone();
    let mut settled = Settled::default();
    let accepted = matches!(answer, Answer::Is(Outcome::Accepted { .. }));
    if sent.plan.kind.is_about_the_card() {
        record_facts(subscription, sent, accepted);
    }
    let verdict = weigh(token, sent, answer, now);
    match sent.plan.kind {
        Kind::CloseSecond => {
            let is_doubted = matches!(verdict, Some((Verdict::Doubted(_), _)));
            settle_second(subscription, shard, (sent, answer, is_doubted), now);
        }
        Kind::Start if subscription.place.route.repeats_starts() => {
            shared_token::settle_start(subscription, shard, (sent, answer), &mut settled, now);
        }
        Kind::Start => settle_start(subscription, shard, (sent, answer), &mut settled, now),
        Kind::Fallback => fallback::settle(subscription, shard, (sent, answer), now),
        Kind::Update | Kind::End => {
            settle_card(subscription, shard, (sent, answer), &mut settled, now);
        }
    }
    if token.is_some_and(|token| !token.is_good()) {
        shared_token::try_by_another(subscription, sent.plan.kind);
    }
    if let Some((verdict, rejection)) = verdict {
        apply_verdict(subscription, token, (sent, verdict, rejection), &mut settled, now);
    }
    settled.changed = *subscription != before;
    if settled.changed {
        subscription.updated_at = now;
        subscription.look_at = Some(now);
    }
    settled
}

fn record_facts(subscription: &mut Subscription, sent: &Sent, accepted: bool) {
    if let Some(exception) = &mut subscription.exception {
        exception.last_stamp = exception.last_stamp.max(sent.stamp);
        if accepted {
            subscription.alerted = subscription.alerted.max(sent.plan.alert);
        }
    }
}

fn settle_second(
    subscription: &mut Subscription,
    shard: &Shard,
    (sent, answer, is_doubted): (&Sent, Answer<'_>, bool),
    now: Time,
) {
    let gone = match answer {
        Answer::Is(Outcome::Accepted { .. }) => true,
        // A verdict that is too old to count says nothing about the card.
        Answer::Is(Outcome::Rejected(r)) => r.class == Class::Token && !is_doubted,
        _ => false,
    };
    let same = subscription.second.as_ref().is_some_and(|second| second.token == sent.plan.token);
    if gone && same {
        subscription.closed_card = subscription.second.take().and_then(|c| c.device_activity_id);
    } else if same {
        hold(subscription, shard, sent, answer, now);
    }
}

fn settle_start(
    subscription: &mut Subscription,
    shard: &Shard,
    (sent, answer): (&Sent, Answer<'_>),
    settled: &mut Settled,
    now: Time,
) {
    let plan = &sent.plan;
    match answer {
        Answer::Is(Outcome::Accepted { .. }) => {
            subscription.alerted = subscription.alerted.max(plan.alert);
            subscription.start_doubt_until = None;
            let has_token = subscription.card.token.is_some();
            let exception = subscription.own_exception(shard);
            if !has_token {
                exception.delivered = exception.delivered.max(plan.revision);
                exception.last_stamp = exception.last_stamp.max(sent.stamp);
            }
            (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
            if subscription.state == State::PendingStart {
                subscription.turn(State::PendingToken, None, Cause::Provider);
                let kind = EventKind::SubscriptionPendingToken;
                settled.events.push(Event::of(subscription, kind, now));
            }
        }
        Answer::Is(Outcome::Rejected(_) | Outcome::NotSent { .. } | Outcome::Postponed { .. }) => {
            subscription.starts_begun = (subscription.starts_begun - 1).max(0);
            subscription.start_doubt_until = None;
            if subscription.starts_begun == 0 && subscription.card.token.is_none() {
                subscription.card.shown_since = None;
            }
            if subscription.state == State::PendingStart {
                subscription.reason = None;
                hold(subscription, shard, sent, answer, now);
            }
        }
        // It stays in doubt: `START_DOUBT` began when it was written ahead.
        Answer::Is(Outcome::Unknown { .. }) | Answer::InFlight(_) => {}
    }
}

fn settle_card(
    subscription: &mut Subscription,
    shard: &Shard,
    (sent, answer): (&Sent, Answer<'_>),
    settled: &mut Settled,
    now: Time,
) {
    let plan = &sent.plan;
    if subscription.version != plan.version {
        note_rest(subscription, shard, (sent, answer), now);
        return note_flight(subscription, shard, (sent, answer));
    }
    match answer {
        Answer::Is(Outcome::Accepted { .. }) => {
            settled.counts = true;
            if let Some(exception) = &mut subscription.exception {
                exception.delivered = exception.delivered.max(plan.revision);
                exception.in_flight = exception.in_flight.filter(|(n, _)| *n > plan.revision);
                exception.not_before = exception.not_before.filter(|until| *until > now);
                if exception.failed <= plan.revision {
                    (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
                }
            }
            if plan.kind == Kind::End {
                let reason = subscription.reason_of_closing().or(plan.ends.reason());
                subscription.turn(State::Ended, reason, plan.ends.cause());
                settled.events.push(Event::of(subscription, EventKind::SubscriptionEnded, now));
            }
        }
        Answer::InFlight(until) => {
            let exception = subscription.own_exception(shard);
            exception.last_stamp = exception.last_stamp.max(sent.stamp);
            exception.in_flight = Some((plan.revision, until));
        }
        Answer::Is(_) => {
            let exception = subscription.own_exception(shard);
            exception.last_stamp = exception.last_stamp.max(sent.stamp);
            exception.in_flight = exception.in_flight.filter(|(n, _)| *n > plan.revision);
            hold(subscription, shard, sent, answer, now);
        }
    }
}

/// That a push is in flight is a fact too, or its alert would ride once more. It is none about another card, and does
/// not hold up the end of a card that is to be closed.
fn note_flight(
    subscription: &mut Subscription,
    shard: &Shard,
    (sent, answer): (&Sent, Answer<'_>),
) {
    let plan = &sent.plan;
    if !subscription.goes_by(plan.token) || subscription.closing {
        return;
    }
    let exception = subscription.own_exception(shard);
    exception.in_flight = match answer {
        Answer::InFlight(until) => Some((plan.revision, until)),
        Answer::Is(_) => exception.in_flight.filter(|(number, _)| *number > plan.revision),
    };
}

/// A verdict says something about exactly the token that the push went by.
fn weigh<'a>(
    token: Option<&Token>,
    sent: &Sent,
    answer: Answer<'a>,
    now: Time,
) -> Option<(Verdict, &'a Rejection)> {
    let Answer::Is(Outcome::Rejected(rejection)) = answer else { return None };
    let token = token.filter(|token| rejection.is_about_a_dead_token() && token.is_good())?;
    Some((token.weigh(rejection.dead_since, sent.sent_at, now), rejection))
}

fn apply_verdict(
    subscription: &mut Subscription,
    token: Option<&Token>,
    (sent, verdict, rejection): (&Sent, Verdict, &Rejection),
    settled: &mut Settled,
    now: Time,
) {
    let Some(mut token) = token.cloned() else { return };
    match verdict {
        Verdict::Doubted(again_at) => {
            token.doubted_at = Some(token.doubted_at.unwrap_or(now));
            if let Some(exception) = &mut subscription.exception {
                exception.retry_at = Some(again_at);
            }
        }
        Verdict::Dead => {
            token.invalid = Some((now, rejection.reason.clone()));
            lose_token(subscription, &sent.plan, rejection, settled, now);
            let mut event = Event::of(subscription, EventKind::TokenInvalidated, now);
            (event.token, event.cause) = (Some(token.id), Cause::Provider);
            event.reason.clone_from(&rejection.reason);
            settled.events.push(event);
        }
    }
    settled.token = Some(token);
}

/// The token of the push is dead. A subscription that goes by another one by now is not concerned.
fn lose_token(
    subscription: &mut Subscription,
    plan: &Plan,
    rejection: &Rejection,
    settled: &mut Settled,
    now: Time,
) {
    let follows = plan.token.is_some() && subscription.card.token == plan.token;
    if follows && subscription.state == State::Active {
        let reason = Reason::TokenDead(rejection.reason.clone());
        subscription.turn(State::Invalidated, Some(reason), Cause::Provider);
        settled.events.push(Event::of(subscription, EventKind::SubscriptionInvalidated, now));
    }
    let untouched = subscription.version == plan.version;
    if plan.kind == Kind::Start && subscription.state == State::PendingStart && untouched {
        let reason = Reason::Obstacle(Obstacle::PushToStartTokenRejected);
        // Nothing was tried yet of what goes by another token.
        if let Some(exception) = &mut subscription.exception {
            (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
        }
        subscription.turn(State::Unreachable, Some(reason), Cause::Provider);
        settled.events.push(Event::of(subscription, EventKind::SubscriptionUnreachable, now));
    }
}

/// Writes a start ahead: it cannot be taken back. Refuses where the subscription is not as it was at the claim.
pub fn begin_start(
    subscription: &mut Subscription,
    shard: &Shard,
    plan: &mut Plan,
    now: Time,
) -> bool {
    let as_loaded =
        subscription.version == plan.version && subscription.state == State::PendingStart;
    if !as_loaded {
        return false;
    }
    subscription.touch(shard, now);
    subscription.starts_begun += 1;
    subscription.card.shown_since = subscription.card.shown_since.or(Some(now));
    if !subscription.place.route.repeats_starts() {
        subscription.start_doubt_until = Some(now + plan::START_DOUBT);
        if subscription.starts_begun >= STARTS_MAX {
            subscription.reason = Some(Reason::StartUnknown);
        }
    }
    subscription.alerted = subscription.alerted.max(plan.alert);
    plan.version = subscription.version;
    true
}

/// Closes a claim for one member whose push counted as delivered. `complete`: every member was answered or has an
/// exception, and the shard has moved. Returns whether the row must be written.
pub fn finish(subscription: &mut Subscription, shard: &Shard, sent: &Sent, complete: bool) -> bool {
    let before = subscription.clone();
    record_facts(subscription, sent, true);
    let same = subscription.version == sent.plan.version;
    let revision = sent.plan.revision;
    let clears = |subscription: &Subscription, delivered: Number| {
        revision >= shard.delivered
            && delivered <= shard.delivered
            && subscription.targeted.newest() <= shard.delivered
            && subscription.second.is_none()
            && !subscription.closing
    };
    match &subscription.exception {
        Some(exception) => {
            let quiet = exception.in_flight.is_none() && exception.not_before.is_none();
            if same && quiet && complete && clears(subscription, exception.delivered) {
                subscription.exception = None;
            }
        }
        None if same && (!complete || revision != shard.delivered) => {
            let exception = subscription.own_exception(shard);
            exception.delivered = revision;
            exception.last_stamp = exception.last_stamp.max(sent.stamp);
        }
        None => {}
    }
    *subscription != before
}

#[cfg(test)]
mod tests;
