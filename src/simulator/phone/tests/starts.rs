//! Starts by push.

use crate::proto::simulator_v1::{CardState, Drop, DropReason, PhoneSpec, Template, TokenProgress};
use crate::simulator::Config;
use crate::simulator::sender::{World, provider_token, start_token};
use serde_json::{Value, json};
use std::time::Duration;

type Mistake = fn(&mut Value);
type Setting = fn(&mut PhoneSpec);

/// A start that APNs accepts, and why no card appears.
const MISTAKES: [(&str, &str, Mistake, DropReason); 18] = [
    ("an unknown event", "18.2", |a| a["event"] = json!("begin"), DropReason::EventUnknown),
    ("no event", "18.2", |a| remove(a, "event"), DropReason::NotALiveActivity),
    ("an event that is no string", "18.2", |a| a["event"] = json!(1), DropReason::Unreadable),
    ("an update", "18.2", |a| a["event"] = json!("update"), DropReason::WrongTokenKind),
    ("an end", "18.2", |a| a["event"] = json!("end"), DropReason::WrongTokenKind),
    ("no timestamp", "18.2", |a| remove(a, "timestamp"), DropReason::TimestampMissing),
    (
        "a timestamp in words",
        "18.2",
        |a| a["timestamp"] = json!("now"),
        DropReason::TimestampMissing,
    ),
    (
        "milliseconds",
        "18.2",
        |a| a["timestamp"] = json!(1_800_000_000_000_i64),
        DropReason::TimestampAhead,
    ),
    ("no alert", "18.2", |a| remove(a, "alert"), DropReason::AlertMissing),
    ("an empty alert", "18.2", |a| a["alert"] = json!({}), DropReason::AlertMissing),
    (
        "an alert without body",
        "18.2",
        |a| remove(&mut a["alert"], "body"),
        DropReason::AlertMissing,
    ),
    (
        "an alert with an empty title",
        "18.2",
        |a| a["alert"]["title"] = json!(""),
        DropReason::AlertMissing,
    ),
    (
        "no attributes type",
        "18.2",
        |a| remove(a, "attributes-type"),
        DropReason::AttributesTypeUnknown,
    ),
    (
        "another attributes type",
        "18.2",
        |a| a["attributes-type"] = json!("X"),
        DropReason::AttributesTypeUnknown,
    ),
    ("no attributes", "18.2", |a| remove(a, "attributes"), DropReason::AttributesUndecodable),
    (
        "attributes without a property",
        "18.2",
        |a| remove(&mut a["attributes"], "activityId"),
        DropReason::AttributesUndecodable,
    ),
    (
        "a fraction for an integer",
        "18.2",
        |a| a["content-state"]["seat"] = json!(1.0),
        DropReason::ContentUndecodable,
    ),
    (
        "a channel",
        "17.4",
        |a| a["input-push-channel"] = json!("Y2hhbm5lbA=="),
        DropReason::ChannelBeforeIos18,
    ),
];

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key);
}

#[tokio::test]
async fn a_start_that_breaks_a_rule_shows_nothing_and_the_log_says_why() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    for (mistake, os_version, make, reason) in MISTAKES {
        let phone = world.phone(os_version);
        let mut aps = world.start();
        make(&mut aps);
        let answer = sender.send(&world.post(&start_token(&phone), &aps)).await;
        assert_eq!(answer.status, 200, "{mistake}: APNs does not look into the payload");
        let phone = phone.snapshot();
        assert!(phone.cards.is_empty(), "{mistake}");
        let reasons: Vec<DropReason> = phone.drops.iter().map(Drop::reason).collect();
        assert_eq!(reasons, [reason], "{mistake}");
        assert!(!phone.drops[0].apns_id.is_empty() && !phone.drops[0].detail.is_empty());
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_unreadable() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut post = world.post(&start_token(&phone), &world.start());
    post.body = b"{\"aps\":".to_vec();
    assert_eq!(world.sandbox().await.send(&post).await.status, 200);
    assert_eq!(phone.snapshot().drops[0].reason(), DropReason::Unreadable);
}

#[tokio::test]
async fn only_from_ios_17_2_on_there_is_a_token_that_starts() {
    let world = World::new().await;
    let cases: [(&str, Setting, usize); 6] = [
        ("16.4", |_| {}, 0),
        ("17.1.2", |_| {}, 0),
        ("17.2", |_| {}, 1),
        ("18", |_| {}, 1),
        ("26.1", |_| {}, 1),
        ("18.2", |spec| spec.activities_enabled = Some(false), 0),
    ];
    for (os_version, change, tokens) in cases {
        let phone = world.phone_with(os_version, change).snapshot();
        assert_eq!(phone.start_tokens.len(), tokens, "{os_version}");
    }
}

