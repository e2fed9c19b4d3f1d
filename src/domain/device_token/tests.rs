//! Tokens of whole devices: that come, go and take one another's place.

use super::*;
use crate::domain::plan::{self, Kind, Next};
use crate::domain::samples::{
    NOW, active, android, at, end, exception, pending_start, present, push, shard, update, wanted,
};

/// A member whose notification shows revision 1.
fn showing(shard: &Shard) -> Subscription {
    let mut row = android(active(shard));
    row.card.token = None;
    row.exception = Some(exception(shard));
    row
}

fn takes(row: &mut Subscription, shard: &Shard, arrival: Arrival) -> bool {
    take(row, shard, (arrival, true), NOW)
}

#[test]
fn a_rotation_sends_the_newest_once_more_in_silence_and_only_if_it_may_have_been_lost() {
    let shard = shard();
    let mut row = showing(&shard);
    assert!(takes(&mut row, &shard, Arrival::Replaces(at(-90))), "sent 100 s ago");
    assert_eq!(row.delivered(&shard), 0);
    assert_eq!(row.last_stamp(&shard), shard.last_stamp);
    let plan = push(plan::next(&row, &shard, &wanted(update(1), vec![]), present()));
    assert_eq!((plan.kind, plan.revision, plan.alert), (Kind::Update, 1, 0));
    let mut row = showing(&shard);
    takes(&mut row, &shard, Arrival::Replaces(NOW));
    assert_eq!(row.delivered(&shard), 1, "the old token was good for long after that push");
}

#[test]
fn an_installation_id_beside_a_good_token_changes_nothing() {
    let shard = shard();
    let rows = [showing(&shard), android(pending_start(&shard))];
    for row in rows {
        let mut after = row.clone();
        assert!(!takes(&mut after, &shard, Arrival::Beside));
        assert_eq!(after, row);
    }
}

#[test]
fn a_device_that_lost_its_token_goes_on_by_another_one_or_waits_for_one() {
    let shard = shard();
    let mut failed = showing(&shard);
    failed.own_exception(&shard).failed = 2;
    let dead = (Reason::TokenDead("UNREGISTERED".to_owned()), Cause::Provider);
    let rows = vec![(showing(&shard), shard.clone()), (failed, shard.clone())];
    let mut change = Change::default();
    lose_all(rows.clone(), true, &dead, (&mut change, NOW));
    let after = &change.subscriptions;
    assert_eq!(after.iter().map(|row| row.state).collect::<Vec<_>>(), [State::Active]);
    assert_eq!(
        after[0].exception.map_or(1, |e| e.failed),
        0,
        "what the dead one refused is tried anew"
    );
    let mut change = Change::default();
    lose_all(rows, false, &dead, (&mut change, NOW));
    assert_eq!(change.subscriptions.len(), 2);
    for row in &change.subscriptions {
        assert_eq!((row.state, row.reason.clone()), (State::Invalidated, Some(dead.0.clone())));
    }
    let words: Vec<&str> = change.events.iter().map(|event| event.kind.word()).collect();
    assert_eq!(words, ["subscription.invalidated"; 2]);
}

#[test]
fn a_new_token_revives_what_was_shown_and_starts_what_was_not() {
    let shard = shard();
    let mut shown = showing(&shard);
    shown.turn(State::Invalidated, Some(Reason::TokenDead("UNREGISTERED".into())), Cause::Provider);
    let mut never = android(pending_start(&shard));
    never.turn(State::Invalidated, Some(Reason::TokenDead("X".into())), Cause::Provider);
    let mut unreachable = android(pending_start(&shard));
    let reason = Reason::Obstacle(Obstacle::NoFcmToken);
    unreachable.turn(State::Unreachable, Some(reason), Cause::Sweeper);
    let mut over = unreachable.clone();
    for row in [&mut shown, &mut never, &mut unreachable] {
        assert!(takes(row, &shard, Arrival::First));
    }
    assert_eq!((shown.state, shown.delivered(&shard)), (State::Active, 0));
    assert_eq!(never.state, State::PendingStart);
    assert_eq!(unreachable.state, State::PendingStart);
    assert!(!take(&mut over, &shard, (Arrival::First, false), NOW), "its run is over");
    // A run that ended meanwhile: what may be on the screen gets the end.
    let plan = push(plan::next(&shown, &shard, &wanted(end(5), vec![]), present()));
    assert_eq!((plan.kind, plan.revision), (Kind::End, 5));
}

#[test]
fn an_end_that_may_have_gone_to_the_old_token_goes_once_more() {
    let shard = shard();
    let mut row = showing(&shard);
    row.turn(State::Ended, None, Cause::Caller);
    let mut long_ago = row.clone();
    assert!(takes(&mut row, &shard, Arrival::Replaces(at(-100))));
    assert_eq!(row.state, State::Active);
    assert!(!takes(&mut long_ago, &shard, Arrival::Replaces(NOW)));
    assert_eq!(long_ago.state, State::Ended);
}

#[test]
fn what_the_person_closed_stays_closed_whatever_token_comes() {
    let shard = shard();
    for arrival in [Arrival::First, Arrival::Beside, Arrival::Replaces(at(-100))] {
        let mut row = showing(&shard);
        row.turn(State::Dismissed, None, Cause::Device);
        assert!(!takes(&mut row, &shard, arrival));
        let (result, _) = join(&mut row, &shard, None, NOW);
        assert_eq!((result, row.state), (TokenResult::Dismissed, State::Dismissed));
    }
}

#[test]
fn what_the_app_started_itself_is_followed_and_gets_its_end() {
    let shard = shard();
    let mut row = android(pending_start(&shard));
    let (result, events) = join(&mut row, &shard, Some("order-7"), NOW);
    assert_eq!((result, row.state), (TokenResult::Registered, State::Active));
    assert_eq!(events[0].kind, EventKind::SubscriptionStarted);
    let (again, events) = join(&mut row, &shard, Some("order-7"), NOW);
    assert_eq!((again, events.len()), (TokenResult::Refreshed, 0));
    assert!(row.may_show(), "so it is ended for another owner of the device too");
    let next = plan::next(&row, &shard, &wanted(end(2), vec![]), present());
    assert!(matches!(next, Next::Send(plan) if plan.kind == Kind::End));
}

#[test]
fn a_claim_without_a_token_tells_what_was_shown_from_what_was_not() {
    let shard = shard();
    let mut shown = showing(&shard);
    assert_eq!(found_without(&mut shown), EventKind::SubscriptionInvalidated);
    let mut never = android(pending_start(&shard));
    assert_eq!(found_without(&mut never), EventKind::SubscriptionUnreachable);
    assert_eq!(never.reason, Some(Reason::Obstacle(Obstacle::NoFcmToken)));
}
