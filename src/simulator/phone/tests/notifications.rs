//! Ordinary notifications on phones of both kinds.

use super::tidings::Tidings;
use crate::proto::simulator_v1::{Drop, DropReason};
use crate::proto::v1::TokenKind;
use crate::simulator::message_sender::{World as MessageWorld, reasons, registration};
use crate::simulator::sender::{BUNDLE, Post, World};
use crate::simulator::{Phone, Refusal};
use serde_json::{Value, json};

fn device_post(world: &World, phone: &Phone, push_type: &str, body: &Value) -> Post {
    let mut post = world.post(&phone.snapshot().device_token, &Value::Null);
    post.set("apns-topic", BUNDLE);
    post.set("apns-push-type", push_type);
    post.body = body.to_string().into_bytes();
    post
}

#[tokio::test]
async fn an_alert_push_is_shown_where_the_person_allows_it() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let phone = world.phone_with("16.4", |spec| {
        spec.notifications_enabled = Some(true);
        spec.strings.insert("FLIGHT".to_owned(), "Flug %1$@".to_owned());
    });
    for (aps, title, text) in [
        (
            json!({"alert": {"title": "TK1983", "body": "Landed"}, "thread-id": "t"}),
            "TK1983",
            "Landed",
        ),
        (json!({"alert": "Landed"}), "", "Landed"),
        (
            json!({"alert": {"title-loc-key": "FLIGHT", "title-loc-args": ["TK1983"],
                "loc-key": "LANDED"}}),
            "Flug TK1983",
            "LANDED",
        ),
    ] {
        let body = json!({"aps": aps, "activity": "FLIGHT_1711"});
        let answer = sender.send(&device_post(&world, &phone, "alert", &body)).await;
        assert_eq!(answer.status, 200);
        let shown = phone.snapshot().notifications.pop().unwrap();
        assert_eq!((shown.title.as_str(), shown.body.as_str()), (title, text));
        assert_eq!(shown.data_json, r#"{"activity":"FLIGHT_1711"}"#);
        assert_eq!(shown.push_id, crate::simulator::sender::APNS_ID);
    }
    assert_eq!(phone.snapshot().notifications[0].tag, "t");
    assert!(phone.snapshot().cards.is_empty() && phone.snapshot().drops.is_empty());
}

#[tokio::test]
async fn what_is_no_alert_or_not_allowed_is_not_shown() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let allowed = world.phone_with("16.4", |spec| spec.notifications_enabled = Some(true));
    let alert = json!({"aps": {"alert": {"title": "TK1983", "body": "Landed"}}});
    let silent = json!({"aps": {"content-available": 1}});
    for (phone, push_type, body, reason) in [
        (world.phone("16.4"), "alert", &alert, DropReason::NotificationsDisabled),
        (allowed.clone(), "background", &silent, DropReason::NotALiveActivity),
        (allowed.clone(), "alert", &silent, DropReason::NothingToShow),
        (allowed, "alert", &json!(1), DropReason::NothingToShow),
    ] {
        let answer = sender.send(&device_post(&world, &phone, push_type, body)).await;
        assert_eq!(answer.status, 200);
        let seen = phone.snapshot();
        assert!(seen.notifications.is_empty());
        assert_eq!(seen.drops.last().map(Drop::reason), Some(reason));
    }
}

#[tokio::test]
async fn an_app_registers_its_device_token_once_it_may_notify() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = world.phone_with("16.4", |spec| tidings.known_to(spec));
    assert_eq!(tidings.heard(1).await[0].device().notifications_permission, None);
    phone.set_notifications_enabled(true);
    let said = tidings.heard(3).await;
    assert_eq!(said[1].device().notifications_permission, Some(true));
    assert_eq!(said[2].token().kind(), TokenKind::ApnsDevice);
    assert_eq!(said[2].token().token, phone.snapshot().device_token);
    phone.set_notifications_enabled(false);
    let said = tidings.heard(4).await;
    assert_eq!((said.len(), said[3].device().notifications_permission), (4, Some(false)));
}

fn notice(phone: &Phone, data: &Value) -> Value {
    json!({"message": {
        "token": registration(phone),
        "notification": {"title": "all", "body": "Landed"},
        "android": {"notification": {"title": "TK1983", "tag": "FLIGHT_1711"}},
        "data": data,
    }})
}

#[tokio::test]
async fn a_message_with_a_notification_is_shown_as_one_and_changes_no_activity() {
    let world = MessageWorld::new().await;
    let phone = world.android(31);
    assert_eq!(world.send(&notice(&phone, &world.data())).await.status, 200);
    let seen = phone.snapshot();
    assert!(seen.cards.is_empty() && seen.drops.is_empty());
    let shown = &seen.notifications[0];
    assert_eq!((shown.title.as_str(), shown.body.as_str()), ("TK1983", "Landed"));
    assert_eq!(shown.tag, "FLIGHT_1711");
    assert!(shown.data_json.contains("tidings_revision") && shown.push_id.starts_with("0:"));
}

#[tokio::test]
async fn a_notification_without_words_or_leave_is_not_shown() {
    let world = MessageWorld::new().await;
    let phone = world.android(31);
    let mut empty = notice(&phone, &json!({}));
    empty["message"]["notification"] = json!({});
    empty["message"]["android"] = json!({});
    world.send(&empty).await;
    phone.set_notifications_enabled(false);
    world.send(&notice(&phone, &json!({}))).await;
    assert!(phone.snapshot().notifications.is_empty());
    assert_eq!(reasons(&phone), [DropReason::NothingToShow, DropReason::NotificationsDisabled]);
}

#[tokio::test]
async fn notifications_of_an_app_collapse_while_there_is_no_network() {
    let world = MessageWorld::new().await;
    let phone = world.android(31);
    phone.set_online(false);
    for _ in 0..3 {
        world.send(&notice(&phone, &json!({}))).await;
    }
    phone.set_online(true);
    assert_eq!(phone.snapshot().notifications.len(), 1);
    assert_eq!(reasons(&phone), [DropReason::OfflineOverwritten; 2]);
}

#[tokio::test]
async fn a_phone_of_apples_has_no_messages_to_hold() {
    let world = World::new().await;
    let refused = world.phone("18.2").hold_messages().unwrap_err();
    assert!(matches!(refused, Refusal::Forbidden(_)));
}
