//! No secret, no token and no content leaks: not into a log line at the finest level, not into a message, not into a
//! table where it does not belong.

use crate::calls::{self, alert, end, for_contacts, refused, start, token, update, update_token};
use crate::harness::{BUNDLE, PATIENCE, flight_template, wait};
use crate::tables::{Tables, hexadecimal};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::app_service_client::AppServiceClient;
use tidings::proto::v1::device_service_client::DeviceServiceClient;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::{
    Alert, ApnsEnvironment, CreateAppRequest, CreateCredentialRequest, Platform,
    RegisterDeviceRequest, RegisterTokenRequest, ReportActivityStateRequest, StartActivityRequest,
    TokenKind, WatchActivityRequest,
};
use tidings::secrets::{ApiKey, KeyKind, KeyMode};
use tidings::simulator::{self, Simulator};
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// What the server was given and must keep to itself.
const CONTENT: &str = "canary-of-the-content";
const ATTRIBUTES: &str = "canary-of-the-attributes";
const WORDS: &str = "canary-of-the-alert";
const CONTACT: &str = "canary-contact@example.com";
/// The program as an operator runs it, with everything that it says.
struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
}

impl Program {
    fn start(folder: &TempDir, simulator: &Simulator, key: &str) -> Self {
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, simulator.ca_pem()).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .current_dir(folder)
            .args(["serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
            .args(["--database-url", "sqlite://t.db", "--log-filter", "trace"])
            .env("TIDINGS__APNS__SANDBOX_URL", simulator.sandbox_url())
            .env("TIDINGS__APNS__PRODUCTION_URL", simulator.production_url())
            .env("TIDINGS__APNS__CA_FILE", ca_file)
            .env("TIDINGS__SECURITY__BOOTSTRAP_KEY", key)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let said = Arc::new(Mutex::new(String::new()));
        let (count, lines) = watch::channel(0);
        let count = Arc::new(count);
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let (said_too, count_too) = (Arc::clone(&said), Arc::clone(&count));
        std::thread::spawn(move || keep(out, &said_too, &count_too));
        let said_too = Arc::clone(&said);
        std::thread::spawn(move || keep(err, &said_too, &count));
        Program { child, said, lines }
    }

    fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    async fn address(&mut self) -> String {
        let said = Arc::clone(&self.said);
        let find = move |_: &usize| said.lock().expect("no panic").contains("gRPC listens on ");
        let heard = tokio::time::timeout(PATIENCE, self.lines.wait_for(find)).await;
        heard.expect("in time").expect("it speaks");
        let said = self.said();
        let (_, rest) = said.split_once("gRPC listens on ").expect("said");
        rest.split_once(',').expect("an address").0.to_owned()
    }

    /// Stops it as an operator does, and returns all that it said.
    async fn stop(mut self) -> String {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.expect("told to stop").success());
        let ended = async { while self.lines.changed().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, ended).await.expect("it says no more");
        assert!(self.child.wait().expect("a status").success());
        self.said()
    }
}

