//! `DeliveryService`.

use super::Edge;
use super::auth::authorized;
use super::convert::delivery::{delivery, read_status};
use super::convert::push::read_operation;
use super::validate::{ID_BYTES_MAX, Violations};
use crate::domain::tenant::Scope;
use crate::proto::v1::delivery_service_server::DeliveryService;
use crate::proto::v1::{self, ListDeliveriesRequest, ListDeliveriesResponse};
use crate::service::deliveries::{self, DeliveryFilter};
use std::mem::take;
use tonic::{Request, Response, Result};

#[tonic::async_trait]
impl DeliveryService for Edge {
    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>> {
        let (principal, mut request) = authorized(request, Scope::DeliveriesRead)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListDeliveries");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        let filter = read(&request, &mut violations);
        violations.finish()?;
        if filter.app.is_none() && !request.app_id.is_empty() {
            return Ok(Response::new(ListDeliveriesResponse::default()));
        }
        let found =
            deliveries::list(&self.service, principal.workspace, &filter, &listing.page).await?;
        Ok(Response::new(ListDeliveriesResponse {
            deliveries: found.items.iter().map(delivery).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }
}

fn read(request: &ListDeliveriesRequest, violations: &mut Violations) -> DeliveryFilter {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    violations.optional_id("activity_id", &request.activity_id);
    violations.optional_id("device_id", &request.device_id);
    violations.optional_id("contact_key", &request.contact_key);
    violations.text("reason", &request.reason, 0..=ID_BYTES_MAX);
    let operation: Option<v1::Operation> = violations.known("operation", request.operation);
    let status: Option<v1::DeliveryStatus> = violations.known("status", request.status);
    DeliveryFilter {
        activity_id: given(&request.activity_id),
        run: request.run,
        revision: request.revision,
        operation: operation.and_then(read_operation),
        device_id: given(&request.device_id),
        contact_key: given(&request.contact_key),
        app: request.app_id.parse().ok(),
        status: status.and_then(read_status),
        reason: given(&request.reason),
        sent_after: violations.time("sent_after", request.sent_after.as_ref()),
        sent_before: violations.time("sent_before", request.sent_before.as_ref()),
    }
}
