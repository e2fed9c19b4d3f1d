//! Sections of the configuration that are owned by no module of their own.
//!
//! Imports nothing of the crate but `error`. Each section checks itself and tells every wrong key.

use crate::error::Violation;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The section `grpc`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grpc {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The largest message that is taken.
    pub message_bytes_max: usize,
    /// How many calls one connection may have open.
    pub streams_per_connection_max: u32,
    /// How long a call that is not a stream may take.
    pub request_timeout_ms: u64,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            message_bytes_max: 1024 * 1024,
            streams_per_connection_max: 256,
            request_timeout_ms: 10_000,
        }
    }
}

impl Grpc {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !(64 * 1024..=16 * 1024 * 1024).contains(&self.message_bytes_max) {
            violations.push(wrong("message_bytes_max", "must be from 65536 to 16777216"));
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

/// The section `database`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// Where the data is, such as `sqlite://tidings.db`. A secret, for it may hold a password.
    pub url: SecretString,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite://tidings.db".into() }
    }
}

impl Database {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let path = self.url.expose_secret().strip_prefix("sqlite://");
        if path.is_some_and(|path| !path.is_empty()) {
            return Vec::new();
        }
        vec![wrong("url", "must be sqlite:// and the path of a file; PostgreSQL is not served yet")]
    }
}

/// The section `apns`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Apns {
    /// Where pushes of the App Store's builds go.
    pub production_url: String,
    /// Where pushes of builds from Xcode go.
    pub sandbox_url: String,
    /// Certificates in PEM form that are trusted instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
}

impl Default for Apns {
    fn default() -> Self {
        // https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
        Self {
            production_url: "https://api.push.apple.com".to_owned(),
            sandbox_url: "https://api.sandbox.push.apple.com".to_owned(),
            ca_file: None,
        }
    }
}

impl Apns {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let urls = [("production_url", &self.production_url), ("sandbox_url", &self.sandbox_url)];
        let is_wrong = |url: &str| {
            let uri = url.parse::<http::Uri>();
            !uri.is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some())
        };
        let wrong_urls = urls.into_iter().filter(|(_, url)| is_wrong(url));
        wrong_urls.map(|(field, _)| wrong(field, "must be an https:// address")).collect()
    }
}

fn wrong(field: &str, description: &str) -> Violation {
    Violation { field: field.to_owned(), description: description.to_owned() }
}
