//! What becomes of a subscription whose device leaves the audience of its run, and of one whose device comes again.

use super::event::{Event, EventKind};
use super::revision::Number;
use super::shard::Shard;
use super::subscription::{Card, Cause, Reason, State, Subscription};
use crate::clock::Time;

/// Whom a run is started on, of those who had it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Welcome {
    /// Who had left the audience, or has another owner now.
    Returning,
    /// Also those on which the run was ended for themselves.
    Ended,
    /// Also those on which the person has closed it.
    Dismissed,
}

/// Somebody who comes again.
#[derive(Clone, Copy, Debug)]
pub struct Comer<'a> {
    /// The contact through whom the device comes; empty where it comes by itself.
    pub contact_key: &'a str,
    /// Ends for targets up to this revision do not concern it.
    pub since: Number,
    /// How welcome it is.
    pub welcome: Welcome,
}

/// What came of coming again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing: it is in already, or is not to be started again.
    Nothing,
    /// It was to be ended, and goes on.
    Stays,
    /// It is to be started once more.
    Restarts,
}

/// The run is to end on this device, silently and with what is shown; what was not started never will be.
pub fn leave(
    subscription: &mut Subscription,
    shard: &Shard,
    (reason, cause): (Reason, Cause),
    now: Time,
) -> Vec<Event> {
    subscription.touch(shard, now);
    subscription.closing = true;
    let started = subscription.starts_begun > 0 || subscription.card.token.is_some();
    if started {
        subscription.reason = Some(reason);
        return Vec::new();
    }
    subscription.turn(State::Ended, Some(reason), cause);
    vec![Event::of(subscription, EventKind::SubscriptionEnded, now)]
}

/// The device is in the audience again, or still.
pub fn come_again(
    subscription: &mut Subscription,
    shard: &Shard,
    comer: Comer<'_>,
    now: Time,
) -> Again {
    let targeted_end = subscription.targeted.end > 0;
    let is_forgiven = comer.welcome >= Welcome::Ended && subscription.targeted.end <= comer.since;
    let again = match subscription.state {
        State::Dismissed if comer.welcome == Welcome::Dismissed => Again::Restarts,
        State::Dismissed if subscription.is_of_another(comer.contact_key) => Again::Restarts,
        State::Ended if subscription.has_left() || is_forgiven => Again::Restarts,
        State::Dismissed | State::Ended => Again::Nothing,
        _ if targeted_end && !is_forgiven => Again::Nothing,
        _ if !targeted_end && !subscription.closing => Again::Nothing,
        // Its end may be on its way: only a new card is sure to live.
        State::Active | State::Invalidated => Again::Restarts,
        State::PendingStart | State::PendingToken | State::Unreachable => Again::Stays,
    };
    if again == Again::Nothing {
        return again;
    }
    subscription.touch(shard, now);
    subscription.closing = false;
    subscription.targeted.end = 0;
    comer.contact_key.clone_into(&mut subscription.contact_key);
    if again == Again::Restarts {
        rearm(subscription);
        subscription.asked_at = now;
    } else if subscription.has_left() {
        subscription.reason = None;
    }
    again
}

/// Nothing was started: the card that there was is another one, to be ended where it may still be on the screen. (An
/// app that shows what it is sent has one card per run, which the new start replaces.)
fn rearm(subscription: &mut Subscription) {
    let card = std::mem::take(&mut subscription.card);
    let is_another = !subscription.place.route.shares_token();
    if subscription.state == State::Active && card.token.is_some() && is_another {
        subscription.second = Some(card);
    } else if let Card { device_activity_id: Some(id), .. } = card {
        subscription.closed_card = Some(id);
    }
    if let Some(exception) = &mut subscription.exception {
        exception.delivered = 0;
        exception.in_flight = None;
        (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
    }
    subscription.starts_begun = 0;
    subscription.start_doubt_until = None;
    subscription.report = None;
    subscription.turn(State::PendingStart, None, Cause::Caller);
}

impl Subscription {
    /// It was or is being ended because its device left the audience or has another owner.
    pub fn has_left(&self) -> bool {
        matches!(self.reason, Some(Reason::Removed | Reason::ContactChanged))
    }

    /// It came through another person than this one.
    fn is_of_another(&self, contact_key: &str) -> bool {
        !contact_key.is_empty() && !self.contact_key.is_empty() && self.contact_key != contact_key
    }

    /// Its device has the run, or the person has closed it there: no other device of the person needs it.
    pub fn holds_its_run(&self) -> bool {
        use State::{Active, Dismissed, PendingStart, PendingToken};
        !self.closing && matches!(self.state, PendingStart | PendingToken | Active | Dismissed)
    }

    /// Why it is being ended, where it is: its device left the audience, was deleted, or has another owner.
    pub fn reason_of_closing(&self) -> Option<Reason> {
        let reason = match self.reason {
            Some(Reason::Removed) => Reason::Removed,
            Some(Reason::DeviceDeleted) => Reason::DeviceDeleted,
            _ => Reason::ContactChanged,
        };
        self.closing.then_some(reason)
    }
}

#[cfg(test)]
mod tests;
