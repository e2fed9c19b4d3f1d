//! More devices than one shard takes.

use super::*;
use crate::harness::{scale, status_of};
use crate::tables::count as count_of;
use futures::StreamExt;
use tidings::proto::v1::{ApnsEnvironment, Platform, RegisterDeviceRequest, WatchActivityResponse};

/// More than a shard takes.
const DEVICES: usize = 1_200;
/// How many calls are under way at the same time.
const CALLS: usize = 64;

fn accepted(seen: &WatchActivityResponse) -> i64 {
    let routes = &seen.progress.as_ref().expect("progress").routes;
    routes.iter().map(|route| route.accepted).sum()
}

impl World {
    /// Devices that show the flight because their apps started it.
    async fn crowd(&self, count: usize) -> Vec<Phone> {
        let phones = (0..count).map(|number| self.silent_phone(&format!("phone-{number}")));
        let phones: Vec<Phone> = phones.collect();
        let tasks = phones.iter().map(|phone| self.says_what_it_shows(phone));
        futures::stream::iter(tasks).buffer_unordered(CALLS).collect::<Vec<()>>().await;
        phones
    }

    /// Shows a status to every iPhone by a target that all of them fit.
    async fn update_iphones(&self, status: &str) {
        let target = Target { platforms: vec!["IOS".to_owned()], ..Target::default() };
        let request = UpdateActivityRequest {
            activity_id: FLIGHT.to_owned(),
            content_state_json: Some(content(status)),
            target: Some(target),
            ..UpdateActivityRequest::default()
        };
        self.activities().update_activity(request).await.expect("accepted");
    }

    fn silent_phone(&self, device_id: &str) -> Phone {
        let spec = self.spec(sim::PhoneSpec {
            device_id: device_id.to_owned(),
            os_version: "18.2".to_owned(),
            ..sim::PhoneSpec::default()
        });
        let spec = sim::PhoneSpec { server_url: String::new(), api_key: String::new(), ..spec };
        self.simulator.create_phone(spec).expect("a phone")
    }

    async fn says_what_it_shows(&self, phone: &Phone) {
        let device_id = phone.snapshot().device_id;
        let device = RegisterDeviceRequest {
            device_id: device_id.clone(),
            app_id: self.app_id.clone(),
            platform: Platform::Ios.into(),
            os_version: "18.2".to_owned(),
            environment: ApnsEnvironment::Sandbox.into(),
            ..RegisterDeviceRequest::default()
        };
        self.devices().register_device(device).await.expect("registered");
        let start = sim::StartActivityRequest {
            activity_type: "flight_status".to_owned(),
            attributes_json: r#"{"flight":"TK1"}"#.to_owned(),
            content_json: content("Scheduled"),
            ..sim::StartActivityRequest::default()
        };
        phone.start_activity(&start).expect("a card");
        let card = phone.snapshot().cards[0].clone();
        let token = RegisterTokenRequest {
            device_id,
            kind: TokenKind::Update.into(),
            token: card.update_token,
            activity_id: FLIGHT.to_owned(),
            activity_type: "flight_status".to_owned(),
            device_activity_id: card.card_id,
            content_state_json: Some(content("Scheduled")),
            ..RegisterTokenRequest::default()
        };
        self.devices().register_token(token).await.expect("registered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_larger_than_a_shard_gets_every_update_once_and_the_end() {
    let world = World::start().await;
    let count = DEVICES * scale();
    assert!(tidings::domain::shard::MEMBERS_MAX < i64::try_from(count).expect("a count"));
    let phones = world.crowd(count).await;
    let everyone = i64::try_from(count).expect("a count");
    world.watch_until(FLIGHT, |seen| accepted(seen) == everyone).await;
    for status in ["Gate", "Boarding", "Landed"] {
        let before = world.simulator.pushes_received();
        match status {
            "Gate" => world.update(status).await,
            "Boarding" => world.update_iphones(status).await,
            _ => world.end(status, &[]).await,
        }
        let is_marked =
            |seen: &WatchActivityResponse| seen.progress.as_ref().is_some_and(|p| !p.expanding);
        world.watch_until(FLIGHT, |seen| is_marked(seen) && accepted(seen) == everyone).await;
        assert_eq!(world.simulator.pushes_received() - before, everyone, "one push each");
        for phone in &phones {
            let seen = phone.snapshot();
            assert_eq!(status_of(&seen.cards[0].content_json), status, "{}", seen.device_id);
        }
    }
    let in_turns = "SELECT count(*) FROM revisions WHERE marked_to IS NOT NULL";
    assert_eq!(count_of(world.database(), in_turns).await, 1, "no transaction marks all of them");
    world.stop().await;
}
