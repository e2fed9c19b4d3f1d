//! An expansion: an audience that is being turned into subscriptions, in batches, resumably.

use super::ids::{ActivityKey, WorkspaceId};
use super::revision::Run;
use crate::clock::Time;
use serde::{Deserialize, Serialize};

/// An audience on its way to becoming subscriptions. Its key is the activity and the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// The activity.
    pub activity: ActivityKey,
    /// The run.
    pub run: Run,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Whom the activity is for.
    pub audience: Audience,
    /// How far it has come; empty at the beginning. Its meaning is the store's.
    pub cursor: String,
    /// Everyone in the audience has a subscription, or the run ended before.
    pub done: bool,
    /// When the run started.
    pub created_at: Time,
}

/// Whom an activity is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// Who.
    pub who: Who,
    /// Only devices with one of these apps (their ids as text); all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app_ids: Vec<String>,
    /// Per contact only the device seen most recently among those that can show the activity.
    #[serde(default)]
    pub latest_only: bool,
}

/// The kinds of audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// All devices of these contacts.
    ContactKeys(Vec<String>),
    /// These devices.
    DeviceIds(Vec<String>),
    /// Every device of the workspace.
    AllDevices,
}
