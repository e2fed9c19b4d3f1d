//! Turns one batch of an audience into subscriptions, or ends those of who is no longer in it.

use super::leave;
use crate::clock::Time;
use crate::domain::activity::{Activity, State};
use crate::domain::change::Change;
use crate::domain::expand::{self, Marked, TARGETED_MAX};
use crate::domain::expansion::{Expansion, Verb};
use crate::domain::ids::ActivityKey;
use crate::domain::membership::Welcome;
use crate::domain::recipient::Roll;
use crate::domain::revision::Run;
use crate::domain::rooms::Rooms;
use crate::error::Result;
use crate::store::expansions::Candidate;
use crate::store::{self, Tx};
use std::collections::HashMap;

/// How many devices become subscriptions in one transaction.
pub(super) const DEVICES_AT_ONCE: u64 = 500;

/// Brings an expansion one batch further. The end of its run cancels it.
pub async fn expand_batch(tx: &Tx, mut expansion: Expansion, now: Time) -> Result<()> {
    let run = (expansion.activity, expansion.run);
    let Some(activity) = active(tx, run).await? else {
        expansion.done = true;
        return finish(tx, Change::default(), expansion).await;
    };
    let (change, cursor) = match expansion.verb {
        Verb::Leave => leave_batch(tx, &expansion, now).await?,
        Verb::Start | Verb::Join | Verb::JoinAgain => {
            join_batch(tx, &activity, &expansion, now).await?
        }
    };
    expansion.done = cursor.is_none();
    expansion.cursor = cursor.unwrap_or(expansion.cursor);
    finish(tx, change, expansion).await
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
pub(super) async fn active(tx: &Tx, (key, run): (ActivityKey, Run)) -> Result<Option<Activity>> {
    let activity = store::activities::by_key(tx, key).await?;
    Ok(activity.filter(|activity| activity.state == State::Active && activity.run == run))
}

async fn join_batch(
    tx: &Tx,
    activity: &Activity,
    expansion: &Expansion,
    now: Time,
) -> Result<(Change, Option<String>)> {
    let activity_type = &activity.activity_type;
    let page = store::expansions::audience_page(tx, expansion, activity_type, DEVICES_AT_ONCE);
    let (candidates, cursor) = page.await?;
    let devices: Vec<_> = candidates.iter().map(|found| found.device.clone()).collect();
    let run = (activity.key, activity.run);
    let roll = store::recipients::roll(tx, run, &devices, &expansion.audience.app_ids).await?;
    let welcome = match expansion.verb {
        Verb::Start | Verb::Leave => Welcome::Returning,
        Verb::Join => Welcome::Ended,
        Verb::JoinAgain => Welcome::Dismissed,
    };
    let change = join(tx, activity, (candidates, &roll), welcome, now).await?;
    Ok((change, cursor))
}

async fn leave_batch(
    tx: &Tx,
    expansion: &Expansion,
    now: Time,
) -> Result<(Change, Option<String>)> {
    let page = store::expansions::devices_page(tx, expansion, DEVICES_AT_ONCE);
    let (devices, cursor) = page.await?;
    let run = (expansion.activity, expansion.run);
    let roll = store::recipients::roll(tx, run, &devices, &expansion.audience.app_ids).await?;
    let by_contact = expansion.audience.is_by_contact();
    let change = leave::leave(tx, run, (devices, &roll, by_contact), now).await?;
    Ok((change, cursor))
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
    let targeted = store::revisions::targeted_ends(tx, key, run, up_to, TARGETED_MAX).await?;
    let newest = newest.map_or(0, |revision| revision.number);
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
            push_to_start: candidate.push_to_start.map(|token| (token.id, token.environment)),
            device: candidate.device,
            contact_key: candidate.contact_key,
            since: entry.since,
        })
    };
    Ok(candidates.into_iter().filter_map(complete).collect())
}
