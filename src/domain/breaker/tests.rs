//! Breakers in virtual time.

use super::*;
use crate::domain::outcome::Rejection;

const NOW: Time = Time(1_790_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn refused() -> Sign {
    Sign::Refused("InvalidProviderToken".to_owned())
}

fn failing() -> Turn {
    Turn::Failing("InvalidProviderToken".to_owned())
}

/// Shut for the first pause.
fn shut() -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 1..FAILURES_MAX {
        assert_eq!(breaker.hear(&refused(), NOW), None);
    }
    assert_eq!(breaker.hear(&refused(), NOW), Some(failing()));
    breaker
}

fn rejection(status: u16, reason: &str, class: Class) -> Outcome {
    let reason = reason.to_owned();
    Outcome::Rejected(Rejection { status, reason, class, dead_since: None, retry_after: None })
}

#[test]
fn refusals_in_a_row_shut_it_and_one_good_answer_between_them_does_not_let_them() {
    let mut breaker = Breaker::default();
    for _ in 0..10 * FAILURES_MAX {
        for _ in 1..FAILURES_MAX {
            assert_eq!(breaker.hear(&refused(), NOW), None);
        }
        assert_eq!(breaker.hear(&Sign::Good, NOW), None);
        assert_eq!(breaker.ask(NOW), Gate::Open);
    }
    let mut breaker = shut();
    assert_eq!(breaker.ask(NOW), Gate::Shut(NOW + PAUSES[0]));
}

#[test]
fn after_a_pause_one_push_tries_and_the_pauses_grow_to_a_minute() {
    let mut breaker = shut();
    let mut now = NOW;
    for pause in PAUSES.into_iter().chain([PAUSES[3]; 3]) {
        assert_eq!(breaker.ask(now), Gate::Shut(now + pause));
        now = now + pause;
        assert_eq!(breaker.ask(now), Gate::Try);
        assert!(matches!(breaker.ask(now), Gate::Shut(_)), "one at a time");
        assert_eq!(breaker.hear(&refused(), now), None, "that is known");
    }
}

#[test]
fn a_try_that_goes_well_opens_it_and_says_so_once() {
    let mut breaker = shut();
    let now = NOW + PAUSES[0];
    assert_eq!(breaker.ask(now), Gate::Try);
    assert_eq!(breaker.hear(&Sign::Good, now), Some(Turn::Recovered));
    assert_eq!(breaker.hear(&Sign::Good, now), None);
    assert_eq!(breaker.ask(now), Gate::Open);
}

#[test]
fn a_try_that_is_lost_is_followed_by_another_one() {
    let mut breaker = shut();
    let now = NOW + PAUSES[0];
    assert_eq!(breaker.ask(now), Gate::Try);
    assert_eq!(breaker.ask(now + TRY_MAX - SECOND), Gate::Shut(now + TRY_MAX));
    assert_eq!(breaker.ask(now + TRY_MAX), Gate::Try);
}

#[test]
fn what_was_under_way_when_it_shut_changes_nothing() {
    let mut breaker = shut();
    for sign in [refused(), Sign::Good, Sign::Foreign, Sign::Unreachable(CONNECT_FAILED)] {
        assert_eq!(breaker.hear(&sign, NOW + SECOND), None, "{sign:?}");
        assert_eq!(breaker.ask(NOW + SECOND), Gate::Shut(NOW + PAUSES[0]));
    }
}

#[test]
fn a_provider_that_cannot_be_reached_is_not_the_credentials_fault() {
    let mut breaker = Breaker::default();
    let sign = Sign::Unreachable(CONNECT_FAILED);
    for _ in 1..FAILURES_MAX {
        assert_eq!(breaker.hear(&sign, NOW), None);
    }
    assert_eq!(breaker.hear(&sign, NOW), Some(Turn::Unreachable(CONNECT_FAILED)));
    let now = NOW + PAUSES[0];
    assert_eq!(breaker.ask(now), Gate::Try);
    assert_eq!(breaker.hear(&Sign::Good, now), None, "nobody was told that it fails");
    assert_eq!(breaker.ask(now), Gate::Open);
}

#[test]
fn many_foreign_tokens_at_once_shut_it_and_a_few_among_good_ones_do_not() {
    let mut breaker = Breaker::default();
    for _ in 0..10 * BURST_MIN {
        for sign in [Sign::Foreign, Sign::Good, Sign::Good] {
            assert_eq!(breaker.hear(&sign, NOW), None);
        }
    }
    let mut breaker = Breaker::default();
    for _ in 0..10 * BURST_MIN {
        assert_eq!(breaker.hear(&Sign::Good, NOW), None, "what was good before does not hide it");
    }
    for _ in 1..BURST_MIN {
        assert_eq!(breaker.hear(&Sign::Foreign, NOW), None);
    }
    let turn = breaker.hear(&Sign::Foreign, NOW);
    assert_eq!(turn, Some(Turn::Failing(WRONG_ENVIRONMENT.to_owned())));
    assert_eq!(breaker.ask(NOW), Gate::Shut(NOW + PAUSES[0]));
}

#[test]
fn foreign_tokens_over_a_long_time_are_no_burst() {
    let mut breaker = Breaker::default();
    for number in 0..10 * BURST_MIN {
        let now = NOW + BURST_WINDOW / (BURST_MIN - 2) * number;
        assert_eq!(breaker.hear(&Sign::Foreign, now), None);
    }
}

#[test]
fn who_failed_before_this_process_recovers_with_the_first_good_answer() {
    let mut breaker = Breaker::new(true);
    assert_eq!(breaker.ask(NOW), Gate::Open);
    assert_eq!(breaker.hear(&Sign::Good, NOW), Some(Turn::Recovered));
}

#[test]
fn an_answer_says_of_the_credential_only_what_it_can() {
    let cases = [
        (Outcome::Accepted { unique_id: None }, Sign::Good),
        (rejection(410, "Unregistered", Class::Token), Sign::Good),
        (rejection(403, "InvalidProviderToken", Class::Configuration), refused()),
        (rejection(400, "BadDeviceToken", Class::Token), Sign::Foreign),
        (rejection(400, "DeviceTokenNotForTopic", Class::Token), Sign::Foreign),
        // Of one app; the key may serve others.
        (rejection(400, "TopicDisallowed", Class::Configuration), Sign::Nothing),
        (rejection(429, "TooManyRequests", Class::Retry), Sign::Nothing),
        (rejection(403, "ExpiredProviderToken", Class::ProviderToken), Sign::Nothing),
        (Outcome::NotSent { reason: TLS_FAILED }, Sign::Unreachable(TLS_FAILED)),
        (Outcome::NotSent { reason: "GOAWAY" }, Sign::Nothing),
        (Outcome::Unknown { reason: "TIMEOUT" }, Sign::Nothing),
    ];
    for (outcome, sign) in cases {
        assert_eq!(Sign::of(&outcome), sign, "{outcome:?}");
    }
}
