//! Calls that are tried out, and then made: the second does what the first has said.

mod declared;

use super::*;
use crate::calls::{for_contacts, for_devices, refused, start, strings, update_token};
use crate::harness::BUNDLE;
use crate::segments::{contacts as members, devices as device_members, for_segment, leaving};
use std::collections::BTreeMap;
use tidings::proto::v1::{
    ApnsEnvironment, AudienceMode, DeleteDeviceRequest, DevicePreference, DryRun, Platform,
    Provider, RegisterDeviceRequest, Route, RouteProgress, SegmentKind,
};

/// Devices by route.
type Routes = BTreeMap<i32, i64>;

/// What is registered of a device.
#[derive(Clone, Copy)]
struct Kept {
    device_id: &'static str,
    contact_key: &'static str,
    os: Os,
    has_token: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Os {
    Ios(&'static str),
    Android { notifications: bool },
}

const IPHONE: Os = Os::Ios("18.2");
const ANDROID: Os = Os::Android { notifications: true };

const fn kept(device_id: &'static str, contact_key: &'static str, os: Os, token: bool) -> Kept {
    Kept { device_id, contact_key, os, has_token: token }
}

/// In the order in which they are seen: of each contact the last one is the latest.
const CROWD: [Kept; 10] = [
    kept("ada-iphone", "ada", IPHONE, true),
    kept("ada-android", "ada", ANDROID, true),
    kept("bob-android", "bob", ANDROID, true),
    kept("bob-old", "bob", Os::Ios("16.4"), false),
    kept("cyd-quiet", "cyd", Os::Android { notifications: false }, true),
    kept("cyd-mute", "cyd", IPHONE, false),
    kept("dee-iphone", "dee", IPHONE, true),
    kept("gone", "dee", IPHONE, true),
    kept("eve-iphone", "eve", IPHONE, true),
    kept("nobodys", "", ANDROID, false),
];

impl World {
    async fn keeps(&self, kept: Kept, android_app: &str) {
        let ios = RegisterDeviceRequest {
            device_id: kept.device_id.to_owned(),
            contact_key: Some(kept.contact_key.to_owned()),
            app_id: self.app_id.clone(),
            platform: Platform::Ios.into(),
            environment: ApnsEnvironment::Sandbox.into(),
            ..RegisterDeviceRequest::default()
        };
        let device = match kept.os {
            Os::Ios(version) => RegisterDeviceRequest { os_version: version.to_owned(), ..ios },
            Os::Android { notifications } => RegisterDeviceRequest {
                app_id: android_app.to_owned(),
                platform: Platform::Android.into(),
                environment: 0,
                os_version: "16".to_owned(),
                notifications_permission: Some(notifications),
                ..ios
            },
        };
        self.devices().register_device(device).await.expect("registered");
        if !kept.has_token {
            return;
        }
        let token = RegisterTokenRequest {
            device_id: kept.device_id.to_owned(),
            ..RegisterTokenRequest::default()
        };
        let token = match kept.os {
            Os::Ios(_) => RegisterTokenRequest {
                kind: TokenKind::PushToStart.into(),
                token: self.start_token(kept.device_id),
                activity_type: "flight_status".to_owned(),
                ..token
            },
            Os::Android { .. } => RegisterTokenRequest {
                kind: TokenKind::FcmToken.into(),
                token: self
                    .simulator
                    .register_app(self.simulator.project_id(), BUNDLE, false)
                    .expect("a registration"),
                ..token
            },
        };
        self.devices().register_token(token).await.expect("registered");
    }

    /// The crowd, one of which is deleted and still has rows, a segment of its contacts and one of its devices. Returns
    /// the id of the Android app.
    async fn keeps_a_crowd(&self) -> String {
        let android_app = self.create_android_app(BUNDLE).await;
        for kept in CROWD {
            self.keeps(kept, &android_app).await;
        }
        let caller = self.caller();
        let for_gone =
            StartActivityRequest { audience: Some(for_devices(&["gone"])), ..start("GONE") };
        caller.activities().start_activity(for_gone).await.expect("started");
        self.settled("GONE").await;
        let gone =
            DeleteDeviceRequest { device_id: "gone".to_owned(), ..DeleteDeviceRequest::default() };
        self.devices().delete_device(gone).await.expect("deleted");
        caller.segment("gold", SegmentKind::ContactKeys).await;
        caller.add(vec![members("gold", &["ada", "bob", "cyd", "dee", "eve", "fay"])]).await;
        caller.remove(vec![leaving("gold", &["eve"])]).await;
        caller.segment("some", SegmentKind::DeviceIds).await;
        let ids = ["ada-iphone", "bob-android", "gone", "eve-iphone"];
        caller.add(vec![device_members("some", &ids)]).await;
        android_app
    }

    async fn tries_to_start(&self, request: &StartActivityRequest) -> tonic::Result<DryRun> {
        let request = StartActivityRequest { validate_only: true, ..request.clone() };
        let tried = self.activities().start_activity(request).await?.into_inner();
        Ok(tried.dry_run.expect("what would be sent"))
    }

    async fn tries_to_update(&self, request: &UpdateActivityRequest) -> tonic::Result<DryRun> {
        let request = UpdateActivityRequest { validate_only: true, ..request.clone() };
        let tried = self.activities().update_activity(request).await?.into_inner();
        Ok(tried.dry_run.expect("what would be sent"))
    }

    /// Those that have the run, as they are listed and as they are counted.
    async fn really(&self, activity_id: &str) -> Routes {
        let counted = self.settled(activity_id).await.progress.expect("progress").routes;
        let counted: Routes = counted.iter().map(|of| (of.route, all_of(of))).collect();
        let mut listed = Routes::new();
        for row in self.subscriptions(activity_id, None).await {
            *listed.entry(row.route).or_default() += 1;
        }
        assert_eq!(listed, counted, "{activity_id}");
        listed
    }
}

fn all_of(route: &RouteProgress) -> i64 {
    route.pending
        + route.accepted
        + route.pending_token
        + route.failed
        + route.dismissed
        + route.unreachable
        + route.ended
}

fn routes(tried: &DryRun) -> Routes {
    tried.routes.iter().map(|of| (of.route, of.devices)).collect()
}

fn by_route(apple: i64, google: i64) -> Routes {
    let all = [(Route::ApnsToken, apple), (Route::Fcm, google)];
    all.into_iter().filter(|(_, count)| *count > 0).map(|(by, count)| (by.into(), count)).collect()
}

fn providers(tried: &DryRun) -> Vec<Provider> {
    let mut providers: Vec<_> =
        tried.pushes.iter().map(tidings::proto::v1::PushSize::provider).collect();
    providers.dedup();
    providers
}

/// Too large for Google with its attributes, not for Apple.
fn large() -> String {
    content(&"x".repeat(3_800))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_tried_out_counts_exactly_the_devices_that_get_the_activity() {
    let world = World::start().await;
    let android_app = world.keeps_a_crowd().await;
    let everyone = Audience { all_devices: true, ..Audience::default() };
    let by_contact = for_contacts(&["ada", "bob", "cyd", "dee", "fay", "ada"]);
    let by_device = for_devices(&["ada-iphone", "cyd-quiet", "gone", "unknown"]);
    let all = DevicePreference::Unspecified;
    let latest = DevicePreference::Latest;
    // Of each its devices with iOS and with Android.
    let cases = [
        (everyone, all, (5, 4)),
        (by_contact.clone(), all, (4, 3)),
        (by_contact, latest, (2, 2)),
        (by_device, all, (1, 1)),
        (for_segment("gold"), all, (4, 3)),
        (for_segment("gold"), latest, (2, 2)),
        (for_segment("some"), all, (2, 1)),
    ];
    let mut tried = Vec::new();
    for (audience, preference, devices) in cases {
        for apps in [vec![], vec![world.app_id.clone()], vec![android_app.clone()]] {
            for mode in [AudienceMode::Fixed, AudienceMode::Live] {
                let request = StartActivityRequest {
                    audience: Some(audience.clone()),
                    app_ids: apps.clone(),
                    device_preference: preference.into(),
                    audience_mode: mode.into(),
                    ..start(&format!("A{}", tried.len()))
                };
                let counts = routes(&world.tries_to_start(&request).await.expect("it is right"));
                // With one app alone, another device of the person is the latest.
                if apps.is_empty() {
                    assert_eq!(counts, by_route(devices.0, devices.1), "{request:?}");
                }
                tried.push((request, counts));
            }
        }
    }
    for (request, _) in &tried {
        world.activities().start_activity(request.clone()).await.expect("started");
    }
    for (request, counts) in &tried {
        assert_eq!(world.really(&request.activity_id).await, *counts, "{request:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_tried_out_counts_who_follows_and_fits_and_nobody_who_came_later() {
    let world = World::start().await;
    world.keeps_a_crowd().await;
    let caller = world.caller();
    let request = StartActivityRequest { audience: Some(for_segment("gold")), ..start(FLIGHT) };
    caller.activities().start_activity(request).await.expect("started");
    world.settled(FLIGHT).await;
    caller.add(vec![members("gold", &["eve"])]).await;
    let target = |target| UpdateActivityRequest {
        target: Some(target),
        ..crate::calls::update(FLIGHT, "Gate")
    };
    let everyone = crate::calls::update(FLIGHT, "Gate");
    let of_ada = target(Target { contact_keys: strings(&["ada", "eve"]), ..Target::default() });
    let android = target(Target { platforms: strings(&["ANDROID"]), ..Target::default() });
    for (request, (apple, google)) in [(&everyone, (4, 3)), (&of_ada, (1, 1)), (&android, (0, 3))] {
        let tried = world.tries_to_update(request).await.expect("it is right");
        assert_eq!(routes(&tried), by_route(apple, google), "{request:?}");
    }
    let tried = world.tries_to_update(&android).await.expect("it is right");
    assert_eq!(providers(&tried), [Provider::Fcm], "nothing goes to Apple");
    assert_eq!(world.really(FLIGHT).await, by_route(4, 3));
    world.end("Over", &["ada-android", "bob-old"]).await;
    world.becomes("ada-android", SubscriptionState::Ended).await;
    let tried = world.tries_to_update(&everyone).await.expect("it is right");
    assert_eq!(routes(&tried), by_route(3, 2), "two were ended for themselves");
    caller.activities().update_activity(everyone).await.expect("updated");
    let listed = world.subscriptions(FLIGHT, None).await;
    let mut follow = Routes::new();
    let is_over =
        |row: &Subscription| row.state() == SubscriptionState::Ended || row.device_id == "bob-old";
    for row in listed.iter().filter(|row| !is_over(row)) {
        *follow.entry(row.route).or_default() += 1;
    }
    assert_eq!(follow, by_route(3, 2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_would_join_a_run_of_apps_counts_those_that_are_in_it_once() {
    let world = World::start().await;
    world.keeps_a_crowd().await;
    for device_id in ["ada-iphone", "eve-iphone"] {
        let token = crate::calls::token(if device_id == "ada-iphone" { "1a" } else { "1e" });
        let token = RegisterTokenRequest { token, ..update_token(device_id, FLIGHT) };
        world.devices().register_token(token).await.expect("registered");
    }
    let request = StartActivityRequest { audience: Some(for_contacts(&["ada"])), ..start(FLIGHT) };
    let counts = routes(&world.tries_to_start(&request).await.expect("it is right"));
    assert_eq!(counts, by_route(2, 1));
    let joined = world.activities().start_activity(request).await.expect("started").into_inner();
    assert!(joined.adopted);
    assert_eq!(world.really(FLIGHT).await, counts);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_for_google_is_refused_only_where_an_android_app_is_meant() {
    let world = World::start().await;
    let android_app = world.keeps_a_crowd().await;
    let for_apps = |activity_id: &str, app_ids| StartActivityRequest {
        audience: Some(Audience { all_devices: true, ..Audience::default() }),
        app_ids,
        content_state_json: Some(large()),
        ..start(activity_id)
    };
    let ios_only = for_apps("IOS", vec![world.app_id.clone()]);
    for apps in [vec![], vec![android_app.clone()]] {
        let request = for_apps("ALL", apps);
        assert_eq!(refused(world.tries_to_start(&request).await).fields(), ["content_state"]);
        let result = world.activities().start_activity(request).await;
        assert_eq!(refused(result).fields(), ["content_state"]);
    }
    let tried = world.tries_to_start(&ios_only).await.expect("Google gets nothing of it");
    assert_eq!((routes(&tried), providers(&tried)), (by_route(5, 0), vec![Provider::Apns]));
    world.activities().start_activity(ios_only).await.expect("started");
    let update = |activity_id: &str, target| UpdateActivityRequest {
        content_state_json: Some(large()),
        target,
        ..crate::calls::update(activity_id, "")
    };
    let tried = world.tries_to_update(&update("IOS", None)).await.expect("nor of its update");
    assert_eq!(providers(&tried), [Provider::Apns]);
    world.activities().update_activity(update("IOS", None)).await.expect("updated");

    let small = StartActivityRequest {
        content_state_json: Some(content("Scheduled")),
        ..for_apps(FLIGHT, Vec::new())
    };
    world.activities().start_activity(small).await.expect("started");
    let result = world.tries_to_update(&update(FLIGHT, None)).await;
    assert_eq!(refused(result).fields(), ["content_state"]);
    let iphones = Target { platforms: strings(&["IOS"]), ..Target::default() };
    let tried = world.tries_to_update(&update(FLIGHT, Some(iphones))).await.expect("iPhones only");
    assert_eq!((routes(&tried), providers(&tried)), (by_route(5, 0), vec![Provider::Apns]));

    // An Android phone whose app has started it itself is in the run, whatever the start names.
    let token = RegisterTokenRequest {
        kind: TokenKind::FcmToken.into(),
        token: world
            .simulator
            .register_app(world.simulator.project_id(), BUNDLE, false)
            .expect("a registration"),
        ..update_token("ada-android", "OF_APPS")
    };
    world.devices().register_token(token).await.expect("registered");
    let join = |status: String| StartActivityRequest {
        content_state_json: Some(status),
        ..for_apps("OF_APPS", vec![world.app_id.clone()])
    };
    assert_eq!(refused(world.tries_to_start(&join(large())).await).fields(), ["content_state"]);
    let tried = world.tries_to_start(&join(content("Gate"))).await.expect("it fits");
    assert_eq!(routes(&tried), by_route(5, 1));
    assert_eq!(providers(&tried), [Provider::Apns, Provider::Fcm]);
    world.stop().await;
}
