//! The store's part of the configuration.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where the database is, and the bounds of its writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite://` and the path of a file.
    pub url: String,
    /// How many connections read at the same time.
    pub read_connections: u32,
    /// How many writes share a commit at most.
    pub group_closures_max: usize,
    /// How long writes are gathered into a commit.
    pub group_time_ms: u64,
    /// How many writes of each lane wait at most; more are refused.
    pub queue_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            url: "sqlite://tidings.db".to_owned(),
            read_connections: 4,
            group_closures_max: 256,
            group_time_ms: 5,
            queue_max: 10_000,
        }
    }
}

impl Config {
    /// Everything that is wrong with it.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.path().is_none() {
            problems.push(
                "store.url: must be `sqlite://` and the path of a file, such as \
                 `sqlite:///var/lib/tidings/tidings.db`."
                    .to_owned(),
            );
        }
        let mut bound = |name: &str, value: u64, most: u64| {
            if !(1..=most).contains(&value) {
                problems.push(format!("store.{name}: must be from 1 to {most}."));
            }
        };
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        bound("read_connections", self.read_connections.into(), 64);
        bound("group_closures_max", number(self.group_closures_max), 10_000);
        bound("group_time_ms", self.group_time_ms, 1_000);
        bound("queue_max", number(self.queue_max), 1_000_000);
        problems
    }

    /// The database's file, where the URL names one.
    pub(super) fn path(&self) -> Option<&str> {
        let path = self.url.strip_prefix("sqlite://").or_else(|| self.url.strip_prefix("sqlite:"));
        path.filter(|path| !path.is_empty() && !path.starts_with(':') && !path.contains('?'))
    }

    pub(super) fn group_time(&self) -> Duration {
        Duration::from_millis(self.group_time_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_every_problem_is_reported_at_once() {
        assert_eq!(Config::default().validate(), Vec::<String>::new());
        let config = Config {
            url: "sqlite::memory:".to_owned(),
            read_connections: 0,
            group_closures_max: 0,
            group_time_ms: 5_000,
            queue_max: 0,
        };
        assert_eq!(config.validate().len(), 5);
    }
}
