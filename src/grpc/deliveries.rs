//! `DeliveryService`.

mod export;
mod read;

use super::Edge;
use super::auth::authorized;
use super::convert::delivery::{count, delivery};
use super::validate::Violations;
use crate::domain::tenant::Scope;
use crate::proto::v1::delivery_service_server::DeliveryService;
use crate::proto::v1::{
    ExportDeliveriesRequest, ExportDeliveriesResponse, GetDeliveryStatsRequest,
    GetDeliveryStatsResponse, ListDeliveriesRequest, ListDeliveriesResponse,
};
use crate::service::deliveries;
use export::Export;
use std::mem::take;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Result};

#[tonic::async_trait]
impl DeliveryService for Edge {
    type ExportDeliveriesStream = ReceiverStream<Result<ExportDeliveriesResponse>>;

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>> {
        let (principal, mut request) = authorized(request, Scope::DeliveriesRead)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListDeliveries");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        let filter = read::filter(&request, &mut violations);
        violations.finish()?;
        let Some(filter) = filter else {
            return Ok(Response::new(ListDeliveriesResponse::default()));
        };
        let found =
            deliveries::list(&self.service, principal.workspace, &filter, &listing.page).await?;
        let labels = deliveries::labels(&self.service, principal.workspace).await?;
        Ok(Response::new(ListDeliveriesResponse {
            deliveries: found.items.iter().map(|row| delivery(row, labels)).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }

    async fn export_deliveries(
        &self,
        request: Request<ExportDeliveriesRequest>,
    ) -> Result<Response<Self::ExportDeliveriesStream>> {
        let (principal, request) = authorized(request, Scope::DeliveriesRead)?;
        let export = Export::new(self.clone(), principal, request).await?;
        let (reader, responses) = mpsc::channel(export::WAITING_MAX);
        tokio::spawn(export.serve(reader));
        Ok(Response::new(ReceiverStream::new(responses)))
    }

    async fn get_delivery_stats(
        &self,
        request: Request<GetDeliveryStatsRequest>,
    ) -> Result<Response<GetDeliveryStatsResponse>> {
        let (principal, request) = authorized(request, Scope::DeliveriesRead)?;
        let counted = read::counted(&request)?;
        let labels = deliveries::labels(&self.service, principal.workspace).await?;
        let counts = deliveries::count(&self.service, principal.workspace, counted).await?;
        Ok(Response::new(GetDeliveryStatsResponse {
            pushes: counts.iter().map(|count| count.pushes).sum(),
            counts: counts.iter().map(|row| count(row, labels)).collect(),
        }))
    }
}
