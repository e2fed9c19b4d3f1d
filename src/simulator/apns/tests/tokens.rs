//! Device tokens.

use crate::proto::simulator_v1::{RotateTokenRequest, World as Apples};
use crate::simulator::sender::{ATTRIBUTES_TYPE, World, start_token};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn live_activity_tokens_have_eighty_bytes_and_begin_with_80() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, update) = world.started(&mut sender).await;
    for token in [start_token(&phone), update] {
        assert_eq!(token.len(), 160);
        assert!(token.starts_with("80"), "{token}");
    }
    assert_eq!(phone.snapshot().device_token.len(), 64);
}

#[tokio::test]
async fn a_token_that_is_unknown_malformed_or_of_the_other_world_is_bad() {
    let world = World::new().await;
    let sandbox = world.phone("18.2");
    let production = world.phone_with("18.2", |spec| spec.set_world(Apples::Production));
    let mut sender = world.sandbox().await;
    let good = start_token(&sandbox);
    let tokens = [
        "80".repeat(80),
        good[..159].to_owned(),
        format!("{good}00"),
        good.replace(|_| true, "z"),
        "80".repeat(201),
        start_token(&production),
    ];
    for token in tokens {
        let answer = sender.send(&world.post(&token, &world.start())).await;
        assert_eq!(answer.verdict(), (400, "BadDeviceToken".to_owned()), "{token}");
    }
    let upper = sender.send(&world.post(&good.to_uppercase(), &world.start())).await;
    assert_eq!(upper.status, 200, "hexadecimal has two cases");
    let answer = world.production().await.send(&world.post(&good, &world.start())).await;
    assert_eq!(answer.verdict(), (400, "BadDeviceToken".to_owned()));
}

#[tokio::test]
async fn a_token_of_another_kind_or_bundle_is_not_for_the_topic() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let other = world.phone_with("18.2", |spec| spec.bundle_id = "com.example.other".into());
    let mut sender = world.sandbox().await;
    let wrong = (400, "DeviceTokenNotForTopic".to_owned());

    let device_token = phone.snapshot().device_token;
    let answer = sender.send(&world.post(&device_token, &world.start())).await;
    assert_eq!(answer.verdict(), wrong, "an ordinary token for a live activity");
    let answer = sender.send(&world.post(&start_token(&other), &world.start())).await;
    assert_eq!(answer.verdict(), wrong, "another bundle's token");

    let ordinary = |token: &str| {
        let mut post = world.post(token, &json!({"alert": "hello"}));
        post.set("apns-topic", "com.example.flights");
        post.set("apns-push-type", "alert");
        post
    };
    let answer = sender.send(&ordinary(&start_token(&phone))).await;
    assert_eq!(answer.verdict(), wrong, "a live activity's token for an ordinary push");
    assert_eq!(sender.send(&ordinary(&device_token)).await.status, 200);
}

#[tokio::test]
async fn a_dead_token_is_gone_since_the_millisecond_of_its_death() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (_, token) = world.started(&mut sender).await;
    world.clock.advance(Duration::from_millis(1_234));
    let died = world.clock.now();
    assert!(world.simulator.kill_token(&token));
    world.clock.advance(Duration::from_mins(1));
    let answer = sender.send(&world.post(&token, &world.update(0, "C1"))).await;
    assert_eq!(answer.verdict(), (410, "Unregistered".to_owned()));
    assert_eq!(answer.json()["timestamp"], died.0);
}

#[tokio::test]
async fn the_token_of_a_closed_card_is_answered_with_200_for_a_while_and_then_expired() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    phone.dismiss("").unwrap();
    let closed = world.clock.now();
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(sender.send(&world.post(&token, &world.update(0, "C1"))).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    let answer = sender.send(&world.post(&token, &world.update(0, "C2"))).await;
    assert_eq!(answer.verdict(), (410, "ExpiredToken".to_owned()));
    assert_eq!(answer.json()["timestamp"], (closed + Duration::from_mins(1)).0);
}

#[tokio::test]
async fn a_rotated_token_is_dead_or_leads_nowhere() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, first) = world.started(&mut sender).await;
    let mut rotation = RotateTokenRequest { old_stays_accepted: true, ..Default::default() };
    let second = phone.rotate_token(&rotation).unwrap();
    assert_eq!(sender.send(&world.post(&first, &world.update(1, "C1"))).await.status, 200);
    assert_eq!(phone.snapshot().cards[0].shown.len(), 1, "the old token leads nowhere");

    rotation.old_stays_accepted = false;
    let third = phone.rotate_token(&rotation).unwrap();
    let answer = sender.send(&world.post(&second, &world.update(1, "C2"))).await;
    assert_eq!(answer.verdict(), (410, "Unregistered".to_owned()));
    assert_eq!(sender.send(&world.post(&third, &world.update(1, "C3"))).await.status, 200);
    assert_eq!(phone.snapshot().cards[0].shown.len(), 2);

    let old = start_token(&phone);
    rotation.attributes_type = ATTRIBUTES_TYPE.into();
    assert_eq!(phone.rotate_token(&rotation).unwrap(), start_token(&phone));
    let answer = sender.send(&world.post(&old, &world.start())).await;
    assert_eq!(answer.verdict(), (410, "Unregistered".to_owned()));
}
