//! Which run a token belongs to.

use super::*;
use crate::domain::activity::State as ActivityState;
use crate::domain::samples::{activity, activity_type};

const NOTHING: Claim<'static> =
    Claim { run: None, device_activity_id: None, app_started: false, in_audience: false };

fn row(run: Run, state: State) -> Subscription {
    let mut shard = shard();
    shard.place.run = run;
    let mut row = active(&shard);
    row.state = state;
    row.card.device_activity_id = Some(format!("card of run {run}"));
    row
}

fn second_run() -> Activity {
    Activity { run: 2, ..activity() }
}

fn place(activity: &Activity, rows: &[Subscription], claim: Claim<'_>) -> Result<Belongs> {
    belongs(activity, &activity_type(), rows, claim)
}

fn reason(outcome: Result<Belongs>) -> Reason {
    outcome.unwrap_err().reason
}

#[test]
fn a_named_run_is_where_a_token_belongs() {
    let rows = [row(1, State::Ended), row(2, State::Active)];
    let named = |run| place(&second_run(), &rows, Claim { run: Some(run), ..NOTHING });
    assert_eq!(named(1).unwrap(), Belongs::To(0));
    assert_eq!(named(2).unwrap(), Belongs::To(1));
    assert_eq!(reason(named(3)), Reason::RunMismatch);
    let no_rows = place(&second_run(), &[], Claim { run: Some(1), ..NOTHING });
    assert_eq!(reason(no_rows), Reason::RunMismatch);
}

#[test]
fn a_known_card_finds_its_run() {
    let rows = [row(1, State::Ended), row(2, State::Active)];
    let card = Claim { device_activity_id: Some("card of run 1"), ..NOTHING };
    assert_eq!(place(&second_run(), &rows, card).unwrap(), Belongs::To(0));
}

#[test]
fn a_nameless_token_belongs_to_the_only_run_in_which_the_device_waits_or_shows() {
    let rows = [row(1, State::PendingToken), row(2, State::Dismissed)];
    assert_eq!(place(&second_run(), &rows, NOTHING).unwrap(), Belongs::To(0));
    let rows = [row(1, State::Ended), row(2, State::Dismissed)];
    assert_eq!(place(&second_run(), &rows, NOTHING).unwrap(), Belongs::To(1));
}

#[test]
fn where_two_runs_wait_the_run_must_be_named() {
    let rows = [row(1, State::PendingToken), row(2, State::PendingStart)];
    assert_eq!(reason(place(&second_run(), &rows, NOTHING)), Reason::RunRequired);
    let mut unbegun = rows;
    unbegun[1].starts_begun = 0;
    assert_eq!(place(&second_run(), &unbegun, NOTHING).unwrap(), Belongs::To(0));
}

#[test]
fn an_app_started_card_of_an_ended_id_starts_the_next_run_where_apps_may() {
    let ended = Activity { state: ActivityState::Ended, ..activity() };
    let app_started = Claim { app_started: true, ..NOTHING };
    let rows = [row(1, State::Ended)];
    assert_eq!(place(&ended, &rows, app_started).unwrap(), Belongs::StartsNextRun);
    let kind = ActivityType { app_may_start: false, ..activity_type() };
    let refused = belongs(&ended, &kind, &rows, app_started);
    assert_eq!(reason(refused), Reason::AppMayNotStart);
}

#[test]
fn a_stranger_joins_only_where_it_may() {
    let backend = activity();
    assert_eq!(reason(place(&backend, &[], NOTHING)), Reason::JoinNotAllowed);
    let in_audience = Claim { in_audience: true, ..NOTHING };
    assert_eq!(place(&backend, &[], in_audience).unwrap(), Belongs::Joins);
    let open = ActivityType { join: Join::Open, ..activity_type() };
    assert_eq!(belongs(&backend, &open, &[], NOTHING).unwrap(), Belongs::Joins);
    let by_app = Activity { origin: Origin::App, ..activity() };
    assert_eq!(place(&by_app, &[], NOTHING).unwrap(), Belongs::Joins);
    let ended = Activity { state: ActivityState::Ended, ..activity() };
    assert_eq!(reason(place(&ended, &[], in_audience)), Reason::ActivityEnded);
}
