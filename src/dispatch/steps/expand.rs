//! Turns one batch of an audience into subscriptions, or ends those of who is no longer in it.

use super::leave;
use crate::clock::Time;
use crate::domain::activity::{Activity, State};
use crate::domain::change::Change;
use crate::domain::device::Device;
use crate::domain::expand::{self, Marked, TARGETED_MAX};
use crate::domain::expansion::{Expansion, Verb};
use crate::domain::ids::ActivityKey;
use crate::domain::membership::Welcome;
use crate::domain::recipient::Roll;
use crate::domain::revision::Run;
use crate::domain::rooms::Rooms;
use crate::error::Result;
use crate::store::expansions::Candidate;
use crate::store::{self, On, Tx};
use std::collections::HashMap;

/// How many devices become subscriptions in one transaction.
pub(super) const DEVICES_AT_ONCE: u64 = 500;
/// How many pages of those who were named one transaction looks at while none of them has a device.
const EMPTY_PAGES_MAX: usize = 8;

/// Brings an expansion one batch further, unless another batch has already. The end of its run cancels it.
pub async fn expand_batch(tx: &Tx, mut expansion: Expansion, now: Time) -> Result<()> {
    let run = (expansion.activity, expansion.run);
    // Devices are held before their activity, as everyone does.
    let (found, cursor) = page(tx, &expansion).await?;
    let activity = active(&tx.share(), run).await?;
    let present = store::expansions::by_id(tx, expansion.id).await?;
    let is_next = |e: &Expansion| !e.done && e.cursor == expansion.cursor;
    if !present.as_ref().is_some_and(is_next) {
        return Ok(());
    }
    let Some(activity) = activity else {
        expansion.done = true;
        return finish(tx, Change::default(), expansion).await;
    };
    let devices: Vec<Device> = found.iter().map(|candidate| candidate.device.clone()).collect();
    let roll = store::recipients::roll(tx, run, &devices, &expansion.audience.app_ids).await?;
    let change = if let Some(welcome) = welcome(expansion.verb) {
        join(tx, &activity, (found, &roll), welcome, now).await?
    } else {
        let by_contact = expansion.audience.is_by_contact();
        leave::leave(tx, run, (devices, &roll, by_contact), now).await?
    };
    expansion.done = cursor.is_none();
    expansion.cursor = cursor.unwrap_or(expansion.cursor);
    finish(tx, change, expansion).await
}

/// The next devices of an expansion, and the cursor of those after them. Where many who were named have no device,
/// several pages without any count as one: a commit of its own for each would cost more than the look.
async fn page(tx: &Tx, expansion: &Expansion) -> Result<(Vec<Candidate>, Option<String>)> {
    let mut at = expansion.clone();
    for _ in 1..EMPTY_PAGES_MAX {
        match one_page(tx, &at).await? {
            (found, Some(cursor)) if found.is_empty() => at.cursor = cursor,
            page => return Ok(page),
        }
    }
    one_page(tx, &at).await
}

async fn one_page(tx: &Tx, expansion: &Expansion) -> Result<(Vec<Candidate>, Option<String>)> {
    let (share, limit) = (tx.share(), DEVICES_AT_ONCE);
    if expansion.verb == Verb::Leave {
        let (devices, cursor) = store::expansions::devices_page(&share, expansion, limit).await?;
        let bare = |device| Candidate { device, contact_key: String::new(), start_token: None };
        return Ok((devices.into_iter().map(bare).collect(), cursor));
    }
    // The type of an id never changes.
    let activity = store::activities::by_key(&tx.glance(), expansion.activity).await?;
    let activity_type = activity.map_or(String::new(), |activity| activity.activity_type);
    store::expansions::audience_page(&share, expansion, &activity_type, limit).await
}

/// How welcome devices are that had the run before; none where they are to leave it.
fn welcome(verb: Verb) -> Option<Welcome> {
    match verb {
        Verb::Start => Some(Welcome::Returning),
        Verb::Join => Some(Welcome::Ended),
        Verb::JoinAgain => Some(Welcome::Dismissed),
        Verb::Leave => None,
    }
}

/// Writes a batch. Of a run only the expansion that started it is kept when it is done.
async fn finish(tx: &Tx, mut change: Change, expansion: Expansion) -> Result<()> {
    if expansion.done && expansion.verb != Verb::Start {
        store::expansions::forget(tx, expansion.id).await?;
    } else {
        change.expansions.push(expansion);
    }
    store::apply(tx, change).await
}

/// The activity, while it is active in that run.
pub(super) async fn active(
    on: &impl On,
    (key, run): (ActivityKey, Run),
) -> Result<Option<Activity>> {
    let activity = store::activities::by_key(on, key).await?;
    Ok(activity.filter(|activity| activity.state == State::Active && activity.run == run))
}

/// What it takes that the run is on those of the candidates that are on the roll.
pub(super) async fn join(
    tx: &Tx,
    activity: &Activity,
    (candidates, roll): (Vec<Candidate>, &Roll),
    welcome: Welcome,
    now: Time,
) -> Result<Change> {
    let (key, run, up_to) = (activity.key, activity.run, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(tx, key, run, up_to).await?;
    let newest = newest.map_or(0, |revision| revision.number);
    let span = (newest, up_to);
    let targeted = store::revisions::targeted(tx, (key, run), span, TARGETED_MAX).await?;
    let marked = Marked { newest, targeted: &targeted, welcome, now };
    let rooms = Rooms::new(store::shards::of_run_with_room(tx, key, run).await?);
    let candidates = with_existing(tx, (key, run), candidates, roll).await?;
    Ok(expand::expand(activity, candidates, rooms, marked))
}

/// Each candidate that is on the roll, with the subscription that it has in this run already.
async fn with_existing(
    tx: &Tx,
    (key, run): (ActivityKey, Run),
    candidates: Vec<Candidate>,
    roll: &Roll,
) -> Result<Vec<expand::Candidate>> {
    let devices: Vec<_> = candidates.iter().map(|candidate| candidate.device.key).collect();
    let existing = store::subscriptions::of_devices_in_run(tx, key, run, &devices).await?;
    let existing = store::subscriptions::with_shards(tx, existing).await?;
    let mut existing: HashMap<_, _> =
        existing.into_iter().map(|(row, shard)| (row.device, (row, shard))).collect();
    let complete = |candidate: Candidate| {
        let entry = roll.entry(&candidate.device)?;
        Some(expand::Candidate {
            existing: existing.remove(&candidate.device.key),
            start_token: candidate.start_token.map(|token| (token.id, token.environment)),
            device: candidate.device,
            contact_key: candidate.contact_key,
            since: entry.since,
        })
    };
    Ok(candidates.into_iter().filter_map(complete).collect())
}
