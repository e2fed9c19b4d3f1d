//! Every call that changes something, made twice with one `request_id`: one effect, one answer.

use crate::calls::{
    Caller, TYPE, device, end, refused, start, strings, token, update, update_token,
};
use crate::harness::World;
use crate::tables::at_rest;
use std::fmt::Debug;
use tidings::domain::ids::{ApiKeyId, CredentialId, WorkspaceId};
use tidings::proto::v1::{
    Activity, ActivityState, ActivityType, ApplyAction, CreateActivityTypeRequest,
    CreateApiKeyRequest, CreateAppRequest, CreateCredentialRequest, CreateWorkspaceRequest,
    DeleteActivityRequest, DeleteActivityTypeRequest, DeleteApiKeyRequest, DeleteAppRequest,
    DeleteCredentialRequest, DeleteDeviceRequest, DeleteWorkspaceRequest, RegisterTokenRequest,
    RegisterTokenResponse, ReportActivityStateRequest, RevokeTokenRequest,
    UpdateActivityTypeRequest, UpdateAppRequest, UpdateWorkspaceRequest,
};
use tonic::{Code, Response};

/// One id for all methods: it counts within one.
const ID: &str = "once";

/// The call three times: done, replayed with nothing changed, refused with another body.
macro_rules! thrice {
    ($world:expr, $client:expr, $method:ident, $request:expr, $other:expr) => {{
        let mut request = $request;
        request.request_id = ID.to_owned();
        let first = $client.$method(request.clone()).await;
        let first = first.map(Response::into_inner).expect(stringify!($method));
        assert!(!first.replayed, "{} was not done", stringify!($method));
        let before = at_rest($world.database()).await;
        let mut again = $client.$method(request).await.expect(stringify!($method)).into_inner();
        let after = at_rest($world.database()).await;
        before.assert_unchanged(&after, stringify!($method));
        assert!(again.replayed, "{} was done again", stringify!($method));
        again.replayed = false;
        let mut other = $other;
        other.request_id = ID.to_owned();
        reused($client.$method(other).await, stringify!($method));
        before.assert_unchanged(&at_rest($world.database()).await, stringify!($method));
        (first, again)
    }};
}

fn reused<T: Debug>(result: tonic::Result<T>, method: &str) {
    let refused = refused(result);
    assert_eq!(refused.code, Code::AlreadyExists, "{method}: {refused:?}");
    assert_eq!(refused.reason, "REQUEST_ID_REUSED", "{method}: {refused:?}");
}

