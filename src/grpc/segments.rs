//! `SegmentService`.

mod members;

use super::auth::authorized;
use super::convert::time::to_proto;
use super::validate::Violations;
use super::{Edge, call};
use crate::domain::segment::{Segment, SegmentKind};
use crate::domain::tenant::Scope;
use crate::proto::v1::segment_service_server::SegmentService;
use crate::proto::v1::{
    self, AddMembersRequest, AddMembersResponse, CreateSegmentRequest, CreateSegmentResponse,
    DeleteSegmentRequest, DeleteSegmentResponse, GetSegmentRequest, GetSegmentResponse,
    ListMembersRequest, ListMembersResponse, ListSegmentsRequest, ListSegmentsResponse,
    RemoveMembersRequest, RemoveMembersResponse,
};
use crate::service::segment_members::Verb;
use crate::service::{segment_members, segments};
use futures::StreamExt;
use std::mem::take;
use tonic::{Request, Response, Result, Streaming};

#[tonic::async_trait]
impl SegmentService for Edge {
    async fn create_segment(
        &self,
        request: Request<CreateSegmentRequest>,
    ) -> Result<Response<CreateSegmentResponse>> {
        let (principal, mut request) = authorized(request, Scope::SegmentsWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "CreateSegment"), request_id, &request, &mut violations);
        violations.optional_id("segment_id", &request.segment_id);
        let kind = read_kind(request.kind, &mut violations);
        violations.finish()?;
        let segment_id = Some(request.segment_id).filter(|id| !id.is_empty());
        let done = segments::create(&self.service, &call, segment_id, kind).await?;
        Ok(Response::new(CreateSegmentResponse {
            segment: Some(segment(&done.answer)),
            replayed: done.replayed,
        }))
    }

    async fn get_segment(
        &self,
        request: Request<GetSegmentRequest>,
    ) -> Result<Response<GetSegmentResponse>> {
        let (principal, request) = authorized(request, Scope::SegmentsRead)?;
        let mut violations = Violations::new();
        violations.id("segment_id", &request.segment_id);
        violations.finish()?;
        let found = segments::get(&self.service, principal.workspace, &request.segment_id).await?;
        Ok(Response::new(GetSegmentResponse { segment: Some(segment(&found)) }))
    }

    async fn list_segments(
        &self,
        request: Request<ListSegmentsRequest>,
    ) -> Result<Response<ListSegmentsResponse>> {
        let (principal, mut request) = authorized(request, Scope::SegmentsRead)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListSegments");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.finish()?;
        let found = segments::list(&self.service, principal.workspace, &listing.page).await?;
        Ok(Response::new(ListSegmentsResponse {
            segments: found.items.iter().map(segment).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }

    async fn delete_segment(
        &self,
        request: Request<DeleteSegmentRequest>,
    ) -> Result<Response<DeleteSegmentResponse>> {
        let (principal, mut request) = authorized(request, Scope::SegmentsWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "DeleteSegment"), request_id, &request, &mut violations);
        violations.id("segment_id", &request.segment_id);
        violations.finish()?;
        let done = segments::delete(&self.service, &call, request.segment_id).await?;
        Ok(Response::new(DeleteSegmentResponse { replayed: done.replayed }))
    }

    async fn add_members(
        &self,
        request: Request<Streaming<AddMembersRequest>>,
    ) -> Result<Response<AddMembersResponse>> {
        let (principal, batches) = authorized(request, Scope::SegmentsWrite)?;
        let sums = self.members(&principal, Verb::Add, batches).await?;
        Ok(Response::new(AddMembersResponse {
            batches: sums.batches,
            batches_replayed: sums.batches_replayed,
            added: sums.changed,
            already_there: sums.unchanged,
            member_count: sums.member_count,
        }))
    }

    async fn remove_members(
        &self,
        request: Request<Streaming<RemoveMembersRequest>>,
    ) -> Result<Response<RemoveMembersResponse>> {
        let (principal, batches) = authorized(request, Scope::SegmentsWrite)?;
        let batches = batches.map(|batch| batch.map(members::as_added));
        let sums = self.members(&principal, Verb::Remove, batches).await?;
        Ok(Response::new(RemoveMembersResponse {
            batches: sums.batches,
            batches_replayed: sums.batches_replayed,
            removed: sums.changed,
            not_there: sums.unchanged,
            member_count: sums.member_count,
        }))
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>> {
        let (principal, mut request) = authorized(request, Scope::SegmentsRead)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListMembers");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.id("segment_id", &request.segment_id);
        violations.finish()?;
        let (workspace, id) = (principal.workspace, &request.segment_id);
        let found = segment_members::list(&self.service, workspace, id, &listing.page).await?;
        let (segment, page) = found;
        let next_page_token = self.next(&listing, page.next.as_deref());
        let (contact_keys, device_ids) = match segment.kind {
            SegmentKind::ContactKeys => (page.items, Vec::new()),
            SegmentKind::DeviceIds => (Vec::new(), page.items),
        };
        Ok(Response::new(ListMembersResponse { contact_keys, device_ids, next_page_token }))
    }
}

fn read_kind(kind: i32, violations: &mut Violations) -> SegmentKind {
    match violations.known("kind", kind) {
        Some(v1::SegmentKind::DeviceIds) => return SegmentKind::DeviceIds,
        Some(v1::SegmentKind::Unspecified) => {
            violations.add("kind", "is missing: say what the members will be");
        }
        Some(v1::SegmentKind::ContactKeys) | None => {}
    }
    SegmentKind::ContactKeys
}

/// A segment as a caller sees it.
fn segment(segment: &Segment) -> v1::Segment {
    let kind = match segment.kind {
        SegmentKind::ContactKeys => v1::SegmentKind::ContactKeys,
        SegmentKind::DeviceIds => v1::SegmentKind::DeviceIds,
    };
    v1::Segment {
        segment_id: segment.segment_id.clone(),
        kind: kind.into(),
        member_count: segment.members,
        create_time: Some(to_proto(segment.created_at)),
        update_time: Some(to_proto(segment.updated_at)),
    }
}
