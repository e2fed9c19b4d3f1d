//! Where Apple is, and how hard it is pushed.
//!
//! May import `error` (for its types) and `push`. A configuration that [`Config::validate`] passes cannot make a
//! provider that refuses to start for any other reason than a file that cannot be read.

use crate::domain::push::Environment;
use crate::error::Violation;
use http::Uri;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The section `apns`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where production pushes go.
    pub production_url: String,
    /// Where sandbox pushes go.
    pub sandbox_url: String,
    /// Where the channels of production are managed.
    pub production_manage_url: String,
    /// Where the channels of the sandbox are managed.
    pub sandbox_manage_url: String,
    /// Certificates in PEM that are trusted beside the public ones, for a simulator or an inspecting proxy.
    pub ca_file: Option<PathBuf>,
    /// The longest that a push waits for a connection or a free stream.
    pub connect_timeout_ms: u64,
    /// The longest that a push waits for its answer.
    pub request_timeout_ms: u64,
    /// A connection that was silent for so long is asked whether it is alive: a dead one says nothing by itself.
    pub ping_after_ms: u64,
    /// The longest that it may take to say so.
    pub ping_timeout_ms: u64,
    /// The most connections per environment and key.
    pub connections_max: usize,
    /// The most pushes without an answer per environment and key.
    pub in_flight_max: usize,
}

/// When a silent connection is asked whether it is alive, and how long it may take to say so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    pub(super) after: Duration,
    pub(super) timeout: Duration,
}

/// What a host of Apple's is for, in either world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Door {
    /// Pushes.
    Push,
    /// Channels are created and deleted.
    Manage,
}

/// One of Apple's hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    /// As it is written into requests: without the port where it is the usual one.
    pub(super) authority: String,
    pub(super) server_name: ServerName<'static>,
}

const HTTPS_PORT: u16 = 443;
const TIME_MS_MAX: u64 = 120_000;
const CONNECTIONS_MAX: usize = 64;
const IN_FLIGHT_MAX: usize = 100_000;

impl Default for Config {
    fn default() -> Self {
        Config {
            production_url: "https://api.push.apple.com".into(),
            sandbox_url: "https://api.sandbox.push.apple.com".into(),
            production_manage_url: "https://api-manage-broadcast.push.apple.com:2196".into(),
            sandbox_manage_url: "https://api-manage-broadcast.sandbox.push.apple.com:2195".into(),
            ca_file: None,
            connect_timeout_ms: 10_000,
            request_timeout_ms: 10_000,
            ping_after_ms: 30_000,
            ping_timeout_ms: 10_000,
            connections_max: 4,
            in_flight_max: 1_000,
        }
    }
}

impl Config {
    /// Everything that is wrong, with the key of each.
    pub fn validate(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for door in [Door::Push, Door::Manage] {
            let worlds = [Environment::Production, Environment::Sandbox];
            violations.extend(worlds.into_iter().filter_map(|at| self.endpoint(door, at).err()));
        }
        for (key, value) in [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("request_timeout_ms", self.request_timeout_ms),
            ("ping_after_ms", self.ping_after_ms),
            ("ping_timeout_ms", self.ping_timeout_ms),
        ] {
            if !(1..=TIME_MS_MAX).contains(&value) {
                violations.push(violation(key, &format!("must be 1 to {TIME_MS_MAX}")));
            }
        }
        for (key, value, max) in [
            ("connections_max", self.connections_max, CONNECTIONS_MAX),
            ("in_flight_max", self.in_flight_max, IN_FLIGHT_MAX),
        ] {
            if !(1..=max).contains(&value) {
                violations.push(violation(key, &format!("must be 1 to {max}")));
            }
        }
        violations
    }

    /// The longest that a push waits for a connection or a free stream.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// The longest that a push waits for its answer.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(super) fn pulse(&self) -> Pulse {
        Pulse {
            after: Duration::from_millis(self.ping_after_ms),
            timeout: Duration::from_millis(self.ping_timeout_ms),
        }
    }

    pub(super) fn endpoint(&self, door: Door, at: Environment) -> Result<Endpoint, Violation> {
        let (key, url) = match (door, at) {
            (Door::Push, Environment::Sandbox) => ("sandbox_url", &self.sandbox_url),
            (Door::Push, Environment::Production) => ("production_url", &self.production_url),
            (Door::Manage, Environment::Sandbox) => {
                ("sandbox_manage_url", &self.sandbox_manage_url)
            }
            (Door::Manage, Environment::Production) => {
                ("production_manage_url", &self.production_manage_url)
            }
        };
        Endpoint::parse(url).map_err(|description| violation(key, description))
    }
}

