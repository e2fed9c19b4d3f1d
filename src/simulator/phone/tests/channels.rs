//! Cards that follow a channel.

use crate::proto::simulator_v1::{
    CardState, Drop, DropReason, ListBroadcastsRequest, ListChannelsRequest, StartActivityRequest,
};
use crate::simulator::Phone;
use crate::simulator::sender::{Sender, World, start_token};
use serde_json::{Value, json};
use std::time::Duration;

const GATE: &str = r#"{"gate":"C1","seat":1}"#;

impl World {
    /// A phone that was started by push and follows the channel.
    async fn following(&self, sender: &mut Sender, channel_id: &str) -> Phone {
        let phone = self.phone("18.2");
        let start = self.start_on(channel_id);
        assert_eq!(sender.send(&self.post(&start_token(&phone), &start)).await.status, 200);
        phone
    }

    fn start_on(&self, channel_id: &str) -> Value {
        let mut start = self.start();
        start["input-push-channel"] = json!(channel_id);
        start.as_object_mut().expect("an object").remove("input-push-token");
        start
    }

    async fn publish(&self, sender: &mut Sender, channel_id: &str, aps: &Value) {
        self.publish_until(sender, channel_id, aps, 0).await;
    }

    async fn publish_until(
        &self,
        sender: &mut Sender,
        channel_id: &str,
        aps: &Value,
        expiration: i64,
    ) {
        let mut post = self.publishing(channel_id, &json!({ "aps": aps }).to_string());
        post.set("apns-expiration", &expiration.to_string());
        assert_eq!(sender.send(&post).await.status, 200);
    }
}

#[tokio::test]
async fn one_broadcast_reaches_every_card_that_follows_the_channel_and_no_other() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (other, _) = world.started(&mut sender).await;
    let channel_id = world.channel(0).await;
    let phones = [
        world.following(&mut sender, &channel_id).await,
        world.following(&mut sender, &channel_id).await,
    ];
    let seen = phones[0].snapshot();
    assert_eq!(seen.cards[0].channel_id, channel_id);
    assert_eq!(seen.cards[0].update_token, "", "it was not asked for one");
    world.publish(&mut sender, &channel_id, &world.update(1, "C1")).await;
    for phone in &phones {
        assert_eq!(phone.snapshot().cards[0].content_json, GATE);
    }
    assert_eq!(other.snapshot().cards[0].shown.len(), 1);
    let broadcasts = world.simulator.broadcasts(&ListBroadcastsRequest::default());
    assert_eq!(broadcasts[0].phones, 2);
    let channels = world.simulator.channels(&ListChannelsRequest::default());
    assert_eq!(channels[0].followers, 2);
    world.publish(&mut sender, &channel_id, &json!({"event": "end", "timestamp": 1})).await;
    assert_eq!(phones[1].snapshot().cards[0].state(), CardState::Ended);
    world.publish(&mut sender, &channel_id, &world.update(2, "C2")).await;
    let broadcasts = world.simulator.broadcasts(&ListBroadcastsRequest::default());
    assert_eq!(broadcasts[2].phones, 0, "nobody follows any more, and Apple does not say so");
}

#[tokio::test]
async fn a_broadcast_that_is_not_newer_or_starts_is_dropped() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let channel_id = world.channel(0).await;
    let phone = world.following(&mut sender, &channel_id).await;
    world.publish(&mut sender, &channel_id, &world.update(0, "C1")).await;
    world.publish(&mut sender, &channel_id, &world.start()).await;
    let seen = phone.snapshot();
    let reasons: Vec<DropReason> = seen.drops.iter().map(Drop::reason).collect();
    assert_eq!(reasons, [DropReason::TimestampNotNewer, DropReason::WrongTokenKind]);
    assert_eq!((seen.cards.len(), seen.cards[0].shown.len()), (1, 1));
}

