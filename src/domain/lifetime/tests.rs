//! When runs begin and are over, and what moves that.

use super::*;
use crate::domain::samples::{NOW, activity, at};

const HOUR: i64 = 3_600;

fn scheduled() -> Activity {
    let (started_at, expires_at) = (at(2 * HOUR), at(14 * HOUR));
    Activity { state: State::Scheduled, started_at, expires_at, ..activity() }
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.iter().map(|violation| violation.field.as_str()).collect()
}

#[test]
fn a_run_begins_now_and_lives_twelve_hours_unless_somebody_says_otherwise() {
    let life = Times::default().life(NOW).unwrap();
    let plain = Life { begins_at: NOW, deliver_for: DELIVER_FOR, expires_at: at(12 * HOUR) };
    assert_eq!(life, plain);
    let past = Times { start_at: Some(at(-5)), ..Times::default() };
    assert_eq!(past.life(NOW).unwrap(), plain, "a past begin is now");
    let later = Times { start_at: Some(at(HOUR)), ..Times::default() };
    assert_eq!(later.life(NOW).unwrap().expires_at, at(13 * HOUR));
}

#[test]
fn a_start_is_never_worth_making_after_the_life_of_its_run() {
    let short = Times { expires_at: Some(at(60)), ..Times::default() };
    assert_eq!(short.life(NOW).unwrap().deliver_for, Duration::from_mins(1));
    let until = Times { deliver_until: Some(at(90)), ..Times::default() };
    assert_eq!(until.life(NOW).unwrap().deliver_for, Duration::from_secs(90));
}

#[test]
fn every_time_that_cannot_be_is_named_at_once() {
    let wrong = Times {
        start_at: Some(NOW + AHEAD_MAX + Duration::from_secs(1)),
        deliver_until: Some(NOW),
        expires_at: Some(NOW),
        ..Times::default()
    };
    let error = wrong.life(NOW).unwrap_err();
    assert_eq!(fields(&error), ["start_time", "deliver_until", "expire_time"]);
    let endless = Times { expires_at: Some(NOW + LIFETIME_MAX * 2), ..Times::default() };
    assert_eq!(fields(&endless.life(NOW).unwrap_err()), ["expire_time"]);
}

#[test]
fn a_scheduled_run_begins_at_its_time_and_not_before() {
    let flight = scheduled();
    assert_eq!(flight.turns_at(), Some(at(2 * HOUR)));
    assert!(turn(&flight, at(2 * HOUR - 1)).is_none());
    let (begun, change) = turn(&flight, at(2 * HOUR)).unwrap();
    assert_eq!((begun.state, begun.revision), (State::Active, flight.revision));
    assert!(change.revisions.is_empty(), "it opens with what was asked for last");
    assert_eq!(change.events[0].kind, EventKind::ActivityStarted);
    assert!(turn(&begun, at(2 * HOUR)).is_none(), "once");
}

#[test]
fn a_life_that_is_over_ends_with_what_is_shown() {
    let flight = activity();
    assert_eq!(flight.turns_at(), Some(at(12 * HOUR)));
    assert!(turn(&flight, at(12 * HOUR - 1)).is_none());
    let (over, change) = turn(&flight, at(12 * HOUR)).unwrap();
    assert_eq!((over.state, over.ended_at), (State::Expired, Some(at(12 * HOUR))));
    let [end] = change.revisions.as_slice() else { panic!("one revision") };
    assert!(end.is_end() && end.is_for_everyone() && end.alert.is_none());
    assert_eq!(end.number, flight.revision + 1);
    assert_eq!(change.events[0].kind, EventKind::ActivityExpired);
    assert_eq!(change.events[0].cause, Cause::Sweeper);
    assert!(turn(&over, at(24 * HOUR)).is_none(), "once");
    assert_eq!(over.turns_at(), None);
}

#[test]
fn what_nobody_could_begin_in_its_life_never_begins() {
    let (over, change) = turn(&scheduled(), at(20 * HOUR)).unwrap();
    assert_eq!(over.state, State::Expired);
    assert_eq!(change.events.len(), 1, "it never started");
}

#[test]
fn nothing_is_asked_of_a_run_whose_life_is_over_though_nobody_has_looked_yet() {
    let flight = activity();
    assert!(flight.check_open(at(12 * HOUR - 1)).is_ok());
    let error = flight.check_open(at(12 * HOUR)).unwrap_err();
    assert_eq!(error.reason, Reason::ActivityExpired);
    let ended = Activity { state: State::Ended, ..activity() };
    assert_eq!(ended.check_open(NOW).unwrap_err().reason, Reason::ActivityEnded);
    assert!(scheduled().check_open(NOW).is_ok());
}

#[test]
fn the_begin_moves_until_it_has_come_and_the_end_moves_along() {
    let mut flight = scheduled();
    let later = Times { start_at: Some(at(5 * HOUR)), ..Times::default() };
    reschedule(&mut flight, later, NOW).unwrap();
    assert_eq!((flight.started_at, flight.expires_at), (at(5 * HOUR), at(17 * HOUR)));
    let both = Times { start_at: Some(at(-9)), expires_at: Some(at(HOUR)), ..Times::default() };
    reschedule(&mut flight, both, NOW).unwrap();
    assert_eq!((flight.started_at, flight.expires_at), (NOW, at(HOUR)), "a past begin is now");
    let mut begun = activity();
    let error = reschedule(&mut begun, later, NOW).unwrap_err();
    assert_eq!(error.reason, Reason::ActivityActive);
}

#[test]
fn the_end_of_a_life_moves_within_its_limits() {
    let mut flight = activity();
    let until = |expires_at| Times { expires_at: Some(expires_at), ..Times::default() };
    reschedule(&mut flight, until(at(20 * HOUR)), NOW).unwrap();
    assert_eq!(flight.expires_at, at(20 * HOUR));
    reschedule(&mut flight, until(at(-1)), NOW).unwrap();
    assert!(turn(&flight, NOW).is_some(), "a past one is over at once");
    let error = reschedule(&mut flight, until(NOW + LIFETIME_MAX * 2), NOW).unwrap_err();
    assert_eq!(fields(&error), ["expire_time"]);
    let mut later = scheduled();
    let error = reschedule(&mut later, until(at(HOUR)), NOW).unwrap_err();
    assert_eq!(fields(&error), ["expire_time"], "it would be over before it begins");
}
