//! Headers, paths and bodies.

use crate::simulator::sender::{APNS_ID, Post, World, start_token};
use http::Method;
use serde_json::json;

type Mistake = fn(&mut Post);

/// What is done to a good request, and what APNs says to it.
const MISTAKES: [(&str, Mistake, u16, &str); 27] = [
    ("an id that is no UUID", |p| p.set("apns-id", "1"), 400, "BadMessageId"),
    ("an upper-case id", |p| p.set("apns-id", &APNS_ID.to_uppercase()), 400, "BadMessageId"),
    ("an id without hyphens", |p| p.set("apns-id", &"a".repeat(32)), 400, "BadMessageId"),
    ("GET", |p| p.method = Method::GET, 405, "MethodNotAllowed"),
    ("another path", |p| p.path = "/4/device/80".into(), 404, "BadPath"),
    ("a longer path", |p| p.path.push_str("/more"), 404, "BadPath"),
    ("no device token", |p| p.path = "/3/device/".into(), 400, "MissingDeviceToken"),
    ("two topics", |p| p.headers.push(("apns-topic", "a".into())), 400, "DuplicateHeaders"),
    ("two ids", |p| p.headers.push(("apns-id", APNS_ID.into())), 400, "DuplicateHeaders"),
    ("no topic", |p| p.unset("apns-topic"), 400, "MissingTopic"),
    ("an empty topic", |p| p.set("apns-topic", ""), 400, "MissingTopic"),
    (
        "a topic of a suffix alone",
        |p| p.set("apns-topic", ".push-type.liveactivity"),
        400,
        "BadTopic",
    ),
    ("a topic with a space", |p| p.set("apns-topic", "com example"), 400, "BadTopic"),
    (
        "a stranger's topic",
        |p| p.set("apns-topic", "org.stranger.push-type.liveactivity"),
        400,
        "TopicDisallowed",
    ),
    (
        "a collapse id of 65 bytes",
        |p| p.set("apns-collapse-id", &"c".repeat(65)),
        400,
        "BadCollapseId",
    ),
    ("priority 1", |p| p.set("apns-priority", "1"), 400, "BadPriority"),
    ("priority 7", |p| p.set("apns-priority", "7"), 400, "BadPriority"),
    ("a priority in words", |p| p.set("apns-priority", "high"), 400, "BadPriority"),
    ("an expiration in words", |p| p.set("apns-expiration", "soon"), 400, "BadExpirationDate"),
    ("a fractional expiration", |p| p.set("apns-expiration", "1.5"), 400, "BadExpirationDate"),
    ("a negative expiration", |p| p.set("apns-expiration", "-1"), 400, "BadExpirationDate"),
    ("no push type", |p| p.unset("apns-push-type"), 400, "InvalidPushType"),
    ("an unknown push type", |p| p.set("apns-push-type", "LiveActivity"), 400, "InvalidPushType"),
    ("a push type against the topic", |p| p.set("apns-push-type", "alert"), 400, "InvalidPushType"),
    ("no provider token", |p| p.unset("authorization"), 403, "MissingProviderToken"),
    ("an empty body", |p| p.body.clear(), 400, "PayloadEmpty"),
    ("a body of 4,097 bytes", |p| p.body.resize(4_097, b' '), 413, "PayloadTooLarge"),
];

#[tokio::test]
async fn each_broken_rule_has_its_own_reason() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    for (mistake, make, status, reason) in MISTAKES {
        let mut post = world.post(&start_token(&phone), &world.start());
        make(&mut post);
        let answer = sender.send(&post).await;
        assert_eq!(answer.verdict(), (status, reason.to_owned()), "{mistake}");
        assert_eq!(answer.headers["content-type"], "application/json", "{mistake}");
        assert!(answer.json().get("timestamp").is_none(), "{mistake}");
    }
    assert!(phone.snapshot().cards.is_empty(), "no phone sees a refused push");
    assert_eq!(world.pushes().len(), MISTAKES.len());
}

#[tokio::test]
async fn the_first_broken_rule_is_the_one_that_is_named() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    // Broken from the last rule to the first: each time the reason is that of the newest mistake.
    let mistakes: [(Mistake, &str); 11] = [
        (|p| p.body.clear(), "PayloadEmpty"),
        (|p| p.path.push('z'), "BadDeviceToken"),
        (|p| p.set("authorization", "bearer a.b.c"), "InvalidProviderToken"),
        (|p| p.set("apns-push-type", "?"), "InvalidPushType"),
        (|p| p.set("apns-expiration", "?"), "BadExpirationDate"),
        (|p| p.set("apns-priority", "?"), "BadPriority"),
        (|p| p.set("apns-collapse-id", &"c".repeat(65)), "BadCollapseId"),
        (|p| p.set("apns-topic", "?"), "BadTopic"),
        (|p| p.headers.push(("apns-topic", "a".into())), "DuplicateHeaders"),
        (|p| p.path = "/".into(), "BadPath"),
        (|p| p.set("apns-id", "?"), "BadMessageId"),
    ];
    let mut post = world.post(&start_token(&phone), &world.start());
    for (make, reason) in mistakes {
        make(&mut post);
        assert_eq!(sender.send(&post).await.verdict().1, reason);
    }
}

#[tokio::test]
async fn what_is_allowed_is_accepted() {
    let world = World::new().await;
    let phone = world.phone_with("18.2", |spec| spec.offline = true);
    let mut sender = world.sandbox().await;
    let allowed: [(&str, Mistake); 8] = [
        ("no id", |p| p.unset("apns-id")),
        ("no priority", |p| p.unset("apns-priority")),
        ("priority 5", |p| p.set("apns-priority", "5")),
        ("no expiration", |p| p.unset("apns-expiration")),
        ("expiration 0", |p| p.set("apns-expiration", "0")),
        ("a collapse id of 64 bytes", |p| p.set("apns-collapse-id", &"c".repeat(64))),
        ("a body of 4,096 bytes", |p| p.body.resize(4_096, b' ')),
        ("a body that no phone can read", |p| p.body = b"{".to_vec()),
    ];
    for (what, make) in allowed {
        let mut post = world.post(&start_token(&phone), &world.start());
        make(&mut post);
        assert_eq!(sender.send(&post).await.status, 200, "{what}");
    }
}

#[tokio::test]
async fn the_id_is_echoed_or_made_and_a_success_has_no_body() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let mut post = world.post(&start_token(&phone), &world.start());
    let answer = sender.send(&post).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.headers["apns-id"], APNS_ID);
    assert!(answer.headers.contains_key("apns-unique-id"));

    post.unset("apns-id");
    let answer = sender.send(&post).await;
    assert_eq!(answer.headers["apns-id"].len(), APNS_ID.len());
    assert_ne!(answer.headers["apns-id"], APNS_ID);
    let pushes = world.pushes();
    assert_eq!(answer.headers["apns-id"], pushes[1].apns_id.as_str());
    assert_eq!((pushes[0].status, pushes[0].taken, pushes[0].priority), (200, true, 10));
    assert_eq!(pushes[0].phone_id, phone.id());
}

#[tokio::test]
async fn production_gives_no_unique_id() {
    let world = World::new().await;
    let phone = world.phone_with("18.2", |spec| {
        spec.set_world(crate::proto::simulator_v1::World::Production);
    });
    let mut sender = world.production().await;
    let post = world.post(&start_token(&phone), &json!({}));
    let answer = sender.send(&post).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("apns-unique-id"));
}
