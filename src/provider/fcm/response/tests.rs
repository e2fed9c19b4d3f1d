//! Every answer of Google's that is known, as it comes over the wire.

use super::*;
use serde_json::json;

const NOW: Time = Time(1_790_000_000_000);
const FCM: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const QUOTA: &str = "type.googleapis.com/google.rpc.QuotaFailure";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

/// A row: what comes, and what is made of it.
struct Row {
    status: u16,
    body: Value,
    reason: &'static str,
    class: Class,
    rest_s: Option<u64>,
    token_is_dead: bool,
}

fn error(status: u16, word: &str, message: &str, details: &Value) -> Value {
    json!({ "error": {
        "code": status, "message": message, "status": word, "details": details,
    } })
}

fn fcm_error(code: &str) -> Value {
    json!({ "@type": FCM, "errorCode": code })
}

fn info(reason: &str) -> Value {
    json!({ "@type": INFO, "reason": reason, "domain": "googleapis.com", "metadata": {
        "method": "google.firebase.fcm.v1.FcmService.SendMessage",
        "service": "fcm.googleapis.com",
    } })
}

fn row(
    (status, body): (u16, Value),
    (reason, class): (&'static str, Class),
    rest_s: Option<u64>,
    token_is_dead: bool,
) -> Row {
    Row { status, body, reason, class, rest_s, token_is_dead }
}

fn of_tokens() -> Vec<Row> {
    let no_token = "The registration token is not a valid FCM registration token";
    let field = "Invalid value at 'message.data[0].value' (TYPE_STRING), 12";
    let violations = json!([{ "field": "message.data[0].value", "description": field }]);
    let bad_request = json!({ "@type": BAD_REQUEST, "fieldViolations": violations });
    let not_found = "Requested entity was not found.";
    vec![
        row(
            (404, error(404, "NOT_FOUND", not_found, &json!([fcm_error("UNREGISTERED")]))),
            ("UNREGISTERED", Class::Token),
            None,
            true,
        ),
        row(
            (404, error(404, "NOT_FOUND", not_found, &json!([]))),
            ("NOT_FOUND", Class::Configuration),
            Some(10),
            false,
        ),
        row(
            (
                403,
                error(
                    403,
                    "PERMISSION_DENIED",
                    "SenderId mismatch",
                    &json!([fcm_error("SENDER_ID_MISMATCH")]),
                ),
            ),
            ("SENDER_ID_MISMATCH", Class::Token),
            None,
            false,
        ),
        row(
            (
                400,
                error(400, "INVALID_ARGUMENT", no_token, &json!([fcm_error("INVALID_ARGUMENT")])),
            ),
            ("INVALID_REGISTRATION", Class::Token),
            None,
            true,
        ),
        row(
            (400, error(400, "INVALID_ARGUMENT", no_token, &json!([]))),
            ("INVALID_ARGUMENT", Class::Request),
            None,
            false,
        ),
        row(
            (
                400,
                error(
                    400,
                    "INVALID_ARGUMENT",
                    "Request contains an invalid argument.",
                    &json!([fcm_error("INVALID_ARGUMENT")]),
                ),
            ),
            ("INVALID_ARGUMENT", Class::Request),
            None,
            false,
        ),
        row(
            (400, error(400, "INVALID_ARGUMENT", field, &json!([bad_request]))),
            ("INVALID_ARGUMENT", Class::Request),
            None,
            false,
        ),
    ]
}

fn of_access() -> Vec<Row> {
    let invalid = "Request had invalid authentication credentials.";
    vec![
        row(
            (401, error(401, "UNAUTHENTICATED", invalid, &json!([info("ACCESS_TOKEN_EXPIRED")]))),
            ("ACCESS_TOKEN_EXPIRED", Class::ProviderToken),
            Some(10),
            false,
        ),
        row(
            (401, error(401, "UNAUTHENTICATED", invalid, &json!(null))),
            ("UNAUTHENTICATED", Class::ProviderToken),
            Some(10),
            false,
        ),
        row(
            (
                401,
                error(
                    401,
                    "UNAUTHENTICATED",
                    "Auth error from APNS or Web Push",
                    &json!([fcm_error("THIRD_PARTY_AUTH_ERROR")]),
                ),
            ),
            ("THIRD_PARTY_AUTH_ERROR", Class::Configuration),
            Some(10),
            false,
        ),
        row(
            (401, error(401, "UNAUTHENTICATED", "", &json!([fcm_error("APNS_AUTH_ERROR")]))),
            ("APNS_AUTH_ERROR", Class::Configuration),
            Some(10),
            false,
        ),
        row(
            (
                403,
                error(403, "PERMISSION_DENIED", "not enabled", &json!([info("SERVICE_DISABLED")])),
            ),
            ("SERVICE_DISABLED", Class::Configuration),
            Some(10),
            false,
        ),
        row(
            (403, error(403, "PERMISSION_DENIED", "Permission denied", &json!(null))),
            ("PERMISSION_DENIED", Class::Configuration),
            Some(10),
            false,
        ),
    ]
}

fn of_load() -> Vec<Row> {
    let quota = json!({ "@type": QUOTA, "violations": [
        { "subject": "project:my-app-12345", "description": "too many" },
    ] });
    vec![
        row(
            (
                429,
                error(
                    429,
                    "RESOURCE_EXHAUSTED",
                    "Quota exceeded",
                    &json!([fcm_error("QUOTA_EXCEEDED"), quota]),
                ),
            ),
            ("QUOTA_EXCEEDED", Class::Retry),
            Some(60),
            false,
        ),
        row(
            (429, error(429, "RESOURCE_EXHAUSTED", "", &json!(null))),
            ("RESOURCE_EXHAUSTED", Class::Retry),
            Some(60),
            false,
        ),
        row(
            (500, error(500, "INTERNAL", "", &json!([fcm_error("INTERNAL")]))),
            ("INTERNAL", Class::Retry),
            Some(10),
            false,
        ),
        row(
            (503, error(503, "UNAVAILABLE", "", &json!([fcm_error("UNAVAILABLE")]))),
            ("UNAVAILABLE", Class::Retry),
            Some(10),
            false,
        ),
        row(
            (503, error(503, "UNAVAILABLE", "", &json!([fcm_error("UNSPECIFIED_ERROR")]))),
            ("UNSPECIFIED_ERROR", Class::Retry),
            Some(10),
            false,
        ),
        row(
            (400, error(400, "", "", &json!([fcm_error("UNSPECIFIED_ERROR")]))),
            ("UNSPECIFIED_ERROR", Class::Request),
            None,
            false,
        ),
    ]
}

fn rejection(status: u16, body: &[u8]) -> Rejection {
    match read(status, &HeaderMap::new(), body, NOW).outcome {
        Outcome::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

fn rest_with(status: u16, retry_after: &str) -> u64 {
    let headers = HeaderMap::from_iter([(RETRY_AFTER, retry_after.parse().unwrap())]);
    match read(status, &headers, b"", NOW).outcome {
        Outcome::Rejected(rejection) => rejection.retry_after.unwrap().as_secs(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_answer_of_googles_has_its_class_its_rest_and_its_verdict() {
    for row in [of_tokens(), of_access(), of_load()].into_iter().flatten() {
        let read = rejection(row.status, row.body.to_string().as_bytes());
        let told = (read.status, read.reason.as_str(), read.class);
        assert_eq!(told, (row.status, row.reason, row.class), "{}", row.body);
        assert_eq!(read.retry_after.map(|rest| rest.as_secs()), row.rest_s, "{}", row.body);
        assert_eq!(read.is_about_a_dead_token(), row.token_is_dead, "{}", row.body);
    }
}

#[test]
fn every_row_of_the_table_is_read_from_the_wire() {
    for row in fcm::REASONS.iter().filter(|row| row.reason != INVALID_REGISTRATION) {
        let body = error(row.status, "", "", &json!([fcm_error(row.reason)]));
        let read = rejection(row.status, body.to_string().as_bytes());
        assert_eq!((read.reason.as_str(), read.class), (row.reason, row.class));
    }
}

#[test]
fn only_fcms_own_detail_can_say_that_a_token_is_dead() {
    let no_token = "The registration token is not a valid FCM registration token";
    let bodies = [
        (404, error(404, "UNREGISTERED", "", &json!([]))),
        (404, error(404, "NOT_FOUND", "", &json!([info("UNREGISTERED")]))),
        (404, error(404, "NOT_FOUND", "UNREGISTERED", &json!([{ "errorCode": "UNREGISTERED" }]))),
        (400, error(400, "NOT_FOUND", "", &json!([fcm_error("UNREGISTERED")]))),
        (403, error(403, "NOT_FOUND", "", &json!([fcm_error("UNREGISTERED")]))),
        (400, error(400, "INVALID_REGISTRATION", no_token, &json!([]))),
        (400, error(400, "INVALID_ARGUMENT", no_token, &json!([info("INVALID_ARGUMENT")]))),
        (404, json!({ "error": "UNREGISTERED" })),
        (404, json!("UNREGISTERED")),
        (410, error(410, "NOT_FOUND", "", &json!([]))),
    ];
    for (status, body) in bodies {
        let read = rejection(status, body.to_string().as_bytes());
        assert!(!read.is_about_a_dead_token(), "{body}");
        assert_ne!(read.class, Class::Token, "{body}");
    }
}

#[test]
fn details_come_in_any_order_and_with_others_between() {
    let details = json!([
        { "@type": "type.googleapis.com/google.rpc.Help", "links": [] },
        7,
        null,
        info("SOMETHING"),
        fcm_error("UNREGISTERED"),
    ]);
    let body = error(404, "NOT_FOUND", "", &details);
    assert!(rejection(404, body.to_string().as_bytes()).is_about_a_dead_token());
    let list = json!([body]);
    assert!(rejection(404, list.to_string().as_bytes()).is_about_a_dead_token());
}

#[test]
fn an_unknown_reason_is_kept_and_classified_by_its_status() {
    let classes = [
        (302, Class::Configuration),
        (400, Class::Request),
        (401, Class::ProviderToken),
        (403, Class::Configuration),
        (404, Class::Configuration),
        (418, Class::Request),
        (429, Class::Retry),
        (507, Class::Retry),
    ];
    for (status, class) in classes {
        let body = error(status, "ABORTED", "", &json!([fcm_error("BRAND_NEW")]));
        let read = rejection(status, body.to_string().as_bytes());
        assert_eq!((read.reason.as_str(), read.class), ("BRAND_NEW", class));
    }
}

#[test]
fn a_body_that_is_none_of_googles_is_no_panic() {
    let deep = "[".repeat(60_000);
    let bodies = [
        "",
        "<html><title>502 Bad Gateway</title></html>",
        "{}",
        "[]",
        "null",
        "{\"error\":7}",
        "{\"error\":{\"status\":7,\"details\":{\"@type\":7}}}",
        "{\"error\":{\"details\":[[],{\"@type\":\"\"}]}}",
        "\u{0}",
        deep.as_str(),
    ];
    for body in bodies {
        for (status, class) in [(502, Class::Retry), (404, Class::Configuration)] {
            let read = rejection(status, body.as_bytes());
            assert_eq!((read.reason.as_str(), read.class), (NO_REASON, class), "{body:.40}");
        }
    }
    let long = error(400, "", "", &json!([fcm_error(&format!("{}\n\u{7}", "X".repeat(1_000)))]));
    assert_eq!(rejection(400, long.to_string().as_bytes()).reason, "X".repeat(WORD_BYTES_MAX));
    assert_eq!(rejection(503, b"\xff\xfe{").class, Class::Retry);
}

#[test]
fn the_name_of_the_message_is_kept() {
    let headers = HeaderMap::new();
    let taken = |body: &[u8]| read(200, &headers, body, NOW).outcome;
    let name = "projects/my-app/messages/0:1500415314455276%31bd1c9631bd1c96";
    let body = json!({ "name": name }).to_string();
    assert_eq!(taken(body.as_bytes()), Outcome::Accepted { unique_id: Some(name.into()) });
    for body in ["{}", "{\"name\":7}", "", "{\"name\":\"projects/my-a"] {
        assert_eq!(taken(body.as_bytes()), Outcome::Accepted { unique_id: None }, "{body}");
    }
    for body in ["<html>Please log in</html>", "[]", "\"ok\"", "null"] {
        let unreadable = Outcome::Unknown { reason: ANSWER_UNREADABLE };
        assert_eq!(taken(body.as_bytes()), unreadable, "{body}");
    }
}

#[test]
fn the_wish_to_be_left_alone_is_read_as_seconds_and_as_a_date_and_bounded() {
    assert_eq!(rest_with(429, "120"), 120);
    assert_eq!(rest_with(503, "120"), 120);
    assert_eq!(rest_with(503, "0"), 10);
    assert_eq!(rest_with(429, "3"), 10);
    assert_eq!(rest_with(429, "99999999999"), REST_MAX.as_secs());
    let date = |seconds: u64| {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds))
    };
    assert_eq!(rest_with(429, &date(300)), 300);
    assert_eq!(rest_with(429, "Thu, 01 Jan 1970 00:00:00 GMT"), 10, "a date that is over");
    for nonsense in ["tomorrow", "-5", "", "1e3", "99999999999999999999999999"] {
        assert_eq!(rest_with(429, nonsense), 60, "{nonsense}");
        assert_eq!(rest_with(503, nonsense), 10, "{nonsense}");
    }
}

#[test]
fn only_a_429_with_the_projects_quota_is_about_the_project() {
    let quota = |subject: &str| json!({ "@type": QUOTA, "violations": [{ "subject": subject }] });
    let of_project = |status: u16, details: Value| {
        let body = error(status, "RESOURCE_EXHAUSTED", "", &details).to_string();
        read(status, &HeaderMap::new(), body.as_bytes(), NOW).of_project
    };
    let code = fcm_error("QUOTA_EXCEEDED");
    assert!(of_project(429, json!([code, quota("project:my-app-12345")])));
    assert!(!of_project(429, json!([code, quota("device:abc")])));
    assert!(!of_project(429, json!([code])));
    assert!(!of_project(400, json!([code, quota("project:my-app-12345")])));
}
