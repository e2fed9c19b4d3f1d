//! What an Android app gets, and the sizes that are reported for it.

use super::*;

fn content(text: &str) -> Content {
    Content::parse(text).unwrap()
}

fn message<'a>(attributes: &'a Content, content_state: &'a Content) -> Message<'a> {
    Message {
        keys: DataKeys::Tidings,
        activity_id: "flight-TK1983",
        run: 3,
        operation: Operation::Update,
        revision: 41,
        activity_type: "flight",
        attributes,
        content_state,
        timestamp: Time(1_790_000_000_999),
        stale_time: None,
        dismiss_time: None,
        alert: None,
        message_id: "m-1",
        ttl: UPDATE_TTL,
    }
}

fn read(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn every_message_has_the_whole_state_and_the_attributes_as_strings() {
    let (attributes, state) = (content(r#"{"flight":"TK1983"}"#), content(r#"{ "gate":"B\n12"}"#));
    for (operation, event) in
        [(Operation::Start, "start"), (Operation::Update, "update"), (Operation::End, "end")]
    {
        let built = read(&Message { operation, ..message(&attributes, &state) }.build());
        let wanted = json!({
            "tidings_activity_id": "flight-TK1983",
            "tidings_run": "3",
            "tidings_event": event,
            "tidings_revision": "41",
            "tidings_activity_type": "flight",
            "tidings_attributes": r#"{"flight":"TK1983"}"#,
            "tidings_content_state": r#"{ "gate":"B\n12"}"#,
            "tidings_timestamp": "1790000000",
            "tidings_message_id": "m-1",
        });
        assert_eq!(built["data"], wanted);
    }
}

#[test]
fn a_message_is_urgent_short_lived_and_never_collapsible() {
    let (attributes, state) = (content("{}"), content("{}"));
    let built = read(&message(&attributes, &state).build());
    assert_eq!(built["android"], json!({ "priority": "HIGH", "ttl": "1800s" }));
    let members: Vec<&String> = built.as_object().unwrap().keys().collect();
    assert_eq!(members, ["data", "android"], "the target is the transport's, and there is no rest");
    assert!(!built.to_string().contains("collapse"));
}

#[test]
fn times_and_the_alert_ride_where_there_are_some() {
    let (attributes, state) = (content("{}"), content("{}"));
    let alert = Alert { title: "Boarding".into(), body: "Gate \"B12\"".into(), ..Alert::default() };
    let full = Message {
        operation: Operation::End,
        stale_time: Some(Time(1_790_000_600_999)),
        dismiss_time: Some(Time(1_790_000_900_000)),
        alert: Some(&alert),
        ..message(&attributes, &state)
    };
    let data = read(&full.build())["data"].clone();
    assert_eq!(data["tidings_stale_time"], "1790000600");
    assert_eq!(data["tidings_dismiss_time"], "1790000900");
    let read_alert: Value = serde_json::from_str(data["tidings_alert"].as_str().unwrap()).unwrap();
    assert_eq!(read_alert, json!({ "title": "Boarding", "body": "Gate \"B12\"" }));
    let silent = Alert::default();
    let without = Message { alert: Some(&silent), ..full };
    assert_eq!(read(&without.build())["data"].get("tidings_alert"), None);
}

#[test]
fn an_app_made_for_sendora_gets_its_three_keys_and_no_other() {
    let (attributes, state) = (content(r#"{"a":1}"#), content(r#"{"gate":"B12"}"#));
    for (operation, event) in
        [(Operation::Start, "update"), (Operation::Update, "update"), (Operation::End, "end")]
    {
        let keys = DataKeys::Sendora;
        let built = read(&Message { keys, operation, ..message(&attributes, &state) }.build());
        let wanted = json!({
            "sendoraLiveActivityId": "flight-TK1983",
            "sendoraLiveActivityEvent": event,
            "sendoraContentState": r#"{"gate":"B12"}"#,
        });
        assert_eq!(built["data"], wanted);
    }
}

#[test]
fn no_key_is_reserved_by_google() {
    let (attributes, state) = (content("{}"), content("{}"));
    for keys in [DataKeys::Tidings, DataKeys::Sendora] {
        for (key, _) in (Message { keys, ..message(&attributes, &state) }).data() {
            let reserved = ["from", "message_type"].contains(&key)
                || ["google", "gcm"].iter().any(|prefix| key.starts_with(prefix));
            assert!(!reserved, "{key}");
        }
    }
}

#[test]
fn the_size_is_that_of_keys_and_values_and_says_what_it_is_spent_on() {
    let (attributes, state) = (content(r#"{"flight":"TK1983"}"#), content(r#"{"g":"\"é\""}"#));
    let alert = Alert { title: "T".into(), body: "B".into(), ..Alert::default() };
    let message = Message { alert: Some(&alert), ..message(&attributes, &state) };
    let size = message.size();
    let data = read(&message.build())["data"].clone();
    let counted: usize =
        data.as_object().unwrap().iter().map(|(k, v)| k.len() + v.as_str().unwrap().len()).sum();
    assert_eq!(size.total, counted);
    assert_eq!(size.attributes, attributes.len());
    assert_eq!(size.content_state, state.len());
    assert_eq!(size.alert, "tidings_alert".len() + r#"{"title":"T","body":"B"}"#.len());
    assert_eq!(size.total, size.attributes + size.content_state + size.alert + size.envelope);
}

#[test]
fn the_last_byte_that_google_takes_fits_and_the_next_one_does_not() {
    let attributes = content("{}");
    let empty = content(r#"{"a":""}"#);
    let room = DATA_BYTES_MAX - message(&attributes, &empty).size().total;
    for (more, fits) in [(0, true), (1, false)] {
        let state = content(&format!(r#"{{"a":"{}"}}"#, "x".repeat(room + more)));
        let checked = check_size(&[message(&attributes, &empty), message(&attributes, &state)]);
        assert_eq!(checked.is_ok(), fits);
        if let Err(too_large) = checked {
            assert_eq!(too_large.size.total, DATA_BYTES_MAX + 1);
            assert!(too_large.to_string().contains("4097 bytes, and Google takes 4096"));
        }
    }
}

#[test]
fn an_update_is_kept_no_longer_than_its_content_is_good_for() {
    let now = Time(1_790_000_000_000);
    let stale = |minutes| Some(now + Duration::from_mins(minutes));
    assert_eq!(ttl(Operation::Update, None, now), UPDATE_TTL);
    assert_eq!(ttl(Operation::Update, stale(5), now), Duration::from_mins(5));
    assert_eq!(ttl(Operation::Update, stale(60 * 24), now), END_TTL);
    assert_eq!(ttl(Operation::Update, Some(Time(0)), now), UPDATE_TTL);
    assert_eq!(ttl(Operation::Start, stale(5), now), Duration::from_mins(5));
    assert_eq!(ttl(Operation::Start, None, now), START_TTL);
    assert_eq!(ttl(Operation::End, stale(5), now), END_TTL);
}

#[test]
fn an_ordinary_notification_has_title_and_body_and_replaces_the_one_before() {
    let alert = Alert { title: "Boarding".into(), body: "Gate B12".into(), ..Alert::default() };
    let notification = Notification {
        activity_id: "flight-TK1983",
        run: 3,
        alert: &alert,
        message_id: "m-1",
        ttl: START_TTL,
    };
    let built = read(&notification.build());
    assert_eq!(built["notification"], json!({ "title": "Boarding", "body": "Gate B12" }));
    assert_eq!(built["android"]["notification"], json!({ "tag": "flight-TK1983" }));
    assert_eq!(built["android"]["priority"], "HIGH");
}

fn localized(key: &str, args: &[&str]) -> Words {
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    Words::Localized { key: key.to_owned(), args }
}

#[test]
fn every_event_carries_an_alert_by_keys_for_the_app_to_look_up() {
    let (attributes, state) = (content("{}"), content("{}"));
    let alert = Alert {
        title: "TK1983".into(),
        subtitle: localized("GATE_CHANGED", &[]),
        body: localized("BOARDING", &["B12", "10"]),
        sound: "chime".into(),
    };
    for operation in [Operation::Start, Operation::Update, Operation::End] {
        let message = Message { operation, alert: Some(&alert), ..message(&attributes, &state) };
        let data = read(&message.build())["data"].clone();
        let alert = data["tidings_alert"].as_str().unwrap();
        let wanted = json!({
            "title": "TK1983",
            "subtitle_loc_key": "GATE_CHANGED",
            "body_loc_key": "BOARDING",
            "body_loc_args": ["B12", "10"],
            "sound": "chime",
        });
        assert_eq!(serde_json::from_str::<Value>(alert).unwrap(), wanted);
        assert_eq!(message.size().alert, "tidings_alert".len() + alert.len());
    }
}

#[test]
fn an_ordinary_notification_has_its_keys_where_only_android_reads_them() {
    let of = |title: Words, body: Words| {
        let alert = Alert { title, body, ..Alert::default() };
        let notification = Notification {
            activity_id: "flight-TK1983",
            run: 3,
            alert: &alert,
            message_id: "m-1",
            ttl: START_TTL,
        };
        read(&notification.build())
    };
    let mixed = of("TK1983".into(), localized("BOARDING", &["B12"]));
    assert_eq!(mixed["notification"], json!({ "title": "TK1983" }));
    let own = json!({
        "tag": "flight-TK1983",
        "body_loc_key": "BOARDING",
        "body_loc_args": ["B12"],
    });
    assert_eq!(mixed["android"]["notification"], own);
    let keys = of(localized("TITLE", &[]), localized("BOARDING", &[]));
    assert_eq!(keys.get("notification"), None);
    assert_eq!(keys["android"]["notification"]["title_loc_key"], "TITLE");
}
