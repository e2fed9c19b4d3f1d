//! The stream of starts, updates and ends: many under way at once, so that they share commits, those of one activity in
//! order. Each is refused once the key is good no more.

use crate::error::{self, Error};
use crate::grpc::Edge;
use crate::grpc::status::to_rpc_status;
use crate::proto::v1::stream_updates_request::Item;
use crate::proto::v1::stream_updates_response::Result as Answer;
use crate::proto::v1::{StreamUpdatesRequest, StreamUpdatesResponse};
use crate::service::Principal;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::StreamExt;
use tonic::{Status, Streaming};

/// So many items may be unanswered; then flow control slows the sender.
pub(super) const UNANSWERED_MAX: usize = 256;

type Answers = mpsc::Sender<Result<StreamUpdatesResponse, Status>>;

/// Answers items until the caller ends the stream or goes away, or the server drains: what was read is answered then,
/// and nothing more is read.
pub(super) async fn serve(
    edge: Edge,
    principal: Principal,
    mut items: Streaming<StreamUpdatesRequest>,
    answers: Answers,
) {
    let unanswered = Arc::new(Semaphore::new(UNANSWERED_MAX));
    let mut order = Order::default();
    loop {
        let Ok(permit) = Arc::clone(&unanswered).acquire_owned().await else { return };
        let request = tokio::select! {
            item = items.next() => item,
            () = answers.closed() => return,
            () = edge.draining.cancelled() => {
                // All permits: everything that was read is answered.
                drop(permit);
                let all = u32::try_from(UNANSWERED_MAX).unwrap_or(u32::MAX);
                let _ = unanswered.acquire_many(all).await;
                let _ = answers.send(Err(Error::draining().into())).await;
                return;
            }
        };
        let request = match request {
            Some(Ok(request)) => request,
            Some(Err(status)) => {
                let _ = answers.send(Err(status)).await;
                return;
            }
            None => return,
        };
        let (before, done) = order.enter(activity_id(&request));
        let (edge, principal, answers) = (edge.clone(), principal.clone(), answers.clone());
        tokio::spawn(async move {
            if let Some(before) = before {
                // An error means that the one before is gone, and so done.
                let _ = before.await;
            }
            let answer = answer(&edge, &principal, request).await;
            drop(done);
            let _ = answers.send(Ok(answer)).await;
            drop(permit);
        });
    }
}

async fn answer(
    edge: &Edge,
    principal: &Principal,
    request: StreamUpdatesRequest,
) -> StreamUpdatesResponse {
    let sequence = request.sequence;
    let result = done(edge, principal, request.item).await;
    let result = result.unwrap_or_else(|error| Answer::Error(to_rpc_status(error)));
    StreamUpdatesResponse { sequence, result: Some(result) }
}

async fn done(edge: &Edge, principal: &Principal, item: Option<Item>) -> error::Result<Answer> {
    edge.service.still_good(principal).await?;
    match item {
        Some(Item::Start(item)) => edge.start(principal, item).await.map(Answer::Start),
        Some(Item::Update(item)) => edge.update(principal, item).await.map(Answer::Update),
        Some(Item::End(item)) => edge.end(principal, item).await.map(Answer::End),
        None => Err(Error::invalid_field("item", "is missing: give start, update or end")),
    }
}

fn activity_id(request: &StreamUpdatesRequest) -> &str {
    match &request.item {
        Some(Item::Start(item)) => &item.activity_id,
        Some(Item::Update(item)) => &item.activity_id,
        Some(Item::End(item)) => &item.activity_id,
        None => "",
    }
}

/// Who comes after whom: per activity the end of the newest item.
#[derive(Default)]
struct Order {
    newest: HashMap<String, oneshot::Receiver<()>>,
}

impl Order {
    /// Returns what to wait for, and what to drop when done.
    fn enter(&mut self, activity_id: &str) -> (Option<oneshot::Receiver<()>>, oneshot::Sender<()>) {
        if self.newest.len() > 2 * UNANSWERED_MAX {
            self.newest.retain(|_, done| !is_done(done));
        }
        let (done, wait) = oneshot::channel();
        let before = match activity_id {
            "" => None,
            _ => self.newest.insert(activity_id.to_owned(), wait),
        };
        (before, done)
    }
}

fn is_done(done: &mut oneshot::Receiver<()>) -> bool {
    !matches!(done.try_recv(), Err(oneshot::error::TryRecvError::Empty))
}
