//! The control API: what `Simulator` and `Phone` can do, over gRPC, and over HTTP with JSON on the same port.
//!
//! May import `proto` and the rest of `simulator`. It decides nothing itself, so that a test in the same process and
//! one over the wire see the same simulator.

mod json;
mod look;
mod refusal;
mod serve;
mod watch;

pub(super) use serve::serve;

use super::channels;
use super::hub::Hub;
use super::phone::{Phone, Refusal};
use crate::proto::simulator_v1::simulator_service_server::SimulatorService;
use crate::proto::simulator_v1::{self as proto, GetInfoResponse, WatchPhonesResponse};
use futures::Stream;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Phones on their way to one watcher.
const WATCH_QUEUE: usize = 16;

struct Control {
    hub: Arc<Hub>,
    info: GetInfoResponse,
}

impl Control {
    fn phone(&self, phone_id: &str) -> Result<Phone, Status> {
        Ok(self.hub.phone(phone_id).ok_or(Refusal::NotFound("such phone"))?)
    }
}

/// What one call answers.
type Answer<T> = Result<Response<T>, Status>;

#[expect(clippy::unnecessary_wraps, reason = "every call ends with it")]
fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

#[tonic::async_trait]
impl SimulatorService for Control {
    async fn get_info(&self, _: Request<proto::GetInfoRequest>) -> Answer<GetInfoResponse> {
        answer(self.info.clone())
    }

    async fn create_credential(
        &self,
        _: Request<proto::CreateCredentialRequest>,
    ) -> Answer<proto::CreateCredentialResponse> {
        let created = self.hub.account().create_key(None);
        let credential = created.map_err(|_| Refusal::Limit("keys"))?;
        answer(proto::CreateCredentialResponse { credential: Some(credential) })
    }

    async fn revoke_credential(
        &self,
        request: Request<proto::RevokeCredentialRequest>,
    ) -> Answer<proto::RevokeCredentialResponse> {
        if !self.hub.account().revoke_key(&request.get_ref().key_id) {
            return Err(Refusal::NotFound("such key").into());
        }
        answer(proto::RevokeCredentialResponse {})
    }

    async fn add_bundle(
        &self,
        request: Request<proto::AddBundleRequest>,
    ) -> Answer<proto::AddBundleResponse> {
        if !self.hub.account().add_bundle(&request.get_ref().bundle_id) {
            return Err(Refusal::Limit("bundle ids").into());
        }
        answer(proto::AddBundleResponse {})
    }

    async fn create_service_account(
        &self,
        request: Request<proto::CreateServiceAccountRequest>,
    ) -> Answer<proto::CreateServiceAccountResponse> {
        let project_id = &request.get_ref().project_id;
        if project_id.is_empty() {
            return Err(Status::invalid_argument("`project_id` is missing"));
        }
        let created = self.hub.google.accounts().create(project_id, &self.info.fcm_token_url);
        let service_account_json = created.map_err(|_| Refusal::Limit("service accounts"))?;
        answer(proto::CreateServiceAccountResponse { service_account_json })
    }

    async fn disable_service_account(
        &self,
        request: Request<proto::DisableServiceAccountRequest>,
    ) -> Answer<proto::DisableServiceAccountResponse> {
        if !self.hub.google.accounts().disable(&request.get_ref().client_email) {
            return Err(Refusal::NotFound("such service account").into());
        }
        answer(proto::DisableServiceAccountResponse {})
    }

    async fn expire_access_tokens(
        &self,
        _: Request<proto::ExpireAccessTokensRequest>,
    ) -> Answer<proto::ExpireAccessTokensResponse> {
        let now = self.hub.clock.now();
        self.hub.google.accounts().expire_all(now);
        answer(proto::ExpireAccessTokensResponse {})
    }

    async fn create_phone(
        &self,
        request: Request<proto::CreatePhoneRequest>,
    ) -> Answer<proto::CreatePhoneResponse> {
        let spec = request.into_inner().spec;
        let spec = spec.ok_or_else(|| Status::invalid_argument("`spec` is missing"))?;
        let phone = Phone::create(spec, &self.hub)?;
        answer(proto::CreatePhoneResponse { phone: Some(phone.snapshot()) })
    }

    async fn get_phone(
        &self,
        request: Request<proto::GetPhoneRequest>,
    ) -> Answer<proto::GetPhoneResponse> {
        let phone = self.phone(&request.get_ref().phone_id)?.snapshot();
        answer(proto::GetPhoneResponse { phone: Some(phone) })
    }

