//! Two replicas of the real binary on one database, and a simulator that outlives them.

use crate::postgres::Postgres;
use crate::process::{Process, Variables};
use secrecy::ExposeSecret;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::app_service_client::AppServiceClient;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::{ApnsEnvironment, CreateAppRequest, CreateCredentialRequest, Platform};
use tidings::secrets::{ApiKey, KeyKind, KeyMode, MasterKey};
use tidings::simulator::{self, Phone, Simulator};
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// How long anything may take before its test has failed: a start whose answer a kill took is repeated after a minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);
/// How long a replica may take to end.
pub(crate) const END_MAX: Duration = Duration::from_secs(30);
/// A replica that stands still is given up by its caller after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);
pub(crate) const BUNDLE: &str = "com.example.flights";
pub(crate) const ACTIVITY_TYPE: &str = "flight_status";
/// Below those that outgoing connections get, or a client that looks for a replica could connect to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// More than one process of tests asks for.
const PORTS_EACH: u32 = 64;
/// Both of them.
pub(crate) const REPLICAS: usize = 2;

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
pub(crate) type Client = LiveActivityServiceClient<Keyed>;

pub(crate) struct World {
    /// First, for their logs are in the folder, and are told when a test has failed.
    pub(crate) replicas: Vec<Replica>,
    pub(crate) simulator: Simulator,
    pub(crate) postgres: Postgres,
    folder: TempDir,
    app_id: String,
    key: String,
}

pub(crate) struct Replica {
    pub(crate) process: Process,
    name: String,
    url: String,
    variables: Variables,
    keyed: Keyed,
    watching: Keyed,
}

impl World {
    /// Both replicas begin at the same time on an empty database.
    pub(crate) async fn start() -> Self {
        let config = simulator::Config {
            // The same phones follow many flights, and wait for their replica as long as it takes.
            live_cards_max: 1_000,
            start_budget: 1_000,
            call_retry_for: Duration::from_mins(20),
            ..simulator::Config::strict()
        };
        let simulator = simulator::start(config, Clock::system()).await.expect("a simulator");
        let postgres = Postgres::start(free_port());
        let folder = TempDir::new().expect("a folder");
        let ca_file = folder.path().join("simulator-ca.pem");
        std::fs::write(&ca_file, simulator.ca_pem()).expect("a file");
        let key_file = folder.path().join("tidings.key");
        MasterKey::create(&key_file).expect("a master key");
        let key = new_key();
        let settings = [
            ("HTTP__LISTEN", "127.0.0.1:0".to_owned()),
            ("DATABASE__URL", postgres.url()),
            ("APNS__SANDBOX_URL", simulator.sandbox_url()),
            ("APNS__PRODUCTION_URL", simulator.production_url()),
            ("APNS__CA_FILE", ca_file.display().to_string()),
            ("SECURITY__BOOTSTRAP_KEY", key.clone()),
            ("SECURITY__MASTER_KEY_FILE", key_file.display().to_string()),
        ];
        let settings: Variables =
            settings.map(|(name, value)| (format!("TIDINGS__{name}"), value)).into();
        let mut replicas: Vec<Replica> =
            (0..REPLICAS).map(|index| Replica::spawn(&folder, index, &settings, &key)).collect();
        for replica in &mut replicas {
            let serving = replica.process.serving().await;
            assert!(replica.url.ends_with(&serving.address), "{serving:?}");
            assert!(serving.said.is_empty(), "the key is installed, not made: {serving:?}");
        }
        let app_id = String::new();
        let mut world = World { replicas, simulator, postgres, folder, app_id, key };
        world.create_app().await;
        world
    }

