//! The store's part of the configuration.

use crate::error::Violation;
use sea_orm::sqlx::postgres::PgConnectOptions;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// Where the database is, and the bounds of its writer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite://` and the path of a file, or `postgres://` and what follows. A secret, for it may have a password.
    pub url: SecretString,
    /// How many connections read at the same time.
    pub read_connections: u32,
    /// How many writes share a commit at most.
    pub group_closures_max: usize,
    /// How long writes are gathered into a commit.
    pub group_time_ms: u64,
    /// How many writes of each lane wait at most; more are refused.
    pub queue_max: usize,
    /// `PostgreSQL`: how many transactions write at the same time, half of them callers', half the server's own.
    pub write_connections: u32,
    /// `PostgreSQL`: the longest that a caller's write may take, all told.
    pub write_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            url: "sqlite://tidings.db".into(),
            read_connections: 4,
            group_closures_max: 256,
            group_time_ms: 5,
            queue_max: 10_000,
            write_connections: 16,
            write_timeout_ms: 2_000,
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
        if self.path().is_none() && self.postgres().is_none() {
            let description = "must be sqlite:// and the path of a file, such as \
                               sqlite:///var/lib/tidings/tidings.db, or \
                               postgres://user:password@host/database";
            wrong("url", description.to_owned());
        }
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let bounds = [
            ("read_connections", u64::from(self.read_connections), 1, 64),
            ("group_closures_max", number(self.group_closures_max), 1, 10_000),
            ("group_time_ms", self.group_time_ms, 1, 1_000),
            ("queue_max", number(self.queue_max), 1, 1_000_000),
            ("write_connections", u64::from(self.write_connections), 2, 1_000),
            ("write_timeout_ms", self.write_timeout_ms, 100, 60_000),
        ];
        for (field, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                wrong(field, format!("must be from {least} to {most}"));
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

    /// How to connect to `PostgreSQL`, where the URL says so.
    pub(super) fn postgres(&self) -> Option<PgConnectOptions> {
        let url = self.url.expose_secret();
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        is_postgres.then(|| url.parse().ok()).flatten()
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
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
            write_connections: 1,
            write_timeout_ms: 0,
        };
        assert_eq!(config.validate().len(), 7);
    }

    #[test]
    fn a_url_names_a_file_or_a_server() {
        let with = |url: &str| Config { url: url.into(), ..Config::default() };
        assert_eq!(with("sqlite:///tmp/t.db").path(), Some("/tmp/t.db"));
        for server in ["postgres://tidings:secret@db:5433/tidings", "postgresql:///tidings"] {
            let config = with(server);
            assert_eq!(config.validate(), vec![], "{server}");
            assert!(config.path().is_none() && config.postgres().is_some(), "{server}");
        }
        for wrong in ["mysql://db/tidings", "postgres://db:port/tidings", "tidings.db"] {
            assert_eq!(with(wrong).validate().len(), 1, "{wrong}");
        }
    }
}
