//! Activities, revisions and expansions.

use crate::world::{NOW, World, after, app, at, content, first, revision, shard, subscription};
use crate::world::{reason, transact, workspace};
use tidings::domain::activity::{Activity, Origin, State};
use tidings::domain::change::Change;
use tidings::domain::expansion::Who;
use tidings::domain::ids::DeviceKey;
use tidings::domain::push::{Alert, Operation, Priority};
use tidings::domain::revision::{Revision, RevisionAlert, Scope, Target};
use tidings::error::Reason;
use tidings::store::activities::{self, ActivityFilter};
use tidings::store::expansions;
use tidings::store::revisions::{self, AlertSpan};

fn alert(title: &str) -> Alert {
    Alert { title: title.into(), body: "It boards now.".into(), ..Alert::default() }
}

pub(crate) async fn every_field_of_an_activity_comes_back(world: World) {
    let plain = world.activity("FLIGHT_1");
    let full = Activity {
        external_id: "TK1983".to_owned(),
        run: 3,
        revision: 40,
        marked_revision: 39,
        dispatched_revision: 38,
        state: State::Ended,
        origin: Origin::App,
        attributes: content("{\"gate\":9007199254740993}"),
        content: content("{ \"état\" : 1 }"),
        start_alert: alert("Boarding"),
        observed_at: Some(at(1)),
        created_at: at(2),
        updated_at: at(3),
        started_at: at(4),
        ended_at: Some(at(5)),
        deleted_run: 2,
        purged_run: 1,
        deleted_at: Some(at(6)),
        ..world.activity("FLIGHT_2")
    };
    for row in [plain, full] {
        let same = row.clone();
        world
            .apply(move || Change { activities: vec![row.clone()], ..Change::default() })
            .await
            .unwrap();
        let read = activities::by_key(world.store.reader(), same.key).await.unwrap().unwrap();
        assert_eq!(everything(&read), everything(&same));
    }
}

/// Content is not shown by `Debug`, so its text is put beside.
fn everything(row: &Activity) -> String {
    format!("{row:?} {} {}", row.attributes.as_str(), row.content.as_str())
}

pub(crate) async fn every_field_of_a_revision_comes_back(world: World) {
    let activity = world.activity("FLIGHT_1");
    let target = Target {
        device_ids: vec!["phone".to_owned()],
        contact_keys: vec!["ada@example.com".to_owned()],
        app_ids: vec![world.app.to_string()],
        form_factors: vec!["PHONE".to_owned()],
        platforms: vec!["IOS".to_owned()],
    };
    let full = Revision {
        operation: Operation::End,
        scope: Scope::Target(target),
        content: content("{\"a\": 1.0}"),
        alert: Some(RevisionAlert { alert: alert("Landed"), expires_at: at(600) }),
        priority: Priority::High,
        stale_at: Some(at(60)),
        relevance_score: Some(0.75),
        dismiss_at: Some(at(900)),
        observed_at: Some(at(-5)),
        created_at: at(1),
        ..revision(&activity, 2)
    };
    let rows = [revision(&activity, 1), full];
    let (key, written) = (activity.key, rows.clone());
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            revisions: rows.to_vec(),
            ..Change::default()
        })
        .await
        .unwrap();
    let read = revisions::get_many(world.store.reader(), key, &[2, 1, 9]).await.unwrap();
    let all = |rows: &[Revision]| {
        let texts: Vec<&str> = rows.iter().map(|row| row.content.as_str()).collect();
        format!("{rows:?} {texts:?}")
    };
    assert_eq!(all(&read), all(&written));
}

