//! A segment of many members: loaded in time, without holding up the callers' updates.

use super::for_segment;
use crate::calls::{start, strings, update};
use crate::harness::{World, scale, shows};
use std::time::{Duration, Instant};
use tidings::proto::v1::{AddMembersRequest, SegmentKind, StartActivityRequest};

/// Members at every commit.
const MEMBERS: usize = 20_000;
/// Members from this scale on, which is that of the full tier.
const MEMBERS_FULL: usize = 1_000_000;
const FULL_SCALE: usize = 5;
const BATCH: usize = 1_000;
/// How long a batch may take, whatever else this machine does.
const BATCH_TIME_MAX: Duration = Duration::from_secs(1);
/// How long an update may wait while a segment is loaded.
const UPDATE_TIME_MAX: Duration = Duration::from_secs(2);

fn members() -> usize {
    if scale() >= FULL_SCALE { MEMBERS_FULL } else { MEMBERS }
}

/// The most megabytes that this process, which is the server, the client and the phones at once, has ever held; where
/// the system tells.
fn memory_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024)
}

fn batches(segment_id: &str, count: usize) -> impl Iterator<Item = AddMembersRequest> + use<> {
    let segment_id = segment_id.to_owned();
    (0..count / BATCH).map(move |batch| {
        // Not in the order of their names, as an export of a customer database is not.
        let name = |entry| format!("contact-{:07}", (entry * 7_919) % count);
        AddMembersRequest {
            segment_id: segment_id.clone(),
            request_id: format!("{segment_id}-{batch}"),
            contact_keys: (batch * BATCH..(batch + 1) * BATCH).map(name).collect(),
            ..AddMembersRequest::default()
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_segment_is_loaded_while_updates_go_through_and_is_started_for() {
    let world = World::start().await;
    let caller = world.caller();
    let count = members();
    let phone = world.phone("phone", "18.2", &format!("contact-{:07}", count / 2));
    world.said_everything(&phone).await;
    caller.started("OTHER").await;
    caller.segment("all", SegmentKind::ContactKeys).await;
    let begun = Instant::now();
    let loader = caller.clone();
    let load = tokio::spawn(async move {
        let batches = tokio_stream::iter(batches("all", count));
        loader.segments().add_members(batches).await.expect("added").into_inner()
    });
    let before = memory_peak();
    let (mut slowest, mut updates) = (Duration::ZERO, 0_u64);
    while !load.is_finished() {
        let asked = Instant::now();
        caller.activities().update_activity(update("OTHER", "x")).await.expect("updated");
        slowest = slowest.max(asked.elapsed());
        updates += 1;
    }
    let added = load.await.expect("loaded");
    let took = begun.elapsed();
    println!("{count} members in {took:?}; the slowest of {updates} updates took {slowest:?}");
    let everyone = i64::try_from(count).expect("a count");
    assert_eq!((added.added, added.already_there, added.member_count), (everyone, 0, everyone));
    assert!(took < BATCH_TIME_MAX * u32::try_from(count / BATCH).expect("a count"), "{took:?}");
    assert!(slowest < UPDATE_TIME_MAX, "{slowest:?}");
    let again = caller.add(batches("all", count).take(5).collect()).await;
    assert_eq!((again.batches_replayed, again.member_count), (5, everyone));
    let request = StartActivityRequest { audience: Some(for_segment("all")), ..start("A") };
    caller.activities().start_activity(request).await.expect("started");
    let begun = Instant::now();
    shows(&phone, 1, "Scheduled").await;
    println!("the one member with a phone is started after {:?}", begun.elapsed());
    let who = world.settled("A").await;
    assert!(!who.progress.expect("progress").expanding);
    println!("the whole segment is gone through after {:?}", begun.elapsed());
    println!("peak memory in megabytes, before and after: {before:?}, {:?}", memory_peak());
    let who: Vec<String> =
        world.subscriptions("A", None).await.into_iter().map(|one| one.device_id).collect();
    assert_eq!(who, strings(&["phone"]));
    world.stop().await;
}
