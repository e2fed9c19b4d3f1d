//! Keeps live audiences live: follows who comes into a segment and who leaves it, and finds the audiences of devices
//! that are new or have another contact.
//!
//! Each step looks at what is so now, not at what has happened: however often it is repeated, and in whatever order
//! with expansions, a run is on the devices of its audience and on each of them once.

use super::expand::{DEVICES_AT_ONCE, active, join};
use super::leave::leave;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::device::Device;
use crate::domain::expansion::Expansion;
use crate::domain::ids::{ActivityKey, DeviceKey};
use crate::domain::membership::Welcome;
use crate::domain::recipient::{Recipient, Roll, Way};
use crate::domain::revision::Run;
use crate::domain::segment::SegmentKind;
use crate::error::Result;
use crate::store::arrivals::Arrival;
use crate::store::segment_pages::{self, Position, Source, Through};
use crate::store::{self, Tx};

/// How many runs one transaction finds for new devices.
const RUNS_AT_ONCE: u64 = 16;

/// Follows a live segment one page of changed members further.
pub async fn follow_batch(tx: &Tx, recipient: &Recipient, now: Time) -> Result<()> {
    let Way::Segment(key) = recipient.way else { return Ok(()) };
    let present = store::recipients::find(tx, recipient).await?;
    let Some(mut recipient) = present.filter(|present| present.live) else { return Ok(()) };
    let run = (recipient.activity, recipient.run);
    let start = store::expansions::find(tx, run.0, run.1).await?;
    // The version is read before the members: what changes after it is found the next time.
    let segment = store::segments::by_key(tx, key).await?;
    let Some((start, segment)) = start.zip(segment) else {
        return close(tx, run).await;
    };
    let mut position = Position::parse(&recipient.cursor)?;
    if recipient.cursor.is_empty() {
        position.version = recipient.followed + 1;
    }
    let (workspace, kind) = (recipient.workspace, segment.kind);
    let through = Through { workspace, segment: key, kind, source: Source::Changed };
    let share = tx.share();
    let (devices, next) = segment_pages::page(&share, through, &position, DEVICES_AT_ONCE).await?;
    let Some(activity) = active(tx, run).await? else {
        return close(tx, run).await;
    };
    let by_contact = segment.kind == SegmentKind::ContactKeys;
    attend(tx, (&activity, &start), (devices, by_contact), now).await?;
    (recipient.cursor, recipient.followed) = match next {
        Some(next) => (next.text(), next.version - 1),
        None => (String::new(), segment.version),
    };
    store::recipients::put(tx, recipient).await
}

/// The run is over, or its segment is gone: with each look some more of its recipients are followed no longer.
async fn close(tx: &Tx, run: (ActivityKey, Run)) -> Result<()> {
    store::recipients::close_run(tx, run, DEVICES_AT_ONCE).await?;
    Ok(())
}

/// Finds the runs whose live audiences some devices of one tenant are in, after one run, and starts them there. Returns
/// the last run where there may be more.
pub async fn arrive(
    tx: &Tx,
    arrivals: &[Arrival],
    after: Option<ActivityKey>,
    now: Time,
) -> Result<Option<ActivityKey>> {
    let Some(workspace) = arrivals.first().map(|arrival| arrival.workspace) else {
        return Ok(None);
    };
    let keys: Vec<DeviceKey> = arrivals.iter().map(|arrival| arrival.device).collect();
    let mut devices = store::devices::by_keys(&tx.share(), &keys).await?;
    devices.retain(|device| device.deleted_at.is_none());
    let page = (after, RUNS_AT_ONCE);
    let runs = store::recipients::live_runs_of(tx, workspace, &devices, page).await?;
    for (key, run) in &runs {
        arrive_at(tx, (*key, *run), &devices, now).await?;
    }
    let is_full = u64::try_from(runs.len()).is_ok_and(|found| found >= RUNS_AT_ONCE);
    if let Some((last, _)) = runs.last().filter(|_| is_full) {
        return Ok(Some(*last));
    }
    store::arrivals::seen(tx, arrivals).await?;
    Ok(None)
}

async fn arrive_at(
    tx: &Tx,
    (key, run): (ActivityKey, Run),
    devices: &[Device],
    now: Time,
) -> Result<()> {
    let Some(activity) = active(tx, (key, run)).await? else { return Ok(()) };
    let Some(start) = store::expansions::find(tx, key, run).await? else { return Ok(()) };
    attend(tx, (&activity, &start), (devices.to_vec(), true), now).await
}

/// Sees to it that the run is on those of these devices that are in its audience, and not on the others; where they
/// were found by their contacts, one that came by itself stays.
async fn attend(
    tx: &Tx,
    (activity, start): (&Activity, &Expansion),
    (devices, by_contact): (Vec<Device>, bool),
    now: Time,
) -> Result<()> {
    let run = (activity.key, activity.run);
    let roll = store::recipients::roll(tx, run, &devices, &start.audience.app_ids).await?;
    let (inside, outside): (Vec<Device>, Vec<Device>) =
        devices.into_iter().partition(|device| roll.entry(device).is_some());
    if !outside.is_empty() {
        let change = leave(tx, run, (outside, &roll, by_contact), now).await?;
        store::apply(tx, change).await?;
    }
    if inside.is_empty() {
        return Ok(());
    }
    let chosen = chosen(tx, start, &activity.activity_type, (inside, &roll)).await?;
    let named = chosen.into_iter().map(|device| {
        let by_contact = roll.entry(&device).is_some_and(|entry| entry.by_contact);
        let contact_key = if by_contact { device.contact_key.clone() } else { String::new() };
        (contact_key, device)
    });
    let named = named.collect();
    let found = store::expansions::candidates_of(tx, named, &activity.activity_type).await?;
    let change = join(tx, activity, (found, &roll), Welcome::Returning, now).await?;
    store::apply(tx, change).await
}

/// All of them; or, where a contact is to have the activity on one device, those that were named themselves and of the
/// others the best of each contact.
async fn chosen(
    tx: &Tx,
    start: &Expansion,
    activity_type: &str,
    (devices, roll): (Vec<Device>, &Roll),
) -> Result<Vec<Device>> {
    if !start.audience.latest_only {
        return Ok(devices);
    }
    let named = |device: &Device| roll.entry(device).is_some_and(|entry| entry.by_device);
    let (mut chosen, others): (Vec<Device>, Vec<Device>) = devices.into_iter().partition(named);
    chosen.extend(store::expansions::latest(tx, start, activity_type, others).await?);
    Ok(chosen)
}
