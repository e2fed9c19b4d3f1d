//! Workspaces: kept by admins, and walls between tenants.

use crate::server::{Server, answer, new_app, refusal, with_key, wrong_fields};
use tidings::proto::v1::{
    App, CreateCredentialRequest, CreateWorkspaceRequest, DeleteAppRequest, DeleteWorkspaceRequest,
    GetAppRequest, GetWorkspaceRequest, ListAppsRequest, ListCredentialsRequest,
    ListWorkspacesRequest, UpdateAppRequest, UpdateWorkspaceRequest,
};
use tonic::Code;

fn delete(workspace_id: &str) -> DeleteWorkspaceRequest {
    let workspace_id = workspace_id.to_owned();
    DeleteWorkspaceRequest { workspace_id, ..DeleteWorkspaceRequest::default() }
}

#[tokio::test]
async fn a_workspace_is_made_renamed_and_deleted() {
    let server = Server::start().await;
    let workspace_id = server.workspace("airline").await;
    let get = GetWorkspaceRequest { workspace_id: workspace_id.clone() };
    let found = answer(server.workspaces().get_workspace(server.request(get.clone())).await);
    assert_eq!(found.workspace.expect("a workspace").name, "airline");

    let rename = |name: &str| UpdateWorkspaceRequest {
        workspace_id: workspace_id.clone(),
        name: name.to_owned(),
        ..UpdateWorkspaceRequest::default()
    };
    let taken = server.workspaces().update_workspace(server.request(rename("default"))).await;
    assert_eq!(refusal(taken), (Code::AlreadyExists, "ALREADY_EXISTS".to_owned()));
    let renamed = server.workspaces().update_workspace(server.request(rename("flights"))).await;
    assert_eq!(answer(renamed).workspace.expect("a workspace").name, "flights");

    answer(server.workspaces().delete_workspace(server.request(delete(&workspace_id))).await);
    let gone = server.workspaces().get_workspace(server.request(get)).await;
    assert_eq!(refusal(gone), (Code::NotFound, "NOT_FOUND".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn a_workspace_with_apps_or_that_of_the_key_is_in_use() {
    let server = Server::start().await;
    let workspace_id = server.workspace("airline").await;
    let key = server.key(&workspace_id, &["admin"]).await;
    answer(server.apps().create_app(with_key(&key, new_app("com.example.flights"))).await);
    let refused = server.workspaces().delete_workspace(server.request(delete(&workspace_id))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "IN_USE".to_owned()));

    let empty = server.workspace("empty").await;
    let own = server.key(&empty, &["admin"]).await;
    let refused = server.workspaces().delete_workspace(with_key(&own, delete(&empty))).await;
    assert_eq!(refusal(refused).1, "IN_USE");
    answer(server.workspaces().delete_workspace(server.request(delete(&empty))).await);
    let own = server.apps().list_apps(with_key(&own, ListAppsRequest::default())).await;
    assert_eq!(refusal(own).1, "KEY_INVALID");
    server.stop().await;
}

#[tokio::test]
async fn a_second_workspace_of_a_name_and_a_bad_name_are_refused() {
    let server = Server::start().await;
    let create = |name: &str| {
        let request =
            CreateWorkspaceRequest { name: name.to_owned(), ..CreateWorkspaceRequest::default() };
        server.request(request)
    };
    let refused = server.workspaces().create_workspace(create("default")).await;
    assert_eq!(refusal(refused).1, "ALREADY_EXISTS");
    for bad in ["", "a\nb", &"x".repeat(257)] {
        let refused = server.workspaces().create_workspace(create(bad)).await;
        assert_eq!(wrong_fields(refused), ["name"]);
    }
    let request = CreateWorkspaceRequest { delivery_labels: 9, ..Default::default() };
    let refused = server.workspaces().create_workspace(server.request(request)).await;
    assert_eq!(wrong_fields(refused), ["name", "delivery_labels"]);
    let request = UpdateWorkspaceRequest {
        workspace_id: server.workspace("airline").await,
        delivery_labels: 9,
        update_mask: Some(prost_types::FieldMask { paths: vec!["create_time".to_owned()] }),
        ..UpdateWorkspaceRequest::default()
    };
    let refused = server.workspaces().update_workspace(server.request(request)).await;
    assert_eq!(wrong_fields(refused), ["update_mask.paths[0]", "delivery_labels"]);
    server.stop().await;
}

#[tokio::test]
async fn workspaces_are_listed_page_by_page() {
    let server = Server::start().await;
    for name in ["a", "b", "c"] {
        server.workspace(name).await;
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListWorkspacesRequest { page_size: 3, page_token };
        let page = answer(server.workspaces().list_workspaces(server.request(request)).await);
        assert!(!page.workspaces.is_empty());
        names.extend(page.workspaces.into_iter().map(|workspace| workspace.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["default", "a", "b", "c"]);
    server.stop().await;
}

#[tokio::test]
async fn an_app_of_another_workspace_is_not_found_by_any_call() {
    let server = Server::start().await;
    let app_id = server.app("com.example.flights").await;
    let workspace_id = server.workspace("other").await;
    let key = server.key(&workspace_id, &["admin"]).await;
    let mut apps = server.apps();

    let get = GetAppRequest { app_id: app_id.clone() };
    assert_eq!(refusal(apps.get_app(with_key(&key, get)).await).1, "NOT_FOUND");
    let app = App { app_id: app_id.clone(), name: "Mine".to_owned(), ..App::default() };
    let update = UpdateAppRequest { app: Some(app), ..UpdateAppRequest::default() };
    assert_eq!(refusal(apps.update_app(with_key(&key, update)).await).1, "NOT_FOUND");
    let delete = DeleteAppRequest { app_id: app_id.clone(), ..DeleteAppRequest::default() };
    assert_eq!(refusal(apps.delete_app(with_key(&key, delete)).await).1, "NOT_FOUND");
    let list = ListCredentialsRequest { app_id: app_id.clone() };
    assert_eq!(refusal(apps.list_credentials(with_key(&key, list)).await).1, "NOT_FOUND");
    let create = CreateCredentialRequest {
        app_id: app_id.clone(),
        apns_key_p8: crate::credentials::key_p8(),
        key_id: "ABCDE12345".to_owned(),
        team_id: "TEAM123456".to_owned(),
        ..CreateCredentialRequest::default()
    };
    assert_eq!(refusal(apps.create_credential(with_key(&key, create)).await).1, "NOT_FOUND");
    let list = answer(apps.list_apps(with_key(&key, ListAppsRequest::default())).await);
    assert!(list.apps.is_empty());
    drop(apps);
    server.stop().await;
}
