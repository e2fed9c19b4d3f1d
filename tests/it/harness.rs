//! A server and a simulator in this process, on free ports, with an app whose phones can be made.

use crate::databases::TestDatabase;
use secrecy::ExposeSecret;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::config::Config;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::app_service_client::AppServiceClient;
use tidings::proto::v1::delivery_service_client::DeliveryServiceClient;
use tidings::proto::v1::device_service_client::DeviceServiceClient;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::{
    ApnsEnvironment, CreateAppRequest, CreateCredentialRequest, Delivery, FcmDataKeys,
    ListDeliveriesRequest, ListSubscriptionsRequest, Platform, Subscription, WatchActivityRequest,
    WatchActivityResponse,
};
use tidings::secrets::MasterKey;
use tidings::server::{self, Server};
use tidings::simulator::{self, Phone, Simulator};
#[cfg(feature = "postgres-tests")]
use tidings::store;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// How long anything may take before its test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const BUNDLE: &str = "com.example.flights";

/// How often tests with counts repeat.
pub(crate) fn scale() -> usize {
    let scale = std::env::var_os("TIDINGS_TEST_SCALE");
    scale.and_then(|scale| scale.to_str()?.parse().ok()).unwrap_or(1)
}

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
    pub(crate) server: Server,
    pub(crate) simulator: Simulator,
    pub(crate) key: String,
    pub(crate) app_id: String,
    pub(crate) channel: Channel,
    folder: TempDir,
    database: TestDatabase,
}

impl World {
    /// A server with an app and its credential, and a simulator that knows both.
    pub(crate) async fn start() -> Self {
        Self::start_at(Clock::system(), |_| {}).await
    }

    /// The same by a clock of the test's, and configured otherwise.
    pub(crate) async fn start_at(clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(chosen_database().await, clock, change).await
    }

    /// The same with the product's own time limits, on a database that is reached by another URL than its own.
    #[cfg(feature = "postgres-tests")]
    pub(crate) async fn start_on(database: TestDatabase, by: impl Fn(&str) -> String) -> Self {
        let url = by(database.url());
        let change = |config: &mut Config| {
            config.database.url = url.as_str().into();
            config.database.write_timeout_ms = store::Config::default().write_timeout_ms;
        };
        Self::start_with(database, Clock::system(), change).await
    }

    pub(crate) async fn start_with(
        database: TestDatabase,
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let simulator = simulator::start(simulator::Config::strict(), clock.clone());
        let simulator = simulator.await.expect("a simulator");
        let folder = TempDir::new().expect("a folder");
        let mut config = config(&folder, &database, &simulator);
        change(&mut config);
        let server = server::start(config, clock).await.expect("a server");
        Self::with(server, simulator, (folder, database)).await
    }

    async fn with(
        mut server: Server,
        simulator: Simulator,
        (folder, database): (TempDir, TestDatabase),
    ) -> Self {
        let key = server.take_first_key().expect("an empty database makes a key");
        let key = key.expose_secret().to_owned();
        let url = format!("http://{}", server.grpc_address());
        let channel = Channel::from_shared(url).expect("a url").connect().await.expect("connected");
        let app_id = String::new();
        let mut world = World { server, simulator, key, app_id, channel, folder, database };
        world.app_id = world.create_app(BUNDLE).await;
        world
    }

    /// An app with the simulator's credential.
    pub(crate) async fn create_app(&self, bundle_id: &str) -> String {
        self.simulator.add_bundle(bundle_id);
        let app = CreateAppRequest {
            name: bundle_id.to_owned(),
            platform: Platform::Ios.into(),
            bundle_id: bundle_id.to_owned(),
            default_environment: ApnsEnvironment::Sandbox.into(),
            ..CreateAppRequest::default()
        };
        let app = self.apps().create_app(app).await.expect("an app").into_inner();
        let app_id = app.app.expect("an app").app_id;
        let credential = self.simulator.credential();
        let credential = CreateCredentialRequest {
            app_id: app_id.clone(),
            apns_key_p8: credential.key_p8.clone(),
            key_id: credential.key_id.clone(),
            team_id: credential.team_id.clone(),
            ..CreateCredentialRequest::default()
        };
        self.apps().create_credential(credential).await.expect("a credential");
        app_id
    }

    /// An Android app with the simulator's service account.
    pub(crate) async fn create_android_app(&self, package_name: &str) -> String {
        self.create_android_app_with(package_name, FcmDataKeys::Tidings).await
    }

