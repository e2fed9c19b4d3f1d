//! How often Google may be asked to push: to one device, and for one project.
//! <https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas>
//!
//! May import ids. Buckets fill evenly, so what is over the limit goes out a little later instead of not at all for
//! the rest of an hour. What may go at once and what flows in afterwards stay within the limit together, whenever its
//! window begins. A device that was quiet for a while is forgotten: a full bucket says nothing.

use crate::domain::ids::DeviceKey;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// At most so many in a span, however it is cut out of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// How many may go at once.
    pub(super) burst: u32,
    /// How long it takes for another one.
    pub(super) every: Duration,
}

/// 240 a minute to one device.
const DEVICE_MINUTE: Rate = Rate { burst: 120, every: Duration::from_millis(500) };
/// 5,000 an hour to one device.
const DEVICE_HOUR: Rate = Rate { burst: 500, every: Duration::from_millis(800) };
/// 600,000 a minute for one project.
pub(super) const PROJECT_MINUTE: Rate =
    Rate { burst: 12_000, every: Duration::from_nanos(102_041) };

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

const _: () = assert!(DEVICE_MINUTE.in_span(MINUTE) <= 240);
const _: () = assert!(DEVICE_HOUR.in_span(HOUR) <= 5_000);
const _: () = assert!(PROJECT_MINUTE.in_span(MINUTE) <= 600_000);

/// How many devices are remembered. Beyond that new ones are not paced, and Google's own word counts.
const DEVICES_MAX: usize = 200_000;
/// How often quiet devices are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// What was taken from a rate, as the time when it will be whole again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    full_at: Instant,
}

/// What was sent to devices lately.
pub(super) struct Devices {
    state: Mutex<State>,
}

struct State {
    devices: HashMap<DeviceKey, Buckets>,
    swept_at: Instant,
}

struct Buckets {
    minute: Bucket,
    hour: Bucket,
}

impl Rate {
    /// The most that goes in a span.
    const fn in_span(self, span: Duration) -> u128 {
        self.burst as u128 + span.as_nanos() / self.every.as_nanos()
    }
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Bucket { full_at: now }
    }

    /// How long to wait for the next one.
    pub(super) fn wait(&self, rate: Rate, now: Instant) -> Duration {
        let after = self.full_at.max(now) + rate.every;
        (after - now).saturating_sub(rate.every * rate.burst)
    }

    pub(super) fn take(&mut self, rate: Rate, now: Instant) {
        self.full_at = self.full_at.max(now) + rate.every;
    }
}

impl Devices {
    pub(super) fn new() -> Self {
        let state = State { devices: HashMap::new(), swept_at: Instant::now() };
        Devices { state: Mutex::new(state) }
    }

    /// Counts one push to the device; an error says how long to wait for it instead.
    pub(super) fn take(&self, device: DeviceKey, now: Instant) -> Result<(), Duration> {
        let mut state = self.lock();
        state.sweep(now);
        if state.devices.len() >= DEVICES_MAX && !state.devices.contains_key(&device) {
            return Ok(());
        }
        let full = Bucket::full(now);
        let buckets = state.devices.entry(device).or_insert(Buckets { minute: full, hour: full });
        let wait = buckets.minute.wait(DEVICE_MINUTE, now).max(buckets.hour.wait(DEVICE_HOUR, now));
        if wait > Duration::ZERO {
            return Err(wait);
        }
        buckets.minute.take(DEVICE_MINUTE, now);
        buckets.hour.take(DEVICE_HOUR, now);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sweep(&mut self, now: Instant) {
        if now - self.swept_at >= SWEEP_EVERY {
            self.swept_at = now;
            self.devices
                .retain(|_, buckets| buckets.minute.full_at.max(buckets.hour.full_at) > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a stream of tries, one every `every`, go in `span`.
    fn passed(every: Duration, span: Duration) -> usize {
        let (devices, device, start) = (Devices::new(), DeviceKey::generate(), Instant::now());
        let tries = u32::try_from(span.as_nanos() / every.as_nanos()).unwrap();
        (0..tries).filter(|number| devices.take(device, start + every * *number).is_ok()).count()
    }

    #[test]
    fn a_device_gets_at_most_240_in_a_minute_and_5000_in_an_hour() {
        for every in [Duration::from_millis(1), Duration::from_millis(130)] {
            let minute = passed(every, MINUTE);
            assert!((230..=240).contains(&minute), "{minute}");
        }
        let hour = passed(Duration::from_millis(50), HOUR);
        assert!((4_900..=5_000).contains(&hour), "{hour}");
    }

    #[test]
    fn one_update_a_second_goes_on_for_hours() {
        let hours = Duration::from_hours(3);
        assert_eq!(passed(Duration::from_secs(1), hours), 3 * 3_600);
    }

    #[test]
    fn a_device_over_its_budget_waits_a_moment_and_not_the_rest_of_the_hour() {
        let (devices, device, mut now) = (Devices::new(), DeviceKey::generate(), Instant::now());
        for _ in 0..10_000 {
            if let Err(wait) = devices.take(device, now) {
                assert!(wait <= Duration::from_millis(800), "{wait:?}");
                now += wait;
                assert_eq!(devices.take(device, now), Ok(()), "the wait was what it takes");
            }
        }
    }

    #[test]
    fn devices_do_not_wait_for_each_other() {
        let (devices, now) = (Devices::new(), Instant::now());
        let noisy = DeviceKey::generate();
        while devices.take(noisy, now).is_ok() {}
        assert_eq!(devices.take(DeviceKey::generate(), now), Ok(()));
    }

    #[test]
    fn quiet_devices_are_forgotten_and_noisy_ones_are_not() {
        let (devices, start) = (Devices::new(), Instant::now());
        let noisy = DeviceKey::generate();
        while devices.take(noisy, start).is_ok() {}
        for _ in 0..1_000 {
            devices.take(DeviceKey::generate(), start).unwrap();
        }
        assert_eq!(devices.lock().devices.len(), 1_001);
        devices.take(DeviceKey::generate(), start + SWEEP_EVERY).unwrap();
        let left = devices.lock();
        assert_eq!(left.devices.len(), 2, "the noisy one, and the one that just came");
        assert!(left.devices.contains_key(&noisy));
    }

    #[test]
    fn a_project_goes_on_evenly_after_its_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let mut sent = 0_u32;
        while bucket.wait(PROJECT_MINUTE, start).is_zero() {
            bucket.take(PROJECT_MINUTE, start);
            sent += 1;
        }
        assert_eq!(sent, PROJECT_MINUTE.burst);
        let wait = bucket.wait(PROJECT_MINUTE, start);
        assert!(wait <= PROJECT_MINUTE.every, "{wait:?}");
        assert_eq!(bucket.wait(PROJECT_MINUTE, start + wait), Duration::ZERO);
    }
}
