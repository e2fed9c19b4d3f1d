//! What goes over the wire, and what is made of what comes back.

use super::server::{Act, Server, by_token};
use super::*;
use crate::domain::provider_token::MINT_EVERY;
use crate::domain::reasons;

#[tokio::test]
async fn a_push_has_the_headers_that_apple_wants_and_no_others() {
    let server = Server::accepting().await;
    let apns = apns(config(&server.url, &server.trust));
    let mut batch = batch(&credential(), [7]).renumbered();
    batch.pushes[0].priority = Priority::Normal;
    batch.pushes[0].expiration = NOW + Duration::from_millis(59_999);
    assert_eq!(outcomes(apns.send(batch), 1).await, [accepted()]);

    let seen = server.seen().remove(0);
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.uri, format!("{}/3/device/{}", server.url, device_token(7)));
    assert_eq!(&seen.body[..], br#"{"aps":{}}"#);
    let mut headers: Vec<(&str, &str)> =
        seen.headers.iter().map(|(k, v)| (k.as_str(), v.to_str().unwrap())).collect();
    headers.sort_unstable();
    let (authorization, others): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|(name, _)| *name == "authorization");
    assert_eq!(authorization.len(), 1);
    assert!(authorization[0].1.starts_with("bearer ey"));
    let wanted = [
        ("apns-expiration", "1790000059"),
        ("apns-id", "00000000-0000-0000-0000-000000000007"),
        ("apns-priority", "5"),
        ("apns-push-type", "liveactivity"),
        ("apns-topic", "com.example.app.push-type.liveactivity"),
    ];
    assert_eq!(others, wanted);
}

#[tokio::test]
async fn the_sandbox_gives_the_id_of_its_delivery_log() {
    let id = "0c2a7b2e-97a5-4f0c-9b43-7a0f3a1e6e55";
    let rule = move |_: &_| Act::AnswerWith(200, "apns-unique-id", id.to_owned());
    let server = Server::start(None, rule).await;
    let apns = apns(config(&server.url, &server.trust));
    let unique_id = Some(id.to_owned());
    assert_eq!(outcome(&apns, &credential()).await, Outcome::Accepted { unique_id });
}

#[tokio::test]
async fn every_refusal_of_apples_is_read_with_its_class() {
    let rule = |seen: &server::Seen| {
        let row = (0..reasons::REASONS.len()).find(|number| by_token(seen, *number)).unwrap();
        Act::Answer(
            reasons::REASONS[row].status,
            format!("{{\"reason\":\"{}\"}}", reasons::REASONS[row].reason),
        )
    };
    let server = Server::start(None, rule).await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    // Of a young token Apple does not say that it has expired.
    let all = batch(&credential, 0..reasons::REASONS.len());
    let answers = apns.send(Batch { token: token(NOW - MINT_EVERY), ..all });
    for (row, outcome) in
        reasons::REASONS.iter().zip(outcomes(answers, reasons::REASONS.len()).await)
    {
        let wanted = Rejection {
            status: row.status,
            reason: row.reason.to_owned(),
            class: row.class,
            dead_since: None,
            retry_after: None,
        };
        assert_eq!(outcome, Outcome::Rejected(wanted));
    }
}

#[tokio::test]
async fn a_reason_that_is_new_and_a_410_with_its_time_come_through() {
    let rule = |seen: &server::Seen| {
        if by_token(seen, 0) {
            Act::Answer(400, r#"{"reason":"BrandNewReason"}"#.into())
        } else {
            Act::Answer(410, r#"{"reason":"Unregistered","timestamp":1789999999123}"#.into())
        }
    };
    let server = Server::start(None, rule).await;
    let apns = apns(config(&server.url, &server.trust));
    let found = outcomes(apns.send(batch(&credential(), 0..2)), 2).await;
    let Outcome::Rejected(new) = &found[0] else { panic!("{found:?}") };
    assert_eq!((new.reason.as_str(), new.class), ("BrandNewReason", Class::Request));
    let Outcome::Rejected(dead) = &found[1] else { panic!("{found:?}") };
    assert_eq!(dead.class, Class::Token);
    assert_eq!(dead.dead_since, Some(Time(1_789_999_999_123)));
}

#[tokio::test]
async fn a_wish_to_be_left_alone_comes_through() {
    let rule = |_: &_| Act::AnswerWith(503, "retry-after", "90".into());
    let server = Server::start(None, rule).await;
    let apns = apns(config(&server.url, &server.trust));
    let found = outcome(&apns, &credential()).await;
    let Outcome::Rejected(rejection) = found else { panic!("{found:?}") };
    assert_eq!(rejection.retry_after, Some(Duration::from_secs(90)));
    assert_eq!((rejection.reason.as_str(), rejection.class), ("NO_REASON", Class::Retry));
}

#[tokio::test]
async fn an_endless_body_is_cut_off_and_the_connection_goes_on() {
    let rule = |seen: &server::Seen| {
        if by_token(seen, 0) {
            Act::Answer(400, "x".repeat(1 << 20))
        } else {
            Act::Answer(200, String::new())
        }
    };
    let server = Server::start(None, rule).await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    let found = outcome(&apns, &credential).await;
    let Outcome::Rejected(rejection) = found else { panic!("{found:?}") };
    assert_eq!((rejection.status, rejection.reason.as_str()), (400, "NO_REASON"));
    let next = batch(&credential, [1]).renumbered();
    assert_eq!(outcomes(apns.send(next), 1).await, [accepted()]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_answered_without_a_connection() {
    let server = Server::accepting().await;
    let apns = apns(config(&server.url, &server.trust));
    let mut odd = batch(&credential(), [0]);
    odd.pushes[0].token = SecretString::from("80/../x y");
    let reason = reasons::INVALID_TOKEN;
    assert_eq!(outcomes(apns.send(odd), 1).await, [Outcome::NotSent { reason }]);
    assert_eq!(outcomes(apns.send(batch(&credential(), [])), 0).await, []);
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn a_batch_prints_neither_token_nor_content_nor_key() {
    let batch = batch(&credential(), [1]);
    let printed = format!("{batch:?}");
    assert!(printed.contains("body_bytes: 10"), "{printed}");
    for secret in [device_token(1), "aps".to_owned(), "BEGIN PRIVATE KEY".to_owned()] {
        assert!(!printed.contains(&secret), "{printed}");
    }
}
