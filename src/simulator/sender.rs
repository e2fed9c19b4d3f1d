//! A sender for the tests of the simulator: TLS, HTTP/2 and provider tokens, with every mistake that one can make.
//!
//! May import the rest of `simulator`. It shares no code with the sender of Tidings.

use super::{Config, Phone, Simulator};
use crate::clock::{Clock, Time};
use crate::proto::simulator_v1::{
    Credential, Field, FieldKind, ListPushesRequest, PhoneSpec, Push, Template,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The longest that a test waits for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
pub(super) const BUNDLE: &str = "com.example.flights";
pub(super) const TOPIC: &str = "com.example.flights.push-type.liveactivity";
pub(super) const ATTRIBUTES_TYPE: &str = "FlightAttributes";
pub(super) const APNS_ID: &str = "0f1ec6d9-17f7-4d4f-9b5c-0d8b0a8f3c11";
const NOON: Time = Time(1_800_000_000_000);

/// A simulator with a clock that a test moves.
pub(super) struct World {
    pub(super) simulator: Simulator,
    pub(super) clock: Clock,
    /// Signed once: a connection may not change its provider token often.
    authorization: String,
}

/// A connection to APNs.
pub(super) struct Sender {
    pub(super) requests: SendRequest<Bytes>,
    pub(super) connection: JoinHandle<Result<(), h2::Error>>,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(super) async fn with(config: Config) -> Self {
        let clock = Clock::manual(NOON);
        let simulator = super::start(config, clock.clone()).await.expect("a simulator");
        let token = provider_token(simulator.credential(), NOON.seconds());
        Self { simulator, clock, authorization: format!("bearer {token}") }
    }

    pub(super) fn phone(&self, os_version: &str) -> Phone {
        self.phone_with(os_version, |_| {})
    }

    pub(super) fn phone_with(
        &self,
        os_version: &str,
        change: impl FnOnce(&mut PhoneSpec),
    ) -> Phone {
        let mut spec = PhoneSpec {
            device_id: format!("device-{}", self.simulator.phones().len()),
            app_id: "flights".into(),
            bundle_id: BUNDLE.into(),
            os_version: os_version.into(),
            templates: vec![template()],
            ..PhoneSpec::default()
        };
        change(&mut spec);
        self.simulator.create_phone(spec).expect("a phone")
    }

    pub(super) async fn sandbox(&self) -> Sender {
        Sender::connect(&self.simulator.sandbox_url(), self.simulator.ca_pem()).await
    }

    pub(super) async fn production(&self) -> Sender {
        Sender::connect(&self.simulator.production_url(), self.simulator.ca_pem()).await
    }

    pub(super) fn seconds(&self) -> i64 {
        self.clock.now().seconds()
    }

    pub(super) fn authorization(&self) -> &str {
        &self.authorization
    }

    pub(super) fn provider_token(&self) -> String {
        provider_token(self.simulator.credential(), self.seconds())
    }

    /// A request that nothing is wrong with.
    pub(super) fn post(&self, token: &str, aps: &Value) -> Post {
        let headers = vec![
            ("authorization", self.authorization.clone()),
            ("apns-id", APNS_ID.to_owned()),
            ("apns-topic", TOPIC.to_owned()),
            ("apns-push-type", "liveactivity".to_owned()),
            ("apns-priority", "10".to_owned()),
            ("apns-expiration", (self.seconds() + 3_600).to_string()),
        ];
        let body = json!({ "aps": aps }).to_string().into_bytes();
        Post { method: Method::POST, path: format!("/3/device/{token}"), headers, body }
    }

    /// A start that nothing is wrong with.
    pub(super) fn start(&self) -> Value {
        json!({
            "event": "start",
            "timestamp": self.seconds(),
            "attributes-type": ATTRIBUTES_TYPE,
            "attributes": {"activityId": "FLIGHT_1711", "activityRun": 2, "from": "IST"},
            "content-state": {"gate": "B12", "seat": 1},
            "alert": {"title": "TK1983", "body": "On time"},
            "input-push-token": 1,
        })
    }

    /// An update that nothing is wrong with, `later` seconds from now by its timestamp.
    pub(super) fn update(&self, later: i64, gate: &str) -> Value {
        json!({
            "event": "update",
            "timestamp": self.seconds() + later,
            "content-state": {"gate": gate, "seat": 1},
        })
    }

    /// A phone that has taken a start by push, and the token of its card.
    pub(super) async fn started(&self, sender: &mut Sender) -> (Phone, String) {
        let phone = self.phone("18.2");
        let token = start_token(&phone);
        let answer = sender.send(&self.post(&token, &self.start())).await;
        assert_eq!(answer.status, 200);
        let token = phone.snapshot().cards[0].update_token.clone();
        (phone, token)
    }

    pub(super) fn pushes(&self) -> Vec<Push> {
        self.simulator.pushes(&ListPushesRequest::default())
    }
}

impl Sender {
    pub(super) async fn connect(url: &str, ca_pem: &str) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("PEM")).expect("root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let address = url.trim_start_matches("https://");
        let stream = TcpStream::connect(address).await.expect("a connection");
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.expect("a handshake");
        let (requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        Self { requests, connection: tokio::spawn(connection) }
    }

    pub(super) async fn send(&mut self, post: &Post) -> Answer {
        self.try_send(post).await.expect("an answer")
    }

    /// Sends and waits for the answer.
    pub(super) async fn try_send(&mut self, post: &Post) -> Result<Answer, h2::Error> {
        let (answer, _) = self.begin(post).await?;
        tokio::time::timeout(PATIENCE, read(answer)).await.expect("an answer in time")
    }

    /// Sends and returns at once.
    pub(super) async fn begin(
        &mut self,
        post: &Post,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
        let uri = format!("https://localhost{}", post.path);
        let mut request = http::Request::builder().method(post.method.clone()).uri(uri);
        for (name, value) in &post.headers {
            request = request.header(*name, value.as_str());
        }
        self.requests = self.requests.clone().ready().await?;
        let request = request.body(()).expect("a request");
        let (answer, mut stream) = self.requests.send_request(request, post.body.is_empty())?;
        if !post.body.is_empty() {
            stream.send_data(Bytes::from(post.body.clone()), true)?;
        }
        Ok((answer, stream))
    }
}

pub(super) async fn read(answer: h2::client::ResponseFuture) -> Result<Answer, h2::Error> {
    let (parts, mut stream) = answer.await?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        body.extend_from_slice(&chunk?);
    }
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

impl Post {
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        self.unset(name);
        self.headers.push((name, value.to_owned()));
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.headers.retain(|(known, _)| *known != name);
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn verdict(&self) -> (u16, String) {
        (self.status, self.json()["reason"].as_str().unwrap_or_default().to_owned())
    }
}

pub(super) fn start_token(phone: &Phone) -> String {
    phone.snapshot().start_tokens[0].token.clone()
}

pub(super) fn provider_token(credential: &Credential, issued_at: i64) -> String {
    let header = json!({"alg": "ES256", "kid": credential.key_id});
    sign(credential, &header, &json!({"iss": credential.team_id, "iat": issued_at}))
}

pub(super) fn sign(credential: &Credential, header: &Value, claims: &Value) -> String {
    let random = ring::rand::SystemRandom::new();
    let key = PrivatePkcs8KeyDer::from_pem_slice(credential.key_p8.as_bytes()).expect("a key");
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der(), &random)
            .expect("a pair");
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = pair.sign(&random, signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

pub(super) fn template() -> Template {
    let field = |name: &str, kind: FieldKind, optional| Field {
        name: name.to_owned(),
        kind: kind.into(),
        optional,
    };
    Template {
        activity_type: "flight_status".into(),
        attributes_type: ATTRIBUTES_TYPE.into(),
        attributes: vec![field("activityId", FieldKind::String, false)],
        content: vec![
            field("gate", FieldKind::String, false),
            field("seat", FieldKind::Int, false),
            field("boards", FieldKind::Date, true),
        ],
        ..Template::default()
    }
}
