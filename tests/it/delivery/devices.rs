//! Devices that change hands or are installed anew.

use super::*;
use crate::harness::wait;
use tidings::proto::v1::{ApnsEnvironment, Platform, RegisterDeviceRequest, TokenResult};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_owner_ends_the_cards_at_once_and_silently() {
    let (world, phone) = World::flying().await;
    world.update_with("Gate", Some(alert("Gate B12"))).await;
    shows(&phone, 1, "Gate").await;
    phone.set_contact("eve");
    let seen = wait(&phone, "closes its card", |phone| {
        phone.cards[0].close_cause() == sim::CloseCause::Push
    })
    .await;
    assert!(!seen.cards[0].shown.last().expect("shown").alerted);
    let gone = seen.cards[0].gone_time.expect("leaves the screen").seconds;
    assert!(gone <= seen.cards[0].end_time.expect("ended").seconds + 1, "at once");
    let row = world.becomes("phone", SubscriptionState::Ended).await;
    assert_eq!(row.reason, "CONTACT_CHANGED");
    world.update("Boarding").await;
    world.settled(FLIGHT).await;
    assert_eq!(world.rows("phone", Operation::Update).await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_owner_ends_what_the_device_joined_through_the_old_contact() {
    let world = World::start().await;
    world.start_flight(&["ada"]).await;
    world.settled(FLIGHT).await;
    let phone = world.ready_phone("late", "ada").await;
    joins_by_itself(&phone);
    shows(&phone, 1, "Scheduled").await;
    phone.set_contact("");
    let row = world.becomes("late", SubscriptionState::Ended).await;
    assert_eq!(row.reason, "CONTACT_CHANGED");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_registered_under_a_new_device_id_moves_there() {
    let (world, phone) = World::flying().await;
    let device = RegisterDeviceRequest {
        device_id: "reinstalled".to_owned(),
        app_id: world.app_id.clone(),
        contact_key: Some("ada".to_owned()),
        platform: Platform::Ios.into(),
        os_version: "18.2".to_owned(),
        environment: ApnsEnvironment::Sandbox.into(),
        ..RegisterDeviceRequest::default()
    };
    world.devices().register_device(device).await.expect("registered");
    let card = phone.snapshot().cards[0].clone();
    let taken = world.register("reinstalled", &card).await;
    assert_eq!(taken.result(), TokenResult::Registered);
    let former = world.subscription(FLIGHT, "phone").await;
    assert_eq!(former.state(), SubscriptionState::Invalidated);
    assert_eq!(former.reason, "TOKEN_MOVED");
    world.update("Gate").await;
    shows(&phone, 1, "Gate").await;
    world.settled(FLIGHT).await;
    assert!(world.rows("phone", Operation::Update).await.is_empty());
    world.stop().await;
}
