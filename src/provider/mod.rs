//! What goes to Apple and to Google, and what comes back, as data: a batch in, outcomes out.
//!
//! May import `domain` and the leaves. A provider's answer is never an error: accepted, rejected, unknown, certainly
//! not sent, or put off.

use crate::clock::Time;
use crate::domain::ids::CredentialId;
use crate::domain::payload::apns::PushType;
use crate::domain::push::{Environment, Priority};
use bytes::Bytes;
use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

pub use crate::domain::outcome::{Class, Outcome, Rejection};

mod reply;
mod tls;

pub mod apns;
pub mod fcm;

/// Pushes that go the same way: to one app, in one world, signed by one key.
#[derive(Debug)]
pub struct Batch {
    /// The world.
    pub environment: Environment,
    /// The app's bundle id.
    pub bundle_id: Arc<str>,
    /// Who signs.
    pub credential: Arc<Credential>,
    /// What that key has signed.
    pub token: Arc<apns::ProviderToken>,
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
    /// `apns-push-type`; the topic follows from it.
    pub push_type: PushType,
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
            .field("push_type", &self.push_type)
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
