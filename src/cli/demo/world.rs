//! The demo's world: a simulator, a server with a database that goes away, an app for each system with its credential.
//!
//! Nothing is written outside the temporary folder.

use super::{Demo, phones};
use anyhow::{Context, anyhow};
use secrecy::ExposeSecret;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::config::{Config, Flags};
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::activity_type_service_client::ActivityTypeServiceClient;
use tidings::proto::v1::app_service_client::AppServiceClient;
use tidings::proto::v1::delivery_service_client::DeliveryServiceClient;
use tidings::proto::v1::device_service_client::DeviceServiceClient;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::{
    ActivityType, Alert, ApnsEnvironment, CreateActivityTypeRequest, CreateAppRequest,
    CreateCredentialRequest, Platform,
};
use tidings::secrets;
use tidings::server::{self, Server};
use tidings::simulator::{self, Simulator};
use tidings::telemetry;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// How long anything may take before the demo says that it did not happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Where the simulator's control service listens while the demo stays up, as that of `tidings simulator`.
const CONTROL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_052);
/// What the demo shows is on standard output; of the log only what a person should look at.
const LOG_FILTER: &str = "warn";
const BUNDLE: &str = "com.example.flights";
/// The template inside the app.
pub(super) const TYPE: &str = "flight_status";

/// Puts the key on every call.
#[derive(Clone)]
pub(super) struct Key(AsciiMetadataValue);

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> tonic::Result<Request<()>> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub(super) type Keyed = InterceptedService<Channel, Key>;
pub(super) type Control = sim::simulator_service_client::SimulatorServiceClient<Channel>;

/// Everything that runs.
pub(super) struct World {
    server: Server,
    simulator: Simulator,
    key: String,
    /// The app for iOS, and the one for Android.
    app_ids: [String; 2],
    keyed: Keyed,
    control: Control,
    folder: TempDir,
}

impl World {
    /// Starts everything: on the configured ports, or on free ones for a demo that ends by itself.
    pub(super) async fn start(demo: &Demo, flags: &Flags) -> anyhow::Result<Self> {
        let mut config = Config::load(flags)?;
        if flags.log_filter.is_none() && config.log.filter == telemetry::Config::default().filter {
            LOG_FILTER.clone_into(&mut config.log.filter);
        }
        telemetry::init(&config.log)?;
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        if demo.once && flags.grpc_listen.is_none() {
            config.grpc.listen = free;
        }
        if demo.once && flags.http_listen.is_none() {
            config.http.listen = free;
        }
        let control = if demo.once { free } else { CONTROL };
        let simulator = simulator::Config {
            control_listen: demo.simulator_listen.unwrap_or(control),
            ..simulator::Config::default()
        };
        let simulator = simulator::start(simulator, Clock::system()).await?;
        let folder = tempfile::Builder::new().prefix("tidings-demo-").tempdir()?;
        point_at(&mut config, &simulator, &folder)?;
        let mut server = server::start(config, Clock::system()).await?;
        let key = server.take_first_key().context("an empty database makes a key")?;
        let key = key.expose_secret().to_owned();
        let authorization = Key(format!("Bearer {key}").parse()?);
        let channel = connect(server.grpc_address()).await?;
        let keyed = InterceptedService::new(channel, authorization);
        let control = Control::new(connect(simulator.control_address()).await?);
        let mut world =
            World { server, simulator, key, app_ids: Default::default(), keyed, control, folder };
        world.app_ids = world.create_apps().await?;
        world.create_activity_type().await?;
        Ok(world)
    }

    /// Drains the server, ends the simulator, and removes the folder.
    pub(super) async fn stop(self) {
        drop((self.keyed, self.control));
        self.server.stop().await;
        self.simulator.shutdown().await;
        if let Err(error) = self.folder.close() {
            tracing::warn!(%error, "the demo's temporary folder was not removed");
        }
    }

    async fn create_apps(&self) -> anyhow::Result<[String; 2]> {
        let info = self.control().get_info(sim::GetInfoRequest {}).await?.into_inner();
        let key = info.credential.context("the simulator has a key")?;
        let ios = CreateAppRequest {
            name: "Flights".to_owned(),
            platform: Platform::Ios.into(),
            bundle_id: BUNDLE.to_owned(),
            default_environment: ApnsEnvironment::Sandbox.into(),
            ..CreateAppRequest::default()
        };
        let p8 = CreateCredentialRequest {
            apns_key_p8: key.key_p8,
            key_id: key.key_id,
            team_id: key.team_id,
            ..CreateCredentialRequest::default()
        };
        let android = CreateAppRequest {
            name: "Flights for Android".to_owned(),
            platform: Platform::Android.into(),
            package_name: BUNDLE.to_owned(),
            fcm_project_id: info.project_id,
            ..CreateAppRequest::default()
        };
        let account = CreateCredentialRequest {
            service_account_json: info.service_account_json,
            ..CreateCredentialRequest::default()
        };
        Ok([self.create_app(ios, p8).await?, self.create_app(android, account).await?])
    }

