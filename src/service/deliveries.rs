//! The send log.

use super::{Page, PageRequest, Service};
use crate::clock::Time;
use crate::domain::delivery::Labels;
use crate::domain::ids::{DeliveryId, WorkspaceId};
use crate::domain::revision::Run;
use crate::error::{Error, Result};
use crate::store;
pub use crate::store::deliveries::{DeliveryFilter, LoggedDelivery, Order};
pub use crate::store::delivery_counts::DeliveryCount;
use std::time::Duration;

/// How many rows a message of an export has at most.
const EXPORTED_AT_ONCE: u32 = 500;
/// A push that was sent so long ago is in the log: its answer came or never will, and was written down.
const SETTLED_AFTER: Duration = Duration::from_mins(1);

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The pushes of an activity, in one run or in all.
    Activity(String, Option<Run>),
    /// The pushes of the workspace, from one quarter of an hour to another.
    Time(Time, Time),
}

/// A page of the send log, the newest first.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    filter: &DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<LoggedDelivery>> {
    let rows = store::Page { size: u64::from(page.size), after: page.after()? };
    let order = (Order::NewestFirst, rows);
    let found = store::deliveries::list(service.store.reader(), workspace, filter, order).await?;
    Ok(Page { items: found.rows, next: found.next.map(|id| id.to_string()) })
}

/// The words that the workspace sees beside our status.
pub async fn labels(service: &Service, workspace: WorkspaceId) -> Result<Labels> {
    let found = store::workspaces::find(service.store.reader(), workspace).await?;
    Ok(found.map(|workspace| workspace.delivery_labels).unwrap_or_default())
}

/// A part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Those that fit, in the order of their sending.
    pub rows: Vec<LoggedDelivery>,
    /// Where this export goes on; nothing at the end of the log.
    pub next: Option<String>,
    /// Where another one goes on: never past what may still come.
    pub cursor: Option<String>,
}

/// The part of the send log after a cursor, the oldest first.
pub async fn export(
    service: &Service,
    workspace: WorkspaceId,
    filter: &DeliveryFilter,
    cursor: Option<String>,
) -> Result<Part> {
    let page = PageRequest { cursor, size: EXPORTED_AT_ONCE };
    let after: Option<DeliveryId> = page.after()?;
    let settled = DeliveryId::first_at(service.clock.now() - SETTLED_AFTER);
    let rows = store::Page { size: u64::from(page.size), after };
    let order = (Order::OldestFirst, rows);
    let found = store::deliveries::list(service.store.reader(), workspace, filter, order).await?;
    let last = found.next.or(found.rows.last().map(|row| row.delivery.id)).or(after);
    // An export that has overtaken what is settled does not lead another one there.
    let lasting = last.map(|last| last.min(settled));
    let next = found.next.map(|id| id.to_string());
    Ok(Part { rows: found.rows, next, cursor: lasting.map(|id| id.to_string()) })
}

/// How many pushes had which outcome, the most frequent first.
pub async fn count(
    service: &Service,
    workspace: WorkspaceId,
    counted: Counted,
) -> Result<Vec<DeliveryCount>> {
    let reader = service.store.reader();
    let mut counts = match counted {
        Counted::Activity(activity_id, run) => {
            let found = store::activities::find(reader, workspace, &activity_id).await?;
            let found = found.ok_or_else(|| Error::not_found("activity", activity_id))?;
            store::delivery_counts::of_activity(reader, found.key, run).await?
        }
        Counted::Time(sent_after, sent_before) => {
            let time = (sent_after, sent_before);
            store::delivery_counts::of_workspace(reader, workspace, time).await?
        }
    };
    counts.sort_by_key(|count| std::cmp::Reverse(count.pushes));
    Ok(counts)
}
