//! Removes what was deleted, behind everything else: a few batches, then delivery has its turn again.

use super::{Dispatcher, SWEEP_INTERVAL, steps};
use crate::domain::activity::Activity;
use crate::domain::deletion;
use crate::domain::device::Device;
use crate::error::Result;
use crate::store::{self, Lane};
use std::sync::atomic::Ordering;

/// How many activities one look finds.
const ACTIVITIES_AT_ONCE: u64 = 64;
/// How many devices one look finds.
const DEVICES_AT_ONCE: u64 = 64;
/// How many batches of one activity are removed before the others, and delivery, have their turn.
const BATCHES_AT_ONCE: usize = 8;

impl Dispatcher {
    /// Removes some of what was deleted; looks for it no more often than the sweep.
    pub(super) async fn purge(&self) -> Result<()> {
        let now = self.shared.clock.now();
        if now.0 < self.shared.purge_at_ms.load(Ordering::Relaxed) {
            return Ok(());
        }
        let deleted =
            store::activities::to_purge_all_workspaces(self.reader(), ACTIVITIES_AT_ONCE).await?;
        let mut more = false;
        for activity in &deleted {
            more |= self.purge_activity(activity).await?;
        }
        let deleted =
            store::devices::to_purge_all_workspaces(self.reader(), DEVICES_AT_ONCE).await?;
        for device in &deleted {
            self.purge_device(device).await?;
        }
        let next = if more { now } else { now + SWEEP_INTERVAL };
        self.shared.purge_at_ms.store(next.0, Ordering::Relaxed);
        Ok(())
    }

    async fn purge_device(&self, device: &Device) -> Result<()> {
        let (key, now) = (device.key, self.shared.clock.now());
        let rows = store::subscriptions::of_device(self.reader(), key).await?;
        if !deletion::may_purge_device(device, &rows, now) {
            return Ok(());
        }
        let store = &self.shared.store;
        store.write(Lane::Settle, move |tx| Box::pin(steps::purge_device(tx, key, now))).await
    }

    /// Says whether there is more to be removed at once.
    async fn purge_activity(&self, activity: &Activity) -> Result<bool> {
        let (key, now) = (activity.key, self.shared.clock.now());
        let is_settled =
            store::deletions::is_settled(self.reader(), key, activity.deleted_run).await?;
        if !deletion::may_purge(activity, is_settled, now) {
            return Ok(false);
        }
        for _ in 0..BATCHES_AT_ONCE {
            let batch = self
                .shared
                .store
                .write(Lane::Settle, move |tx| Box::pin(steps::purge_activity(tx, key, now)));
            if !batch.await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
