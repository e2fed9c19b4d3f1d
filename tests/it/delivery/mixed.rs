//! One request for devices of both platforms.

use super::*;
use crate::harness::BUNDLE;
use futures::StreamExt;
use tidings::proto::v1::{
    ApnsEnvironment, DryRun, Platform, Provider, RegisterDeviceRequest, Route, RouteDevices,
    RouteProgress,
};

/// Devices of each kind; the kinds are in the counts below.
const OF_EACH: usize = 100;
/// How many calls are under way at the same time.
const CALLS: usize = 64;

/// A kind of device, with what becomes of it.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// It is started by push, and its app never says more.
    Iphone,
    /// Its system is too old.
    OldIphone,
    /// Its app has no push-to-start token.
    MuteIphone,
    /// It is started and follows.
    Android,
    /// Its app has no token.
    MuteAndroid,
    /// The person allows no notifications.
    QuietAndroid,
}

/// 1,000 devices.
const CROWD: [(Kind, usize); 6] = [
    (Kind::Iphone, 2 * OF_EACH),
    (Kind::OldIphone, OF_EACH),
    (Kind::MuteIphone, 2 * OF_EACH),
    (Kind::Android, 3 * OF_EACH),
    (Kind::MuteAndroid, OF_EACH),
    (Kind::QuietAndroid, OF_EACH),
];

fn of_each(times: usize) -> i64 {
    i64::try_from(times * OF_EACH).expect("a count")
}

impl World {
    async fn mixed_crowd(&self, android_app: &str) {
        let devices = CROWD.iter().flat_map(|(kind, count)| {
            (0..*count).map(move |number| (*kind, format!("{kind:?}-{number}")))
        });
        let tasks = devices.map(|(kind, id)| self.joins_the_crowd(kind, id, android_app));
        futures::stream::iter(tasks).buffer_unordered(CALLS).collect::<Vec<()>>().await;
    }

    async fn joins_the_crowd(&self, kind: Kind, device_id: String, android_app: &str) {
        let is_android = matches!(kind, Kind::Android | Kind::MuteAndroid | Kind::QuietAndroid);
        let ios = RegisterDeviceRequest {
            device_id: device_id.clone(),
            app_id: self.app_id.clone(),
            platform: Platform::Ios.into(),
            environment: ApnsEnvironment::Sandbox.into(),
            os_version: if matches!(kind, Kind::OldIphone) { "16.4" } else { "18.2" }.to_owned(),
            ..RegisterDeviceRequest::default()
        };
        let android = RegisterDeviceRequest {
            app_id: android_app.to_owned(),
            platform: Platform::Android.into(),
            environment: 0,
            os_version: "16".to_owned(),
            notifications_permission: Some(!matches!(kind, Kind::QuietAndroid)),
            ..ios.clone()
        };
        let device = if is_android { android } else { ios };
        self.devices().register_device(device).await.expect("registered");
        let token = match kind {
            Kind::Iphone => RegisterTokenRequest {
                kind: TokenKind::PushToStart.into(),
                token: self.start_token(&device_id),
                activity_type: "flight_status".to_owned(),
                ..RegisterTokenRequest::default()
            },
            Kind::Android | Kind::QuietAndroid => RegisterTokenRequest {
                kind: TokenKind::FcmToken.into(),
                token: self
                    .simulator
                    .register_app(self.simulator.project_id(), BUNDLE, false)
                    .expect("a registration"),
                ..RegisterTokenRequest::default()
            },
            Kind::OldIphone | Kind::MuteIphone | Kind::MuteAndroid => return,
        };
        let token = RegisterTokenRequest { device_id, ..token };
        self.devices().register_token(token).await.expect("registered");
    }

    /// The push-to-start token of a phone that says nothing by itself.
    pub(super) fn start_token(&self, device_id: &str) -> String {
        let spec = self.spec(sim::PhoneSpec {
            device_id: device_id.to_owned(),
            os_version: "18.2".to_owned(),
            ..sim::PhoneSpec::default()
        });
        let spec = sim::PhoneSpec { server_url: String::new(), api_key: String::new(), ..spec };
        let phone = self.simulator.create_phone(spec).expect("a phone");
        phone.snapshot().start_tokens[0].token.clone()
    }

