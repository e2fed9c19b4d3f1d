//! The section `activities`: what holds for activities where their callers do not say.

use crate::domain::lifetime::{LIFETIME, LIFETIME_MAX};
use crate::error::Violation;
use serde::Deserialize;
use std::time::Duration;

/// The shortest life: a run is to be seen before it is over.
const LIFETIME_MIN: Duration = Duration::from_mins(1);

/// The section `activities`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a run lives that is started without an `expire_time`, in seconds.
    pub lifetime_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config { lifetime_s: LIFETIME.as_secs() }
    }
}

impl Config {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let (min, max) = (LIFETIME_MIN.as_secs(), LIFETIME_MAX.as_secs());
        if (min..=max).contains(&self.lifetime_s) {
            return Vec::new();
        }
        let description = format!("must be from {min} to {max}");
        vec![Violation { field: "lifetime_s".to_owned(), description }]
    }

    pub(super) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_s)
    }
}
