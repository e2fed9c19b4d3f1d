//! The queries that the dispatcher asks again and again are answered from their indexes, whatever the tables hold: a
//! partial index counts only where the query repeats its condition word by word.

use super::deliveries::{DeliveryFilter, Order, Search, Stretch};
use super::on::On;
use super::segment_members;
use super::{
    Config, Store, activities, channels, confirmations, devices, expansions, members, recipients,
    retention, segments, shards, targets,
};
use crate::clock::Time;
use crate::domain::delivery::{Provider, Status};
use crate::domain::ids::{
    ActivityKey, AppId, DeliveryId, DeviceKey, SegmentKey, ShardId, SubscriptionId, WorkspaceId,
};
use crate::domain::push::Operation;
use crate::domain::revision::Target;
use sea_orm::{ConnectionTrait, QuerySelect, QueryTrait, Statement};
use tempfile::TempDir;

async fn empty() -> (Store, TempDir) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tidings.db");
    let config = Config { url: format!("sqlite://{}", path.display()).into(), ..Config::default() };
    let store = Store::open(&config).await.unwrap();
    store.migrate().await.unwrap();
    (store, directory)
}

/// Follows this index, and reads in its order.
async fn assert_follows(store: &Store, query: Statement, index: &str) {
    let db = store.reader().handle().db;
    let sql = format!("EXPLAIN QUERY PLAN {}", query.sql);
    let values = query.values.map_or(Vec::new(), |values| values.0);
    let explain = Statement::from_sql_and_values(db.get_database_backend(), sql.clone(), values);
    let rows = db.query_all_raw(explain).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
    assert!(plan.iter().any(|step| step.contains(index)), "{index}: {plan:?} of {sql}");
    assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY")), "{plan:?}");
}

#[tokio::test]
async fn what_is_asked_again_and_again_is_answered_from_an_index() {
    let (store, _directory) = empty().await;
    let backend = store.reader().handle().db.get_database_backend();
    let queries = [
        (shards::due(Time(0)).build(backend), "shards_due"),
        (shards::next_due().build(backend), "shards_due"),
        (shards::behind().build(backend), "shards_behind"),
        (activities::unmarked().build(backend), "activities_unmarked"),
        (activities::to_purge().build(backend), "activities_to_purge"),
        (activities::to_turn().build(backend), "activities_to_turn"),
        (devices::to_purge().build(backend), "devices_to_purge"),
        (activities::ended(Time(0)).build(backend), "activities_ended"),
        (activities::with_earlier_runs().build(backend), "activities_with_earlier_runs"),
        (retention::old_deliveries(Time(0)).build(backend), "sqlite_autoindex_deliveries_1"),
        (retention::old_requests(Time(0)).build(backend), "request_ids_by_age"),
        (retention::dead_tokens(Time(0)).build(backend), "tokens_dead"),
        (expansions::pending().build(backend), "expansions_pending"),
        (segments::deleted().build(backend), "segments_deleted"),
        (channels::due(Time(0)).build(backend), "channels_due"),
        (segment_members::removed().build(backend), "segment_members_removed"),
        (recipients::live_segments().build(backend), "recipients_live"),
        (
            segment_members::changed_after(SegmentKey::generate(), 1, "a").build(backend),
            "segment_members_changed",
        ),
        (members::exceptional(ShardId::generate()).build(backend), "subscriptions_exceptional"),
        (
            members::looked_for(ShardId::generate(), Time(0)).build(backend),
            "subscriptions_to_look_at",
        ),
    ];
    for (query, index) in queries {
        assert_follows(&store, query, index).await;
    }
}

#[tokio::test]
async fn what_was_accepted_last_is_found_by_the_log_of_its_device() {
    let (store, _directory) = empty().await;
    let backend = store.reader().handle().db.get_database_backend();
    let query = confirmations::newest_accepted(&[SubscriptionId::generate()], Time(1));
    let index = "deliveries_by_device (device_key=? AND id>?)";
    assert_follows(&store, backend.build(&query), index).await;
}

#[tokio::test]
async fn whom_a_target_concerns_is_found_without_going_through_all_devices_for_each() {
    let (store, _directory) = empty().await;
    let backend = store.reader().handle().db.get_database_backend();
    let named = Target { device_ids: vec!["phone".to_owned()], ..Target::default() };
    let of_a_kind = Target { platforms: vec!["IOS".to_owned()], ..Target::default() };
    let place = (WorkspaceId::generate(), ActivityKey::generate(), 1);
    let after = Some(DeviceKey::generate());
    for (target, index) in [
        (&named, "subscriptions_by_run (activity_key=? AND run=? AND device_key=?)"),
        (&of_a_kind, "subscriptions_by_run (activity_key=? AND run=? AND device_key>?)"),
        (&of_a_kind, "SEARCH devices EXISTS USING INDEX sqlite_autoindex_devices_1 (key=?)"),
    ] {
        let query = targets::page(place, target, after).limit(500).build(backend);
        assert_follows(&store, query, index).await;
    }
}

#[tokio::test]
async fn every_search_of_the_send_log_follows_the_index_that_is_meant_for_it() {
    let (store, _directory) = empty().await;
    let backend = store.reader().handle().db.get_database_backend();
    let rest = DeliveryFilter {
        run: Some(1),
        operation: Some(Operation::Start),
        app: Some(AppId::generate()),
        provider: Some(Provider::Apns),
        sent_after: Some(Time(1)),
        sent_before: Some(Time(2)),
        ..DeliveryFilter::default()
    };
    let of_contact = || DeliveryFilter { contact_key: Some("ada".to_owned()), ..rest.clone() };
    let of_revision = || DeliveryFilter { revision: Some(3), ..rest.clone() };
    let refused = || DeliveryFilter { status: Some(Status::Failed), ..rest.clone() };
    let accepted = || DeliveryFilter { status: Some(Status::Accepted), ..rest.clone() };
    let reason = || DeliveryFilter { reason: Some("TIMEOUT".to_owned()), ..rest.clone() };
    let cases = [
        (rest.clone(), false, false, "deliveries_by_workspace"),
        (accepted(), false, false, "deliveries_by_workspace"),
        (of_revision(), false, false, "deliveries_by_workspace"),
        (rest.clone(), true, false, "deliveries_by_activity"),
        (accepted(), true, false, "deliveries_by_activity"),
        (of_revision(), true, false, "deliveries_by_revision"),
        (rest.clone(), true, true, "deliveries_by_device"),
        (refused(), false, true, "deliveries_by_device"),
        (of_contact(), true, false, "deliveries_by_contact"),
        (refused(), false, false, "deliveries_not_accepted"),
        (reason(), false, false, "deliveries_not_accepted"),
        (refused(), true, false, "deliveries_not_accepted_by_activity"),
        (reason(), true, false, "deliveries_not_accepted_by_activity"),
    ];
    for (filter, of_activity, of_device, index) in cases {
        let search = Search {
            workspace: WorkspaceId::generate(),
            filter: &filter,
            activity: of_activity.then(ActivityKey::generate),
            device: of_device.then(DeviceKey::generate),
        };
        let index = format!("INDEX {index} ");
        for order in [Order::NewestFirst, Order::OldestFirst] {
            for after in [None, Some(DeliveryId::at(Time(1)))] {
                let stretch = Stretch::after(&filter, order, after);
                let query = search.fitting(order, stretch).build(backend);
                assert_follows(&store, query, &index).await;
                let query = search.candidates(order, stretch).build(backend);
                assert_follows(&store, query, &index).await;
            }
        }
    }
}
