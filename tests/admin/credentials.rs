//! Credentials: two at most, checked, sealed.

use crate::server::{Server, answer, refusal, with_key, wrong_fields};
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
    let fields = ["apns_key_p8", "app_id", "key_id", "team_id", "environment"];
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
