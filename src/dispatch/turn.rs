//! Lets time pass for activities: scheduled runs begin, and those whose life is over end.

use super::{Dispatcher, steps};
use crate::clock::Time;
use crate::domain::ids::ActivityKey;
use crate::error::Result;
use crate::store::{self, Lane};
use futures::stream::{self, StreamExt, TryStreamExt};

/// How many activities one look finds.
const ACTIVITIES_AT_ONCE: u64 = 256;
/// How many of them are turned at the same time: what is written together shares a commit.
const TURNS_AT_ONCE: usize = 64;

impl Dispatcher {
    /// Turns every activity whose time has come.
    pub(super) async fn turn_all(&self) -> Result<()> {
        while !self.shared.stop.is_cancelled() {
            let now = self.shared.clock.now();
            let due =
                store::activities::to_turn_all_workspaces(self.reader(), now, ACTIVITIES_AT_ONCE)
                    .await?;
            let turns = due.into_iter().map(|activity| self.turn_one(activity.key, now));
            let turns = stream::iter(turns).buffer_unordered(TURNS_AT_ONCE);
            let is_any = turns.try_fold(false, async |any, one| Ok(any | one)).await?;
            if !is_any {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Says whether the activity got further.
    async fn turn_one(&self, key: ActivityKey, now: Time) -> Result<bool> {
        let store = &self.shared.store;
        let turned = store.write(Lane::Settle, move |tx| Box::pin(steps::turn(tx, key, now)));
        self.got_further(key, turned.await)
    }

    /// When a shard is due or an activity turns next. One that should have turned by now has failed to, and is tried
    /// again with the next sweep.
    pub(super) async fn next_look(&self) -> Result<Option<Time>> {
        let shard = self.next_due().await?;
        let turn = store::activities::next_turn_all_workspaces(self.reader()).await?;
        let turn = turn.filter(|turns_at| *turns_at > self.shared.clock.now());
        Ok(shard.into_iter().chain(turn).min())
    }
}
