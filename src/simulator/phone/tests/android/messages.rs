//! Messages that FCM takes and the app cannot use.

use crate::proto::simulator_v1::{AndroidSpec, DropReason, PhoneSpec};
use crate::simulator::message_sender::{World, gates, reasons};
use crate::simulator::{Phone, Refusal};
use serde_json::{Value, json};

type Mistake = fn(&mut Value);
type Change = fn(&mut PhoneSpec);

const MISTAKES: [(&str, Mistake, DropReason); 19] = [
    ("no id", |d| without(d, "tidings_activity_id"), DropReason::NotALiveActivity),
    ("an empty id", |d| d["tidings_activity_id"] = json!(""), DropReason::NotALiveActivity),
    ("no event", |d| without(d, "tidings_event"), DropReason::KeyMalformed),
    ("another event", |d| d["tidings_event"] = json!("begin"), DropReason::EventUnknown),
    ("no run", |d| without(d, "tidings_run"), DropReason::KeyMalformed),
    ("a run of nothing", |d| d["tidings_run"] = json!("0"), DropReason::KeyMalformed),
    ("no revision", |d| without(d, "tidings_revision"), DropReason::KeyMalformed),
    ("a revision in words", |d| d["tidings_revision"] = json!("one"), DropReason::KeyMalformed),
    ("no type", |d| without(d, "tidings_activity_type"), DropReason::KeyMalformed),
    ("no attributes", |d| without(d, "tidings_attributes"), DropReason::KeyMalformed),
    ("a list of attributes", |d| d["tidings_attributes"] = json!("[]"), DropReason::KeyMalformed),
    ("no content", |d| without(d, "tidings_content_state"), DropReason::KeyMalformed),
    ("half a content", |d| d["tidings_content_state"] = json!("{"), DropReason::KeyMalformed),
    ("no timestamp", |d| without(d, "tidings_timestamp"), DropReason::KeyMalformed),
    (
        "a stale time in words",
        |d| d["tidings_stale_time"] = json!("soon"),
        DropReason::KeyMalformed,
    ),
    ("an alert of nothing", |d| d["tidings_alert"] = json!("{}"), DropReason::KeyMalformed),
    (
        "a type that the app has not",
        |d| d["tidings_activity_type"] = json!("taxi"),
        DropReason::AttributesTypeUnknown,
    ),
    (
        "attributes without a property",
        |d| d["tidings_attributes"] = json!("{}"),
        DropReason::AttributesUndecodable,
    ),
    (
        "content with a fraction",
        |d| d["tidings_content_state"] = json!(r#"{"gate":"B1","seat":1.5}"#),
        DropReason::ContentUndecodable,
    ),
];

fn without(data: &mut Value, key: &str) {
    data.as_object_mut().unwrap().remove(key);
}

#[tokio::test]
async fn a_message_that_breaks_a_rule_shows_nothing_and_the_log_says_why() {
    let world = World::new().await;
    for (mistake, make, reason) in MISTAKES {
        let phone = world.android(36);
        let mut data = world.data();
        make(&mut data);
        world.say(&phone, &data).await;
        let seen = phone.snapshot();
        assert!(seen.cards.is_empty(), "{mistake}");
        assert_eq!(reasons(&phone), [reason], "{mistake}");
        assert!(!seen.drops[0].message_id.is_empty() && !seen.drops[0].detail.is_empty());
        world.say(&phone, &world.data()).await;
        assert_eq!(gates(&phone), ["B5"], "{mistake}: what was not shown is not remembered");
    }
}

#[tokio::test]
async fn the_log_says_which_message_it_was() {
    let world = World::new().await;
    let phone = world.android(36);
    let mut data = world.data();
    data["tidings_activity_type"] = json!("taxi");
    world.say(&phone, &data).await;
    let dropped = phone.snapshot().drops.remove(0);
    assert_eq!((dropped.event.as_str(), dropped.run, dropped.revision), ("update", 2, 5));
    assert_eq!(dropped.timestamp, world.clock.now().seconds());
    let name = world.sends()[0].name.clone();
    assert!(name.ends_with(&format!("/{}", dropped.message_id)), "{name}");
}

fn sendora(event: &str, gate: &str) -> Value {
    json!({
        "sendoraLiveActivityId": "act_1",
        "sendoraLiveActivityEvent": event,
        "sendoraContentState": format!(r#"{{"gate":"{gate}","seat":1}}"#),
    })
}

fn with_sendora(world: &World) -> Phone {
    world.android_with(36, |spec| {
        spec.android = Some(AndroidSpec { sendora_keys: true, ..AndroidSpec::default() });
    })
}

#[tokio::test]
async fn an_app_may_read_sendoras_three_keys() {
    let world = World::new().await;
    let phone = with_sendora(&world);
    for (event, gate) in [("update", "B1"), ("update", "B2"), ("end", "B3")] {
        world.say(&phone, &sendora(event, gate)).await;
    }
    assert_eq!(gates(&phone), ["B1", "B2", "B3"]);
    let card = phone.snapshot().cards.remove(0);
    assert_eq!((card.activity_id.as_str(), card.run, card.end_time.is_some()), ("act_1", 0, true));
    world.say(&phone, &sendora("update", "B4")).await;
    world.say(&phone, &world.data()).await;
    world.say(&phone, &sendora("start", "B5")).await;
    let expected = [DropReason::CardClosed, DropReason::NotALiveActivity, DropReason::EventUnknown];
    assert_eq!(reasons(&phone), expected);
}

#[tokio::test]
async fn what_is_closed_stays_so_with_sendoras_keys_too() {
    let world = World::new().await;
    let phone = with_sendora(&world);
    world.say(&phone, &sendora("update", "B1")).await;
    phone.dismiss("").unwrap();
    world.say(&phone, &sendora("update", "B2")).await;
    assert_eq!(reasons(&phone), [DropReason::Dismissed]);
    assert_eq!(gates(&phone), ["B1"]);
}

#[tokio::test]
async fn an_app_that_reads_tidings_keys_does_not_know_sendoras() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &sendora("update", "B1")).await;
    assert_eq!(reasons(&phone), [DropReason::NotALiveActivity]);
}

#[tokio::test]
async fn a_phone_with_android_takes_nothing_of_apples() {
    let world = World::new().await;
    let good = PhoneSpec {
        device_id: "pixel".into(),
        bundle_id: "com.example".into(),
        android: Some(AndroidSpec { api_level: 31, ..AndroidSpec::default() }),
        ..PhoneSpec::default()
    };
    let wrong: [(Change, &str); 5] = [
        (|spec| spec.android.as_mut().unwrap().api_level = 0, "api_level"),
        (|spec| spec.os_version = "twelve".into(), "os_version"),
        (|spec| spec.world = 1, "world"),
        (|spec| spec.start_budget = Some(1), "start_budget"),
        (
            |spec| spec.closed_token_life = Some(prost_types::Duration::default()),
            "closed_token_life",
        ),
    ];
    for (change, field) in wrong {
        let mut spec = good.clone();
        change(&mut spec);
        let refused = world.simulator.create_phone(spec).err();
        assert!(
            matches!(&refused, Some(Refusal::Invalid(text)) if text.contains(field)),
            "{field}"
        );
    }
    let phone = world.simulator.create_phone(good).unwrap();
    assert_eq!(phone.snapshot().os_version, "12");
    assert!(phone.hold_messages().is_ok());
}
