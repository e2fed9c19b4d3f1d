//! A hostile twin: another workspace with the same ids, which reads and changes nothing of ours.

use crate::calls::{
    CONTACT, Caller, TYPE, alert, device, end, for_contacts, for_devices, refused, start, strings,
    token, update, update_token,
};
use crate::harness::{World, shows};
use crate::tables::at_rest;
use tidings::proto::v1::{
    ApnsEnvironment, Audience, CreateAppRequest, CreateWorkspaceRequest, DeleteActivityRequest,
    DeleteAppRequest, DeleteCredentialRequest, DeleteDeviceRequest, ExplainDeliveryRequest,
    ExportDeliveriesRequest, GetActivityRequest, GetAppRequest, GetDeliveryStatsRequest,
    GetDeviceRequest, ListActivitiesRequest, ListCredentialsRequest, ListDeliveriesRequest,
    ListDevicesRequest, ListSubscriptionsRequest, Platform, RegisterTokenRequest,
    ReportActivityStateRequest, RevokeTokenRequest, StartActivityRequest, SyncDeviceRequest,
    Target, VerifyCredentialRequest, WatchActivityRequest,
};
use tonic::{Code, Response};

const ACTIVITY: &str = "FLIGHT_1711";
const DEVICE: &str = "iphone";
/// All that a backend may have; administering is for the operator of all workspaces.
const SCOPES: [&str; 4] =
    ["activities:write", "devices:write", "deliveries:read", "activities:read"];

/// A key of another workspace.
async fn twin(world: &World) -> (Caller, String) {
    let request =
        CreateWorkspaceRequest { name: "twin".to_owned(), ..CreateWorkspaceRequest::default() };
    let made = world.caller().workspaces().create_workspace(request).await.expect("a workspace");
    let workspace_id = made.into_inner().workspace.expect("a workspace").workspace_id;
    let (_, key) = world.caller().new_key(&workspace_id, &SCOPES).await;
    let (_, admin) = world.caller().new_key(&workspace_id, &["admin"]).await;
    let app = CreateAppRequest {
        name: "Twin".to_owned(),
        platform: Platform::Ios.into(),
        bundle_id: crate::harness::BUNDLE.to_owned(),
        default_environment: ApnsEnvironment::Sandbox.into(),
        ..CreateAppRequest::default()
    };
    let made = world.caller_with(&admin).apps().create_app(app).await.expect("an app");
    (world.caller_with(&key), made.into_inner().app.expect("an app").app_id)
}

/// When the present quarter of an hour began, in seconds.
fn quarter() -> i64 {
    tidings::clock::Clock::system().now().seconds().div_euclid(900) * 900
}

fn absent<T: std::fmt::Debug>(result: tonic::Result<T>) {
    let refused = refused(result);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
}

