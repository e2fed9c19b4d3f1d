//! What FCM checks in a message.

use crate::simulator::message_sender::{PACKAGE, World, message};
use crate::simulator::{Config, ReservedKeys};
use serde_json::{Value, json};

type Mistake = fn(&mut Value);

/// A mistake, where FCM finds it, and FCM's code; where that is empty, the API in front of FCM has found it.
const MISTAKES: [(&str, Mistake, &str, &str); 31] = [
    ("an unknown field", |m| m["x"] = json!(1), "message", ""),
    ("an unknown field inside", |m| m["android"]["x"] = json!(1), "message.android", ""),
    ("a message that is none", |m| *m = json!("hello"), "message", ""),
    ("a number among the data", |m| m["data"]["n"] = json!(12), "message.data[1].value", ""),
    ("an object among the data", |m| m["data"] = json!({"n": {}}), "message.data[0].value", ""),
    ("data that is a list", |m| m["data"] = json!([]), "message.data", ""),
    (
        "a number for Android",
        |m| m["android"]["data"] = json!({"n": 1}),
        "message.android.data[0].value",
        "",
    ),
    (
        "a title that is a number",
        |m| m["notification"] = json!({"title": 1}),
        "message.notification.title",
        "",
    ),
    ("a second target", |m| m["topic"] = json!("news"), "message", ""),
    ("a token that is a number", |m| m["token"] = json!(1), "message.token", ""),
    ("no target", |m| drop(m["token"].take()), "message", "INVALID_ARGUMENT"),
    (
        "another priority",
        |m| m["android"]["priority"] = json!("URGENT"),
        "message.android.priority",
        "",
    ),
    ("a ttl without unit", |m| m["android"]["ttl"] = json!("60"), "message.android.ttl", ""),
    ("a ttl that is a number", |m| m["android"]["ttl"] = json!(60), "message.android.ttl", ""),
    ("a ttl below zero", |m| m["android"]["ttl"] = json!("-1s"), "message.android.ttl", ""),
    ("a ttl of nothing", |m| m["android"]["ttl"] = json!(".5s"), "message.android.ttl", ""),
    (
        "a ttl finer than nanoseconds",
        |m| m["android"]["ttl"] = json!("1.0123456789s"),
        "message.android.ttl",
        "",
    ),
    (
        "a ttl of over four weeks",
        |m| m["android"]["ttl"] = json!("2419201s"),
        "message.android.ttl",
        "INVALID_ARGUMENT",
    ),
    (
        "both ways for Android",
        |m| m["android_v2"] = json!({}),
        "message.android_v2",
        "INVALID_ARGUMENT",
    ),
    ("the key from", |m| m["data"]["from"] = json!(""), "message.data", "INVALID_ARGUMENT"),
    (
        "the key message_type",
        |m| m["data"]["message_type"] = json!(""),
        "message.data",
        "INVALID_ARGUMENT",
    ),
    (
        "a key of Google's",
        |m| m["data"]["google.a"] = json!(""),
        "message.data",
        "INVALID_ARGUMENT",
    ),
    (
        "a key like Google's",
        |m| m["data"]["googles"] = json!(""),
        "message.data",
        "INVALID_ARGUMENT",
    ),
    (
        "a key of GCM's",
        |m| m["data"]["gcm.notification.a"] = json!(""),
        "message.data",
        "INVALID_ARGUMENT",
    ),
    ("4,097 bytes", |m| m["data"] = json!({"k": "x".repeat(4_096)}), "message", "INVALID_ARGUMENT"),
    (
        "another package",
        |m| m["android"]["restricted_package_name"] = json!("a"),
        "message.android.restricted_package_name",
        "INVALID_ARGUMENT",
    ),
    (
        "a label with a blank",
        |m| m["fcm_options"] = json!({"analytics_label": "a b"}),
        "message.fcm_options.analytics_label",
        "INVALID_ARGUMENT",
    ),
    (
        "a flag in words",
        |m| m["android"]["direct_boot_ok"] = json!("yes"),
        "message.android.direct_boot_ok",
        "",
    ),
    ("an unknown field for iOS", |m| m["apns"] = json!({"x": 1}), "message.apns", ""),
    (
        "an unknown field of a notification",
        |m| m["android"]["notification"] = json!({"progress": 1}),
        "message.android.notification",
        "",
    ),
    (
        "a topic with a prefix",
        |m| *m = json!({"topic": "/topics/news"}),
        "message.topic",
        "INVALID_ARGUMENT",
    ),
];

