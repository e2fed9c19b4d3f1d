//! What a device says beside its tokens: what became of a card, and who holds the device.

use super::event::{Event, EventKind};
use super::membership::leave;
use super::shard::Shard;
use super::subscription::{Cause, Reason, ReportedState, State, Subscription};
use crate::clock::Time;

/// Takes what an app says about a card. `ended`: the end was asked of this subscription, so that a closing is an end.
/// Returns what happened; the report itself is always noted.
pub fn report(
    subscription: &mut Subscription,
    shard: &Shard,
    (state, device_activity_id): (ReportedState, Option<&str>),
    ended: bool,
    now: Time,
) -> Vec<Event> {
    if subscription.report.is_some_and(|(reported, _)| reported == state)
        && !is_news(subscription, state)
    {
        return Vec::new();
    }
    subscription.touch(shard, now);
    match state {
        ReportedState::Active | ReportedState::Stale => {
            let is_first = !subscription.has_evidence();
            subscription.report = Some((state, now));
            evidence(subscription, device_activity_id, is_first, now)
        }
        ReportedState::Dismissed | ReportedState::Ended => {
            close(subscription, (state, device_activity_id), ended, now)
        }
    }
}

fn is_news(subscription: &Subscription, state: ReportedState) -> bool {
    use State::{Dismissed, Ended, PendingStart};
    match state {
        ReportedState::Active | ReportedState::Stale => subscription.state == PendingStart,
        ReportedState::Dismissed | ReportedState::Ended => {
            !matches!(subscription.state, Dismissed | Ended) || subscription.second.is_some()
        }
    }
}

/// A card on the screen proves that a begun start arrived.
fn evidence(
    subscription: &mut Subscription,
    id: Option<&str>,
    is_first: bool,
    now: Time,
) -> Vec<Event> {
    let proves = match subscription.state {
        State::PendingStart => subscription.starts_begun > 0,
        State::PendingToken => is_first,
        _ => false,
    };
    if !proves {
        return Vec::new();
    }
    subscription.start_doubt_until = None;
    subscription.card.device_activity_id = id.map(str::to_owned);
    subscription.turn(subscription.place.route.started(), None, Cause::Device);
    vec![Event::of(subscription, EventKind::SubscriptionStarted, now)]
}

fn close(
    subscription: &mut Subscription,
    (state, id): (ReportedState, Option<&str>),
    ended: bool,
    now: Time,
) -> Vec<Event> {
    let is_second = id.is_some_and(|id| {
        let second = subscription.second.as_ref();
        second.is_some_and(|second| second.device_activity_id.as_deref() == Some(id))
    });
    if is_second {
        subscription.closed_card = subscription.second.take().and_then(|c| c.device_activity_id);
        return Vec::new();
    }
    // Only the card that the subscription follows counts; a start that was never begun has none.
    let follows =
        subscription.card.is(id) && subscription.closed_card.as_deref() != id.or(Some(""));
    let has_card = subscription.starts_begun > 0 || subscription.card.token.is_some();
    if !follows || !has_card || matches!(subscription.state, State::Dismissed | State::Ended) {
        return Vec::new();
    }
    subscription.report = Some((state, now));
    subscription.start_doubt_until = None;
    let is_too_old = subscription.card_ends_at().is_some_and(|ends_at| ends_at <= now);
    let (state, kind) = if ended || subscription.closing || is_too_old {
        (State::Ended, EventKind::SubscriptionEnded)
    } else {
        (State::Dismissed, EventKind::SubscriptionDismissed)
    };
    let of_age = (is_too_old && !ended).then_some(Reason::CardTooOld);
    let reason = subscription.reason_of_closing().or(of_age);
    subscription.turn(state, reason, Cause::Device);
    vec![Event::of(subscription, kind, now)]
}

/// The device has another owner now: what it holds through the old contact is ended at once, without alerts, and what
/// was not started never will be.
pub fn change_contact(subscription: &mut Subscription, shard: &Shard, now: Time) -> Vec<Event> {
    leave(subscription, shard, (Reason::ContactChanged, Cause::Device), now)
}

/// The device was deleted: the same for all that it holds.
pub fn delete_device(subscription: &mut Subscription, shard: &Shard, now: Time) -> Vec<Event> {
    leave(subscription, shard, (Reason::DeviceDeleted, Cause::Caller), now)
}

#[cfg(test)]
mod tests;
