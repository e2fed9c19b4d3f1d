//! Credentials: two at most, checked, sealed.

use crate::server::{Server, answer, new_android_app, refusal, with_key, wrong_fields};
use std::fs;
use tidings::proto::v1::{
    ApnsEnvironment, CreateCredentialRequest, DeleteAppRequest, DeleteCredentialRequest,
    ListCredentialsRequest,
};
use tonic::Code;

/// A new key as Apple gives it out.
pub(crate) fn key_p8() -> String {
    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    rcgen::KeyPair::generate_for(algorithm).expect("a key").serialize_pem()
}

fn new_credential(app_id: &str, key_id: &str) -> CreateCredentialRequest {
    CreateCredentialRequest {
        app_id: app_id.to_owned(),
        apns_key_p8: key_p8(),
        key_id: key_id.to_owned(),
        team_id: "TEAM123456".to_owned(),
        ..CreateCredentialRequest::default()
    }
}

#[tokio::test]
async fn an_app_has_two_credentials_at_most_so_that_a_rotation_has_no_gap() {
    let server = Server::start().await;
    let app_id = server.app("com.example.flights").await;
    let create = |key_id: &str| server.request(new_credential(&app_id, key_id));
    let list = || server.request(ListCredentialsRequest { app_id: app_id.clone() });
    let first = answer(server.apps().create_credential(create("KEY0000001")).await);
    let twice = server.apps().create_credential(create("KEY0000001")).await;
    assert_eq!(refusal(twice), (Code::AlreadyExists, "ALREADY_EXISTS".to_owned()));
    server.clock.advance(std::time::Duration::from_secs(1));
    answer(server.apps().create_credential(create("KEY0000002")).await);
    let third = server.apps().create_credential(create("KEY0000003")).await;
    assert_eq!(refusal(third), (Code::ResourceExhausted, "LIMIT_REACHED".to_owned()));
    let listed = answer(server.apps().list_credentials(list()).await).credentials;
    let key_ids: Vec<&str> = listed.iter().map(|known| known.key_id.as_str()).collect();
    assert_eq!(key_ids, ["KEY0000002", "KEY0000001"]);

    let credential_id = first.credential.expect("a credential").credential_id;
    let delete = DeleteCredentialRequest { credential_id, ..Default::default() };
    answer(server.apps().delete_credential(server.request(delete.clone())).await);
    let again = server.apps().delete_credential(server.request(delete)).await;
    assert_eq!(refusal(again).1, "NOT_FOUND");
    answer(server.apps().create_credential(create("KEY0000003")).await);

    let delete = DeleteAppRequest { app_id: app_id.clone(), ..DeleteAppRequest::default() };
    answer(server.apps().delete_app(server.request(delete)).await);
    assert_eq!(refusal(server.apps().list_credentials(list()).await).1, "NOT_FOUND");
    server.stop().await;
}

