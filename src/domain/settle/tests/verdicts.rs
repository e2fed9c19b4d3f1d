//! When a provider's word that a token is dead counts.

use super::*;
use crate::domain::ids::TokenId;
use crate::domain::samples::{gone, pending_start, token};

fn verdict(row: &mut Subscription, shard: &Shard, sent: &Sent, since: Option<Time>) -> Settled {
    let token = token(sent.plan.token.unwrap());
    settle(row, shard, Some(&token), (sent, Answer::Is(&gone(since))), NOW)
}

#[test]
fn a_verdict_newer_than_the_registration_kills_the_token_and_is_told() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    let settled = verdict(&mut row, &shard, &sent, Some(at(-10)));
    assert_eq!(row.state, State::Invalidated);
    assert_eq!(row.reason, Some(Reason::TokenDead("Unregistered".to_owned())));
    assert_eq!(settled.token.unwrap().invalid, Some((NOW, "Unregistered".to_owned())));
    let kinds: Vec<EventKind> = settled.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SubscriptionInvalidated, EventKind::TokenInvalidated]);
}

#[test]
fn an_old_verdict_does_not_kill_and_is_asked_again_in_an_hour() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    let settled = verdict(&mut row, &shard, &sent, Some(at(-450)));
    assert_eq!(row.state, State::Active);
    assert!(settled.events.is_empty());
    let token = settled.token.unwrap();
    assert_eq!((token.invalid, token.doubted_at), (None, Some(NOW)));
    assert_eq!(row.exception.unwrap().retry_at, Some(at(3_600)));
}

#[test]
fn a_verdict_on_a_former_token_does_not_touch_its_successor() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    row.card.token = Some(TokenId::generate());
    row.touch(&shard, NOW);
    let settled = verdict(&mut row, &shard, &sent, Some(at(-10)));
    assert_eq!(row.state, State::Active);
    assert_eq!(settled.token.unwrap().id, sent.plan.token.unwrap(), "exactly that token");
}

#[test]
fn a_token_that_is_dead_already_dies_once() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    let mut dead = token(sent.plan.token.unwrap());
    dead.invalid = Some((at(-1), "REPLACED".to_owned()));
    let gone = gone(Some(at(-10)));
    let settled = settle(&mut row, &shard, Some(&dead), (&sent, Answer::Is(&gone)), NOW);
    assert!(settled.token.is_none() && settled.events.is_empty());
}

#[test]
fn a_bad_request_about_a_token_kills_nothing() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    let bad = Outcome::Rejected(Rejection {
        status: 400,
        reason: "BadDeviceToken".to_owned(),
        class: Class::Configuration,
        dead_since: None,
        retry_after: None,
    });
    let known = token(sent.plan.token.unwrap());
    let settled = settle(&mut row, &shard, Some(&known), (&sent, Answer::Is(&bad)), NOW);
    assert!(settled.token.is_none());
    assert_eq!(row.state, State::Active);
}

#[test]
fn a_dead_push_to_start_token_leaves_no_way_to_start() {
    let shard = shard();
    let mut row = pending_start(&shard);
    let mut sent = sent_as(Kind::Start, &row, &shard, 1);
    assert!(begin_start(&mut row, &shard, &mut sent.plan, NOW));
    sent.plan.token = Some(TokenId::generate());
    let settled = verdict(&mut row, &shard, &sent, None);
    assert_eq!((row.state, row.starts_begun), (State::Unreachable, 0));
    assert_eq!(row.reason, Some(Reason::Obstacle(Obstacle::PushToStartTokenRejected)));
    assert!(settled.events.iter().any(|e| e.kind == EventKind::SubscriptionUnreachable));
}

#[test]
fn a_dead_second_card_is_gone_and_leaves_the_first_alone() {
    let shard = shard();
    let mut row = Subscription { second: Some(second()), ..active(&shard) };
    let mut sent = sent_as(Kind::CloseSecond, &row, &shard, 1);
    sent.plan.token = row.second.as_ref().and_then(|card| card.token);
    verdict(&mut row, &shard, &sent, None);
    assert_eq!((row.state, row.second), (State::Active, None));
}

#[test]
fn an_old_410_does_not_forget_the_second_card() {
    let shard = shard();
    let mut row = Subscription { second: Some(second()), ..active(&shard) };
    let mut push = sent_as(Kind::CloseSecond, &row, &shard, 1);
    push.plan.token = row.second.as_ref().and_then(|card| card.token);
    let token = token(push.plan.token.expect("a token"));
    let old = gone(Some(at(-100_000)));
    settle(&mut row, &shard, Some(&token), (&push, Answer::Is(&old)), NOW);
    assert!(row.second.is_some(), "it is still on the screen");
    let new = gone(Some(at(1)));
    settle(&mut row, &shard, Some(&token), (&push, Answer::Is(&new)), NOW);
    assert!(row.second.is_none());
}

#[test]
fn a_410_for_a_replaced_push_to_start_token_leaves_the_start_to_the_new_one() {
    let shard = shard();
    let mut row = Subscription { starts_begun: 1, ..pending_start(&shard) };
    let mut push = sent_as(Kind::Start, &row, &shard, 1);
    let replaced =
        Token { invalid: Some((NOW, "REPLACED".to_owned())), ..token(TokenId::generate()) };
    push.plan.token = Some(replaced.id);
    settle(&mut row, &shard, Some(&replaced), (&push, Answer::Is(&gone(Some(NOW)))), NOW);
    assert_eq!((row.state, row.starts_begun), (State::PendingStart, 0));
    let exception = row.exception.unwrap_or_default();
    assert_eq!((exception.failed, exception.retry_at), (0, None), "it is due at once");
}

#[test]
fn googles_word_about_a_dead_token_counts_and_a_wrong_project_kills_nothing() {
    let shard = shard();
    let cases = [
        (404, "UNREGISTERED", Class::Token, true),
        (400, "INVALID_REGISTRATION", Class::Token, true),
        (403, "SENDER_ID_MISMATCH", Class::Token, false),
        (404, "NOT_FOUND", Class::Configuration, false),
        (404, "UNREGISTERED", Class::Configuration, false),
        (400, "INVALID_ARGUMENT", Class::Request, false),
    ];
    for (status, reason, class, dies) in cases {
        let mut row = active(&shard);
        let sent = sent(&row, &shard, 2);
        let refused = Outcome::Rejected(Rejection {
            status,
            reason: reason.to_owned(),
            class,
            dead_since: None,
            retry_after: None,
        });
        let known = token(sent.plan.token.unwrap());
        let settled = settle(&mut row, &shard, Some(&known), (&sent, Answer::Is(&refused)), NOW);
        assert_eq!(settled.token.is_some(), dies, "{status} {reason}");
        assert_eq!(row.state == State::Invalidated, dies, "{status} {reason}");
    }
}
