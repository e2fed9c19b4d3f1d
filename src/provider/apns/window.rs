//! How many pushes of a pool may be without an answer: fewer when Apple has too much to do, more again when it has not.
//!
//! May import the outcomes. Additive increase, multiplicative decrease: one more for every window of answers that went
//! well, three tenths fewer where Apple is overloaded or silent, and that once a second, for what is under way meets
//! the same fate. Never fewer than [`WINDOW_MIN`], never more than configured.

use crate::domain::reasons::TIMEOUT;
use crate::provider::{Outcome, Rejection};
use std::time::Duration;
use tokio::time::Instant;

/// However overloaded Apple is, so many pushes may be under way.
const WINDOW_MIN: usize = 5;
/// How often it is made smaller.
const SHRINK_EVERY: Duration = Duration::from_secs(1);
/// It is counted in thousandths of a push.
const WHOLE: usize = 1_000;

/// The room for pushes without an answer.
pub(super) struct Window {
    size: usize,
    max: usize,
    shrunk_at: Option<Instant>,
}

impl Window {
    /// As large as it ever gets.
    pub(super) fn new(max: usize) -> Self {
        Window { size: max * WHOLE, max: max * WHOLE, shrunk_at: None }
    }

    /// How many pushes may be under way.
    pub(super) fn size(&self) -> usize {
        self.size / WHOLE
    }

    /// Takes note of an answer, or of its lack.
    pub(super) fn hear(&mut self, outcome: &Outcome, now: Instant) {
        if is_overload(outcome) {
            let lately = self.shrunk_at.is_some_and(|at| now.duration_since(at) < SHRINK_EVERY);
            if !lately {
                self.shrunk_at = Some(now);
                self.size = (self.size * 7 / 10).max((WINDOW_MIN * WHOLE).min(self.max));
            }
        } else if matches!(outcome, Outcome::Accepted { .. } | Outcome::Rejected(_)) {
            let share = WHOLE * WHOLE / self.size.max(WHOLE);
            self.size = (self.size + share.max(1)).min(self.max);
        }
    }
}

/// Apple has too much to do. `TooManyRequests` is about one device alone, and provider tokens have rules of their own.
fn is_overload(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Rejected(Rejection { status: 503, .. }) | Outcome::Unknown { reason: TIMEOUT } => {
            true
        }
        Outcome::Rejected(Rejection { status: 429, reason, .. }) => {
            reason != "TooManyRequests" && reason != super::sending::TOO_MANY_UPDATES
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Class;

    fn refusal(status: u16, reason: &str) -> Outcome {
        let reason = reason.to_owned();
        let class = Class::Retry;
        Outcome::Rejected(Rejection { status, reason, class, dead_since: None, retry_after: None })
    }

    #[test]
    fn an_overloaded_apple_gets_less_at_a_time_once_a_second_and_never_less_than_five() {
        let (mut window, mut now) = (Window::new(100), Instant::now());
        for outcome in [refusal(503, "ServiceUnavailable"), Outcome::Unknown { reason: TIMEOUT }] {
            let before = window.size();
            for _ in 0..10 {
                window.hear(&outcome, now);
            }
            assert_eq!(window.size(), before * 7 / 10);
            now += SHRINK_EVERY;
        }
        for _ in 0..20 {
            window.hear(&refusal(429, "BrandNewReason"), now);
            now += SHRINK_EVERY;
        }
        assert_eq!(window.size(), WINDOW_MIN);
        assert_eq!(Window::new(2).size(), 2);
    }

    #[test]
    fn a_window_of_good_answers_makes_room_for_one_more_up_to_what_is_configured() {
        let mut window = Window::new(12);
        window.hear(&refusal(503, "ServiceUnavailable"), Instant::now());
        assert_eq!(window.size(), 8);
        let accepted = Outcome::Accepted { unique_id: None };
        for _ in 0..9 {
            window.hear(&accepted, Instant::now());
        }
        assert_eq!(window.size(), 9);
        for _ in 0..100 {
            window.hear(&accepted, Instant::now());
        }
        assert_eq!(window.size(), 12);
    }

    #[test]
    fn what_is_about_one_device_or_about_provider_tokens_leaves_it_as_it_is() {
        let mut window = Window::new(10);
        for reason in ["TooManyRequests", "TooManyProviderTokenUpdates"] {
            window.hear(&refusal(429, reason), Instant::now());
        }
        window.hear(&Outcome::Unknown { reason: "CONNECTION_LOST" }, Instant::now());
        assert_eq!(window.size(), 10);
    }
}
