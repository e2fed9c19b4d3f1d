//! The state machine of an activity: its starts.

use super::*;
use crate::domain::expansion::Who;
use crate::domain::samples::{NOW, activity, activity_type, alert, at};

fn asked() -> Start {
    Start {
        workspace: WorkspaceId::generate(),
        activity_id: "FLIGHT_1".to_owned(),
        activity_type: activity_type(),
        external_id: String::new(),
        attributes: None,
        content: Some(Content::from_stored(r#"{"a":1}"#.to_owned())),
        audience: Audience {
            who: Who::AllDevices,
            app_ids: Vec::new(),
            latest_only: false,
            live: false,
        },
        presentation: Presentation { alert: Some(alert("Start")), ..Presentation::default() },
        fallback: None,
        times: Times::default(),
        expected: Expected::default(),
    }
}

fn reason(outcome: Result<Started>) -> Reason {
    outcome.unwrap_err().reason
}

#[test]
fn a_new_id_begins_run_1_at_revision_1_and_names_itself_to_the_app() {
    let started = start(None, asked(), NOW).unwrap();
    assert_eq!((started.activity.run, started.activity.revision), (1, 1));
    assert!(!started.adopted);
    let attributes = started.activity.attributes.as_str();
    assert!(attributes.contains("FLIGHT_1") && attributes.contains("\"activityRun\":1"));
    let change = started.change;
    assert_eq!((change.revisions.len(), change.events.len(), change.expansions.len()), (1, 1, 1));
}

#[test]
fn an_ended_id_begins_its_next_run_and_its_revision_goes_on() {
    let ended = Activity { state: State::Ended, revision: 7, ..activity() };
    let started = start(Some(&ended), asked(), at(9)).unwrap().activity;
    assert_eq!((started.run, started.revision, started.state), (2, 8, State::Active));
    assert_eq!((started.key, started.created_at, started.ended_at), (ended.key, NOW, None));
}

#[test]
fn an_active_id_is_not_started_twice_and_keeps_its_type_for_ever() {
    assert_eq!(reason(start(Some(&activity()), asked(), NOW)), Reason::ActivityActive);
    let other = Activity { activity_type: "delivery".to_owned(), ..activity() };
    let ended = Activity { state: State::Ended, ..other };
    assert_eq!(reason(start(Some(&ended), asked(), NOW)), Reason::ActivityTypeMismatch);
}

#[test]
fn what_only_apps_have_started_is_adopted_in_its_run() {
    let by_app = Activity { origin: Origin::App, revision: 3, ..activity() };
    let started = start(Some(&by_app), asked(), NOW).unwrap();
    assert!(started.adopted);
    let activity = started.activity;
    assert_eq!((activity.run, activity.revision, activity.origin), (1, 4, Origin::Backend));
    assert_eq!(reason(start(Some(&activity), asked(), NOW)), Reason::ActivityActive);
}

#[test]
fn a_start_needs_title_and_body_from_the_request_or_the_type() {
    let none = Start { presentation: Presentation::default(), ..asked() };
    assert_eq!(reason(start(None, none.clone(), NOW)), Reason::StartAlertRequired);
    let kind = ActivityType { default_alert: alert("Default"), ..activity_type() };
    let started = start(None, Start { activity_type: kind, ..none }, NOW).unwrap();
    assert_eq!(started.activity.start_alert, alert("Default"));
}

#[test]
fn an_app_starts_the_next_run_of_an_ended_id() {
    let kind = activity_type();
    let app = AppStart {
        workspace: WorkspaceId::generate(),
        activity_id: String::new(),
        activity_type: &kind,
        external_id: String::new(),
        attributes: None,
        content: None,
        lifetime: Duration::from_hours(12),
    };
    let (new, revision) = app_start(None, app.clone(), NOW).unwrap();
    assert_eq!((new.run, new.revision, revision.number), (1, 1, 1));
    assert_eq!((new.origin, new.activity_id), (Origin::App, new.key.to_string()));
    let ended = Activity { state: State::Ended, revision: 7, ..activity() };
    let (next, _) = app_start(Some(&ended), app, NOW).unwrap();
    assert_eq!((next.run, next.revision), (2, 8));
}
