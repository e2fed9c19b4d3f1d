//! Room for subscriptions: shards of one activity run that still take members, and new ones when they are full.

use super::ids::{ShardId, WorkspaceId};
use super::revision::Number;
use super::shard::{MEMBERS_MAX, Place, Shard};
use crate::clock::Time;

/// The shards that a change puts subscriptions into.
#[derive(Debug, Default)]
pub struct Rooms {
    shards: Vec<Shard>,
}

impl Rooms {
    /// Starts with shards that exist.
    pub fn new(shards: Vec<Shard>) -> Self {
        Rooms { shards }
    }

    /// A shard of that place with room for one more, which is taken. `wanted` is the newest marked revision for
    /// everyone, 0 where none is marked yet.
    pub fn take(&mut self, workspace: WorkspaceId, place: Place, wanted: Number) -> &Shard {
        let free = |shard: &Shard| shard.place == place && shard.members < MEMBERS_MAX;
        let index = self.shards.iter().position(free).unwrap_or_else(|| {
            self.shards.push(Shard {
                id: ShardId::generate(),
                workspace,
                place,
                members: 0,
                wanted,
                delivered: 0,
                last_stamp: 0,
                due_at: None,
            });
            self.shards.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position of a shard found or pushed")]
        let shard = &mut self.shards[index];
        shard.members += 1;
        shard
    }

    /// The shards with their members, due at `now`.
    pub fn into_due_shards(mut self, now: Time) -> Vec<Shard> {
        for shard in &mut self.shards {
            shard.due_at = Some(shard.due_at.map_or(now, |due_at| due_at.min(now)));
        }
        self.shards
    }
}

#[cfg(test)]
mod tests;
