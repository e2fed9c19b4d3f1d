//! Android devices without a phone behind them: what Google gets for them, and what becomes of their subscriptions.

use super::*;
use crate::harness::BUNDLE;
use serde_json::Value;
use tidings::proto::v1::{
    Platform, Provider, RegisterDeviceRequest, ReportActivityStateRequest, ReportedState,
    RevokeTokenRequest, Route, TokenResult,
};
use tidings::simulator::Simulator;

/// A message as Google got it.
#[derive(Debug)]
struct Message {
    target: String,
    target_kind: String,
    data: Value,
}

impl Message {
    fn text(&self, key: &str) -> String {
        self.data[key].as_str().unwrap_or_default().to_owned()
    }

    /// Its event, its revision, the status that it shows, and whether it alerts.
    fn said(&self) -> (String, String, String, bool) {
        let content: Value =
            serde_json::from_str(&self.text("tidings_content_state")).expect("JSON");
        let status = content["status"].as_str().unwrap_or_default().to_owned();
        let alerts = self.data.get("tidings_alert").is_some();
        (self.text("tidings_event"), self.text("tidings_revision"), status, alerts)
    }
}

fn says(event: &str, revision: &str, status: &str, alerts: bool) -> (String, String, String, bool) {
    (event.to_owned(), revision.to_owned(), status.to_owned(), alerts)
}

fn sends(simulator: &Simulator) -> Vec<sim::FcmSend> {
    let all = simulator.fcm_sends(&sim::ListFcmSendsRequest::default());
    all.into_iter().filter(|sent| sent.status != 0).collect()
}

impl World {
    /// A world with an Android app and a device of ada's.
    async fn with_android() -> (Self, String) {
        let world = World::start().await;
        let app_id = world.create_android_app(BUNDLE).await;
        world.android_device(&app_id, "phone", "ada").await;
        (world, app_id)
    }

    async fn android_device(&self, app_id: &str, device_id: &str, contact_key: &str) {
        let request = RegisterDeviceRequest {
            device_id: device_id.to_owned(),
            app_id: app_id.to_owned(),
            contact_key: Some(contact_key.to_owned()),
            platform: Platform::Android.into(),
            os_version: "16".to_owned(),
            ..RegisterDeviceRequest::default()
        };
        self.devices().register_device(request).await.expect("registered");
    }

    /// Gives the device a registration that Google knows, and returns it.
    async fn google_token(&self, device_id: &str, kind: TokenKind) -> String {
        let is_id = kind == TokenKind::FcmInstallationId;
        let project = self.simulator.project_id();
        let token = self.simulator.register_app(project, BUNDLE, is_id).expect("a registration");
        self.registers(fcm_token(device_id, kind, &token)).await;
        token
    }

    async fn registers(&self, request: RegisterTokenRequest) -> RegisterTokenResponse {
        self.devices().register_token(request).await.expect("a token").into_inner()
    }

    /// All messages that Google got, when there are so many.
    async fn messages(&self, count: usize) -> Vec<Message> {
        let arrived = |simulator: &Simulator| sends(simulator).len() >= count;
        let seen = self.simulator.wait_for(PATIENCE, arrived).await;
        let all = sends(&self.simulator);
        assert!(seen && all.len() == count, "{} of {count}: {all:#?}", all.len());
        let read = |sent: sim::FcmSend| {
            let body: Value = serde_json::from_slice(&sent.body).expect("JSON");
            let data = body["message"]["data"].clone();
            Message { target: sent.target, target_kind: sent.target_kind, data }
        };
        all.into_iter().map(read).collect()
    }
}

