//! A sender of messages to FCM, with every mistake that one can make. It shares no code with the sender of Tidings.

use super::sender::{PATIENCE, template};
use super::{Config, Phone, Simulator, start};
use crate::clock::{Clock, Time};
use crate::proto::simulator_v1::{
    AndroidSpec, Drop, DropReason, FcmSend, ListFcmSendsRequest, PhoneSpec,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use reqwest::header::HeaderMap;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const PACKAGE: &str = "com.example.flights";
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const NOON: Time = Time(1_800_000_000_000);

/// A simulator with a clock that a test moves, and an access token.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Clock,
    pub(crate) client: reqwest::Client,
    pub(crate) access_token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A JWT that nothing is wrong with yet.
pub(crate) struct Jwt {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) private_key: String,
    pub(crate) padded: bool,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let clock = Clock::manual(NOON);
        let simulator = start(config, clock.clone()).await.expect("a simulator");
        let client = client(simulator.ca_pem(), &["h2", "http/1.1"]).build().expect("a client");
        let mut world = Self { simulator, clock, client, access_token: String::new() };
        world.access_token = world.sign_in(world.simulator.service_account_json()).await;
        world
    }

    pub(crate) fn jwt(&self, account: &str) -> Jwt {
        let account: Value = serde_json::from_str(account).expect("JSON");
        let now = self.clock.now().seconds();
        Jwt {
            header: json!({"alg": "RS256", "typ": "JWT", "kid": account["private_key_id"]}),
            claims: json!({
                "iss": account["client_email"], "scope": SCOPE, "iat": now, "exp": now + 3_600,
                "aud": account["token_uri"],
            }),
            private_key: account["private_key"].as_str().expect("a key").to_owned(),
            padded: false,
        }
    }

    pub(crate) async fn sign_in(&self, account: &str) -> String {
        let answer = self.ask(&self.jwt(account).sign()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn ask(&self, assertion: &str) -> Answer {
        let escaped = assertion.replace('=', "%3D");
        self.ask_with(&format!("grant_type={}&assertion={escaped}", escape(GRANT_TYPE))).await
    }

    pub(crate) async fn ask_with(&self, form: &str) -> Answer {
        let url = self.simulator.fcm_token_url();
        let request = self.client.post(url).body(form.to_owned());
        let content_type = "application/x-www-form-urlencoded";
        answer(request.header("content-type", content_type)).await.expect("an answer")
    }

    /// A registration token of the first project.
    pub(crate) fn token(&self) -> String {
        let project_id = self.simulator.project_id();
        self.simulator.register_app(project_id, PACKAGE, false).expect("a token")
    }

    pub(crate) async fn send(&self, body: &Value) -> Answer {
        self.try_send(body).await.expect("an answer")
    }

    pub(crate) async fn try_send(&self, body: &Value) -> reqwest::Result<Answer> {
        answer(self.request(self.simulator.project_id(), &self.access_token, body)).await
    }

    pub(crate) fn request(
        &self,
        project_id: &str,
        bearer: &str,
        body: &Value,
    ) -> reqwest::RequestBuilder {
        let url = self.simulator.fcm_url();
        let url = format!("{url}/v1/projects/{project_id}/messages:send");
        self.client.post(url).bearer_auth(bearer).body(body.to_string())
    }

    pub(crate) fn android(&self, api_level: i32) -> Phone {
        self.android_with(api_level, |_| {})
    }

    pub(crate) fn android_with(
        &self,
        api_level: i32,
        change: impl FnOnce(&mut PhoneSpec),
    ) -> Phone {
        let mut spec = PhoneSpec {
            device_id: format!("device-{}", self.simulator.phones().len()),
            app_id: "flights".into(),
            bundle_id: PACKAGE.into(),
            templates: vec![template()],
            android: Some(AndroidSpec::default()),
            ..PhoneSpec::default()
        };
        change(&mut spec);
        self.simulator.create_android_phone(api_level, spec).expect("a phone")
    }

    /// Data that nothing is wrong with: revision 5 of run 2, event `update`.
    pub(crate) fn data(&self) -> Value {
        json!({
            "tidings_activity_id": "FLIGHT_1711",
            "tidings_run": "2",
            "tidings_event": "update",
            "tidings_revision": "5",
            "tidings_activity_type": "flight_status",
            "tidings_attributes": r#"{"activityId":"FLIGHT_1711","from":"IST"}"#,
            "tidings_content_state": r#"{"gate":"B5","seat":1}"#,
            "tidings_timestamp": self.clock.now().seconds().to_string(),
            "tidings_message_id": "0f1ec6d9-17f7-4d4f-9b5c-0d8b0a8f3c11",
        })
    }

    /// The same at another revision, which the gate shows.
    pub(crate) fn at(&self, revision: i64, event: &str) -> Value {
        let mut data = self.data();
        data["tidings_revision"] = json!(revision.to_string());
        data["tidings_event"] = json!(event);
        data["tidings_content_state"] = json!(format!(r#"{{"gate":"B{revision}","seat":1}}"#));
        data
    }

    /// Sends data to a phone; FCM takes it.
    pub(crate) async fn say(&self, phone: &Phone, data: &Value) {
        self.say_with(phone, data, json!({"priority": "HIGH", "ttl": "3600s"})).await;
    }

    pub(crate) async fn say_with(&self, phone: &Phone, data: &Value, android: Value) {
        let mut message = json!({"data": data, "android": android});
        message["token"] = json!(registration(phone));
        let answer = self.send(&json!({"message": message})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    pub(crate) fn sends(&self) -> Vec<FcmSend> {
        self.simulator.fcm_sends(&ListFcmSendsRequest::default())
    }
}

impl Jwt {
    pub(crate) fn sign(&self) -> String {
        let part = |value: &[u8]| {
            if self.padded {
                BASE64_URL_SAFE.encode(value)
            } else {
                BASE64_URL_SAFE_NO_PAD.encode(value)
            }
        };
        let lines = self.private_key.lines().filter(|line| !line.starts_with('-'));
        let der = BASE64_STANDARD.decode(lines.collect::<String>()).expect("base64");
        let pair = RsaKeyPair::from_pkcs8(&der).expect("a pair");
        let [header, claims] =
            [&self.header, &self.claims].map(|value| part(value.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; pair.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{signed}.{}", part(&signature))
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// FCM's code, where the answer has one.
    pub(crate) fn code(&self) -> String {
        let details = self.json()["error"]["details"].take();
        let code = |detail: &Value| detail["errorCode"].as_str().map(str::to_owned);
        details.as_array().and_then(|details| details.iter().find_map(code)).unwrap_or_default()
    }
}

/// What FCM knows the phone's app by.
pub(crate) fn registration(phone: &Phone) -> String {
    phone.snapshot().android.expect("Android").registration
}

/// Why the phone's screen did not change, the oldest first.
pub(crate) fn reasons(phone: &Phone) -> Vec<DropReason> {
    phone.snapshot().drops.iter().map(Drop::reason).collect()
}

/// The gates that the phone's newest card showed.
pub(crate) fn gates(phone: &Phone) -> Vec<String> {
    let cards = phone.snapshot().cards;
    let shown = cards.last().map(|card| card.shown.clone()).unwrap_or_default();
    let gate = |json: &str| serde_json::from_str::<Value>(json).expect("JSON")["gate"].take();
    let gates = shown.iter().map(|shown| gate(&shown.content_json));
    gates.map(|gate| gate.as_str().expect("a gate").to_owned()).collect()
}

/// A client that trusts the simulator and offers these protocols.
pub(crate) fn client(ca_pem: &str, protocols: &[&str]) -> reqwest::ClientBuilder {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("PEM")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    reqwest::Client::builder().tls_backend_preconfigured(tls).timeout(PATIENCE).no_proxy()
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

pub(crate) fn message(token: &str) -> Value {
    json!({"message": {
        "token": token,
        "android": {"priority": "HIGH", "ttl": "60s"},
        "data": {"tidings_event": "update"},
    }})
}

pub(crate) fn escape(text: &str) -> String {
    text.replace(':', "%3A").replace('=', "%3D")
}
