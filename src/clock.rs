//! Time: instants as milliseconds, and a clock that never goes back.
//!
//! `domain` takes `now` as an argument; everything else asks a [`Clock`]. The clock's durable mark lives in the store
//! and is kept by `dispatch`: where the wall clock is found further behind the mark than its lead, the clock goes on
//! from the mark, so that the timestamps of pushes never fall. A clock that follows the one of a database goes by the
//! machine's steady clock in between: who sets the wall clock moves nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// How far ahead of the present the durable mark is written.
pub const MARK_LEAD: Duration = Duration::from_mins(1);

/// An instant: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// Tells the time, and never an earlier one than it told before. Clones share their state.
#[derive(Clone, Debug)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: Source,
    told: AtomicI64,
    /// How far ahead of the wall clock the present is.
    ahead: AtomicI64,
    /// How far ahead of the steady clock it is, where the present of others is followed; [`ALONE`] where not.
    led: AtomicI64,
}

#[derive(Debug)]
enum Source {
    System { begun: Instant },
    Manual { wall: AtomicI64, steady: AtomicI64 },
}

/// Follows nobody.
const ALONE: i64 = i64::MIN;

impl Time {
    /// Whole seconds since the Unix epoch, rounded down: the unit of APNs.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The instant at which a second begins.
    pub fn from_seconds(seconds: i64) -> Self {
        Time(seconds.saturating_mul(1000))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;

    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(Source::System { begun: Instant::now() })
    }

    /// A clock that stands still until it is moved, for tests in virtual time.
    pub fn manual(start: Time) -> Self {
        Self::new(Source::Manual { wall: AtomicI64::new(start.0), steady: AtomicI64::new(0) })
    }

    fn new(source: Source) -> Self {
        let (told, ahead) = (AtomicI64::new(i64::MIN), AtomicI64::new(0));
        let shared = Shared { source, told, ahead, led: AtomicI64::new(ALONE) };
        Self { shared: Arc::new(shared) }
    }

    /// The present.
    pub fn now(&self) -> Time {
        let now = match self.shared.led.load(Ordering::Relaxed) {
            ALONE => self.wall().saturating_add(self.shared.ahead.load(Ordering::Relaxed)),
            led => self.steady().saturating_add(led),
        };
        let told = self.shared.told.fetch_max(now, Ordering::Relaxed);
        Time(now.max(told))
    }

    /// Moves a manual clock forward. Does nothing to the machine's clock.
    pub fn advance(&self, span: Duration) {
        if let Source::Manual { wall, steady } = &self.shared.source {
            let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            wall.fetch_add(span, Ordering::Relaxed);
            steady.fetch_add(span, Ordering::Relaxed);
        }
    }

    /// Sets the wall of a manual clock, and nothing else. Does nothing to the machine's clock.
    pub fn set_wall(&self, to: Time) {
        if let Source::Manual { wall, .. } = &self.shared.source {
            wall.store(to.0, Ordering::Relaxed);
        }
    }

    /// Goes on from the durable mark of an earlier process where the wall clock is further behind it than
    /// [`MARK_LEAD`], which is as far ahead as a mark may be of a clock that did not go back.
    pub fn go_on_from(&self, mark: Time) {
        let behind = mark.0.saturating_sub(self.wall());
        if Duration::from_millis(u64::try_from(behind).unwrap_or(0)) > MARK_LEAD {
            self.shared.ahead.fetch_max(behind, Ordering::Relaxed);
        }
    }

    /// Goes on from the present of others, such as the database that several replicas share. What was told before is
    /// not taken back.
    pub fn follow(&self, present: Time) {
        let led = present.0.saturating_sub(self.steady());
        self.shared.led.store(led, Ordering::Relaxed);
    }

    fn steady(&self) -> i64 {
        match &self.shared.source {
            Source::Manual { steady, .. } => steady.load(Ordering::Relaxed),
            Source::System { begun } => {
                i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX)
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn wall(&self) -> i64 {
        match &self.shared.source {
            Source::Manual { wall, .. } => wall.load(Ordering::Relaxed),
            Source::System { .. } => {
                let now = std::time::SystemTime::now();
                let since_epoch = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_further_behind_than_the_lead_goes_on_from_the_mark() {
        let clock = Clock::manual(Time::from_seconds(1_000));
        clock.go_on_from(Time::from_seconds(1_061));
        assert_eq!(clock.now(), Time::from_seconds(1_061));
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Time::from_seconds(1_062));
    }

    #[test]
    fn a_clock_that_follows_another_tells_its_time_and_never_an_earlier_one() {
        let clock = Clock::manual(Time::from_seconds(1_000));
        clock.follow(Time::from_seconds(1_007));
        assert_eq!(clock.now(), Time::from_seconds(1_007));
        clock.follow(Time::from_seconds(1_005));
        assert_eq!(clock.now(), Time::from_seconds(1_007));
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now(), Time::from_seconds(1_008));
    }

    #[test]
    fn who_sets_the_wall_clock_does_not_move_a_clock_that_follows_another() {
        let clock = Clock::manual(Time::from_seconds(1_000));
        clock.follow(Time::from_seconds(1_007));
        clock.set_wall(Time::from_seconds(9_000));
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Time::from_seconds(1_008));
        clock.set_wall(Time::from_seconds(10));
        clock.follow(Time::from_seconds(1_020));
        assert_eq!(clock.now(), Time::from_seconds(1_020));
    }

    #[test]
    fn a_quick_restart_does_not_jump_ahead() {
        let clock = Clock::manual(Time::from_seconds(1_000));
        clock.go_on_from(Time::from_seconds(1_060));
        assert_eq!(clock.now(), Time::from_seconds(1_000));
    }
}
