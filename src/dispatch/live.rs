//! Live audiences: who comes into a segment or leaves it, and devices that are new or have another contact.

use super::{Dispatcher, steps};
use crate::domain::ids::ActivityKey;
use crate::error::{Reason, Result};
use crate::store::arrivals::Arrival;
use crate::store::{self, Lane};

/// How many segments of runs one look finds.
const SEGMENTS_AT_ONCE: u64 = 64;
/// How many new devices one look finds.
const ARRIVALS_AT_ONCE: u64 = 256;

impl Dispatcher {
    /// Follows every live segment that has changed one page further. Says whether there was any.
    pub(super) async fn follow_segments(&self) -> Result<bool> {
        let behind = store::recipients::behind_all_workspaces(self.reader(), SEGMENTS_AT_ONCE);
        let behind = behind.await?;
        let mut is_any = false;
        for recipient in behind {
            let (activity, now) = (recipient.activity, self.shared.clock.now());
            let batch = self.shared.store.write(Lane::Settle, move |tx| {
                let recipient = recipient.clone();
                Box::pin(async move { steps::follow_batch(tx, &recipient, now).await })
            });
            is_any |= self.got_further(activity, batch.await)?;
        }
        Ok(is_any)
    }

    /// Finds the live audiences of devices that are new or have another contact. Says whether there were any.
    pub(super) async fn look_at_arrivals(&self) -> Result<bool> {
        let arrivals = store::arrivals::all_workspaces(self.reader(), ARRIVALS_AT_ONCE).await?;
        let mut is_any = false;
        let mut of_workspaces = arrivals;
        of_workspaces.sort_by_key(|arrival| arrival.workspace);
        for arrivals in of_workspaces.chunk_by(|one, other| one.workspace == other.workspace) {
            match self.arrive_all(arrivals).await {
                Ok(()) => is_any = true,
                Err(error) if error.reason == Reason::Unavailable => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "new devices were not looked at and will be later");
                }
            }
        }
        Ok(is_any)
    }

    /// Those of one workspace, activity by activity.
    async fn arrive_all(&self, arrivals: &[Arrival]) -> Result<()> {
        let mut after = None;
        loop {
            after = self.arrive(arrivals.to_vec(), after).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn arrive(
        &self,
        arrivals: Vec<Arrival>,
        after: Option<ActivityKey>,
    ) -> Result<Option<ActivityKey>> {
        let now = self.shared.clock.now();
        let batch = self.shared.store.write(Lane::Settle, move |tx| {
            let arrivals = arrivals.clone();
            Box::pin(async move { steps::arrive(tx, &arrivals, after, now).await })
        });
        batch.await
    }
}