fn fcm_token(device_id: &str, kind: TokenKind, token: &str) -> RegisterTokenRequest {
    RegisterTokenRequest {
        device_id: device_id.to_owned(),
        kind: kind.into(),
        token: token.to_owned(),
        ..RegisterTokenRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_of_an_android_device_serves_its_start_its_updates_and_its_end() {
    let (world, _) = World::with_android().await;
    let token = world.google_token("phone", TokenKind::FcmToken).await;
    world.start_flight(&["ada"]).await;
    let row = world.becomes("phone", SubscriptionState::Active).await;
    assert_eq!(row.route(), Route::Fcm);
    world.update_with("Boarding", Some(alert("Gate B12"))).await;
    world.settled(FLIGHT).await;
    world.end("Landed", &[]).await;
    world.becomes("phone", SubscriptionState::Ended).await;
    let messages = world.messages(3).await;
    let said: Vec<_> = messages.iter().map(Message::said).collect();
    let expected = [
        says("start", "1", "Scheduled", true),
        says("update", "2", "Boarding", true),
        says("end", "3", "Landed", false),
    ];
    assert_eq!(said, expected);
    for message in &messages {
        assert_eq!((message.target.as_str(), message.target_kind.as_str()), (&*token, "token"));
        assert_eq!(message.text("tidings_activity_id"), FLIGHT);
        let attributes: Value =
            serde_json::from_str(&message.text("tidings_attributes")).expect("JSON");
        assert_eq!((&attributes["flight"], &attributes["activityRun"]), (&"TK1".into(), &1.into()));
    }
    let log = world.deliveries(FLIGHT).await;
    let outcomes: Vec<_> = log.iter().map(|row| (row.provider(), row.status())).collect();
    assert_eq!(outcomes, [(Provider::Fcm, DeliveryStatus::Accepted); 3]);
    assert!(log.iter().all(|row| row.fcm_message_id.starts_with("projects/")), "{log:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_gets_an_installation_id_beside_its_token_is_sent_nothing_twice() {
    let (world, _) = World::with_android().await;
    let token = world.google_token("phone", TokenKind::FcmToken).await;
    world.start_flight(&["ada"]).await;
    world.becomes("phone", SubscriptionState::Active).await;
    let id = world.google_token("phone", TokenKind::FcmInstallationId).await;
    world.settled(FLIGHT).await;
    world.update("Boarding").await;
    let targets: Vec<_> =
        world.messages(2).await.into_iter().map(|m| (m.target_kind, m.target)).collect();
    let expected = [("token".to_owned(), token), ("fid".to_owned(), id)];
    assert_eq!(targets, expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_token_gets_the_newest_once_more_in_silence() {
    let (world, _) = World::with_android().await;
    world.google_token("phone", TokenKind::FcmToken).await;
    world.start_flight(&["ada"]).await;
    world.becomes("phone", SubscriptionState::Active).await;
    let new = world.google_token("phone", TokenKind::FcmToken).await;
    let messages = world.messages(2).await;
    assert_eq!(messages[1].said(), says("update", "1", "Scheduled", false));
    assert_eq!(messages[1].target, new);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_invalidates_all_that_its_device_follows_and_a_new_one_goes_on_with_it() {
    let (world, _) = World::with_android().await;
    let token = world.google_token("phone", TokenKind::FcmToken).await;
    world.start_flight(&["ada"]).await;
    world.becomes("phone", SubscriptionState::Active).await;
    let other = StartActivityRequest {
        activity_id: "FLIGHT_2".to_owned(),
        activity_type: "flight_status".to_owned(),
        attributes_json: Some("{}".to_owned()),
        content_state_json: Some(content("Other")),
        audience: Some(Audience { contact_keys: vec!["ada".to_owned()], ..Audience::default() }),
        alert: Some(alert("Start")),
        ..StartActivityRequest::default()
    };
    world.activities().start_activity(other).await.expect("started");
    world.settled("FLIGHT_2").await;
    assert!(world.simulator.kill_token(&token), "Google knows it");
    world.update("Boarding").await;
    let row = world.becomes("phone", SubscriptionState::Invalidated).await;
    assert_eq!(row.reason, "UNREGISTERED");
    let other = world.subscription("FLIGHT_2", "phone").await;
    assert_eq!(other.state(), SubscriptionState::Invalidated, "{other:?}");
    let seen = world.messages(3).await.len();
    world.google_token("phone", TokenKind::FcmToken).await;
    world.becomes("phone", SubscriptionState::Active).await;
    let messages = world.messages(seen + 2).await;
    let mut said: Vec<_> = messages[seen..].iter().map(Message::said).collect();
    said.sort();
    let expected = [says("update", "1", "Other", false), says("update", "2", "Boarding", false)];
    assert_eq!(said, expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_without_a_token_or_without_notifications_waits_for_them() {
    let (world, app_id) = World::with_android().await;
    world.start_flight(&["ada"]).await;
    let row = world.becomes("phone", SubscriptionState::Unreachable).await;
    assert_eq!(row.reason, "NO_FCM_TOKEN");
    let quiet = |allowed| RegisterDeviceRequest {
        device_id: "phone".to_owned(),
        app_id: app_id.clone(),
        platform: Platform::Android.into(),
        os_version: "16".to_owned(),
        notifications_permission: Some(allowed),
        ..RegisterDeviceRequest::default()
    };
    world.devices().register_device(quiet(false)).await.expect("registered");
    world.google_token("phone", TokenKind::FcmToken).await;
    world.settled(FLIGHT).await;
    world.becomes("phone", SubscriptionState::Unreachable).await;
    world.devices().register_device(quiet(true)).await.expect("registered");
    world.becomes("phone", SubscriptionState::Active).await;
    assert_eq!(world.messages(1).await[0].said(), says("start", "1", "Scheduled", true));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_an_android_app_started_is_updated_and_ended() {
    let (world, _) = World::with_android().await;
    let project = world.simulator.project_id();
    let token = world.simulator.register_app(project, BUNDLE, false).expect("a registration");
    let started = world
        .registers(RegisterTokenRequest {
            activity_type: "flight_status".to_owned(),
            attributes_json: Some(r#"{"flight":"TK2"}"#.to_owned()),
            content_state_json: Some(content("By the app")),
            external_id: "order-7".to_owned(),
            ..fcm_token("phone", TokenKind::FcmToken, &token)
        })
        .await;
    assert_eq!(started.result(), TokenResult::Registered);
    let id = started.activity_id;
    assert!(id.starts_with("act_"), "{id}");
    let row = started.subscription.expect("a subscription");
    assert_eq!((row.state(), row.delivered_revision), (SubscriptionState::Active, 1));
    let again = RegisterTokenRequest {
        activity_id: id.clone(),
        activity_type: "flight_status".to_owned(),
        attributes_json: Some(r#"{"flight":"TK2"}"#.to_owned()),
        ..fcm_token("phone", TokenKind::FcmToken, &token)
    };
    assert_eq!(world.registers(again).await.result(), TokenResult::Refreshed);
    let update = UpdateActivityRequest {
        activity_id: id.clone(),
        content_state_json: Some(content("Boarding")),
        ..UpdateActivityRequest::default()
    };
    world.activities().update_activity(update).await.expect("updated");
    world.settled(&id).await;
    let end = EndActivityRequest { activity_id: id.clone(), ..EndActivityRequest::default() };
    world.activities().end_activity(end).await.expect("ended");
    let said: Vec<_> = world.messages(2).await.iter().map(Message::said).collect();
    let expected = [says("update", "2", "Boarding", false), says("end", "3", "Boarding", false)];
    assert_eq!(said, expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_closed_or_an_app_revoked_gets_nothing_more_and_a_new_owner_gets_the_end() {
    let (world, app_id) = World::with_android().await;
    for device_id in ["closed", "revoked", "sold"] {
        world.android_device(&app_id, device_id, "bob").await;
    }
    world.google_token("closed", TokenKind::FcmToken).await;
    let revoked = world.google_token("revoked", TokenKind::FcmToken).await;
    let sold = world.google_token("sold", TokenKind::FcmToken).await;
    world.start_flight(&["bob"]).await;
    for device_id in ["closed", "revoked", "sold"] {
        world.becomes(device_id, SubscriptionState::Active).await;
    }
    world.settled(FLIGHT).await;
    let report = ReportActivityStateRequest {
        device_id: "closed".to_owned(),
        activity_id: FLIGHT.to_owned(),
        state: ReportedState::Dismissed.into(),
        ..ReportActivityStateRequest::default()
    };
    world.devices().report_activity_state(report).await.expect("reported");
    let revoke = RevokeTokenRequest {
        device_id: "revoked".to_owned(),
        token: revoked,
        ..RevokeTokenRequest::default()
    };
    world.devices().revoke_token(revoke).await.expect("revoked");
    world.android_device(&app_id, "sold", "eve").await;
    world.becomes("sold", SubscriptionState::Ended).await;
    world.update("Boarding").await;
    world.settled(FLIGHT).await;
    let row = world.becomes("revoked", SubscriptionState::Invalidated).await;
    assert_eq!(row.reason, "TOKEN_REVOKED");
    world.becomes("closed", SubscriptionState::Dismissed).await;
    let messages = world.messages(4).await;
    let last = &messages[3];
    assert_eq!((last.target.as_str(), last.said().0.as_str()), (&*sold, "end"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_an_answer_is_sent_again_until_it_is_known_and_then_updated() {
    let (world, _) = World::with_android().await;
    world.google_token("phone", TokenKind::FcmToken).await;
    let unavailable = sim::Fault {
        service: sim::FaultService::Fcm.into(),
        count: 1,
        take: true,
        action: Some(sim::fault::Action::Answer(sim::FaultAnswer {
            status: 503,
            reason: "UNAVAILABLE".to_owned(),
            ..sim::FaultAnswer::default()
        })),
        ..sim::Fault::default()
    };
    world.simulator.set_fault(unavailable).expect("a fault");
    world.start_flight(&["ada"]).await;
    world.messages(1).await;
    // Never before ten seconds are over, newer content or not.
    world.update("Boarding").await;
    world.becomes("phone", SubscriptionState::Active).await;
    let messages = world.messages(2).await;
    assert_eq!(messages[1].said(), says("start", "2", "Boarding", true));
    let times = sends(&world.simulator).into_iter().map(|sent| sent.receive_time);
    let times: Vec<i64> = times.map(|at| at.expect("a time").seconds).collect();
    assert!(times[1] - times[0] >= 9, "{times:?}");
    world.stop().await;
}
