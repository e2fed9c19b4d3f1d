//! Whom a run is for: audiences as they are asked for, and recipients that join and leave a run.

use crate::domain::expansion::{Audience, Members, Who};
use crate::domain::ids::WorkspaceId;
use crate::domain::segment::SegmentKind;
use crate::error::{Error, Result};
use crate::store::{self, On};

/// An audience, checked for form.
#[derive(Clone, Debug)]
pub struct AudienceAsked {
    /// Who.
    pub named: Named,
    /// Only devices with one of these apps; all if empty.
    pub app_ids: Vec<String>,
    /// Per contact only the device seen most recently.
    pub latest_only: bool,
    /// Who comes later is started too, and who leaves is ended.
    pub live: bool,
}

/// Who is named.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub enum Named {
    ContactKeys(Vec<String>),
    DeviceIds(Vec<String>),
    Segment(String),
    AllDevices,
}

impl AudienceAsked {
    /// The audience with its segment, as that is now.
    pub(super) async fn resolve(self, on: &impl On, workspace: WorkspaceId) -> Result<Audience> {
        let AudienceAsked { named, app_ids, latest_only, live } = self;
        let who = named.resolve(on, workspace).await?;
        let audience = Audience { who, app_ids, latest_only, live };
        if latest_only && !audience.is_by_contact() {
            let problem = "LATEST is about contacts, and the members of this segment are devices";
            return Err(Error::invalid_field("device_preference", problem));
        }
        Ok(audience)
    }
}

impl Named {
    /// Who is named, with the segment as it is now.
    pub(super) async fn resolve(self, on: &impl On, workspace: WorkspaceId) -> Result<Who> {
        Ok(match self {
            Named::ContactKeys(keys) => Who::ContactKeys(keys),
            Named::DeviceIds(ids) => Who::DeviceIds(ids),
            Named::AllDevices => Who::AllDevices,
            Named::Segment(segment_id) => {
                let segment = store::segments::find(on, workspace, &segment_id).await?;
                let segment = segment.ok_or_else(|| Error::not_found("segment", segment_id))?;
                let (kind, as_of) = (segment.kind, segment.version);
                Who::Segment(Members { key: segment.key, kind, as_of })
            }
        })
    }
}

/// The word for what the members of a segment are, as the requests have it.
pub fn field_of(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::ContactKeys => "contact_keys",
        SegmentKind::DeviceIds => "device_ids",
    }
}
