//! Files as Google gives them, and as nobody should give them.

use super::*;
use serde_json::json;

/// Made for these tests, and good for nothing else.
const KEY: &str = include_str!("tests/rsa_2048.pem");
const SHORT_KEY: &str = include_str!("tests/rsa_1024.pem");

fn file() -> Value {
    json!({
        "type": "service_account",
        "project_id": "my-app-12345",
        "private_key_id": "0123456789abcdef",
        "private_key": KEY,
        "client_email": "tidings@my-app-12345.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

fn with(key: &str, value: Value) -> String {
    let mut file = file();
    file[key] = value;
    file.to_string()
}

fn wrong(json: &str) -> Vec<(String, String)> {
    let violations = inspect(json).expect_err("it was taken");
    violations.into_iter().map(|v| (v.field, v.description)).collect()
}

fn wrong_fields(json: &str) -> Vec<String> {
    wrong(json).into_iter().map(|(field, _)| field).collect()
}

#[test]
fn the_file_of_googles_console_is_read() {
    let inspected = inspect(&file().to_string()).unwrap();
    assert_eq!(inspected.project_id, "my-app-12345");
    assert_eq!(inspected.client_email, "tidings@my-app-12345.iam.gserviceaccount.com");
    assert_eq!(inspected.private_key_id, "0123456789abcdef");
}

#[test]
fn what_the_file_says_about_addresses_is_not_even_read() {
    for token_uri in [
        json!("http://169.254.169.254/computeMetadata"),
        json!("not an address \u{0}"),
        json!({ "a": [1] }),
        json!("https://evil.example/token"),
    ] {
        let account = read(&with("token_uri", token_uri)).unwrap();
        let json = account.to_json("https://oauth2.googleapis.com/token");
        let json: Value = serde_json::from_str(json.expose_secret()).unwrap();
        assert_eq!(json["token_uri"], "https://oauth2.googleapis.com/token");
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["type", "project_id", "client_email", "private_key", "token_uri"]);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_never_quoted() {
    let json = json!({
        "type": "external_account",
        "project_id": "../v1/projects/other",
        "private_key_id": "a b",
        "private_key": "hunter2",
        "client_email": 7,
    });
    let found = wrong(&json.to_string());
    let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
    let wanted = ["type", "project_id", "client_email", "private_key", "private_key_id"];
    assert_eq!(fields, wanted);
    assert!(found.iter().all(|(_, description)| !description.contains("hunter2")));
}

#[test]
fn no_text_is_a_panic() {
    let deep = "[".repeat(10_000);
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(JSON_BYTES_MAX));
    for text in ["", " ", "null", "[]", "\"x\"", "7", "{", "\u{0}", "\u{feff}{}", &deep, &huge] {
        assert_eq!(wrong_fields(text), [""], "{}", &text[..text.len().min(20)]);
    }
    assert_eq!(wrong_fields("{}"), ["project_id", "client_email", "private_key"]);
}

#[test]
fn no_value_of_a_member_is_a_panic() {
    let values = [
        json!(null),
        json!(true),
        json!(1e300),
        json!([KEY]),
        json!({ "pem": KEY }),
        json!(""),
        json!("\u{0}\r\n"),
        json!("\u{1F980}"),
        json!("x".repeat(10_000)),
        json!("a/../../b?x=y#z"),
        json!("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
        json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        json!(KEY.replace("PRIVATE", "RSA PRIVATE")),
        json!(SHORT_KEY),
    ];
    for value in values {
        for key in ["project_id", "client_email", "private_key"] {
            assert_eq!(wrong_fields(&with(key, value.clone())), [key], "{value}");
        }
    }
}

#[test]
fn debug_does_not_print_the_key() {
    let account = read(&file().to_string()).unwrap();
    let printed = format!("{account:?}");
    assert!(printed.contains("my-app-12345"));
    assert!(!printed.contains("PRIVATE KEY"), "{printed}");
}
