//! `ChannelService`.

use super::auth::authorized;
use super::convert::channel::{channel, read_policy, read_state};
use super::convert::push::read_environment;
use super::validate::Violations;
use super::{Edge, call, named};
use crate::domain::ids::ChannelId;
use crate::domain::push::Environment;
use crate::domain::tenant::Scope;
use crate::error::Error;
use crate::proto::v1::channel_service_server::ChannelService;
use crate::proto::v1::{
    self, CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeleteChannelResponse,
    GetChannelRequest, GetChannelResponse, ListChannelsRequest, ListChannelsResponse,
};
use crate::service::channels::{self, Filter, NewChannel};
use std::mem::take;
use tonic::{Request, Response, Result};

#[tonic::async_trait]
impl ChannelService for Edge {
    async fn create_channel(
        &self,
        request: Request<CreateChannelRequest>,
    ) -> Result<Response<CreateChannelResponse>> {
        let (principal, mut request) = authorized(request, Scope::ChannelsWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "CreateChannel"), request_id, &request, &mut violations);
        let app = violations.our_id("app_id", &request.app_id);
        let environment = environment(request.environment, &mut violations);
        let policy = violations.known("storage_policy", request.storage_policy);
        let policy = policy.and_then(read_policy);
        if policy.is_none() && request.storage_policy == 0 {
            violations.add("storage_policy", "is missing: say what Apple is to keep");
        }
        violations.finish()?;
        let app = named(app, "app", &request.app_id)?;
        let policy = policy.ok_or_else(|| Error::invalid_field("storage_policy", "is missing"))?;
        let new = NewChannel { app, environment, policy };
        let done = channels::create(&self.service, &call, new).await?;
        let channel = Some(channel(&done.answer));
        Ok(Response::new(CreateChannelResponse { channel, replayed: done.replayed }))
    }

    async fn get_channel(
        &self,
        request: Request<GetChannelRequest>,
    ) -> Result<Response<GetChannelResponse>> {
        let (principal, request) = authorized(request, Scope::ChannelsRead)?;
        let mut violations = Violations::new();
        let id: Option<ChannelId> = violations.our_id("channel_id", &request.channel_id);
        violations.finish()?;
        let id = named(id, "channel", &request.channel_id)?;
        let found = channels::get(&self.service, principal.workspace, id).await?;
        Ok(Response::new(GetChannelResponse { channel: Some(channel(&found)) }))
    }

    async fn list_channels(
        &self,
        request: Request<ListChannelsRequest>,
    ) -> Result<Response<ListChannelsResponse>> {
        let (principal, mut request) = authorized(request, Scope::ChannelsRead)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListChannels");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        let app = match request.app_id.as_str() {
            "" => None,
            text => Some(violations.our_id("app_id", text)),
        };
        let environment = environment(request.environment, &mut violations);
        let state = violations.known("state", request.state).and_then(read_state);
        violations.finish()?;
        let app = app.map(|id| named(id, "app", &request.app_id)).transpose()?;
        let filter = Filter { app, environment, state };
        let workspace = principal.workspace;
        let found = channels::list(&self.service, workspace, filter, &listing.page).await?;
        Ok(Response::new(ListChannelsResponse {
            channels: found.items.iter().map(channel).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }

    async fn delete_channel(
        &self,
        request: Request<DeleteChannelRequest>,
    ) -> Result<Response<DeleteChannelResponse>> {
        let (principal, mut request) = authorized(request, Scope::ChannelsWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "DeleteChannel"), request_id, &request, &mut violations);
        let id: Option<ChannelId> = violations.our_id("channel_id", &request.channel_id);
        violations.finish()?;
        let id = named(id, "channel", &request.channel_id)?;
        let done = channels::delete(&self.service, &call, id).await?;
        let channel = done.answer.as_ref().map(channel);
        Ok(Response::new(DeleteChannelResponse { channel, replayed: done.replayed }))
    }
}

fn environment(value: i32, violations: &mut Violations) -> Option<Environment> {
    violations.known::<v1::ApnsEnvironment>("environment", value).and_then(read_environment)
}
