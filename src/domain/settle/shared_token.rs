//! What differs where one token serves all of a device: its starts may be repeated, and what one token refuses may go
//! by another.

use super::{Answer, Sent, Settled, settle_card};
use crate::clock::Time;
use crate::domain::event::{Event, EventKind};
use crate::domain::outcome::Outcome;
use crate::domain::plan::Kind;
use crate::domain::shard::Shard;
use crate::domain::subscription::{Cause, Reason, State, Subscription};

/// A start that may be repeated is in no doubt. It is settled as what changes a card, and says besides that there is
/// one.
pub(super) fn settle_start(
    subscription: &mut Subscription,
    shard: &Shard,
    (sent, answer): (&Sent, Answer<'_>),
    settled: &mut Settled,
    now: Time,
) {
    match answer {
        Answer::Is(Outcome::Accepted { .. }) if subscription.state == State::PendingStart => {
            let reason = subscription.closing.then_some(Reason::ContactChanged);
            subscription.turn(subscription.place.route.started(), reason, Cause::Provider);
            settled.events.push(Event::of(subscription, EventKind::SubscriptionStarted, now));
        }
        Answer::Is(Outcome::Rejected(_) | Outcome::NotSent { .. } | Outcome::Postponed { .. }) => {
            subscription.starts_begun = (subscription.starts_begun - 1).max(0);
        }
        Answer::Is(Outcome::Accepted { .. } | Outcome::Unknown { .. }) | Answer::InFlight(_) => {}
    }
    settle_card(subscription, shard, (sent, answer), settled, now);
}

/// The token that was refused is not the one by which the next push goes: that was not tried yet.
pub(super) fn try_by_another(subscription: &mut Subscription, kind: Kind) {
    let concerned = match subscription.state {
        State::PendingStart => kind == Kind::Start || subscription.place.route.shares_token(),
        State::Active => subscription.place.route.shares_token(),
        _ => false,
    };
    if let Some(exception) = subscription.exception.as_mut().filter(|_| concerned) {
        (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
    }
}
