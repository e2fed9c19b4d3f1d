//! `LiveActivityService`.

mod declare;
mod dry_run;
mod explain;
mod list;
mod read;
mod recipients;
mod stream;
mod watch;

use super::auth::authorized;
use super::convert::activity::activity;
use super::convert::time::to_proto;
use super::validate::Violations;
use super::{Edge, call};
use crate::clock::Time;
use crate::domain::tenant::Scope;
use crate::error;
use crate::proto::v1::live_activity_service_server::LiveActivityService;
use crate::proto::v1::{
    AddRecipientsRequest, AddRecipientsResponse, ApplyActivityRequest, ApplyActivityResponse,
    DeleteActivityRequest, DeleteActivityResponse, EndActivityRequest, EndActivityResponse,
    ExplainDeliveryRequest, ExplainDeliveryResponse, GetActivityRequest, GetActivityResponse,
    ListActivitiesRequest, ListActivitiesResponse, ListSubscriptionsRequest,
    ListSubscriptionsResponse, RemoveRecipientsRequest, RemoveRecipientsResponse,
    StartActivityRequest, StartActivityResponse, StreamUpdatesRequest, StreamUpdatesResponse,
    UpdateActivityRequest, UpdateActivityResponse, WatchActivityRequest, WatchActivityResponse,
};
use crate::service::{Principal, activities};
use std::mem::take;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Result, Streaming};

/// So many messages of a stream may wait for their reader.
const WAITING_MAX: usize = 16;

#[tonic::async_trait]
impl LiveActivityService for Edge {
    type StreamUpdatesStream = ReceiverStream<Result<StreamUpdatesResponse>>;
    type WatchActivityStream = ReceiverStream<Result<WatchActivityResponse>>;

    async fn start_activity(
        &self,
        request: Request<StartActivityRequest>,
    ) -> Result<Response<StartActivityResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesWrite)?;
        Ok(Response::new(self.start(&principal, request).await?))
    }

    async fn update_activity(
        &self,
        request: Request<UpdateActivityRequest>,
    ) -> Result<Response<UpdateActivityResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesWrite)?;
        Ok(Response::new(self.update(&principal, request).await?))
    }

    async fn end_activity(
        &self,
        request: Request<EndActivityRequest>,
    ) -> Result<Response<EndActivityResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesWrite)?;
        Ok(Response::new(self.end(&principal, request).await?))
    }

    async fn apply_activity(
        &self,
        request: Request<ApplyActivityRequest>,
    ) -> Result<Response<ApplyActivityResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesWrite)?;
        Ok(Response::new(self.apply(&principal, request).await?))
    }

    async fn delete_activity(
        &self,
        request: Request<DeleteActivityRequest>,
    ) -> Result<Response<DeleteActivityResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesWrite)?;
        Ok(Response::new(self.delete(&principal, request).await?))
    }

    async fn add_recipients(
        &self,
        request: Request<AddRecipientsRequest>,
    ) -> Result<Response<AddRecipientsResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesWrite)?;
        Ok(Response::new(self.add(&principal, request).await?))
    }

    async fn remove_recipients(
        &self,
        request: Request<RemoveRecipientsRequest>,
    ) -> Result<Response<RemoveRecipientsResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesWrite)?;
        Ok(Response::new(self.remove(&principal, request).await?))
    }

    async fn get_activity(
        &self,
        request: Request<GetActivityRequest>,
    ) -> Result<Response<GetActivityResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesRead)?;
        let mut violations = Violations::new();
        violations.id("activity_id", &request.activity_id);
        violations.finish()?;
        let found =
            activities::get(&self.service, principal.workspace, &request.activity_id).await?;
        Ok(Response::new(GetActivityResponse { activity: Some(activity(&found)) }))
    }

    async fn list_activities(
        &self,
        request: Request<ListActivitiesRequest>,
    ) -> Result<Response<ListActivitiesResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesRead)?;
        Ok(Response::new(self.list(&principal, request).await?))
    }

    async fn list_subscriptions(
        &self,
        request: Request<ListSubscriptionsRequest>,
    ) -> Result<Response<ListSubscriptionsResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesRead)?;
        Ok(Response::new(self.list_who(&principal, request).await?))
    }

    async fn explain_delivery(
        &self,
        request: Request<ExplainDeliveryRequest>,
    ) -> Result<Response<ExplainDeliveryResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesRead)?;
        Ok(Response::new(self.explain(&principal, request).await?))
    }

    async fn stream_updates(
        &self,
        request: Request<Streaming<StreamUpdatesRequest>>,
    ) -> Result<Response<Self::StreamUpdatesStream>> {
        let (principal, items) = authorized(request, Scope::ActivitiesWrite)?;
        let (answers, responses) = mpsc::channel(stream::UNANSWERED_MAX);
        tokio::spawn(stream::serve(self.clone(), principal, items, answers));
        Ok(Response::new(ReceiverStream::new(responses)))
    }

    async fn watch_activity(
        &self,
        request: Request<WatchActivityRequest>,
    ) -> Result<Response<Self::WatchActivityStream>> {
        let (principal, request) = authorized(request, Scope::ActivitiesRead)?;
        let mut violations = Violations::new();
        violations.id("activity_id", &request.activity_id);
        violations.finish()?;
        let (watched, responses) = mpsc::channel(WAITING_MAX);
        let watch = self.watch(principal, request.activity_id).await?;
        tokio::spawn(watch.serve(watched));
        Ok(Response::new(ReceiverStream::new(responses)))
    }
}

impl Edge {
    async fn start(
        &self,
        principal: &Principal,
        mut request: StartActivityRequest,
    ) -> error::Result<StartActivityResponse> {
        if request.validate_only {
            return self.try_start(principal, &request).await;
        }
        let asked = read::start(&request)?;
        let request_id = take(&mut request.request_id);
        let whose = (principal, "StartActivity");
        let call = call(whose, request_id, &request, &mut Violations::new());
        let done = activities::start(&self.service, &call, asked).await?;
        let started = activities::of_answer(&self.service, &done.answer).await?;
        Ok(StartActivityResponse {
            activity: Some(activity(&started)),
            adopted: done.answer.adopted,
            replayed: done.replayed,
            dry_run: None,
        })
    }

    async fn update(
        &self,
        principal: &Principal,
        mut request: UpdateActivityRequest,
    ) -> error::Result<UpdateActivityResponse> {
        if request.validate_only {
            return self.try_update(principal, &request).await;
        }
        let asked = read::update(&request)?;
        let request_id = take(&mut request.request_id);
        let whose = (principal, "UpdateActivity");
        let call = call(whose, request_id, &request, &mut Violations::new());
        let done = activities::update(&self.service, &call, asked).await?;
        Ok(UpdateActivityResponse {
            revision: done.answer.revision,
            run: done.answer.run,
            ignored: done.answer.ignored,
            replayed: done.replayed,
            dry_run: None,
        })
    }

    async fn end(
        &self,
        principal: &Principal,
        mut request: EndActivityRequest,
    ) -> error::Result<EndActivityResponse> {
        if request.validate_only {
            return self.try_end(principal, &request).await;
        }
        let asked = read::end(&request)?;
        let request_id = take(&mut request.request_id);
        let call = call((principal, "EndActivity"), request_id, &request, &mut Violations::new());
        let done = activities::end(&self.service, &call, asked).await?;
        Ok(EndActivityResponse {
            revision: done.answer.revision,
            run: done.answer.run,
            dismiss_time: done.answer.dismiss_at_ms.map(|ms| to_proto(Time(ms))),
            replayed: done.replayed,
            dry_run: None,
        })
    }
}
