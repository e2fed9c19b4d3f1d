//! When a push may be tried again: ours to say, and the provider's.

use super::{Answer, Sent};
use crate::clock::Time;
use crate::domain::outcome::Outcome;
use crate::domain::retry;
use crate::domain::shard::Shard;
use crate::domain::subscription::Subscription;

/// Notes a try in vain and when the next one is due.
pub(super) fn hold(
    subscription: &mut Subscription,
    shard: &Shard,
    sent: &Sent,
    answer: Answer<'_>,
    now: Time,
) {
    let plan = &sent.plan;
    let next = retry::at(sent.spread, plan.attempt, now);
    note_rest(subscription, shard, (sent, answer), now);
    if matches!(answer, Answer::Is(Outcome::Postponed { .. })) {
        return;
    }
    let exception = subscription.own_exception(shard);
    exception.failed = exception.failed.max(plan.revision);
    exception.attempts = plan.attempt;
    exception.retry_at = Some(next);
    match answer {
        Answer::InFlight(until) => exception.retry_at = Some(until.max(next)),
        Answer::Is(outcome) => {
            if matches!(outcome, Outcome::Rejected(rejection) if retry::is_final(rejection)) {
                exception.retry_at = None;
            }
        }
    }
}

/// The provider's wish to be left alone, which holds whatever has changed meanwhile.
pub(super) fn note_rest(
    subscription: &mut Subscription,
    shard: &Shard,
    (sent, answer): (&Sent, Answer<'_>),
    now: Time,
) {
    let until = match answer {
        Answer::Is(Outcome::Postponed { until, .. }) => Some(*until),
        Answer::Is(outcome) => {
            retry::rest(shard.place.route, outcome, sent.spread).map(|span| now + span)
        }
        Answer::InFlight(_) => None,
    };
    if until.is_some() {
        let exception = subscription.own_exception(shard);
        exception.not_before = exception.not_before.max(until);
    }
}