#[tokio::test]
async fn a_message_that_breaks_a_rule_is_refused_with_the_field() {
    let world = World::new().await;
    for (mistake, make, field, code) in MISTAKES {
        for validate_only in [false, true] {
            let mut body = message(&world.token());
            body["validate_only"] = json!(validate_only);
            make(&mut body["message"]);
            let answer = world.send(&body).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, code),
                "{mistake}: {}",
                answer.text
            );
            let error = &answer.json()["error"];
            assert_eq!(
                (&error["status"], &error["code"]),
                (&json!("INVALID_ARGUMENT"), &json!(400))
            );
            let details = error["details"].as_array().unwrap();
            let found =
                details.iter().find_map(|detail| detail["fieldViolations"][0]["field"].as_str());
            assert_eq!(found, Some(field), "{mistake}");
        }
    }
    assert!(world.sends().iter().all(|send| !send.taken && send.status == 400));
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let world = World::new().await;
    let request = world.request(world.simulator.project_id(), &world.access_token, &Value::Null);
    let answer = crate::simulator::message_sender::answer(request.body("{")).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, ""));
    let nothing = world.send(&json!({})).await;
    assert_eq!((nothing.status, nothing.code().as_str()), (400, "INVALID_ARGUMENT"));
    assert_eq!(world.send(&json!({"messages": []})).await.status, 400);
}

