//! Marks what was accepted: shards become due and targets learn of their revision, in revision order and durably, so
//! that accepting costs the same for one follower and for a million. No transaction grows with their number.

use super::{Dispatcher, steps};
use crate::domain::ids::ActivityKey;
use crate::error::Result;
use crate::store::{self, Lane};
use futures::stream::{self, StreamExt, TryStreamExt};

/// How many activities one look finds.
const ACTIVITIES_AT_ONCE: u64 = 256;
/// How many of them are marked at the same time: what is written together shares a commit.
const MARKS_AT_ONCE: usize = 64;

impl Dispatcher {
    /// Marks everything that is accepted and not marked. What takes several turns leaves delivery its own in between.
    pub(super) async fn mark_all(&self) -> Result<()> {
        let mut is_first = true;
        while !self.shared.stop.is_cancelled() {
            let behind =
                store::activities::unmarked_all_workspaces(self.reader(), ACTIVITIES_AT_ONCE)
                    .await?;
            if behind.is_empty() {
                return Ok(());
            }
            if !std::mem::replace(&mut is_first, false) {
                self.sweep().await?;
                self.claim_all().await?;
            }
            let marks = behind.into_iter().map(|activity| self.mark(activity.key));
            let marks = stream::iter(marks).buffer_unordered(MARKS_AT_ONCE);
            let is_any = marks.try_fold(false, async |any, one| Ok(any | one)).await?;
            if !is_any {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Says whether the activity got further.
    async fn mark(&self, key: ActivityKey) -> Result<bool> {
        let now = self.shared.clock.now();
        let store = &self.shared.store;
        let marked = store.write(Lane::Settle, move |tx| Box::pin(steps::mark(tx, key, now)));
        self.got_further(key, marked.await)
    }
}
