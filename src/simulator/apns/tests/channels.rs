//! Channels: managed and published to, with every mistake that one can make.

use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::{
    Fault, FaultReset, FaultService, ListBroadcastsRequest, ListChannelsRequest,
};
use crate::simulator::Config;
use crate::simulator::sender::{Answer, BUNDLE, Post, Sender, World};
use http::Method;
use serde_json::json;

const REQUEST_ID: &str = "3f1ec6d9-17f7-4d4f-9b5c-0d8b0a8f3c11";
const NO_CHANNEL: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

type Mistake = fn(&mut Post);

impl World {
    pub(in crate::simulator) async fn manager(&self) -> Sender {
        let url = self.simulator.sandbox_manage_url();
        Sender::connect(&url, self.simulator.ca_pem()).await
    }

    fn managing(&self, method: Method, what: &str, body: &str) -> Post {
        let headers = vec![
            ("authorization", self.authorization().to_owned()),
            ("apns-request-id", REQUEST_ID.to_owned()),
        ];
        let path = format!("/1/apps/{BUNDLE}/{what}");
        Post { method, path, headers, body: body.as_bytes().to_vec() }
    }

    /// A request for a channel that nothing is wrong with.
    fn creating(&self, policy: u8) -> Post {
        let body = json!({"message-storage-policy": policy, "push-type": "LiveActivity"});
        self.managing(Method::POST, "channels", &body.to_string())
    }

    /// A channel of the app, which Apple knows from then on.
    pub(in crate::simulator) async fn channel(&self, policy: u8) -> String {
        assert!(self.simulator.add_bundle(BUNDLE));
        let answer = self.manager().await.send(&self.creating(policy)).await;
        assert_eq!((answer.status, answer.body.len()), (201, 0));
        answer.headers["apns-channel-id"].to_str().expect("a text").to_owned()
    }

    /// A broadcast that nothing is wrong with.
    pub(in crate::simulator) fn publishing(&self, channel_id: &str, body: &str) -> Post {
        let headers = vec![
            ("authorization", self.authorization().to_owned()),
            ("apns-request-id", REQUEST_ID.to_owned()),
            ("apns-channel-id", channel_id.to_owned()),
            ("apns-push-type", "liveactivity".to_owned()),
            ("apns-priority", "5".to_owned()),
            ("apns-expiration", "0".to_owned()),
        ];
        let path = format!("/4/broadcasts/apps/{BUNDLE}");
        Post { method: Method::POST, path, headers, body: body.as_bytes().to_vec() }
    }

    /// A world in which the app is known to Apple.
    async fn with_app(config: Config) -> Self {
        let world = World::with(config).await;
        assert!(world.simulator.add_bundle(BUNDLE));
        world
    }
}

fn named(mut post: Post, channel_id: &str) -> Post {
    post.set("apns-channel-id", channel_id);
    post
}

#[tokio::test]
async fn a_channel_is_created_read_listed_and_deleted() {
    let world = World::with_app(Config::default()).await;
    let channel_id = world.channel(1).await;
    let mut manager = world.manager().await;
    let read = world.managing(Method::GET, "channels", "");
    let answer = manager.send(&named(read.clone(), &channel_id)).await;
    assert_eq!(answer.status, 200);
    let config = json!({"message-storage-policy": 1, "push-type": "LiveActivity"});
    assert_eq!(answer.json(), config);
    assert_eq!(answer.headers["apns-request-id"], REQUEST_ID);
    let listed = manager.send(&world.managing(Method::GET, "all-channels", "")).await;
    assert_eq!((listed.status, listed.json()), (200, json!({"channels": [channel_id]})));
    let delete = named(world.managing(Method::DELETE, "channels", ""), &channel_id);
    let answer = manager.send(&delete).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let gone = manager.send(&named(read, &channel_id)).await;
    assert_eq!(gone.verdict(), (400, "ChannelNotRegistered".into()));
    assert!(world.simulator.channels(&ListChannelsRequest::default()).is_empty());
}

