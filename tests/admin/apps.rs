//! Apps.

use crate::server::{Server, answer, new_android_app, new_app, refusal, with_key, wrong_fields};
use prost_types::FieldMask;
use tidings::clock::Time;
use tidings::domain::change::Change;
use tidings::domain::device::{Description, Device, FormFactor, OsVersion};
use tidings::domain::ids::{DeviceKey, WorkspaceId};
use tidings::domain::platform::Platform;
use tidings::domain::push::Environment;
use tidings::proto::v1::{
    self, ApnsEnvironment, App, CreateAppRequest, DeleteAppRequest, GetAppRequest,
    GetWorkspaceRequest, ListAppsRequest, UpdateAppRequest,
};
use tidings::store::{self, Lane};
use tonic::Code;

#[tokio::test]
async fn a_new_app_has_its_defaults_and_is_found_again() {
    let server = Server::start().await;
    let request = server.request(new_app("com.example.flights"));
    let made = answer(server.apps().create_app(request).await).app.expect("an app");
    assert!(made.app_id.starts_with("app_"));
    assert_eq!(made.default_environment(), ApnsEnvironment::Production);
    assert_eq!(made.create_time.expect("a time").seconds, server.clock.now().seconds());
    let get = GetAppRequest { app_id: made.app_id.clone() };
    assert_eq!(answer(server.apps().get_app(server.request(get)).await).app, Some(made));
    server.stop().await;
}

#[tokio::test]
async fn a_bundle_id_has_one_app_in_a_workspace_and_one_in_each() {
    let server = Server::start().await;
    server.app("com.example.flights").await;
    let refused = server.apps().create_app(server.request(new_app("com.example.flights"))).await;
    assert_eq!(refusal(refused), (Code::AlreadyExists, "ALREADY_EXISTS".to_owned()));
    let other = server.workspace("other").await;
    let key = server.key(&other, &["admin"]).await;
    answer(server.apps().create_app(with_key(&key, new_app("com.example.flights"))).await);
    server.stop().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_new_app_is_named() {
    let server = Server::start().await;
    let request = CreateAppRequest { bundle_id: "my app".to_owned(), ..Default::default() };
    let refused = server.apps().create_app(server.request(request)).await;
    assert_eq!(wrong_fields(refused), ["name", "platform", "bundle_id"]);
    server.stop().await;
}

#[tokio::test]
async fn an_android_app_has_a_package_a_project_and_keys_and_nothing_of_an_ios_app() {
    let server = Server::start().await;
    let request = server.request(new_android_app("com.example.flights"));
    let made = answer(server.apps().create_app(request).await).app.expect("an app");
    assert_eq!(made.platform(), v1::Platform::Android);
    assert_eq!(
        (made.package_name.as_str(), made.fcm_project_id.as_str()),
        ("com.example.flights", "flights-1711")
    );
    assert_eq!(made.fcm_data_keys(), v1::FcmDataKeys::Tidings);
    assert_eq!((made.bundle_id.as_str(), made.default_environment), ("", 0));
    // The same id on the other platform is another app; twice on one platform it is refused.
    server.app("com.example.flights").await;
    let twice = server.request(new_android_app("com.example.flights"));
    assert_eq!(refusal(server.apps().create_app(twice).await).1, "ALREADY_EXISTS");

    let wrong = CreateAppRequest {
        bundle_id: "com.example.flights".to_owned(),
        default_environment: 1,
        package_name: "com.example-flights".to_owned(),
        fcm_project_id: "Flights".to_owned(),
        fcm_data_keys: 9,
        ..new_android_app("")
    };
    let refused = server.apps().create_app(server.request(wrong)).await;
    let fields =
        ["bundle_id", "default_environment", "package_name", "fcm_project_id", "fcm_data_keys"];
    assert_eq!(wrong_fields(refused)[..5], fields);
    let of_android = CreateAppRequest {
        package_name: "com.example.flights".to_owned(),
        fcm_project_id: "flights-1711".to_owned(),
        fcm_data_keys: 2,
        ..new_app("com.example.others")
    };
    let refused = server.apps().create_app(server.request(of_android)).await;
    assert_eq!(wrong_fields(refused), ["package_name", "fcm_project_id", "fcm_data_keys"]);
    server.stop().await;
}

#[tokio::test]
async fn an_app_changes_only_what_its_platform_has() {
    let server = Server::start().await;
    let ios = server.app("com.example.flights").await;
    let request = server.request(new_android_app("com.example.flights"));
    let android = answer(server.apps().create_app(request).await).app.expect("an app").app_id;
    let update = |app_id: &str, path: &str| {
        let app = App {
            app_id: app_id.to_owned(),
            default_environment: 1,
            fcm_data_keys: 2,
            ..App::default()
        };
        let update_mask = Some(FieldMask { paths: vec![path.to_owned()] });
        server.request(UpdateAppRequest { app: Some(app), update_mask, ..Default::default() })
    };
    let refused = server.apps().update_app(update(&ios, "fcm_data_keys")).await;
    assert_eq!(wrong_fields(refused), ["app.fcm_data_keys"]);
    let refused = server.apps().update_app(update(&android, "default_environment")).await;
    assert_eq!(wrong_fields(refused), ["app.default_environment"]);
    let changed = answer(server.apps().update_app(update(&android, "fcm_data_keys")).await);
    assert_eq!(changed.app.expect("an app").fcm_data_keys(), v1::FcmDataKeys::Sendora);
    server.stop().await;
}

#[tokio::test]
async fn a_mask_says_which_fields_change() {
    let server = Server::start().await;
    let app_id = server.app("com.example.flights").await;
    let update = |paths: &[&str]| {
        let app = App {
            app_id: app_id.clone(),
            name: "Trips".to_owned(),
            default_environment: ApnsEnvironment::Sandbox.into(),
            ..App::default()
        };
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = Some(FieldMask { paths });
        server.request(UpdateAppRequest { app: Some(app), update_mask, ..Default::default() })
    };
    let changed = answer(server.apps().update_app(update(&["default_environment"])).await);
    let app = changed.app.expect("an app");
    assert_eq!(app.default_environment(), ApnsEnvironment::Sandbox);
    assert_eq!(app.name, "Flights");
    let changed = answer(server.apps().update_app(update(&[])).await);
    assert_eq!(changed.app.expect("an app").name, "Trips");
    let refused = server.apps().update_app(update(&["bundle_id"])).await;
    assert_eq!(wrong_fields(refused), ["update_mask.paths[0]"]);
    server.stop().await;
}

#[tokio::test]
async fn apps_are_listed_page_by_page_and_a_token_is_good_for_its_workspace_alone() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(server.app(&format!("com.example.app{number}")).await);
    }
    let list = |page_size, page_token: &str| {
        server.request(ListAppsRequest { page_size, page_token: page_token.to_owned() })
    };
    let first = answer(server.apps().list_apps(list(2, "")).await);
    let second = answer(server.apps().list_apps(list(2, &first.next_page_token)).await);
    let third = answer(server.apps().list_apps(list(2, &second.next_page_token)).await);
    assert_eq!(third.next_page_token, "");
    let pages = [&first, &second, &third].map(|page| page.apps.clone()).concat();
    assert_eq!(pages.iter().map(|app| app.app_id.clone()).collect::<Vec<_>>(), made);

    let other = server.workspace("other").await;
    let key = server.key(&other, &["admin"]).await;
    let foreign = list(2, &first.next_page_token).into_inner();
    let refused = server.apps().list_apps(with_key(&key, foreign)).await;
    assert_eq!(wrong_fields(refused), ["page_token"]);
    let refused = server.apps().list_apps(list(-1, "made up")).await;
    assert_eq!(wrong_fields(refused), ["page_size", "page_token"]);
    server.stop().await;
}

