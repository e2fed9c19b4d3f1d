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

/// A push may be stamped: a later process that goes on from the mark stamps nothing that is older. Whoever finds that
/// none may waits for the next look, which begins with the mark.
pub fn may_stamp(mark: Time, now: Time) -> bool {
    now < mark
}

/// The mark that the clock needs now, where the present one is no longer far enough ahead.
pub fn new_mark(mark: Time, now: Time) -> Option<Time> {
    (now >= mark - MARK_LEAD / 2).then(|| now + MARK_LEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_stamped_that_a_process_after_a_crash_would_not_know_of() {
        let now = Time(1_000_000);
        let mark = new_mark(Time(i64::MIN / 2), now).expect("a first mark");
        assert!(may_stamp(mark, now) && may_stamp(mark, mark - MARK_LEAD / 2));
        assert_eq!(new_mark(mark, now), None, "it is far enough ahead");
        assert!(new_mark(mark, mark - MARK_LEAD / 2).is_some(), "long before it is reached");
        assert!(!may_stamp(mark, mark), "that second is the next process's");
    }
}
