//! What goes to Apple, and what comes back, as data: a batch in, outcomes out.
//!
//! May import `domain` and the leaves. A provider's answer is never an error: accepted, rejected, unknown, or certainly
//! not sent.

use crate::clock::Time;
use crate::domain::ids::CredentialId;
use crate::domain::push::{Environment, Priority};
use bytes::Bytes;
use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub mod apns;

/// Pushes that go the same way: to one app, in one world, signed by one key.
#[derive(Debug)]
pub struct Batch {
    /// The world.
    pub environment: Environment,
    /// The app's bundle id.
    pub bundle_id: Arc<str>,
    /// Who signs.
    pub credential: Arc<Credential>,
    /// Any number; the transport keeps to the streams that Apple allows.
    pub pushes: Vec<Push>,
}

/// A `.p8` key, unsealed.
#[derive(Debug)]
pub struct Credential {
    /// Ours.
    pub id: CredentialId,
    /// Apple's id of the key.
    pub key_id: String,
    /// Apple's id of the team.
    pub team_id: String,
    /// The text of the `.p8` file.
    pub key_p8: SecretString,
}

/// One push to one device. `Debug` prints neither its token nor its content.
pub struct Push {
    /// The sender's number of this push in its batch; the answer carries it.
    pub index: usize,
    /// The device token in hexadecimal.
    pub token: SecretString,
    /// `apns-id`: the same for a resend.
    pub apns_id: Uuid,
    /// `apns-priority`.
    pub priority: Priority,
    /// `apns-expiration`: Apple stores the push for a device that is offline until then.
    pub expiration: Time,
    /// The payload.
    pub body: Bytes,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("index", &self.index)
            .field("apns_id", &self.apns_id)
            .field("priority", &self.priority)
            .field("expiration", &self.expiration)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What became of one push.
#[derive(Debug)]
pub struct Answer {
    /// The push's number in its batch.
    pub index: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was written to a connection; where it was not, when that was decided.
    pub sent_at: Time,
    /// When the answer came.
    pub answered_at: Time,
}

/// What a provider said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took the push. Taken is not displayed.
    Accepted {
        /// `apns-unique-id`, in the sandbox.
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
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// Apple's word, kept even where it is new to us.
    pub reason: String,
    /// What kind of reason it is.
    pub class: Class,
    /// Since when the token is dead, where a 410 said so.
    pub dead_since: Option<Time>,
    /// How long the provider wants to be left alone, where it said so.
    pub retry_after: Option<Duration>,
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
}
