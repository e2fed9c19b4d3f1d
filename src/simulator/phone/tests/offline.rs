//! A phone without a network.

use crate::proto::simulator_v1::DropReason;
use crate::simulator::sender::World;
use std::time::Duration;

#[tokio::test]
async fn the_newest_push_waits_for_the_network_and_the_older_one_is_lost() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    phone.set_online(false);
    for (later, gate) in [(1, "C1"), (2, "C2")] {
        assert_eq!(sender.send(&world.post(&token, &world.update(later, gate))).await.status, 200);
    }
    assert_eq!(phone.snapshot().cards[0].shown.len(), 1, "nothing arrives");
    phone.set_online(true);
    let seen = phone.snapshot();
    assert_eq!(seen.cards[0].content_json, r#"{"gate":"C2","seat":1}"#);
    assert_eq!(seen.drops.len(), 1);
    assert_eq!(seen.drops[0].reason(), DropReason::OfflineOverwritten);
}

#[tokio::test]
async fn a_push_with_expiration_0_is_tried_once() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    let mut post = world.post(&token, &world.update(1, "C1"));
    post.set("apns-expiration", "0");
    phone.set_online(false);
    assert_eq!(sender.send(&post).await.status, 200);
    phone.set_online(true);
    assert_eq!(phone.snapshot().drops[0].reason(), DropReason::OfflineNotStored);
    assert_eq!(phone.snapshot().cards[0].shown.len(), 1);
    assert_eq!(sender.send(&post).await.status, 200);
    assert_eq!(phone.snapshot().cards[0].shown.len(), 2, "online it arrives");
}

#[tokio::test]
async fn a_stored_push_expires() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    phone.set_online(false);
    let mut post = world.post(&token, &world.update(1, "C1"));
    post.set("apns-expiration", &(world.seconds() + 60).to_string());
    sender.send(&post).await;
    world.clock.advance(Duration::from_mins(1));
    phone.set_online(true);
    assert_eq!(phone.snapshot().drops[0].reason(), DropReason::OfflineExpired);
    assert_eq!(phone.snapshot().cards[0].shown.len(), 1);
}

#[tokio::test]
async fn a_push_without_expiration_is_stored_for_long() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    phone.set_online(false);
    let mut post = world.post(&token, &world.update(1, "C1"));
    post.unset("apns-expiration");
    sender.send(&post).await;
    world.clock.advance(Duration::from_hours(7));
    phone.set_online(true);
    assert_eq!(phone.snapshot().cards[0].shown.len(), 2);
}