fn keep(from: impl Read, said: &Mutex<String>, count: &watch::Sender<usize>) {
    for line in BufReader::new(from).lines() {
        said.lock().expect("no panic").push_str(&(line.expect("text") + "\n"));
        count.send_modify(|count| *count += 1);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where its test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Canaries {
    channel: Channel,
    key: String,
    app_id: String,
    /// Every refusal that was seen.
    refusals: Vec<Status>,
}

impl Canaries {
    fn with_key<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = format!("Bearer {}", self.key).parse().expect("a header");
        request.metadata_mut().insert("authorization", value);
        request
    }

    fn activities(&self) -> LiveActivityServiceClient<Channel> {
        LiveActivityServiceClient::new(self.channel.clone())
    }

    fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.channel.clone())
    }

    fn refused<T>(&mut self, result: tonic::Result<T>) {
        self.refusals.push(result.err().expect("it was not refused"));
    }

    async fn create_app(&mut self, simulator: &Simulator) {
        simulator.add_bundle(BUNDLE);
        let mut apps = AppServiceClient::new(self.channel.clone());
        let app = CreateAppRequest {
            name: "Flights".to_owned(),
            platform: Platform::Ios.into(),
            bundle_id: BUNDLE.to_owned(),
            default_environment: ApnsEnvironment::Sandbox.into(),
            ..CreateAppRequest::default()
        };
        let app = apps.create_app(self.with_key(app)).await.expect("an app").into_inner();
        self.app_id = app.app.expect("an app").app_id;
        let credential = simulator.credential();
        let credential = CreateCredentialRequest {
            request_id: "credential".to_owned(),
            app_id: self.app_id.clone(),
            apns_key_p8: credential.key_p8.clone(),
            key_id: credential.key_id.clone(),
            team_id: credential.team_id.clone(),
            ..CreateCredentialRequest::default()
        };
        let damaged = credential.apns_key_p8.replace("MI", "XX");
        let damaged = CreateCredentialRequest { apns_key_p8: damaged, ..credential.clone() };
        let refused = apps.create_credential(self.with_key(damaged)).await;
        self.refused(refused);
        apps.create_credential(self.with_key(credential)).await.expect("a credential");
    }

    fn phone(&self, server_url: String) -> sim::PhoneSpec {
        sim::PhoneSpec {
            device_id: "device-2".to_owned(),
            app_id: self.app_id.clone(),
            bundle_id: BUNDLE.to_owned(),
            os_version: "18.2".to_owned(),
            world: sim::World::Sandbox.into(),
            contact_key: Some(CONTACT.to_owned()),
            templates: vec![flight_template()],
            server_url,
            api_key: self.key.clone(),
            ..sim::PhoneSpec::default()
        }
    }

    async fn register(&self, start_token: &str) {
        let device = RegisterDeviceRequest {
            request_id: "device".to_owned(),
            contact_key: Some(CONTACT.to_owned()),
            ..calls::device(&self.app_id, "device-1")
        };
        self.devices().register_device(self.with_key(device)).await.expect("registered");
        let request = RegisterTokenRequest {
            request_id: "start-token".to_owned(),
            device_id: "device-1".to_owned(),
            kind: TokenKind::PushToStart.into(),
            token: start_token.to_owned(),
            activity_type: calls::TYPE.to_owned(),
            ..RegisterTokenRequest::default()
        };
        self.devices().register_token(self.with_key(request)).await.expect("registered");
    }

    async fn fly(&mut self, update_tokens: &[String; 2]) {
        let content = |number: u8| Some(format!("{{\"status\":\"{CONTENT}-{number}\"}}"));
        let request = StartActivityRequest {
            request_id: "start".to_owned(),
            attributes_json: Some(format!("{{\"flight\":\"{ATTRIBUTES}\"}}")),
            content_state_json: content(0),
            audience: Some(for_contacts(&[CONTACT])),
            alert: Some(Alert { title: WORDS.to_owned(), ..alert() }),
            ..start("FLIGHT")
        };
        for _ in 0..2 {
            let start = self.with_key(request.clone());
            self.activities().start_activity(start).await.expect("started");
        }
        let mut damaged = request.clone();
        damaged.content_state_json = content(1).map(|text| text.replace('}', ""));
        let refused = self.activities().start_activity(self.with_key(damaged)).await;
        self.refused(refused);
        let other = StartActivityRequest { activity_id: "OTHER".to_owned(), ..request.clone() };
        let refused = self.activities().start_activity(self.with_key(other)).await;
        self.refused(refused);
        let attributes = Some(format!("{{\"activityId\":\"{ATTRIBUTES}\"}}"));
        let other = StartActivityRequest {
            request_id: String::new(),
            attributes_json: attributes,
            ..start("OTHER")
        };
        let refused = self.activities().start_activity(self.with_key(other)).await;
        self.refused(refused);

        for (number, value) in update_tokens.iter().enumerate() {
            let request = RegisterTokenRequest {
                request_id: format!("token-{number}"),
                token: value.clone(),
                attributes_json: None,
                content_state_json: None,
                ..update_token("device-1", "FLIGHT")
            };
            let request = self.with_key(request);
            self.devices().register_token(request).await.expect("registered");
        }
        let damaged = RegisterTokenRequest {
            token: format!("{}x", update_tokens[1]),
            ..update_token("device-1", "FLIGHT")
        };
        let refused = self.devices().register_token(self.with_key(damaged)).await;
        self.refused(refused);
        for number in 1..4 {
            let mut request = update("FLIGHT", "");
            request.request_id = format!("update-{number}");
            request.content_state_json = content(number);
            self.activities().update_activity(self.with_key(request)).await.expect("updated");
        }
    }

    async fn land(&self) {
        let report = ReportActivityStateRequest {
            request_id: "report".to_owned(),
            device_id: "device-1".to_owned(),
            activity_id: "FLIGHT".to_owned(),
            state: 1,
            ..ReportActivityStateRequest::default()
        };
        self.devices().report_activity_state(self.with_key(report)).await.expect("reported");
        let mut request = end("FLIGHT");
        "end".clone_into(&mut request.request_id);
        request.content_state_json = Some(format!("{{\"status\":\"{CONTENT}-9\"}}"));
        self.activities().end_activity(self.with_key(request)).await.expect("ended");
        let request = WatchActivityRequest { activity_id: "FLIGHT".to_owned() };
        let watched = self.activities().watch_activity(self.with_key(request)).await;
        let mut watched = watched.expect("a watch").into_inner();
        let all = async { while watched.message().await.expect("a message").is_some() {} };
        tokio::time::timeout(PATIENCE, all).await.expect("the ends settle");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_logged_said_or_stored_where_it_does_not_belong() {
    let simulator = simulator::start(simulator::Config::default(), Clock::system());
    let simulator = simulator.await.expect("a simulator");
    let folder = TempDir::new().expect("a folder");
    let key = ApiKey::generate(KeyMode::Live, KeyKind::Secret, uuid::Uuid::now_v7())
        .expect("random bytes");
    let key = key.text().expose_secret().to_owned();
    let mut program = Program::start(&folder, &simulator, &key);
    let url = format!("http://{}", program.address().await);
    let channel =
        Channel::from_shared(url.clone()).expect("a url").connect().await.expect("connected");
    let mut canaries =
        Canaries { channel, key: key.clone(), app_id: String::new(), refusals: Vec::new() };
    canaries.create_app(&simulator).await;
    // Tokens that Apple does not know: they are refused, which is logged and kept.
    let start_token = token("a1");
    let update_tokens = [token("b2"), token("c3")];
    canaries.register(&start_token).await;
    let phone = simulator.create_phone(canaries.phone(url)).expect("a phone");
    wait(&phone, "has registered", |phone| phone.calls.len() > 1 && phone.calls_waiting == 0).await;
    canaries.fly(&update_tokens).await;
    wait(&phone, "has registered its card", |phone| {
        phone.cards.iter().any(|card| card.token_progress() == sim::TokenProgress::Registered)
    })
    .await;
    canaries.land().await;
    let phone = phone.snapshot();
    assert!(phone.cards[0].content_json.contains(CONTENT), "pushes were accepted, too");
    let database = format!("sqlite://{}", folder.path().join("t.db").display());
    let tables = Tables::read(&database).await;

    let secret = key.rsplit('_').next().expect("the random part");
    let p8 = simulator.credential().key_p8.clone();
    let p8_line = p8.lines().nth(1).expect("a line of the key");
    let tokens = [&start_token, &update_tokens[0], &update_tokens[1]].map(String::as_str);
    let of_phone = [&phone.cards[0].update_token, &phone.start_tokens[0].token];
    let tokens = tokens.into_iter().chain(of_phone.map(String::as_str));
    let nowhere: Vec<&str> = tokens.chain([secret, p8_line]).collect();
    rows_are_clean(&tables, &nowhere);

    for status in &canaries.refusals {
        let said = format!("{status:?} {:?}", refused::<()>(Err(status.clone())));
        for text in nowhere.iter().chain(&[CONTENT, WORDS, CONTACT]) {
            assert!(!said.contains(text), "{text} is in a refusal: {said}");
        }
    }
    drop(canaries);
    let said = program.stop().await;
    assert!(said.lines().count() > 100, "the finest level was on");
    // The last one is how the provider token begins that Apple is shown.
    for text in nowhere.iter().chain(&[CONTENT, ATTRIBUTES, WORDS, CONTACT, "eyJ"]) {
        let line = said.lines().find(|line| line.contains(text));
        assert!(line.is_none(), "{text} is in the log: {}", line.unwrap_or_default());
    }
    every_file_is_clean(&folder, &nowhere);
    simulator.shutdown().await;
}

/// Secrets are in no row, and the caller's words only where they belong.
fn rows_are_clean(tables: &Tables, nowhere: &[&str]) {
    let places: [(&str, &[&str]); 4] = [
        (CONTENT, &["activities", "revisions"]),
        (ATTRIBUTES, &["activities"]),
        (WORDS, &["activities", "revisions"]),
        (CONTACT, &["deliveries", "devices", "expansions", "recipients", "subscriptions"]),
    ];
    for text in nowhere {
        assert_eq!(tables.holding(text), [""; 0], "{text} is stored");
        for blob in blobs_of(text) {
            assert_eq!(tables.holding(&blob), [""; 0], "{text} is stored as the bytes {blob}");
        }
    }
    for (text, allowed) in places {
        assert_eq!(tables.holding(text), allowed, "{text}");
    }
    assert!(!tables.rows("deliveries").is_empty(), "pushes were tried");
    assert!(tables.rows("request_ids").len() >= 9, "calls were kept");
}

/// The bytes that a text spells as hexadecimal and as base64, the way the tables print bytes. Only the whole text
/// counts: what a few of its letters spell is in every random byte string.
fn blobs_of(text: &str) -> Vec<String> {
    let spelt = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text));
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = digits.then(|| text.to_ascii_uppercase());
    digits.into_iter().chain(spelt.iter().map(|bytes| hexadecimal(bytes))).collect()
}

#[test]
fn the_bytes_of_a_secret_are_those_of_its_whole_text() {
    let random = "UAmuOsrDETUm6YENkifvGCaEuLGlO5AYGzyVqoTvWG8";
    assert_eq!(blobs_of(random).len(), 1, "it is base64 and not hexadecimal");
    assert_eq!(blobs_of(random)[0].len(), 64);
    assert_eq!(blobs_of("a1B2!"), [""; 0]);
    assert_eq!(blobs_of(&token("a1"))[0], token("a1").to_ascii_uppercase());
}

/// What is not in a row may still be in a free page or in the write-ahead log.
fn every_file_is_clean(folder: &TempDir, nowhere: &[&str]) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        for text in nowhere {
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{text} is in {}", path.display());
        }
    }
}