#[tokio::test]
async fn a_start_for_a_person_who_forbids_activities_is_dropped() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    phone.set_activities_enabled(false);
    let post = world.post(&start_token(&phone), &world.start());
    assert_eq!(world.sandbox().await.send(&post).await.status, 200);
    assert_eq!(phone.snapshot().drops[0].reason(), DropReason::ActivitiesDisabled);
}

#[tokio::test]
async fn every_start_opens_a_new_card_with_what_it_carries() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let post = world.post(&start_token(&phone), &world.start());
    for _ in 0..2 {
        assert_eq!(sender.send(&post).await.status, 200);
    }
    let phone = phone.snapshot();
    assert_eq!(phone.cards.len(), 2, "the same push twice is two cards");
    assert_ne!(phone.cards[0].card_id, phone.cards[1].card_id);
    let card = &phone.cards[0];
    assert_eq!((card.activity_id.as_str(), card.run), ("FLIGHT_1711", 2));
    assert_eq!(card.content_json, r#"{"gate":"B12","seat":1}"#);
    assert_eq!((card.state(), card.on_screen), (CardState::Active, true));
    assert_eq!(card.shown[0].alert_title, "TK1983");
    assert_eq!(card.shown[0].timestamp, world.seconds());
}

#[tokio::test]
async fn localised_alerts_are_alerts_too() {
    let world = World::new().await;
    let phone = world.phone_with("18.2", |spec| {
        spec.strings.insert("B".to_owned(), "Kapı %@".to_owned());
    });
    let mut aps = world.start();
    aps["alert"] = json!({
        "title": {"loc-key": "T", "loc-args": []},
        "body": {"loc-key": "B", "loc-args": ["B12"]},
    });
    world.sandbox().await.send(&world.post(&start_token(&phone), &aps)).await;
    let shown = phone.snapshot().cards[0].shown[0].clone();
    assert_eq!((shown.alert_title.as_str(), shown.alert_body.as_str()), ("T", "Kapı B12"));
}

#[tokio::test]
async fn from_ios_18_on_a_card_gets_a_token_only_if_the_push_asks_for_it() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let asks: Mistake = |_| {};
    let silent: Mistake = |aps| remove(aps, "input-push-token");
    let wrong: Mistake = |aps| aps["input-push-token"] = json!(true);
    let cases = [
        ("17.4", asks, true),
        ("17.4", silent, true),
        ("18.0", asks, true),
        ("18.0", silent, false),
        ("18.0", wrong, false),
    ];
    for (os_version, make, has_token) in cases {
        let phone = world.phone(os_version);
        let mut aps = world.start();
        make(&mut aps);
        sender.send(&world.post(&start_token(&phone), &aps)).await;
        let card = phone.snapshot().cards.remove(0);
        assert_eq!(!card.update_token.is_empty(), has_token, "{os_version}");
        let progress = card.token_progress();
        assert_eq!(progress == TokenProgress::Unspecified, !has_token, "{os_version}");
    }
}

#[tokio::test]
async fn starts_have_a_budget_that_comes_back() {
    let config = Config { live_cards_max: 100, ..Config::default() };
    let world = World::with(config).await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let post = world.post(&start_token(&phone), &world.start());
    for _ in 0..11 {
        assert_eq!(sender.send(&post).await.status, 200);
    }
    let seen = phone.snapshot();
    assert_eq!((seen.cards.len(), seen.drops.len()), (10, 1));
    assert_eq!(seen.drops[0].reason(), DropReason::StartBudget);

    world.clock.advance(Duration::from_hours(24));
    let mut post = world.post(&start_token(&phone), &world.start());
    let token = provider_token(world.simulator.credential(), world.seconds());
    post.set("authorization", &format!("bearer {token}"));
    sender.send(&post).await;
    assert_eq!(phone.snapshot().cards.len(), 11);
}

#[tokio::test]
async fn an_app_has_only_so_many_living_cards() {
    let world = World::with(Config { live_cards_max: 1, ..Config::default() }).await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let post = world.post(&start_token(&phone), &world.start());
    sender.send(&post).await;
    sender.send(&post).await;
    assert_eq!(phone.snapshot().drops[0].reason(), DropReason::TooManyCards);
    phone.dismiss("").unwrap();
    sender.send(&post).await;
    assert_eq!(phone.snapshot().cards.len(), 2);
}

#[tokio::test]
async fn a_token_starts_activities_of_its_own_type_only() {
    let world = World::new().await;
    let phone = world.phone_with("18.2", |spec| {
        let taxi = Template { attributes_type: "Taxi".into(), ..Template::default() };
        spec.templates.push(taxi);
    });
    let tokens = phone.snapshot().start_tokens;
    assert_eq!(tokens[1].attributes_type, "Taxi");
    let post = world.post(&tokens[1].token, &world.start());
    assert_eq!(world.sandbox().await.send(&post).await.status, 200);
    assert_eq!(phone.snapshot().drops[0].reason(), DropReason::AttributesTypeUnknown);
}
