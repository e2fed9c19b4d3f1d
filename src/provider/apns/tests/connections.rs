//! Connections: how many there are, how full they get, what they cost, and when they are replaced.

use super::server::{Act, Seen, Server, by_token};
use super::*;
use h2::Reason;
use tokio::sync::Semaphore;

fn not_sent(reason: &'static str) -> Outcome {
    Outcome::NotSent { reason }
}

fn unknown(reason: &'static str) -> Outcome {
    Outcome::Unknown { reason }
}

fn accept(_: &Seen) -> Act {
    Act::Answer(200, String::new())
}

#[tokio::test]
async fn many_pushes_go_over_one_connection() {
    let server = Server::accepting().await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    assert_eq!(outcome(&apns, &credential).await, accepted());
    let found = outcomes(apns.send(batch(&credential, 0..2_000)), 2_000).await;
    assert!(found.iter().all(|outcome| *outcome == accepted()));
    assert_eq!((server.connections(), server.seen().len()), (1, 2_001));
}

#[tokio::test]
async fn a_connection_carries_one_push_until_apple_has_accepted_the_provider_token() {
    let permits = Arc::new(Semaphore::new(0));
    let waiting = permits.clone();
    let server = Server::start(None, move |_| Act::Wait(waiting.clone())).await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    let answers = apns.send(batch(&credential, 0..50));
    server.until_open(1).await;
    assert_eq!((server.seen().len(), server.connections()), (1, 1));
    permits.add_permits(1);
    server.until_open(49).await;
    permits.add_permits(49);
    assert!(outcomes(answers, 50).await.iter().all(|outcome| *outcome == accepted()));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_connection_gets_more_streams_than_it_allows_and_there_are_no_more_than_configured() {
    let server = Server::start(Some(1), accept).await;
    let config = Config { connections_max: 3, ..config(&server.url, &server.trust) };
    let (apns, credential) = (apns(config), credential());
    let found = outcomes(apns.send(batch(&credential, 0..200)), 200).await;
    assert!(found.iter().all(|outcome| *outcome == accepted()), "{found:?}");
    assert!(server.open_max() <= 3 && server.connections() <= 3, "{}", server.connections());
}

#[tokio::test]
async fn another_connection_is_opened_when_all_are_full() {
    let permits = Arc::new(Semaphore::new(1));
    let waiting = permits.clone();
    let server = Server::start(Some(2), move |_| Act::Wait(waiting.clone())).await;
    let config = Config { connections_max: 2, ..config(&server.url, &server.trust) };
    let (apns, credential) = (apns(config), credential());
    assert_eq!(outcome(&apns, &credential).await, accepted());
    let answers = apns.send(batch(&credential, 0..10));
    // Two on the first connection, and the one that proves the second.
    server.until_open(3).await;
    assert_eq!(server.connections(), 2);
    permits.add_permits(10);
    assert!(outcomes(answers, 10).await.iter().all(|outcome| *outcome == accepted()));
    assert!(server.open_max() <= 4);
}

#[tokio::test]
async fn no_more_pushes_are_in_flight_than_configured() {
    let permits = Arc::new(Semaphore::new(1));
    let waiting = permits.clone();
    let server = Server::start(None, move |_| Act::Wait(waiting.clone())).await;
    let config = Config { in_flight_max: 5, ..config(&server.url, &server.trust) };
    let (apns, credential) = (apns(config), credential());
    assert_eq!(outcome(&apns, &credential).await, accepted());
    let answers = apns.send(batch(&credential, 0..20));
    server.until_open(5).await;
    permits.add_permits(20);
    assert!(outcomes(answers, 20).await.iter().all(|outcome| *outcome == accepted()));
    assert_eq!(server.open_max(), 5);
}

#[tokio::test]
async fn worlds_and_keys_do_not_share_a_connection() {
    let server = Server::accepting().await;
    let apns = apns(config(&server.url, &server.trust));
    let (first, second) = (credential(), credential());
    for credential in [&first, &second, &first] {
        assert_eq!(outcome(&apns, credential).await, accepted());
    }
    let sandbox = Batch { environment: Environment::Sandbox, ..batch(&first, [0]) };
    assert_eq!(outcomes(apns.send(sandbox), 1).await, [accepted()]);
    let connections: Vec<usize> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1, 0, 2]);
}

