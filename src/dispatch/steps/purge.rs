//! Removes what was deleted, one batch in a transaction.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::deletion;
use crate::domain::ids::ActivityKey;
use crate::error::Result;
use crate::store::{self, Tx};

/// How many rows of a kind one transaction removes.
const ROWS_AT_ONCE: u64 = 500;

/// Removes a batch of the deleted runs of an activity. Says whether it has to be called again.
pub async fn purge_activity(tx: &Tx, key: ActivityKey, now: Time) -> Result<bool> {
    let Some(activity) = store::activities::by_key(tx, key).await? else { return Ok(false) };
    let run = activity.deleted_run;
    let is_settled = store::deletions::is_settled(tx, key, run).await?;
    if activity.purged_run >= run || !deletion::may_purge(&activity, is_settled, now) {
        return Ok(false);
    }
    if !store::deletions::remove_runs(tx, key, run, ROWS_AT_ONCE).await? {
        return Ok(true);
    }
    let activities = vec![deletion::purged(activity)];
    store::apply(tx, Change { activities, ..Change::default() }).await?;
    Ok(false)
}
