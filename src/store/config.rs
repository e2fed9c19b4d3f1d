//! The store's part of the configuration.

use crate::error::Violation;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// Where the database is, and the bounds of its writer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite://` and the path of a file. A secret, for other databases have a password in it.
    pub url: SecretString,
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
            url: "sqlite://tidings.db".into(),
            read_connections: 4,
            group_closures_max: 256,
            group_time_ms: 5,
            queue_max: 10_000,
        }
    }
}

impl Config {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut wrong = |field: &str, description: String| {
            violations.push(Violation { field: field.to_owned(), description });
        };
        if self.path().is_none() {
            let description = "must be sqlite:// and the path of a file, such as \
                               sqlite:///var/lib/tidings/tidings.db";
            wrong("url", description.to_owned());
        }
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let bounds = [
            ("read_connections", u64::from(self.read_connections), 64),
            ("group_closures_max", number(self.group_closures_max), 10_000),
            ("group_time_ms", self.group_time_ms, 1_000),
            ("queue_max", number(self.queue_max), 1_000_000),
        ];
        for (field, value, most) in bounds {
            if !(1..=most).contains(&value) {
                wrong(field, format!("must be from 1 to {most}"));
            }
        }
        violations
    }

    /// The database's file, where the URL names one.
    pub fn path(&self) -> Option<&str> {
        let url = self.url.expose_secret();
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
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
        assert_eq!(Config::default().validate(), vec![]);
        let config = Config {
            url: "sqlite::memory:".into(),
            read_connections: 0,
            group_closures_max: 0,
            group_time_ms: 5_000,
            queue_max: 0,
        };
        assert_eq!(config.validate().len(), 5);
    }
}
