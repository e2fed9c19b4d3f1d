//! Who is given up, and who is not.

use super::*;
use crate::domain::samples::{NOW, active, pending_start, second, shard};

fn gave_up(row: Subscription, kind: Lost, version: i64) -> (Subscription, Vec<EventKind>) {
    let (id, mut change) = (row.id, Change::default());
    let mut rows = HashMap::from([(id, row)]);
    give_up(&mut rows, &[(id, version, kind)], (&mut change, NOW));
    let kinds = change.events.iter().map(|event| event.kind).collect();
    (rows.remove(&id).unwrap(), kinds)
}

#[test]
fn what_was_never_started_ends_with_its_run() {
    let (row, events) = gave_up(pending_start(&shard()), Lost::Run, 7);
    assert_eq!((row.state, row.reason), (State::Ended, Some(Reason::NotStarted)));
    assert_eq!(events, [EventKind::SubscriptionEnded]);
}

#[test]
fn a_start_in_doubt_stays_unknown_when_its_run_ends_for_the_device_may_speak_up() {
    let row = Subscription { starts_begun: 1, ..pending_start(&shard()) };
    let (row, events) = gave_up(row, Lost::Run, 7);
    assert_eq!((row.state, row.reason), (State::PendingStart, Some(Reason::StartUnknown)));
    assert!(events.is_empty());
}

#[test]
fn without_a_token_to_start_by_a_device_is_unreachable() {
    let (row, events) = gave_up(pending_start(&shard()), Lost::Token, 7);
    assert_eq!(row.reason, Some(Reason::Obstacle(Obstacle::NoPushToStartToken)));
    assert_eq!((row.state, events), (State::Unreachable, vec![EventKind::SubscriptionUnreachable]));
}

#[test]
fn a_card_without_its_token_is_not_updated_any_more() {
    let (row, events) = gave_up(active(&shard()), Lost::Token, 7);
    assert_eq!((row.state, row.reason), (State::Invalidated, Some(Reason::TokenRevoked)));
    assert_eq!(events, [EventKind::SubscriptionInvalidated]);
}

#[test]
fn a_second_card_without_its_token_leaves_the_first_alone() {
    for state in [State::Active, State::Dismissed] {
        let row = Subscription { state, second: Some(second()), ..active(&shard()) };
        let (row, events) = gave_up(row, Lost::SecondToken, 7);
        assert_eq!((row.state, row.second), (state, None));
        assert_eq!(row.closed_card.as_deref(), Some("B"), "a late registration is told so");
        assert!(events.is_empty());
    }
}

#[test]
fn who_was_written_since_the_claim_is_not_given_up() {
    for kind in [Lost::Run, Lost::Token, Lost::SecondToken] {
        let row = pending_start(&shard());
        assert_eq!(gave_up(row.clone(), kind, 6), (row, vec![]));
    }
}

#[test]
fn a_start_that_comes_too_late_is_given_up_unless_it_may_have_arrived() {
    let (row, events) = gave_up(pending_start(&shard()), Lost::Moment, 7);
    assert_eq!((row.state, row.reason), (State::Unreachable, Some(Reason::StartTooLate)));
    assert_eq!((row.cause, events), (Cause::Sweeper, vec![EventKind::SubscriptionUnreachable]));
    let begun = Subscription { starts_begun: 1, ..pending_start(&shard()) };
    let (row, events) = gave_up(begun, Lost::Moment, 7);
    assert_eq!((row.state, row.reason), (State::PendingStart, Some(Reason::StartUnknown)));
    assert!(events.is_empty());
}

#[test]
fn a_token_that_does_not_come_is_told_and_still_awaited() {
    let row =
        Subscription { state: State::PendingToken, starts_begun: 1, ..pending_start(&shard()) };
    let (row, events) = gave_up(row, Lost::Patience, 7);
    assert_eq!((row.state, row.reason), (State::PendingToken, Some(Reason::NoUpdateToken)));
    assert_eq!(events, [EventKind::SubscriptionUnreachable]);
}
