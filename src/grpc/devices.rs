//! `DeviceService`.

mod read;
mod sync;

use super::auth::authorized;
use super::convert::device::{device, device_with_tokens};
use super::convert::subscription::subscription;
use super::validate::Violations;
use super::{Edge, call};
use crate::domain::register::TokenResult;
use crate::domain::tenant::Scope;
use crate::proto::v1::device_service_server::DeviceService;
use crate::proto::v1::{
    self, DeleteDeviceRequest, DeleteDeviceResponse, GetDeviceRequest, GetDeviceResponse,
    ListDevicesRequest, ListDevicesResponse, RegisterDeviceRequest, RegisterDeviceResponse,
    RegisterTokenRequest, RegisterTokenResponse, ReportActivityStateRequest,
    ReportActivityStateResponse, RevokeTokenRequest, RevokeTokenResponse, SyncDeviceRequest,
    SyncDeviceResponse,
};
use crate::service::devices::DeviceFilter;
use crate::service::{devices, tokens};
use std::mem::take;
use tonic::{Request, Response, Result};

#[tonic::async_trait]
impl DeviceService for Edge {
    async fn register_device(
        &self,
        request: Request<RegisterDeviceRequest>,
    ) -> Result<Response<RegisterDeviceResponse>> {
        let (principal, mut request) = authorized(request, Scope::DevicesWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "RegisterDevice"), request_id, &request, &mut violations);
        let asked = read::device(&request, violations)?;
        let done = devices::register(&self.service, &call, asked).await?;
        let (known, created) = done.answer;
        Ok(Response::new(RegisterDeviceResponse {
            device: Some(device(&known, Vec::new())),
            created,
            replayed: done.replayed,
        }))
    }

    async fn register_token(
        &self,
        request: Request<RegisterTokenRequest>,
    ) -> Result<Response<RegisterTokenResponse>> {
        let (principal, mut request) = authorized(request, Scope::DevicesWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "RegisterToken"), request_id, &request, &mut violations);
        let asked = read::token(&self.service, principal.workspace, &request, violations)?;
        let done = tokens::register(&self.service, &call, asked).await?;
        let seen = done.answer.subscription.as_ref();
        Ok(Response::new(RegisterTokenResponse {
            result: token_result(done.answer.result).into(),
            activity_id: seen.map_or_else(String::new, |seen| seen.activity_id.clone()),
            run: seen.map_or(0, |seen| seen.subscription.place.run),
            subscription: seen.map(subscription),
            replayed: done.replayed,
        }))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>> {
        let (principal, mut request) = authorized(request, Scope::DevicesWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "RevokeToken"), request_id, &request, &mut violations);
        violations.id("device_id", &request.device_id);
        let values = read::revoked(&request, &mut violations);
        violations.finish()?;
        let prints = values.map(|value| tokens::fingerprint(&self.service, &value));
        let replayed = tokens::revoke(&self.service, &call, request.device_id, prints).await?;
        Ok(Response::new(RevokeTokenResponse { replayed }))
    }

    async fn report_activity_state(
        &self,
        request: Request<ReportActivityStateRequest>,
    ) -> Result<Response<ReportActivityStateResponse>> {
        let (principal, mut request) = authorized(request, Scope::DevicesWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let whose = (&principal, "ReportActivityState");
        let call = call(whose, request_id, &request, &mut violations);
        let asked = read::report(&request, violations)?;
        let done = devices::report(&self.service, &call, asked).await?;
        Ok(Response::new(ReportActivityStateResponse {
            subscription: Some(subscription(&done.answer)),
            replayed: done.replayed,
        }))
    }

    async fn sync_device(
        &self,
        request: Request<SyncDeviceRequest>,
    ) -> Result<Response<SyncDeviceResponse>> {
        let (principal, request) = authorized(request, Scope::DevicesWrite)?;
        Ok(Response::new(self.sync(&principal, request).await?))
    }

    async fn delete_device(
        &self,
        request: Request<DeleteDeviceRequest>,
    ) -> Result<Response<DeleteDeviceResponse>> {
        let (principal, request) = authorized(request, Scope::DevicesWrite)?;
        Ok(Response::new(self.delete_one(&principal, request).await?))
    }

    async fn get_device(
        &self,
        request: Request<GetDeviceRequest>,
    ) -> Result<Response<GetDeviceResponse>> {
        let (principal, request) = authorized(request, Scope::DevicesRead)?;
        let mut violations = Violations::new();
        violations.id("device_id", &request.device_id);
        violations.finish()?;
        let found = devices::get(&self.service, principal.workspace, &request.device_id).await?;
        Ok(Response::new(GetDeviceResponse { device: Some(device_with_tokens(&found)) }))
    }

    async fn list_devices(
        &self,
        request: Request<ListDevicesRequest>,
    ) -> Result<Response<ListDevicesResponse>> {
        let (principal, mut request) = authorized(request, Scope::DevicesRead)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListDevices");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.optional_id("contact_key", &request.contact_key);
        let app = match request.app_id.as_str() {
            "" => None,
            text => violations.our_id("app_id", text),
        };
        violations.finish()?;
        if app.is_none() && !request.app_id.is_empty() {
            return Ok(Response::new(ListDevicesResponse::default()));
        }
        let contact_key = Some(request.contact_key).filter(|key| !key.is_empty());
        let filter = DeviceFilter { contact_key, app };
        let found =
            devices::list(&self.service, principal.workspace, &filter, &listing.page).await?;
        Ok(Response::new(ListDevicesResponse {
            devices: found.items.iter().map(|found| device(found, Vec::new())).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }
}

fn token_result(result: TokenResult) -> v1::TokenResult {
    match result {
        TokenResult::Registered => v1::TokenResult::Registered,
        TokenResult::Refreshed => v1::TokenResult::Refreshed,
        TokenResult::Rotated => v1::TokenResult::Rotated,
        TokenResult::SecondCard => v1::TokenResult::SecondCard,
        TokenResult::CardEnded => v1::TokenResult::CardEnded,
        TokenResult::Dismissed => v1::TokenResult::Dismissed,
    }
}