fn of<T>(answer: tonic::Result<Response<T>>) -> T {
    answer.expect("answered").into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_another_workspaces_is_not_there() {
    let world = World::start().await;
    let phone = world.phone(DEVICE, "18.2", CONTACT);
    world.said_everything(&phone).await;
    world.caller().started(ACTIVITY).await;
    shows(&phone, 1, "Scheduled").await;
    world.said_everything(&phone).await;
    let (twin, _) = twin(&world).await;
    let before = at_rest(world.database()).await;

    let id = || ACTIVITY.to_owned();
    let (mut activities, mut devices) = (twin.activities(), twin.devices());
    absent(activities.get_activity(GetActivityRequest { activity_id: id() }).await);
    absent(activities.update_activity(update(ACTIVITY, "Hijacked")).await);
    absent(activities.end_activity(end(ACTIVITY)).await);
    absent(
        activities
            .delete_activity(DeleteActivityRequest { activity_id: id(), ..Default::default() })
            .await,
    );
    absent(activities.watch_activity(WatchActivityRequest { activity_id: id() }).await);
    let request = ListSubscriptionsRequest { activity_id: id(), ..Default::default() };
    absent(activities.list_subscriptions(request).await);
    let request = ExplainDeliveryRequest {
        activity_id: id(),
        device_id: DEVICE.to_owned(),
        ..Default::default()
    };
    absent(activities.explain_delivery(request).await);
    let request = SyncDeviceRequest { device_id: DEVICE.to_owned(), ..Default::default() };
    absent(devices.sync_device(request).await);
    let request = DeleteDeviceRequest { device_id: DEVICE.to_owned(), ..Default::default() };
    absent(devices.delete_device(request).await);
    absent(devices.get_device(GetDeviceRequest { device_id: DEVICE.to_owned() }).await);
    absent(devices.register_device(device(&world.app_id, DEVICE)).await);
    absent(devices.register_token(update_token(DEVICE, ACTIVITY)).await);
    let card = phone.snapshot().cards[0].clone();
    let request = RevokeTokenRequest {
        device_id: DEVICE.to_owned(),
        token: card.update_token.clone(),
        ..RevokeTokenRequest::default()
    };
    absent(devices.revoke_token(request).await);
    let request = ReportActivityStateRequest {
        device_id: DEVICE.to_owned(),
        activity_id: id(),
        device_activity_id: card.card_id,
        state: 3,
        ..ReportActivityStateRequest::default()
    };
    absent(devices.report_activity_state(request).await);

    nothing_is_listed(&world, &twin).await;
    let request = StartActivityRequest { app_ids: vec![world.app_id.clone()], ..start("MINE") };
    let foreign = refused(activities.start_activity(request).await);
    assert_eq!(foreign.fields(), ["app_ids[0]"], "an app of another workspace is no app");
    before.assert_unchanged(&at_rest(world.database()).await, "all that");
    world.stop().await;
}

/// Lists, exports and counts of the other workspace know nothing of this one.
async fn nothing_is_listed(world: &World, twin: &Caller) {
    let id = || ACTIVITY.to_owned();
    let (mut activities, mut devices) = (twin.activities(), twin.devices());
    let found = of(activities.list_activities(ListActivitiesRequest::default()).await);
    assert!(found.activities.is_empty());
    let request = ListActivitiesRequest { contact_key: CONTACT.to_owned(), ..Default::default() };
    assert!(of(activities.list_activities(request).await).activities.is_empty());
    assert!(of(devices.list_devices(ListDevicesRequest::default()).await).devices.is_empty());
    for request in [
        ListDeliveriesRequest::default(),
        ListDeliveriesRequest { activity_id: id(), ..Default::default() },
        ListDeliveriesRequest { device_id: DEVICE.to_owned(), ..Default::default() },
        ListDeliveriesRequest { app_id: world.app_id.clone(), ..Default::default() },
        ListDeliveriesRequest { contact_key: CONTACT.to_owned(), ..Default::default() },
    ] {
        assert!(of(twin.log().list_deliveries(request).await).deliveries.is_empty());
    }
    let mut exported = of(twin.log().export_deliveries(ExportDeliveriesRequest::default()).await);
    while let Some(message) = exported.message().await.expect("a message") {
        assert!(message.deliveries.is_empty());
    }
    let request = GetDeliveryStatsRequest { activity_id: id(), ..Default::default() };
    absent(twin.log().get_delivery_stats(request).await);
    let all = GetDeliveryStatsRequest {
        sent_after: Some(prost_types::Timestamp { seconds: quarter() - 900, nanos: 0 }),
        sent_before: Some(prost_types::Timestamp { seconds: quarter() + 900, nanos: 0 }),
        ..Default::default()
    };
    assert_eq!(of(twin.log().get_delivery_stats(all.clone()).await).pushes, 0);
    assert!(of(world.caller().log().get_delivery_stats(all).await).pushes > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspaces_admin_has_only_its_own_apps() {
    let world = World::start().await;
    let (_, app_id) = twin(&world).await;
    let mut apps = world.caller().apps();
    absent(apps.get_app(GetAppRequest { app_id: app_id.clone() }).await);
    absent(
        apps.delete_app(DeleteAppRequest { app_id: app_id.clone(), ..Default::default() }).await,
    );
    absent(apps.list_credentials(ListCredentialsRequest { app_id }).await);
    let credential_id = "crd_00000000000000000000000000000001".to_owned();
    let request =
        DeleteCredentialRequest { credential_id: credential_id.clone(), ..Default::default() };
    absent(apps.delete_credential(request).await);
    let request = VerifyCredentialRequest { credential_id, ..Default::default() };
    absent(apps.verify_credential(request).await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_ids_and_tokens_in_both_are_two_things() {
    let world = World::start().await;
    let ours = world.caller();
    let (twin, app_id) = twin(&world).await;
    ours.registered(&world.app_id, DEVICE).await;
    twin.registered(&app_id, DEVICE).await;
    for (caller, status) in [(&ours, "Ours"), (&twin, "Theirs")] {
        // The same request_id in both is no repeat, though the bodies differ.
        let request = RegisterTokenRequest {
            request_id: "once".to_owned(),
            content_state_json: Some(crate::calls::content(status)),
            ..update_token(DEVICE, ACTIVITY)
        };
        let taken = of(caller.devices().register_token(request).await);
        assert!(!taken.replayed);
        assert_eq!((taken.activity_id.as_str(), taken.run), (ACTIVITY, 1));
    }
    let request = StartActivityRequest { request_id: "start".to_owned(), ..start(ACTIVITY) };
    assert!(of(twin.activities().start_activity(request).await).adopted);
    of(twin.activities().end_activity(end(ACTIVITY)).await);
    let activity = ours.activity(ACTIVITY).await;
    assert_eq!(
        (activity.revision, activity.content_state_json.as_str()),
        (1, r#"{"status":"Ours"}"#)
    );
    let revoke = RevokeTokenRequest {
        device_id: DEVICE.to_owned(),
        token: token("11"),
        ..RevokeTokenRequest::default()
    };
    of(twin.devices().revoke_token(revoke).await);
    let request = GetDeviceRequest { device_id: DEVICE.to_owned() };
    let device = of(ours.devices().get_device(request).await).device.expect("a device");
    assert_eq!(device.tokens.len(), 1);
    assert_ne!(device.tokens[0].invalid_reason, "REVOKED", "the token of ours is not revoked");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audience_never_crosses() {
    let world = World::start().await;
    let phone = world.phone(DEVICE, "18.2", CONTACT);
    world.said_everything(&phone).await;
    let (twin, _) = twin(&world).await;
    let audiences = [
        for_contacts(&[CONTACT]),
        for_devices(&[DEVICE]),
        Audience { all_devices: true, ..Audience::default() },
    ];
    for (number, audience) in audiences.into_iter().enumerate() {
        let activity_id = format!("THEIRS_{number}");
        let request = StartActivityRequest {
            audience: Some(audience),
            alert: Some(alert()),
            activity_type: TYPE.to_owned(),
            ..start(&activity_id)
        };
        of(twin.activities().start_activity(request).await);
        let target = Target { device_ids: strings(&[DEVICE]), ..Target::default() };
        let some =
            tidings::proto::v1::EndActivityRequest { target: Some(target), ..end(&activity_id) };
        of(twin.activities().end_activity(some).await);
        at_rest(world.database()).await;
        let request = ListSubscriptionsRequest { activity_id, ..Default::default() };
        let who = of(twin.activities().list_subscriptions(request).await);
        assert!(who.subscriptions.is_empty(), "{who:?}");
    }
    assert_eq!(world.simulator.pushes_received(), 0);
    assert!(phone.snapshot().cards.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_token_is_good_in_its_workspace_only() {
    let world = World::start().await;
    let ours = world.caller();
    let (twin, app_id) = twin(&world).await;
    for number in 0..3 {
        for (caller, app_id) in [(&ours, &world.app_id), (&twin, &app_id)] {
            caller.started(&format!("A{number}")).await;
            caller.registered(app_id, &format!("d{number}")).await;
        }
    }
    let page = |page_token: &str| ListActivitiesRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
        ..ListActivitiesRequest::default()
    };
    let next = of(ours.activities().list_activities(page("")).await).next_page_token;
    of(ours.activities().list_activities(page(&next)).await);
    let foreign = refused(twin.activities().list_activities(page(&next)).await);
    assert_eq!(foreign.fields(), ["page_token"]);
    let page = |page_token: &str| ListDevicesRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
        ..ListDevicesRequest::default()
    };
    let next = of(ours.devices().list_devices(page("")).await).next_page_token;
    let foreign = refused(twin.devices().list_devices(page(&next)).await);
    assert_eq!(foreign.fields(), ["page_token"]);
    world.stop().await;
}
