//! Repeats: one `request_id`, one effect.

use crate::server::{Server, answer, new_app, refusal, with_key};
use std::time::Duration;
use tidings::proto::v1::{
    CreateAppRequest, DeleteAppRequest, ListAppsRequest, UpdateWorkspaceRequest,
};
use tonic::Code;

fn repeatable(request_id: &str, bundle_id: &str) -> CreateAppRequest {
    CreateAppRequest { request_id: request_id.to_owned(), ..new_app(bundle_id) }
}

async fn apps(server: &Server) -> usize {
    let list = server.apps().list_apps(server.request(ListAppsRequest::default())).await;
    answer(list).apps.len()
}

#[tokio::test]
async fn a_repeat_returns_the_first_answer_and_does_nothing() {
    let server = Server::start().await;
    let request = repeatable("r-1", "com.example.flights");
    let first = answer(server.apps().create_app(server.request(request.clone())).await);
    let again = answer(server.apps().create_app(server.request(request)).await);
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.app, again.app);
    assert_eq!(apps(&server).await, 1);

    let app_id = first.app.expect("an app").app_id;
    let delete = DeleteAppRequest { request_id: "r-2".to_owned(), app_id };
    assert!(!answer(server.apps().delete_app(server.request(delete.clone())).await).replayed);
    assert!(answer(server.apps().delete_app(server.request(delete)).await).replayed);
    server.stop().await;
}

#[tokio::test]
async fn another_request_with_the_same_id_is_refused_and_another_method_is_not() {
    let server = Server::start().await;
    answer(server.apps().create_app(server.request(repeatable("r-1", "com.example.a"))).await);
    let other = server.apps().create_app(server.request(repeatable("r-1", "com.example.b"))).await;
    assert_eq!(refusal(other), (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()));
    assert_eq!(apps(&server).await, 1);
    let workspace_id = server.workspace("other").await;
    let rename = UpdateWorkspaceRequest {
        request_id: "r-1".to_owned(),
        workspace_id: workspace_id.clone(),
        name: "another".to_owned(),
        ..UpdateWorkspaceRequest::default()
    };
    answer(server.workspaces().update_workspace(server.request(rename)).await);
    let key = server.key(&workspace_id, &["admin"]).await;
    let elsewhere = repeatable("r-1", "com.example.b");
    assert!(!answer(server.apps().create_app(with_key(&key, elsewhere)).await).replayed);
    server.stop().await;
}

#[tokio::test]
async fn a_refused_request_may_be_mended_and_made_again_with_its_id() {
    let server = Server::start().await;
    server.app("com.example.a").await;
    let refused =
        server.apps().create_app(server.request(repeatable("r-1", "com.example.a"))).await;
    assert_eq!(refusal(refused).1, "ALREADY_EXISTS");
    let mended = server.apps().create_app(server.request(repeatable("r-1", "com.example.b"))).await;
    assert!(!answer(mended).replayed);
    server.stop().await;
}

#[tokio::test]
async fn twenty_at_once_have_one_effect() {
    let server = Server::start().await;
    let calls = (0..20).map(|_| {
        let mut client = server.apps();
        let request = server.request(repeatable("r-1", "com.example.flights"));
        async move { answer(client.create_app(request).await) }
    });
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.app == answers[0].app));
    assert_eq!(apps(&server).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn an_id_is_forgotten_after_a_day() {
    let server = Server::start().await;
    answer(server.apps().create_app(server.request(repeatable("r-1", "com.example.a"))).await);
    server.clock.advance(Duration::from_hours(24));
    let later = server.apps().create_app(server.request(repeatable("r-1", "com.example.b"))).await;
    assert!(!answer(later).replayed);
    server.stop().await;
}
