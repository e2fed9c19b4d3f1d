//! The token that serves all activities of an Android device: what becomes of its subscriptions when it comes, goes, or
//! another one takes its place.
//!
//! May import rows of subscriptions and shards. The invariant: a subscription does not name the token; its pushes go by
//! the best that the device has at the claim. So two tokens of one device never carry the same push, and the change
//! from a token to an installation id is no event for a subscription at all.

use super::change::Change;
use super::device::Obstacle;
use super::event::{Event, EventKind};
use super::fallback;
use super::register::{ROTATION_MARGIN, TokenResult};
use super::shard::Shard;
use super::subscription::{Cause, Reason, State, Subscription};
use crate::clock::Time;

/// How a token comes to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The device had none that was good.
    First,
    /// It takes the place of another one of its kind, to which pushes may have gone in vain since that time.
    Replaces(Time),
    /// Another one was good and still is: nothing was lost.
    Beside,
}

impl Arrival {
    /// What is written before this and goes on by the new token is looked at too, though it has ended: its end may have
    /// gone to the old one in vain.
    pub fn ended_since(self) -> Option<Time> {
        match self {
            Arrival::Replaces(since) => Some(since - ROTATION_MARGIN),
            Arrival::First | Arrival::Beside => None,
        }
    }
}

/// Takes a token for a subscription of its device. `startable`: nothing stands in the way of a start, and its run is
/// the activity's current one. Says whether the subscription changes.
pub fn take(
    subscription: &mut Subscription,
    shard: &Shard,
    (arrival, startable): (Arrival, bool),
    now: Time,
) -> bool {
    match (subscription.state, arrival) {
        (_, Arrival::Beside) => false,
        (State::Unreachable | State::Invalidated, _) if !subscription.may_show() => {
            if !startable {
                return fallback::wake(subscription, shard, now);
            }
            forget_failures(subscription, shard, now);
            subscription.asked_at = now;
            subscription.turn(State::PendingStart, None, Cause::Device);
            true
        }
        (State::Invalidated, _) => {
            send_once_more(subscription, shard, now);
            true
        }
        (State::PendingStart, _) | (State::Active, Arrival::First) => {
            forget_failures(subscription, shard, now);
            subscription.asked_at = now;
            true
        }
        (State::Active | State::Ended, Arrival::Replaces(since)) => {
            let last_sent = Time::from_seconds(subscription.last_stamp(shard));
            let lost = last_sent + ROTATION_MARGIN >= since;
            match subscription.state {
                State::Ended if !lost || !subscription.may_show() => return false,
                _ if lost => send_once_more(subscription, shard, now),
                _ => forget_failures(subscription, shard, now),
            }
            true
        }
        (State::Unreachable | State::Ended | State::Dismissed | State::PendingToken, _) => false,
    }
}

/// The newest content goes once more, in silence; after the end, the end.
fn send_once_more(subscription: &mut Subscription, shard: &Shard, now: Time) {
    let delivered = subscription.delivered(shard);
    forget_failures(subscription, shard, now);
    let exception = subscription.own_exception(shard);
    exception.delivered = 0;
    exception.in_flight = None;
    subscription.alerted = subscription.alerted.max(delivered);
    let reason = subscription.reason_of_closing();
    subscription.turn(State::Active, reason, Cause::Device);
}

/// What was tried in vain by another token is tried anew.
fn forget_failures(subscription: &mut Subscription, shard: &Shard, now: Time) {
    let exception = subscription.touch(shard, now);
    (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
}

/// A device has lost its token: all that it follows waits for one, or, where it has another one, goes on by that.
pub fn lose_all(
    rows: Vec<(Subscription, Shard)>,
    goes_on: bool,
    reason: &(Reason, Cause),
    (change, now): (&mut Change, Time),
) {
    for (mut row, shard) in rows {
        if !row.place.route.shares_token() {
            continue;
        }
        let event = if goes_on { None } else { lose(&mut row, &shard, reason.clone(), now) };
        let failed = goes_on && row.exception.is_some_and(|exception| exception.failed > 0);
        if failed {
            forget_failures(&mut row, &shard, now);
        }
        if failed || event.is_some() {
            change.events.extend(event);
            change.due.push((shard.id, now));
            change.subscriptions.push(row);
        }
    }
}

/// The device has no good token left. Returns what happened, where something did.
fn lose(
    subscription: &mut Subscription,
    shard: &Shard,
    (reason, cause): (Reason, Cause),
    now: Time,
) -> Option<Event> {
    if !matches!(subscription.state, State::PendingStart | State::Active) {
        return None;
    }
    subscription.touch(shard, now);
    let reason = subscription.reason_of_closing().unwrap_or(reason);
    subscription.turn(State::Invalidated, Some(reason), cause);
    Some(Event::of(subscription, EventKind::SubscriptionInvalidated, now))
}

/// What is left of a subscription that a claim found without a token.
pub fn found_without(subscription: &mut Subscription) -> EventKind {
    if subscription.may_show() {
        subscription.turn(State::Invalidated, Some(Reason::TokenRevoked), Cause::Sweeper);
        return EventKind::SubscriptionInvalidated;
    }
    let reason = Reason::Obstacle(Obstacle::NoFcmToken);
    subscription.turn(State::Unreachable, Some(reason), Cause::Sweeper);
    EventKind::SubscriptionUnreachable
}

/// The app says that it shows the activity, which it has started or joined itself. What it shows is not known to be the
/// newest unless the subscription says so.
pub fn join(
    subscription: &mut Subscription,
    shard: &Shard,
    name: Option<&str>,
    now: Time,
) -> (TokenResult, Vec<Event>) {
    if subscription.state == State::Dismissed {
        return (TokenResult::Dismissed, Vec::new());
    }
    let shown = subscription.state == State::Active;
    let named = name.is_none() || subscription.card.device_activity_id.as_deref() == name;
    if shown && named && subscription.may_show() {
        return (TokenResult::Refreshed, Vec::new());
    }
    let revived = matches!(subscription.state, State::Ended | State::Invalidated);
    let was_started = subscription.may_show();
    subscription.touch(shard, now);
    if revived {
        subscription.own_exception(shard).delivered = 0;
    }
    // The app's own start is one that arrived.
    subscription.starts_begun = subscription.starts_begun.max(1);
    if let Some(name) = name {
        subscription.card.device_activity_id = Some(name.to_owned());
    }
    let reason = subscription.reason_of_closing();
    subscription.turn(State::Active, reason, Cause::Device);
    let started =
        (!was_started).then(|| Event::of(subscription, EventKind::SubscriptionStarted, now));
    (TokenResult::Registered, started.into_iter().collect())
}

#[cfg(test)]
mod tests;
