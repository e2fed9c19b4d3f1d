//! The tokens that APNs knows: whose they are, what they are good for, and since when they are dead.
//!
//! May import `clock`, `proto` and `apns::reason`. A dead token stays dead; a value is never given out twice.

use super::reason::Refusal;
use crate::clock::Time;
use crate::proto::simulator_v1::World;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Apple promises no length; nothing longer than this is looked up.
const TOKEN_DIGITS_MAX: usize = 400;

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ordinary notifications.
    Device,
    /// Starts activities of one attributes type.
    PushToStart {
        /// The name of the Swift struct.
        attributes_type: String,
    },
    /// Updates and ends one card.
    Update {
        /// ActivityKit's id of the card.
        card_id: String,
    },
    /// No token at all: what was published to a channel.
    Channel {
        /// Apple's id.
        channel_id: String,
    },
}

/// A token as APNs knows it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its world.
    pub(crate) world: World,
    /// Its app.
    pub(crate) bundle_id: Arc<str>,
    /// Its phone.
    pub(crate) phone_id: Arc<str>,
    /// Its use.
    pub(crate) kind: Kind,
    /// The phone has a newer one; APNs does not know that yet.
    pub(crate) replaced: bool,
    /// When and as what it dies or died.
    pub(crate) death: Option<Death>,
}

/// The end of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    /// From then on it is answered with 410.
    pub(crate) at: Time,
    /// `Unregistered` or `ExpiredToken`.
    pub(crate) reason: &'static str,
}

/// What a request wants of a token.
pub(crate) struct Use<'a> {
    /// The listener's world.
    pub(crate) world: World,
    /// The topic's bundle id.
    pub(crate) bundle_id: &'a str,
    /// The topic is one of Live Activities.
    pub(crate) live_activity: bool,
    /// The present.
    pub(crate) now: Time,
}

/// All tokens.
pub(crate) struct Registry {
    entries: HashMap<String, Entry>,
    entries_max: usize,
}

impl Registry {
    /// No tokens.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), entries_max }
    }

    /// Gives out a new token; none if there are too many.
    pub(crate) fn issue(&mut self, entry: Entry) -> Option<String> {
        if self.entries.len() >= self.entries_max {
            return None;
        }
        let token = new_token(&entry.kind);
        self.entries.insert(token.clone(), entry);
        Some(token)
    }

    /// Kills a token from a time on; an earlier death stands. False if there is no such token.
    pub(crate) fn kill(&mut self, token: &str, at: Time, reason: &'static str) -> bool {
        let Some(entry) = self.entries.get_mut(&token.to_ascii_lowercase()) else {
            return false;
        };
        if entry.death.is_none_or(|death| death.at > at) {
            entry.death = Some(Death { at, reason });
        }
        true
    }

    /// Notes that the phone has a newer token, which APNs does not know yet.
    pub(crate) fn replace(&mut self, token: &str) {
        if let Some(entry) = self.entries.get_mut(token) {
            entry.replaced = true;
        }
    }

    /// The phone whose token it is, dead or alive.
    pub(crate) fn phone_of(&self, token: &str) -> Option<Arc<str>> {
        self.entries.get(&token.to_ascii_lowercase()).map(|entry| Arc::clone(&entry.phone_id))
    }

    /// Judges whether a token is good for what a request wants.
    pub(crate) fn judge(&self, token: &str, wanted: &Use<'_>) -> Result<Entry, Refusal> {
        let bad = || Refusal::new("BadDeviceToken");
        let hexadecimal = token.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !hexadecimal || !token.len().is_multiple_of(2) || token.len() > TOKEN_DIGITS_MAX {
            return Err(bad());
        }
        let entry = self.entries.get(&token.to_ascii_lowercase()).ok_or_else(bad)?;
        if entry.world != wanted.world {
            return Err(bad());
        }
        let for_activities = entry.kind != Kind::Device;
        if *entry.bundle_id != *wanted.bundle_id || for_activities != wanted.live_activity {
            return Err(Refusal::new("DeviceTokenNotForTopic"));
        }
        match entry.death {
            Some(death) if death.at <= wanted.now => Err(Refusal::gone(death.reason, death.at)),
            _ => Ok(entry.clone()),
        }
    }
}

/// 80 bytes beginning with 0x80 for Live Activities, 32 bytes for ordinary notifications.
fn new_token(kind: &Kind) -> String {
    let random = |parts: usize| -> String {
        (0..parts).map(|_| Uuid::new_v4().simple().to_string()).collect()
    };
    match kind {
        Kind::Device => random(2),
        Kind::PushToStart { .. } | Kind::Update { .. } | Kind::Channel { .. } => {
            let mut token = random(5);
            token.replace_range(..2, "80");
            token
        }
    }
}
