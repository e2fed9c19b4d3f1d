//! Removes what was deleted, one batch in a transaction.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::deletion;
use crate::domain::ids::{ActivityKey, DeviceKey};
use crate::domain::subscription::Subscription;
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

/// Removes a deleted device, where nothing is under way to it any more.
pub async fn purge_device(tx: &Tx, key: DeviceKey, now: Time) -> Result<()> {
    let Some(device) = store::devices::by_key(tx, key).await? else { return Ok(()) };
    let rows = store::subscriptions::of_device(tx, key).await?;
    // Who writes a subscription holds its shard: so nobody writes one again that goes with its device.
    let rows = store::subscriptions::with_shards(tx, rows).await?;
    let rows: Vec<Subscription> = rows.into_iter().map(|(row, _)| row).collect();
    if !deletion::may_purge_device(&device, &rows, now) {
        return Ok(());
    }
    store::devices::remove(tx, key).await
}
