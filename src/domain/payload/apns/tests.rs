//! The bodies as Apple's documentation shows them, and the sizes that are reported for them.

use super::*;
use crate::domain::words::Words;

fn content(text: &str) -> Content {
    Content::parse(text).unwrap()
}

fn filled(bytes: usize) -> Content {
    content(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8)))
}

fn gate_alert() -> Alert {
    Alert {
        title: "Boarding \"now\"".into(),
        subtitle: Words::default(),
        body: "Gate B12".into(),
        sound: "default".into(),
    }
}

fn update(content_state: &Content) -> Payload<'_> {
    Payload {
        event: Event::Update,
        timestamp: Time(1_790_000_000_999),
        content_state,
        alert: None,
        stale_time: None,
        relevance_score: None,
    }
}

fn text(payload: &Payload<'_>) -> String {
    let body = payload.build();
    serde_json::from_slice::<serde_json::Value>(&body).unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn an_update_carries_the_content_byte_for_byte() {
    let state = content("{\"n\" : 1.0, \"big\":9007199254740993 }");
    let wanted = "{\"aps\":{\"timestamp\":1790000000,\"event\":\"update\",\
                  \"content-state\":{\"n\" : 1.0, \"big\":9007199254740993 }}}";
    assert_eq!(text(&update(&state)), wanted);
}

#[test]
fn a_start_carries_attributes_alert_and_the_wish_for_a_token() {
    let (state, attributes) = (content(r#"{"gate":"B12"}"#), content(r#"{"flight":"TK1983"}"#));
    let alert = gate_alert();
    let event = Event::Start {
        attributes_type: "FlightAttributes",
        attributes: &attributes,
        input_push_token: true,
    };
    let start = Payload {
        event,
        alert: Some(&alert),
        stale_time: Some(Time::from_seconds(1_790_000_600)),
        relevance_score: Some(100.0),
        ..update(&state)
    };
    let wanted = concat!(
        r#"{"aps":{"timestamp":1790000000,"event":"start","content-state":{"gate":"B12"},"#,
        r#""attributes-type":"FlightAttributes","attributes":{"flight":"TK1983"},"#,
        r#""input-push-token":1,"#,
        r#""alert":{"title":"Boarding \"now\"","body":"Gate B12","sound":"default"},"#,
        r#""stale-date":1790000600,"relevance-score":100.0}}"#,
    );
    assert_eq!(text(&start), wanted);

    let event = Event::Start {
        attributes_type: "FlightAttributes",
        attributes: &attributes,
        input_push_token: false,
    };
    assert!(!text(&Payload { event, ..start }).contains("input-push-token"));
}

#[test]
fn only_an_end_has_a_dismissal_date() {
    let state = Content::empty();
    let at_once = Event::End { dismissal_time: Some(Time::from_seconds(1)) };
    let wanted =
        r#"{"aps":{"timestamp":1790000000,"event":"end","content-state":{},"dismissal-date":1}}"#;
    assert_eq!(text(&Payload { event: at_once, ..update(&state) }), wanted);
    let default = Event::End { dismissal_time: None };
    assert!(!text(&Payload { event: default, ..update(&state) }).contains("dismissal-date"));
}

#[test]
fn an_alert_without_words_and_a_score_that_is_no_number_are_left_out() {
    let (state, alert) = (Content::empty(), Alert::default());
    let payload =
        Payload { alert: Some(&alert), relevance_score: Some(f64::NAN), ..update(&state) };
    assert_eq!(text(&payload), text(&update(&state)));
}

#[test]
fn sizes_add_up_to_the_body() {
    let (state, attributes, alert) = (filled(100), filled(50), gate_alert());
    let event = Event::Start {
        attributes_type: "FlightAttributes",
        attributes: &attributes,
        input_push_token: true,
    };
    let payload = Payload { event, alert: Some(&alert), ..update(&state) };
    let size = payload.size();
    assert_eq!((size.attributes, size.content_state), (50, 100));
    let alert_text = r#","alert":{"title":"Boarding \"now\"","body":"Gate B12","sound":"default"}"#;
    assert_eq!(size.alert, alert_text.len());
    assert_eq!(size.total, payload.build().len());
    assert_eq!(size.total, size.attributes + size.content_state + size.alert + size.envelope);
}

#[test]
fn a_body_of_4096_bytes_fits_and_one_more_does_not() {
    let envelope = update(&Content::empty()).size().envelope;
    let fits = filled(BODY_BYTES_MAX - envelope);
    assert_eq!(check_size(&[update(&fits)], &Content::empty()), Ok(()));
    let too_large = filled(BODY_BYTES_MAX - envelope + 1);
    let refusal = check_size(&[update(&too_large)], &Content::empty()).unwrap_err();
    assert_eq!((refusal.operation, refusal.size.total), (Some(Operation::Update), 4097));
}

#[test]
fn content_that_fits_an_update_but_not_the_start_is_refused_with_the_sizes() {
    let (state, attributes, alert) = (filled(3000), filled(1000), gate_alert());
    let event = Event::Start {
        attributes_type: "FlightAttributes",
        attributes: &attributes,
        input_push_token: true,
    };
    let start = Payload { event, alert: Some(&alert), ..update(&state) };
    assert_eq!(check_size(&[update(&state)], &attributes), Ok(()));
    let refusal = check_size(&[update(&state), start], &attributes).unwrap_err();
    assert_eq!(refusal.operation, Some(Operation::Start));
    let sentence = refusal.to_string();
    for part in ["start push", "attributes 1000", "content_state 3000", "alert ", "envelope "] {
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn content_that_no_phone_keeps_beside_the_attributes_is_refused() {
    let (state, attributes) = (filled(3000), filled(1097));
    let refusal = check_size(&[update(&state)], &attributes).unwrap_err();
    assert_eq!((refusal.operation, refusal.size.total), (None, 4097));
}

#[test]
fn the_topic_names_the_kind_of_push() {
    let topic = |kind: PushType| kind.topic("com.example.app");
    assert_eq!(topic(PushType::LiveActivity), "com.example.app.push-type.liveactivity");
    assert_eq!(topic(PushType::Alert), "com.example.app");
}

#[test]
fn a_notification_says_its_words_and_which_activity_was_meant() {
    let alert = gate_alert();
    let notification = Notification { activity_id: "FLIGHT \"1\"", run: 3, alert: &alert };
    let built: Value = serde_json::from_slice(&notification.build()).unwrap();
    let words = json!({ "title": alert.title, "body": alert.body });
    let aps = json!({ "alert": words, "sound": "default", "thread-id": "FLIGHT \"1\"" });
    let expected = json!({ "aps": aps, "tidings_activity_id": "FLIGHT \"1\"", "tidings_run": "3" });
    assert_eq!(built, expected);
}

/// An alert by keys, with arguments for its body alone.
fn localized_alert() -> Alert {
    let args = vec!["B\"12".to_owned(), "10".to_owned()];
    Alert {
        title: Words::Localized { key: "BOARDING_TITLE".into(), args: Vec::new() },
        subtitle: Words::default(),
        body: Words::Localized { key: "BOARDING_BODY".into(), args },
        sound: "chime.caf".into(),
    }
}

#[test]
fn every_event_carries_its_alert_plain_or_by_keys_with_the_sound_inside() {
    let (state, attributes) = (content("{}"), content("{}"));
    let start = Event::Start {
        attributes_type: "Flight",
        attributes: &attributes,
        input_push_token: false,
    };
    let of_start = r#""attributes-type":"Flight","attributes":{},"#;
    let events = [
        (start, "start", of_start),
        (Event::Update, "update", ""),
        (Event::End { dismissal_time: None }, "end", ""),
    ];
    let plain = r#"{"title":"Boarding \"now\"","body":"Gate B12","sound":"default"}"#;
    let localized = concat!(
        r#"{"title":{"loc-key":"BOARDING_TITLE"},"#,
        r#""body":{"loc-key":"BOARDING_BODY","loc-args":["B\"12","10"]},"sound":"chime.caf"}"#,
    );
    for (event, word, data) in events {
        for (alert, json) in [(gate_alert(), plain), (localized_alert(), localized)] {
            let payload = Payload { event, alert: Some(&alert), ..update(&state) };
            let wanted = format!(
                "{{\"aps\":{{\"timestamp\":1790000000,\"event\":\"{word}\",\
                 \"content-state\":{{}},{data}\"alert\":{json}}}}}"
            );
            assert_eq!(text(&payload), wanted);
            assert_eq!(payload.size().alert, ",\"alert\":".len() + json.len());
        }
    }
}

#[test]
fn localised_words_of_an_ordinary_notification_stand_beside_its_plain_ones() {
    let alert = Alert { subtitle: "Now".into(), ..localized_alert() };
    let notification = Notification { activity_id: "FLIGHT_1711", run: 2, alert: &alert };
    let body: Value = serde_json::from_slice(&notification.build()).unwrap();
    let wanted = json!({
        "alert": {
            "title-loc-key": "BOARDING_TITLE",
            "subtitle": "Now",
            "loc-key": "BOARDING_BODY",
            "loc-args": ["B\"12", "10"],
        },
        "thread-id": "FLIGHT_1711",
        "sound": "chime.caf",
    });
    assert_eq!(body["aps"], wanted);
}
