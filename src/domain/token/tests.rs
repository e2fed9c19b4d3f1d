//! The 410 verdict, and when a token was last known to be good.

use super::*;
use crate::domain::samples::{NOW, at, token};

fn known() -> Token {
    token(TokenId::generate())
}

#[test]
fn a_verdict_counts_against_the_later_of_token_time_and_registration() {
    let token = known();
    assert_eq!(token.weigh(Some(at(-400)), NOW, NOW), Verdict::Dead);
    assert_eq!(token.weigh(Some(at(-401)), NOW, NOW), Verdict::Doubted(at(3_600)));
    let newer = Token { token_time: at(-100), ..token };
    assert_eq!(newer.weigh(Some(at(-101)), NOW, NOW), Verdict::Doubted(at(3_600)));
    assert_eq!(newer.weigh(Some(at(-100)), NOW, NOW), Verdict::Dead);
}

#[test]
fn a_token_time_in_the_future_counts_as_now() {
    let token = Token { token_time: at(9_000), ..known() };
    assert_eq!(token.weigh(Some(NOW), NOW, NOW), Verdict::Dead);
}

#[test]
fn a_verdict_without_a_time_is_dated_when_its_request_was_sent() {
    let token = known();
    assert_eq!(token.weigh(None, at(-1), NOW), Verdict::Dead);
    let since = Token { registered_at: at(-1), ..token };
    assert_eq!(since.weigh(None, at(-2), NOW), Verdict::Doubted(at(3_600)));
}

#[test]
fn a_second_old_verdict_an_hour_later_counts_in_any_case() {
    let doubted = Token { doubted_at: Some(at(-3_600)), ..known() };
    assert_eq!(doubted.weigh(Some(at(-9_000)), NOW, NOW), Verdict::Dead);
    let sooner = Token { doubted_at: Some(at(-3_599)), ..known() };
    assert_eq!(sooner.weigh(Some(at(-9_000)), NOW, NOW), Verdict::Doubted(at(1)));
}

fn accepted(token: &Token, operation: Operation, seconds: i64) -> AcceptedPush {
    AcceptedPush {
        subscription: token.subscription.unwrap_or_else(SubscriptionId::generate),
        operation,
        activity_type: token.activity_type.clone(),
        sent_at: at(seconds),
    }
}

#[test]
fn a_token_is_confirmed_by_its_registration_and_by_pushes_that_went_by_it() {
    let card = Token { subscription: Some(SubscriptionId::generate()), ..known() };
    let of = |pushes: &[AcceptedPush]| card.confirmed_at(&[], pushes);
    assert_eq!(of(&[]), card.registered_at);
    assert_eq!(of(&[accepted(&card, Operation::Update, -100)]), at(-100));
    assert_eq!(of(&[accepted(&card, Operation::Start, -100)]), card.registered_at);
    assert_eq!(of(&[accepted(&card, Operation::Update, -600)]), card.registered_at, "before it");
    let other = AcceptedPush {
        subscription: SubscriptionId::generate(),
        ..accepted(&card, Operation::Update, -100)
    };
    assert_eq!(of(&[other]), card.registered_at, "another card");
    let dead = Token { invalid: Some((NOW, "Unregistered".to_owned())), ..card.clone() };
    let update = accepted(&card, Operation::Update, -100);
    assert_eq!(dead.confirmed_at(&[], &[update]), card.registered_at);
}

#[test]
fn a_push_confirms_the_one_token_that_is_used() {
    let older = Token { kind: TokenKind::FcmToken, ..known() };
    let newer = Token { kind: TokenKind::FcmInstallationId, ..known() };
    let pushes = [accepted(&older, Operation::Update, -100)];
    let all = [older.clone(), newer.clone()];
    assert_eq!(older.confirmed_at(&all, &pushes), older.registered_at);
    assert_eq!(newer.confirmed_at(&all, &pushes), at(-100));
    assert_eq!(older.confirmed_at(std::slice::from_ref(&older), &pushes), at(-100));
    let start = Token { kind: TokenKind::PushToStart, activity_type: "a".into(), ..known() };
    let another = Token { activity_type: "b".into(), ..start.clone() };
    let both = [start.clone(), another.clone()];
    let pushes = [accepted(&start, Operation::Start, -100)];
    assert_eq!(start.confirmed_at(&both, &pushes), at(-100));
    assert_eq!(another.confirmed_at(&both, &pushes), another.registered_at);
}
