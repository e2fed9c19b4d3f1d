//! Turns one batch of an audience into subscriptions.

use crate::clock::Time;
use crate::domain::activity::State;
use crate::domain::change::Change;
use crate::domain::expand::{self, Marked, TARGETED_MAX};
use crate::domain::expansion::Expansion;
use crate::domain::ids::ActivityKey;
use crate::domain::revision::Run;
use crate::domain::rooms::Rooms;
use crate::error::Result;
use crate::store::{self, Tx};
use std::collections::HashMap;

/// How many devices become subscriptions in one transaction.
const DEVICES_AT_ONCE: u64 = 500;

/// Brings an expansion one batch further, unless another batch has already. The end of its run cancels it.
pub async fn expand_batch(tx: &Tx, mut expansion: Expansion, now: Time) -> Result<()> {
    let (key, run) = (expansion.activity, expansion.run);
    // The type of an id never changes, so that devices can be held before their activity, as everyone does.
    let activity_type = store::activities::by_key(&tx.glance(), key).await?;
    let activity_type = activity_type.map_or(String::new(), |activity| activity.activity_type);
    let (candidates, cursor) =
        store::expansions::audience_page(&tx.share(), &expansion, &activity_type, DEVICES_AT_ONCE)
            .await?;
    let activity = store::activities::by_key(&tx.share(), key).await?;
    let present = store::expansions::find(tx, key, run).await?;
    let is_next = |e: &Expansion| !e.done && e.cursor == expansion.cursor;
    if !present.as_ref().is_some_and(is_next) {
        return Ok(());
    }
    let active = activity.filter(|a| a.state == State::Active && a.run == run);
    let Some(activity) = active else {
        expansion.done = true;
        let expansions = vec![expansion];
        return store::apply(tx, Change { expansions, ..Change::default() }).await;
    };
    let up_to = activity.marked_revision;
    let newest = store::revisions::newest_for_everyone(tx, key, run, up_to).await?;
    let newest = newest.map_or(0, |revision| revision.number);
    let span = (newest, up_to);
    let targeted = store::revisions::targeted(tx, (key, run), span, TARGETED_MAX).await?;
    let marked = Marked { newest, targeted: &targeted, now };
    let rooms = Rooms::new(store::shards::of_run_with_room(tx, key, run).await?);
    let candidates = with_existing(tx, key, run, candidates).await?;
    let mut change = expand::expand(&activity, candidates, rooms, marked);
    expansion.done = cursor.is_none();
    expansion.cursor = cursor.unwrap_or(expansion.cursor);
    change.expansions.push(expansion);
    store::apply(tx, change).await
}

/// Each candidate with the subscription that it has in this run already.
async fn with_existing(
    tx: &Tx,
    key: ActivityKey,
    run: Run,
    candidates: Vec<store::expansions::Candidate>,
) -> Result<Vec<expand::Candidate>> {
    let devices: Vec<_> = candidates.iter().map(|candidate| candidate.device.key).collect();
    let existing = store::subscriptions::of_devices_in_run(tx, key, run, &devices).await?;
    let existing = store::subscriptions::with_shards(tx, existing).await?;
    let mut existing: HashMap<_, _> =
        existing.into_iter().map(|(row, shard)| (row.device, (row, shard))).collect();
    let complete = |candidate: store::expansions::Candidate| expand::Candidate {
        existing: existing.remove(&candidate.device.key),
        start_token: candidate.start_token.map(|token| (token.id, token.environment)),
        device: candidate.device,
        contact_key: candidate.contact_key,
    };
    Ok(candidates.into_iter().map(complete).collect())
}