    async fn create_app(&mut self) {
        let mut apps = AppServiceClient::new(self.replicas[0].keyed.clone());
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

    /// One for each replica.
    pub(crate) fn clients(&self) -> Vec<Client> {
        self.replicas.iter().map(Replica::client).collect()
    }

    /// A phone whose app talks to that replica. It has said everything when this returns.
    pub(crate) async fn phone(&self, device_id: &str, contact_key: &str, replica: usize) -> Phone {
        let spec = sim::PhoneSpec {
            device_id: device_id.to_owned(),
            os_version: "18.2".to_owned(),
            contact_key: Some(contact_key.to_owned()),
            app_id: self.app_id.clone(),
            bundle_id: BUNDLE.to_owned(),
            form_factor: sim::FormFactor::Phone.into(),
            world: sim::World::Sandbox.into(),
            templates: vec![template()],
            server_url: self.replicas[replica % REPLICAS].url.clone(),
            api_key: self.key.clone(),
            ..sim::PhoneSpec::default()
        };
        let phone = self.simulator.create_phone(spec).expect("a phone");
        wait(&phone, "has said everything", |phone| {
            phone.calls_waiting == 0 && !phone.calls.is_empty()
        })
        .await;
        phone
    }

    /// Starts a replica again that was killed or has ended; returns how long it took to serve.
    pub(crate) async fn restart(&mut self, replica: usize) -> Duration {
        let replica = &mut self.replicas[replica];
        replica.process = process(&self.folder, &replica.name, &replica.variables);
        replica.process.serving().await.took
    }

    /// Tells a replica to end, and returns how long that took.
    pub(crate) async fn end(&mut self, replica: usize) -> Duration {
        let began = tokio::time::Instant::now();
        let process = &mut self.replicas[replica].process;
        process.terminate();
        let ended = process.ended(END_MAX).await;
        assert!(ended.status.success(), "{ended:?}");
        assert!(!ended.log.contains("panicked"), "{}", ended.log);
        assert!(!ended.output.contains("tdg_"), "a key was printed");
        began.elapsed()
    }

    /// Ends everything.
    pub(crate) async fn stop(mut self) {
        for replica in 0..REPLICAS {
            self.end(replica).await;
        }
        self.simulator.shutdown().await;
    }
}

impl Replica {
    fn spawn(folder: &TempDir, index: usize, settings: &Variables, key: &str) -> Self {
        let (name, port) = (format!("replica-{index}"), free_port());
        let mut variables = settings.clone();
        variables.push(("TIDINGS__GRPC__LISTEN".to_owned(), format!("127.0.0.1:{port}")));
        let process = process(folder, &name, &variables);
        let url = format!("http://127.0.0.1:{port}");
        let endpoint = Endpoint::from_shared(url.clone()).expect("a url");
        let key = Key(format!("Bearer {key}").parse().expect("a key is ASCII"));
        let watching = InterceptedService::new(endpoint.connect_lazy(), key.clone());
        let endpoint = endpoint.timeout(CALL_TIMEOUT);
        let keyed = InterceptedService::new(endpoint.connect_lazy(), key);
        Replica { process, name, url, variables, keyed, watching }
    }

    pub(crate) fn client(&self) -> Client {
        LiveActivityServiceClient::new(self.keyed.clone())
    }

    /// For what lasts longer than a call.
    pub(crate) fn watching(&self) -> Client {
        LiveActivityServiceClient::new(self.watching.clone())
    }

    /// It stands still from now on, as a machine does that swaps or is moved.
    pub(crate) fn stand_still(&self) {
        self.process.signal("STOP");
    }

    /// It goes on as if no time had passed.
    pub(crate) fn go_on(&self) {
        self.process.signal("CONT");
    }
}

fn process(folder: &TempDir, name: &str, variables: &Variables) -> Process {
    Process::spawn(folder.path(), name, &["serve"], variables)
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

fn new_key() -> String {
    let id = uuid::Uuid::now_v7();
    let key = ApiKey::generate(KeyMode::Live, KeyKind::Secret, id).expect("random bytes");
    key.text().expose_secret().to_owned()
}

/// A port that nobody listens on, and that no test of this process was given before.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    // Processes that begin together have neighbouring numbers, and look in different places.
    let first = std::process::id().wrapping_mul(PORTS_EACH) % u32::from(width);
    let first = u16::try_from(first).expect("below the width");
    let ports = std::iter::repeat_with(|| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        PORTS.start + (first + step) % width
    });
    let free =
        |port: &u16| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).is_ok();
    ports.take(usize::from(width)).find(free).expect("a free port")
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
