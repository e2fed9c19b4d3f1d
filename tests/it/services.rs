//! Health and reflection, which need no key; and which devices an audience means.

use crate::calls::{CONTACT, device, for_contacts, start, strings, update};
use crate::harness::{World, shows};
use tidings::proto::v1::{
    Audience, DevicePreference, EndActivityRequest, StartActivityRequest, Target,
};
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const SERVICES: [&str; 9] = [
    "tidings.v1.ActivityTypeService",
    "tidings.v1.ApiKeyService",
    "tidings.v1.AppService",
    "tidings.v1.ChannelService",
    "tidings.v1.DeliveryService",
    "tidings.v1.DeviceService",
    "tidings.v1.LiveActivityService",
    "tidings.v1.SegmentService",
    "tidings.v1.WorkspaceService",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_answers_for_the_server_and_for_every_service() {
    let world = World::start().await;
    let mut health = HealthClient::new(world.channel.clone());
    for service in SERVICES.into_iter().chain(["", "grpc.health.v1.Health"]) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.expect(service).into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    drop(health);
    world.stop().await;
}

/// What reflection of one version lists.
macro_rules! listed {
    ($world:expr, $version:ident) => {{
        use tonic_reflection::pb::$version as pb;
        let mut client =
            pb::server_reflection_client::ServerReflectionClient::new($world.channel.clone());
        let list = pb::server_reflection_request::MessageRequest::ListServices(String::new());
        let request =
            pb::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
        let answers = client.server_reflection_info(tokio_stream::once(request)).await;
        let answer = answers.expect("answers").into_inner().next().await;
        let answer = answer.expect("one").expect("no error").message_response;
        let Some(pb::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
            answer
        else {
            panic!("not a list")
        };
        list.service.into_iter().map(|service| service.name).collect::<Vec<String>>()
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_lists_what_is_served_and_not_the_simulator() {
    let world = World::start().await;
    for listed in [listed!(world, v1), listed!(world, v1alpha)] {
        for service in SERVICES {
            assert!(listed.iter().any(|name| name == service), "{service} in {listed:?}");
        }
        assert!(listed.iter().all(|name| !name.contains("simulator")), "{listed:?}");
    }
    world.stop().await;
}

impl World {
    async fn who_has(&self, activity_id: &str) -> Vec<String> {
        self.settled(activity_id).await;
        let all = self.subscriptions(activity_id, None).await;
        let mut devices: Vec<String> = all.into_iter().map(|one| one.device_id).collect();
        devices.sort_unstable();
        devices
    }

    async fn start_for(&self, activity_id: &str, audience: Audience, latest: bool, app: &str) {
        let preference =
            if latest { DevicePreference::Latest } else { DevicePreference::Unspecified };
        let request = StartActivityRequest {
            audience: Some(audience),
            device_preference: preference.into(),
            app_ids: if app.is_empty() { Vec::new() } else { strings(&[app]) },
            ..start(activity_id)
        };
        self.activities().start_activity(request).await.expect("started");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audience_means_all_the_latest_or_those_with_an_app() {
    let world = World::start().await;
    let other = world.create_app("com.example.other").await;
    let caller = world.caller();
    let phones = [world.phone("first", "18.2", CONTACT), world.phone("second", "18.2", CONTACT)];
    for phone in &phones {
        world.said_everything(phone).await;
    }
    caller.registered(&other, "elsewhere").await;
    let nobodys = tidings::proto::v1::RegisterDeviceRequest {
        contact_key: None,
        ..device(&world.app_id, "nobodys")
    };
    caller.devices().register_device(nobodys).await.expect("registered");
    let contact = || for_contacts(&[CONTACT]);
    world.start_for("CONTACT", contact(), false, "").await;
    assert_eq!(world.who_has("CONTACT").await, ["elsewhere", "first", "second"]);
    world.start_for("APP", contact(), false, &world.app_id).await;
    assert_eq!(world.who_has("APP").await, ["first", "second"]);
    let all = Audience { all_devices: true, ..Audience::default() };
    world.start_for("ALL", all.clone(), false, "").await;
    assert_eq!(world.who_has("ALL").await, ["elsewhere", "first", "nobodys", "second"]);
    world.start_for("ALL_OF_APP", all, false, &other).await;
    assert_eq!(world.who_has("ALL_OF_APP").await, ["elsewhere"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_is_the_device_seen_most_recently_that_can_show_it() {
    let world = World::start().await;
    for (device_id, os_version) in [("first", "18.2"), ("second", "18.2"), ("old", "16.4")] {
        let phone = world.phone(device_id, os_version, CONTACT);
        world.said_everything(&phone).await;
    }
    world.start_for("A", for_contacts(&[CONTACT]), true, "").await;
    assert_eq!(world.who_has("A").await, ["second"], "the last one cannot be started by push");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_for_some_leaves_the_others_on() {
    let world = World::start().await;
    let caller = world.caller();
    let phones = [world.phone("first", "18.2", CONTACT), world.phone("second", "18.2", CONTACT)];
    for phone in &phones {
        world.said_everything(phone).await;
    }
    caller.started("A").await;
    for phone in &phones {
        shows(phone, 1, "Scheduled").await;
        world.said_everything(phone).await;
    }
    let target = Target { device_ids: strings(&["first"]), ..Target::default() };
    let request = EndActivityRequest { target: Some(target), ..crate::calls::end("A") };
    caller.activities().end_activity(request).await.expect("ended there");
    shows(&phones[0], 1, "Landed").await;
    caller.activities().update_activity(update("A", "In Air")).await.expect("it goes on");
    shows(&phones[1], 1, "In Air").await;
    world.settled("A").await;
    let first = phones[0].snapshot();
    assert_eq!(crate::harness::status_of(&first.cards[0].content_json), "Landed");
    world.stop().await;
}
