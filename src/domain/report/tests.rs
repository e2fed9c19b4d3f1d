//! What a device says about its cards, and what another owner changes.

use super::*;
use crate::domain::samples::{NOW, active, pending_start, second, shard};
use crate::domain::subscription::CARD_LIFE;

const DISMISSED: ReportedState = ReportedState::Dismissed;

fn closed(row: &mut Subscription, shard: &Shard, card: Option<&str>, ended: bool) -> Vec<Event> {
    report(row, shard, (DISMISSED, card), ended, NOW)
}

#[test]
fn closing_the_followed_card_before_our_end_dismisses_and_after_it_ends() {
    let shard = shard();
    for card in [Some("A"), None] {
        let mut row = active(&shard);
        let events = closed(&mut row, &shard, card, false);
        assert_eq!((row.state, row.cause), (State::Dismissed, Cause::Device));
        assert_eq!(events[0].kind, EventKind::SubscriptionDismissed);
        let mut row = active(&shard);
        let events = closed(&mut row, &shard, card, true);
        assert_eq!((row.state, events[0].kind), (State::Ended, EventKind::SubscriptionEnded));
    }
}

#[test]
fn a_card_that_closes_of_old_age_was_not_closed_by_the_person() {
    let shard = shard();
    let mut row = active(&shard);
    row.card.shown_since = Some(NOW - CARD_LIFE);
    closed(&mut row, &shard, Some("A"), false);
    assert_eq!((row.state, row.reason), (State::Ended, Some(Reason::CardTooOld)));
}

#[test]
fn a_card_that_closes_for_another_owner_keeps_the_reason() {
    let shard = shard();
    let mut row = Subscription { closing: true, ..active(&shard) };
    closed(&mut row, &shard, Some("A"), false);
    assert_eq!((row.state, row.reason), (State::Ended, Some(Reason::ContactChanged)));
}

#[test]
fn closing_a_card_that_the_subscription_does_not_follow_dismisses_nothing() {
    let shard = shard();
    for card in ["B", "C", "closed"] {
        let mut row = Subscription { second: Some(second()), ..active(&shard) };
        row.closed_card = Some("closed".to_owned());
        assert!(closed(&mut row, &shard, Some(card), false).is_empty());
        assert_eq!((row.state, row.version), (State::Active, 8), "{card}");
    }
    let mut row = Subscription { second: Some(second()), ..active(&shard) };
    closed(&mut row, &shard, Some("B"), false);
    assert_eq!((row.second, row.closed_card.as_deref()), (None, Some("B")));
}

#[test]
fn a_start_that_was_never_begun_cannot_be_dismissed() {
    let shard = shard();
    let mut row = pending_start(&shard);
    assert!(closed(&mut row, &shard, None, false).is_empty());
    assert_eq!(row.state, State::PendingStart);
    row.starts_begun = 1;
    assert!(!closed(&mut row, &shard, None, false).is_empty());
    assert_eq!(row.state, State::Dismissed);
}

#[test]
fn a_card_on_the_screen_proves_that_a_begun_start_arrived() {
    let shard = shard();
    let mut row = pending_start(&shard);
    let shows = (ReportedState::Active, Some("A"));
    assert!(report(&mut row, &shard, shows, false, NOW).is_empty(), "none was begun");
    (row.starts_begun, row.start_doubt_until) = (2, Some(NOW));
    row.reason = Some(Reason::StartUnknown);
    let events = report(&mut row, &shard, shows, false, NOW);
    assert_eq!((row.state, row.reason, row.start_doubt_until), (State::PendingToken, None, None));
    assert_eq!(events[0].kind, EventKind::SubscriptionStarted);
}

#[test]
fn the_first_evidence_after_an_accepted_start_is_told_once() {
    let shard = shard();
    let mut row = pending_start(&shard);
    (row.state, row.starts_begun) = (State::PendingToken, 1);
    let shows = (ReportedState::Active, Some("A"));
    let events = report(&mut row, &shard, shows, false, NOW);
    assert_eq!(events[0].kind, EventKind::SubscriptionStarted);
    let stale = (ReportedState::Stale, Some("A"));
    assert!(report(&mut row, &shard, stale, false, NOW).is_empty());
}

#[test]
fn the_same_report_again_is_no_news() {
    let shard = shard();
    let mut row = active(&shard);
    closed(&mut row, &shard, Some("A"), false);
    let before = row.clone();
    assert!(closed(&mut row, &shard, Some("A"), false).is_empty());
    assert_eq!(row, before);
}

#[test]
fn another_owner_ends_what_was_started_and_drops_what_was_not() {
    let shard = shard();
    let mut row = active(&shard);
    assert!(change_contact(&mut row, &shard, NOW).is_empty(), "the card is still there");
    assert!(row.closing);
    assert_eq!((row.state, row.reason), (State::Active, Some(Reason::ContactChanged)));
    let mut row = pending_start(&shard);
    let events = change_contact(&mut row, &shard, NOW);
    assert_eq!((row.state, row.reason), (State::Ended, Some(Reason::ContactChanged)));
    assert_eq!(events[0].kind, EventKind::SubscriptionEnded);
    let mut row = Subscription { starts_begun: 1, ..pending_start(&shard) };
    change_contact(&mut row, &shard, NOW);
    assert_eq!((row.state, row.closing, row.version), (State::PendingStart, true, 8));
}

#[test]
fn a_deleted_device_ends_what_it_shows_and_says_so_to_the_end() {
    let shard = shard();
    let mut row = active(&shard);
    assert!(delete_device(&mut row, &shard, NOW).is_empty());
    assert!(row.closing && row.reason_of_closing() == Some(Reason::DeviceDeleted));
    let mut waiting = pending_start(&shard);
    let events = delete_device(&mut waiting, &shard, NOW);
    assert_eq!((waiting.state, events.len()), (State::Ended, 1));
    assert_eq!(waiting.reason, Some(Reason::DeviceDeleted));
}
