//! Where Google is, and how hard it is pushed.
//!
//! May import `error` (for its types). A configuration that [`Config::validate`] passes cannot make a provider that
//! refuses to start for any other reason than a file that cannot be read.

use crate::error::Violation;
use reqwest::Url;
use serde::Deserialize;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

/// The section `fcm`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where pushes go.
    pub base_url: String,
    /// Where access tokens come from, whatever an uploaded service account says.
    pub token_url: String,
    /// Certificates in PEM that are trusted beside the public ones, for a simulator or an inspecting proxy.
    pub ca_file: Option<PathBuf>,
    /// The longest that a push waits for an access token, for room, and for a connection.
    pub connect_timeout_ms: u64,
    /// The longest that a push waits for its answer. Google itself takes up to 10 seconds.
    pub request_timeout_ms: u64,
    /// The longest that fetching an access token takes.
    pub token_timeout_ms: u64,
    /// A connection that was silent for so long is asked whether it is alive: a dead one says nothing by itself.
    pub ping_after_ms: u64,
    /// The longest that it may take to say so.
    pub ping_timeout_ms: u64,
    /// How many connections there are; each carries up to 100 pushes at a time.
    pub lanes: usize,
}

const TIME_MS_MAX: u64 = 120_000;
/// Google's own time limit: who gives up sooner repeats what is still being done.
/// <https://firebase.google.com/docs/cloud-messaging/scale-fcm>
const REQUEST_TIMEOUT_MS_MIN: u64 = 10_000;
const LANES_MAX: usize = 64;

impl Default for Config {
    fn default() -> Self {
        Config {
            base_url: "https://fcm.googleapis.com".into(),
            token_url: "https://oauth2.googleapis.com/token".into(),
            ca_file: None,
            connect_timeout_ms: 5_000,
            request_timeout_ms: 15_000,
            token_timeout_ms: 10_000,
            ping_after_ms: 30_000,
            ping_timeout_ms: 10_000,
            lanes: 8,
        }
    }
}

impl Config {
    /// Everything that is wrong, with the key of each.
    pub fn validate(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (key, result) in [
            ("base_url", origin(&self.base_url).map(|_| ())),
            ("token_url", address(&self.token_url).map(|_| ())),
        ] {
            violations.extend(result.err().map(|description| violation(key, description)));
        }
        for (key, value, min) in [
            ("connect_timeout_ms", self.connect_timeout_ms, 1),
            ("request_timeout_ms", self.request_timeout_ms, REQUEST_TIMEOUT_MS_MIN),
            ("token_timeout_ms", self.token_timeout_ms, 1),
            ("ping_after_ms", self.ping_after_ms, 1),
            ("ping_timeout_ms", self.ping_timeout_ms, 1),
        ] {
            if !(min..=TIME_MS_MAX).contains(&value) {
                violations.push(violation(key, &format!("must be {min} to {TIME_MS_MAX}")));
            }
        }
        if !(1..=LANES_MAX).contains(&self.lanes) {
            violations.push(violation("lanes", &format!("must be 1 to {LANES_MAX}")));
        }
        violations
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(super) fn token_timeout(&self) -> Duration {
        Duration::from_millis(self.token_timeout_ms)
    }

    pub(super) fn ping_after(&self) -> Duration {
        Duration::from_millis(self.ping_after_ms)
    }

    pub(super) fn ping_timeout(&self) -> Duration {
        Duration::from_millis(self.ping_timeout_ms)
    }

    pub(super) fn base(&self) -> Result<Url, Violation> {
        origin(&self.base_url).map_err(|description| violation("base_url", description))
    }

    pub(super) fn token(&self) -> Result<Url, Violation> {
        address(&self.token_url).map_err(|description| violation("token_url", description))
    }
}

/// An address without a path.
fn origin(text: &str) -> Result<Url, &'static str> {
    let url = address(text)?;
    if url.path() == "/" { Ok(url) } else { Err("must be a host and a port without a path") }
}

/// An address that secrets may be sent to: encrypted, or on this machine.
fn address(text: &str) -> Result<Url, &'static str> {
    let wrong = "must be an address such as https://fcm.googleapis.com or http://localhost:8080";
    let url: Url = text.parse().map_err(|_| wrong)?;
    let user = !url.username().is_empty() || url.password().is_some();
    if !url.has_host() || user || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("must begin with https://; plain http goes to this machine only"),
        _ => Err(wrong),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn violation(key: &str, description: &str) -> Violation {
    Violation { field: key.to_owned(), description: description.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_googles_addresses() {
        let config = Config::default();
        assert_eq!(config.validate(), vec![]);
        assert_eq!(config.base().unwrap().as_str(), "https://fcm.googleapis.com/");
        assert_eq!(config.token().unwrap().as_str(), "https://oauth2.googleapis.com/token");
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for url in
            ["http://localhost:1", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:1"]
        {
            assert!(origin(url).is_ok(), "{url}");
        }
        for url in [
            "http://fcm.googleapis.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://0.0.0.0:1",
            "http://10.0.0.1",
            "http://[::ffff:10.0.0.1]",
            "ftp://localhost",
        ] {
            assert!(origin(url).is_err(), "{url}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let config = Config {
            base_url: "https://fcm.googleapis.com/v1".into(),
            token_url: "https://user@host/path".into(),
            ca_file: None,
            connect_timeout_ms: 0,
            request_timeout_ms: 9_999,
            token_timeout_ms: 0,
            ping_after_ms: 0,
            ping_timeout_ms: 999_999,
            lanes: 0,
        };
        let fields: Vec<String> = config.validate().into_iter().map(|v| v.field).collect();
        let wanted = [
            "base_url",
            "token_url",
            "connect_timeout_ms",
            "request_timeout_ms",
            "token_timeout_ms",
            "ping_after_ms",
            "ping_timeout_ms",
            "lanes",
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn no_text_is_an_address_by_accident() {
        for text in ["", "localhost", "https://", "https://h/?q=1", "https://h/#f", "data:x", "\0"]
        {
            assert!(address(text).is_err(), "{text:?}");
        }
    }
}
