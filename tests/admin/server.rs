//! One server per test, with the admin key of its empty database.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tidings::bus::Bus;
use tidings::clock::{Clock, Time};
use tidings::error::Error;
use tidings::grpc::Edge;
use tidings::grpc::auth::AuthLayer;
use tidings::grpc::page::PageTokens;
use tidings::proto::v1::CreateWorkspaceRequest;
use tidings::proto::v1::activity_type_service_client::ActivityTypeServiceClient;
use tidings::proto::v1::activity_type_service_server::ActivityTypeServiceServer;
use tidings::proto::v1::api_key_service_client::ApiKeyServiceClient;
use tidings::proto::v1::api_key_service_server::ApiKeyServiceServer;
use tidings::proto::v1::app_service_client::AppServiceClient;
use tidings::proto::v1::app_service_server::AppServiceServer;
use tidings::proto::v1::workspace_service_client::WorkspaceServiceClient;
use tidings::proto::v1::workspace_service_server::WorkspaceServiceServer;
use tidings::proto::v1::{CreateApiKeyRequest, CreateAppRequest};
use tidings::provider::apns::validate_key;
use tidings::secrets::{Fingerprints, Keyring, MasterKey};
use tidings::service::{self, Parts, Service, api_keys};
use tidings::store::{Config, Store};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server as Transport};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

/// A server that runs until it is stopped.
pub(crate) struct Server {
    pub(crate) channel: Channel,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) service: Service,
    /// May do everything, everywhere.
    pub(crate) admin: String,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("tidings.db").display());
        let config = Config { url: url.into(), ..Config::default() };
        let store = Store::open(&config).await.expect("a database");
        store.migrate().await.expect("a schema");
        let keyring = Keyring::new(&MasterKey::generate().expect("random bytes"));
        let clock = Clock::manual(Time::from_seconds(1_795_000_000));
        let bus = Bus::new();
        let fingerprint_key = Fingerprints::generate_key().expect("random bytes");
        let service = Service::new(Parts {
            store: store.clone(),
            keyring: Arc::new(keyring),
            fingerprints: Arc::new(Fingerprints::new(&fingerprint_key).expect("a key")),
            clock: clock.clone(),
            bus,
            check_apns_key: validate_key,
            config: service::Config::default(),
            verify: Arc::new(|_| Box::pin(async { Err(Error::unavailable("There is no Apple.")) })),
        });
        let admin = api_keys::bootstrap(&service, None).await.expect("an empty database");
        let admin = secrecy::ExposeSecret::expose_secret(&admin.expect("a key")).to_owned();

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(service.clone(), listener, stopped));
        let channel = connect(address).await;
        Server { channel, clock, store, service, admin, folder, stop, task }
    }

    /// Ends the server; nothing may be left over.
    pub(crate) async fn stop(self) {
        drop(self.channel);
        self.stop.send(()).expect("the server still runs");
        self.task.await.expect("the server ended well");
        self.store.close().await;
    }

    /// The files of the database.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn workspaces(&self) -> WorkspaceServiceClient<Channel> {
        WorkspaceServiceClient::new(self.channel.clone())
    }

    pub(crate) fn apps(&self) -> AppServiceClient<Channel> {
        AppServiceClient::new(self.channel.clone())
    }

    pub(crate) fn keys(&self) -> ApiKeyServiceClient<Channel> {
        ApiKeyServiceClient::new(self.channel.clone())
    }

    pub(crate) fn types(&self) -> ActivityTypeServiceClient<Channel> {
        ActivityTypeServiceClient::new(self.channel.clone())
    }

    /// Makes a call with the admin key.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        with_key(&self.admin, message)
    }

    /// Makes a key in a workspace; in the admin's if none is named.
    pub(crate) async fn key(&self, workspace_id: &str, scopes: &[&str]) -> String {
        let request = CreateApiKeyRequest {
            workspace_id: workspace_id.to_owned(),
            name: "of a test".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..CreateApiKeyRequest::default()
        };
        answer(self.keys().create_api_key(self.request(request)).await).secret
    }

    /// Makes a workspace and returns its id.
    pub(crate) async fn workspace(&self, name: &str) -> String {
        let request =
            CreateWorkspaceRequest { name: name.to_owned(), ..CreateWorkspaceRequest::default() };
        let made = answer(self.workspaces().create_workspace(self.request(request)).await);
        made.workspace.expect("a workspace").workspace_id
    }

    /// Makes an app and returns its id.
    pub(crate) async fn app(&self, bundle_id: &str) -> String {
        let made = answer(self.apps().create_app(self.request(new_app(bundle_id))).await);
        made.app.expect("an app").app_id
    }
}

async fn serve(service: Service, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let draining = CancellationToken::new();
    let edge = Edge::new(service.clone(), PageTokens::new(b"a key of these tests"), draining);
    let (_, health) = tonic_health::server::health_reporter();
    Transport::builder()
        .layer(AuthLayer::new(service))
        .add_service(health)
        .add_service(WorkspaceServiceServer::new(edge.clone()))
        .add_service(AppServiceServer::new(edge.clone()))
        .add_service(ApiKeyServiceServer::new(edge.clone()))
        .add_service(ActivityTypeServiceServer::new(edge))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
            let _ = stopped.await;
        })
        .await
        .expect("it serves");
}

async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::try_from(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("a connection")
}

pub(crate) fn new_app(bundle_id: &str) -> CreateAppRequest {
    CreateAppRequest {
        name: "Flights".to_owned(),
        platform: 1,
        bundle_id: bundle_id.to_owned(),
        ..CreateAppRequest::default()
    }
}

pub(crate) fn new_android_app(package_name: &str) -> CreateAppRequest {
    CreateAppRequest {
        name: "Flights".to_owned(),
        platform: 2,
        package_name: package_name.to_owned(),
        fcm_project_id: "flights-1711".to_owned(),
        ..CreateAppRequest::default()
    }
}

pub(crate) fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {key}").parse().expect("a header");
    request.metadata_mut().insert("authorization", value);
    request
}

/// The answer of a call that must be done.
pub(crate) fn answer<T>(result: Result<Response<T>, Status>) -> T {
    result.unwrap_or_else(|status| panic!("{status:?}")).into_inner()
}

/// The reason for which a call must be refused, with its code.
pub(crate) fn refusal<T>(result: Result<Response<T>, Status>) -> (Code, String) {
    let status = result.err().expect("it was not refused");
    let info = status.get_details_error_info().expect("ErrorInfo");
    assert_eq!(info.domain, "tidings");
    (status.code(), info.reason)
}

/// The fields for which a call must be refused.
pub(crate) fn wrong_fields<T>(result: Result<Response<T>, Status>) -> Vec<String> {
    let status = result.err().expect("it was not refused");
    let bad = status.get_details_bad_request().expect("BadRequest");
    bad.field_violations.into_iter().map(|violation| violation.field).collect()
}
