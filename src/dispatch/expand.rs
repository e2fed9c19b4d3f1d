//! Turns audiences into subscriptions, a batch per transaction, resumably; the end of the run cancels it.

use super::{Dispatcher, steps};
use crate::domain::expansion::Expansion;
use crate::error::Result;
use crate::store::{self, Lane};
use futures::stream::{self, StreamExt, TryStreamExt};

/// How many expansions one look finds.
const EXPANSIONS_AT_ONCE: u64 = 64;
/// How many batches are written at the same time: small ones share a commit.
const BATCHES_AT_ONCE: usize = 16;

impl Dispatcher {
    /// Brings every expansion one batch further, and again until none is left or the dispatcher stops.
    pub(super) async fn expand_all(&self) -> Result<()> {
        while !self.shared.stop.is_cancelled() {
            let pending =
                store::expansions::pending_all_workspaces(self.reader(), EXPANSIONS_AT_ONCE)
                    .await?;
            let batches = pending.into_iter().map(|expansion| self.expand(expansion));
            let batches = stream::iter(batches).buffer_unordered(BATCHES_AT_ONCE);
            let mut is_any = batches.try_fold(false, async |any, one| Ok(any | one)).await?;
            is_any |= self.follow_segments().await?;
            is_any |= self.look_at_arrivals().await?;
            if !is_any {
                return Ok(());
            }
            // Nobody else waits for the rest of a large audience: not the clock's mark, not new content, and not shards
            // that are ready.
            self.sweep().await?;
            self.mark_all().await?;
            self.claim_all().await?;
        }
        Ok(())
    }

    /// Says whether the expansion got further.
    async fn expand(&self, expansion: Expansion) -> Result<bool> {
        let (activity, now) = (expansion.activity, self.shared.clock.now());
        let batch = self.shared.store.write(Lane::Settle, move |tx| {
            Box::pin(steps::expand_batch(tx, expansion.clone(), now))
        });
        self.got_further(activity, batch.await)
    }
}
