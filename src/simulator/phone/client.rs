//! How an app reaches Tidings: its calls as they go over the wire, and what came of them.
//!
//! May import `proto` and the rest of `simulator`. It decides nothing: what is said, and again, is the app's affair.

use super::super::hub::Hub;
use crate::proto::simulator_v1::PhoneSpec;
use crate::proto::v1::device_service_client::DeviceServiceClient;
use crate::proto::v1::{
    RegisterDeviceRequest, RegisterTokenRequest, RegisterTokenResponse, ReportActivityStateRequest,
    SyncDeviceRequest, SyncDeviceResponse,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// A call as it goes over the wire.
pub(super) enum Message {
    Device(Box<RegisterDeviceRequest>),
    Token(Box<RegisterTokenRequest>),
    Report(Box<ReportActivityStateRequest>),
    Sync(Box<SyncDeviceRequest>),
}

/// What Tidings answered, where an app has to do something about it.
pub(super) enum Taken {
    Noted,
    Token(Box<RegisterTokenResponse>),
    Synced(Box<SyncDeviceResponse>),
}

/// How Tidings is reached.
pub(super) struct Client {
    service: DeviceServiceClient<Channel>,
    authorization: MetadataValue<Ascii>,
}

/// What came of a call.
pub(super) type Answer = Result<Taken, Status>;

/// The client of a phone; none if its app talks to nobody.
pub(super) fn of_app(spec: &PhoneSpec, hub: &Hub) -> anyhow::Result<Option<Client>> {
    if spec.server_url.is_empty() {
        return Ok(None);
    }
    let service = DeviceServiceClient::new(hub.server(&spec.server_url)?);
    let mut authorization: MetadataValue<Ascii> = format!("Bearer {}", spec.api_key).parse()?;
    authorization.set_sensitive(true);
    Ok(Some(Client { service, authorization }))
}

/// Whether a refusal may pass.
pub(super) fn passes(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Internal
    )
}

impl Client {
    /// Makes a call.
    pub(super) async fn send(&mut self, message: &Message) -> Answer {
        match message {
            Message::Device(request) => {
                let request = self.request(request.as_ref());
                self.service.register_device(request).await.map(|_| Taken::Noted)
            }
            Message::Token(request) => {
                let request = self.request(request.as_ref());
                let answer = self.service.register_token(request).await?;
                Ok(Taken::Token(Box::new(answer.into_inner())))
            }
            Message::Report(request) => {
                let request = self.request(request.as_ref());
                self.service.report_activity_state(request).await.map(|_| Taken::Noted)
            }
            Message::Sync(request) => {
                let request = self.request(request.as_ref());
                let answer = self.service.sync_device(request).await?;
                Ok(Taken::Synced(Box::new(answer.into_inner())))
            }
        }
    }

    fn request<T: Clone>(&self, message: &T) -> Request<T> {
        let mut request = Request::new(message.clone());
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}