pub(crate) async fn an_activity_is_found_in_its_own_workspace_alone(world: World) {
    let other = workspace("other");
    let (other_id, bundle) = (other.id, app(other.id, "com.example.other"));
    world.add(other, bundle).await.unwrap();
    let mine = world.activity("FLIGHT_1");
    let theirs = Activity { workspace: other_id, ..world.activity("FLIGHT_1") };
    let (mine_key, theirs_key) = (mine.key, theirs.key);
    let twice = world.activity("FLIGHT_1");
    world
        .apply(move || Change {
            activities: vec![mine.clone(), theirs.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    let reader = world.store.reader();
    let found = activities::find(reader, world.workspace, "FLIGHT_1").await.unwrap();
    assert_eq!(found.unwrap().key, mine_key);
    let found = activities::find(reader, other_id, "FLIGHT_1").await.unwrap();
    assert_eq!(found.unwrap().key, theirs_key);
    let refused =
        world.apply(move || Change { activities: vec![twice.clone()], ..Change::default() }).await;
    assert_eq!(reason(refused), Reason::Internal, "an id has one row");
}

pub(crate) async fn activities_are_listed_newest_first_in_pages_and_filtered(world: World) {
    let device = world.device("phone", "ada");
    let rows: Vec<Activity> = (0..5_i64)
        .map(|number| Activity {
            created_at: at(number),
            external_id: format!("external {}", number % 2),
            state: if number == 3 { State::Ended } else { State::Active },
            activity_type: if number == 4 { "delivery" } else { "flight_status" }.to_owned(),
            ..world.activity(&format!("A{number}"))
        })
        .collect();
    let one = shard(&rows[1], world.app);
    let follows = subscription(&one, &device);
    let written = rows.clone();
    world
        .apply(move || Change {
            activities: written.clone(),
            devices: vec![device.clone()],
            shards: vec![one.clone()],
            subscriptions: vec![follows.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    let list = async |filter: ActivityFilter, page| {
        let reader = world.store.reader();
        let rows = activities::list(reader, world.workspace, &filter, page).await.unwrap();
        rows.into_iter().map(|row| row.activity_id).collect::<Vec<_>>().join(" ")
    };
    let all = ActivityFilter::default();
    assert_eq!(list(all.clone(), first(3)).await, "A4 A3 A2");
    assert_eq!(list(all.clone(), after(3, rows[2].key)).await, "A1 A0");
    let by = |change: fn(&mut ActivityFilter)| {
        let mut filter = all.clone();
        change(&mut filter);
        filter
    };
    let cases = [
        (by(|filter| filter.state = Some(State::Ended)), "A3"),
        (by(|filter| filter.activity_type = Some("delivery".to_owned())), "A4"),
        (by(|filter| filter.contact_key = Some("ada".to_owned())), "A1"),
        (by(|filter| filter.external_id = Some("external 1".to_owned())), "A3 A1"),
        (by(|filter| filter.created_after = Some(at(3))), "A4 A3"),
        (by(|filter| filter.created_before = Some(at(1))), "A0"),
    ];
    for (filter, expected) in cases {
        assert_eq!(list(filter, first(10)).await, expected);
    }
}

pub(crate) async fn activities_behind_their_marks_are_found(world: World) {
    let rows: Vec<Activity> = (0..3)
        .map(|number| Activity {
            revision: 5,
            marked_revision: if number == 1 { 5 } else { 4 },
            ..world.activity(&format!("A{number}"))
        })
        .collect();
    world.apply(move || Change { activities: rows.clone(), ..Change::default() }).await.unwrap();
    let unmarked = activities::unmarked_all_workspaces(world.store.reader(), 10).await.unwrap();
    let ids: Vec<_> = unmarked.into_iter().map(|row| row.activity_id).collect();
    assert_eq!(ids, ["A0", "A2"]);
    let limited = activities::unmarked_all_workspaces(world.store.reader(), 1).await.unwrap();
    assert_eq!(limited.len(), 1);
}

pub(crate) async fn revisions_are_found_by_number_run_and_scope(world: World) {
    let activity = world.activity("FLIGHT_1");
    let key = activity.key;
    let target = Scope::Target(Target { device_ids: vec!["x".to_owned()], ..Target::default() });
    let mut rows: Vec<Revision> = (1..=6).map(|number| revision(&activity, number)).collect();
    rows[0].scope = target.clone();
    (rows[3].scope, rows[3].operation) = (target, Operation::End);
    rows[4].run = 2;
    rows[5].run = 2;
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            revisions: rows.clone(),
            ..Change::default()
        })
        .await
        .unwrap();
    let reader = world.store.reader();
    let between = revisions::between(reader, key, 2, 5, 2).await.unwrap();
    assert_eq!(between.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 4]);
    let newest = async |run, up_to| {
        let row = revisions::newest_for_everyone(reader, key, run, up_to).await.unwrap();
        row.map(|row| row.number)
    };
    assert_eq!(newest(1, 4).await, Some(3), "the fourth is for one device");
    assert_eq!(newest(1, 6).await, Some(3), "the fifth is of the next run");
    assert_eq!(newest(2, 5).await, Some(5));
    assert_eq!(newest(2, 4).await, None);
    let targeted = async |run, span, limit| {
        let rows = revisions::targeted(reader, (key, run), span, limit).await.unwrap();
        rows.into_iter().map(|row| row.number).collect::<Vec<_>>()
    };
    assert_eq!(targeted(1, (0, 6), 9).await, [1, 4], "in order");
    assert_eq!(targeted(1, (0, 6), 1).await, [4], "the newest");
    assert_eq!(targeted(1, (3, 6), 9).await, [4], "the first was overruled by the third");
    assert_eq!(targeted(1, (5, 6), 9).await, [4], "an end by nothing");
    assert!(targeted(1, (3, 3), 9).await.is_empty() && targeted(2, (0, 6), 9).await.is_empty());
    let fourth = revisions::get(reader, key, 4).await.unwrap().unwrap();
    let device = DeviceKey::generate();
    let marked_to = async |of: &Revision| {
        let of = of.clone();
        transact!(world, |tx, of| revisions::marked_to(tx, &of).await).unwrap()
    };
    assert_eq!(marked_to(&fourth).await, None);
    let of = fourth.clone();
    transact!(world, |tx, of| revisions::mark_to(tx, &of, device).await).unwrap();
    assert_eq!(marked_to(&fourth).await, Some(device));
    assert_eq!(targeted(1, (3, 3), 9).await, [4], "it is being marked on others just now");
    let any =
        async |after, up_to| revisions::any_targeted(reader, key, after, up_to).await.unwrap();
    assert!(any(3, 4).await && !any(4, 6).await && !any(1, 3).await);
    assert_eq!(revisions::get(reader, key, 4).await.unwrap().unwrap().number, 4);
    assert!(revisions::get(reader, key, 7).await.unwrap().is_none());
}

pub(crate) async fn an_observation_is_that_of_the_very_same_target(world: World) {
    let activity = world.activity("FLIGHT_1");
    let key = activity.key;
    let target = |device: &str| Target { device_ids: vec![device.to_owned()], ..Target::default() };
    let mut rows: Vec<Revision> = (1..=4).map(|number| revision(&activity, number)).collect();
    for (row, device) in rows.iter_mut().zip(["one", "one", "other", "one"]) {
        row.scope = Scope::Target(target(device));
        row.observed_at = Some(at(row.number));
    }
    rows[3].observed_at = None;
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            revisions: rows.clone(),
            ..Change::default()
        })
        .await
        .unwrap();
    let newest = async |run, device: &str| {
        let reader = world.store.reader();
        revisions::newest_observation(reader, (key, run), &target(device)).await.unwrap()
    };
    assert_eq!(newest(1, "one").await, Some(at(2)));
    assert_eq!(newest(1, "other").await, Some(at(3)));
    assert_eq!((newest(1, "third").await, newest(2, "one").await), (None, None));
}

pub(crate) async fn only_live_alerts_are_found_newest_first(world: World) {
    let activity = world.activity("FLIGHT_1");
    let key = activity.key;
    let mut rows: Vec<Revision> = (1..=5).map(|number| revision(&activity, number)).collect();
    for (row, seconds) in rows.iter_mut().zip([60, 0, 60, 60]) {
        row.alert = Some(RevisionAlert { alert: alert("Gate"), expires_at: at(seconds) });
    }
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            revisions: rows.clone(),
            ..Change::default()
        })
        .await
        .unwrap();
    let span = AlertSpan { activity: key, run: 1, up_to: 3 };
    let reader = world.store.reader();
    let live = revisions::with_live_alert(reader, &span, NOW, 10).await.unwrap();
    assert_eq!(live.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 1]);
}

pub(crate) async fn an_expansion_is_pending_until_it_is_done(world: World) {
    let activity = world.activity("FLIGHT_1");
    let mut expansion = world.expansion(&activity, Who::DeviceIds(vec!["phone".to_owned()]));
    expansion.audience.app_ids = vec![world.app.to_string()];
    expansion.audience.latest_only = true;
    "17".clone_into(&mut expansion.cursor);
    let (written, key) = (expansion.clone(), activity.key);
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            expansions: vec![written.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    let reader = world.store.reader();
    assert_eq!(expansions::find(reader, key, 1).await.unwrap(), Some(expansion.clone()));
    assert_eq!(expansions::find(reader, key, 2).await.unwrap(), None);
    assert_eq!(expansions::pending_all_workspaces(reader, 10).await.unwrap(), [expansion.clone()]);
    expansion.done = true;
    world
        .apply(move || Change { expansions: vec![expansion.clone()], ..Change::default() })
        .await
        .unwrap();
    assert!(expansions::pending_all_workspaces(reader, 10).await.unwrap().is_empty());
}