    async fn tries(&self, content_state_json: String) -> tonic::Result<DryRun> {
        let request = StartActivityRequest {
            activity_id: FLIGHT.to_owned(),
            activity_type: "flight_status".to_owned(),
            attributes_json: Some(r#"{"flight":"TK1"}"#.to_owned()),
            content_state_json: Some(content_state_json),
            audience: Some(Audience { all_devices: true, ..Audience::default() }),
            alert: Some(alert("Start")),
            validate_only: true,
            ..StartActivityRequest::default()
        };
        let tried = self.activities().start_activity(request).await?.into_inner();
        Ok(tried.dry_run.expect("what would be sent"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_start_reaches_a_thousand_mixed_devices_and_each_is_counted_by_its_route() {
    let world = World::start().await;
    let android_app = world.create_android_app(BUNDLE).await;
    world.mixed_crowd(&android_app).await;
    let tried = world.tries(content("Scheduled")).await.expect("it is right");
    let by_route =
        |route: Route, times| RouteDevices { route: route.into(), devices: of_each(times) };
    let expected = [by_route(Route::ApnsToken, 5), by_route(Route::Fcm, 5)];
    assert_eq!(tried.routes, expected);
    let pushes = tried.pushes.iter().map(|push| (push.provider(), push.operation()));
    let starts = [(Provider::Apns, Operation::Start), (Provider::Fcm, Operation::Start)];
    assert_eq!(pushes.collect::<Vec<_>>(), starts);
    assert_eq!(world.simulator.pushes_received() + world.simulator.fcm_sends_received(), 0);

    world.start_for_audience(Audience { all_devices: true, ..Audience::default() }).await;
    let settled = world.settled(FLIGHT).await;
    let counts = |route: Route| RouteProgress { route: route.into(), ..RouteProgress::default() };
    let on_apple = RouteProgress {
        pending_token: of_each(2),
        unreachable: of_each(3),
        ..counts(Route::ApnsToken)
    };
    let on_google =
        RouteProgress { accepted: of_each(3), unreachable: of_each(2), ..counts(Route::Fcm) };
    let mut routes = settled.progress.expect("progress").routes;
    routes.sort_by_key(|counts| counts.route);
    assert_eq!(routes, [on_apple, on_google]);
    assert_eq!(world.simulator.pushes_received(), of_each(2));
    assert_eq!(world.simulator.fcm_sends_received(), of_each(3));

    world.update("Boarding").await;
    world.settled(FLIGHT).await;
    assert_eq!(world.simulator.fcm_sends_received(), of_each(6), "one message each");
    world.end("Landed", &[]).await;
    world.settled(FLIGHT).await;
    assert_eq!(world.simulator.fcm_sends_received(), of_each(9));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_tried_out_says_what_does_not_fit_and_keeps_nothing() {
    let world = World::start().await;
    let fits_apple = format!("{{\"status\":\"{}\"}}", "x".repeat(3_800));
    world.tries(fits_apple.clone()).await.expect("there is no Android app");
    world.create_android_app(BUNDLE).await;
    let refused = crate::calls::refused(world.tries(fits_apple).await);
    assert_eq!(refused.fields(), ["content_state"]);
    assert!(refused.violations[0].1.contains("for Android"), "{refused:?}");
    let caller = world.caller();
    let found = crate::calls::refused(caller.find(FLIGHT).await);
    assert_eq!(found.reason, "NOT_FOUND", "nothing was kept");
    world.start_flight(&["ada"]).await;
    let update = UpdateActivityRequest {
        activity_id: FLIGHT.to_owned(),
        content_state_json: Some(content("Gate")),
        validate_only: true,
        ..UpdateActivityRequest::default()
    };
    let tried = world.activities().update_activity(update).await.expect("right").into_inner();
    assert_eq!((tried.revision, tried.dry_run.expect("sizes").pushes.len()), (2, 4));
    let end = EndActivityRequest {
        activity_id: FLIGHT.to_owned(),
        validate_only: true,
        ..EndActivityRequest::default()
    };
    let tried = world.activities().end_activity(end).await.expect("right").into_inner();
    assert_eq!((tried.revision, tried.dry_run.expect("sizes").pushes.len()), (2, 2));
    assert_eq!(caller.activity(FLIGHT).await.revision, 1, "and still nothing");
    world.stop().await;
}
