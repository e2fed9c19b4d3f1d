//! A segment: a named set of contacts or of devices, of any size.
//!
//! Its members are counted by versions: each batch that changes who is a member raises the version by one, so that who
//! was a member at some version, and what has changed since, can be told.

use super::ids::{SegmentKey, WorkspaceId};
use crate::clock::Time;
use crate::error::{Error, Reason, Result};
use serde::{Deserialize, Serialize};

/// How many members a segment takes.
pub const MEMBERS_MAX: i64 = 20_000_000;
/// How many segments a workspace may have.
pub const SEGMENTS_MAX: u64 = 10_000;

/// Counts the changes of a segment's members.
pub type Version = i64;

/// A named set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Ours.
    pub key: SegmentKey,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The caller's id.
    pub segment_id: String,
    /// What its members are.
    pub kind: SegmentKind,
    /// How many there are.
    pub members: i64,
    /// The newest version.
    pub version: Version,
    /// When it was created.
    pub created_at: Time,
    /// When its members last changed.
    pub updated_at: Time,
}

/// What the members of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// Contact keys.
    ContactKeys,
    /// Device ids.
    DeviceIds,
}

/// What one batch of members came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Entries that made a difference.
    pub changed: i64,
    /// Entries that were as asked before.
    pub unchanged: i64,
}

impl Segment {
    /// The segment after a batch in which so many became members or, if negative, no longer are. Its version rises
    /// only where something has changed.
    pub fn changed(&self, difference: i64, now: Time) -> Result<Self> {
        let members = self.members + difference;
        if members > MEMBERS_MAX {
            let message = format!("A segment has at most {MEMBERS_MAX} members.");
            return Err(Error::new(Reason::LimitReached, message));
        }
        let version = self.version + i64::from(difference != 0);
        let updated_at = if difference == 0 { self.updated_at } else { now };
        Ok(Segment { members, version, updated_at, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(members: i64) -> Segment {
        Segment {
            key: SegmentKey::generate(),
            workspace: WorkspaceId::generate(),
            segment_id: "gold".to_owned(),
            kind: SegmentKind::ContactKeys,
            members,
            version: 7,
            created_at: Time(1),
            updated_at: Time(1),
        }
    }

    #[test]
    fn a_batch_counts_and_raises_the_version_where_it_changes_something() {
        let more = segment(5).changed(3, Time(2)).expect("room");
        assert_eq!((more.members, more.version, more.updated_at), (8, 8, Time(2)));
        let fewer = more.changed(-8, Time(3)).expect("room");
        assert_eq!((fewer.members, fewer.version), (0, 9));
        let same = fewer.changed(0, Time(4)).expect("room");
        assert_eq!(same, fewer);
    }

    #[test]
    fn a_segment_is_full_at_its_limit() {
        assert!(segment(MEMBERS_MAX - 1).changed(1, Time(2)).is_ok());
        let full = segment(MEMBERS_MAX).changed(1, Time(2)).expect_err("full");
        assert_eq!(full.reason, Reason::LimitReached);
    }
}
