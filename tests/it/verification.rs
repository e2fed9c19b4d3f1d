//! What Apple and Google say about a credential when they are asked, which reaches nobody and changes nothing.

use crate::harness::World;
use crate::tables::Tables;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    ApnsEnvironment, CreateAppRequest, CreateCredentialRequest, ListCredentialsRequest, Platform,
    VerifyCredentialRequest, VerifyCredentialResponse,
};

const SANDBOX: i32 = ApnsEnvironment::Sandbox as i32;
const PRODUCTION: i32 = ApnsEnvironment::Production as i32;

impl World {
    /// An app of Apple's sandbox with this key alone; that Apple knows its bundle id is for the test to say.
    async fn app_with(&self, bundle_id: &str, key: &sim::Credential) -> String {
        let app = CreateAppRequest {
            name: bundle_id.to_owned(),
            platform: Platform::Ios.into(),
            bundle_id: bundle_id.to_owned(),
            default_environment: SANDBOX,
            ..CreateAppRequest::default()
        };
        let app = self.apps().create_app(app).await.expect("an app").into_inner();
        self.credential_of(CreateCredentialRequest {
            app_id: app.app.expect("an app").app_id,
            apns_key_p8: key.key_p8.clone(),
            key_id: key.key_id.clone(),
            team_id: key.team_id.clone(),
            ..CreateCredentialRequest::default()
        })
        .await
    }

    async fn credential_of(&self, request: CreateCredentialRequest) -> String {
        let made = self.apps().create_credential(request).await.expect("a credential");
        made.into_inner().credential.expect("a credential").credential_id
    }

    async fn verifies(&self, credential_id: &str, environment: i32) -> VerifyCredentialResponse {
        let credential_id = credential_id.to_owned();
        let request = VerifyCredentialRequest { credential_id, environment };
        self.apps().verify_credential(request).await.expect("an answer").into_inner()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apple_is_asked_whether_key_team_world_and_topic_fit() {
    let world = World::start().await;
    let simulator = &world.simulator;
    let good = simulator.credential().clone();
    let limited = simulator.create_credential_for(sim::World::Sandbox).expect("a key");
    let revoked = simulator.create_credential().expect("a key");
    assert!(simulator.revoke_credential(&revoked.key_id));
    let strange = sim::Credential { key_p8: revoked.key_p8.clone(), ..good.clone() };
    let team = sim::Credential { team_id: "STRANGERS1".to_owned(), ..good.clone() };
    let keys = [
        ("com.example.good", &good, SANDBOX, "BadDeviceToken"),
        ("com.example.both", &good, PRODUCTION, "BadDeviceToken"),
        ("com.example.limited", &limited, SANDBOX, "BadDeviceToken"),
        ("com.example.other", &limited, PRODUCTION, "BadEnvironmentKeyInToken"),
        ("com.example.revoked", &revoked, SANDBOX, "InvalidProviderToken"),
        ("com.example.strange", &strange, SANDBOX, "InvalidProviderToken"),
        ("com.example.team", &team, SANDBOX, "InvalidProviderToken"),
    ];
    for (bundle_id, key, environment, reason) in keys {
        simulator.add_bundle(bundle_id);
        let id = world.app_with(bundle_id, key).await;
        let before = Tables::read(world.database()).await;
        let found = world.verifies(&id, environment).await;
        let verified = reason == "BadDeviceToken";
        assert_eq!((found.verified, found.reason.as_str()), (verified, reason), "{bundle_id}");
        assert_eq!(found.environment, environment);
        assert_eq!(found.http_status, if verified { 400 } else { 403 }, "{bundle_id}");
        assert_eq!(found.remedy.is_empty(), verified, "{bundle_id}: {}", found.remedy);
        let after = Tables::read(world.database()).await;
        for table in ["credentials", "deliveries", "events", "request_ids"] {
            assert_eq!(before.rows(table), after.rows(table), "{bundle_id}: {table}");
        }
    }
    let unknown = world.app_with("com.example.unknown", &good).await;
    let found = world.verifies(&unknown, 0).await;
    assert_eq!((found.verified, found.reason.as_str()), (false, "TopicDisallowed"));
    assert_eq!(found.environment, SANDBOX, "the app's own, where none is named");
    world.stop().await;
}

/// What Google says of an app with the simulator's service account.
async fn google_says(world: &World) -> VerifyCredentialResponse {
    let app_id = world.create_android_app("com.example.flights").await;
    let listed = world.apps().list_credentials(ListCredentialsRequest { app_id }).await;
    let listed = listed.expect("credentials").into_inner().credentials;
    world.verifies(&listed[0].credential_id, 0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_is_asked_whether_it_takes_the_service_account() {
    let world = World::start().await;
    let found = google_says(&world).await;
    assert!(found.verified, "{found:?}");
    assert_eq!((found.environment, found.http_status, found.remedy.as_str()), (0, 400, ""));
    world.stop().await;

    let world = World::start().await;
    let denied = sim::FaultAnswer {
        status: 400,
        reason: "invalid_grant".to_owned(),
        ..sim::FaultAnswer::default()
    };
    let denied = sim::Fault {
        service: sim::FaultService::AccessTokens.into(),
        action: Some(sim::fault::Action::Answer(denied)),
        ..sim::Fault::default()
    };
    world.simulator.set_fault(denied).expect("room for a fault");
    let found = google_says(&world).await;
    assert_eq!((found.verified, found.reason.as_str()), (false, "ACCESS_REFUSED"));
    assert!(found.remedy.contains("service account"), "{}", found.remedy);
    world.stop().await;
}
