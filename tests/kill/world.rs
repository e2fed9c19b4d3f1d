//! A server that is killed and started again, and a simulator that outlives it.

use crate::process::{Ended, Process, Variables};
use crate::remains::Remains;
use secrecy::ExposeSecret;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::app_service_client::AppServiceClient;
use tidings::proto::v1::delivery_service_client::DeliveryServiceClient;
use tidings::proto::v1::device_service_client::DeviceServiceClient;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::segment_service_client::SegmentServiceClient;
use tidings::proto::v1::{
    ApnsEnvironment, CreateAppRequest, CreateCredentialRequest, Platform, RegisterDeviceRequest,
};
use tidings::secrets::{ApiKey, KeyKind, KeyMode};
use tidings::simulator::{self, Phone, Simulator};
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// How long anything may take before its test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long a server may take to end.
pub(crate) const END_MAX: Duration = Duration::from_secs(30);
/// How often the same is asked while the server is there and does not answer.
pub(crate) const CALLS_MAX: usize = 5;
pub(crate) const BUNDLE: &str = "com.example.flights";
pub(crate) const ACTIVITY_TYPE: &str = "flight_status";
/// The ports from which free ones are taken. Below those that outgoing connections get: while the server is away, a
/// client that looks for it could otherwise connect to itself and keep the port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Puts the key on every call.
#[derive(Clone)]
pub(crate) struct Key(AsciiMetadataValue);

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> tonic::Result<Request<()>> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub(crate) type Keyed = InterceptedService<Channel, Key>;

pub(crate) struct World {
    /// First, for its log is in the folder, and is told when a test has failed.
    pub(crate) process: Process,
    pub(crate) simulator: Simulator,
    pub(crate) folder: TempDir,
    key: String,
    app_id: String,
    android_app_id: String,
    url: String,
    variables: Variables,
    channel: Channel,
}

impl World {
    /// A server with an app and its credential, and a simulator that knows both.
    pub(crate) async fn start() -> Self {
        let config = simulator::Config {
            // The phones of the crowd follow many activities at once, and wait for the server as long as it takes.
            live_cards_max: 1_000,
            start_budget: 1_000,
            call_retry_for: Duration::from_mins(20),
            ..simulator::Config::strict()
        };
        let simulator = simulator::start(config, Clock::system()).await.expect("a simulator");
        let folder = TempDir::new().expect("a folder");
        let ca_file = folder.path().join("simulator-ca.pem");
        std::fs::write(&ca_file, simulator.ca_pem()).expect("a file");
        let key = new_key();
        let port = free_port();
        let variables = variables(&[
            ("GRPC__LISTEN", format!("127.0.0.1:{port}")),
            ("HTTP__LISTEN", "127.0.0.1:0".to_owned()),
            ("DATABASE__URL", format!("sqlite://{}", folder.path().join("t.db").display())),
            ("APNS__SANDBOX_URL", simulator.sandbox_url()),
            ("APNS__PRODUCTION_URL", simulator.production_url()),
            ("APNS__CA_FILE", ca_file.display().to_string()),
            ("FCM__BASE_URL", simulator.fcm_url()),
            ("FCM__TOKEN_URL", simulator.fcm_token_url()),
            ("FCM__CA_FILE", ca_file.display().to_string()),
            ("SECURITY__BOOTSTRAP_KEY", key.clone()),
        ]);
        let mut process = Process::spawn(folder.path(), "server", &["serve"], &variables);
        process.serving().await;
        let url = format!("http://127.0.0.1:{port}");
        let channel = connect(&url).await;
        let (app_id, android_app_id) = (String::new(), String::new());
        let mut world = World {
            process,
            simulator,
            folder,
            key,
            app_id,
            android_app_id,
            url,
            variables,
            channel,
        };
        world.create_app().await;
        world.create_android_app().await;
        world
    }

    async fn create_android_app(&mut self) {
        let mut apps = AppServiceClient::new(self.keyed());
        let app = CreateAppRequest {
            name: format!("{BUNDLE} for Android"),
            platform: Platform::Android.into(),
            package_name: BUNDLE.to_owned(),
            fcm_project_id: self.simulator.project_id().to_owned(),
            ..CreateAppRequest::default()
        };
        let app = apps.create_app(app).await.expect("an app").into_inner();
        self.android_app_id = app.app.expect("an app").app_id;
        let credential = CreateCredentialRequest {
            app_id: self.android_app_id.clone(),
            service_account_json: self.simulator.service_account_json().to_owned(),
            ..CreateCredentialRequest::default()
        };
        apps.create_credential(credential).await.expect("a credential");
    }

    async fn create_app(&mut self) {
        let mut apps = AppServiceClient::new(self.keyed());
        let app = CreateAppRequest {
            name: BUNDLE.to_owned(),
            platform: Platform::Ios.into(),
            bundle_id: BUNDLE.to_owned(),
            default_environment: ApnsEnvironment::Sandbox.into(),
            ..CreateAppRequest::default()
        };
        let app = apps.create_app(app).await.expect("an app").into_inner();
        self.app_id = app.app.expect("an app").app_id;
        let credential = self.simulator.credential();
        let credential = CreateCredentialRequest {
            app_id: self.app_id.clone(),
            apns_key_p8: credential.key_p8.clone(),
            key_id: credential.key_id.clone(),
            team_id: credential.team_id.clone(),
            ..CreateCredentialRequest::default()
        };
        apps.create_credential(credential).await.expect("a credential");
    }

