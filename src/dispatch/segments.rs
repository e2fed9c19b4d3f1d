//! Sweeps away what segments have left: members of deleted ones, and former members whom nobody asks for any more.

use super::Dispatcher;
use crate::clock::Time;
use crate::domain::ids::SegmentKey;
use crate::error::Result;
use crate::store::{self, Lane};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often it is looked whether there is anything.
const INTERVAL: Duration = Duration::from_secs(10);
/// How many rows one transaction sweeps away: it must not hold up the others.
const ROWS_AT_ONCE: u64 = 1_000;
/// How many transactions one look makes.
const BATCHES_MAX: usize = 50;

impl Dispatcher {
    /// Sweeps a bounded number of rows, now and then.
    pub(super) async fn sweep_segments(&self) -> Result<()> {
        let now = self.shared.clock.now();
        let last = Time(self.shared.segments_swept_ms.load(Ordering::Relaxed));
        if now.since(last) < INTERVAL {
            return Ok(());
        }
        self.shared.segments_swept_ms.store(now.0, Ordering::Relaxed);
        for _ in 0..BATCHES_MAX {
            let deleted = store::segments::deleted_all_workspaces(self.reader()).await?;
            let Some(segment) = deleted else { break };
            self.sweep_deleted(segment).await?;
        }
        for _ in 0..BATCHES_MAX {
            if !store::segment_members::is_any_removed(self.reader()).await? {
                break;
            }
            if self.forget_members().await? == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn sweep_deleted(&self, segment: SegmentKey) -> Result<()> {
        let swept = self.shared.store.write(Lane::Settle, move |tx| {
            Box::pin(store::segments::sweep(tx, segment, ROWS_AT_ONCE))
        });
        swept.await.map(|_| ())
    }

    async fn forget_members(&self) -> Result<u64> {
        let forgotten = self.shared.store.write(Lane::Settle, |tx| {
            Box::pin(store::segment_members::forget_all_workspaces(tx, ROWS_AT_ONCE))
        });
        forgotten.await
    }
}
