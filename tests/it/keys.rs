//! Keys: each group of calls needs its scope, and a key that is gone is refused.

use crate::bad_input::{ACTIVE, Bench, DEVICE};
use crate::calls::{Caller, Refused, device, end, refused, start, strings, update, update_token};
use crate::harness::{PATIENCE, World};
use crate::segments::contacts;
use std::time::{Duration, Instant};
use tidings::proto::v1::device_service_client::DeviceServiceClient;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::stream_updates_request::Item;
use tidings::proto::v1::stream_updates_response::Result as Answer;
use tidings::proto::v1::{
    ActivityType, AddMembersRequest, CreateActivityTypeRequest, CreateApiKeyRequest,
    CreateAppRequest, CreateChannelRequest, CreateSegmentRequest, CreateWorkspaceRequest,
    DeleteApiKeyRequest, DeleteChannelRequest, ExplainDeliveryRequest, ExportDeliveriesRequest,
    GetActivityRequest, GetChannelRequest, GetDeliveryStatsRequest, GetDeviceRequest,
    GetSegmentRequest, ListActivitiesRequest, ListActivityTypesRequest, ListApiKeysRequest,
    ListAppsRequest, ListChannelsRequest, ListCredentialsRequest, ListDeliveriesRequest,
    ListDevicesRequest, ListMembersRequest, ListSegmentsRequest, ListSubscriptionsRequest,
    ListWorkspacesRequest, RemoveMembersRequest, ReportActivityStateRequest, RevokeTokenRequest,
    SegmentKind, StreamUpdatesRequest, VerifyCredentialRequest, WatchActivityRequest,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

/// Every call that needs one scope, and what each is refused with; none where it was let in.
async fn reading_activities(caller: &Caller) -> Vec<tonic::Result<()>> {
    let mut activities = caller.activities();
    let activity_id = ACTIVE.to_owned();
    let get = GetActivityRequest { activity_id: activity_id.clone() };
    let watch = WatchActivityRequest { activity_id: activity_id.clone() };
    let explain = ExplainDeliveryRequest {
        activity_id: activity_id.clone(),
        device_id: DEVICE.to_owned(),
        ..ExplainDeliveryRequest::default()
    };
    let who = ListSubscriptionsRequest { activity_id, ..ListSubscriptionsRequest::default() };
    vec![
        activities.get_activity(get).await.map(drop),
        activities.list_activities(ListActivitiesRequest::default()).await.map(drop),
        activities.list_subscriptions(who).await.map(drop),
        activities.watch_activity(watch).await.map(drop),
        activities.explain_delivery(explain).await.map(drop),
        caller.types().list_activity_types(ListActivityTypesRequest::default()).await.map(drop),
    ]
}

async fn writing_activities(caller: &Caller) -> Vec<tonic::Result<()>> {
    let mut activities = caller.activities();
    let activity_type =
        ActivityType { activity_type: "another".to_owned(), ..ActivityType::default() };
    let new_type = CreateActivityTypeRequest {
        activity_type: Some(activity_type),
        ..CreateActivityTypeRequest::default()
    };
    let nothing = tokio_stream::empty::<StreamUpdatesRequest>();
    vec![
        activities.update_activity(update(ACTIVE, "x")).await.map(drop),
        activities.end_activity(end(ACTIVE)).await.map(drop),
        activities.start_activity(start(ACTIVE)).await.map(drop),
        activities.stream_updates(nothing).await.map(drop),
        caller.types().create_activity_type(new_type).await.map(drop),
    ]
}

async fn reading_devices(caller: &Caller) -> Vec<tonic::Result<()>> {
    let get = GetDeviceRequest { device_id: DEVICE.to_owned() };
    vec![
        caller.devices().get_device(get).await.map(drop),
        caller.devices().list_devices(ListDevicesRequest::default()).await.map(drop),
    ]
}

async fn writing_devices(caller: &Caller, app_id: &str) -> Vec<tonic::Result<()>> {
    let mut devices = caller.devices();
    let revoke = RevokeTokenRequest {
        device_id: DEVICE.to_owned(),
        token: crate::calls::token("11"),
        ..RevokeTokenRequest::default()
    };
    let report = ReportActivityStateRequest {
        device_id: DEVICE.to_owned(),
        activity_id: "BY_APP".to_owned(),
        state: 1,
        ..ReportActivityStateRequest::default()
    };
    vec![
        devices.register_device(device(app_id, DEVICE)).await.map(drop),
        devices.register_token(update_token(DEVICE, "BY_APP")).await.map(drop),
        devices.report_activity_state(report).await.map(drop),
        devices.revoke_token(revoke).await.map(drop),
    ]
}

async fn reading_deliveries(caller: &Caller) -> Vec<tonic::Result<()>> {
    let count = GetDeliveryStatsRequest { activity_id: ACTIVE.to_owned(), ..Default::default() };
    vec![
        caller.log().list_deliveries(ListDeliveriesRequest::default()).await.map(drop),
        caller.log().get_delivery_stats(count).await.map(drop),
        caller.log().export_deliveries(ExportDeliveriesRequest::default()).await.map(drop),
    ]
}

async fn reading_segments(caller: &Caller) -> Vec<tonic::Result<()>> {
    let mut segments = caller.segments();
    let get = GetSegmentRequest { segment_id: "gold".to_owned() };
    let members = ListMembersRequest { segment_id: "gold".to_owned(), ..Default::default() };
    vec![
        segments.get_segment(get).await.map(drop),
        segments.list_segments(ListSegmentsRequest::default()).await.map(drop),
        segments.list_members(members).await.map(drop),
    ]
}

async fn reading_channels(caller: &Caller) -> Vec<tonic::Result<()>> {
    let mut channels = caller.channels();
    let get = GetChannelRequest { channel_id: "chn_0".to_owned() };
    vec![
        channels.get_channel(get).await.map(drop),
        channels.list_channels(ListChannelsRequest::default()).await.map(drop),
    ]
}

async fn writing_channels(caller: &Caller) -> Vec<tonic::Result<()>> {
    let mut channels = caller.channels();
    let delete =
        DeleteChannelRequest { channel_id: "chn_0".to_owned(), ..DeleteChannelRequest::default() };
    vec![
        channels.create_channel(CreateChannelRequest::default()).await.map(drop),
        channels.delete_channel(delete).await.map(drop),
    ]
}

async fn writing_segments(caller: &Caller) -> Vec<tonic::Result<()>> {
    let mut segments = caller.segments();
    let create = CreateSegmentRequest { kind: 1, ..CreateSegmentRequest::default() };
    let add = tokio_stream::empty::<AddMembersRequest>();
    let remove = tokio_stream::empty::<RemoveMembersRequest>();
    vec![
        segments.create_segment(create).await.map(drop),
        segments.add_members(add).await.map(drop),
        segments.remove_members(remove).await.map(drop),
        caller.delete_segment("gold").await,
    ]
}

async fn administering(caller: &Caller, app_id: &str) -> Vec<tonic::Result<()>> {
    let app = CreateAppRequest {
        name: "Another".to_owned(),
        platform: 1,
        bundle_id: "com.example.another".to_owned(),
        ..CreateAppRequest::default()
    };
    let key = CreateApiKeyRequest {
        name: "another".to_owned(),
        scopes: strings(&["activities:read"]),
        ..CreateApiKeyRequest::default()
    };
    let workspace =
        CreateWorkspaceRequest { name: "another".to_owned(), ..CreateWorkspaceRequest::default() };
    let credentials = ListCredentialsRequest { app_id: app_id.to_owned() };
    let verify = VerifyCredentialRequest::default();
    vec![
        caller.apps().create_app(app).await.map(drop),
        caller.apps().list_apps(ListAppsRequest::default()).await.map(drop),
        caller.apps().list_credentials(credentials).await.map(drop),
        caller.apps().verify_credential(verify).await.map(drop),
        caller.keys().create_api_key(key).await.map(drop),
        caller.keys().list_api_keys(ListApiKeysRequest::default()).await.map(drop),
        caller.workspaces().create_workspace(workspace).await.map(drop),
        caller.workspaces().list_workspaces(ListWorkspacesRequest::default()).await.map(drop),
    ]
}

const SCOPES: [&str; 10] = [
    "activities:read",
    "activities:write",
    "devices:read",
    "devices:write",
    "deliveries:read",
    "segments:read",
    "segments:write",
    "channels:read",
    "channels:write",
    "admin",
];

async fn calls_of(scope: &str, caller: &Caller, app_id: &str) -> Vec<tonic::Result<()>> {
    match scope {
        "activities:read" => reading_activities(caller).await,
        "activities:write" => writing_activities(caller).await,
        "devices:read" => reading_devices(caller).await,
        "devices:write" => writing_devices(caller, app_id).await,
        "deliveries:read" => reading_deliveries(caller).await,
        "segments:read" => reading_segments(caller).await,
        "segments:write" => writing_segments(caller).await,
        "channels:read" => reading_channels(caller).await,
        "channels:write" => writing_channels(caller).await,
        _ => administering(caller, app_id).await,
    }
}

/// Writing includes reading, `admin` everything.
fn includes(key: &str, needed: &str) -> bool {
    key == needed || key == "admin" || key.replace("write", "read") == needed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_needs_its_scope_and_a_refusal_names_it() {
    let bench = Bench::new().await;
    let app_id = &bench.world.app_id;
    for held in SCOPES {
        let (_, key) = bench.caller.new_key("", &[held]).await;
        let caller = bench.world.caller_with(&key);
        for needed in SCOPES {
            for result in calls_of(needed, &caller, app_id).await {
                let refusal = result.err().map(|status| refused::<()>(Err(status)));
                let lacks = refusal.filter(|refused| refused.reason == "SCOPE_MISSING");
                assert_eq!(lacks.is_none(), includes(held, needed), "{held} for {needed}");
                let Some(Refused { code, metadata, message, .. }) = lacks else { continue };
                assert_eq!((code, metadata["scope"].as_str()), (Code::PermissionDenied, needed));
                assert!(message.contains(needed), "{message}");
            }
        }
    }
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_a_good_key_is_refused_before_anything_else() {
    let bench = Bench::new().await;
    let channel = bench.world.channel.clone();
    let mut activities = LiveActivityServiceClient::new(channel.clone());
    let keyless = activities.start_activity(start("")).await;
    let keyless = bench.nothing_done("no key", keyless).await;
    assert_eq!((keyless.code, keyless.reason.as_str()), (Code::Unauthenticated, "KEY_INVALID"));
    let list = DeviceServiceClient::new(channel).list_devices(ListDevicesRequest::default()).await;
    assert_eq!(refused(list).code, Code::Unauthenticated);
    let changed = format!("{}{}", &bench.world.key[..bench.world.key.len() - 4], "0000");
    for key in ["x", "tdg_live_secret_1_2", &changed] {
        let caller = bench.world.caller_with(key);
        // What is asked is wrong as well, but a stranger is not told.
        let wrong = caller.activities().start_activity(start("\n")).await;
        let wrong = bench.nothing_done("a wrong key", wrong).await;
        assert_eq!((wrong.code, wrong.reason.as_str()), (Code::Unauthenticated, "KEY_INVALID"));
        assert_eq!(wrong.message, keyless.message, "one answer to every wrong key");
        assert!(wrong.violations.is_empty());
    }
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_key_is_refused_within_five_seconds() {
    let world = World::start().await;
    let (api_key_id, secret) = world.caller().new_key("", &["activities:write"]).await;
    let caller = world.caller_with(&secret);
    caller.started("BEFORE").await;
    let delete = DeleteApiKeyRequest { api_key_id, ..DeleteApiKeyRequest::default() };
    world.caller().keys().delete_api_key(delete).await.expect("deleted");
    let deleted = Instant::now();
    let refused_at = async {
        loop {
            match caller.find("BEFORE").await {
                Ok(_) => tokio::task::yield_now().await,
                Err(status) => return status.code(),
            }
        }
    };
    let code = tokio::time::timeout(PATIENCE, refused_at).await.expect("refused");
    assert_eq!(code, Code::Unauthenticated);
    assert!(deleted.elapsed() < Duration::from_secs(5), "{:?}", deleted.elapsed());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deleted_key_has_opened_is_refused_too() {
    let world = World::start().await;
    let scopes = ["activities:write", "segments:write"];
    let (api_key_id, secret) = world.caller().new_key("", &scopes).await;
    let caller = world.caller_with(&secret);
    caller.started("A").await;
    caller.segment("gold", SegmentKind::ContactKeys).await;
    let watch = WatchActivityRequest { activity_id: "A".to_owned() };
    let watched = caller.activities().watch_activity(watch).await.expect("a watch");
    let (items, updates) = mpsc::channel(1);
    let updates = caller.activities().stream_updates(ReceiverStream::new(updates)).await;
    let (batches, members) = mpsc::channel(1);
    let mut segments = caller.segments();
    let added =
        tokio::spawn(async move { segments.add_members(ReceiverStream::new(members)).await });
    batches.send(contacts("gold", &["ada"])).await.expect("a batch");
    let world_caller = world.caller();
    let loaded = async { while world_caller.members("gold").await.is_empty() {} };
    tokio::time::timeout(PATIENCE, loaded).await.expect("the first batch is in");

    let delete = DeleteApiKeyRequest { api_key_id, ..DeleteApiKeyRequest::default() };
    world.caller().keys().delete_api_key(delete).await.expect("deleted");
    let item = Some(Item::Update(update("A", "x")));
    items.send(StreamUpdatesRequest { sequence: 1, item }).await.expect("an item");
    let answer = updates.expect("a stream").into_inner().message().await.expect("an answer");
    match answer.and_then(|answer| answer.result) {
        Some(Answer::Error(error)) => assert_eq!(Code::from(error.code), Code::Unauthenticated),
        done => panic!("it was done: {done:?}"),
    }
    batches.send(contacts("gold", &["bob"])).await.expect("a batch");
    let added = refused(added.await.expect("no panic"));
    assert_eq!(
        (added.reason.as_str(), added.metadata["batches_kept"].as_str()),
        ("KEY_INVALID", "1")
    );
    let mut watched = watched.into_inner();
    let ends = async {
        while watched.message().await?.is_some() {}
        Ok::<(), tonic::Status>(())
    };
    let ended = tokio::time::timeout(PATIENCE, ends).await.expect("the watch ends");
    assert_eq!(refused(ended).reason, "KEY_INVALID");
    assert_eq!(world.caller().activity("A").await.revision, 1);
    assert_eq!(world.caller().members("gold").await, ["ada"]);
    world.stop().await;
}
