//! Recipients: whom runs are for, and which of them follow who comes and goes.

use crate::segments::strings;
use crate::world::{World, app, transact};
use tidings::domain::activity::Activity;
use tidings::domain::change::Change;
use tidings::domain::device::Device;
use tidings::domain::ids::SegmentKey;
use tidings::domain::recipient::{Recipient, Way};
use tidings::domain::segment::SegmentKind;
use tidings::store::{arrivals, recipients};

impl World {
    fn recipient(&self, activity: &Activity, way: Way, live: bool) -> Recipient {
        Recipient {
            activity: activity.key,
            run: activity.run,
            workspace: self.workspace,
            way,
            live,
            since: 1,
            as_of: 1,
            followed: 1,
            cursor: String::new(),
        }
    }

    async fn write(&self, activity: &Activity, named: Vec<Recipient>, devices: Vec<Device>) {
        let activity = activity.clone();
        let change = move || Change {
            activities: vec![activity.clone()],
            recipients: named.clone(),
            devices: devices.clone(),
            ..Change::default()
        };
        self.apply(change).await.unwrap();
    }
}

fn contact(key: &str) -> Way {
    Way::Contact(key.to_owned())
}

pub(crate) async fn a_device_belongs_by_contact_by_id_by_segment_or_by_workspace(world: World) {
    let (mine, other) = (world.device("mine", "ada"), world.device("other", "bob"));
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["ada"]).await;
    let elsewhere = app(world.workspace, "com.example.crew").id.to_string();
    let cases = [
        (contact("ada"), true, false),
        (Way::Device("mine".to_owned()), true, false),
        (Way::Segment(gold.key), true, false),
        (Way::Everyone, true, true),
        (contact("nobody"), false, false),
        (Way::Segment(SegmentKey::generate()), false, false),
    ];
    for (number, (way, has_mine, has_other)) in cases.into_iter().enumerate() {
        let activity = world.activity(&format!("A{number}"));
        let named = world.recipient(&activity, way.clone(), false);
        world.write(&activity, vec![named], vec![mine.clone(), other.clone()]).await;
        let devices = [mine.clone(), other.clone()];
        let roll = async |apps: &[String]| {
            let run = (activity.key, 1);
            recipients::roll(world.store.reader(), run, &devices, apps).await.unwrap()
        };
        let of_all = roll(&[]).await;
        let is_in = devices.each_ref().map(|device| of_all.entry(device).is_some());
        assert_eq!(is_in, [has_mine, has_other], "{way:?}");
        let of_app = roll(&[world.app.to_string()]).await;
        assert_eq!(of_app.entry(&mine).is_some(), has_mine, "{way:?}");
        let of_another = roll(std::slice::from_ref(&elsewhere)).await;
        assert!(of_another.entry(&mine).is_none() && of_another.entry(&other).is_none());
    }
}

pub(crate) async fn recipients_are_known_removed_and_no_longer_live_after_the_end(world: World) {
    let activity = world.activity("A");
    let run = (activity.key, 1);
    let named = [contact("ada"), Way::Device("ada".to_owned()), Way::Everyone];
    let rows: Vec<Recipient> =
        named.iter().map(|way| world.recipient(&activity, way.clone(), true)).collect();
    world.write(&activity, rows.clone(), vec![]).await;
    let reader = world.store.reader();
    let asked = [contact("ada"), contact("eve"), Way::Everyone];
    let mut known = recipients::known(reader, run, &asked).await.unwrap();
    known.sort_by_key(|row| row.way != contact("ada"));
    assert_eq!(known, [rows[0].clone(), rows[2].clone()], "every field comes back");
    let gone = transact!(world, |tx| recipients::remove(tx, run, &[contact("ada")]).await);
    assert_eq!(gone.unwrap(), 1);
    assert_eq!(recipients::find(reader, &rows[0]).await.unwrap(), None);
    let device = recipients::find(reader, &rows[1]).await.unwrap();
    assert!(device.is_some_and(|row| row.live), "another kind of the same name stays");
    let closed = [(1, 1), (9, 1), (9, 0)];
    for (limit, expected) in closed {
        let some = transact!(world, |tx| recipients::close_run(tx, run, limit).await);
        assert_eq!(some.unwrap(), expected, "as many as there is room for, until none is left");
    }
    let device = recipients::find(reader, &rows[1]).await.unwrap();
    assert!(device.is_some_and(|row| !row.live));
}

