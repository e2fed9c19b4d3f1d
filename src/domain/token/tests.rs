//! The 410 verdict.

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