    /// One whose messages have these keys.
    pub(crate) async fn create_android_app_with(
        &self,
        package_name: &str,
        keys: FcmDataKeys,
    ) -> String {
        let app = CreateAppRequest {
            name: package_name.to_owned(),
            platform: Platform::Android.into(),
            package_name: package_name.to_owned(),
            fcm_project_id: self.simulator.project_id().to_owned(),
            fcm_data_keys: keys.into(),
            ..CreateAppRequest::default()
        };
        let app = self.apps().create_app(app).await.expect("an app").into_inner();
        let app_id = app.app.expect("an app").app_id;
        let credential = CreateCredentialRequest {
            app_id: app_id.clone(),
            service_account_json: self.simulator.service_account_json().to_owned(),
            ..CreateCredentialRequest::default()
        };
        self.apps().create_credential(credential).await.expect("a credential");
        app_id
    }

    /// Stops the server and starts it again on the same database.
    pub(crate) async fn restart(self) -> Self {
        let World { server, simulator, key, app_id, folder, database, channel } = self;
        drop(channel);
        server.stop().await;
        let config = config(&folder, &database, &simulator);
        let server = server::start(config, Clock::system()).await.expect("a server");
        let url = format!("http://{}", server.grpc_address());
        let channel = Channel::from_shared(url).expect("a url").connect().await.expect("connected");
        World { server, simulator, key, app_id, channel, folder, database }
    }

    /// Ends everything; nothing may be left over.
    pub(crate) async fn stop(self) {
        drop(self.channel);
        self.server.stop().await;
        self.simulator.shutdown().await;
    }

    /// Where the tables are, for tests that look at what is left in them.
    pub(crate) fn database(&self) -> &str {
        self.database.url()
    }

    /// The connection with that key on every call.
    pub(crate) fn intercepted(&self, key: &str) -> Keyed {
        let key = Key(format!("Bearer {key}").parse().expect("a key is ASCII"));
        InterceptedService::new(self.channel.clone(), key)
    }

