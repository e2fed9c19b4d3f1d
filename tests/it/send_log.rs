//! The send log: its filters, its export and its counts, what they refuse, and what others see of it.

mod export;

use crate::bad_input::{ACTIVE, Bench};
use crate::calls::{CONTACT, Caller, device, refused, strings, update};
use crate::harness::{World, shows};
use prost_types::{FieldMask, Timestamp};
use std::collections::BTreeSet;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    DeliveryLabels, DeliveryStatus, ExportDeliveriesRequest, GetDeliveryStatsRequest,
    GetWorkspaceRequest, ListDeliveriesRequest, Operation, Provider, ReasonClass,
    RegisterDeviceRequest, UpdateWorkspaceRequest,
};
use tidings::simulator::Phone;
use tonic::Code;

/// The longest time that is counted at once, in seconds.
const MONTH: i64 = 31 * 24 * 3_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// A flight with a start and two updates on a phone, and a device that is too old for it.
async fn flown() -> (World, Caller, Phone) {
    let world = World::start().await;
    let caller = world.caller();
    // A token that comes before its start is settled would get the first state once more, and that its own row.
    let phone = world.phone_with(sim::PhoneSpec {
        device_id: "iphone".to_owned(),
        os_version: "18.2".to_owned(),
        contact_key: Some(CONTACT.to_owned()),
        hold_tokens: true,
        ..sim::PhoneSpec::default()
    });
    world.said_everything(&phone).await;
    let old =
        RegisterDeviceRequest { os_version: "16.4".to_owned(), ..device(&world.app_id, "old") };
    caller.devices().register_device(old).await.expect("registered");
    caller.started("A").await;
    shows(&phone, 1, "Scheduled").await;
    world.settled("A").await;
    phone.release_tokens();
    world.said_everything(&phone).await;
    for status in ["one", "two"] {
        caller.activities().update_activity(update("A", status)).await.expect("updated");
        shows(&phone, 1, status).await;
        world.settled("A").await;
    }
    (world, caller, phone)
}