#[tokio::test]
async fn what_libraries_and_the_documentation_send_is_taken() {
    let world = World::new().await;
    let token = world.token();
    for change in [
        json!({"android": {"priority": "high", "ttl": "3.5s"}}),
        json!({"android": {"priority": "normal", "collapseKey": "a", "directBootOk": true}}),
        json!({"android": {"ttl": "0s", "restrictedPackageName": PACKAGE}}),
        json!({"android": {"ttl": "2419200s", "data": {"a": "b"}}, "data": {"collapse_key": "c"}}),
        json!({"androidV2": {"remoteNotification": {
            "mutableContent": true, "useAsV1DataMessage": true,
            "notification": {"title": "t", "id": 7},
        }}}),
        json!({"notification": {"title": "t", "body": "b"}, "fcmOptions": {"analyticsLabel": "a"}}),
        json!({"data": {"k": "x".repeat(4_095)}, "android": null}),
    ] {
        let mut body = json!({"message": change});
        body["message"]["token"] = json!(token);
        let answer = world.send(&body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        let name = answer.json()["name"].as_str().unwrap().to_owned();
        assert!(name.starts_with("projects/simulated-project/messages/0:"), "{name}");
    }
    assert!(world.sends().iter().all(|send| send.taken && send.name.contains("/messages/0:")));
}

#[tokio::test]
async fn of_two_values_of_one_key_the_last_one_counts() {
    let world = World::new().await;
    let text = format!(r#"{{"message":{{"token":"x","token":"{}"}}}}"#, world.token());
    let request = world.request(world.simulator.project_id(), &world.access_token, &Value::Null);
    assert_eq!(
        crate::simulator::message_sender::answer(request.body(text)).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn reserved_keys_may_be_read_the_lax_way() {
    let lax = Config { fcm_reserved_keys: ReservedKeys::Lax, ..Config::default() };
    let world = World::with(lax).await;
    for (key, status) in [
        ("googles", 200),
        ("gcm", 200),
        ("google.a", 400),
        ("gcm.notification.a", 400),
        ("from", 400),
    ] {
        let mut body = message(&world.token());
        body["message"]["data"][key] = json!("");
        assert_eq!(world.send(&body).await.status, status, "{key}");
    }
}

#[tokio::test]
async fn a_registration_is_good_in_its_project_until_it_is_dead() {
    let world = World::new().await;
    let verdict = async |target: Value| {
        let answer = world.send(&json!({"message": target})).await;
        (answer.status, answer.code())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    let token = world.token();
    let fid = world.simulator.register_app("simulated-project", PACKAGE, true).unwrap();
    assert_eq!((fid.len(), token.split_once(":APA91b").unwrap().0.len()), (22, 22));
    for good in [json!({"token": token}), json!({"fid": fid}), json!({"token": fid})] {
        assert_eq!(verdict(good).await, refused(200, ""));
    }
    for malformed in [json!({"token": "abc"}), json!({"fid": token}), json!({"fid": ""})] {
        assert_eq!(verdict(malformed).await, refused(400, "INVALID_ARGUMENT"));
    }
    let other = world.simulator.register_app("another-project", PACKAGE, false).unwrap();
    assert_eq!(verdict(json!({"token": other})).await, refused(403, "SENDER_ID_MISMATCH"));
    let stranger = fid.chars().rev().collect::<String>();
    assert_eq!(verdict(json!({"fid": stranger})).await, refused(404, "UNREGISTERED"));
    assert!(world.simulator.kill_token(&token));
    assert_eq!(verdict(json!({"token": token})).await, refused(404, "UNREGISTERED"));
    assert!(!world.simulator.kill_token("nothing"));
    let malformed = world.send(&json!({"message": {"token": "abc"}})).await;
    assert!(malformed.text.contains("not a valid FCM registration token"), "{}", malformed.text);
}

#[tokio::test]
async fn a_message_that_is_only_checked_goes_nowhere() {
    let world = World::new().await;
    let token = world.token();
    let mut body = message(&token);
    body["validateOnly"] = json!(true);
    let answer = world.send(&body).await;
    let name = "projects/simulated-project/messages/fake_message_id";
    assert_eq!((answer.status, &answer.json()["name"]), (200, &json!(name)));
    assert!(world.sends()[0].validate_only && !world.sends()[0].taken);
    world.simulator.kill_token(&token);
    assert_eq!(world.send(&body).await.status, 404, "the registration is checked too");
}

#[tokio::test]
async fn topics_and_conditions_are_answered_and_have_less_room() {
    let world = World::new().await;
    for (target, status) in [
        (json!({"topic": "news"}), 200),
        (json!({"topic": "news", "data": {"k": "x".repeat(2_047)}}), 200),
        (json!({"topic": "news", "data": {"k": "x".repeat(2_048)}}), 400),
        (json!({"topic": "no blanks"}), 400),
        (json!({"topic": "x".repeat(901)}), 400),
        (json!({"condition": "'a' in topics && ('b' in topics || !('c' in topics))"}), 200),
        (json!({"condition": "'a' in topics ("}), 400),
        (json!({"condition": "a in topics"}), 400),
        (json!({"condition": "'a'"}), 400),
        (json!({"condition": (["'a' in topics"; 5].join(" || "))}), 200),
        (json!({"condition": (["'a' in topics"; 6].join(" || "))}), 400),
    ] {
        let answer = world.send(&json!({"message": target})).await;
        assert_eq!(answer.status, status, "{target}");
        if status == 200 {
            let name = answer.json()["name"].as_str().unwrap().to_owned();
            let id = name.rsplit('/').next().unwrap();
            assert!(id.parse::<u64>().is_ok(), "{id}");
        }
    }
    assert_eq!(world.sends()[0].target_kind, "topic");
}
