//! The transport to Google against the simulator's FCM, which checks messages and access as Google does and knows
//! nothing of ours.

use bytes::Bytes;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tidings::clock::{Clock, Time};
use tidings::domain::content::Content;
use tidings::domain::ids::{CredentialId, DeviceKey};
use tidings::domain::outcome::{Class, Outcome, Rejection};
use tidings::domain::payload::fcm::{DATA_BYTES_MAX, Message, Notification, UPDATE_TTL};
use tidings::domain::platform::DataKeys;
use tidings::domain::push::{Alert, Operation};
use tidings::proto::simulator_v1::fault::Action;
use tidings::proto::simulator_v1::{
    Fault, FaultAnswer, FaultGoAway, FaultService, ListFcmSendsRequest,
};
use tidings::provider::fcm::{Batch, Config, Fcm, Push, ServiceAccount, Target};
use tidings::simulator::{self, Limits, Simulator};

const PACKAGE: &str = "com.example.flights";

/// Google, and a transport to it.
struct World {
    simulator: Simulator,
    fcm: Fcm,
    account: Arc<ServiceAccount>,
}

impl World {
    async fn start() -> Self {
        Self::with(simulator::Config::default()).await
    }

    async fn with(config: simulator::Config) -> Self {
        let clock = Clock::system();
        let simulator = simulator::start(config, clock.clone()).await.expect("a simulator");
        let ca_file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(ca_file.path(), simulator.ca_pem()).expect("written");
        let config = Config {
            base_url: simulator.fcm_url(),
            token_url: simulator.fcm_token_url(),
            ca_file: Some(ca_file.path().to_owned()),
            ..Config::default()
        };
        let fcm = Fcm::new(config, clock).expect("a transport");
        let account = account(simulator.service_account_json());
        World { simulator, fcm, account }
    }

    fn token(&self) -> Target {
        self.registration(self.simulator.project_id(), false)
    }

    fn registration(&self, project_id: &str, as_id: bool) -> Target {
        let made = self.simulator.register_app(project_id, PACKAGE, as_id).expect("a registration");
        let made = SecretString::from(made);
        if as_id { Target::InstallationId(made) } else { Target::Token(made) }
    }

    /// The outcomes in the order of the pushes.
    async fn send_by(
        &self,
        (account, project_id): (&Arc<ServiceAccount>, &str),
        pushes: Vec<(Target, Bytes)>,
    ) -> Vec<Outcome> {
        let count = pushes.len();
        let pushes = pushes.into_iter().enumerate().map(|(index, (target, message))| Push {
            index,
            device: DeviceKey::generate(),
            target,
            message,
        });
        let batch = Batch {
            project_id: project_id.into(),
            credential: account.clone(),
            pushes: pushes.collect(),
        };
        let mut answers = self.fcm.send(batch);
        let mut outcomes = vec![None; count];
        while let Some(answer) = answers.recv().await {
            outcomes[answer.index] = Some(answer.outcome);
        }
        outcomes.into_iter().map(|outcome| outcome.expect("an answer")).collect()
    }

    async fn send(&self, pushes: Vec<(Target, Bytes)>) -> Vec<Outcome> {
        self.send_by((&self.account, self.simulator.project_id()), pushes).await
    }

    async fn send_one(&self, target: Target, message: Bytes) -> Outcome {
        self.send(vec![(target, message)]).await.remove(0)
    }

    fn fault(&self, action: Action, count: i64) {
        let service = FaultService::Fcm.into();
        let fault = Fault { action: Some(action), service, count, ..Fault::default() };
        self.simulator.set_fault(fault).expect("a fault");
    }
}

fn account(json: &str) -> Arc<ServiceAccount> {
    Arc::new(ServiceAccount { id: CredentialId::generate(), json: SecretString::from(json) })
}

fn content(text: &str) -> Content {
    Content::parse(text).expect("content")
}

fn alert() -> Alert {
    Alert { title: "Boarding".into(), body: "Gate \"B12\" 🛫".into(), ..Alert::default() }
}

