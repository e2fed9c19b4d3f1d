//! Looks at what no bell announced: shards behind their run, and the clock's durable mark.

use super::Dispatcher;
use crate::clock::{MARK_LEAD, Time};
use crate::domain::change::Change;
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
        let due: Vec<_> = behind.iter().map(|shard| (shard.id, now)).collect();
        self.shared
            .store
            .write(Lane::Settle, move |tx| {
                Box::pin(store::apply(tx, Change { due: due.clone(), ..Change::default() }))
            })
            .await
    }

    async fn keep_mark(&self, now: Time) -> Result<()> {
        let half_way = Time(self.shared.clock_mark_ms.load(Ordering::Relaxed)) - MARK_LEAD / 2;
        if now < half_way {
            return Ok(());
        }
        let mark = now + MARK_LEAD;
        self.shared
            .store
            .write(Lane::Settle, move |tx| Box::pin(store::clock::save(tx, mark)))
            .await?;
        self.shared.clock_mark_ms.store(mark.0, Ordering::Relaxed);
        Ok(())
    }
}
