//! What goes over the wire, and what is made of every way in which it can go wrong.

use super::*;
use crate::domain::reasons::{
    CONNECT_FAILED, CONNECTION_LOST, INVALID_TOKEN, REFUSED_STREAM, STREAM_RESET, TIMEOUT,
    TLS_FAILED,
};
use crate::provider::fcm::body::BODY_BYTES_MAX;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

async fn check_one_push(server: &Server) {
    let fcm = fcm(config(server));
    assert_eq!(send_one(&fcm, &credential()).await, accepted());
    let pushes = server.pushes();
    assert_eq!(pushes.len(), 1);
    assert_eq!(pushes[0].path, format!("/v1/projects/{PROJECT}/messages:send"));
    assert_eq!(pushes[0].header("authorization"), "Bearer first");
    assert_eq!(pushes[0].header("content-type"), "application/json");
    let body: serde_json::Value = serde_json::from_slice(&pushes[0].body).unwrap();
    let wanted = serde_json::json!({
        "message": { "token": "token-0", "data": { "tidings_event": "update" } },
    });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn a_push_goes_over_tls_and_http_2_with_its_bearer_and_its_target() {
    check_one_push(&Server::tls(with_tokens(|_| taken())).await).await;
}

#[tokio::test]
async fn a_push_goes_to_this_machine_over_plain_http() {
    check_one_push(&Server::plain(with_tokens(|_| taken())).await).await;
}

#[tokio::test]
async fn pushes_spread_over_lanes_and_no_connection_has_more_than_a_hundred() {
    let permits = Arc::new(Semaphore::new(0));
    let shared = permits.clone();
    let server = Server::tls(with_tokens(move |_| Act::Wait(shared.clone()))).await;
    let fcm = fcm(Config { lanes: 6, ..config(&server) });
    let answers = fcm.send(batch(&credential(), 500));
    // An account has half of all room, so 300 are on their way and 200 wait.
    soon(async {
        while server.open() < 300 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    permits.add_permits(500);
    let outcomes = outcomes(answers, 500).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })));
    assert_eq!(server.open_max(), 300);
    assert!(server.per_connection_max() <= 100, "{}", server.per_connection_max());
    assert_eq!(server.connections(), 7, "six lanes, and one for tokens");
}

#[tokio::test]
async fn where_nobody_listens_the_push_was_certainly_not_sent() {
    let server = Server::plain(with_tokens(|_| taken())).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let fcm = fcm(Config { base_url, ..config(&server) });
    let wanted = Outcome::NotSent { reason: CONNECT_FAILED };
    assert_eq!(send_one(&fcm, &credential()).await, wanted);
}

#[tokio::test]
async fn an_unknown_certificate_gets_neither_push_nor_bearer() {
    let server = Server::tls(with_tokens(|_| taken())).await;
    let tokens = Server::plain(with_tokens(|_| taken())).await;
    let token_url = format!("{}/token", tokens.url);
    let fcm = fcm(Config { ca_file: None, token_url, ..config(&server) });
    assert_eq!(send_one(&fcm, &credential()).await, Outcome::NotSent { reason: TLS_FAILED });
    assert_eq!(server.pushes().len(), 0);
}

#[tokio::test]
async fn a_push_without_an_answer_in_time_may_have_arrived() {
    let server = Server::tls(with_tokens(|_| Act::Stall)).await;
    let fcm = fcm(Config { request_timeout_ms: 300, ..config(&server) });
    assert_eq!(send_one(&fcm, &credential()).await, Outcome::Unknown { reason: TIMEOUT });
}

#[tokio::test]
async fn a_stream_that_google_did_not_look_at_is_tried_again_and_then_not_sent() {
    let server = Server::tls(with_tokens(|_| Act::Reset(h2::Reason::REFUSED_STREAM))).await;
    let fcm = fcm(config(&server));
    let wanted = Outcome::NotSent { reason: REFUSED_STREAM };
    assert_eq!(send_one(&fcm, &credential()).await, wanted);
    assert!((1..=3).contains(&server.pushes().len()));
}

