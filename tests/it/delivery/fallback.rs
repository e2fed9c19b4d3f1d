//! The ordinary notification for devices that cannot show the activity.

use super::{FLIGHT, alert, content};
use crate::harness::{BUNDLE, World, wait};
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    Audience, DeliveryStatus, Fallback, Operation, Platform, Provider, RegisterDeviceRequest,
    StartActivityRequest, SubscriptionState,
};
use tidings::simulator::Phone;

impl World {
    fn old_phone(&self, notifications_enabled: Option<bool>) -> Phone {
        self.phone_with(sim::PhoneSpec {
            device_id: "old".to_owned(),
            os_version: "16.4".to_owned(),
            contact_key: Some("ada".to_owned()),
            notifications_enabled,
            ..sim::PhoneSpec::default()
        })
    }

    async fn start_with_fallback(&self, activity_id: &str, fallback: Option<Fallback>) {
        let request = StartActivityRequest {
            activity_id: activity_id.to_owned(),
            activity_type: "flight_status".to_owned(),
            attributes_json: Some(r#"{"flight":"TK1"}"#.to_owned()),
            content_state_json: Some(content("Scheduled")),
            audience: Some(Audience {
                contact_keys: vec!["ada".to_owned()],
                ..Audience::default()
            }),
            alert: Some(alert("Start")),
            fallback,
            ..StartActivityRequest::default()
        };
        self.activities().start_activity(request).await.expect("started");
    }

    async fn fallbacks(&self) -> Vec<(Provider, DeliveryStatus)> {
        let log = self.deliveries(FLIGHT).await;
        let fallbacks = log.iter().filter(|row| row.operation() == Operation::Fallback);
        fallbacks.map(|row| (row.provider(), row.status())).collect()
    }
}

fn fallback() -> Fallback {
    Fallback { title: "TK1".to_owned(), sound: "default".to_owned(), ..Fallback::default() }
}

async fn is_notified(phone: &Phone) -> sim::Notification {
    let seen = wait(phone, "shows a notification", |phone| !phone.notifications.is_empty()).await;
    seen.notifications[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_cannot_show_the_activity_gets_one_notification_and_nothing_after_it() {
    let world = World::start().await;
    let new = world.ready_phone("new", "ada").await;
    let old = world.old_phone(Some(true));
    world.said_everything(&old).await;
    world.start_with_fallback("SILENT", None).await;
    world.start_with_fallback(FLIGHT, Some(fallback())).await;
    let shown = is_notified(&old).await;
    assert_eq!((shown.title.as_str(), shown.body.as_str()), ("TK1", alert("Start").body.as_str()));
    assert_eq!(shown.tag, FLIGHT, "the system groups by it");
    assert!(shown.data_json.contains(FLIGHT), "the app knows what was tapped: {shown:?}");
    world.following(&new).await;
    world.update("Boarding").await;
    world.end("Landed", &[]).await;
    world.logged("new", Operation::End, 1).await;
    assert_eq!(world.fallbacks().await, [(Provider::Apns, DeliveryStatus::Accepted)]);
    let seen = old.snapshot();
    assert_eq!((seen.notifications.len(), seen.cards.len(), seen.drops.len()), (1, 0, 0));
    assert!(new.snapshot().notifications.is_empty(), "it shows the activity");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_waits_for_its_token_and_comes_once() {
    let world = World::start().await;
    let old = world.old_phone(None);
    world.said_everything(&old).await;
    world.start_with_fallback(FLIGHT, Some(fallback())).await;
    world.becomes("old", SubscriptionState::Unreachable).await;
    world.settled(FLIGHT).await;
    assert_eq!(world.fallbacks().await, []);
    old.set_notifications_enabled(true);
    is_notified(&old).await;
    old.set_notifications_enabled(true);
    world.said_everything(&old).await;
    world.update("Boarding").await;
    world.settled(FLIGHT).await;
    assert_eq!(world.fallbacks().await, [(Provider::Apns, DeliveryStatus::Accepted)]);
    assert_eq!(old.snapshot().notifications.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_android_phone_whose_person_allows_no_activities_gets_it_by_google() {
    let world = World::start().await;
    let app_id = world.create_android_app(BUNDLE).await;
    let phone = world.android_phone((&app_id, "android"), 36, "ada");
    world.said_everything(&phone).await;
    let forbidden = RegisterDeviceRequest {
        device_id: "android".to_owned(),
        app_id,
        platform: Platform::Android.into(),
        os_version: "16".to_owned(),
        activities_enabled: Some(false),
        ..RegisterDeviceRequest::default()
    };
    world.devices().register_device(forbidden).await.expect("registered");
    world.start_with_fallback(FLIGHT, Some(fallback())).await;
    let shown = is_notified(&phone).await;
    assert_eq!((shown.title.as_str(), shown.tag.as_str()), ("TK1", FLIGHT));
    world.becomes("android", SubscriptionState::Unreachable).await;
    world.settled(FLIGHT).await;
    assert_eq!(world.fallbacks().await, [(Provider::Fcm, DeliveryStatus::Accepted)]);
    assert!(phone.snapshot().cards.is_empty());
    world.stop().await;
}
