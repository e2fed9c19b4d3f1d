//! What is too deep, too large, or a number that cannot be: refused with its place and its sizes.

use crate::bad_input::{ACTIVE, Bench, DEVICE};
use crate::calls::{alert, end, start, update, update_token};
use prost_types::value::Kind;
use prost_types::{Struct, Timestamp, Value};
use tidings::proto::v1::{
    Alert, EndActivityRequest, RegisterTokenRequest, StartActivityRequest, UpdateActivityRequest,
};
use tonic::Code;

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Struct {
    Struct { fields: fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
}

fn nested(levels: usize) -> Struct {
    (1..levels).fold(Struct::default(), |inner, _| {
        object([("a", Value { kind: Some(Kind::StructValue(inner)) })])
    })
}

fn nested_json(levels: usize) -> String {
    format!("{}{{}}{}", "{\"a\":".repeat(levels - 1), "}".repeat(levels - 1))
}

/// An object of exactly so many bytes.
fn of_bytes(bytes: usize) -> String {
    let frame = r#"{"x":""}"#.len();
    format!(r#"{{"x":"{}"}}"#, "y".repeat(bytes - frame))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_has_at_most_32_levels_in_either_form() {
    let bench = Bench::new().await;
    let activities = || bench.caller.activities();
    let request = UpdateActivityRequest {
        activity_id: ACTIVE.to_owned(),
        content_state: Some(nested(33)),
        ..UpdateActivityRequest::default()
    };
    let refused = activities().update_activity(request).await;
    let refused = bench.nothing_done("33 levels", refused).await;
    assert!(refused.violations[0].0.starts_with("content_state.a.a."), "{refused:?}");
    assert!(refused.violations[0].1.contains("32 levels"), "{refused:?}");
    let request =
        UpdateActivityRequest { content_state_json: Some(nested_json(33)), ..update(ACTIVE, "x") };
    let refused = activities().update_activity(request).await;
    let refused = bench.nothing_done("33 levels", refused).await;
    assert_eq!(refused.fields(), ["content_state_json"]);
    assert!(refused.violations[0].1.contains("32 levels"), "{refused:?}");
    let request =
        UpdateActivityRequest { content_state_json: Some(nested_json(32)), ..update(ACTIVE, "x") };
    activities().update_activity(request).await.expect("32 levels are taken");
    let request = UpdateActivityRequest {
        content_state: Some(nested(32)),
        content_state_json: None,
        ..update(ACTIVE, "x")
    };
    activities().update_activity(request).await.expect("32 levels are taken");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_into_a_push_is_refused_with_its_sizes() {
    let bench = Bench::new().await;
    let activities = || bench.caller.activities();
    let request = StartActivityRequest {
        attributes_json: Some(of_bytes(4_097)),
        content_state_json: Some(of_bytes(5_000)),
        ..start("NEW")
    };
    let refused = activities().start_activity(request).await;
    let refused = bench.nothing_done("two that are too large", refused).await;
    assert_eq!(refused.fields(), ["attributes_json", "content_state_json"]);
    assert!(refused.violations[0].1.contains("4097 bytes"), "{refused:?}");
    assert!(refused.violations[1].1.contains("5000 bytes"), "{refused:?}");
    assert!(refused.violations.iter().all(|(_, text)| text.contains("4096")), "{refused:?}");

    let together = StartActivityRequest {
        attributes_json: Some(of_bytes(1_700)),
        content_state_json: Some(of_bytes(1_600)),
        alert: Some(Alert { body: "b".repeat(900), ..alert() }),
        ..start("NEW")
    };
    let refused = activities().start_activity(together.clone()).await;
    let refused = bench.nothing_done("three that fit alone", refused).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::InvalidArgument, "INVALID_REQUEST"));
    let text = &refused.violations[0].1;
    assert!(text.contains("1600") && text.contains("4096"), "the sizes: {text}");
    assert_eq!(crate::calls::refused(bench.caller.find("NEW").await).code, Code::NotFound);

    let request =
        UpdateActivityRequest { content_state_json: Some(of_bytes(4_090)), ..update(ACTIVE, "x") };
    let refused = activities().update_activity(request).await;
    let refused = bench.nothing_done("an update", refused).await;
    assert!(refused.violations[0].1.contains("4090"), "{refused:?}");
    let request = EndActivityRequest { content_state_json: Some(of_bytes(4_090)), ..end(ACTIVE) };
    let refused = activities().end_activity(request).await;
    bench.nothing_done("an end", refused).await;
    let request = RegisterTokenRequest {
        attributes_json: Some(of_bytes(2_100)),
        content_state_json: Some(of_bytes(2_100)),
        ..update_token(DEVICE, "NEW")
    };
    let refused = bench.caller.devices().register_token(request).await;
    bench.nothing_done("an app's start", refused).await;
    assert_eq!(crate::calls::refused(bench.caller.find("NEW").await).code, Code::NotFound);
    let request = StartActivityRequest { alert: Some(alert()), ..together };
    activities().start_activity(request).await.expect("with a shorter alert it fits");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_json_or_a_double_cannot_hold_is_named_with_its_path() {
    let bench = Bench::new().await;
    let list = prost_types::ListValue { values: vec![Value::from(1.0), Value { kind: None }] };
    let wrong = object([
        ("big", Value::from(9_007_199_254_740_992.0)),
        ("endless", Value::from(f64::INFINITY)),
        ("list", Value { kind: Some(Kind::ListValue(list)) }),
        ("none", Value::from(f64::NAN)),
    ]);
    let request = UpdateActivityRequest {
        activity_id: ACTIVE.to_owned(),
        content_state: Some(wrong),
        ..UpdateActivityRequest::default()
    };
    let fields = [
        "content_state.big",
        "content_state.endless",
        "content_state.list[1]",
        "content_state.none",
    ];
    bench.wrong(&fields, bench.caller.activities().update_activity(request).await).await;
    for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let request = UpdateActivityRequest { relevance_score: Some(score), ..update(ACTIVE, "x") };
        let result = bench.caller.activities().update_activity(request).await;
        bench.wrong(&["relevance_score"], result).await;
    }
    let request = UpdateActivityRequest { expected_revision: Some(-1), ..update(ACTIVE, "x") };
    let result = bench.caller.activities().update_activity(request).await;
    bench.wrong(&["expected_revision"], result).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_outside_the_years_1_to_9999_are_refused_and_past_ones_taken() {
    let bench = Bench::new().await;
    let times = [(253_402_300_800, 0), (-62_135_596_801, 0), (i64::MIN, 0), (1, 1_000_000_000)];
    for (seconds, nanos) in times.into_iter().chain([(1, -1)]) {
        let time = Some(Timestamp { seconds, nanos });
        let request = UpdateActivityRequest {
            stale_time: time,
            observed_time: time,
            alert: Some(Alert { expire_time: time, ..alert() }),
            ..update(ACTIVE, "x")
        };
        let result = bench.caller.activities().update_activity(request).await;
        let fields = ["alert.expire_time", "stale_time", "observed_time"];
        bench.wrong(&fields, result).await;
    }
    for seconds in [-62_135_596_800, -1, 0, 253_402_300_799] {
        let time = Some(Timestamp { seconds, nanos: 0 });
        let request = UpdateActivityRequest {
            stale_time: time,
            alert: Some(Alert { expire_time: time, ..alert() }),
            ..update(ACTIVE, "x")
        };
        let taken = bench.caller.activities().update_activity(request).await;
        taken.unwrap_or_else(|status| panic!("{seconds} is refused: {status:?}"));
    }
    bench.world.stop().await;
}
