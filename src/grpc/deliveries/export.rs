//! The export of the send log: pages by key, oldest first, each handed over before the next one is read. So it keeps no
//! transaction open, and a slow reader costs no more than the pages that wait for it.

use super::read;
use crate::domain::delivery::Labels;
use crate::error::{self, Error};
use crate::grpc::Edge;
use crate::grpc::convert::delivery::delivery;
use crate::grpc::digest::request_digest;
use crate::grpc::page::Place;
use crate::grpc::validate::Violations;
use crate::proto::v1::{ExportDeliveriesRequest, ExportDeliveriesResponse, ListDeliveriesRequest};
use crate::service::Principal;
use crate::service::deliveries::{self, DeliveryFilter, Part};
use std::mem::take;
use tokio::sync::mpsc;
use tonic::{Result, Status};

/// So many messages wait for their reader.
pub(super) const WAITING_MAX: usize = 2;
const METHOD: &str = "ExportDeliveries";

/// One reader of the log.
pub(super) struct Export {
    edge: Edge,
    principal: Principal,
    filters: [u8; 32],
    /// Nothing fits where there is none.
    filter: Option<DeliveryFilter>,
    labels: Labels,
    cursor: Option<String>,
}

impl Export {
    /// Checks what is asked.
    pub(super) async fn new(
        edge: Edge,
        principal: Principal,
        mut request: ExportDeliveriesRequest,
    ) -> error::Result<Self> {
        let mut violations = Violations::new();
        let cursor = take(&mut request.cursor);
        let filters = request_digest(&request);
        let place = Place { workspace: principal.workspace, method: METHOD, filters };
        let cursor = edge.pages.decode_as("cursor", place, &cursor, &mut violations);
        let filter = read::filter(&as_list(request), &mut violations);
        violations.finish()?;
        let labels = deliveries::labels(&edge.service, principal.workspace).await?;
        Ok(Export { edge, principal, filters, filter, labels, cursor })
    }

    /// Sends until the log is at its end or the reader has gone.
    pub(super) async fn serve(mut self, reader: mpsc::Sender<Result<ExportDeliveriesResponse>>) {
        while let Some(message) = self.next().await {
            let is_last = message.is_err();
            let sent = tokio::select! {
                sent = reader.send(message.map_err(Status::from)) => sent.is_ok(),
                // The cursor of the last message leads on, in this server's next life or in another one's.
                () = self.edge.draining.cancelled() => {
                    let _ = reader.send(Err(Error::draining().into())).await;
                    return;
                }
            };
            if !sent || is_last {
                return;
            }
        }
    }

    /// The next message; none at the end of the log.
    async fn next(&mut self) -> Option<error::Result<ExportDeliveriesResponse>> {
        let filter = self.filter.take()?;
        let workspace = self.principal.workspace;
        let from = self.cursor.take();
        let part = match self.part(&filter, from).await {
            Ok(part) => part,
            Err(error) => return Some(Err(error)),
        };
        let place = Place { workspace, method: METHOD, filters: self.filters };
        let message = ExportDeliveriesResponse {
            deliveries: part.rows.iter().map(|row| delivery(row, self.labels)).collect(),
            cursor: self.edge.pages.encode(place, part.cursor.as_deref()),
        };
        self.filter = part.next.is_some().then_some(filter);
        self.cursor = part.next;
        Some(Ok(message))
    }

    async fn part(&self, filter: &DeliveryFilter, from: Option<String>) -> error::Result<Part> {
        let Export { edge, principal, .. } = self;
        edge.service.still_good(principal).await?;
        deliveries::export(&edge.service, principal.workspace, filter, from).await
    }
}

/// The same filters in a list.
fn as_list(request: ExportDeliveriesRequest) -> ListDeliveriesRequest {
    ListDeliveriesRequest {
        activity_id: request.activity_id,
        run: request.run,
        revision: request.revision,
        operation: request.operation,
        device_id: request.device_id,
        contact_key: request.contact_key,
        app_id: request.app_id,
        status: request.status,
        reason: request.reason,
        sent_after: request.sent_after,
        sent_before: request.sent_before,
        provider: request.provider,
        ..ListDeliveriesRequest::default()
    }
}
