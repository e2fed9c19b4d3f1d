//! Looks at what no bell announced: shards behind their run, and the clock's durable mark.

use super::{Dispatcher, steps};
use crate::clock::Time;
use crate::error::Result;
use crate::store::{self, Lane};
use std::sync::atomic::Ordering;

/// How many shards one look finds.
const SHARDS_AT_ONCE: u64 = 256;

impl Dispatcher {
    /// Makes shards due that are behind whatever they say, and keeps the clock's mark ahead of the present.
    pub(super) async fn sweep(&self) -> Result<()> {
        let now = self.shared.clock.now();
        self.keep_mark(now).await?;
        let behind = store::shards::behind_all_workspaces(self.reader(), SHARDS_AT_ONCE).await?;
        if behind.is_empty() {
            return Ok(());
        }
        let behind: Vec<_> = behind.iter().map(|shard| shard.id).collect();
        self.shared
            .store
            .write(Lane::Settle, move |tx| {
                let behind = behind.clone();
                Box::pin(async move { steps::wake(tx, &behind, now).await })
            })
            .await
    }

    async fn keep_mark(&self, now: Time) -> Result<()> {
        let mark = Time(self.shared.clock_mark_ms.load(Ordering::Relaxed));
        let Some(mark) = steps::new_mark(mark, now) else { return Ok(()) };
        self.shared
            .store
            .write(Lane::Settle, move |tx| Box::pin(store::clock::save(tx, mark)))
            .await?;
        self.shared.clock_mark_ms.store(mark.0, Ordering::Relaxed);
        Ok(())
    }
}
