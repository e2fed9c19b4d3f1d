//! Members that a claim found nothing to send for: never started and over, or without a token to start by.

use super::change::Change;
use super::device::Obstacle;
use super::event::{Event, EventKind};
use super::ids::SubscriptionId;
use super::subscription::{Cause, Reason, State, Subscription};
use crate::clock::Time;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Turns them, where they are still as the claim saw them.
pub fn give_up<S: BuildHasher>(
    rows: &mut HashMap<SubscriptionId, Subscription, S>,
    over: &[(SubscriptionId, i64)],
    tokenless: &[(SubscriptionId, i64)],
    (change, now): (&mut Change, Time),
) {
    for (id, version) in over {
        if let Some(row) = as_seen(rows, *id, *version) {
            row.turn(State::Ended, Some(Reason::NotStarted), Cause::Caller);
            row.updated_at = now;
            change.events.push(Event::of(row, EventKind::SubscriptionEnded, now));
        }
    }
    for (id, version) in tokenless {
        let Some(row) = as_seen(rows, *id, *version) else { continue };
        let kind = if row.state == State::PendingStart {
            let reason = Reason::Obstacle(Obstacle::NoPushToStartToken);
            row.turn(State::Unreachable, Some(reason), Cause::Sweeper);
            EventKind::SubscriptionUnreachable
        } else {
            row.turn(State::Invalidated, Some(Reason::TokenRevoked), Cause::Sweeper);
            row.second = None;
            EventKind::SubscriptionInvalidated
        };
        row.updated_at = now;
        change.events.push(Event::of(row, kind, now));
    }
}

fn as_seen<S: BuildHasher>(
    rows: &mut HashMap<SubscriptionId, Subscription, S>,
    id: SubscriptionId,
    version: i64,
) -> Option<&mut Subscription> {
    rows.get_mut(&id).filter(|row| row.version == version)
}
