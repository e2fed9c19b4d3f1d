//! Segments: who is a member, since when, until when, and which devices that means.

use crate::world::{NOW, World, first, transact};
use std::collections::BTreeSet;
use tidings::domain::change::Change;
use tidings::domain::device::Device;
use tidings::domain::expansion::{Audience, Expansion, Members, Verb, Who};
use tidings::domain::ids::SegmentKey;
use tidings::domain::recipient::Presence;
use tidings::domain::segment::{Segment, SegmentKind};
use tidings::store::expansions::devices_page;
use tidings::store::segment_members::{self, Pool};
use tidings::store::segment_pages::{self, Position, Source, Through};
use tidings::store::{Page, segments};

pub(crate) fn strings<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

impl World {
    /// A segment of contacts, without members.
    pub(crate) async fn segment(&self, segment_id: &str, kind: SegmentKind) -> Segment {
        let segment = Segment {
            key: SegmentKey::generate(),
            workspace: self.workspace,
            segment_id: segment_id.to_owned(),
            kind,
            members: 0,
            version: 0,
            created_at: NOW,
            updated_at: NOW,
        };
        let row = segment.clone();
        transact!(self, |tx, row| segments::put(tx, row).await).unwrap();
        segment
    }

    /// These are members from the next version on.
    pub(crate) async fn joins(&self, segment: &mut Segment, members: &[&str]) {
        segment.version += 1;
        let (key, version, members) = (segment.key, segment.version, strings(members));
        let row = segment.clone();
        transact!(self, |tx, row, members| {
            segments::put(tx, row).await?;
            segment_members::add(tx, key, members, version).await
        })
        .unwrap();
    }

    /// These are members no more from the next version on.
    pub(crate) async fn leaves(&self, segment: &mut Segment, members: &[&str]) {
        segment.version += 1;
        let (key, version, members) = (segment.key, segment.version, strings(members));
        let row = segment.clone();
        transact!(self, |tx, row, members| {
            segments::put(tx, row).await?;
            segment_members::remove(tx, key, &members, version).await
        })
        .unwrap();
    }

    async fn members(&self, segment: &Segment) -> Vec<String> {
        let reader = self.store.reader();
        segment_members::list(reader, segment.key, first(1_000)).await.unwrap()
    }

    async fn known_devices(&self, devices: Vec<Device>) {
        let change = move || Change { devices: devices.clone(), ..Change::default() };
        self.apply(change).await.unwrap();
    }

    /// The device ids of every page of an expansion, of which none may have more than the limit.
    async fn devices_in_pages(&self, expansion: &Expansion, limit: u64) -> Vec<String> {
        let mut expansion = expansion.clone();
        let mut all = Vec::new();
        for _ in 0..1_000 {
            let page = devices_page(self.store.reader(), &expansion, limit).await.unwrap();
            assert!(page.0.len() <= usize::try_from(limit).unwrap());
            all.extend(page.0.into_iter().map(|device| device.device_id));
            match page.1 {
                Some(next) => expansion.cursor = next,
                None => return all,
            }
        }
        panic!("the pages come to an end");
    }

    fn through(&self, segment: &Segment, live: bool) -> Expansion {
        let members = Members { key: segment.key, kind: segment.kind, as_of: segment.version };
        let who = Who::Segment(members);
        let audience = Audience { who: who.clone(), app_ids: vec![], latest_only: false, live };
        Expansion { audience, ..self.expansion(&self.activity("FLIGHT_1"), who) }
    }
}

pub(crate) async fn every_field_of_a_segment_comes_back(world: World) {
    let segment = world.segment("gold", SegmentKind::DeviceIds).await;
    let changed = Segment { members: 3, version: 9, updated_at: NOW, ..segment };
    let row = changed.clone();
    transact!(world, |tx, row| segments::put(tx, row).await).unwrap();
    let reader = world.store.reader();
    let found = segments::find(reader, world.workspace, "gold").await.unwrap();
    assert_eq!(found, Some(changed.clone()));
    assert_eq!(segments::find(reader, world.workspace, "Gold").await.unwrap(), None);
    let silver = world.segment("silver", SegmentKind::ContactKeys).await;
    let all = segments::list(reader, world.workspace, first(10)).await.unwrap();
    assert_eq!(all, [changed.clone(), silver.clone()]);
    let next = Page { size: 10, after: Some("gold".to_owned()) };
    assert_eq!(segments::list(reader, world.workspace, next).await.unwrap(), [silver]);
    assert_eq!(segments::count(reader, world.workspace).await.unwrap(), 2);
}

