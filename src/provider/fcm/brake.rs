//! Stops the pushes of a project that Google refuses anyway: refusals count against the quota too.
//!
//! May import the provider's types. A project is paused after [`REFUSALS_MAX`] refusals in a row, or after one that
//! names the project's quota; after the pause one push is let through, and the answer to it decides. What says
//! something about one device or one message says that the project is well.

use crate::provider::{Class, Outcome};
use std::time::Duration;
use tokio::time::Instant;

/// So many refusals without anything that was taken in between pause a project.
pub(super) const REFUSALS_MAX: u32 = 5;

/// How long a project is left alone that is refused for what it is or for who asks: someone has to mend it.
const MEND_PAUSE: Duration = Duration::from_mins(1);

/// The longest that everybody waits for the answer to the one that was let through.
const PROBE_MAX: Duration = Duration::from_secs(30);
/// Who comes while it is under way is to come again so much later.
const PROBE_LOOK: Duration = Duration::from_secs(1);

/// Whether pushes of a project may go.
#[derive(Debug, Default)]
pub(super) struct Brake {
    refusals: u32,
    hold: Option<Hold>,
}

#[derive(Clone, Copy, Debug)]
enum Hold {
    Paused { until: Instant },
    Probing { until: Instant },
}

impl Brake {
    /// Until when no push may go, if that is so.
    pub(super) fn held(&self, now: Instant) -> Option<Instant> {
        match self.hold? {
            Hold::Paused { until } => (until > now).then_some(until),
            Hold::Probing { until } => (until > now).then(|| until.min(now + PROBE_LOOK)),
        }
    }

    /// Lets a push through; an error says until when it is to wait. After a pause the first one is alone.
    pub(super) fn enter(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.held(now) {
            return Err(until);
        }
        if self.hold.is_some() {
            self.hold = Some(Hold::Probing { until: now + PROBE_MAX });
        }
        Ok(())
    }

    /// Learns from an answer. Says for how long the project was paused by it, where it was not paused before.
    pub(super) fn learn(
        &mut self,
        outcome: &Outcome,
        of_project: bool,
        now: Instant,
    ) -> Option<Duration> {
        let rest = match outcome {
            Outcome::Rejected(rejection) => match rejection.class {
                Class::Configuration | Class::ProviderToken => MEND_PAUSE,
                Class::Retry | Class::Connection => rejection.retry_after?,
                Class::Token | Class::Request | Class::Device => {
                    self.well();
                    return None;
                }
            },
            Outcome::Accepted { .. } => {
                self.well();
                return None;
            }
            // Says something about the way there, not about the project.
            Outcome::Unknown { .. } | Outcome::NotSent { .. } | Outcome::Postponed { .. } => {
                return None;
            }
        };
        self.refusals = self.refusals.saturating_add(1);
        let until = now + rest;
        match self.hold {
            // Answers to what was on its way before the pause may lengthen it.
            Some(Hold::Paused { until: planned }) if planned > now => {
                if of_project {
                    self.hold = Some(Hold::Paused { until: until.max(planned) });
                }
                None
            }
            Some(_) => {
                self.hold = Some(Hold::Paused { until });
                Some(rest)
            }
            None if of_project || self.refusals >= REFUSALS_MAX => {
                self.hold = Some(Hold::Paused { until });
                Some(rest)
            }
            None => None,
        }
    }

    /// An answer to what was on its way before does not end a pause that Google asked for.
    fn well(&mut self) {
        if !matches!(self.hold, Some(Hold::Paused { .. })) {
            *self = Brake::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Rejection;

    fn refusal(status: u16, class: Class, rest_s: u64) -> Outcome {
        let retry_after = Some(Duration::from_secs(rest_s));
        let reason = "WORD".to_owned();
        Outcome::Rejected(Rejection { status, reason, class, dead_since: None, retry_after })
    }

    fn quota() -> Outcome {
        refusal(429, Class::Retry, 120)
    }

    const ACCEPTED: Outcome = Outcome::Accepted { unique_id: None };

    #[test]
    fn one_refusal_that_names_the_projects_quota_pauses_the_project_as_long_as_google_says() {
        let (mut brake, now) = (Brake::default(), Instant::now());
        assert_eq!(brake.learn(&quota(), true, now), Some(Duration::from_mins(2)));
        assert_eq!(brake.enter(now), Err(now + Duration::from_mins(2)));
        // What was on its way before was taken: that changes nothing.
        brake.learn(&ACCEPTED, false, now);
        assert!(brake.enter(now + Duration::from_secs(119)).is_err());
    }

    #[test]
    fn a_project_is_paused_after_refusals_in_a_row_and_not_by_one_device() {
        let (mut brake, now) = (Brake::default(), Instant::now());
        for _ in 0..100 {
            for _ in 1..REFUSALS_MAX {
                assert_eq!(brake.learn(&quota(), false, now), None);
            }
            brake.learn(&ACCEPTED, false, now);
        }
        for _ in 1..REFUSALS_MAX {
            assert_eq!(brake.learn(&quota(), false, now), None);
        }
        assert_eq!(brake.learn(&quota(), false, now), Some(Duration::from_mins(2)));
    }

    #[test]
    fn dead_tokens_and_bad_messages_never_pause_a_project() {
        let (mut brake, now) = (Brake::default(), Instant::now());
        for class in [Class::Token, Class::Request] {
            for _ in 0..100 {
                assert_eq!(brake.learn(&refusal(404, class, 10), false, now), None);
            }
        }
        assert_eq!(brake.enter(now), Ok(()));
    }

    #[test]
    fn after_the_pause_one_goes_alone_and_its_answer_decides() {
        let (mut brake, start) = (Brake::default(), Instant::now());
        brake.learn(&quota(), true, start);
        let later = start + Duration::from_secs(121);
        assert_eq!(brake.enter(later), Ok(()));
        assert_eq!(brake.enter(later), Err(later + PROBE_LOOK));
        assert_eq!(brake.learn(&quota(), false, later), Some(Duration::from_mins(2)));
        let much_later = later + Duration::from_secs(121);
        assert_eq!(brake.enter(much_later), Ok(()));
        brake.learn(&ACCEPTED, false, much_later);
        assert_eq!(brake.enter(much_later), Ok(()));
        assert_eq!(brake.enter(much_later), Ok(()));
    }

    #[test]
    fn one_that_is_never_answered_does_not_hold_the_others_for_ever() {
        let (mut brake, start) = (Brake::default(), Instant::now());
        brake.learn(&refusal(403, Class::Configuration, 10), true, start);
        let later = start + MEND_PAUSE;
        assert_eq!(brake.enter(later), Ok(()));
        brake.learn(&Outcome::Unknown { reason: "TIMEOUT" }, false, later);
        assert!(brake.enter(later + Duration::from_secs(29)).is_err());
        assert_eq!(brake.enter(later + PROBE_MAX), Ok(()));
    }
}