#[tokio::test]
async fn a_refused_stream_was_not_sent_and_another_reset_is_unknown() {
    let rule = |seen: &Seen| {
        if by_token(seen, 0) {
            Act::Reset(Reason::REFUSED_STREAM)
        } else {
            Act::Reset(Reason::INTERNAL_ERROR)
        }
    };
    let server = Server::start(None, rule).await;
    let apns = apns(config(&server.url, &server.trust));
    let found = outcomes(apns.send(batch(&credential(), 0..2)), 2).await;
    assert_eq!(found, [not_sent("REFUSED_STREAM"), unknown("STREAM_RESET")]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_answer_is_unknown_and_a_connection_that_says_nothing_is_replaced() {
    let rule =
        |seen: &Seen| if by_token(seen, 0) { Act::Stall } else { Act::Answer(200, String::new()) };
    let server = Server::start(None, rule).await;
    let config = Config { request_timeout_ms: 500, ..config(&server.url, &server.trust) };
    let (apns, credential) = (apns(config), credential());
    assert_eq!(outcome(&apns, &credential).await, unknown("TIMEOUT"));
    let next = outcomes(apns.send(batch(&credential, 0..3)), 3).await;
    assert_eq!(next, [unknown("TIMEOUT"), accepted(), accepted()]);
    assert_eq!(server.seen().last().map(|seen| seen.connection), Some(2));
}

#[tokio::test]
async fn a_connection_is_replaced_before_too_many_of_its_streams_were_given_up() {
    let rule =
        |seen: &Seen| if by_token(seen, 0) { Act::Answer(200, String::new()) } else { Act::Stall };
    let server = Server::start(Some(1_000), rule).await;
    let config = Config { request_timeout_ms: 2_000, ..config(&server.url, &server.trust) };
    let (apns, credential) = (apns(config), credential());
    assert_eq!(outcome(&apns, &credential).await, accepted());
    // The pushes that are answered keep the connection from being taken for a dead one.
    let stalled = apns.send(batch(&credential, 1..500).renumbered());
    server.until_open(499).await;
    assert_eq!(outcome(&apns, &credential).await, accepted());
    let found = outcomes(stalled, 499).await;
    assert!(found.iter().all(|outcome| *outcome == unknown("TIMEOUT")), "{found:?}");
    assert_eq!(outcome(&apns, &credential).await, accepted());
    assert_eq!(server.connections(), 1);

    let last = apns.send(batch(&credential, [500]).renumbered());
    server.until_open(1).await;
    assert_eq!(outcome(&apns, &credential).await, accepted());
    assert_eq!(outcomes(last, 1).await, [unknown("TIMEOUT")]);
    assert_eq!(outcome(&apns, &credential).await, accepted());
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn who_drops_the_receiver_loses_the_answers_and_not_the_connection() {
    let permits = Arc::new(Semaphore::new(0));
    let waiting = permits.clone();
    let server = Server::start(None, move |_| Act::Wait(waiting.clone())).await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    drop(apns.send(batch(&credential, 0..10)));
    server.until_open(1).await;
    permits.add_permits(11);
    assert_eq!(outcome(&apns, &credential).await, accepted());
    assert_eq!((server.connections(), server.seen().len()), (1, 11));
}

#[tokio::test]
async fn a_drain_waits_for_the_answers_and_takes_no_more() {
    let permits = Arc::new(Semaphore::new(0));
    let waiting = permits.clone();
    let server = Server::start(None, move |_| Act::Wait(waiting.clone())).await;
    let (apns, credential) = (apns(config(&server.url, &server.trust)), credential());
    let answers = apns.send(batch(&credential, 0..20));
    server.until_open(1).await;
    let drain = tokio::spawn({
        let apns = apns.clone();
        async move { apns.drain().await }
    });
    permits.add_permits(20);
    drain.await.unwrap();
    assert!(outcomes(answers, 20).await.iter().all(|outcome| *outcome == accepted()));
    assert_eq!(outcome(&apns, &credential).await, not_sent("SHUTTING_DOWN"));
}
