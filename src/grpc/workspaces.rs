//! `WorkspaceService`.

use super::auth::authorized;
use super::convert::admin::{read_labels, workspace};
use super::validate::Violations;
use super::{Edge, call, named, workspace_or_own};
use crate::domain::delivery::Labels;
use crate::domain::tenant::Scope;
use crate::proto::v1::workspace_service_server::WorkspaceService;
use crate::proto::v1::{
    CreateWorkspaceRequest, CreateWorkspaceResponse, DeleteWorkspaceRequest,
    DeleteWorkspaceResponse, GetWorkspaceRequest, GetWorkspaceResponse, ListWorkspacesRequest,
    ListWorkspacesResponse, UpdateWorkspaceRequest, UpdateWorkspaceResponse,
};
use crate::service::workspaces::{self, WorkspaceChange};
use std::mem::take;
use tonic::{Request, Response, Result};

/// What a change may name.
const CHANGEABLE: [&str; 2] = ["name", "delivery_labels"];

#[tonic::async_trait]
impl WorkspaceService for Edge {
    async fn create_workspace(
        &self,
        request: Request<CreateWorkspaceRequest>,
    ) -> Result<Response<CreateWorkspaceResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "CreateWorkspace"), request_id, &request, &mut violations);
        violations.id("name", &request.name);
        let labels = labels(request.delivery_labels, &mut violations).unwrap_or_default();
        violations.finish()?;
        let done = workspaces::create(&self.service, &call, (request.name, labels)).await?;
        let workspace = Some(workspace(&done.answer));
        Ok(Response::new(CreateWorkspaceResponse { workspace, replayed: done.replayed }))
    }

    async fn get_workspace(
        &self,
        request: Request<GetWorkspaceRequest>,
    ) -> Result<Response<GetWorkspaceResponse>> {
        let (principal, request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let id = workspace_or_own(&principal, &request.workspace_id, &mut violations);
        violations.finish()?;
        let id = named(id, "workspace", &request.workspace_id)?;
        let found = workspaces::get(&self.service, id).await?;
        Ok(Response::new(GetWorkspaceResponse { workspace: Some(workspace(&found)) }))
    }

    async fn list_workspaces(
        &self,
        request: Request<ListWorkspacesRequest>,
    ) -> Result<Response<ListWorkspacesResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListWorkspaces");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.finish()?;
        let found = workspaces::list(&self.service, &listing.page).await?;
        Ok(Response::new(ListWorkspacesResponse {
            workspaces: found.items.iter().map(workspace).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }

    async fn update_workspace(
        &self,
        request: Request<UpdateWorkspaceRequest>,
    ) -> Result<Response<UpdateWorkspaceResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "UpdateWorkspace"), request_id, &request, &mut violations);
        let id = violations.our_id("workspace_id", &request.workspace_id);
        let mask = violations.mask(request.update_mask.as_ref(), &CHANGEABLE);
        if mask.has("name") {
            violations.id("name", &request.name);
        }
        let labels = labels(request.delivery_labels, &mut violations);
        violations.finish()?;
        let id = named(id, "workspace", &request.workspace_id)?;
        let change = WorkspaceChange {
            name: mask.when("name", request.name),
            delivery_labels: mask.when("delivery_labels", labels).flatten(),
        };
        let done = workspaces::update(&self.service, &call, id, change).await?;
        let workspace = Some(workspace(&done.answer));
        Ok(Response::new(UpdateWorkspaceResponse { workspace, replayed: done.replayed }))
    }

    async fn delete_workspace(
        &self,
        request: Request<DeleteWorkspaceRequest>,
    ) -> Result<Response<DeleteWorkspaceResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "DeleteWorkspace"), request_id, &request, &mut violations);
        let id = violations.our_id("workspace_id", &request.workspace_id);
        violations.finish()?;
        let id = named(id, "workspace", &request.workspace_id)?;
        let done = workspaces::delete(&self.service, &call, id).await?;
        Ok(Response::new(DeleteWorkspaceResponse { replayed: done.replayed }))
    }
}

fn labels(value: i32, violations: &mut Violations) -> Option<Labels> {
    violations.known("delivery_labels", value).and_then(read_labels)
}
