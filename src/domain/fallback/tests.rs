//! One notification at most, and only where it is asked for and the activity cannot be shown.

use super::*;
use crate::domain::device::Obstacle;
use crate::domain::plan::{Kind, Next, next};
use crate::domain::samples::{
    NOW, accepted, at, end, gone, pending_start, present_at, push, sent_as, shard, unavailable,
    update, wanted,
};
use crate::domain::settle::{Answer, settle};
use crate::domain::subscription::Reason;

fn asking() -> (Shard, Subscription) {
    let shard = shard();
    let row = Subscription {
        state: State::Unreachable,
        fallback: Fallback::Asked,
        ..pending_start(&shard)
    };
    (shard, row)
}

fn step(row: &Subscription, shard: &Shard, now: Time) -> Next {
    next(row, shard, &wanted(update(2), Vec::new()), present_at(now))
}

/// It is planned, written down, and answered.
fn answered(row: &mut Subscription, shard: &Shard, answer: Answer<'_>) {
    let mut plan = push(step(row, shard, NOW));
    assert_eq!(plan.kind, Kind::Fallback);
    assert!(begin(row, shard, &mut plan, NOW));
    let mut sent = sent_as(Kind::Fallback, row, shard, plan.revision);
    sent.plan = plan;
    settle(row, shard, None, (&sent, answer), NOW);
}

#[test]
fn only_a_device_that_cannot_show_the_activity_gets_it_and_only_where_it_is_asked_for() {
    let (shard, row) = asking();
    assert_eq!(push(step(&row, &shard, NOW)).kind, Kind::Fallback);
    for fallback in [Fallback::NotAsked, Fallback::Waiting, Fallback::Begun] {
        let row = Subscription { fallback, ..row.clone() };
        assert_eq!(step(&row, &shard, NOW), Next::Nothing, "{fallback:?}");
    }
    for state in [State::Dismissed, State::Ended, State::Invalidated] {
        let row = Subscription { state, ..row.clone() };
        assert_eq!(step(&row, &shard, NOW), Next::Nothing, "{state:?}");
    }
    let started = Subscription { state: State::PendingToken, ..row.clone() };
    assert!(matches!(step(&started, &shard, NOW), Next::Wait(_)), "for its token");
    let closing = Subscription { closing: true, ..row.clone() };
    assert_eq!(step(&closing, &shard, NOW), Next::Nothing, "another owner");
    let ended = next(&row, &shard, &wanted(end(2), Vec::new()), present_at(NOW));
    assert_eq!(ended, Next::Nothing, "the run is over");
}

#[test]
fn it_is_not_sent_long_after_the_device_was_found() {
    let (shard, row) = asking();
    let last = row.created_at + FALLBACK_FOR;
    assert!(matches!(step(&row, &shard, Time(last.0 - 1)), Next::Send(_)));
    assert_eq!(step(&row, &shard, last), Next::Nothing);
}

#[test]
fn what_was_accepted_or_not_answered_is_not_sent_again() {
    let unknown = crate::domain::outcome::Outcome::Unknown { reason: "TIMEOUT" };
    let accepted = accepted();
    for answer in [Answer::Is(&accepted), Answer::Is(&unknown), Answer::InFlight(at(20))] {
        let (shard, mut row) = asking();
        answered(&mut row, &shard, answer);
        assert_eq!(row.fallback, Fallback::Begun);
        assert_eq!(step(&row, &shard, at(2_000)), Next::Nothing, "{answer:?}");
        assert_eq!(row.state, State::Unreachable, "it is no card");
    }
}

#[test]
fn what_was_refused_is_tried_again_after_a_pause() {
    let (shard, mut row) = asking();
    answered(&mut row, &shard, Answer::Is(&unavailable()));
    let Next::Wait(until) = step(&row, &shard, NOW) else { panic!("a pause") };
    assert!(until > at(4));
    assert_eq!(push(step(&row, &shard, until)).attempt, 2);
}

#[test]
fn a_start_that_the_token_refused_makes_way_for_it() {
    let shard = shard();
    let mut row = Subscription { fallback: Fallback::Asked, ..pending_start(&shard) };
    let start = push(step(&row, &shard, NOW));
    let mut token = crate::domain::samples::token(crate::domain::ids::TokenId::generate());
    token.token_time = at(-500);
    let sent = sent_as(Kind::Start, &row, &shard, start.revision);
    let refused = gone(Some(at(-10)));
    let sent = crate::domain::settle::Sent { plan: start, ..sent };
    settle(&mut row, &shard, Some(&token), (&sent, Answer::Is(&refused)), NOW);
    assert_eq!(row.reason, Some(Reason::Obstacle(Obstacle::PushToStartTokenRejected)));
    assert_eq!(push(step(&row, &shard, at(2))).kind, Kind::Fallback);
}

#[test]
fn what_changed_since_the_claim_is_not_begun() {
    let (shard, row) = asking();
    let plan = push(step(&row, &shard, NOW));
    let mut touched = row.clone();
    touched.touch(&shard, NOW);
    assert!(!begin(&mut touched, &shard, &mut plan.clone(), NOW));
    let mut startable = Subscription { state: State::PendingStart, ..row };
    assert!(!begin(&mut startable, &shard, &mut plan.clone(), NOW));
}

#[test]
fn a_new_token_wakes_what_waits_for_one_and_nothing_else() {
    let (shard, row) = asking();
    let mut waiting = Subscription { fallback: Fallback::Waiting, ..row.clone() };
    assert!(wake(&mut waiting, &shard, NOW));
    assert_eq!(push(step(&waiting, &shard, NOW)).kind, Kind::Fallback);
    for fallback in [Fallback::NotAsked, Fallback::Begun] {
        assert!(!wake(&mut Subscription { fallback, ..row.clone() }, &shard, NOW));
    }
    assert!(!wake(&mut Subscription { state: State::Active, ..row }, &shard, NOW));
}