async fn stats(caller: &Caller, request: GetDeliveryStatsRequest) -> Vec<(i32, i32, String, i64)> {
    let answer = caller.log().get_delivery_stats(request).await.expect("counts").into_inner();
    assert_eq!(answer.pushes, answer.counts.iter().map(|count| count.pushes).sum::<i64>());
    assert!(answer.counts.iter().all(|count| count.provider() == Provider::Apns));
    let counts = answer.counts.into_iter();
    counts.map(|count| (count.operation, count.status, count.reason, count.pushes)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_those_of_the_rows_by_activity_run_and_time() {
    let (world, caller, _phone) = flown().await;
    let of = |run| GetDeliveryStatsRequest { activity_id: "A".to_owned(), run, ..default() };
    let (accepted, skipped) = (DeliveryStatus::Accepted.into(), DeliveryStatus::Skipped.into());
    let (start, update) = (Operation::Start.into(), Operation::Update.into());
    let mut all = vec![
        (update, accepted, String::new(), 2),
        (start, accepted, String::new(), 1),
        (start, skipped, "OS_CANNOT_START_BY_PUSH".to_owned(), 1),
    ];
    all.sort();
    let sorted = async |request| {
        let mut counts = stats(&caller, request).await;
        assert!(counts.is_sorted_by_key(|count| -count.3), "the most frequent first");
        counts.sort();
        counts
    };
    assert_eq!(sorted(of(Some(1))).await, all);
    assert_eq!(sorted(of(None)).await, all);
    assert_eq!(sorted(of(Some(2))).await, []);
    let now = world.deliveries("A").await[0].send_time.expect("a time").seconds;
    let quarter = now.div_euclid(900) * 900;
    let time = |from: i64, to: i64| GetDeliveryStatsRequest {
        sent_after: Some(at(quarter + from * 900)),
        sent_before: Some(at(quarter + to * 900)),
        ..default()
    };
    // The flight may have crossed the end of a quarter of an hour.
    assert_eq!(sorted(time(0, 2)).await, all);
    assert_eq!(sorted(time(-4, 0)).await, []);
    let answer = caller.log().get_delivery_stats(of(None)).await.expect("counts").into_inner();
    let skips = answer.counts.iter().find(|count| count.status() == DeliveryStatus::Skipped);
    assert_eq!(skips.expect("one").reason_class(), ReasonClass::Device);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_filtered_by_provider_and_by_the_fallback() {
    let (world, caller, _phone) = flown().await;
    let count = async |request: ListDeliveriesRequest| {
        let answer = caller.log().list_deliveries(request).await.expect("a log").into_inner();
        assert!(answer.deliveries.iter().all(|row| row.provider() == Provider::Apns));
        answer.deliveries.len()
    };
    let with = |provider: Provider, operation: Operation| ListDeliveriesRequest {
        activity_id: "A".to_owned(),
        provider: provider.into(),
        operation: operation.into(),
        ..default()
    };
    assert_eq!(count(with(Provider::Apns, Operation::Unspecified)).await, 4);
    assert_eq!(count(with(Provider::Apns, Operation::Start)).await, 2);
    assert_eq!(count(with(Provider::Apns, Operation::Fallback)).await, 0);
    assert_eq!(count(with(Provider::Fcm, Operation::Unspecified)).await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_are_the_words_that_the_workspace_has_chosen() {
    let (world, caller, _phone) = flown().await;
    let labels = async || {
        let rows = world.deliveries("A").await.into_iter();
        let of_rows: BTreeSet<String> = rows.map(|row| row.label).collect();
        let request = GetDeliveryStatsRequest { activity_id: "A".to_owned(), ..default() };
        let counts = caller.log().get_delivery_stats(request).await.expect("counts").into_inner();
        let of_counts: BTreeSet<String> =
            counts.counts.into_iter().map(|count| count.label).collect();
        assert_eq!(of_rows, of_counts);
        of_rows
    };
    let both = |one: &str, other: &str| BTreeSet::from([one.to_owned(), other.to_owned()]);
    assert_eq!(labels().await, both("Accepted", "Skipped"));
    let own = caller.workspaces().get_workspace(default::<GetWorkspaceRequest>()).await;
    let workspace = own.expect("a workspace").into_inner().workspace.expect("a workspace");
    assert_eq!(workspace.delivery_labels(), DeliveryLabels::Tidings);
    let update = async |name: &str, labels: DeliveryLabels, paths: &[&str]| {
        let request = UpdateWorkspaceRequest {
            workspace_id: workspace.workspace_id.clone(),
            name: name.to_owned(),
            delivery_labels: labels.into(),
            update_mask: Some(FieldMask { paths: strings(paths) }),
            ..default()
        };
        let updated = caller.workspaces().update_workspace(request).await.expect("updated");
        let updated = updated.into_inner().workspace.expect("a workspace");
        (updated.name.clone(), updated.delivery_labels())
    };
    let dengage = DeliveryLabels::Dengage;
    let only_labels = update("", dengage, &["delivery_labels"]).await;
    assert_eq!(only_labels, ("default".to_owned(), dengage));
    assert_eq!(labels().await, both("Completed", "Error"));
    assert_eq!(update("other", DeliveryLabels::Unspecified, &[]).await.1, dengage);
    assert_eq!(update("third", DeliveryLabels::Tidings, &["name"]).await.1, dengage);
    update("third", DeliveryLabels::DengageDelivered, &[]).await;
    assert_eq!(labels().await, both("Delivered", "Error"));
    let statuses = world.deliveries("A").await;
    assert!(statuses.iter().any(|row| row.status() == DeliveryStatus::Skipped), "ours stays");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_is_wrong_in_every_way_names_every_field() {
    let bench = Bench::new().await;
    let (long, never) = ("x".repeat(257), Some(at(i64::MAX)));
    let request = ListDeliveriesRequest {
        activity_id: long.clone(),
        run: Some(-1),
        revision: Some(-1),
        operation: 9,
        device_id: "a\nb".to_owned(),
        contact_key: long.clone(),
        app_id: long.clone(),
        status: 9,
        reason: long.clone(),
        sent_after: never,
        sent_before: never,
        page_size: -1,
        page_token: "nonsense".to_owned(),
        provider: 9,
    };
    let fields = [
        "page_size",
        "page_token",
        "activity_id",
        "run",
        "revision",
        "operation",
        "device_id",
        "contact_key",
        "app_id",
        "status",
        "reason",
        "sent_after",
        "sent_before",
        "provider",
    ];
    bench.wrong(&fields, bench.caller.log().list_deliveries(request).await).await;
    let request = ExportDeliveriesRequest {
        activity_id: "a\nb".to_owned(),
        run: Some(-1),
        revision: Some(-1),
        operation: 9,
        device_id: long.clone(),
        contact_key: long.clone(),
        app_id: long.clone(),
        status: 9,
        reason: long,
        sent_after: never,
        sent_before: never,
        cursor: "nonsense".to_owned(),
        provider: 9,
    };
    let fields = [&["cursor"], &fields[2..]].concat();
    bench.wrong(&fields, bench.caller.log().export_deliveries(request).await).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_of_one_activity_or_of_one_time() {
    let bench = Bench::new().await;
    let wrong = async |fields: &[&str], request: GetDeliveryStatsRequest| {
        bench.wrong(fields, bench.caller.log().get_delivery_stats(request).await).await;
    };
    let time =
        |sent_after, sent_before| GetDeliveryStatsRequest { sent_after, sent_before, ..default() };
    wrong(&["activity_id"], default()).await;
    wrong(&["run", "activity_id"], GetDeliveryStatsRequest { run: Some(1), ..default() }).await;
    wrong(&["sent_before"], time(Some(at(900)), None)).await;
    wrong(&["sent_after"], time(None, Some(at(900)))).await;
    wrong(&["sent_after", "sent_before"], time(Some(at(1)), Some(at(901)))).await;
    let nanos = Some(Timestamp { seconds: 900, nanos: 1_000_000 });
    wrong(&["sent_after"], time(nanos, Some(at(1_800)))).await;
    wrong(&["sent_before"], time(Some(at(900)), Some(at(900)))).await;
    wrong(&["sent_before"], time(Some(at(0)), Some(at(MONTH + 900)))).await;
    wrong(&["sent_after"], time(Some(at(i64::MIN)), Some(at(900)))).await;
    let beside = GetDeliveryStatsRequest {
        activity_id: "a\u{0}".to_owned(),
        run: Some(-1),
        ..time(Some(at(0)), Some(at(900)))
    };
    wrong(&["activity_id", "run", "sent_after", "sent_before"], beside).await;
    let longest = bench.caller.log().get_delivery_stats(time(Some(at(0)), Some(at(MONTH)))).await;
    assert_eq!(longest.expect("a month is counted").into_inner().pushes, 0);
    let of = |activity_id: &str| GetDeliveryStatsRequest {
        activity_id: activity_id.to_owned(),
        ..default()
    };
    bench.caller.log().get_delivery_stats(of(ACTIVE)).await.expect("counted");
    let absent = refused(bench.caller.log().get_delivery_stats(of("NEVER")).await);
    assert_eq!((absent.code, absent.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    bench.world.stop().await;
}

fn default<T: Default>() -> T {
    T::default()
}
