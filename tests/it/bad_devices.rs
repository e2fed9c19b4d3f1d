//! Devices, tokens and reports whose form is wrong.

use crate::bad_input::{ACTIVE, Bench, DEVICE};
use crate::calls::{device, token, update_token};
use tidings::proto::v1::{
    RegisterDeviceRequest, RegisterTokenRequest, ReportActivityStateRequest, RevokeTokenRequest,
    TokenKind,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_of_a_known_kind_hexadecimal_and_of_a_known_world() {
    let bench = Bench::new().await;
    let good = || update_token(DEVICE, ACTIVE);
    bench.wrong_token(&["kind"], RegisterTokenRequest { kind: 0, ..good() }).await;
    bench.wrong_token(&["kind"], RegisterTokenRequest { kind: 99, ..good() }).await;
    bench.wrong_token(&["environment"], RegisterTokenRequest { environment: 3, ..good() }).await;
    for value in ["xyz0", "abc", "80 ab", "ü0", &"ab".repeat(201)] {
        let bad = RegisterTokenRequest { token: value.to_owned(), ..good() };
        bench.wrong_token(&["token"], bad).await;
        let bad = RegisterTokenRequest { replaces: value.to_owned(), ..good() };
        bench.wrong_token(&["replaces"], bad).await;
    }
    for value in ["", "80 ab", "ü0", &"a".repeat(2_049)] {
        let bad = RevokeTokenRequest {
            device_id: DEVICE.to_owned(),
            token: value.to_owned(),
            ..RevokeTokenRequest::default()
        };
        bench.wrong(&["token"], bench.caller.devices().revoke_token(bad).await).await;
    }
    bench.wrong_token(&["token"], RegisterTokenRequest { token: String::new(), ..good() }).await;
    let late = prost_types::Timestamp { seconds: 253_402_300_800, nanos: 0 };
    let everything = RegisterTokenRequest {
        request_id: "\n".to_owned(),
        device_id: String::new(),
        token_time: Some(late),
        device_activity_id: "x".repeat(257),
        external_id: "\n".to_owned(),
        ..good()
    };
    let fields = ["request_id", "device_id", "token_time", "device_activity_id", "external_id"];
    bench.wrong_token(&fields, everything).await;
    let start_token = RegisterTokenRequest {
        kind: TokenKind::PushToStart.into(),
        token: token("22"),
        run: Some(1),
        ..good()
    };
    let fields = ["activity_id", "run", "attributes_json", "content_state_json"];
    bench.wrong_token(&fields, start_token).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_reports_name_every_wrong_field() {
    let bench = Bench::new().await;
    let request = RegisterDeviceRequest {
        request_id: "\n".to_owned(),
        contact_key: Some("x".repeat(257)),
        form_factor: 9,
        os_version: "eighteen".to_owned(),
        environment: 9,
        app_version: Some("x".repeat(65)),
        locale: Some("\n".to_owned()),
        ..RegisterDeviceRequest::default()
    };
    let fields = [
        "request_id",
        "device_id",
        "app_id",
        "contact_key",
        "platform",
        "form_factor",
        "os_version",
        "environment",
        "app_version",
        "locale",
    ];
    bench.wrong(&fields, bench.caller.devices().register_device(request).await).await;
    let request = RegisterDeviceRequest { platform: 2, ..device(&bench.world.app_id, "new") };
    bench.wrong(&["platform"], bench.caller.devices().register_device(request).await).await;
    let request = ReportActivityStateRequest { state: 9, ..ReportActivityStateRequest::default() };
    let fields = ["device_id", "activity_id", "state"];
    let result = bench.caller.devices().report_activity_state(request).await;
    bench.wrong(&fields, result).await;
    bench.world.stop().await;
}
