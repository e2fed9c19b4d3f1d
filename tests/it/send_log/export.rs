//! The export: everything once, resumable wherever it stopped, and nothing left out of what comes late.

use super::{default, flown};
use crate::bad_input::Bench;
use crate::calls::{Caller, refused};
use crate::harness::World;
use std::collections::BTreeSet;
use std::time::Duration;
use tidings::clock::Time;
use tidings::domain::change::Change;
use tidings::domain::delivery::Delivery;
use tidings::domain::ids::DeliveryId;
use tidings::proto::v1::{
    CreateWorkspaceRequest, DeliveryStatus, ExportDeliveriesRequest, ExportDeliveriesResponse,
};
use tidings::store::deliveries::{self, DeliveryFilter, Order};
use tidings::store::{self, Lane, Page};

/// How many rows a message has at most.
const ROWS_MAX: usize = 500;

async fn exported(
    caller: &Caller,
    request: ExportDeliveriesRequest,
) -> Vec<ExportDeliveriesResponse> {
    let mut stream = caller.log().export_deliveries(request).await.expect("a stream").into_inner();
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await.expect("a message") {
        messages.push(message);
    }
    messages
}

fn ids(messages: &[ExportDeliveriesResponse]) -> Vec<String> {
    let rows = messages.iter().flat_map(|message| &message.deliveries);
    rows.map(|row| row.delivery_id.clone()).collect()
}

impl World {
    /// One row of the log, as the store has it.
    async fn row(&self) -> Delivery {
        let server = self.server.store();
        let workspace = store::workspaces::list(server.reader(), Page { size: 1, after: None });
        let workspace = workspace.await.expect("workspaces")[0].id;
        let page = (Order::OldestFirst, Page { size: 1, after: None });
        let all = DeliveryFilter::default();
        let found = deliveries::list(server.reader(), workspace, &all, page);
        found.await.expect("a log").rows[0].delivery.clone()
    }

    /// Adds copies of a row that were sent at these times.
    async fn log_at(&self, row: &Delivery, times: impl Iterator<Item = Time>) {
        let copy = |sent_at| Delivery { id: DeliveryId::at(sent_at), sent_at, ..row.clone() };
        let rows: Vec<Delivery> = times.map(copy).collect();
        let write = self.server.store().write(Lane::Settle, move |tx| {
            let deliveries = rows.clone();
            Box::pin(store::apply(tx, Change { deliveries, ..Change::default() }))
        });
        write.await.expect("written");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_every_row_once_and_goes_on_from_every_cursor() {
    let (world, caller, _phone) = flown().await;
    let row = world.row().await;
    let hour = row.sent_at - Duration::from_hours(1);
    world.log_at(&row, (0..2_600).map(|n| Time(hour.0 + n))).await;
    let messages = exported(&caller, default()).await;
    let all = ids(&messages);
    assert_eq!(all.len(), 2_604);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "nothing twice");
    assert!(messages.iter().all(|message| message.deliveries.len() <= ROWS_MAX));
    let times = messages.iter().flat_map(|message| &message.deliveries);
    let times = times.map(|row| row.send_time.map(|time| (time.seconds, time.nanos)));
    assert!(times.is_sorted(), "the oldest first");
    let mut seen = 0;
    for message in &messages {
        seen += message.deliveries.len();
        let request = ExportDeliveriesRequest { cursor: message.cursor.clone(), ..default() };
        let rest = ids(&exported(&caller, request).await);
        // Of the last minute everything comes again.
        assert_eq!(rest, all[seen.min(2_600)..]);
    }
    let refused = ExportDeliveriesRequest { status: DeliveryStatus::Failed.into(), ..default() };
    assert!(ids(&exported(&caller, refused).await).is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_written_late_is_in_the_next_export() {
    let (world, caller, _phone) = flown().await;
    let row = world.row().await;
    let first = exported(&caller, default()).await;
    let cursor = first.last().expect("a message").cursor.clone();
    // Sent before rows that the export has shown already, and answered after them.
    world.log_at(&row, std::iter::once(row.sent_at - Duration::from_secs(1))).await;
    let next = ids(&exported(&caller, ExportDeliveriesRequest { cursor, ..default() }).await);
    let first: BTreeSet<String> = ids(&first).into_iter().collect();
    let new: Vec<&String> = next.iter().filter(|id| !first.contains(*id)).collect();
    assert_eq!(new.len(), 1, "{next:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_good_for_its_workspace_and_its_filters() {
    let (world, caller, _phone) = flown().await;
    let messages = exported(&caller, default()).await;
    let cursor = messages.last().expect("a message").cursor.clone();
    let bad = async |caller: &Caller, request: ExportDeliveriesRequest| {
        let refused = refused(caller.log().export_deliveries(request).await);
        assert_eq!(refused.fields(), ["cursor"]);
    };
    let other = ExportDeliveriesRequest {
        cursor: cursor.clone(),
        activity_id: "A".to_owned(),
        ..default()
    };
    bad(&caller, other).await;
    let request = CreateWorkspaceRequest { name: "twin".to_owned(), ..default() };
    let twin = caller.workspaces().create_workspace(request).await.expect("a workspace");
    let twin = twin.into_inner().workspace.expect("a workspace").workspace_id;
    let (_, key) = caller.new_key(&twin, &["deliveries:read"]).await;
    let twin = world.caller_with(&key);
    bad(&twin, ExportDeliveriesRequest { cursor, ..default() }).await;
    let nothing = exported(&twin, default()).await;
    assert!(ids(&nothing).is_empty() && nothing.iter().all(|message| message.cursor.is_empty()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_away_or_does_not_read_holds_nobody_up() {
    let bench = Bench::new().await;
    let (world, caller) = (&bench.world, &bench.caller);
    caller.started("A").await;
    world.settled("A").await;
    let row = world.row().await;
    let day = row.sent_at - Duration::from_hours(24);
    world.log_at(&row, (0..20_000).map(|n| Time(day.0 + n))).await;
    let idle = caller.log().export_deliveries(ExportDeliveriesRequest::default()).await;
    let idle = idle.expect("a stream");
    let gone = caller.log().export_deliveries(ExportDeliveriesRequest::default()).await;
    drop(gone.expect("a stream"));
    for number in 0..20 {
        let status = format!("{number}");
        let update = crate::calls::update("A", &status);
        caller.activities().update_activity(update).await.expect("accepted");
    }
    let mut stream = idle.into_inner();
    let mut rows = 0;
    while let Some(message) = stream.message().await.expect("a message") {
        rows += message.deliveries.len();
    }
    assert!(rows >= 20_000, "all of it comes when it is read: {rows}");
    bench.world.stop().await;
}
