//! Wakes what nothing else wakes, and keeps the clock's mark.

use crate::clock::{MARK_LEAD, Time};
use crate::domain::change::Change;
use crate::domain::ids::ShardId;
use crate::error::Result;
use crate::store::{self, Tx};

/// Makes shards due.
pub async fn wake(tx: &Tx, shards: &[ShardId], now: Time) -> Result<()> {
    // In the order in which everyone holds them.
    let shards = store::shards::by_ids(tx, shards).await?;
    let due = shards.iter().map(|shard| (shard.id, now)).collect();
    store::apply(tx, Change { due, ..Change::default() }).await
}

/// The mark that the clock needs now, where the present one is no longer far enough ahead.
pub fn new_mark(mark: Time, now: Time) -> Option<Time> {
    (now >= mark - MARK_LEAD / 2).then(|| now + MARK_LEAD)
}