/// What is done to a good request for a channel, and what Apple says to it.
const WRONG_CREATIONS: [(&str, Mistake, u16, &str); 18] = [
    ("an id that is no UUID", |p| p.set("apns-request-id", "1"), 400, "BadMessageId"),
    ("PUT", |p| p.method = Method::PUT, 405, "MethodNotAllowed"),
    ("another path", |p| p.path = "/1/app/x/channels".into(), 404, "BadPath"),
    ("the id in the path", |p| p.path.push_str("/abc"), 404, "BadPath"),
    ("a push", |p| p.path = "/3/device/80".into(), 404, "BadPath"),
    ("a broadcast", |p| p.path = format!("/4/broadcasts/apps/{BUNDLE}"), 404, "BadPath"),
    (
        "a topic for a bundle id",
        |p| p.path = format!("/1/apps/{BUNDLE}.push-type.liveactivity/channels"),
        400,
        "TopicDisallowed",
    ),
    ("a stranger's app", |p| p.path = "/1/apps/org.x/channels".into(), 403, "TopicMismatch"),
    ("no provider token", |p| p.unset("authorization"), 403, "MissingProviderToken"),
    ("a wrong provider token", |p| p.set("authorization", "bearer x"), 403, "InvalidProviderToken"),
    ("no body", |p| p.body.clear(), 400, "PayloadEmpty"),
    ("a body that is no JSON", |p| p.body = b"{".to_vec(), 400, "BadRequestPayload"),
    ("a list", |p| p.body = b"[]".to_vec(), 400, "BadRequestPayload"),
    (
        "an unknown key",
        |p| p.body = br#"{"messageStoragePolicy":1}"#.to_vec(),
        400,
        "BadRequestParams",
    ),
    (
        "no push type",
        |p| p.body = br#"{"message-storage-policy":1}"#.to_vec(),
        400,
        "MissingPushType",
    ),
    (
        "another push type",
        |p| p.body = br#"{"message-storage-policy":1,"push-type":"alert"}"#.to_vec(),
        400,
        "InvalidPushType",
    ),
    (
        "no policy",
        |p| p.body = br#"{"push-type":"LiveActivity"}"#.to_vec(),
        400,
        "MissingChannelQueueSize",
    ),
    (
        "an unknown policy",
        |p| p.body = br#"{"message-storage-policy":2,"push-type":"LiveActivity"}"#.to_vec(),
        400,
        "MissingChannelQueueSize",
    ),
];

#[tokio::test]
async fn each_mistake_in_managing_has_its_reason_and_does_nothing() {
    let world = World::with_app(Config::default()).await;
    let mut manager = world.manager().await;
    assert_eq!(manager.send(&world.creating(0)).await.status, 201, "nothing is wrong with it");
    for (what, mistake, status, reason) in WRONG_CREATIONS {
        let mut post = world.creating(0);
        mistake(&mut post);
        let answer = manager.send(&post).await;
        assert_eq!(answer.verdict(), (status, reason.to_owned()), "{what}");
        assert!(answer.headers.contains_key("apns-request-id"), "{what}");
    }
    let read = world.managing(Method::GET, "channels", "");
    let verdict = async |post: Post| world.manager().await.send(&post).await.verdict().1;
    assert_eq!(verdict(read.clone()).await, "MissingChannelId");
    assert_eq!(verdict(named(read.clone(), "no base64!")).await, "BadChannelId");
    assert_eq!(verdict(named(read, NO_CHANNEL)).await, "ChannelNotRegistered");
    assert_eq!(world.simulator.channels(&ListChannelsRequest::default()).len(), 1);
    assert!(world.pushes().is_empty(), "none of these is a push");
}

#[tokio::test]
async fn a_channel_of_one_world_is_unknown_in_the_other() {
    let world = World::with_app(Config::default()).await;
    let channel_id = world.channel(0).await;
    let mut production = world.production().await;
    let answer = production.send(&world.publishing(&channel_id, "{}")).await;
    assert_eq!(answer.verdict(), (400, "ChannelNotRegistered".into()));
}

#[tokio::test]
async fn the_number_of_channels_is_limited_and_the_capability_is_needed() {
    let config = Config { channels_max: 2, ..Config::default() };
    let world = World::with_app(config).await;
    let (first, _) = (world.channel(0).await, world.channel(1).await);
    let mut manager = world.manager().await;
    let full = manager.send(&world.creating(0)).await;
    assert_eq!(full.verdict(), (400, "CannotCreateChannelConfig".into()));
    assert!(world.simulator.delete_channel(&first));
    world.channel(0).await;
    world.simulator.set_broadcast_capability(BUNDLE, false);
    let refused = manager.send(&world.creating(0)).await;
    assert_eq!(refused.verdict(), (400, "FeatureNotEnabled".into()));
    world.simulator.set_broadcast_capability(BUNDLE, true);
    assert!(world.simulator.channels(&ListChannelsRequest::default()).is_empty(), "all are gone");
}

