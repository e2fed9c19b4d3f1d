//! A Tidings that takes notes of what apps say and answers as it is told.

use crate::proto::simulator_v1::PhoneSpec;
use crate::proto::v1::device_service_server::{DeviceService, DeviceServiceServer};
use crate::proto::v1::{self, TokenResult};
use crate::simulator::hub::lock;
use crate::simulator::sender::PATIENCE;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};

pub(super) const KEY: &str = "a-key";

/// What an app said.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Device(v1::RegisterDeviceRequest),
    Token(v1::RegisterTokenRequest),
    Report(v1::ReportActivityStateRequest),
}

/// The server, as its test sees it.
#[derive(Clone)]
pub(super) struct Tidings {
    notes: Arc<Notes>,
    pub(super) address: SocketAddr,
}

struct Notes {
    said: watch::Sender<Vec<Said>>,
    /// Refusals that wait to be given, the last one first.
    refusals: Mutex<Vec<Code>>,
    result: Mutex<TokenResult>,
}

impl Tidings {
    pub(super) async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn on(socket: TcpListener) -> Self {
        let notes = Arc::new(Notes {
            said: watch::Sender::new(Vec::new()),
            refusals: Mutex::default(),
            result: Mutex::new(TokenResult::Registered),
        });
        let address = socket.local_addr().unwrap();
        let tidings = Self { notes, address };
        let service = DeviceServiceServer::new(tidings.clone());
        let served = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(socket));
        tokio::spawn(served);
        tidings
    }

    /// Has a phone talk to this server.
    pub(super) fn known_to(&self, spec: &mut PhoneSpec) {
        spec.server_url = format!("http://{}", self.address);
        spec.api_key = KEY.to_owned();
    }

    /// The next calls are refused with these codes, the first one first.
    pub(super) fn refuse(&self, codes: &[Code]) {
        *lock(&self.notes.refusals) = codes.iter().rev().copied().collect();
    }

    pub(super) fn answer(&self, result: TokenResult) {
        *lock(&self.notes.result) = result;
    }

    pub(super) fn said(&self) -> Vec<Said> {
        self.notes.said.borrow().clone()
    }

    /// Waits until so many calls came.
    pub(super) async fn heard(&self, calls: usize) -> Vec<Said> {
        let mut said = self.notes.said.subscribe();
        let waited =
            tokio::time::timeout(PATIENCE, said.wait_for(|said| said.len() >= calls)).await;
        let heard = waited.is_ok_and(|said| said.is_ok());
        assert!(heard, "{} of {calls} calls came: {:?}", self.said().len(), self.said());
        self.said()
    }

    fn note<T>(&self, request: Request<T>, said: impl FnOnce(T) -> Said) -> Result<(), Status> {
        let key = request.metadata().get("authorization");
        if key.is_none_or(|key| key != format!("Bearer {KEY}").as_str()) {
            return Err(Status::unauthenticated("another key"));
        }
        let said = said(request.into_inner());
        self.notes.said.send_modify(|all| all.push(said));
        match lock(&self.notes.refusals).pop() {
            None | Some(Code::Ok) => Ok(()),
            Some(code) => Err(Status::new(code, "as told")),
        }
    }
}

impl Said {
    pub(super) fn token(&self) -> &v1::RegisterTokenRequest {
        match self {
            Said::Token(token) => token,
            _ => panic!("not a token: {self:?}"),
        }
    }

    pub(super) fn report(&self) -> &v1::ReportActivityStateRequest {
        match self {
            Said::Report(report) => report,
            _ => panic!("not a report: {self:?}"),
        }
    }

    pub(super) fn device(&self) -> &v1::RegisterDeviceRequest {
        match self {
            Said::Device(device) => device,
            _ => panic!("not a device: {self:?}"),
        }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl DeviceService for Tidings {
    async fn register_device(
        &self,
        request: Request<v1::RegisterDeviceRequest>,
    ) -> Answer<v1::RegisterDeviceResponse> {
        self.note(request, Said::Device)?;
        Ok(Response::new(v1::RegisterDeviceResponse::default()))
    }

    async fn register_token(
        &self,
        request: Request<v1::RegisterTokenRequest>,
    ) -> Answer<v1::RegisterTokenResponse> {
        self.note(request, Said::Token)?;
        Ok(Response::new(v1::RegisterTokenResponse {
            result: (*lock(&self.notes.result)).into(),
            activity_id: "act_given".into(),
            run: 7,
            ..Default::default()
        }))
    }

    async fn revoke_token(
        &self,
        _: Request<v1::RevokeTokenRequest>,
    ) -> Answer<v1::RevokeTokenResponse> {
        Err(Status::unimplemented("no app calls it"))
    }

    async fn report_activity_state(
        &self,
        request: Request<v1::ReportActivityStateRequest>,
    ) -> Answer<v1::ReportActivityStateResponse> {
        self.note(request, Said::Report)?;
        Ok(Response::new(v1::ReportActivityStateResponse::default()))
    }

    async fn sync_device(
        &self,
        _: Request<v1::SyncDeviceRequest>,
    ) -> Answer<v1::SyncDeviceResponse> {
        Err(Status::unimplemented("no app calls it"))
    }

    async fn delete_device(
        &self,
        _: Request<v1::DeleteDeviceRequest>,
    ) -> Answer<v1::DeleteDeviceResponse> {
        Err(Status::unimplemented("no app calls it"))
    }

    async fn get_device(&self, _: Request<v1::GetDeviceRequest>) -> Answer<v1::GetDeviceResponse> {
        Err(Status::unimplemented("no app calls it"))
    }

    async fn list_devices(
        &self,
        _: Request<v1::ListDevicesRequest>,
    ) -> Answer<v1::ListDevicesResponse> {
        Err(Status::unimplemented("no app calls it"))
    }
}
