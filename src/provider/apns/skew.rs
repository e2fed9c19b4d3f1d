//! How far this machine's clock is from Apple's.
//!
//! May import `clock`. Provider tokens and the timestamps of pushes follow this machine's clock: where it is wrong,
//! Apple refuses the one and phones drop the other. That is said once, and once more after it was mended.

use crate::clock::Time;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Clocks may differ by this much; answers take their time too.
const APART_MAX: Duration = Duration::from_mins(2);

/// Says what is wrong with the clock.
#[derive(Default)]
pub(super) struct Skew {
    warned: AtomicBool,
}

impl Skew {
    /// An answer came, of this date where it had one. Says whether the operator was warned.
    pub(super) fn look(&self, date: Option<Time>, now: Time) -> bool {
        let Some(date) = date else { return false };
        let (ahead, behind) = (now.since(date), date.since(now));
        if ahead.max(behind) <= APART_MAX {
            self.warned.store(false, Ordering::Relaxed);
            return false;
        }
        self.warn_once(|| {
            let (ahead_s, behind_s) = (ahead.as_secs(), behind.as_secs());
            tracing::warn!(
                ahead_s,
                behind_s,
                "This machine's clock is not Apple's. Set it, or Apple refuses what it dates."
            );
        })
    }

    /// Apple calls a token expired that is this old: too young for that. Says whether the operator was warned.
    pub(super) fn expired(&self, age: Duration) -> bool {
        self.warn_once(|| {
            tracing::warn!(
                age_s = age.as_secs(),
                "Apple calls a new provider token expired: this machine's clock is wrong. Set it."
            );
        })
    }

    fn warn_once(&self, warn: impl FnOnce()) -> bool {
        let first = !self.warned.swap(true, Ordering::Relaxed);
        if first {
            warn();
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_790_000_000_000);
    const HOURS: Duration = Duration::from_hours(2);

    #[test]
    fn a_wrong_clock_is_named_once_and_again_after_it_was_right() {
        let skew = Skew::default();
        assert!(!skew.look(None, NOW) && !skew.look(Some(NOW - APART_MAX), NOW));
        assert!(skew.look(Some(NOW - HOURS), NOW));
        assert!(!skew.look(Some(NOW + HOURS), NOW));
        assert!(!skew.expired(Duration::ZERO));
        assert!(!skew.look(Some(NOW), NOW));
        assert!(skew.look(Some(NOW + HOURS), NOW));
    }

    #[test]
    fn a_refusal_names_the_clock_too() {
        let skew = Skew::default();
        assert!(skew.expired(Duration::from_secs(1)));
        assert!(!skew.expired(Duration::from_secs(2)));
    }
}
