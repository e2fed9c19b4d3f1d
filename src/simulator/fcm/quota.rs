//! How much FCM takes: per project, and per device.
//! <https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas>
//!
//! May import `clock` and `fcm::refusal`. A window begins with the first message after the last one ended, so it is not
//! aligned with the clock, and refills as a whole.

use super::refusal::Refusal;
use crate::clock::Time;
use std::collections::HashMap;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages of a project in a minute, refused ones included.
    pub project_minute: u32,
    /// Messages to a device in a minute.
    pub device_minute: u32,
    /// Messages to a device in an hour.
    pub device_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { project_minute: 600_000, device_minute: 240, device_hour: 5_000 }
    }
}

/// What was used of the limits.
pub(crate) struct Quotas {
    limits: Limits,
    projects: HashMap<String, Window>,
    devices: HashMap<String, [Window; 2]>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    began: Option<Time>,
    used: u32,
}

impl Window {
    /// Uses one place, or says how long it takes until there is one.
    fn take(&mut self, limit: u32, (length, now): (Duration, Time)) -> Result<(), Duration> {
        let passed = self.began.map(|began| now.since(began));
        let Some(passed) = passed.filter(|passed| *passed < length) else {
            *self = Window { began: Some(now), used: 0 };
            return self.take_within(limit, length);
        };
        self.take_within(limit, length.saturating_sub(passed))
    }

    fn take_within(&mut self, limit: u32, left: Duration) -> Result<(), Duration> {
        if self.used >= limit {
            return Err(left);
        }
        self.used += 1;
        Ok(())
    }
}

impl Quotas {
    /// Nothing used.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, projects: HashMap::new(), devices: HashMap::new() }
    }

    /// Counts a message of a project, whatever becomes of it.
    pub(crate) fn of_project(&mut self, project_id: &str, now: Time) -> Result<(), Refusal> {
        let window = self.projects.entry(project_id.to_owned()).or_default();
        window.take(self.limits.project_minute, (MINUTE, now)).map_err(|left| {
            let description = format!("Messages per minute of {project_id}.");
            let mut refusal = Refusal::quota(&format!("project:{project_id}"), &description);
            refusal.retry_after = Some(left.as_secs().max(1).to_string());
            refusal
        })
    }

    /// Counts a message to a device. Google says nothing of when to come again.
    pub(crate) fn of_device(&mut self, registration: &str, now: Time) -> Result<(), Refusal> {
        let limits = self.limits;
        let [minute, hour] = self.devices.entry(registration.to_owned()).or_default();
        let exceeded =
            |what: &str| Refusal::quota("device", &format!("Messages per {what} to a device."));
        minute.take(limits.device_minute, (MINUTE, now)).map_err(|_| exceeded("minute"))?;
        hour.take(limits.device_hour, (HOUR, now)).map_err(|_| exceeded("hour"))
    }
}