fn same<T: PartialEq + Debug>((first, again): (T, T)) -> T {
    assert_eq!(first, again, "the first answer again");
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_about_activities() {
    let world = World::start().await;
    let caller = world.caller();
    let mut activities = caller.activities();
    let started = thrice!(world, activities, start_activity, start("A"), start("B"));
    assert_eq!(same(started).activity.expect("an activity").revision, 1);
    same(thrice!(world, activities, update_activity, update("A", "In Air"), update("A", "Late")));
    same(thrice!(world, activities, end_activity, end("A"), end("B")));
    let apply = |status: &str| crate::declare::apply("A", status);
    let applied = thrice!(world, activities, apply_activity, apply("Boarding"), apply("Gate"));
    let applied = same(applied);
    assert_eq!((applied.action(), applied.activity.expect("one").run), (ApplyAction::Started, 2));
    caller.ended("A").await;
    let delete = |activity_id: &str| DeleteActivityRequest {
        activity_id: activity_id.to_owned(),
        ..DeleteActivityRequest::default()
    };
    same(thrice!(world, activities, delete_activity, delete("A"), delete("B")));
    let none = refused(caller.find("B").await);
    assert_eq!(none.code, Code::NotFound);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_about_devices() {
    let world = World::start().await;
    let mut devices = world.caller().devices();
    let request = device(&world.app_id, "d");
    let other = device(&world.app_id, "e");
    let registered = same(thrice!(world, devices, register_device, request, other));
    assert!(registered.created);
    let other = RegisterTokenRequest { token: token("22"), ..update_token("d", "A") };
    let taken = thrice!(world, devices, register_token, update_token("d", "A"), other);
    // The subscription is shown as it is now.
    let kept = |taken: RegisterTokenResponse| (taken.result, taken.activity_id, taken.run);
    same((kept(taken.0), kept(taken.1)));
    let report = ReportActivityStateRequest {
        device_id: "d".to_owned(),
        activity_id: "A".to_owned(),
        state: 2,
        ..ReportActivityStateRequest::default()
    };
    let other = ReportActivityStateRequest { state: 3, ..report.clone() };
    same(thrice!(world, devices, report_activity_state, report, other));
    let revoke = RevokeTokenRequest {
        device_id: "d".to_owned(),
        token: token("11"),
        ..RevokeTokenRequest::default()
    };
    let other = RevokeTokenRequest { token: token("22"), ..revoke.clone() };
    same(thrice!(world, devices, revoke_token, revoke, other));
    let delete = |device_id: &str| DeleteDeviceRequest {
        device_id: device_id.to_owned(),
        ..DeleteDeviceRequest::default()
    };
    same(thrice!(world, devices, delete_device, delete("d"), delete("e")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_about_types_and_workspaces() {
    let world = World::start().await;
    let caller = world.caller();
    let (mut types, mut workspaces) = (caller.types(), caller.workspaces());
    let kind = |name: &str, id_attribute: &str| {
        Some(ActivityType {
            activity_type: name.to_owned(),
            id_attribute: id_attribute.to_owned(),
            ..ActivityType::default()
        })
    };
    let create = |name| CreateActivityTypeRequest {
        activity_type: kind(name, ""),
        ..CreateActivityTypeRequest::default()
    };
    same(thrice!(world, types, create_activity_type, create(TYPE), create("other")));
    let update = |id_attribute| UpdateActivityTypeRequest {
        activity_type: kind(TYPE, id_attribute),
        ..UpdateActivityTypeRequest::default()
    };
    same(thrice!(world, types, update_activity_type, update("id"), update("other")));
    let delete = |name: &str| DeleteActivityTypeRequest {
        activity_type: name.to_owned(),
        ..DeleteActivityTypeRequest::default()
    };
    same(thrice!(world, types, delete_activity_type, delete(TYPE), delete("other")));

    let create = |name: &str| CreateWorkspaceRequest {
        name: name.to_owned(),
        ..CreateWorkspaceRequest::default()
    };
    let made = same(thrice!(world, workspaces, create_workspace, create("b"), create("c")));
    let workspace_id = made.workspace.expect("a workspace").workspace_id;
    let update = |name: &str| UpdateWorkspaceRequest {
        workspace_id: workspace_id.clone(),
        name: name.to_owned(),
        ..UpdateWorkspaceRequest::default()
    };
    same(thrice!(world, workspaces, update_workspace, update("d"), update("e")));
    let delete = |workspace_id: &str| DeleteWorkspaceRequest {
        workspace_id: workspace_id.to_owned(),
        ..DeleteWorkspaceRequest::default()
    };
    let other = WorkspaceId::generate().to_string();
    same(thrice!(world, workspaces, delete_workspace, delete(&workspace_id), delete(&other)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_about_apps_and_credentials() {
    let world = World::start().await;
    let mut apps = world.caller().apps();
    let create = |name: &str| CreateAppRequest {
        name: name.to_owned(),
        platform: 1,
        bundle_id: "com.example.second".to_owned(),
        ..CreateAppRequest::default()
    };
    let made = same(thrice!(world, apps, create_app, create("a"), create("b")));
    let app = made.app.expect("an app");
    let update = |name: &str| UpdateAppRequest {
        app: Some(tidings::proto::v1::App { name: name.to_owned(), ..app.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: strings(&["name"]) }),
        ..UpdateAppRequest::default()
    };
    same(thrice!(world, apps, update_app, update("c"), update("d")));
    let credential = world.simulator.credential();
    let create = |key_id: &str| CreateCredentialRequest {
        app_id: app.app_id.clone(),
        apns_key_p8: credential.key_p8.clone(),
        key_id: key_id.to_owned(),
        team_id: credential.team_id.clone(),
        ..CreateCredentialRequest::default()
    };
    let other = create("ABCDE12345");
    let made = same(thrice!(world, apps, create_credential, create(&credential.key_id), other));
    let delete = |credential_id: String| DeleteCredentialRequest {
        credential_id,
        ..DeleteCredentialRequest::default()
    };
    let credential_id = made.credential.expect("a credential").credential_id;
    same(thrice!(
        world,
        apps,
        delete_credential,
        delete(credential_id),
        delete(CredentialId::generate().to_string())
    ));
    let delete = |app_id: &str| DeleteAppRequest {
        app_id: app_id.to_owned(),
        ..DeleteAppRequest::default()
    };
    same(thrice!(world, apps, delete_app, delete(&app.app_id), delete(&world.app_id)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_about_keys_and_a_secret_is_not_shown_twice() {
    let world = World::start().await;
    let mut keys = world.caller().keys();
    let create = |name: &str| CreateApiKeyRequest {
        name: name.to_owned(),
        scopes: strings(&["activities:read"]),
        ..CreateApiKeyRequest::default()
    };
    let (first, again) = thrice!(world, keys, create_api_key, create("a"), create("b"));
    assert_eq!(first.api_key, again.api_key);
    assert!(!first.secret.is_empty() && again.secret.is_empty(), "shown once");
    let delete =
        |api_key_id: String| DeleteApiKeyRequest { api_key_id, ..DeleteApiKeyRequest::default() };
    let api_key_id = first.api_key.expect("a key").api_key_id;
    same(thrice!(
        world,
        keys,
        delete_api_key,
        delete(api_key_id),
        delete(ApiKeyId::generate().to_string())
    ));
    world.stop().await;
}

async fn repeat_of_start(caller: &Caller) -> (bool, Activity) {
    let mut request = start("A");
    "start".clone_into(&mut request.request_id);
    let answer = caller.activities().start_activity(request).await.expect("answered");
    let answer = answer.into_inner();
    (answer.replayed, answer.activity.expect("an activity"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_known_after_a_restart_and_whatever_came_since() {
    let mut world = World::start().await;
    let first = repeat_of_start(&world.caller()).await;
    assert!(!first.0);
    world = world.restart().await;
    let caller = world.caller();
    assert_eq!(repeat_of_start(&caller).await, (true, first.1.clone()), "after a restart");
    caller.activities().update_activity(update("A", "In Air")).await.expect("updated");
    assert_eq!(repeat_of_start(&caller).await, (true, first.1.clone()), "after an update");
    caller.ended("A").await;
    assert_eq!(repeat_of_start(&caller).await, (true, first.1.clone()), "after the end");
    assert_eq!(caller.activity("A").await.state(), ActivityState::Ended, "and it stays ended");
    caller.started("A").await;
    let (replayed, again) = repeat_of_start(&caller).await;
    let number = |activity: &Activity| (activity.run, activity.revision, activity.start_time);
    assert_eq!((replayed, number(&again)), (true, number(&first.1)), "after the next run");
    assert_eq!(again.content_state_json, first.1.content_state_json);
    assert_eq!(again.attributes_json, "{}", "not those of the next run");
    assert_eq!(caller.activity("A").await.run, 2);
    world.stop().await;
}
