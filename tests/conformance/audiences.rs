//! Audiences: who is in them, page by page.

use crate::world::{World, app, at, shard, subscription, token, transact};
use std::collections::BTreeSet;
use tidings::domain::change::Change;
use tidings::domain::device::{Device, OsVersion};
use tidings::domain::expansion::{Expansion, Who};
use tidings::domain::token::{Token, TokenKind};
use tidings::store::apps;
use tidings::store::expansions::{Candidate, audience_page, latest};

impl World {
    async fn devices(&self, devices: Vec<Device>, tokens: Vec<Token>) {
        self.apply(move || Change {
            devices: devices.clone(),
            tokens: tokens.clone(),
            ..Change::default()
        })
        .await
        .unwrap();
    }

    /// Every page of an audience.
    async fn pages(&self, expansion: &Expansion, limit: u64) -> Vec<Vec<Candidate>> {
        let mut expansion = expansion.clone();
        let mut pages = Vec::new();
        loop {
            let page = audience_page(self.store.reader(), &expansion, "flight_status", limit);
            let (candidates, next) = page.await.unwrap();
            pages.push(candidates);
            match next {
                Some(next) => expansion.cursor = next,
                None => return pages,
            }
            assert!(pages.len() < 100, "the pages come to an end");
        }
    }

    /// Whom an audience consists of, and that nobody is in it twice.
    async fn audience(&self, expansion: &Expansion, limit: u64) -> BTreeSet<String> {
        let candidates: Vec<_> = self.pages(expansion, limit).await.into_iter().flatten().collect();
        let ids: BTreeSet<String> =
            candidates.iter().map(|candidate| candidate.device.device_id.clone()).collect();
        assert_eq!(ids.len(), candidates.len());
        ids
    }