#[tokio::test]
async fn an_app_with_devices_is_in_use_and_one_without_is_deleted() {
    let server = Server::start().await;
    let [used, free] = [server.app("com.example.used").await, server.app("com.example.free").await];
    add_device(&server, &used).await;
    let delete = |app_id: &str| {
        let app_id = app_id.to_owned();
        server.request(DeleteAppRequest { app_id, ..DeleteAppRequest::default() })
    };
    let refused = server.apps().delete_app(delete(&used)).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "IN_USE".to_owned()));
    answer(server.apps().delete_app(delete(&free)).await);
    let again = server.apps().delete_app(delete(&free)).await;
    assert_eq!(refusal(again).1, "NOT_FOUND");
    let malformed = server.apps().delete_app(delete("free")).await;
    assert_eq!(refusal(malformed).1, "NOT_FOUND");
    server.stop().await;
}

async fn add_device(server: &Server, app_id: &str) {
    let own = server.request(GetWorkspaceRequest::default());
    let own = answer(server.workspaces().get_workspace(own).await).workspace.expect("its own");
    let workspace: WorkspaceId = own.workspace_id.parse().expect("an id");
    let device = Device {
        key: DeviceKey::generate(),
        workspace,
        device_id: "phone".to_owned(),
        app: app_id.parse().expect("an id"),
        contact_key: String::new(),
        platform: Platform::Ios,
        form_factor: FormFactor::Phone,
        os_version: OsVersion { major: 18, minor: 2 },
        environment: Environment::Production,
        activities_enabled: true,
        frequent_pushes_enabled: false,
        notifications_permission: false,
        description: Description::default(),
        created_at: Time(0),
        last_seen_at: Time(0),
        deleted_at: None,
    };
    let write = server.store.write(Lane::Accept, move |tx| {
        let change = Change { devices: vec![device.clone()], ..Change::default() };
        Box::pin(async move { store::apply(tx, change).await })
    });
    write.await.expect("a database");
}
