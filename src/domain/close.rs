//! Members that a claim found nothing to send for: never started and over, or without a token to start by.

use super::change::Change;
use super::device::Obstacle;
use super::device_token;
use super::event::{Event, EventKind};
use super::fallback::Fallback;
use super::ids::SubscriptionId;
use super::subscription::{Cause, Reason, State, Subscription};
use crate::clock::Time;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// What a member has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The run is over, and no start will be made any more.
    Run,
    /// The token by which it would be started or updated.
    Token,
    /// The token of its second card.
    SecondToken,
    /// The token for ordinary notifications, or leave to show them.
    FallbackToken,
    /// The time in which its start was worth making.
    Moment,
    /// The time in which its app should have brought an update token.
    Patience,
}

/// Turns them, where they are still as the claim saw them: at that version.
pub fn give_up<S: BuildHasher>(
    rows: &mut HashMap<SubscriptionId, Subscription, S>,
    lost: &[(SubscriptionId, i64, Lost)],
    (change, now): (&mut Change, Time),
) {
    for (id, version, lost) in lost {
        let Some(row) = rows.get_mut(id).filter(|row| row.version == *version) else { continue };
        let event = match lost {
            Lost::Run => lose_run(row),
            Lost::Token => Some(lose_token(row)),
            Lost::SecondToken => {
                row.closed_card = row.second.take().and_then(|card| card.device_activity_id);
                None
            }
            Lost::Moment => lose_moment(row),
            Lost::Patience => {
                row.reason = Some(Reason::NoUpdateToken);
                Some(EventKind::SubscriptionUnreachable)
            }
            Lost::FallbackToken => {
                row.fallback = Fallback::Waiting;
                None
            }
        };
        row.updated_at = now;
        change.events.extend(event.map(|kind| Event::of(row, kind, now)));
    }
}

/// A start that was begun may have made a card: only its device can tell, and gets the end when it does.
fn lose_run(row: &mut Subscription) -> Option<EventKind> {
    if row.starts_begun > 0 {
        row.reason = Some(Reason::StartUnknown);
        return None;
    }
    row.turn(State::Ended, Some(Reason::NotStarted), Cause::Caller);
    Some(EventKind::SubscriptionEnded)
}

/// A start that was begun may have made a card all the same.
fn lose_moment(row: &mut Subscription) -> Option<EventKind> {
    if row.starts_begun > 0 {
        row.reason = Some(Reason::StartUnknown);
        return None;
    }
    row.turn(State::Unreachable, Some(Reason::StartTooLate), Cause::Sweeper);
    Some(EventKind::SubscriptionUnreachable)
}

fn lose_token(row: &mut Subscription) -> EventKind {
    if row.place.route.shares_token() {
        return device_token::found_without(row);
    }
    if row.state == State::PendingStart {
        let reason = Reason::Obstacle(Obstacle::NoPushToStartToken);
        row.turn(State::Unreachable, Some(reason), Cause::Sweeper);
        return EventKind::SubscriptionUnreachable;
    }
    row.turn(State::Invalidated, Some(Reason::TokenRevoked), Cause::Sweeper);
    EventKind::SubscriptionInvalidated
}

#[cfg(test)]
mod tests;
