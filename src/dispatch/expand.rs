//! Turns audiences into subscriptions, a batch per transaction, resumably; the end of the run cancels it.

use super::Dispatcher;
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::State;
use crate::domain::change::Change;
use crate::domain::expand::{self, Marked};
use crate::domain::expansion::Expansion;
use crate::domain::ids::ActivityKey;
use crate::domain::revision::Run;
use crate::domain::rooms::Rooms;
use crate::error::Result;
use crate::store::{self, Lane, Tx};
use std::collections::HashMap;

/// How many expansions one look finds.
const EXPANSIONS_AT_ONCE: u64 = 64;
/// How many devices become subscriptions in one transaction.
const DEVICES_AT_ONCE: u64 = 500;
/// How many ends for targets are looked at: the newest, for a run has few while its audience is still being found.
const TARGETED_MAX: u64 = 256;

impl Dispatcher {
    /// Brings every expansion one batch further, and again until none is left or the dispatcher stops.
    pub(super) async fn expand_all(&self) -> Result<()> {
        while !self.shared.stop.is_cancelled() {
            let pending =
                store::expansions::pending_all_workspaces(self.reader(), EXPANSIONS_AT_ONCE)
                    .await?;
            if pending.is_empty() {
                return Ok(());
            }
            for expansion in pending {
                let (activity, now) = (expansion.activity, self.shared.clock.now());
                self.shared
                    .store
                    .write(Lane::Settle, move |tx| {
                        Box::pin(expand_batch(tx, expansion.clone(), now))
                    })
                    .await?;
                self.shared.bus.ring(Ring::Activity(activity));
            }
            // Nobody else waits for the rest of a large audience: not the clock's mark, not new content, and not shards
            // that are ready.
            self.sweep().await?;
            self.mark_all().await?;
            self.claim_all().await?;
        }
        Ok(())
    }
}

async fn expand_batch(tx: &Tx, mut expansion: Expansion, now: Time) -> Result<()> {
    let activity = store::activities::by_key(tx, expansion.activity).await?;
    let run = expansion.run;
    let active = activity.filter(|a| a.state == State::Active && a.run == run);
    let Some(activity) = active else {
        expansion.done = true;
        let expansions = vec![expansion];
        return store::apply(tx, Change { expansions, ..Change::default() }).await;
    };
    let (candidates, cursor) =
        store::expansions::audience_page(tx, &expansion, &activity.activity_type, DEVICES_AT_ONCE)
            .await?;
    let (key, up_to) = (activity.key, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(tx, key, run, up_to).await?;
    let targeted = store::revisions::targeted_ends(tx, key, run, up_to, TARGETED_MAX).await?;
    let newest = newest.map_or(0, |revision| revision.number);
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
        push_to_start: candidate.push_to_start.map(|token| (token.id, token.environment)),
        device: candidate.device,
        contact_key: candidate.contact_key,
    };
    Ok(candidates.into_iter().map(complete).collect())
}
