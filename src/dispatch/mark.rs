//! Marks what was accepted: shards become due and targets learn of their revision, in revision order and durably, so
//! that accepting costs the same for one follower and for a million.

use super::{Dispatcher, steps};
use crate::bus::Ring;
use crate::error::Result;
use crate::store::{self, Lane};

/// How many activities one look finds.
const ACTIVITIES_AT_ONCE: u64 = 256;

impl Dispatcher {
    /// Marks everything that is accepted and not marked.
    pub(super) async fn mark_all(&self) -> Result<()> {
        loop {
            let behind =
                store::activities::unmarked_all_workspaces(self.reader(), ACTIVITIES_AT_ONCE)
                    .await?;
            if behind.is_empty() {
                return Ok(());
            }
            for activity in behind {
                let (key, now) = (activity.key, self.shared.clock.now());
                self.shared
                    .store
                    .write(Lane::Settle, move |tx| Box::pin(steps::mark(tx, key, now)))
                    .await?;
                self.shared.bus.ring(Ring::Activity(key));
            }
        }
    }
}
