//! The state machine of an activity: its updates and ends.

use super::*;
use crate::domain::asked::ALERT_LIFE;
use crate::domain::push::Priority;
use crate::domain::samples::{NOW, activity, activity_type, alert, at};
use crate::error::Reason;

fn plain() -> Update {
    Update {
        content: Some(Content::from_stored(r#"{"a":1}"#.to_owned())),
        presentation: Presentation::default(),
        expected: Expected::default(),
        observed_at: None,
        target: None,
        observed_by_target: None,
        times: Times::default(),
    }
}

fn final_state() -> End {
    End {
        content: None,
        presentation: Presentation::default(),
        expected: Expected::default(),
        dismissal: Dismissal::Default,
        target: None,
    }
}

fn try_update(activity: &Activity, asked: Update) -> Result<Updated> {
    update(activity, asked, &activity_type(), NOW)
}

fn try_end(activity: &Activity, asked: End) -> Result<Updated> {
    end(activity, asked, &activity_type(), NOW)
}

#[test]
fn accepting_writes_the_activity_one_revision_and_one_event_and_no_subscription() {
    let updated = try_update(&activity(), plain()).unwrap();
    let change = updated.change;
    assert_eq!((change.activities.len(), change.revisions.len(), change.events.len()), (1, 1, 1));
    assert!(change.subscriptions.is_empty() && change.shards.is_empty() && change.due.is_empty());
    assert_eq!((updated.activity.revision, change.revisions[0].number), (2, 2));
    assert_eq!(updated.activity.marked_revision, 1, "marking is the dispatcher's");
}

#[test]
fn the_end_is_final_for_its_run() {
    let ended = try_end(&activity(), final_state()).unwrap().activity;
    assert_eq!((ended.state, ended.ended_at), (State::Ended, Some(NOW)));
    assert_eq!(try_update(&ended, plain()).unwrap_err().reason, Reason::ActivityEnded);
    assert_eq!(try_end(&ended, final_state()).unwrap_err().reason, Reason::ActivityEnded);
}

#[test]
fn what_names_another_run_changes_nothing() {
    let second_run = Activity { run: 2, ..activity() };
    let expected = Expected { run: Some(1), ..Expected::default() };
    let refused = try_end(&second_run, End { expected, ..final_state() });
    assert_eq!(refused.unwrap_err().reason, Reason::RunMismatch);
    let refused = try_update(&second_run, Update { expected, ..plain() });
    assert_eq!(refused.unwrap_err().reason, Reason::RunMismatch);
}

#[test]
fn what_expects_another_revision_changes_nothing() {
    let expected = Expected { revision: Some(2), ..Expected::default() };
    let refused = try_update(&activity(), Update { expected, ..plain() });
    assert_eq!(refused.unwrap_err().reason, Reason::RevisionMismatch);
}

#[test]
fn an_older_observation_is_ignored_and_said_so() {
    let shown = Activity { observed_at: Some(NOW), ..activity() };
    let at_time = |time| Update { observed_at: Some(time), ..plain() };
    let older = try_update(&shown, at_time(at(-1))).unwrap();
    assert!(older.ignored && older.change.is_empty());
    assert!(!try_update(&shown, at_time(NOW)).unwrap().ignored);
}

#[test]
fn a_targeted_end_leaves_the_activity_as_it_is_for_the_others() {
    let target = Some(Target::default());
    let content = Some(Content::from_stored(r#"{"a":2}"#.to_owned()));
    let updated = try_end(&activity(), End { content, target, ..final_state() }).unwrap();
    assert_eq!((updated.activity.state, updated.activity.revision), (State::Active, 2));
    assert_eq!(updated.activity.content, Content::empty());
    assert_eq!(updated.change.revisions[0].content.as_str(), r#"{"a":2}"#);
    assert!(!updated.change.revisions[0].is_for_everyone());
}

#[test]
fn a_targeted_update_leaves_the_activity_as_it_is_and_takes_what_everyone_shows() {
    let shown = Content::from_stored(r#"{"gate":"B12"}"#.to_owned());
    let activity = Activity { content: shown.clone(), ..activity() };
    let target = Some(Target { device_ids: vec!["phone".to_owned()], ..Target::default() });
    let seat = Update { target, ..plain() };
    let updated = try_update(&activity, seat.clone()).unwrap();
    assert_eq!((updated.activity.revision, &updated.activity.content), (2, &shown));
    let [revision] = updated.change.revisions.as_slice() else { panic!("one") };
    assert_eq!(revision.content.as_str(), r#"{"a":1}"#);
    assert!(!revision.is_for_everyone());
    let next = try_update(&updated.activity, Update { content: None, ..seat }).unwrap();
    assert_eq!(next.change.revisions[0].content, shown, "not what the target was shown before");
    let next = try_update(&updated.activity, Update { content: None, ..plain() }).unwrap();
    assert_eq!(next.activity.content, shown, "nor does everyone get it");
}

#[test]
fn an_observation_for_some_is_older_than_everyones_or_their_own() {
    let shown = Activity { observed_at: Some(at(5)), ..activity() };
    let for_some = |seconds, before| Update {
        observed_at: Some(at(seconds)),
        observed_by_target: before,
        target: Some(Target::default()),
        ..plain()
    };
    let try_at = |seconds, before| try_update(&shown, for_some(seconds, before)).unwrap();
    assert!(try_at(4, None).ignored && try_at(6, Some(at(7))).ignored);
    let taken = try_at(6, Some(at(6)));
    assert!(!taken.ignored);
    assert_eq!(taken.activity.observed_at, Some(at(5)), "others may still be shown what is older");
    assert_eq!(taken.change.revisions[0].observed_at, Some(at(6)));
}

#[test]
fn silent_updates_are_normal_and_alerts_and_ends_urgent_unless_the_caller_says_so() {
    let priority = |updated: Updated| updated.change.revisions[0].priority;
    let with = |presentation| Update { presentation, ..plain() };
    let loud = || Presentation { alert: Some(alert("Now")), ..Presentation::default() };
    assert_eq!(priority(try_update(&activity(), plain()).unwrap()), Priority::Normal);
    assert_eq!(priority(try_update(&activity(), with(loud())).unwrap()), Priority::High);
    assert_eq!(priority(try_end(&activity(), final_state()).unwrap()), Priority::High);
    let said = Presentation { priority: Some(Priority::Normal), ..loud() };
    assert_eq!(priority(try_update(&activity(), with(said)).unwrap()), Priority::Normal);
}

#[test]
fn an_alert_lives_for_ten_minutes_or_as_long_as_the_caller_says() {
    let expires = |presentation| {
        let updated = try_update(&activity(), Update { presentation, ..plain() }).unwrap();
        updated.change.revisions[0].alert.as_ref().unwrap().expires_at
    };
    let loud = || Presentation { alert: Some(alert("Now")), ..Presentation::default() };
    assert_eq!(expires(loud()), NOW + ALERT_LIFE);
    assert_eq!(expires(Presentation { alert_expires_at: Some(at(2)), ..loud() }), at(2));
}

#[test]
fn the_effective_dismissal_is_at_most_what_ios_keeps() {
    assert_eq!(Dismissal::Default.time(NOW), None);
    assert_eq!(Dismissal::Immediate.time(NOW), Some(NOW));
    assert_eq!(Dismissal::At(at(-9)).time(NOW), Some(at(-9)), "the past removes at once");
    assert_eq!(Dismissal::At(at(99_999)).time(NOW), Some(at(4 * 3_600)));
    assert_eq!(Dismissal::After(Duration::from_mins(15)).time(NOW), Some(at(900)));
    assert_eq!(Dismissal::After(Duration::from_hours(9)).time(NOW), Some(at(4 * 3_600)));
}