    async fn list_phones(
        &self,
        request: Request<proto::ListPhonesRequest>,
    ) -> Answer<proto::ListPhonesResponse> {
        answer(self.page_of_phones(request.into_inner()))
    }

    type WatchPhonesStream =
        Pin<Box<dyn Stream<Item = Result<WatchPhonesResponse, Status>> + Send>>;

    async fn watch_phones(
        &self,
        request: Request<proto::WatchPhonesRequest>,
    ) -> Answer<Self::WatchPhonesStream> {
        let (queue, phones) = mpsc::channel(WATCH_QUEUE);
        let names = request.into_inner().phone_ids.into_iter().collect();
        tokio::spawn(watch::watch(Arc::clone(&self.hub), names, queue));
        let stream: Self::WatchPhonesStream = Box::pin(ReceiverStream::new(phones));
        Ok(Response::new(stream))
    }

    async fn start_activity(
        &self,
        request: Request<proto::StartActivityRequest>,
    ) -> Answer<proto::StartActivityResponse> {
        let request = request.get_ref();
        let card_id = self.phone(&request.phone_id)?.start_activity(request)?;
        answer(proto::StartActivityResponse { card_id })
    }

    async fn dismiss_card(
        &self,
        request: Request<proto::DismissCardRequest>,
    ) -> Answer<proto::DismissCardResponse> {
        let request = request.get_ref();
        let card_id = self.phone(&request.phone_id)?.dismiss(&request.card_id)?;
        answer(proto::DismissCardResponse { card_id })
    }

    async fn rotate_token(
        &self,
        request: Request<proto::RotateTokenRequest>,
    ) -> Answer<proto::RotateTokenResponse> {
        let request = request.get_ref();
        let token = self.phone(&request.phone_id)?.rotate_token(request)?;
        answer(proto::RotateTokenResponse { token })
    }

    async fn kill_token(
        &self,
        request: Request<proto::KillTokenRequest>,
    ) -> Answer<proto::KillTokenResponse> {
        if !self.hub.kill_token(&request.get_ref().token) {
            return Err(Refusal::NotFound("such token").into());
        }
        answer(proto::KillTokenResponse {})
    }

    async fn hold_tokens(
        &self,
        request: Request<proto::HoldTokensRequest>,
    ) -> Answer<proto::HoldTokensResponse> {
        self.phone(&request.get_ref().phone_id)?.hold_tokens();
        answer(proto::HoldTokensResponse {})
    }

    async fn release_tokens(
        &self,
        request: Request<proto::ReleaseTokensRequest>,
    ) -> Answer<proto::ReleaseTokensResponse> {
        self.phone(&request.get_ref().phone_id)?.release_tokens();
        answer(proto::ReleaseTokensResponse {})
    }

    async fn set_online(
        &self,
        request: Request<proto::SetOnlineRequest>,
    ) -> Answer<proto::SetOnlineResponse> {
        let request = request.get_ref();
        self.phone(&request.phone_id)?.set_online(request.online);
        answer(proto::SetOnlineResponse {})
    }

    async fn set_activities_enabled(
        &self,
        request: Request<proto::SetActivitiesEnabledRequest>,
    ) -> Answer<proto::SetActivitiesEnabledResponse> {
        let request = request.get_ref();
        self.phone(&request.phone_id)?.set_activities_enabled(request.enabled);
        answer(proto::SetActivitiesEnabledResponse {})
    }

    async fn set_notifications(
        &self,
        request: Request<proto::SetNotificationsRequest>,
    ) -> Answer<proto::SetNotificationsResponse> {
        let request = request.get_ref();
        self.phone(&request.phone_id)?.set_notifications_enabled(request.enabled);
        answer(proto::SetNotificationsResponse {})
    }

    async fn hold_messages(
        &self,
        request: Request<proto::HoldMessagesRequest>,
    ) -> Answer<proto::HoldMessagesResponse> {
        self.phone(&request.get_ref().phone_id)?.hold_messages()?;
        answer(proto::HoldMessagesResponse {})
    }

    async fn release_messages(
        &self,
        request: Request<proto::ReleaseMessagesRequest>,
    ) -> Answer<proto::ReleaseMessagesResponse> {
        self.phone(&request.get_ref().phone_id)?.release_messages(request.get_ref())?;
        answer(proto::ReleaseMessagesResponse {})
    }