#[tokio::test]
async fn a_start_for_a_channel_that_there_is_not_makes_no_card() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let phone = world.following(&mut sender, "AAAAAAAAAAAAAAAAAAAAAA==").await;
    let seen = phone.snapshot();
    assert_eq!((seen.cards.len(), seen.drops[0].reason()), (0, DropReason::ChannelUnknown));
}

#[tokio::test]
async fn a_start_may_ask_for_a_token_beside_the_channel() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, channel_id) = (world.phone("18.2"), world.channel(0).await);
    let mut start = world.start_on(&channel_id);
    start["input-push-token"] = json!(1);
    sender.send(&world.post(&start_token(&phone), &start)).await;
    let token = phone.snapshot().cards[0].update_token.clone();
    let answer = sender.send(&world.post(&token, &world.update(1, "C1"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(phone.snapshot().cards[0].content_json, GATE);
}

#[tokio::test]
async fn an_app_subscribes_itself_from_ios_18_on_to_a_channel_that_there_is() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let channel_id = world.channel(0).await;
    let (phone, old) = (world.phone("18.2"), world.phone("17.5"));
    let start = |channel_id: &str| StartActivityRequest {
        activity_type: "flight_status".into(),
        attributes_json: r#"{"activityId":"A"}"#.into(),
        content_json: r#"{"gate":"B1","seat":1}"#.into(),
        channel_id: channel_id.into(),
        ..StartActivityRequest::default()
    };
    phone.start_activity(&start(&channel_id)).expect("started");
    assert!(phone.start_activity(&start("AAAA")).is_err());
    assert!(old.start_activity(&start(&channel_id)).is_err());
    world.publish(&mut sender, &channel_id, &world.update(1, "C1")).await;
    let seen = phone.snapshot();
    assert_eq!((seen.cards.len(), seen.cards[0].content_json.as_str()), (1, GATE));
    assert_eq!(seen.cards[0].update_token, "");
}

#[tokio::test]
async fn only_the_newest_message_of_a_channel_that_stores_waits_for_the_network() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (storing, other) = (world.channel(1).await, world.channel(0).await);
    let phone = world.following(&mut sender, &storing).await;
    let unlucky = world.following(&mut sender, &other).await;
    phone.set_online(false);
    unlucky.set_online(false);
    let later = world.seconds() + 3_600;
    world.publish_until(&mut sender, &storing, &world.update(1, "B1"), later).await;
    world.publish_until(&mut sender, &storing, &world.update(2, "C1"), later).await;
    world.publish(&mut sender, &other, &world.update(1, "C1")).await;
    phone.set_online(true);
    unlucky.set_online(true);
    assert_eq!(phone.snapshot().cards[0].content_json, GATE);
    assert_eq!(phone.snapshot().drops[0].reason(), DropReason::OfflineOverwritten);
    assert_eq!(unlucky.snapshot().cards[0].shown.len(), 1);
    assert_eq!(unlucky.snapshot().drops[0].reason(), DropReason::OfflineNotStored);
}

#[tokio::test]
async fn a_stored_message_waits_eight_hours_at_most_and_outlives_its_channel() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let channel_id = world.channel(1).await;
    let (patient, late) = (
        world.following(&mut sender, &channel_id).await,
        world.following(&mut sender, &channel_id).await,
    );
    world.clock.advance(Duration::from_mins(1));
    patient.set_online(false);
    late.set_online(false);
    let in_a_week = world.seconds() + 7 * 86_400;
    world.publish_until(&mut sender, &channel_id, &world.update(1, "C1"), in_a_week).await;
    assert!(world.simulator.delete_channel(&channel_id));
    world.clock.advance(Duration::from_hours(7));
    patient.set_online(true);
    assert_eq!(patient.snapshot().cards[0].content_json, GATE);
    world.clock.advance(Duration::from_hours(1));
    late.set_online(true);
    assert_eq!(late.snapshot().drops[0].reason(), DropReason::OfflineExpired);
}
