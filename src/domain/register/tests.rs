//! Tokens and the cards behind them: first, rotated, second, late.

mod runs;

use super::*;
use crate::domain::samples::{NOW, NOW_S, active, at, exception, pending_start, second, shard};
use crate::domain::subscription::{Exception, Reason as Why, ReportedState};

fn new(card: Option<&str>) -> NewToken<'_> {
    NewToken {
        id: TokenId::generate(),
        device_activity_id: card,
        token_time: NOW,
        is_repeat: false,
        app_started: false,
    }
}

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind).collect()
}

#[test]
fn the_first_token_continues_from_what_the_start_delivered() {
    let shard = shard();
    let mut row = pending_start(&shard);
    (row.state, row.starts_begun) = (State::PendingToken, 1);
    row.exception = Some(exception(&shard));
    let token = new(Some("A"));
    let (result, events) = take(&mut row, &shard, &token, NOW);
    assert_eq!((result, row.state), (TokenResult::Registered, State::Active));
    assert_eq!((row.card.token, row.delivered(&shard)), (Some(token.id), 1));
    assert_eq!(row.card.device_activity_id.as_deref(), Some("A"));
    assert_eq!((row.version, row.start_doubt_until), (8, None));
    assert_eq!(kinds(&events), [EventKind::SubscriptionStarted]);
}

#[test]
fn the_first_token_after_more_than_one_begun_start_begins_with_nothing_delivered() {
    let shard = shard();
    let mut row = pending_start(&shard);
    row.starts_begun = 2;
    row.exception = Some(exception(&shard));
    take(&mut row, &shard, &new(Some("A")), NOW);
    assert_eq!((row.state, row.delivered(&shard)), (State::Active, 0));
}

#[test]
fn a_second_card_begins_with_nothing_delivered_and_the_first_is_to_be_ended() {
    let shard = shard();
    let mut row = active(&shard);
    let first = row.card.clone();
    let token = new(Some("B"));
    let (result, events) = take(&mut row, &shard, &token, NOW);
    assert_eq!((result, kinds(&events)), (TokenResult::SecondCard, vec![]));
    assert_eq!((row.card.token, row.second.as_ref()), (Some(token.id), Some(&first)));
    assert_eq!((row.delivered(&shard), row.last_stamp(&shard)), (0, shard.last_stamp));
}

#[test]
fn a_push_in_flight_to_another_card_does_not_hold_this_one_up() {
    let shard = shard();
    let mut row = active(&shard);
    let in_flight = Some((2, at(21)));
    row.exception = Some(Exception { in_flight, ..exception(&shard) });
    take(&mut row, &shard, &new(Some("B")), NOW);
    assert_eq!(row.exception.unwrap().in_flight, None);
}

#[test]
fn an_ended_second_card_stays_ended_and_says_so() {
    let shard = shard();
    let waiting = Subscription { second: Some(second()), ..active(&shard) };
    let ended = Subscription { closed_card: Some("B".to_owned()), ..active(&shard) };
    for row in [waiting, ended] {
        let mut now = row.clone();
        let (result, events) = take(&mut now, &shard, &new(Some("B")), NOW);
        assert_eq!((result, events.len()), (TokenResult::CardEnded, 0));
        assert_eq!(now, row, "nothing changes");
    }
    let mut row = Subscription { second: Some(second()), ..active(&shard) };
    let token = NewToken { id: row.second.as_ref().unwrap().token.unwrap(), ..new(None) };
    assert_eq!(take(&mut row, &shard, &token, NOW).0, TokenResult::CardEnded, "by its token");
}

#[test]
fn the_same_registration_again_changes_nothing() {
    let shard = shard();
    let row = active(&shard);
    let mut now = row.clone();
    let token = NewToken { id: row.card.token.unwrap(), is_repeat: true, ..new(Some("A")) };
    let (result, events) = take(&mut now, &shard, &token, NOW);
    assert_eq!((result, events.len(), now), (TokenResult::Refreshed, 0, row));
}

