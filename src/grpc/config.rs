//! The section `grpc` of the configuration.

use crate::error::Violation;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};

/// The section `grpc`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The largest message that is taken.
    pub message_bytes_max: usize,
    /// How many connections are held at a time; the next one waits.
    pub connections_max: usize,
    /// How many calls one connection may have open.
    pub streams_per_connection_max: u32,
    /// How long a call that is not a stream may take.
    pub request_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            message_bytes_max: 1024 * 1024,
            connections_max: 2_000,
            streams_per_connection_max: 256,
            request_timeout_ms: 10_000,
        }
    }
}

impl Config {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !(64 * 1024..=16 * 1024 * 1024).contains(&self.message_bytes_max) {
            violations.push(wrong("message_bytes_max", "must be from 65536 to 16777216"));
        }
        if !(1..=100_000).contains(&self.connections_max) {
            violations.push(wrong("connections_max", "must be from 1 to 100000"));
        }
        if !(1..=10_000).contains(&self.streams_per_connection_max) {
            violations.push(wrong("streams_per_connection_max", "must be from 1 to 10000"));
        }
        if !(100..=600_000).contains(&self.request_timeout_ms) {
            violations.push(wrong("request_timeout_ms", "must be from 100 to 600000"));
        }
        violations
    }
}

fn wrong(field: &str, description: &str) -> Violation {
    Violation { field: field.to_owned(), description: description.to_owned() }
}
