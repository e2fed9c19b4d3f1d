//! Turns audiences into subscriptions, a batch per transaction, resumably; the end of the run cancels it.

use super::{Dispatcher, steps};
use crate::bus::Ring;
use crate::error::Result;
use crate::store::{self, Lane};

/// How many expansions one look finds.
const EXPANSIONS_AT_ONCE: u64 = 64;

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
                        Box::pin(steps::expand_batch(tx, expansion.clone(), now))
                    })
                    .await?;
                self.shared.bus.ring(Ring::Activity(activity));
            }
            // Shards that are ready do not wait for the rest of a large audience.
            self.claim_all().await?;
        }
        Ok(())
    }
}
