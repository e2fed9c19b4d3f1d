//! The control API: what `Simulator` and `Phone` can do, over gRPC.
//!
//! May import `proto` and the rest of `simulator`. It decides nothing itself, so that a test in the same process and
//! one over the wire see the same simulator.

mod watch;

use super::hub::Hub;
use super::phone::{Phone, Refusal};
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::simulator_v1::simulator_service_server::{
    SERVICE_NAME, SimulatorService, SimulatorServiceServer,
};
use crate::proto::simulator_v1::{self as proto, GetInfoResponse, WatchPhonesResponse};
use futures::Stream;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};

const PAGE_MAX: usize = 1_000;
/// How long one call may wait.
const WAIT_MAX: Duration = Duration::from_mins(5);
/// Phones on their way to one watcher.
const WATCH_QUEUE: usize = 16;

struct Control {
    hub: Arc<Hub>,
    info: GetInfoResponse,
}

/// Serves until the simulator shuts down.
pub(super) async fn serve(socket: TcpListener, info: GetInfoResponse, hub: Arc<Hub>) {
    let shutdown = hub.shutdown.clone();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .with_service_name(SERVICE_NAME)
        .build_v1();
    let reflection = match reflection {
        Ok(reflection) => reflection,
        Err(error) => return tracing::error!(%error, "the simulator's protos are unreadable"),
    };
    let served = tonic::transport::Server::builder()
        .add_service(SimulatorServiceServer::new(Control { hub, info }))
        .add_service(reflection)
        .serve_with_incoming(TcpListenerStream::new(socket));
    tokio::select! {
        () = shutdown.cancelled() => {}
        ended = served => if let Err(error) = ended {
            tracing::warn!(%error, "the simulator's control API ended");
        },
    }
}

impl Control {
    fn phone(&self, phone_id: &str) -> Result<Phone, Status> {
        Ok(self.hub.phone(phone_id).ok_or(Refusal::NotFound("such phone"))?)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Invalid(_) => Status::invalid_argument(message),
            Refusal::NotFound(_) => Status::not_found(message),
            Refusal::Exists => Status::already_exists(message),
            Refusal::Limit(_) => Status::resource_exhausted(message),
            Refusal::Forbidden(_) => Status::failed_precondition(message),
        }
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
        let request = request.into_inner();
        let size = usize::try_from(request.page_size).unwrap_or(0);
        let size = if size == 0 { PAGE_MAX } else { size.min(PAGE_MAX) };
        let after = (Bound::Excluded(request.after_phone_id), Bound::Unbounded);
        let phones: Vec<Phone> =
            self.hub.phones().range(after).take(size).map(|(_, phone)| phone.clone()).collect();
        let phones = phones.iter().map(Phone::snapshot).collect();
        answer(proto::ListPhonesResponse { phones })
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
        let request = request.into_inner();
        let timeout = request.timeout.and_then(|timeout| Duration::try_from(timeout).ok());
        let status = || self.hub.faults().status(request.fault_id);
        let reached = || {
            status()
                .is_none_or(|fault| fault.hits >= request.hits && fault.holding >= request.holding)
        };
        self.hub.wait_for(timeout.unwrap_or_default().min(WAIT_MAX), reached).await;
        let fault = status().ok_or(Refusal::NotFound("such fault"))?;
        answer(proto::GetFaultResponse { fault: Some(fault) })
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