pub(crate) async fn members_are_added_once_removed_and_added_again(world: World) {
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["ada", "bob"]).await;
    world.leaves(&mut gold, &["bob", "nobody"]).await;
    let reader = world.store.reader();
    let asked = strings(&["ada", "bob", "eve"]);
    let present = segment_members::present(reader, gold.key, &asked).await.unwrap();
    assert_eq!(present.into_iter().collect::<Vec<_>>(), ["ada"]);
    let all = segment_members::presences(reader, gold.key, &asked).await.unwrap();
    assert_eq!(all["bob"], Presence { added: 1, removed: Some(2) });
    assert_eq!(all.len(), 2);
    world.joins(&mut gold, &["bob"]).await;
    let all = segment_members::presences(reader, gold.key, &asked).await.unwrap();
    assert_eq!(all["bob"], Presence { added: 3, removed: None });
    assert_eq!(all["ada"], Presence { added: 1, removed: None });
}

pub(crate) async fn members_are_listed_in_order_in_pages(world: World) {
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["bob", "Zoe", "ada", "éva", "carl"]).await;
    world.leaves(&mut gold, &["carl"]).await;
    assert_eq!(world.members(&gold).await, ["Zoe", "ada", "bob", "éva"], "by their bytes");
    let reader = world.store.reader();
    let page = Page { size: 2, after: Some("Zoe".to_owned()) };
    assert_eq!(segment_members::list(reader, gold.key, page).await.unwrap(), ["ada", "bob"]);
}

pub(crate) async fn pages_of_a_segment_hold_every_device_once(world: World) {
    let contacts = ["ada", "bob", "cyd", "dan", "x/y"];
    let names: Vec<(String, &str)> = contacts
        .iter()
        .flat_map(|contact| (0..3).map(move |number| (format!("{contact}-{number}"), *contact)))
        .collect();
    let devices = names.iter().map(|(id, contact)| world.device(id, contact));
    let other = world.device("other", "eve");
    world.known_devices(devices.chain([other]).collect()).await;
    let expected: BTreeSet<String> = names.iter().map(|(id, _)| id.clone()).collect();
    let mut by_contact = world.segment("contacts", SegmentKind::ContactKeys).await;
    world.joins(&mut by_contact, &["ada", "bob", "cyd", "dan", "x/y", "nobody"]).await;
    let mut by_id = world.segment("devices", SegmentKind::DeviceIds).await;
    let ids: Vec<&str> = names.iter().map(|(id, _)| id.as_str()).chain(["gone"]).collect();
    world.joins(&mut by_id, &ids).await;
    for segment in [&by_contact, &by_id] {
        for limit in [1, 2, 3, 4, 100] {
            let found = world.devices_in_pages(&world.through(segment, false), limit).await;
            assert_eq!(found.len(), expected.len(), "nobody twice");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "by {limit}");
        }
    }
}

pub(crate) async fn a_page_of_a_segment_is_bounded_whatever_a_contact_has(world: World) {
    let shared = (0..25).map(|number| world.device(&format!("shared-{number}"), "kiosk"));
    let devices = shared.chain([world.device("own", "ada"), world.device("z", "zoe")]);
    world.known_devices(devices.collect()).await;
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    let strangers: Vec<String> = (0..900).map(|number| format!("m{number}")).collect();
    let strangers: Vec<&str> = strangers.iter().map(String::as_str).collect();
    world.joins(&mut gold, &strangers).await;
    world.joins(&mut gold, &["kiosk", "ada", "zoe"]).await;
    let found = world.devices_in_pages(&world.through(&gold, true), 10).await;
    assert_eq!(found.len(), 27);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), 27);
}

pub(crate) async fn a_fixed_audience_has_the_members_of_its_version(world: World) {
    let names = ["early", "left before", "left after", "late", "again"];
    world.known_devices(names.iter().map(|name| world.device(name, name)).collect()).await;
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["early", "left before", "left after", "again"]).await;
    world.leaves(&mut gold, &["left before"]).await;
    let (fixed, live) = (world.through(&gold, false), world.through(&gold, true));
    world.joins(&mut gold, &["late"]).await;
    world.leaves(&mut gold, &["left after", "again"]).await;
    let found = async |expansion: &Expansion| {
        let mut found = world.devices_in_pages(expansion, 10).await;
        found.sort_unstable();
        found
    };
    assert_eq!(found(&fixed).await, ["again", "early", "left after"]);
    assert_eq!(found(&live).await, ["early", "late"]);
    let leave = Expansion { verb: Verb::Leave, ..live };
    assert_eq!(found(&leave).await.len(), 5, "who leaves may be anyone that was in");
    let pool = segment_members::pool(world.store.reader(), gold.key, Pool::Present, first(10));
    assert_eq!(pool.await.unwrap(), ["early", "late"]);
}

