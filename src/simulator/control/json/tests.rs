//! The control API as a script calls it, and every example of its page.

use crate::simulator::phone::Phone;
use crate::simulator::sender::{BUNDLE, PATIENCE, World};
use axum::body::Body;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

const PAGE: &str = include_str!("../../../../docs/simulator.md");

async fn connect(world: &World, head: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.simulator.control_address()).await.unwrap();
    let length = body.len();
    let head = format!("{head} HTTP/1.1\r\nhost: simulator\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    stream
}

/// The status and the body of an answer that says its length.
async fn post_as(world: &World, method: &str, body: &str, header: &str) -> (u16, Value) {
    let head = format!("POST /v1/{method} HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\n");
    let head = format!("{head}{header}content-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(world.simulator.control_address()).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")))
}

async fn post(world: &World, method: &str, body: &str) -> (u16, Value) {
    post_as(world, method, body, "").await
}

fn spec(device_id: &str) -> Value {
    json!({"spec": {
        "deviceId": device_id,
        "bundle_id": BUNDLE,
        "osVersion": "18.2",
        "templates": [{"activityType": "taxi"}],
        "closedTokenLife": "1.5s",
    }})
}

#[tokio::test]
async fn a_script_makes_a_phone_acts_on_it_and_reads_its_screen() {
    let world = World::new().await;
    let (status, info) = post(&world, "GetInfo", "").await;
    assert_eq!((status, &info["sandboxUrl"]), (200, &json!(world.simulator.sandbox_url())));
    let (status, made) = post(&world, "CreatePhone", &spec("one").to_string()).await;
    assert_eq!((status, &made["phone"]["cards"]), (200, &json!([])), "{made}");
    let start = json!({"phoneId": "one", "activityType": "taxi", "attributesJson": "{}",
        "contentJson": "{}"});
    let (status, started) = post(&world, "StartActivity", &start.to_string()).await;
    assert_eq!(status, 200, "{started}");
    let (_, seen) = post(&world, "GetPhone", r#"{"phoneId": "one"}"#).await;
    let card = &seen["phone"]["cards"][0];
    assert_eq!(
        (&card["cardId"], &card["state"]),
        (&started["cardId"], &json!("CARD_STATE_ACTIVE"))
    );
    assert_eq!(card["run"], "0", "64 bits are text, and nothing is left out");
    assert!(card["shown"][0]["time"].as_str().unwrap().ends_with('Z'));
    let phone: Option<Phone> = world.simulator.phone("one");
    assert_eq!(phone.unwrap().snapshot().cards.len(), 1);
}

#[tokio::test]
async fn a_refusal_is_json_with_a_code() {
    let world = World::new().await;
    post(&world, "CreatePhone", &spec("one").to_string()).await;
    for (method, body, status, code) in [
        ("CreatePhone", spec("one").to_string(), 409, "ALREADY_EXISTS"),
        ("GetPhone", r#"{"phoneId": "two"}"#.to_owned(), 404, "NOT_FOUND"),
        ("GetPhone", r#"{"phone": "one"}"#.to_owned(), 400, "INVALID_ARGUMENT"),
        ("GetPhone", r#"{"phoneId": "one"} x"#.to_owned(), 400, "INVALID_ARGUMENT"),
        ("GetPhone", "[]".to_owned(), 400, "INVALID_ARGUMENT"),
        ("NoSuchMethod", String::new(), 404, "NOT_FOUND"),
    ] {
        let (got, refused) = post(&world, method, &body).await;
        assert_eq!((got, refused["code"].as_str()), (status, Some(code)), "{method}: {refused}");
        assert!(!refused["message"].as_str().unwrap().is_empty());
    }
    let of_a_page = post_as(&world, "GetInfo", "", "origin: http://example.com\r\n").await;
    assert_eq!((of_a_page.0, &of_a_page.1["code"]), (403, &json!("PERMISSION_DENIED")));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let nothing = |_| async { Ok(http::Response::new(tonic::body::Body::empty())) };
    let routes = super::routes(tower::service_fn(nothing)).unwrap();
    for (bytes, status) in [(super::BODY_BYTES_MAX, 400), (super::BODY_BYTES_MAX + 1, 429)] {
        let request = http::Request::post("/v1/GetPhone").body(Body::from(vec![b'x'; bytes]));
        let answer = routes.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{bytes}");
    }
}

#[tokio::test]
async fn a_watcher_gets_a_line_for_each_change() {
    let world = World::new().await;
    let watched = connect(&world, "POST /v1/WatchPhones", "").await;
    let mut lines = BufReader::new(watched).lines();
    post(&world, "CreatePhone", &spec("one").to_string()).await;
    let seen = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            // Lengths of chunks stand between the lines.
            if let Ok(Value::Object(seen)) = serde_json::from_str(&line) {
                return seen;
            }
        }
        panic!("the stream ended");
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await.unwrap();
    assert_eq!(seen["phone"]["phoneId"], "one");
}

/// The calls of the page: each method and its body.
fn examples() -> Vec<(String, String)> {
    let call = |text: &str| {
        let (method, rest) = text.split_once(" -d '").unwrap_or((text, "'"));
        let body = rest.split_once('\'').map_or("", |(body, _)| body);
        (method.split_whitespace().next().unwrap_or_default().to_owned(), body.to_owned())
    };
    PAGE.split("localhost:50052/v1/").skip(1).map(call).collect()
}

#[tokio::test]
async fn every_example_of_the_page_works() {
    let world = World::new().await;
    let examples = examples();
    assert!(examples.len() > 5, "{examples:?}");
    for (method, body) in examples {
        let (status, answer) = post(&world, &method, &body).await;
        assert_eq!(status, 200, "{method} {body}: {answer}");
    }
}
