//! An expansion: an audience that is being turned into subscriptions, or out of them, in batches, resumably.

use super::ids::{ActivityKey, AppId, ExpansionId, SegmentKey, WorkspaceId};
use super::revision::Run;
use super::segment::{SegmentKind, Version};
use crate::clock::Time;
use serde::{Deserialize, Serialize};

/// An audience on its way to becoming subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Ours.
    pub id: ExpansionId,
    /// The activity.
    pub activity: ActivityKey,
    /// The run.
    pub run: Run,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// What happens to the devices that are found.
    pub verb: Verb,
    /// Whom it goes through.
    pub audience: Audience,
    /// How far it has come; empty at the beginning. Its meaning is the store's.
    pub cursor: String,
    /// There is nothing to go through: it has gone through everyone, the run ended before, or has not begun yet.
    pub done: bool,
    /// When it was asked for.
    pub created_at: Time,
}

/// What happens to the devices of an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The run starts on them. A run has one such expansion, whose audience says how later recipients are treated.
    Start,
    /// They join the run.
    Join,
    /// The same, and where the person has closed the activity it starts again.
    JoinAgain,
    /// The run ends on those that are not in its audience any more.
    Leave,
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
    /// Who comes later is started too, and who leaves is ended.
    #[serde(default)]
    pub live: bool,
}

/// The kinds of audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// All devices of these contacts.
    ContactKeys(Vec<String>),
    /// These devices.
    DeviceIds(Vec<String>),
    /// The members of a segment.
    Segment(Members),
    /// Every device of the workspace.
    AllDevices,
}

/// The members of a segment, as they were at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredMembers", into = "StoredMembers")]
pub struct Members {
    /// The segment.
    pub key: SegmentKey,
    /// What they are.
    pub kind: SegmentKind,
    /// The version.
    pub as_of: Version,
}

#[derive(Serialize, Deserialize)]
struct StoredMembers {
    key: uuid::Uuid,
    kind: SegmentKind,
    as_of: Version,
}

impl From<StoredMembers> for Members {
    fn from(stored: StoredMembers) -> Self {
        Members { key: SegmentKey(stored.key), kind: stored.kind, as_of: stored.as_of }
    }
}

impl From<Members> for StoredMembers {
    fn from(members: Members) -> Self {
        StoredMembers { key: members.key.0, kind: members.kind, as_of: members.as_of }
    }
}

impl Who {
    /// The members of a segment.
    pub fn is_segment(&self) -> bool {
        matches!(self, Who::Segment(_))
    }
}

impl Expansion {
    /// Its run begins: the audience is who it is now, a segment as it is at this version.
    pub fn begin(&mut self, version: Option<Version>) {
        self.done = false;
        if let (Who::Segment(members), Some(version)) = (&mut self.audience.who, version) {
            members.as_of = version;
        }
    }
}

impl Audience {
    /// The apps of which a device must have one; none where each will do.
    pub fn apps(&self) -> Option<Vec<AppId>> {
        let known = || self.app_ids.iter().filter_map(|id| id.parse().ok()).collect();
        (!self.app_ids.is_empty()).then(known)
    }

    /// The segment whose members it goes through.
    pub fn segment(&self) -> Option<SegmentKey> {
        match &self.who {
            Who::Segment(members) => Some(members.key),
            Who::ContactKeys(_) | Who::DeviceIds(_) | Who::AllDevices => None,
        }
    }

    /// Its devices are found by their contacts.
    pub fn is_by_contact(&self) -> bool {
        match &self.who {
            Who::ContactKeys(_) => true,
            Who::Segment(members) => members.kind == SegmentKind::ContactKeys,
            Who::DeviceIds(_) | Who::AllDevices => false,
        }
    }
}