pub(crate) async fn live_runs_are_found_by_what_a_device_is_named_by(world: World) {
    let device = world.device("phone", "ada");
    let mut gold = world.segment("gold", SegmentKind::DeviceIds).await;
    world.joins(&mut gold, &["phone"]).await;
    let mut left = world.segment("left", SegmentKind::ContactKeys).await;
    world.joins(&mut left, &["ada"]).await;
    world.leaves(&mut left, &["ada"]).await;
    let ways = [
        (contact("ada"), true),
        (contact("eve"), true),
        (contact("ada"), false),
        (Way::Device("phone".to_owned()), true),
        (Way::Segment(gold.key), true),
        (Way::Segment(left.key), true),
        (Way::Everyone, true),
    ];
    let mut activities = Vec::new();
    for (number, (way, live)) in ways.into_iter().enumerate() {
        let activity = world.activity(&format!("A{number}"));
        let named = world.recipient(&activity, way, live);
        world.write(&activity, vec![named], vec![]).await;
        activities.push(activity.key);
    }
    let expected: Vec<_> = [0, 3, 4, 6].map(|index: usize| (activities[index], 1)).to_vec();
    let devices = [device];
    let runs = async |after, limit| {
        let (reader, page) = (world.store.reader(), (after, limit));
        recipients::live_runs_of(reader, world.workspace, &devices, page).await.unwrap()
    };
    assert_eq!(runs(None, 10).await, expected);
    assert_eq!(runs(None, 2).await, expected[..2]);
    assert_eq!(runs(Some(expected[1].0), 10).await, expected[2..]);
    let nobody = recipients::live_runs_of(
        world.store.reader(),
        crate::world::workspace("twin").id,
        &devices,
        (None, 10),
    );
    assert!(nobody.await.unwrap().is_empty());
}

pub(crate) async fn a_live_segment_is_behind_until_its_changes_were_followed(world: World) {
    let activity = world.activity("A");
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["ada"]).await;
    let mut named = world.recipient(&activity, Way::Segment(gold.key), true);
    world.write(&activity, vec![named.clone()], vec![]).await;
    let reader = world.store.reader();
    assert!(recipients::behind_all_workspaces(reader, 10).await.unwrap().is_empty());
    world.joins(&mut gold, &["bob"]).await;
    let behind = recipients::behind_all_workspaces(reader, 10).await.unwrap();
    assert_eq!(behind, [named.clone()]);
    named.followed = gold.version;
    world.write(&activity, vec![named.clone()], vec![]).await;
    assert!(recipients::behind_all_workspaces(reader, 10).await.unwrap().is_empty());
    let fixed = Recipient { live: false, followed: 0, ..named };
    world.write(&activity, vec![fixed], vec![]).await;
    assert!(recipients::behind_all_workspaces(reader, 10).await.unwrap().is_empty());
}

pub(crate) async fn arrivals_are_seen_once_unless_they_come_again(world: World) {
    let devices = vec![world.device("one", "ada"), world.device("two", "bob")];
    let (one, two, workspace) = (devices[0].key, devices[1].key, world.workspace);
    world.write(&world.activity("A"), vec![], devices).await;
    let note = async |key| {
        transact!(world, |tx| arrivals::note(tx, workspace, key).await).unwrap();
    };
    note(one).await;
    note(two).await;
    let reader = world.store.reader();
    let all = arrivals::all_workspaces(reader, 10).await.unwrap();
    let keys: Vec<_> = all.iter().map(|arrival| arrival.device).collect();
    assert_eq!(keys, [one, two], "the longest waiting first");
    note(one).await;
    transact!(world, |tx, all| arrivals::seen(tx, &all).await).unwrap();
    let left = arrivals::all_workspaces(reader, 10).await.unwrap();
    assert_eq!(left.iter().map(|arrival| arrival.device).collect::<Vec<_>>(), [one]);
    assert_eq!(strings(&[left[0].workspace]), strings(&[workspace]));
}