    pub(crate) fn activities(&self) -> LiveActivityServiceClient<Keyed> {
        LiveActivityServiceClient::new(self.intercepted(&self.key))
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Keyed> {
        DeviceServiceClient::new(self.intercepted(&self.key))
    }

    pub(crate) fn apps(&self) -> AppServiceClient<Keyed> {
        AppServiceClient::new(self.intercepted(&self.key))
    }

    pub(crate) fn log(&self) -> DeliveryServiceClient<Keyed> {
        DeliveryServiceClient::new(self.intercepted(&self.key))
    }

    /// A phone of the app in the sandbox, with the flight's template, that talks to this server.
    pub(crate) fn phone(&self, device_id: &str, os_version: &str, contact_key: &str) -> Phone {
        self.phone_with(sim::PhoneSpec {
            device_id: device_id.to_owned(),
            os_version: os_version.to_owned(),
            contact_key: Some(contact_key.to_owned()),
            form_factor: sim::FormFactor::Phone.into(),
            ..sim::PhoneSpec::default()
        })
    }

    /// The same with more to say.
    pub(crate) fn phone_with(&self, spec: sim::PhoneSpec) -> Phone {
        self.simulator.create_phone(self.spec(spec)).expect("a phone")
    }

    /// What every phone here has in common.
    pub(crate) fn spec(&self, spec: sim::PhoneSpec) -> sim::PhoneSpec {
        sim::PhoneSpec {
            app_id: self.app_id.clone(),
            bundle_id: BUNDLE.to_owned(),
            world: sim::World::Sandbox.into(),
            templates: vec![flight_template()],
            server_url: format!("http://{}", self.server.grpc_address()),
            api_key: self.key.clone(),
            ..spec
        }
    }

    /// Waits until the device's calls so far were answered.
    pub(crate) async fn said_everything(&self, phone: &Phone) -> sim::Phone {
        wait(phone, "has said everything", |phone| {
            phone.calls_waiting == 0 && !phone.calls.is_empty()
        })
        .await
    }

    /// Who has the activity, in the current run or the one named.
    pub(crate) async fn subscriptions(
        &self,
        activity_id: &str,
        run: Option<i64>,
    ) -> Vec<Subscription> {
        let request = ListSubscriptionsRequest {
            activity_id: activity_id.to_owned(),
            run,
            page_size: 1_000,
            ..ListSubscriptionsRequest::default()
        };
        let answer = self.activities().list_subscriptions(request).await.expect("a list");
        answer.into_inner().subscriptions
    }

    /// The subscription of one device in the current run.
    pub(crate) async fn subscription(&self, activity_id: &str, device_id: &str) -> Subscription {
        let all = self.subscriptions(activity_id, None).await;
        let found = all.into_iter().find(|subscription| subscription.device_id == device_id);
        found.unwrap_or_else(|| panic!("{device_id} is not subscribed"))
    }

    /// The send log of an activity, the oldest first.
    pub(crate) async fn deliveries(&self, activity_id: &str) -> Vec<Delivery> {
        let request = ListDeliveriesRequest {
            activity_id: activity_id.to_owned(),
            page_size: 1_000,
            ..ListDeliveriesRequest::default()
        };
        let answer = self.log().list_deliveries(request).await.expect("a log").into_inner();
        answer.deliveries.into_iter().rev().collect()
    }

    /// Watches the activity until it is as it should be, and returns what was seen last.
    pub(crate) async fn watch_until(
        &self,
        activity_id: &str,
        fits: impl Fn(&WatchActivityResponse) -> bool,
    ) -> WatchActivityResponse {
        let request = WatchActivityRequest { activity_id: activity_id.to_owned() };
        let mut watched = self.activities().watch_activity(request).await.expect("a watch");
        let mut last = None;
        let seen = tokio::time::timeout(PATIENCE, async {
            while let Some(seen) = watched.get_mut().message().await.expect("a message") {
                if fits(&seen) {
                    return Some(seen);
                }
                last = Some(seen);
            }
            None
        });
        match seen.await {
            Ok(Some(seen)) => seen,
            _ => panic!("{activity_id} did not come to be as it should; last: {last:#?}"),
        }
    }

    /// Waits until nothing is pending for the newest revision.
    pub(crate) async fn settled(&self, activity_id: &str) -> WatchActivityResponse {
        self.watch_until(activity_id, |seen| {
            let progress = seen.progress.as_ref().expect("progress");
            !progress.expanding && progress.routes.iter().all(|route| route.pending == 0)
        })
        .await
    }
}

/// `SQLite`, or PostgreSQL where `TIDINGS_TEST_DATABASE` is `postgres`.
#[cfg_attr(not(feature = "postgres-tests"), expect(clippy::unused_async, reason = "only one kind"))]
pub(crate) async fn chosen_database() -> TestDatabase {
    #[cfg(feature = "postgres-tests")]
    if std::env::var_os("TIDINGS_TEST_DATABASE").is_some_and(|kind| kind == "postgres") {
        return TestDatabase::postgres().await;
    }
    TestDatabase::sqlite()
}

fn config(folder: &TempDir, database: &TestDatabase, simulator: &Simulator) -> Config {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let ca_file = folder.path().join("simulator-ca.pem");
    std::fs::write(&ca_file, simulator.ca_pem()).expect("a file");
    let mut config = Config::default();
    config.grpc.listen = any;
    config.http.listen = any;
    config.database.url = database.url().into();
    // A crowd on a busy machine is not what makes a write late.
    config.database.write_timeout_ms = 10_000;
    let key_file = folder.path().join("tidings.key");
    if !key_file.exists() {
        MasterKey::create(&key_file).expect("a master key");
    }
    config.security.master_key_file = Some(key_file);
    config.apns.sandbox_url = simulator.sandbox_url();
    config.apns.production_url = simulator.production_url();
    (config.apns.sandbox_manage_url, config.apns.production_manage_url) = simulator.manage_urls();
    config.apns.ca_file = Some(ca_file.clone());
    config.fcm.base_url = simulator.fcm_url();
    config.fcm.token_url = simulator.fcm_token_url();
    config.fcm.ca_file = Some(ca_file);
    config
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

/// The card of that run on the phone's screen shows this status.
pub(crate) async fn shows(phone: &Phone, run: i64, status: &str) -> sim::Phone {
    wait(phone, &format!("shows {status:?} in run {run}"), |phone| {
        phone.cards.iter().any(|card| card.run == run && status_of(&card.content_json) == status)
    })
    .await
}

/// What a content of the flight says.
pub(crate) fn status_of(content_json: &str) -> String {
    let content: serde_json::Value = serde_json::from_str(content_json).unwrap_or_default();
    content["status"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn flight_template() -> sim::Template {
    let field = |name: &str, kind: sim::FieldKind, optional: bool| sim::Field {
        name: name.to_owned(),
        kind: kind.into(),
        optional,
    };
    sim::Template {
        activity_type: "flight_status".to_owned(),
        attributes: vec![
            field("flight", sim::FieldKind::String, false),
            field("activityId", sim::FieldKind::String, true),
            field("activityRun", sim::FieldKind::Int, true),
        ],
        content: vec![
            field("status", sim::FieldKind::String, false),
            field("gate", sim::FieldKind::String, true),
            field("delay_minutes", sim::FieldKind::Int, true),
        ],
        ..sim::Template::default()
    }
}