#[test]
fn a_rotation_keeps_stamp_and_alerts_had_and_sends_the_newest_once_more() {
    let shard = Shard { delivered: 4, last_stamp: NOW_S - 3, ..shard() };
    for card in [Some("A"), None] {
        let mut row = active(&shard);
        row.alerted = 2;
        let token = new(card);
        let (result, events) = take(&mut row, &shard, &token, NOW);
        assert_eq!((result, kinds(&events)), (TokenResult::Rotated, vec![EventKind::TokenRotated]));
        assert_eq!(events[0].token, Some(token.id));
        assert_eq!((row.delivered(&shard), row.last_stamp(&shard)), (0, NOW_S - 3));
        assert_eq!(row.alerted, 4, "what was delivered goes once more in silence");
        assert_eq!(row.card.device_activity_id.as_deref(), Some("A"));
    }
}

#[test]
fn a_rotation_long_after_the_last_push_sends_nothing_again() {
    let mut shard = Shard { delivered: 4, last_stamp: NOW_S - 16, ..shard() };
    let mut row = active(&shard);
    take(&mut row, &shard, &new(Some("A")), NOW);
    assert_eq!(row.delivered(&shard), 4);
    shard.last_stamp = NOW_S - 15;
    let mut row = active(&shard);
    take(&mut row, &shard, &new(Some("A")), NOW);
    assert_eq!(row.delivered(&shard), 0);
}

#[test]
fn a_rotation_revives_what_ended_or_lost_its_token() {
    let shard = shard();
    for state in [State::Ended, State::Invalidated] {
        let reason = Some(Why::TokenRevoked);
        let mut row = Subscription { state, reason, ..active(&shard) };
        take(&mut row, &shard, &new(Some("A")), NOW);
        assert_eq!((row.state, row.reason.as_ref()), (State::Active, None));
        assert_eq!(row.delivered(&shard), 0, "{state:?}: the newest, or the end, again");
    }
}

#[test]
fn a_rotation_forgets_tries_in_vain_and_pushes_by_the_old_token() {
    let shard = shard();
    let mut row = active(&shard);
    let (in_flight, retry_at, not_before) = (Some((2, at(21))), Some(at(900)), Some(at(50)));
    let tried = Exception { failed: 2, attempts: 4, retry_at, not_before, ..exception(&shard) };
    row.exception = Some(Exception { in_flight, ..tried });
    take(&mut row, &shard, &new(Some("A")), NOW);
    let own = row.exception.unwrap();
    assert_eq!((own.failed, own.attempts, own.retry_at, own.in_flight), (0, 0, None, None));
    assert_eq!(own.not_before, Some(at(50)), "the provider's wait stays");
}

#[test]
fn after_a_dismissal_the_card_that_shows_up_is_ended_and_the_closed_one_ignored() {
    let shard = shard();
    let dismissed = Subscription { state: State::Dismissed, ..active(&shard) };
    for same in [Some("A"), None] {
        let mut row = dismissed.clone();
        let (result, _) = take(&mut row, &shard, &new(same), NOW);
        assert_eq!((result, &row), (TokenResult::Dismissed, &dismissed));
    }
    let mut row = dismissed.clone();
    let token = new(Some("B"));
    let (result, _) = take(&mut row, &shard, &token, NOW);
    assert_eq!((result, row.state), (TokenResult::Dismissed, State::Dismissed));
    assert_eq!(row.second.unwrap().token, Some(token.id));
}

#[test]
fn a_device_says_started_once() {
    let shard = shard();
    let mut row = pending_start(&shard);
    row.starts_begun = 1;
    let report = (ReportedState::Active, Some("A"));
    let events = crate::domain::report::report(&mut row, &shard, report, false, NOW);
    assert_eq!(kinds(&events), [EventKind::SubscriptionStarted]);
    let (_, events) = take(&mut row, &shard, &new(Some("A")), NOW);
    assert_eq!(kinds(&events), [], "the evidence came before the token");
}

#[test]
fn a_device_whose_run_ended_before_its_token_came_is_active_and_so_gets_the_end() {
    let shard = shard();
    for (state, starts_begun) in [(State::PendingToken, 1), (State::PendingStart, 1)] {
        let mut row = Subscription { state, starts_begun, ..pending_start(&shard) };
        take(&mut row, &shard, &new(None), at(9_000));
        assert_eq!(row.state, State::Active);
    }
}