pub(crate) async fn what_has_changed_is_gone_through_in_the_order_of_versions(world: World) {
    let names = ["zoe", "ada", "bob"];
    world.known_devices(names.iter().map(|name| world.device(name, name)).collect()).await;
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["zoe"]).await;
    world.joins(&mut gold, &["bob", "ada"]).await;
    world.leaves(&mut gold, &["zoe"]).await;
    let reader = world.store.reader();
    let changed = async |version, member| {
        segment_members::changed(reader, gold.key, (version, member), 10).await.unwrap()
    };
    let expected = |all: &[(i64, &str)]| {
        all.iter().map(|(version, name)| (*version, (*name).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(changed(1, "").await, expected(&[(2, "ada"), (2, "bob"), (3, "zoe")]));
    assert_eq!(changed(2, "ada").await, expected(&[(2, "bob"), (3, "zoe")]));
    assert_eq!(changed(4, "").await, []);
    let through = Through {
        workspace: world.workspace,
        segment: gold.key,
        kind: gold.kind,
        source: Source::Changed,
    };
    let from = Position { version: 2, member: "ada".to_owned(), device: None };
    let (devices, next) = segment_pages::page(reader, through, &from, 10).await.unwrap();
    let mut ids: Vec<String> = devices.into_iter().map(|device| device.device_id).collect();
    ids.sort_unstable();
    assert_eq!((ids, next), (strings(&["bob", "zoe"]), None));
}

pub(crate) async fn a_deleted_segment_leaves_its_name_free_and_is_swept_away(world: World) {
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["ada", "bob", "cyd"]).await;
    let key = gold.key;
    transact!(world, |tx| segments::delete(tx, key, NOW).await).unwrap();
    let reader = world.store.reader();
    assert_eq!(segments::find(reader, world.workspace, "gold").await.unwrap(), None);
    let mut again = world.segment("gold", SegmentKind::DeviceIds).await;
    world.joins(&mut again, &["phone"]).await;
    assert_eq!(segments::deleted_all_workspaces(reader).await.unwrap(), Some(key));
    let sweep = async || transact!(world, |tx| segments::sweep(tx, key, 2).await).unwrap();
    assert!(!sweep().await, "some are left");
    assert!(sweep().await);
    assert_eq!(segments::deleted_all_workspaces(reader).await.unwrap(), None);
    assert_eq!(world.members(&again).await, ["phone"]);
}

pub(crate) async fn former_members_are_forgotten_when_nobody_asks_for_them(world: World) {
    let mut gold = world.segment("gold", SegmentKind::ContactKeys).await;
    world.joins(&mut gold, &["ada", "bob"]).await;
    let mut expansion = world.through(&gold, false);
    let activity = world.activity("FLIGHT_1");
    expansion.activity = activity.key;
    world.leaves(&mut gold, &["bob"]).await;
    let forget = async || {
        let forget = transact!(world, |tx| segment_members::forget_all_workspaces(tx, 10).await);
        forget.unwrap()
    };
    let pending = expansion.clone();
    let begun = move || Change {
        activities: vec![activity.clone()],
        expansions: vec![pending.clone()],
        ..Change::default()
    };
    world.apply(begun).await.unwrap();
    let reader = world.store.reader();
    assert!(segments::is_in_use(reader, gold.key).await.unwrap());
    assert_eq!(forget().await, 0, "an expansion may still want to know");
    expansion.done = true;
    let done = move || Change { expansions: vec![expansion.clone()], ..Change::default() };
    world.apply(done).await.unwrap();
    assert!(!segments::is_in_use(reader, gold.key).await.unwrap());
    assert!(segment_members::is_any_removed(reader).await.unwrap());
    assert_eq!(forget().await, 1);
    assert!(!segment_members::is_any_removed(reader).await.unwrap());
    assert_eq!(world.members(&gold).await, ["ada"]);
}