    /// Starts the server again, after it was killed or has ended; returns how long it took to serve.
    pub(crate) async fn restart(&mut self) -> Duration {
        self.process = Process::spawn(self.folder.path(), "server", &["serve"], &self.variables);
        let serving = self.process.serving().await;
        self.channel = connect(&self.url).await;
        serving.took
    }

    /// Tells the server to end, and everything else after it.
    pub(crate) async fn stop(mut self) -> Ended {
        self.process.terminate();
        let ended = self.process.ended(END_MAX).await;
        assert!(ended.status.success(), "{ended:?}");
        assert!(!ended.log.contains("panicked"), "{}", ended.log);
        Remains::read(self.folder.path()).await;
        self.simulator.shutdown().await;
        ended
    }

    fn keyed(&self) -> Keyed {
        let key = Key(format!("Bearer {}", self.key).parse().expect("a key is ASCII"));
        InterceptedService::new(self.channel.clone(), key)
    }

    pub(crate) fn activities(&self) -> LiveActivityServiceClient<Keyed> {
        LiveActivityServiceClient::new(self.keyed())
    }

    pub(crate) fn segments(&self) -> SegmentServiceClient<Keyed> {
        SegmentServiceClient::new(self.keyed())
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Keyed> {
        DeviceServiceClient::new(self.keyed())
    }

    pub(crate) fn log(&self) -> DeliveryServiceClient<Keyed> {
        DeliveryServiceClient::new(self.keyed())
    }

    /// A phone of the app in the sandbox, with the flight's template, that talks to this server.
    pub(crate) fn phone(&self, device_id: &str, os_version: &str, contact_key: &str) -> Phone {
        self.phone_with(sim::PhoneSpec {
            device_id: device_id.to_owned(),
            os_version: os_version.to_owned(),
            contact_key: Some(contact_key.to_owned()),
            ..sim::PhoneSpec::default()
        })
    }

    /// The same with more to say.
    pub(crate) fn phone_with(&self, spec: sim::PhoneSpec) -> Phone {
        let (app_id, world) = match &spec.android {
            Some(_) => (&self.android_app_id, sim::World::Unspecified),
            None => (&self.app_id, sim::World::Sandbox),
        };
        let spec = sim::PhoneSpec {
            app_id: app_id.clone(),
            bundle_id: BUNDLE.to_owned(),
            form_factor: sim::FormFactor::Phone.into(),
            world: world.into(),
            templates: vec![template()],
            server_url: self.url.clone(),
            api_key: self.key.clone(),
            ..spec
        };
        self.simulator.create_phone(spec).expect("a phone")
    }

    /// A device that has no token: it becomes a subscription, but gets no push.
    pub(crate) async fn register_mute_device(&self, device_id: &str, contact_key: &str) {
        let device = RegisterDeviceRequest {
            request_id: device_id.to_owned(),
            contact_key: Some(contact_key.to_owned()),
            ..self.device(device_id, "18.2")
        };
        self.devices().register_device(device).await.expect("registered");
    }

    /// An iPhone.
    pub(crate) fn device(&self, device_id: &str, os_version: &str) -> RegisterDeviceRequest {
        RegisterDeviceRequest {
            device_id: device_id.to_owned(),
            app_id: self.app_id.clone(),
            platform: Platform::Ios.into(),
            os_version: os_version.to_owned(),
            environment: ApnsEnvironment::Sandbox.into(),
            ..RegisterDeviceRequest::default()
        }
    }
}

/// Waits until the phone is as it should be.
pub(crate) async fn wait(
    phone: &Phone,
    what: &str,
    fits: impl Fn(&sim::Phone) -> bool,
) -> sim::Phone {
    let found = phone.wait_for(PATIENCE, fits).await;
    found.unwrap_or_else(|last| panic!("{} never {what}; last: {last:#?}", phone.id()))
}

/// Waits until the device's calls so far were answered.
pub(crate) async fn said_everything(phone: &Phone) {
    let silent = |phone: &sim::Phone| phone.calls_waiting == 0 && !phone.calls.is_empty();
    wait(phone, "has said everything", silent).await;
}

/// Settings as the environment has them.
pub(crate) fn variables(settings: &[(&str, String)]) -> Variables {
    settings.iter().map(|(name, value)| (format!("TIDINGS__{name}"), value.clone())).collect()
}

/// A key that an empty database can be given.
pub(crate) fn new_key() -> String {
    let id = uuid::Uuid::now_v7();
    let key = ApiKey::generate(KeyMode::Live, KeyKind::Secret, id).expect("random bytes");
    key.text().expose_secret().to_owned()
}

/// A port that nobody listens on, and that no test of this process was given before.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    let first = u16::try_from(std::process::id() % u32::from(width)).expect("below the width");
    let ports = std::iter::repeat_with(|| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        PORTS.start + (first + step) % width
    });
    let free =
        |port: &u16| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).is_ok();
    ports.take(usize::from(width)).find(free).expect("a free port")
}

async fn connect(url: &str) -> Channel {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("a url").timeout(PATIENCE);
    endpoint.connect().await.expect("connected")
}

fn template() -> sim::Template {
    let field = |name: &str, kind: sim::FieldKind, optional: bool| sim::Field {
        name: name.to_owned(),
        kind: kind.into(),
        optional,
    };
    sim::Template {
        activity_type: ACTIVITY_TYPE.to_owned(),
        attributes: vec![
            field("flight", sim::FieldKind::String, false),
            field("activityId", sim::FieldKind::String, true),
            field("activityRun", sim::FieldKind::Int, true),
        ],
        content: vec![field("number", sim::FieldKind::Int, false)],
        ..sim::Template::default()
    }
}
