//! Keys: who is let in, and what is kept of a key.

use crate::server::{Server, answer, refusal, with_key, wrong_fields};
use prost_types::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use std::fs;
use std::time::Duration;
use tidings::domain::ids::ApiKeyId;
use tidings::proto::v1::{
    CreateApiKeyRequest, DeleteApiKeyRequest, GetWorkspaceRequest, ListApiKeysRequest,
    ListAppsRequest,
};
use tidings::secrets::ApiKey;
use tidings::service::api_keys;
use tidings::store::{self, Lane};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

async fn refused_text(server: &Server, request: Request<ListAppsRequest>) -> String {
    let status = server.apps().list_apps(request).await.expect_err("no good key");
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.get_details_error_info().expect("ErrorInfo").reason, "KEY_INVALID");
    status.message().to_owned()
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_the_answer_is_the_same() {
    let server = Server::start().await;
    let list = ListAppsRequest::default();
    let none = refused_text(&server, Request::new(list.clone())).await;
    let cut = &server.admin[..server.admin.len() - 1];
    let near = format!("{cut}{}", if server.admin.ends_with('x') { 'y' } else { 'x' });
    let random = server.admin.rsplit('_').next().expect("the random part");
    let unknown = format!("tdg_live_secret_{}_{random}", ApiKeyId::generate().0.simple());
    let publishable = server.admin.replace("secret", "publishable");
    for key in ["", "nonsense", &near, &unknown, &publishable, &format!("{}x", server.admin)] {
        assert_ne!(key, server.admin);
        assert_eq!(refused_text(&server, with_key(key, list.clone())).await, none, "{key}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_taken_from_either_header() {
    let server = Server::start().await;
    answer(server.apps().list_apps(server.request(ListAppsRequest::default())).await);
    let mut request = Request::new(ListAppsRequest::default());
    request.metadata_mut().insert("x-api-key", server.admin.parse().expect("a header"));
    answer(server.apps().list_apps(request).await);
    server.stop().await;
}

#[tokio::test]
async fn health_needs_no_key() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    answer(health.check(HealthCheckRequest::default()).await);
    drop(health);
    server.stop().await;
}

#[tokio::test]
async fn a_missing_scope_is_named_and_writing_includes_reading() {
    let server = Server::start().await;
    let key = server.key("", &["activities:write", "devices:read"]).await;
    let status = server
        .apps()
        .list_apps(with_key(&key, ListAppsRequest::default()))
        .await
        .expect_err("a missing scope");
    let info = status.get_details_error_info().expect("ErrorInfo");
    assert_eq!((status.code(), info.reason.as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
    assert_eq!(info.metadata["scope"], "admin");
    let list = tidings::proto::v1::ListActivityTypesRequest::default();
    answer(server.types().list_activity_types(with_key(&key, list)).await);
    server.stop().await;
}

#[tokio::test]
async fn an_expired_key_is_refused_and_a_past_expiry_too() {
    let server = Server::start().await;
    let now = server.clock.now().seconds();
    let request = |seconds| CreateApiKeyRequest {
        name: "short".to_owned(),
        scopes: vec!["admin".to_owned()],
        expire_time: Some(Timestamp { seconds, nanos: 0 }),
        ..CreateApiKeyRequest::default()
    };
    let past = server.keys().create_api_key(server.request(request(now))).await;
    assert_eq!(wrong_fields(past), ["expire_time"]);
    let made = answer(server.keys().create_api_key(server.request(request(now + 60))).await);
    let list = ListAppsRequest::default();
    answer(server.apps().list_apps(with_key(&made.secret, list.clone())).await);
    server.clock.advance(Duration::from_mins(1));
    refused_text(&server, with_key(&made.secret, list)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_key_is_refused_at_once_here_and_within_five_seconds_elsewhere() {
    let server = Server::start().await;
    let list = ListAppsRequest::default();
    let keys = [server.key("", &["admin"]).await, server.key("", &["admin"]).await];
    for key in &keys {
        answer(server.apps().list_apps(with_key(key, list.clone())).await);
    }
    let ids = keys.each_ref().map(|key| ApiKey::parse(key).expect("a key").id);
    let api_key_id = format!("key_{}", ids[0].simple());
    let request = DeleteApiKeyRequest { api_key_id, ..DeleteApiKeyRequest::default() };
    answer(server.keys().delete_api_key(server.request(request.clone())).await);
    refused_text(&server, with_key(&keys[0], list.clone())).await;
    let again = server.keys().delete_api_key(server.request(request)).await;
    assert_eq!(refusal(again), (Code::NotFound, "NOT_FOUND".to_owned()));

    // As another replica does it: this one does not hear of it.
    let id = ApiKeyId(ids[1]);
    let deleted = server.store.write(Lane::Accept, move |tx| {
        Box::pin(async move {
            let key = store::api_keys::find_all_workspaces(tx, id).await?.expect("the key");
            store::api_keys::delete(tx, key.workspace, id).await
        })
    });
    assert!(deleted.await.expect("a database"));
    server.clock.advance(Duration::from_millis(4_999));
    answer(server.apps().list_apps(with_key(&keys[1], list.clone())).await);
    server.clock.advance(Duration::from_millis(1));
    refused_text(&server, with_key(&keys[1], list)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_shown_once_and_kept_nowhere() {
    let server = Server::start().await;
    let request = CreateApiKeyRequest {
        request_id: "once".to_owned(),
        name: "backend".to_owned(),
        scopes: vec!["activities:write".to_owned()],
        ..CreateApiKeyRequest::default()
    };
    let first = answer(server.keys().create_api_key(server.request(request.clone())).await);
    let again = answer(server.keys().create_api_key(server.request(request)).await);
    assert!(first.secret.starts_with("tdg_live_secret_") && !first.replayed);
    assert_eq!((again.secret.as_str(), again.replayed), ("", true));
    assert_eq!(again.api_key, first.api_key);
    let random = first.secret.rsplit('_').next().expect("the random part").as_bytes();
    for file in fs::read_dir(server.folder()).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).expect("its bytes");
        assert!(!bytes.windows(random.len()).any(|part| part == random), "{}", path.display());
    }
    server.stop().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_new_key_is_named() {
    let server = Server::start().await;
    let request = CreateApiKeyRequest {
        request_id: "x".repeat(257),
        scopes: vec!["root".to_owned()],
        expire_time: Some(Timestamp { seconds: i64::MAX, nanos: 0 }),
        ..CreateApiKeyRequest::default()
    };
    let refused = server.keys().create_api_key(server.request(request)).await;
    assert_eq!(wrong_fields(refused), ["request_id", "name", "scopes[0]", "expire_time"]);
    server.stop().await;
}

#[tokio::test]
async fn keys_of_a_workspace_are_listed_in_the_order_of_their_making() {
    let server = Server::start().await;
    let workspace_id = server.workspace("other").await;
    let keys =
        [server.key(&workspace_id, &["admin"]).await, server.key(&workspace_id, &["admin"]).await];
    let request = ListApiKeysRequest { workspace_id, ..ListApiKeysRequest::default() };
    let listed = answer(server.keys().list_api_keys(server.request(request)).await).api_keys;
    let ids = keys.map(|key| format!("key_{}", ApiKey::parse(&key).expect("a key").id.simple()));
    assert_eq!(listed.iter().map(|key| key.api_key_id.clone()).collect::<Vec<_>>(), ids);
    let workspace_id = "ws_00000000000000000000000000000000".to_owned();
    let request = ListApiKeysRequest { workspace_id, ..ListApiKeysRequest::default() };
    let refused = server.keys().list_api_keys(server.request(request)).await;
    assert_eq!(refusal(refused).1, "NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn only_an_empty_database_gets_a_first_key() {
    let server = Server::start().await;
    let again = api_keys::bootstrap(&server.service, None).await.expect("a database");
    assert!(again.is_none());
    let given = SecretString::from(server.admin.replace("live", "test"));
    api_keys::bootstrap(&server.service, Some(&given)).await.expect("a database");
    refused_text(&server, with_key(given.expose_secret(), ListAppsRequest::default())).await;
    let own = server.request(GetWorkspaceRequest::default());
    let own = answer(server.workspaces().get_workspace(own).await);
    assert_eq!(own.workspace.expect("a workspace").name, "default");
    let bad = api_keys::bootstrap(&server.service, Some(&"password".into())).await;
    assert_eq!(bad.expect_err("no key").violations[0].field, "security.bootstrap_key");
    server.stop().await;
}
