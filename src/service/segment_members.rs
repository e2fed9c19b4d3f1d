//! The members of segments. Each batch is one write, in the lane of what may wait: a large segment that is loaded does
//! not hold up the callers' updates.

use super::recipients::field_of;
use super::segments::find;
use super::{Answered, Call, Page, PageRequest, Service};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::ids::WorkspaceId;
use crate::domain::segment::{Batch, Segment, SegmentKind};
use crate::error::{Error, Result};
use crate::store::{Lane, Tx, segment_members, segments};
use std::collections::HashSet;

/// A batch, checked for form.
#[derive(Clone, Debug)]
pub struct BatchAsked {
    /// The segment.
    pub segment_id: String,
    /// What becomes of the entries.
    pub verb: Verb,
    /// What the entries are; absent in an empty batch.
    pub kind: Option<SegmentKind>,
    /// At most a thousand.
    pub members: Vec<String>,
}

/// What becomes of the entries of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// They become members.
    Add,
    /// They are members no more.
    Remove,
}

/// What a batch came to.
pub type Done = Answered<Batch>;

/// Adds or removes the members of one batch.
pub async fn change(service: &Service, call: &Call, asked: BatchAsked) -> Result<Done> {
    let workspace = call.workspace;
    let done = service.mutate_in(Lane::Settle, call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(change_within(tx, workspace, asked, now))
    });
    let done = done.await?;
    if done.answer.changed > 0 && !done.replayed {
        service.bus.ring(Ring::Work);
    }
    Ok(done)
}

/// A page of members, with the segment that they are in.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    segment_id: &str,
    page: &PageRequest,
) -> Result<(Segment, Page<String>)> {
    let reader = service.store.reader();
    let segment = find(reader, workspace, segment_id).await?;
    let found = segment_members::list(reader, segment.key, page.rows()?).await?;
    Ok((segment, Page::of(found, page, String::clone)))
}

async fn change_within(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: BatchAsked,
    now: Time,
) -> Result<Batch> {
    let found = segments::find_to_change(tx, workspace, &asked.segment_id).await?;
    let segment = found.ok_or_else(|| Error::not_found("segment", &asked.segment_id))?;
    if let Some(kind) = asked.kind.filter(|kind| *kind != segment.kind) {
        let problem = format!("is wrong here: this segment has {}", field_of(segment.kind));
        return Err(Error::invalid_field(field_of(kind), problem));
    }
    let entries = count(asked.members.len());
    let present = segment_members::present(tx, segment.key, &asked.members).await?;
    let named: HashSet<String> = asked.members.into_iter().collect();
    let mut members: Vec<String> = match asked.verb {
        Verb::Add => named.into_iter().filter(|member| !present.contains(member)).collect(),
        Verb::Remove => present.into_iter().collect(),
    };
    // Neighbours in the index are written one after the other.
    members.sort_unstable();
    let changed = count(members.len());
    let batch = Batch { changed, unchanged: entries - changed };
    if members.is_empty() {
        return Ok(batch);
    }
    let next = match asked.verb {
        Verb::Add => segment.changed(changed, now)?,
        Verb::Remove => segment.changed(-changed, now)?,
    };
    match asked.verb {
        Verb::Add => segment_members::add(tx, segment.key, members, next.version).await?,
        Verb::Remove => segment_members::remove(tx, segment.key, &members, next.version).await?,
    }
    segments::put(tx, next).await?;
    Ok(batch)
}

fn count(entries: usize) -> i64 {
    i64::try_from(entries).unwrap_or(i64::MAX)
}
