//! The send log.

use super::{Page, PageRequest, Service};
use crate::domain::ids::WorkspaceId;
use crate::error::Result;
use crate::store;
pub use crate::store::deliveries::{DeliveryFilter, LoggedDelivery};

/// A page of the send log, the newest first.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    filter: &DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<LoggedDelivery>> {
    let rows =
        store::deliveries::list(service.store.reader(), workspace, filter, page.rows()?).await?;
    Ok(Page::of(rows, page, |row| row.delivery.id.to_string()))
}