    fn of_contacts(&self, contacts: &[&str]) -> Expansion {
        let contacts = contacts.iter().map(|&contact| contact.to_owned()).collect();
        self.expansion(&self.activity("FLIGHT_1"), Who::ContactKeys(contacts))
    }
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

pub(crate) async fn pages_of_contacts_hold_every_device_once(world: World) {
    let devices: Vec<Device> = [("a1", "ada"), ("a2", "ada"), ("a3", "ada"), ("b1", "bob")]
        .into_iter()
        .chain([("c1", "cyd"), ("c2", "cyd"), ("x1", "xenia"), ("n1", "")])
        .map(|(id, contact)| world.device(id, contact))
        .collect();
    world.devices(devices, Vec::new()).await;
    let expansion = world.of_contacts(&["cyd", "bob", "nobody", "ada", "cyd"]);
    for limit in 1..=7 {
        let audience = world.audience(&expansion, limit).await;
        assert_eq!(audience, set(&["a1", "a2", "a3", "b1", "c1", "c2"]), "in pages of {limit}");
    }
    let pages = world.pages(&expansion, 2).await;
    assert!(pages.iter().all(|page| page.len() <= 2));
    let candidate = pages.iter().flatten().find(|found| found.device.device_id == "b1").unwrap();
    assert_eq!(candidate.contact_key, "bob");
    let many: Vec<String> = (0..1_000).map(|number| format!("contact {number}")).collect();
    let last = vec![world.device("last", "contact 999"), world.device("mid", "contact 42")];
    world.devices(last, Vec::new()).await;
    let expansion = world.expansion(&world.activity("FLIGHT_1"), Who::ContactKeys(many));
    assert_eq!(world.audience(&expansion, 100).await, set(&["last", "mid"]));
}

pub(crate) async fn pages_go_by_device_ids_and_by_all_devices(world: World) {
    let devices: Vec<Device> =
        (0..5).map(|number| world.device(&format!("d{number}"), "ada")).collect();
    world.devices(devices, Vec::new()).await;
    let activity = world.activity("FLIGHT_1");
    let named = vec!["d3".to_owned(), "d1".to_owned(), "nothing".to_owned()];
    for limit in 1..=6 {
        let by_id = world.expansion(&activity, Who::DeviceIds(named.clone()));
        assert_eq!(world.audience(&by_id, limit).await, set(&["d1", "d3"]));
        let all = world.expansion(&activity, Who::AllDevices);
        assert_eq!(world.audience(&all, limit).await, set(&["d0", "d1", "d2", "d3", "d4"]));
    }
    let pages = world.pages(&world.expansion(&activity, Who::AllDevices), 10).await;
    assert!(pages.iter().flatten().all(|candidate| candidate.contact_key.is_empty()));
}

pub(crate) async fn only_the_apps_of_an_audience_are_in_it(world: World) {
    let second = app(world.workspace, "com.example.crew");
    let crew = second.id;
    transact!(world, |tx, second| apps::insert(tx, second).await).unwrap();
    let mut devices = vec![world.device("passenger", "ada"), world.device("crew", "ada")];
    devices[1].app = crew;
    world.devices(devices, Vec::new()).await;
    for who in [Who::AllDevices, Who::ContactKeys(vec!["ada".to_owned()])] {
        let mut expansion = world.expansion(&world.activity("FLIGHT_1"), who);
        expansion.audience.app_ids = vec![crew.to_string()];
        assert_eq!(world.audience(&expansion, 10).await, set(&["crew"]));
        expansion.audience.app_ids = vec!["not an app".to_owned()];
        assert_eq!(world.audience(&expansion, 10).await, set(&[]));
    }
}

pub(crate) async fn of_a_contact_the_latest_device_that_can_show_it_is_taken(world: World) {
    let seen = |id: &str, contact: &str, seconds| Device {
        last_seen_at: at(seconds),
        ..world.device(id, contact)
    };
    let too_old = OsVersion { major: 17, minor: 1 };
    let devices = vec![
        seen("ada-able", "ada", 1),
        seen("ada-older", "ada", 0),
        Device { os_version: too_old, ..seen("ada-old-system", "ada", 9) },
        Device { activities_enabled: false, ..seen("ada-disabled", "ada", 8) },
        seen("ada-no-token", "ada", 7),
        seen("ada-dead-token", "ada", 6),
        seen("bob-neither", "bob", 2),
        seen("bob-nor", "bob", 3),
        seen("cyd-follows", "cyd", 1),
        seen("cyd-newer", "cyd", 5),
        seen("alone-1", "", 1),
        seen("alone-2", "", 2),
    ];
    let with_token = ["ada-able", "ada-older", "ada-old-system", "ada-disabled", "ada-dead-token"];
    let mut tokens = Vec::new();
    for (value, device) in (0_u8..).zip(&devices) {
        if with_token.contains(&device.device_id.as_str()) {
            let mut token = token(device, TokenKind::PushToStart, value);
            token.invalid = (device.device_id == "ada-dead-token").then(|| (at(0), "Dead".into()));
            tokens.push(token);
        }
    }
    let activity = world.activity("FLIGHT_1");
    let place = shard(&activity, world.app);
    let follows = subscription(&place, &devices[8]);
    world.devices(devices, tokens).await;
    let mut expansion = world
        .expansion(&activity, Who::ContactKeys(["ada", "bob", "cyd"].map(str::to_owned).to_vec()));
    expansion.audience.latest_only = true;
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            shards: vec![place.clone()],
            subscriptions: vec![follows.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    for limit in [1, 2, 3, 100] {
        let audience = world.audience(&expansion, limit).await;
        assert_eq!(audience, set(&["ada-able", "bob-nor", "cyd-follows"]), "in pages of {limit}");
    }
    expansion.audience.who = Who::AllDevices;
    let audience = world.audience(&expansion, 5).await;
    let expected = ["ada-able", "bob-nor", "cyd-follows", "alone-1", "alone-2"];
    assert_eq!(audience, set(&expected), "who has no contact stands for itself");
}

pub(crate) async fn a_candidate_brings_its_newest_good_push_to_start_token(world: World) {
    let device = world.device("phone", "ada");
    let base = |value, seconds| Token {
        registered_at: at(seconds),
        ..token(&device, TokenKind::PushToStart, value)
    };
    let other_type = Token { activity_type: "delivery".to_owned(), ..base(4, 9) };
    let dead = Token { invalid: Some((at(1), "Unregistered".to_owned())), ..base(5, 8) };
    let update = Token { registered_at: at(9), ..token(&device, TokenKind::Update, 6) };
    let newest = base(1, 5);
    let tokens = vec![newest.clone(), base(2, 3), base(3, 4), other_type, dead, update];
    world.devices(vec![device.clone()], tokens).await;
    let pages = world.pages(&world.of_contacts(&["ada"]), 10).await;
    let candidate = pages.into_iter().flatten().next().unwrap();
    assert_eq!(candidate.start_token.unwrap().id, newest.id);
}

/// More devices than a statement of `SQLite` can name, as where all guests are one contact.
pub(crate) async fn of_a_contact_of_very_many_devices_one_is_the_latest(world: World) {
    const DEVICES: i64 = 33_000;
    const AT_ONCE: usize = 3_000;
    let seen = |number| Device {
        last_seen_at: at(number),
        ..world.device(&format!("guest {number}"), "guest")
    };
    let devices: Vec<Device> = (0..DEVICES).map(seen).collect();
    for some in devices.chunks(AT_ONCE) {
        world.devices(some.to_vec(), Vec::new()).await;
    }
    let mut expansion = world.of_contacts(&["guest"]);
    expansion.audience.latest_only = true;
    let newest = devices.last().unwrap();
    let rivals = vec![devices[0].clone(), newest.clone()];
    let reader = world.store.reader();
    let found = latest(reader, &expansion, "flight_status", rivals).await.unwrap();
    let found: Vec<_> = found.iter().map(|device| device.key).collect();
    assert_eq!(found, [newest.key]);
}
