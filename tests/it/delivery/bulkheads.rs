//! What fails of one credential: its breaker, what its owner is told, and that nobody else waits for it.

use super::*;
use crate::harness::scale;
use crate::tables::count;
use std::time::Instant;
use tidings::proto::v1::{CreateCredentialRequest, Credential, ListCredentialsRequest};

const FAILING: &str = "SELECT count(*) FROM events WHERE kind = 15 AND credential_id IS NOT NULL";
const RECOVERED: &str = "SELECT count(*) FROM events WHERE kind = 16 AND credential_id IS NOT NULL";
const TRAIN: &str = "TRAIN_1";
const TRAINS: &str = "com.example.trains";
/// Twice as many as are sent to at a time.
const FLIGHTS: usize = 32;
/// More than it takes to shut a breaker.
const PHONES: usize = 8;
/// Nobody waits longer for what is another's fault.
const UNDISTURBED: Duration = Duration::from_secs(4);

impl World {
    /// A flight that so many phones follow.
    async fn crowded(phones: usize) -> (Self, Vec<Phone>) {
        let world = World::start().await;
        let mut all = Vec::new();
        for number in 0..phones {
            all.push(world.phone(&format!("phone-{number}"), "18.2", "ada"));
        }
        for phone in &all {
            world.said_everything(phone).await;
        }
        world.start_flight(&["ada"]).await;
        for phone in &all {
            world.following(phone).await;
        }
        (world, all)
    }

    /// The credentials of the app, the oldest first.
    async fn credentials(&self) -> Vec<Credential> {
        let request = ListCredentialsRequest { app_id: self.app_id.clone() };
        let answer = self.apps().list_credentials(request).await.expect("a list");
        answer.into_inner().credentials
    }

    /// Waits until the tables say so.
    async fn counts(&self, sql: &'static str, wanted: i64) {
        let counted = async || (count(self.database(), sql).await >= wanted).then_some(());
        self.eventually(counted).await;
    }

    /// Whatever comes to the sandbox meets this, until it is released.
    fn fault_for_all(&self, action: sim::fault::Action) -> i64 {
        let fault = sim::Fault {
            world: sim::World::Sandbox.into(),
            action: Some(action),
            ..sim::Fault::default()
        };
        self.simulator.set_fault(fault).expect("room for a fault")
    }

    /// A phone with another app, whose credential is of another key.
    async fn passenger(&self) -> Phone {
        let app_id = self.create_app(TRAINS).await;
        let key = self.simulator.create_credential().expect("another key");
        let newer = CreateCredentialRequest {
            app_id: app_id.clone(),
            apns_key_p8: key.key_p8,
            key_id: key.key_id,
            team_id: key.team_id,
            ..CreateCredentialRequest::default()
        };
        self.apps().create_credential(newer).await.expect("a credential");
        let spec = sim::PhoneSpec {
            device_id: "passenger".to_owned(),
            os_version: "18.2".to_owned(),
            contact_key: Some("passenger".to_owned()),
            form_factor: sim::FormFactor::Phone.into(),
            ..sim::PhoneSpec::default()
        };
        let bundle_id = TRAINS.to_owned();
        let spec = sim::PhoneSpec { app_id, bundle_id, ..self.spec(spec) };
        let phone = self.simulator.create_phone(spec).expect("a phone");
        self.said_everything(&phone).await;
        phone
    }

