//! What a provider said about one push, as data: accepted, rejected, unknown, or certainly not sent.

use super::reasons::fcm;
use crate::clock::Time;
use std::time::Duration;

/// What a provider said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took the push. Taken is not displayed.
    Accepted {
        /// The provider's own name of the push, where it gave one: `apns-unique-id`, in the sandbox, or Google's
        /// `projects/…/messages/…`.
        unique_id: Option<String>,
    },
    /// It refused the push.
    Rejected(Rejection),
    /// The push may have arrived: no answer came, or the connection broke after it was written.
    Unknown {
        /// Ours, such as `TIMEOUT`.
        reason: &'static str,
    },
    /// The push certainly was not taken: there was no connection, or the peer said that it did not look at it.
    NotSent {
        /// Ours, such as `CONNECT_FAILED`.
        reason: &'static str,
    },
    /// It was not even tried, for the provider would refuse it now: no failure, and nothing for the send log.
    Postponed {
        /// Ours, such as `DEVICE_PACED`.
        reason: &'static str,
        /// When it may be tried, whatever is newer then.
        until: Time,
    },
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// The provider's word, kept even where it is new to us.
    pub reason: String,
    /// What kind of reason it is.
    pub class: Class,
    /// Since when the token is dead, where a 410 said so.
    pub dead_since: Option<Time>,
    /// How long the provider wants to be left alone, where it said so.
    pub retry_after: Option<Duration>,
}

impl Rejection {
    /// It says that the token is dead, in so many words. Statuses and words that as often as not mean that token, world
    /// and app do not fit together kill nothing.
    pub fn is_about_a_dead_token(&self) -> bool {
        match (self.status, self.class) {
            (410, Class::Token) => true,
            (404, Class::Token) => self.reason == fcm::UNREGISTERED,
            (400, Class::Token) => self.reason == fcm::INVALID_REGISTRATION,
            _ => false,
        }
    }
}

/// What kind of reason a refusal has, and so what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It passes; try again.
    Retry,
    /// The provider token was refused; try again with another one.
    ProviderToken,
    /// The connection is to be replaced; try again on a new one.
    Connection,
    /// The device token is dead.
    Token,
    /// App, credential, topic or environment do not fit together; someone has to mend it.
    Configuration,
    /// The request was wrong: our fault.
    Request,
    /// The device cannot be reached this way.
    Device,
}
