//! What the answer to an ordinary notification leaves behind.

use super::hold::hold;
use super::{Answer, Sent};
use crate::clock::Time;
use crate::domain::fallback::Fallback;
use crate::domain::outcome::Outcome;
use crate::domain::shard::Shard;
use crate::domain::subscription::Subscription;

/// What was certainly not taken may be made once more. What has no answer may be on a screen, and is not.
pub(super) fn settle(
    subscription: &mut Subscription,
    shard: &Shard,
    (sent, answer): (&Sent, Answer<'_>),
    now: Time,
) {
    let refused = matches!(
        answer,
        Answer::Is(Outcome::Rejected(_) | Outcome::NotSent { .. } | Outcome::Postponed { .. })
    );
    if refused && subscription.fallback == Fallback::Begun {
        subscription.fallback = Fallback::Asked;
        hold(subscription, shard, sent, answer, now);
    }
}
