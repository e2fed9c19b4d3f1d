//! A revision: what was asked of an activity at one number.

use super::content::Content;
use super::device::Device;
use super::ids::ActivityKey;
use super::push::{Alert, Operation, Priority};
use crate::clock::Time;
use serde::{Deserialize, Serialize};

/// Counts everything asked of an activity, over all its runs.
pub type Number = i64;
/// Counts the starts of an activity, from 1.
pub type Run = i64;

/// What was asked at one revision.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The activity.
    pub activity: ActivityKey,
    /// Its number.
    pub number: Number,
    /// The run that it belongs to.
    pub run: Run,
    /// What was asked.
    pub operation: Operation,
    /// Of whom.
    pub scope: Scope,
    /// What to show from this revision on.
    pub content: Content,
    /// What lights up the screen.
    pub alert: Option<RevisionAlert>,
    /// How urgent a push of it is.
    pub priority: Priority,
    /// When the content is outdated.
    pub stale_at: Option<Time>,
    /// Which of several activities the system shows first.
    pub relevance_score: Option<f64>,
    /// When an ended card leaves the screen; the system decides if absent.
    pub dismiss_at: Option<Time>,
    /// When the caller observed what it reports, where it said so.
    pub observed_at: Option<Time>,
    /// When it was accepted.
    pub created_at: Time,
}

/// An alert and the time after which it would only startle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionAlert {
    /// The words.
    pub alert: Alert,
    /// A device that was not reached until then gets the content in silence.
    pub expires_at: Time,
}

/// Of whom something is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everyone who follows the activity.
    Everyone,
    /// Those that fit every kind of selector given.
    Target(Target),
}

/// Selects subscriptions. An empty list selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The caller's device ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_ids: Vec<String>,
    /// Contact keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact_keys: Vec<String>,
    /// App ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app_ids: Vec<String>,
    /// Form factors, such as `PHONE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub form_factors: Vec<String>,
    /// Platforms, such as `IOS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
}

impl Revision {
    /// For everyone, rather than for named targets.
    pub fn is_for_everyone(&self) -> bool {
        self.scope == Scope::Everyone
    }

    /// It is asked of this device, which is in the audience, among others.
    pub fn targets(&self, device: &Device) -> bool {
        match &self.scope {
            Scope::Everyone => false,
            Scope::Target(target) => target.fits(device),
        }
    }

    /// The end of what it is asked of.
    pub fn is_end(&self) -> bool {
        self.operation == Operation::End
    }

    /// Its alert, where it has one that has not expired.
    pub fn live_alert(&self, now: Time) -> Option<&Alert> {
        self.alert.as_ref().filter(|alert| alert.expires_at > now).map(|alert| &alert.alert)
    }
}

impl Target {
    /// The device fits every kind of selector given.
    pub fn fits(&self, device: &Device) -> bool {
        let fits =
            |words: &[String], word: &str| words.is_empty() || words.iter().any(|w| w == word);
        fits(&self.device_ids, &device.device_id)
            && fits(&self.contact_keys, &device.contact_key)
            && fits(&self.app_ids, &device.app.to_string())
            && fits(&self.form_factors, device.form_factor.word())
            && fits(&self.platforms, device.platform.word())
    }

    /// No selector at all.
    pub fn is_empty(&self) -> bool {
        self.device_ids.is_empty()
            && self.contact_keys.is_empty()
            && self.app_ids.is_empty()
            && self.form_factors.is_empty()
            && self.platforms.is_empty()
    }
}