fn message<'a>(attributes: &'a Content, content_state: &'a Content) -> Message<'a> {
    Message {
        keys: DataKeys::Tidings,
        activity_id: "flight-TK1983",
        run: 1,
        operation: Operation::Update,
        revision: 2,
        activity_type: "flight",
        attributes,
        content_state,
        timestamp: Time(1_790_000_000_000),
        stale_time: None,
        dismiss_time: None,
        alert: None,
        message_id: "0190",
        ttl: UPDATE_TTL,
    }
}

fn update() -> Bytes {
    message(&content(r#"{"flight":"TK1983"}"#), &content(r#"{"gate":"B12"}"#)).build()
}

fn rejection(outcome: &Outcome) -> &Rejection {
    let Outcome::Rejected(rejection) = outcome else { panic!("{outcome:?}") };
    rejection
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { unique_id: Some(name) } if name.contains("/messages/"))
}

#[tokio::test]
async fn google_takes_every_kind_of_message_by_token_and_by_installation_id() {
    let world = World::start().await;
    let (attributes, state) = (content(r#"{"flight":"TK1983"}"#), content(r#"{"gate":"é\n"}"#));
    let (alert, later) = (alert(), Some(Time(1_790_000_600_000)));
    let mut messages = Vec::new();
    for keys in [DataKeys::Tidings, DataKeys::Sendora] {
        for operation in [Operation::Start, Operation::Update, Operation::End] {
            let plain = Message { keys, operation, ..message(&attributes, &state) };
            let full =
                Message { stale_time: later, dismiss_time: later, alert: Some(&alert), ..plain };
            messages.extend([plain.build(), full.build()]);
        }
    }
    let notification = Notification {
        activity_id: "flight-TK1983",
        run: 1,
        alert: &alert,
        message_id: "0190",
        ttl: Duration::from_mins(5),
    };
    messages.push(notification.build());
    let project = world.simulator.project_id();
    for as_id in [false, true] {
        let pushes: Vec<_> = messages
            .iter()
            .map(|message| (world.registration(project, as_id), message.clone()))
            .collect();
        let outcomes = world.send(pushes).await;
        assert!(outcomes.iter().all(is_accepted), "{outcomes:?}");
    }
    let sends = world.simulator.fcm_sends(&ListFcmSendsRequest::default());
    assert!(sends.iter().all(|send| send.http2 && send.taken));
    assert_eq!(world.simulator.access_token_requests(), 1);
}

#[tokio::test]
async fn the_largest_message_that_we_allow_is_one_that_google_takes() {
    let world = World::start().await;
    let (attributes, empty) = (content(r#"{"flight":"TK1983"}"#), content(r#"{"a":""}"#));
    let room = DATA_BYTES_MAX - message(&attributes, &empty).size().total;
    for (more, fits) in [(0, true), (1, false)] {
        let state = content(&format!(r#"{{"a":"{}"}}"#, "x".repeat(room + more)));
        let outcome = world.send_one(world.token(), message(&attributes, &state).build()).await;
        assert_eq!(is_accepted(&outcome), fits, "{outcome:?}");
        if !fits {
            assert_eq!(rejection(&outcome).class, Class::Request);
        }
    }
}

#[tokio::test]
async fn only_a_registration_that_is_gone_or_none_counts_as_dead() {
    let world = World::start().await;
    let Target::Token(gone) = world.token() else { panic!("a token") };
    assert!(world.simulator.kill_token(secrecy::ExposeSecret::expose_secret(&gone)));
    world.simulator.create_service_account("another-project").expect("a project");
    let cases = [
        (Target::Token(gone), (404, "UNREGISTERED", true)),
        (Target::Token("nonsense".into()), (400, "INVALID_REGISTRATION", true)),
        (world.registration("another-project", false), (403, "SENDER_ID_MISMATCH", false)),
    ];
    for (target, (status, reason, is_dead)) in cases {
        let outcome = world.send_one(target, update()).await;
        let read = rejection(&outcome);
        assert_eq!((read.status, read.reason.as_str(), read.class), (status, reason, Class::Token));
        assert_eq!(read.is_about_a_dead_token(), is_dead);
    }
    let nowhere = (&world.account, "nowhere-1");
    let outcomes = world.send_by(nowhere, vec![(world.token(), update())]).await;
    let read = rejection(&outcomes[0]);
    assert_eq!(read.class, Class::Configuration, "{read:?}");
    assert!(!read.is_about_a_dead_token());
}

#[tokio::test]
async fn access_that_ended_is_renewed_within_the_push() {
    let world = World::start().await;
    assert!(is_accepted(&world.send_one(world.token(), update()).await));
    world.simulator.expire_access_tokens();
    let pushes = (0..50).map(|_| (world.token(), update())).collect();
    let outcomes = world.send(pushes).await;
    assert!(outcomes.iter().all(is_accepted), "{outcomes:?}");
    assert_eq!(world.simulator.access_token_requests(), 2);
}

#[tokio::test]
async fn a_disabled_account_is_told_as_such_and_asks_once() {
    let world = World::start().await;
    let json: serde_json::Value =
        serde_json::from_str(world.simulator.service_account_json()).expect("JSON");
    let email = json["client_email"].as_str().expect("an address");
    assert!(world.simulator.disable_service_account(email));
    for _ in 0..5 {
        let outcome = world.send_one(world.token(), update()).await;
        assert_eq!(outcome, Outcome::NotSent { reason: "ACCESS_REFUSED" });
    }
    assert_eq!(world.simulator.access_token_requests(), 1);
    assert_eq!(world.simulator.fcm_sends_received(), 0);
}

#[tokio::test]
async fn a_crowd_is_pushed_to_over_few_connections_and_each_is_answered() {
    const CROWD: usize = 1_000;
    let world = World::start().await;
    let pushes = (0..CROWD).map(|_| (world.token(), update())).collect();
    let outcomes = world.send(pushes).await;
    assert!(outcomes.iter().all(is_accepted));
    assert_eq!(world.simulator.fcm_sends_received(), i64::try_from(CROWD).expect("a number"));
}

#[tokio::test]
async fn a_connection_that_google_closes_costs_no_push() {
    let world = World::start().await;
    assert!(is_accepted(&world.send_one(world.token(), update()).await));
    world.fault(Action::GoAway(FaultGoAway::default()), 3);
    let pushes = (0..300).map(|_| (world.token(), update())).collect();
    let outcomes = world.send(pushes).await;
    let lost = outcomes.iter().filter(|outcome| !is_accepted(outcome)).count();
    assert!(lost <= 3, "{lost} of 300: {:?}", outcomes.iter().find(|o| !is_accepted(o)));
    assert!(is_accepted(&world.send_one(world.token(), update()).await));
}

#[tokio::test]
async fn a_project_over_its_quota_is_left_alone() {
    let fcm_quotas = Limits { project_minute: 20, ..Limits::default() };
    let world = World::with(simulator::Config { fcm_quotas, ..Default::default() }).await;
    for number in 1..=21 {
        let outcome = world.send_one(world.token(), update()).await;
        assert_eq!(is_accepted(&outcome), number <= 20, "{number}: {outcome:?}");
    }
    let pushes = (0..100).map(|_| (world.token(), update())).collect();
    let put_off = |outcome: &Outcome| {
        matches!(outcome, Outcome::Postponed { until, .. }
        if *until > Clock::system().now())
    };
    assert!(world.send(pushes).await.iter().all(put_off));
    assert_eq!(world.simulator.fcm_sends_received(), 21);
}

#[tokio::test]
async fn an_outage_is_felt_by_a_few_pushes_and_then_waited_out() {
    let world = World::start().await;
    let answer = FaultAnswer { status: 503, retry_after: 30, ..FaultAnswer::default() };
    world.fault(Action::Answer(answer), 0);
    for _ in 0..5 {
        let outcome = world.send_one(world.token(), update()).await;
        assert_eq!(rejection(&outcome).retry_after, Some(Duration::from_secs(30)));
    }
    let outcome = world.send_one(world.token(), update()).await;
    assert!(matches!(outcome, Outcome::Postponed { .. }), "{outcome:?}");
}
