//! What a push is made of: the words that rules, payloads and providers share.

use super::words::Words;
use serde::{Deserialize, Serialize};

/// What a push is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Make a card.
    Start,
    /// Change it.
    Update,
    /// End it.
    End,
    /// Show an ordinary notification instead, on a device that cannot show the card.
    Fallback,
}

/// Apple's two worlds; a token of one is unknown in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Builds from Xcode.
    Sandbox,
    /// `TestFlight` and the App Store.
    Production,
}

/// How urgent a push is; the number is `apns-priority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// The device may wait for a good moment; its update budget is not charged.
    Normal = 5,
    /// At once; charged to the update budget.
    High = 10,
}

/// What lights up the screen beside the content. Empty words are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of Apple's payload")]
pub struct Alert {
    pub title: Words,
    #[serde(default, skip_serializing_if = "Words::is_empty")]
    pub subtitle: Words,
    pub body: Words,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sound: String,
}

impl Alert {
    /// With what it leaves out said by the other.
    pub fn completed_by(self, other: &Alert) -> Alert {
        let or = |words: Words, other: &Words| if words.is_empty() { other.clone() } else { words };
        let sound = if self.sound.is_empty() { other.sound.clone() } else { self.sound };
        Alert {
            title: or(self.title, &other.title),
            subtitle: or(self.subtitle, &other.subtitle),
            body: or(self.body, &other.body),
            sound,
        }
    }
}
