//! The section `retention`: how long what has happened is kept.

use crate::clock::Time;
use crate::error::Violation;
use serde::Deserialize;
use std::time::Duration;

/// The longest that anything is kept, if it is not kept for ever.
const DAYS_MAX: u64 = 3_650;
const DAY: Duration = Duration::from_hours(24);

/// How long what has happened is kept, in days.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Runs after their end: who had them, what was asked of them, and their counts.
    pub ended_runs_days: u64,
    /// Rows of the send log.
    pub deliveries_days: u64,
    /// Counts of a workspace by time.
    pub delivery_counts_days: u64,
    /// Events.
    pub events_days: u64,
    /// Tokens that are dead.
    pub dead_tokens_days: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            ended_runs_days: 30,
            deliveries_days: 30,
            delivery_counts_days: 400,
            events_days: 30,
            dead_tokens_days: 30,
        }
    }
}

impl Config {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let spans = [
            ("ended_runs_days", self.ended_runs_days),
            ("deliveries_days", self.deliveries_days),
            ("delivery_counts_days", self.delivery_counts_days),
            ("events_days", self.events_days),
            ("dead_tokens_days", self.dead_tokens_days),
        ];
        let wrong = spans.into_iter().filter(|(_, days)| !(1..=DAYS_MAX).contains(days));
        let violation = |(field, _): (&str, u64)| Violation {
            field: field.to_owned(),
            description: format!("must be from 1 to {DAYS_MAX}"),
        };
        wrong.map(violation).collect()
    }
}

/// So many days before.
pub(super) fn days_before(now: Time, days: u64) -> Time {
    now - DAY * u32::try_from(days).unwrap_or(u32::MAX)
}