    async fn set_contact(
        &self,
        request: Request<proto::SetContactRequest>,
    ) -> Answer<proto::SetContactResponse> {
        let request = request.get_ref();
        self.phone(&request.phone_id)?.set_contact(&request.contact_key);
        answer(proto::SetContactResponse {})
    }

    async fn force_quit(
        &self,
        request: Request<proto::ForceQuitRequest>,
    ) -> Answer<proto::ForceQuitResponse> {
        self.phone(&request.get_ref().phone_id)?.force_quit();
        answer(proto::ForceQuitResponse {})
    }

    async fn launch(
        &self,
        request: Request<proto::LaunchRequest>,
    ) -> Answer<proto::LaunchResponse> {
        self.phone(&request.get_ref().phone_id)?.launch();
        answer(proto::LaunchResponse {})
    }

    async fn reinstall(
        &self,
        request: Request<proto::ReinstallRequest>,
    ) -> Answer<proto::ReinstallResponse> {
        let request = request.get_ref();
        self.phone(&request.phone_id)?.reinstall(&request.device_id)?;
        answer(proto::ReinstallResponse {})
    }

    async fn list_pushes(
        &self,
        request: Request<proto::ListPushesRequest>,
    ) -> Answer<proto::ListPushesResponse> {
        let record = self.hub.record();
        let (pushes, received) = (record.list(request.get_ref()), record.received());
        answer(proto::ListPushesResponse { pushes, received })
    }

    async fn create_channel(
        &self,
        request: Request<proto::CreateChannelRequest>,
    ) -> Answer<proto::CreateChannelResponse> {
        let channel_id = channels::create(request.get_ref(), &self.hub)?;
        let channel = channels::get(&channel_id, &self.hub);
        answer(proto::CreateChannelResponse { channel })
    }

    async fn delete_channel(
        &self,
        request: Request<proto::DeleteChannelRequest>,
    ) -> Answer<proto::DeleteChannelResponse> {
        if !self.hub.channels().delete(&request.get_ref().channel_id) {
            return Err(Refusal::NotFound("such channel").into());
        }
        answer(proto::DeleteChannelResponse {})
    }

    async fn set_broadcasting(
        &self,
        request: Request<proto::SetBroadcastingRequest>,
    ) -> Answer<proto::SetBroadcastingResponse> {
        let request = request.get_ref();
        self.hub.channels().set_capability(&request.bundle_id, request.enabled);
        answer(proto::SetBroadcastingResponse {})
    }

    async fn list_channels(
        &self,
        request: Request<proto::ListChannelsRequest>,
    ) -> Answer<proto::ListChannelsResponse> {
        let channels = channels::list(request.get_ref(), &self.hub);
        answer(proto::ListChannelsResponse { channels })
    }

    async fn list_broadcasts(
        &self,
        request: Request<proto::ListBroadcastsRequest>,
    ) -> Answer<proto::ListBroadcastsResponse> {
        let channels = self.hub.channels();
        let (broadcasts, received) = (channels.broadcasts(request.get_ref()), channels.received());
        answer(proto::ListBroadcastsResponse { broadcasts, received })
    }

    async fn list_fcm_sends(
        &self,
        request: Request<proto::ListFcmSendsRequest>,
    ) -> Answer<proto::ListFcmSendsResponse> {
        let record = self.hub.google.record();
        answer(proto::ListFcmSendsResponse {
            sends: record.list(request.get_ref()),
            received: record.received(),
            access_token_requests: record.access_token_requests(),
        })
    }

    async fn set_fault(
        &self,
        request: Request<proto::SetFaultRequest>,
    ) -> Answer<proto::SetFaultResponse> {
        let fault = request.into_inner().fault.filter(|fault| fault.action.is_some());
        let fault = fault.ok_or_else(|| Status::invalid_argument("`action` is missing"))?;
        let fault_id = self.hub.faults().set(fault).ok_or(Refusal::Limit("faults"))?;
        answer(proto::SetFaultResponse { fault_id })
    }

    async fn get_fault(
        &self,
        request: Request<proto::GetFaultRequest>,
    ) -> Answer<proto::GetFaultResponse> {
        answer(self.fault_reached(request.into_inner()).await?)
    }

    async fn release_fault(
        &self,
        request: Request<proto::ReleaseFaultRequest>,
    ) -> Answer<proto::ReleaseFaultResponse> {
        let fault_id = request.get_ref().fault_id;
        if !self.hub.release_fault((fault_id != 0).then_some(fault_id)) {
            return Err(Refusal::NotFound("such fault").into());
        }
        answer(proto::ReleaseFaultResponse {})
    }
}