    pub(super) async fn flies_for(&self, activity_id: &str, contact_key: &str) {
        let contact_keys = vec![contact_key.to_owned()];
        let request = StartActivityRequest {
            activity_id: activity_id.to_owned(),
            activity_type: "flight_status".to_owned(),
            attributes_json: Some(r#"{"flight":"TK1"}"#.to_owned()),
            content_state_json: Some(content("Scheduled")),
            audience: Some(Audience { contact_keys, ..Audience::default() }),
            alert: Some(alert("Start")),
            ..StartActivityRequest::default()
        };
        self.activities().start_activity(request).await.expect("started");
    }

    async fn update_of(&self, activity_id: &str, status: &str) {
        let request = UpdateActivityRequest {
            activity_id: activity_id.to_owned(),
            content_state_json: Some(content(status)),
            ..UpdateActivityRequest::default()
        };
        self.activities().update_activity(request).await.expect("accepted");
    }

    /// What the other key signs comes at once.
    async fn is_undisturbed(&self, passenger: &Phone, status: &str) {
        let begun = Instant::now();
        self.update_of(TRAIN, status).await;
        shows(passenger, 1, status).await;
        assert!(begun.elapsed() < UNDISTURBED, "{status}: {:?}", begun.elapsed());
    }

    fn refused_by_apple(&self, reason: &str) -> usize {
        let all = self.simulator.pushes(&sim::ListPushesRequest::default());
        all.iter().filter(|push| push.reason == reason).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_is_left_alone_said_to_fail_and_tried_until_it_works_again() {
    let (world, phones) = World::crowded(PHONES).await;
    let fault = world.fault_for_all(refusal(403, "InvalidProviderToken"));
    world.update("Gate").await;
    world.counts(FAILING, 1).await;
    let failing = world.credentials().await.remove(0);
    assert_eq!(failing.failing_reason, "InvalidProviderToken");
    assert!(failing.failing_time.is_some());
    for status in ["Boarding", "Closed", "In Air"] {
        world.update(status).await;
    }
    world.simulator.release_fault(Some(fault));
    for phone in &phones {
        shows(phone, 1, "In Air").await;
    }
    world.counts(RECOVERED, 1).await;
    let refused = world.refused_by_apple("InvalidProviderToken");
    assert!(refused <= PHONES + 2, "{refused} pushes met the fault: three more updates did not");
    let works = world.credentials().await.remove(0);
    assert_eq!((works.failing_time, works.failing_reason.as_str()), (None, ""));
    assert_eq!(count(world.database(), FAILING).await, 1, "it is said once");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_foreign_tokens_is_taken_for_a_wrong_environment_and_kills_none() {
    let crowd = 24;
    let (world, phones) = World::crowded(crowd).await;
    let fault = world.fault_for_all(refusal(400, "BadDeviceToken"));
    world.update("Gate").await;
    world.counts(FAILING, 1).await;
    let failing = world.credentials().await.remove(0);
    assert_eq!(failing.failing_reason, "WRONG_ENVIRONMENT");
    let rows = world.logged("phone-0", Operation::Update, 1).await;
    assert_eq!(rows[0].reason, "BadDeviceToken");
    assert!(rows[0].remedy.contains("environment"), "{}", rows[0].remedy);
    world.update("Boarding").await;
    world.simulator.release_fault(Some(fault));
    for phone in &phones {
        shows(phone, 1, "Boarding").await;
    }
    world.counts(RECOVERED, 1).await;
    let refused = world.refused_by_apple("BadDeviceToken");
    assert!(refused <= crowd + 2, "{refused}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_apple_and_a_revoked_key_hold_nobody_else_up() {
    let world = World::start().await;
    let mut flights = Vec::new();
    for number in 0..FLIGHTS * scale() {
        let name = format!("flight-{number}");
        let phone = world.ready_phone(&name, &name).await;
        world.flies_for(&name, &name).await;
        flights.push((name, phone));
    }
    for (name, phone) in &flights {
        shows(phone, 1, "Scheduled").await;
        world.settled(name).await;
        let stall = sim::fault::Action::Stall(sim::FaultStall {});
        world.fault(phone, "update", stall);
    }
    let passenger = world.passenger().await;
    world.flies_for(TRAIN, "passenger").await;
    shows(&passenger, 1, "Scheduled").await;

    for (name, _) in &flights {
        world.update_of(name, "Gate").await;
    }
    world.is_undisturbed(&passenger, "While Apple is silent").await;
    let revoked = world.simulator.credential().key_id.clone();
    assert!(world.simulator.revoke_credential(&revoked));
    for (name, _) in &flights {
        world.update_of(name, "Boarding").await;
    }
    world.is_undisturbed(&passenger, "While a key is refused").await;
    world.counts(FAILING, 1).await;
    world.is_undisturbed(&passenger, "While it is left alone").await;
    world.stop().await;
}
