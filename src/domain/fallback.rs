//! The ordinary notification for a device that cannot show the activity, where the caller asks for one.
//!
//! May import rows of subscriptions and shards. The invariant: at most one is begun per run and device and not
//! certainly refused; what nobody answered is not repeated, for a person would see it twice.

use super::plan::Plan;
use super::shard::Shard;
use super::subscription::{State, Subscription};
use crate::clock::Time;
use std::time::Duration;

/// No fallback is sent later than this after its device was found: it would only startle.
pub const FALLBACK_FOR: Duration = Duration::from_hours(1);

/// Where the notification is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// The caller does not ask for one.
    #[default]
    NotAsked,
    /// To be sent if the device turns out to be unable to show the activity.
    Asked,
    /// The device has no token for one, or its person allows none.
    Waiting,
    /// Handed to the provider, or about to be.
    Begun,
}

/// The notification is to be made now.
pub fn is_due(subscription: &Subscription, now: Time) -> bool {
    subscription.state == State::Unreachable
        && subscription.fallback == Fallback::Asked
        && !subscription.closing
        && now < subscription.asked_at + FALLBACK_FOR
}

/// Writes it ahead. Refuses where the subscription is not as it was at the claim.
pub fn begin(subscription: &mut Subscription, shard: &Shard, plan: &mut Plan, now: Time) -> bool {
    if subscription.version != plan.version || !is_due(subscription, now) {
        return false;
    }
    subscription.touch(shard, now);
    subscription.fallback = Fallback::Begun;
    plan.version = subscription.version;
    true
}

/// The device has a new token for notifications, or its person allows them. Says whether the subscription changes.
pub fn wake(subscription: &mut Subscription, shard: &Shard, now: Time) -> bool {
    let waits = matches!(subscription.fallback, Fallback::Asked | Fallback::Waiting);
    if subscription.state != State::Unreachable || !waits {
        return false;
    }
    let exception = subscription.touch(shard, now);
    (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
    subscription.fallback = Fallback::Asked;
    true
}

#[cfg(test)]
mod tests;