/// An account with a key that some simulator made: a real one, and nobody's.
fn service_account(project_id: &str, private_key_id: &str) -> String {
    let private_key = include_str!("../../src/simulator/fcm/keys/first.pem");
    serde_json::json!({
        "type": "service_account",
        "project_id": project_id,
        "private_key_id": private_key_id,
        "private_key": private_key,
        "client_email": "push@flights-1711.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string()
}

#[tokio::test]
async fn an_android_app_takes_a_service_account_of_its_own_project_and_shows_whose_it_is() {
    let server = Server::start().await;
    let request = server.request(new_android_app("com.example.flights"));
    let app_id = answer(server.apps().create_app(request).await).app.expect("an app").app_id;
    let create = |service_account_json: String| {
        server.request(CreateCredentialRequest {
            app_id: app_id.clone(),
            service_account_json,
            ..CreateCredentialRequest::default()
        })
    };
    let foreign =
        server.apps().create_credential(create(service_account("others-1711", "1"))).await;
    assert_eq!(wrong_fields(foreign), ["service_account_json"]);
    let refused = server.apps().create_credential(create("no JSON".to_owned())).await;
    assert_eq!(wrong_fields(refused), ["service_account_json"]);
    let refused = server.apps().create_credential(create("{}".to_owned())).await;
    let members = ["project_id", "client_email", "private_key"];
    assert_eq!(wrong_fields(refused), members.map(|m| format!("service_account_json.{m}")));
    let apples = server.request(new_credential(&app_id, "KEY0000001"));
    let apples = server.apps().create_credential(apples).await;
    assert_eq!(wrong_fields(apples), ["service_account_json"]);
    let both = CreateCredentialRequest {
        service_account_json: service_account("flights-1711", "1"),
        ..new_credential(&app_id, "KEY0000001")
    };
    let both = server.apps().create_credential(server.request(both)).await;
    assert_eq!(wrong_fields(both), ["apns_key_p8", "key_id", "team_id"]);

    let made = server.apps().create_credential(create(service_account("flights-1711", "1"))).await;
    let made = answer(made).credential.expect("a credential");
    assert_eq!(made.client_email, "push@flights-1711.iam.gserviceaccount.com");
    assert_eq!((made.private_key_id.as_str(), made.key_id.as_str()), ("1", ""));
    let twice = server.apps().create_credential(create(service_account("flights-1711", "1"))).await;
    assert_eq!(refusal(twice).1, "ALREADY_EXISTS");

    let ios = server.app("com.example.flights").await;
    let misplaced = CreateCredentialRequest {
        app_id: ios,
        service_account_json: service_account("flights-1711", "2"),
        ..CreateCredentialRequest::default()
    };
    let refused = server.apps().create_credential(server.request(misplaced)).await;
    assert_eq!(wrong_fields(refused), ["apns_key_p8"]);
    server.stop().await;
}

#[tokio::test]
async fn a_credential_of_another_workspace_is_not_found() {
    let server = Server::start().await;
    let app_id = server.app("com.example.flights").await;
    let create = server.request(new_credential(&app_id, "KEY0000001"));
    let made = answer(server.apps().create_credential(create).await);
    let key = server.key(&server.workspace("other").await, &["admin"]).await;
    let credential_id = made.credential.expect("a credential").credential_id;
    let delete = DeleteCredentialRequest { credential_id, ..DeleteCredentialRequest::default() };
    let refused = server.apps().delete_credential(with_key(&key, delete.clone())).await;
    assert_eq!(refusal(refused), (Code::NotFound, "NOT_FOUND".to_owned()));
    answer(server.apps().delete_credential(server.request(delete)).await);
    server.stop().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_new_credential_is_named() {
    let server = Server::start().await;
    let request = CreateCredentialRequest {
        apns_key_p8: "-----BEGIN PRIVATE KEY-----".to_owned(),
        key_id: "short".to_owned(),
        team_id: "TEAM-12345".to_owned(),
        environment: 9,
        ..CreateCredentialRequest::default()
    };
    let refused = server.apps().create_credential(server.request(request)).await;
    let fields = ["app_id", "apns_key_p8", "key_id", "team_id", "environment"];
    assert_eq!(wrong_fields(refused), fields);
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_sealed_before_it_is_kept() {
    let server = Server::start().await;
    let app_id = server.app("com.example.flights").await;
    let request = CreateCredentialRequest {
        request_id: "once".to_owned(),
        environment: ApnsEnvironment::Sandbox.into(),
        ..new_credential(&app_id, "KEY0000001")
    };
    let made = answer(server.apps().create_credential(server.request(request.clone())).await);
    let again = answer(server.apps().create_credential(server.request(request.clone())).await);
    assert!(again.replayed && again.credential == made.credential);
    assert_eq!(made.credential.expect("one").environment(), ApnsEnvironment::Sandbox);
    let line = request.apns_key_p8.lines().nth(1).expect("base64").as_bytes();
    for file in fs::read_dir(server.folder()).expect("a folder") {
        let bytes = fs::read(file.expect("a file").path()).expect("its bytes");
        assert!(!bytes.windows(line.len()).any(|part| part == line));
    }
    server.stop().await;
}