#[tokio::test]
async fn a_push_whose_answer_was_broken_off_may_have_arrived() {
    let server = Server::tls(with_tokens(|_| Act::Reset(h2::Reason::INTERNAL_ERROR))).await;
    let wanted = Outcome::Unknown { reason: STREAM_RESET };
    assert_eq!(send_one(&fcm(config(&server)), &credential()).await, wanted);
    let server = Server::plain(with_tokens(|_| Act::HangUp)).await;
    let wanted = Outcome::Unknown { reason: CONNECTION_LOST };
    assert_eq!(send_one(&fcm(config(&server)), &credential()).await, wanted);
}

#[tokio::test]
async fn a_status_counts_even_where_its_body_never_comes() {
    for (status, server) in [
        (200, Server::tls(with_tokens(|_| Act::StallInBody(200))).await),
        (503, Server::plain(with_tokens(|_| Act::StallInBody(503))).await),
    ] {
        let fcm = fcm(Config { request_timeout_ms: 300, ..config(&server) });
        let outcome = send_one(&fcm, &credential()).await;
        if status == 200 {
            assert_eq!(outcome, Outcome::Accepted { unique_id: None });
        } else {
            assert_eq!(
                (rejection(&outcome).status, rejection(&outcome).class),
                (503, Class::Retry)
            );
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::plain(|_| taken()).await;
    let location = format!("{}/stolen", elsewhere.url);
    let server = Server::tls(with_tokens(move |_| {
        Act::AnswerWith(307, "location", location.clone(), Vec::new())
    }))
    .await;
    let outcome = send_one(&fcm(config(&server)), &credential()).await;
    let read = rejection(&outcome);
    assert_eq!((read.status, read.class), (307, Class::Configuration));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_body_without_end_is_read_to_its_bound() {
    let words = r#"{"error":{"details":[{"@type":"x/google.firebase.fcm.v1.FcmError",
        "errorCode":"UNREGISTERED"}],"message":""#;
    let body = format!("{words}{}\"}}}}", "x".repeat(20 * BODY_BYTES_MAX));
    let server = Server::plain(with_tokens(move |_| Act::Answer(404, body.clone()))).await;
    let outcome = send_one(&fcm(config(&server)), &credential()).await;
    let read = rejection(&outcome);
    assert_eq!((read.status, read.class), (404, Class::Configuration), "it was cut off");
}

#[tokio::test]
async fn a_device_without_a_token_does_not_hold_up_the_others() {
    let server = Server::plain(with_tokens(|_| taken())).await;
    let mut batch = batch(&credential(), 2);
    batch.pushes[0].target = Target::InstallationId(SecretString::from(""));
    let outcomes = outcomes(fcm(config(&server)).send(batch), 2).await;
    assert_eq!(outcomes, [Outcome::NotSent { reason: INVALID_TOKEN }, accepted()]);
}

#[tokio::test]
async fn draining_waits_for_answers_and_takes_no_more() {
    let permits = Arc::new(Semaphore::new(0));
    let shared = permits.clone();
    let server = Server::tls(with_tokens(move |_| Act::Wait(shared.clone()))).await;
    let fcm = fcm(config(&server));
    let answers = fcm.send(batch(&credential(), 3));
    soon(async {
        while server.open() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let drained = tokio::spawn({
        let fcm = fcm.clone();
        async move { fcm.drain().await }
    });
    tokio::task::yield_now().await;
    let refused = send_one(&fcm, &credential()).await;
    assert_eq!(refused, Outcome::NotSent { reason: SHUTTING_DOWN });
    assert!(!drained.is_finished());
    permits.add_permits(3);
    soon(drained).await.unwrap();
    assert_eq!(outcomes(answers, 3).await.len(), 3);
}

#[test]
fn debug_prints_neither_token_nor_content() {
    let batch = batch(&credential(), 1);
    let printed = format!("{batch:?}");
    for secret in ["token-0", "tidings_event", "PRIVATE KEY"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
