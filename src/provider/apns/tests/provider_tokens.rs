//! What Apple says about provider tokens, and what becomes of the connection and of the token.

use super::server::{Act, Seen, Server};
use super::*;
use crate::domain::provider_token::MINT_EVERY;
use crate::domain::reasons::PROVIDER_TOKENS_PAUSED;

fn refusal(status: u16, reason: &str) -> Act {
    Act::Answer(status, format!("{{\"reason\":\"{reason}\"}}"))
}

fn expired_at_first(seen: &Seen) -> Act {
    match seen.connection {
        0 => refusal(403, "ExpiredProviderToken"),
        _ => Act::Answer(200, String::new()),
    }
}

fn class(outcome: Outcome) -> Class {
    let Outcome::Rejected(rejection) = outcome else { panic!("{outcome:?}") };
    rejection.class
}

#[tokio::test]
async fn an_old_token_that_apple_calls_expired_costs_the_connection_and_is_marked() {
    let server = Server::start(None, expired_at_first).await;
    let clock = Clock::manual(NOW + MINT_EVERY);
    let apns = Apns::new(config(&server.url, &server.trust), clock).unwrap();
    let (credential, token) = (credential(), token(NOW));
    let send = || {
        let batch = Batch { token: token.clone(), ..batch(&credential, [0]) };
        outcomes(apns.send(batch), 1)
    };
    assert_eq!(class(send().await.remove(0)), Class::ProviderToken);
    assert!(token.is_refused(), "who shares the database is told");
    assert_eq!(send().await, [accepted()]);
    let connections: Vec<usize> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1]);
}

#[tokio::test]
async fn a_fresh_token_that_apple_calls_expired_is_kept_and_the_clock_is_to_blame() {
    let server = Server::start(None, expired_at_first).await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    let batch = batch(&credential, [0]);
    let token = batch.token.clone();
    let found = outcomes(apns.send(batch), 1).await.remove(0);
    assert_eq!(class(found), Class::Configuration);
    assert!(!token.is_refused(), "another one would be refused too");
    assert_eq!(outcome(&apns, &credential).await, accepted());
    assert_eq!(server.seen()[1].connection, 1, "the first one is wedged");
}

#[tokio::test]
async fn an_older_token_never_follows_a_newer_one() {
    let server = Server::accepting().await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    for minted_at in [NOW, NOW + Duration::from_mins(50), NOW] {
        let batch = Batch { token: token(minted_at), ..batch(&credential, [0]) };
        assert_eq!(outcomes(apns.send(batch), 1).await, [accepted()]);
    }
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|seen| &seen.headers["authorization"]).collect();
    assert_ne!(sent[0], sent[1]);
    assert_eq!(sent[1], sent[2]);
}

#[tokio::test]
async fn a_connection_on_which_tokens_change_too_often_is_parked_and_nothing_is_tried_on_it() {
    let server = Server::start(None, |_| refusal(429, "TooManyProviderTokenUpdates")).await;
    let config = Config { connections_max: 1, ..config(&server.url, &server.trust) };
    let (apns, credential) = (apns(config), credential());
    assert_eq!(class(outcome(&apns, &credential).await), Class::Retry);
    for outcome in outcomes(apns.send(batch(&credential, 0..5)), 5).await {
        let Outcome::Postponed { reason, until } = outcome else { panic!("{outcome:?}") };
        assert_eq!(reason, PROVIDER_TOKENS_PAUSED);
        assert!(until > NOW + Duration::from_mins(4), "{until:?}");
    }
    assert_eq!((server.connections(), server.seen().len()), (1, 1));
}

#[tokio::test]
async fn while_one_connection_is_parked_another_one_carries_the_pushes() {
    let rule = |seen: &Seen| match seen.connection {
        0 => refusal(429, "TooManyProviderTokenUpdates"),
        _ => Act::Answer(200, String::new()),
    };
    let server = Server::start(None, rule).await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    assert_eq!(class(outcome(&apns, &credential).await), Class::Retry);
    let found = outcomes(apns.send(batch(&credential, 0..50)), 50).await;
    assert!(found.iter().all(|outcome| *outcome == accepted()), "{found:?}");
    assert_eq!(server.connections(), 2);
}
