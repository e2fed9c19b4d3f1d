//! Segments: named sets of contacts or devices. Their members are in `segment_members`.

use super::{Answered, Call, Page, PageRequest, Service, Subject};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::ids::{SegmentKey, WorkspaceId};
use crate::domain::segment::{SEGMENTS_MAX, Segment, SegmentKind};
use crate::error::{Error, Reason, Result};
use crate::store::{On, Tx, segments};

/// Creates an empty segment; its id is made if none is given.
pub async fn create(
    service: &Service,
    call: &Call,
    segment_id: Option<String>,
    kind: SegmentKind,
) -> Result<Answered<Segment>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| {
            let segment_id = segment_id.clone();
            Box::pin(create_within(tx, workspace, (segment_id, kind), now))
        })
        .await?;
    let segment = find(service.store.reader(), workspace, &done.answer.id::<String>()?).await?;
    Ok(Answered { answer: segment, replayed: done.replayed })
}

/// One segment.
pub async fn get(service: &Service, workspace: WorkspaceId, segment_id: &str) -> Result<Segment> {
    find(service.store.reader(), workspace, segment_id).await
}

/// A page of segments, by id.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    page: &PageRequest,
) -> Result<Page<Segment>> {
    let found = segments::list(service.store.reader(), workspace, page.rows()?).await?;
    Ok(Page::of(found, page, |segment| segment.segment_id.clone()))
}

/// Deletes a segment that no activity reads.
pub async fn delete(service: &Service, call: &Call, segment_id: String) -> Result<Answered<()>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| {
            let segment_id = segment_id.clone();
            Box::pin(async move {
                let found = segments::find_to_change(tx, workspace, &segment_id).await?;
                let segment = found.ok_or_else(|| Error::not_found("segment", &segment_id))?;
                if segments::is_in_use(tx, segment.key).await? {
                    return Err(in_use(&segment_id));
                }
                segments::delete(tx, segment.key, now).await
            })
        })
        .await?;
    service.bus.ring(Ring::Work);
    Ok(done)
}

async fn create_within(
    tx: &Tx,
    workspace: WorkspaceId,
    (segment_id, kind): (Option<String>, SegmentKind),
    now: Time,
) -> Result<Subject> {
    let key = SegmentKey::generate();
    let segment_id = segment_id.unwrap_or_else(|| key.to_string());
    if segments::find(tx, workspace, &segment_id).await?.is_some() {
        return Err(Error::already_exists("segment", segment_id));
    }
    if segments::count(tx, workspace).await? >= SEGMENTS_MAX {
        let message = format!("A workspace has at most {SEGMENTS_MAX} segments.");
        return Err(Error::new(Reason::LimitReached, message));
    }
    let segment = Segment {
        key,
        workspace,
        segment_id: segment_id.clone(),
        kind,
        members: 0,
        version: 0,
        created_at: now,
        updated_at: now,
    };
    segments::put(tx, segment).await?;
    Ok(Subject::of(segment_id))
}

pub(super) async fn find(
    on: &impl On,
    workspace: WorkspaceId,
    segment_id: &str,
) -> Result<Segment> {
    let found = segments::find(on, workspace, segment_id).await?;
    found.ok_or_else(|| Error::not_found("segment", segment_id))
}

fn in_use(segment_id: &str) -> Error {
    let message = format!(
        "\"{segment_id}\" is read by an activity: one that is still finding its audience, or that \
         is active and follows the segment."
    );
    Error {
        resource: Some(("segment", segment_id.to_owned())),
        ..Error::new(Reason::InUse, message)
    }
}
