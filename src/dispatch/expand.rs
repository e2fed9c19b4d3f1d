//! Turns audiences into subscriptions, a batch per transaction, resumably; the end of the run cancels it.

use super::Dispatcher;
use crate::clock::Time;
use crate::domain::activity::State;
use crate::domain::expand::{self, Marked};
use crate::domain::expansion::Expansion;
use crate::domain::rooms::Rooms;
use crate::error::Result;
use crate::store::{self, Lane, Tx};

/// How many expansions one look finds.
const EXPANSIONS_AT_ONCE: u64 = 64;
/// How many devices become subscriptions in one transaction.
const DEVICES_AT_ONCE: u64 = 500;

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
                let write = move |tx: &Tx| -> futures::future::BoxFuture<'_, Result<()>> {
                    Box::pin(expand_batch(tx, expansion.clone(), now))
                };
                self.shared.store.write(Lane::Settle, write).await?;
                self.shared.bus.ring_activity(activity);
            }
            // Shards that are ready do not wait for the rest of a large audience.
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
        return store::apply(tx, crate::domain::change::Change { expansions, ..Default::default() })
            .await;
    };
    let (candidates, cursor) =
        store::audience::page(tx, &expansion, &activity.activity_type, DEVICES_AT_ONCE).await?;
    let (key, up_to) = (activity.key, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(tx, key, run, up_to).await?;
    let marked = Marked { newest: newest.map_or(0, |revision| revision.number), now };
    let rooms = Rooms::new(store::shards::with_room(tx, key, run).await?);
    let mut change = expand::expand(&activity, candidates, rooms, marked);
    expansion.done = cursor.is_none();
    expansion.cursor = cursor.unwrap_or(expansion.cursor);
    change.expansions.push(expansion);
    store::apply(tx, change).await
}
