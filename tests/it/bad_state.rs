//! Requests that are right in form and wrong where the activity stands: the reason of its own, and nothing half-done.

use crate::bad_input::{ACTIVE, Bench, DEVICE};
use crate::calls::{
    Refused, TYPE, alert, device, end, refused, start, token, update, update_token,
};
use tidings::proto::v1::{
    ActivityType, Alert, CreateActivityTypeRequest, RegisterTokenRequest,
    ReportActivityStateRequest, ReportedState, RevokeTokenRequest, StartActivityRequest, TokenKind,
    UpdateActivityRequest,
};
use tonic::Code;

impl Bench {
    async fn refuses_start(&self, request: StartActivityRequest) -> Refused {
        let result = self.caller.activities().start_activity(request).await;
        self.nothing_done("a start", result).await
    }

    async fn refuses_update(&self, request: UpdateActivityRequest) -> Refused {
        let result = self.caller.activities().update_activity(request).await;
        self.nothing_done("an update", result).await
    }
}

fn is(refused: &Refused, code: Code, reason: &str) {
    assert_eq!((refused.code, refused.reason.as_str()), (code, reason), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_active_activity_is_not_started_again_and_an_id_keeps_its_type() {
    let mut bench = Bench::new().await;
    let again = bench.refuses_start(start(ACTIVE)).await;
    is(&again, Code::AlreadyExists, "ACTIVITY_ACTIVE");
    assert_eq!((again.metadata["run"].as_str(), again.metadata["revision"].as_str()), ("1", "1"));
    let other = StartActivityRequest { activity_type: "other".to_owned(), ..start(ACTIVE) };
    let mismatch = bench.refuses_start(other.clone()).await;
    is(&mismatch, Code::FailedPrecondition, "ACTIVITY_TYPE_MISMATCH");
    assert_eq!(mismatch.metadata["activity_type"], TYPE);
    bench.caller.ended(ACTIVE).await;
    bench.look_again().await;
    let mismatch = bench.refuses_start(other).await;
    is(&mismatch, Code::FailedPrecondition, "ACTIVITY_TYPE_MISMATCH");
    let request =
        RegisterTokenRequest { activity_type: "other".to_owned(), ..update_token(DEVICE, ACTIVE) };
    let result = bench.caller.devices().register_token(request).await;
    let mismatch = bench.nothing_done("a token of another type", result).await;
    is(&mismatch, Code::FailedPrecondition, "ACTIVITY_TYPE_MISMATCH");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_after_the_end_or_before_the_start() {
    let mut bench = Bench::new().await;
    let absent = bench.refuses_update(update("NEVER", "x")).await;
    is(&absent, Code::NotFound, "NOT_FOUND");
    let resource = absent.details.resource_info().expect("ResourceInfo");
    assert_eq!(
        (resource.resource_type.as_str(), resource.resource_name.as_str()),
        ("activity", "NEVER")
    );
    let result = bench.caller.activities().end_activity(end("NEVER")).await;
    is(&bench.nothing_done("an end", result).await, Code::NotFound, "NOT_FOUND");
    bench.caller.ended(ACTIVE).await;
    bench.look_again().await;
    let late = bench.refuses_update(update(ACTIVE, "late")).await;
    is(&late, Code::FailedPrecondition, "ACTIVITY_ENDED");
    assert!(late.details.precondition_failure().is_some(), "{late:?}");
    let result = bench.caller.activities().end_activity(end(ACTIVE)).await;
    let twice = bench.nothing_done("a second end", result).await;
    is(&twice, Code::FailedPrecondition, "ACTIVITY_ENDED");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_by_push_needs_title_and_body_from_the_call_or_the_type() {
    let bench = Bench::new().await;
    let alert_of = |title: &str, body: &str| {
        Some(Alert { title: title.to_owned(), body: body.to_owned(), ..Alert::default() })
    };
    let cases = [
        (None, &["alert.title", "alert.body"][..]),
        (alert_of("", ""), &["alert.title", "alert.body"]),
        (alert_of("TK1983", ""), &["alert.body"]),
        (alert_of("", "Boarding"), &["alert.title"]),
    ];
    for (alert, fields) in cases {
        let request = StartActivityRequest { alert, ..start("NEW") };
        let refused = bench.refuses_start(request).await;
        is(&refused, Code::InvalidArgument, "START_ALERT_REQUIRED");
        assert_eq!(refused.fields(), fields);
    }
    let created = CreateActivityTypeRequest {
        activity_type: Some(ActivityType {
            activity_type: TYPE.to_owned(),
            default_alert: alert_of("Flight", ""),
            ..ActivityType::default()
        }),
        ..CreateActivityTypeRequest::default()
    };
    bench.caller.types().create_activity_type(created).await.expect("created");
    let request = StartActivityRequest { alert: None, ..start("NEW") };
    let still = refused(bench.caller.activities().start_activity(request).await);
    assert_eq!(still.fields(), ["alert.body"], "the type has the title");
    let request = StartActivityRequest { alert: alert_of("", "Boarding"), ..start("NEW") };
    bench.caller.activities().start_activity(request).await.expect("both are there now");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_start_lacks_for_its_type_is_said_at_once() {
    let bench = Bench::new().await;
    let request = StartActivityRequest {
        alert: Some(Alert { title: String::new(), ..alert() }),
        attributes_json: Some(r#"{"activityId":"OTHER","activityRun":7}"#.to_owned()),
        ..start("NEW")
    };
    let refused = bench.refuses_start(request).await;
    is(&refused, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(refused.fields(), ["alert.title", "attributes"]);
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_that_name_another_id_or_run_are_refused() {
    let bench = Bench::new().await;
    let bad = [
        (r#"{"activityId":"OTHER"}"#, "activityId"),
        (r#"{"activityId":null}"#, "activityId"),
        (r#"{"activityRun":2}"#, "activityRun"),
        (r#"{"activityRun":"1"}"#, "activityRun"),
    ];
    for (attributes, name) in bad {
        let request =
            StartActivityRequest { attributes_json: Some(attributes.to_owned()), ..start("NEW") };
        let refused = bench.refuses_start(request).await;
        is(&refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(refused.fields(), ["attributes"]);
        assert!(refused.violations[0].1.contains(name), "{refused:?}");
    }
    let same = r#"{"activityId":"NEW","activityRun":1}"#;
    let request = StartActivityRequest { attributes_json: Some(same.to_owned()), ..start("NEW") };
    let started = bench.caller.activities().start_activity(request).await.expect("the same values");
    let started = started.into_inner().activity.expect("an activity");
    assert_eq!(started.attributes_json, same, "nothing is added to what is there");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_of_an_update_says_something() {
    let bench = Bench::new().await;
    let silent = Some(Alert { sound: "default".to_owned(), ..Alert::default() });
    let request = UpdateActivityRequest { alert: silent, ..update(ACTIVE, "x") };
    let refused = bench.refuses_update(request).await;
    assert_eq!(refused.fields(), ["alert"]);
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_reports_of_what_is_not_there_leave_nothing_behind() {
    let bench = Bench::new().await;
    let devices = || bench.caller.devices();
    let absent = RegisterTokenRequest { device_id: "none".to_owned(), ..update_token("", "NEW") };
    let result = devices().register_token(absent).await;
    is(&bench.nothing_done("no device", result).await, Code::NotFound, "NOT_FOUND");
    let request =
        RegisterTokenRequest { activity_type: String::new(), ..update_token(DEVICE, "NEVER") };
    let result = devices().register_token(request).await;
    is(&bench.nothing_done("no activity", result).await, Code::NotFound, "NOT_FOUND");
    let request = RegisterTokenRequest { run: Some(7), ..update_token(DEVICE, ACTIVE) };
    let result = devices().register_token(request).await;
    let run = bench.nothing_done("another run", result).await;
    is(&run, Code::FailedPrecondition, "RUN_MISMATCH");
    assert_eq!(run.metadata["run"], "1");
    let request = RevokeTokenRequest {
        device_id: DEVICE.to_owned(),
        token: token("33"),
        ..RevokeTokenRequest::default()
    };
    let result = devices().revoke_token(request).await;
    let unknown = bench.nothing_done("an unknown token", result).await;
    is(&unknown, Code::NotFound, "NOT_FOUND");
    assert!(!format!("{unknown:?}").contains(&token("33")), "a token is not said again");
    let request = ReportActivityStateRequest {
        device_id: DEVICE.to_owned(),
        activity_id: ACTIVE.to_owned(),
        run: Some(7),
        state: ReportedState::Dismissed.into(),
        ..ReportActivityStateRequest::default()
    };
    let result = devices().report_activity_state(request).await;
    is(&bench.nothing_done("no card", result).await, Code::NotFound, "NOT_FOUND");
    let result = devices().register_device(device("app_1", "new")).await;
    is(&bench.nothing_done("no app", result).await, Code::NotFound, "NOT_FOUND");
    let other = bench.world.create_app("com.example.other").await;
    let moved = refused(devices().register_device(device(&other, DEVICE)).await);
    assert_eq!(moved.fields(), ["app_id"]);
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_outside_the_audience_does_not_join() {
    let mut bench = Bench::new().await;
    let stranger = tidings::proto::v1::RegisterDeviceRequest {
        contact_key: Some("stranger".to_owned()),
        ..device(&bench.world.app_id, "strange")
    };
    bench.caller.devices().register_device(stranger).await.expect("registered");
    bench.look_again().await;
    let bare = RegisterTokenRequest {
        attributes_json: None,
        content_state_json: None,
        ..update_token("strange", ACTIVE)
    };
    for request in [bare.clone(), update_token("strange", ACTIVE)] {
        let result = bench.caller.devices().register_token(request).await;
        let refused = bench.nothing_done("a stranger's token", result).await;
        is(&refused, Code::FailedPrecondition, "JOIN_NOT_ALLOWED");
    }
    let of_type = RegisterTokenRequest { kind: TokenKind::PushToStart.into(), ..bare };
    let of_type = RegisterTokenRequest { activity_id: String::new(), ..of_type };
    bench.caller.devices().register_token(of_type).await.expect("a start token joins nothing");
    bench.world.stop().await;
}