/// What is done to a good broadcast, and what Apple says to it.
const WRONG_BROADCASTS: [(&str, Mistake, &str); 13] = [
    ("no channel", |p| p.unset("apns-channel-id"), "MissingChannelId"),
    ("no push type", |p| p.unset("apns-push-type"), "MissingPushType"),
    ("another push type", |p| p.set("apns-push-type", "alert"), "InvalidPushType"),
    ("no expiration", |p| p.unset("apns-expiration"), "BadExpirationDate"),
    ("an expiration in words", |p| p.set("apns-expiration", "soon"), "BadExpirationDate"),
    (
        "an expiration where nothing is stored",
        |p| p.set("apns-expiration", "1800003600"),
        "BadExpirationDate",
    ),
    ("no priority", |p| p.unset("apns-priority"), "BadPriority"),
    ("priority 7", |p| p.set("apns-priority", "7"), "BadPriority"),
    ("no base64", |p| p.set("apns-channel-id", "?"), "BadChannelId"),
    ("no such channel", |p| p.set("apns-channel-id", NO_CHANNEL), "ChannelNotRegistered"),
    (
        "a topic for a bundle id",
        |p| p.path = format!("/4/broadcasts/apps/{BUNDLE}.push-type.liveactivity"),
        "TopicDisallowed",
    ),
    ("no body", |p| p.body.clear(), "PayloadEmpty"),
    ("too large a body", |p| p.body = vec![b' '; 5_121], "PayloadTooLarge"),
];

#[tokio::test]
async fn each_mistake_in_publishing_has_its_reason() {
    let world = World::with_app(Config::default()).await;
    let channel_id = world.channel(0).await;
    let mut sender = world.sandbox().await;
    for (what, mistake, reason) in WRONG_BROADCASTS {
        let mut post = world.publishing(&channel_id, "{}");
        mistake(&mut post);
        let (status, given) = sender.send(&post).await.verdict();
        assert_eq!(given, reason, "{what}");
        assert_eq!(status, if reason == "PayloadTooLarge" { 413 } else { 400 }, "{what}");
    }
    let mut large = world.publishing(&channel_id, "");
    large.body = vec![b' '; 5_120];
    large.set("apns-push-type", "LiveActivity");
    assert_eq!(sender.send(&large).await.status, 200, "as large as may be, spelt otherwise");
}

#[tokio::test]
async fn a_broadcast_is_taken_by_either_host_and_recorded_apart_from_pushes() {
    let world = World::with_app(Config::default()).await;
    let channel_id = world.channel(0).await;
    let info = world.simulator.info();
    let post = world.publishing(&channel_id, r#"{"aps":{}}"#);
    for url in [info.sandbox_url, info.sandbox_broadcast_url] {
        let mut sender = Sender::connect(&url, world.simulator.ca_pem()).await;
        let Answer { status, headers, body } = sender.send(&post).await;
        assert_eq!((status, body.len()), (200, 0));
        assert_eq!(headers["apns-request-id"], REQUEST_ID);
    }
    let seen = world.simulator.broadcasts(&ListBroadcastsRequest::default());
    assert_eq!(seen.len(), 2);
    for one in seen {
        assert_eq!((one.channel_id.as_str(), one.priority), (channel_id.as_str(), 5));
        assert_eq!((one.status, one.taken, one.phones), (200, true, 0));
        assert_eq!(one.body, br#"{"aps":{}}"#);
    }
    assert!(world.pushes().is_empty());
}

#[tokio::test]
async fn faults_meet_the_management_and_the_broadcasts_that_they_name() {
    let world = World::with_app(Config::default()).await;
    let reset = |service: FaultService, event: &str, take| Fault {
        service: service.into(),
        event: event.into(),
        take,
        count: 1,
        action: Some(Action::Reset(FaultReset { code: 2 })),
        ..Fault::default()
    };
    world.simulator.set_fault(reset(FaultService::Channels, "delete", false));
    world.simulator.set_fault(reset(FaultService::Channels, "create", true));
    let mut manager = world.manager().await;
    assert!(manager.try_send(&world.creating(0)).await.is_err());
    let made = world.simulator.channels(&ListChannelsRequest::default());
    assert_eq!(made.len(), 1, "it was done, and nobody told");
    let delete = named(world.managing(Method::DELETE, "channels", ""), &made[0].channel_id);
    assert!(manager.try_send(&delete).await.is_err());
    assert_eq!(world.simulator.channels(&ListChannelsRequest::default()).len(), 1);
    let fault = reset(FaultService::Broadcasts, "update", false);
    let id = world.simulator.set_fault(fault).expect("a fault");
    let mut sender = world.sandbox().await;
    let body = r#"{"aps":{"event":"update"}}"#;
    assert!(sender.try_send(&world.publishing(&made[0].channel_id, body)).await.is_err());
    let seen = world.simulator.broadcasts(&ListBroadcastsRequest::default());
    assert_eq!((seen[0].fault_id, seen[0].taken), (id, false));
}
