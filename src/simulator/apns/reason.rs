//! The refusals of APNs, as its documentation lists them.
//! <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>
//!
//! May import `clock`. A refusal has one status, whoever gives it.

use crate::clock::Time;

/// An answer that is not 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Apple's word.
    pub(crate) reason: String,
    /// Since when the token is dead; with a 410 only.
    pub(crate) since: Option<Time>,
    /// The header `retry-after`, which Apple does not document and clients must survive.
    pub(crate) retry_after: Option<i32>,
}

impl Refusal {
    /// A refusal with one of the documented reasons.
    pub(crate) fn new(reason: &str) -> Self {
        let status = match reason {
            "MissingProviderToken"
            | "InvalidProviderToken"
            | "ExpiredProviderToken"
            | "TopicMismatch"
            | "BadEnvironmentKeyInToken" => 403,
            "BadPath" => 404,
            "MethodNotAllowed" => 405,
            "Unregistered" | "ExpiredToken" => 410,
            "PayloadTooLarge" => 413,
            "TooManyRequests" | "TooManyProviderTokenUpdates" => 429,
            "InternalServerError" => 500,
            "ServiceUnavailable" | "Service Unavailable" | "Shutdown" => 503,
            _ => 400,
        };
        Self { status, reason: reason.to_owned(), since: None, retry_after: None }
    }

    /// The token is dead since then.
    pub(crate) fn gone(reason: &str, since: Time) -> Self {
        Self { since: Some(since), ..Self::new(reason) }
    }

    /// The JSON of the answer.
    pub(crate) fn body(&self) -> String {
        match (self.status, self.since) {
            (410, Some(since)) => {
                serde_json::json!({"reason": self.reason, "timestamp": since.0}).to_string()
            }
            _ => serde_json::json!({"reason": self.reason}).to_string(),
        }
    }
}
