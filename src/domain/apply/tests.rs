//! What leads to how an activity should be.

use super::*;
use crate::domain::asked::Presentation;
use crate::domain::ids::WorkspaceId;
use crate::domain::samples::{NOW, activity_type, alert, at};

fn content(gate: &str) -> Content {
    Content::from_stored(format!(r#"{{"gate":"{gate}"}}"#))
}

fn asked() -> Start {
    Start {
        workspace: WorkspaceId::generate(),
        activity_id: "FLIGHT_1".to_owned(),
        activity_type: activity_type(),
        external_id: "TK1".to_owned(),
        attributes: Some(Content::from_stored(r#"{"from":"IST","to":"LHR"}"#.to_owned())),
        content: Some(content("B12")),
        audience: Audience {
            who: Who::ContactKeys(vec!["ada".to_owned(), "eve".to_owned()]),
            app_ids: Vec::new(),
            latest_only: false,
            live: false,
        },
        presentation: Presentation { alert: Some(alert("Now")), ..Presentation::default() },
        fallback: Some(alert("Instead")),
        times: Times::default(),
        expected: Expected::default(),
    }
}

fn applied(present: Option<&Present>, asked: Start) -> Applied {
    apply(present, asked, None, NOW).unwrap()
}

/// It was applied once.
fn active() -> Present {
    let Applied { activity, mut change, .. } = applied(None, asked());
    let audience = change.expansions.pop().map(|expansion| expansion.audience);
    Present { activity, newest: change.revisions.pop(), audience }
}

#[test]
fn what_is_not_active_is_started_and_what_is_so_already_is_left_alone() {
    let first = applied(None, asked());
    assert_eq!((first.action, first.activity.run), (Action::Started, 1));
    let again = applied(Some(&active()), asked());
    assert_eq!((again.action, again.activity.revision), (Action::Unchanged, 1));
    assert!(again.change.is_empty(), "said twice, it does nothing");
}

#[test]
fn another_state_stale_time_or_score_is_an_update() {
    let with = |change: &dyn Fn(&mut Start)| {
        let mut asked = asked();
        change(&mut asked);
        let done = applied(Some(&active()), asked);
        (done.action, done.activity.revision, done.change.revisions.len())
    };
    let updated = (Action::Updated, 2, 1);
    assert_eq!(with(&|asked| asked.content = Some(content("B14"))), updated);
    assert_eq!(with(&|asked| asked.presentation.stale_at = Some(at(60))), updated);
    assert_eq!(with(&|asked| asked.presentation.relevance_score = Some(2.0)), updated);
    let unchanged = (Action::Unchanged, 1, 0);
    assert_eq!(with(&|asked| asked.content = None), unchanged, "absent keeps it");
    assert_eq!(with(&|asked| asked.presentation.alert = None), unchanged, "an alert alone is none");
}

#[test]
fn an_ended_id_starts_its_next_run() {
    let mut present = active();
    present.activity.state = State::Ended;
    let done = applied(Some(&present), asked());
    assert_eq!((done.action, done.activity.run, done.activity.revision), (Action::Started, 2, 2));
}

#[test]
fn what_only_apps_have_started_is_adopted() {
    let mut present = active();
    present.activity.origin = Origin::App;
    let done = applied(Some(&present), asked());
    assert_eq!((done.action, done.adopted, done.activity.run), (Action::Started, true, 1));
}

#[test]
fn what_belongs_to_the_run_is_refused_where_it_differs_and_all_of_it_is_named() {
    let refused = |asked| apply(Some(&active()), asked, None, NOW).unwrap_err();
    let error = refused(Start {
        external_id: "TK2".to_owned(),
        attributes: Some(content("B12")),
        audience: Audience { who: Who::AllDevices, ..asked().audience },
        fallback: Some(alert("Other words")),
        ..asked()
    });
    assert_eq!(error.reason, Reason::ActivityActive);
    assert!(
        error.metadata.contains(&("fields", "attributes,external_id,audience,fallback".to_owned()))
    );
    let mut other = asked();
    other.activity_type.name = "order".to_owned();
    assert_eq!(refused(other).reason, Reason::ActivityTypeMismatch);
    let swapped = Start {
        attributes: Some(Content::from_stored(r#"{ "to": "LHR", "from": "IST" }"#.to_owned())),
        audience: Audience {
            who: Who::ContactKeys(vec!["eve".to_owned(), "ada".to_owned()]),
            ..asked().audience
        },
        external_id: String::new(),
        fallback: None,
        ..asked()
    };
    assert_eq!(applied(Some(&active()), swapped).action, Action::Unchanged, "the same otherwise");
}

#[test]
fn an_older_observation_is_ignored_and_a_newer_one_of_the_same_is_noted() {
    let mut present = active();
    present.activity.observed_at = Some(NOW);
    let observed = |time, gate: &str| {
        let asked = Start { content: Some(content(gate)), ..asked() };
        apply(Some(&present), asked, Some(time), NOW).unwrap()
    };
    let older = observed(at(-1), "B14");
    assert_eq!((older.action, older.ignored), (Action::Unchanged, true));
    assert!(older.change.is_empty());
    let newer = observed(at(1), "B12");
    assert_eq!((newer.action, newer.ignored), (Action::Unchanged, false));
    assert_eq!(newer.change.activities[0].observed_at, Some(at(1)));
    assert!(newer.change.revisions.is_empty());
}

#[test]
fn the_expected_revision_holds_for_every_action() {
    let expecting = |revision| {
        let expected = Expected { revision: Some(revision), run: None };
        Start { expected, ..asked() }
    };
    let active = active();
    let reason = |present, revision| {
        let refused = apply(present, expecting(revision), None, NOW).err();
        refused.map(|error| error.reason)
    };
    assert_eq!((reason(None, 0), reason(Some(&active), 1)), (None, None));
    let mismatch = Some(Reason::RevisionMismatch);
    assert_eq!((reason(None, 1), reason(Some(&active), 0)), (mismatch, mismatch));
}