    async fn create_app(
        &self,
        app: CreateAppRequest,
        credential: CreateCredentialRequest,
    ) -> anyhow::Result<String> {
        let mut apps = AppServiceClient::new(self.keyed.clone());
        let app = apps.create_app(app).await?.into_inner().app.context("the app is missing")?;
        let app_id = app.app_id;
        let credential = CreateCredentialRequest { app_id: app_id.clone(), ..credential };
        apps.create_credential(credential).await?;
        Ok(app_id)
    }

    async fn create_activity_type(&self) -> anyhow::Result<()> {
        let activity_type = ActivityType {
            activity_type: TYPE.to_owned(),
            default_alert: Some(Alert {
                title: "Your flight".to_owned(),
                body: "Follow it here".to_owned(),
                ..Alert::default()
            }),
            ..ActivityType::default()
        };
        let request = CreateActivityTypeRequest {
            activity_type: Some(activity_type),
            ..CreateActivityTypeRequest::default()
        };
        ActivityTypeServiceClient::new(self.keyed.clone()).create_activity_type(request).await?;
        Ok(())
    }

    /// Makes a phone with the app, and waits until the app has registered itself with the server.
    pub(super) async fn create_phone(&self, device: &phones::Device) -> anyhow::Result<()> {
        let [ios, android] = &self.app_ids;
        let app_id = if device.is_android() { android } else { ios };
        let spec = sim::PhoneSpec {
            app_id: app_id.clone(),
            bundle_id: BUNDLE.to_owned(),
            server_url: format!("http://{}", self.server.grpc_address()),
            api_key: self.key.clone(),
            ..device.spec()
        };
        self.control().create_phone(sim::CreatePhoneRequest { spec: Some(spec) }).await?;
        self.said_everything(device.id).await.map(|_| ())
    }

    /// Waits until the phone's app has made its calls.
    pub(super) async fn said_everything(&self, phone_id: &str) -> anyhow::Result<sim::Phone> {
        let said = |phone: &sim::Phone| phone.calls_waiting == 0 && !phone.calls.is_empty();
        let phone = self.watch_phone(phone_id, PATIENCE, said).await?;
        phone.map_err(|_| anyhow!("the app on {phone_id} does not reach the server"))
    }

    /// Watches a phone over the wire until it is as it should be; otherwise returns as an error how it was last.
    pub(super) async fn watch_phone(
        &self,
        phone_id: &str,
        patience: Duration,
        fits: impl Fn(&sim::Phone) -> bool,
    ) -> anyhow::Result<Result<sim::Phone, Box<sim::Phone>>> {
        let request = sim::WatchPhonesRequest { phone_ids: vec![phone_id.to_owned()] };
        let mut watched = self.control().watch_phones(request).await?.into_inner();
        let mut last = sim::Phone::default();
        let watch = async {
            while let Some(seen) = watched.message().await? {
                last = seen.phone.unwrap_or_default();
                if fits(&last) {
                    return Ok(true);
                }
            }
            anyhow::bail!("the simulator stopped talking about {phone_id}")
        };
        match tokio::time::timeout(patience, watch).await {
            Ok(fits) => fits?,
            Err(_) => return Ok(Err(Box::new(last))),
        };
        Ok(Ok(last))
    }

    pub(super) fn activities(&self) -> LiveActivityServiceClient<Keyed> {
        LiveActivityServiceClient::new(self.keyed.clone())
    }

    pub(super) fn devices(&self) -> DeviceServiceClient<Keyed> {
        DeviceServiceClient::new(self.keyed.clone())
    }

    pub(super) fn deliveries(&self) -> DeliveryServiceClient<Keyed> {
        DeliveryServiceClient::new(self.keyed.clone())
    }

    pub(super) fn control(&self) -> Control {
        self.control.clone()
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn grpc_address(&self) -> SocketAddr {
        self.server.grpc_address()
    }

    pub(super) fn http_address(&self) -> SocketAddr {
        self.server.http_address()
    }

    pub(super) fn control_address(&self) -> SocketAddr {
        self.simulator.control_address()
    }
}

/// Has the server keep its data in the folder and take the simulator for Apple and Google, whatever was configured.
fn point_at(config: &mut Config, simulator: &Simulator, folder: &TempDir) -> anyhow::Result<()> {
    let ca_file = folder.path().join("simulator-ca.pem");
    std::fs::write(&ca_file, simulator.ca_pem())?;
    config.database.url = format!("sqlite://{}", folder.path().join("tidings.db").display()).into();
    config.security = secrets::Config::default();
    config.apns.sandbox_url = simulator.sandbox_url();
    config.apns.production_url = simulator.production_url();
    (config.apns.sandbox_manage_url, config.apns.production_manage_url) = simulator.manage_urls();
    config.apns.ca_file = Some(ca_file.clone());
    config.fcm.base_url = simulator.fcm_url();
    config.fcm.token_url = simulator.fcm_token_url();
    config.fcm.ca_file = Some(ca_file);
    Ok(())
}

async fn connect(address: SocketAddr) -> anyhow::Result<Channel> {
    Ok(Channel::from_shared(format!("http://{address}"))?.connect().await?)
}
