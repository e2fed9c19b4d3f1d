//! The send log.

use super::{Page, PageRequest, Service};
use crate::clock::Time;
use crate::domain::ids::WorkspaceId;
use crate::domain::revision::Run;
use crate::error::{Error, Result};
use crate::store;
pub use crate::store::deliveries::{DeliveryFilter, LoggedDelivery, Order};
pub use crate::store::delivery_counts::DeliveryCount;

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