impl Endpoint {
    fn parse(url: &str) -> Result<Endpoint, &'static str> {
        let wrong =
            "must be an address such as https://api.push.apple.com or https://localhost:8443";
        let uri: Uri = url.parse().map_err(|_| wrong)?;
        if uri.scheme() != Some(&http::uri::Scheme::HTTPS) {
            return Err("must begin with https://: Apple speaks HTTP/2 over TLS only");
        }
        if uri.path() != "/" || uri.query().is_some() || url.contains(['@', '#']) {
            return Err("must be a host and a port without path, query or user");
        }
        let host = uri.host().ok_or(wrong)?.to_owned();
        let bare = host.trim_matches(['[', ']']).to_owned();
        let server_name = ServerName::try_from(bare.clone()).map_err(|_| wrong)?;
        let port = uri.port_u16().unwrap_or(HTTPS_PORT);
        let authority = if port == HTTPS_PORT { host } else { format!("{host}:{port}") };
        Ok(Endpoint { host: bare, port, authority, server_name })
    }
}

pub(super) fn violation(key: &str, description: &str) -> Violation {
    Violation { field: key.to_owned(), description: description.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_apples_addresses() {
        let config = Config::default();
        assert_eq!(config.validate(), vec![]);
        let production = config.endpoint(Door::Push, Environment::Production).unwrap();
        assert_eq!(production.authority, "api.push.apple.com");
        assert_eq!((production.host.as_str(), production.port), ("api.push.apple.com", 443));
        let sandbox = config.endpoint(Door::Push, Environment::Sandbox).unwrap();
        assert_eq!(sandbox.authority, "api.sandbox.push.apple.com");
        let production = config.endpoint(Door::Manage, Environment::Production).unwrap();
        assert_eq!(production.authority, "api-manage-broadcast.push.apple.com:2196");
        let sandbox = config.endpoint(Door::Manage, Environment::Sandbox).unwrap();
        assert_eq!(sandbox.authority, "api-manage-broadcast.sandbox.push.apple.com:2195");
    }

    #[test]
    fn another_port_and_addresses_of_both_kinds_are_taken() {
        let cases = [
            ("https://localhost:8443", "localhost", 8443, "localhost:8443"),
            ("https://127.0.0.1:8443/", "127.0.0.1", 8443, "127.0.0.1:8443"),
            ("https://[::1]:2197", "::1", 2197, "[::1]:2197"),
        ];
        for (url, host, port, authority) in cases {
            let endpoint = Endpoint::parse(url).unwrap();
            let found = (endpoint.host.as_str(), endpoint.port, endpoint.authority.as_str());
            assert_eq!(found, (host, port, authority));
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let config = Config {
            production_url: "http://api.push.apple.com".into(),
            sandbox_url: "https://user@host/path".into(),
            production_manage_url: "api-manage-broadcast.push.apple.com".into(),
            sandbox_manage_url: "https://host/1/apps".into(),
            connect_timeout_ms: 0,
            request_timeout_ms: 999_999,
            ping_after_ms: 0,
            ping_timeout_ms: 0,
            connections_max: 0,
            in_flight_max: 0,
            ca_file: None,
        };
        let fields: Vec<String> = config.validate().into_iter().map(|v| v.field).collect();
        let wanted = [
            "production_url",
            "sandbox_url",
            "production_manage_url",
            "sandbox_manage_url",
            "connect_timeout_ms",
            "request_timeout_ms",
            "ping_after_ms",
            "ping_timeout_ms",
            "connections_max",
            "in_flight_max",
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<Config>(r#"{"production":"x"}"#).is_err());
        let config: Config = serde_json::from_str(r#"{"connections_max":2}"#).unwrap();
        assert_eq!((config.connections_max, config.in_flight_max), (2, 1_000));
    }
}
