//! Gives runs up that ended long ago; their rows are removed as those of deleted ones are.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::deletion;
use crate::domain::ids::ActivityKey;
use crate::error::Result;
use crate::store::{self, Tx};

/// How many runs of one activity are looked at; the others have their turn later.
const RUNS_AT_ONCE: usize = 16;

/// Those of the activities that are still over and ended before that time. Says how many were given up.
pub async fn forget_ended(tx: &Tx, keys: &[ActivityKey], before: Time, now: Time) -> Result<usize> {
    let found = store::activities::by_keys(tx, keys).await?;
    let old = found.iter().filter(|activity| activity.ended_at.is_some_and(|at| at < before));
    let forgotten = old.filter_map(|activity| deletion::forget(activity, activity.run, now));
    let activities: Vec<_> = forgotten.collect();
    let count = activities.len();
    store::apply(tx, Change { activities, ..Change::default() }).await?;
    Ok(count)
}

/// The runs of the activities that were followed by another one before that time. Says of how many activities.
pub async fn forget_earlier_runs(
    tx: &Tx,
    keys: &[ActivityKey],
    before: Time,
    now: Time,
) -> Result<usize> {
    let mut activities = Vec::new();
    for activity in store::activities::by_keys(tx, keys).await? {
        let mut up_to = activity.deleted_run;
        for run in (activity.deleted_run + 1..activity.run).take(RUNS_AT_ONCE) {
            // A run that had begun by then had ended the one before it.
            let next = store::revisions::begun_at(tx, activity.key, run + 1).await?;
            if next.is_none_or(|begun| begun >= before) {
                break;
            }
            up_to = run;
        }
        activities.extend(deletion::forget(&activity, up_to, now));
    }
    let count = activities.len();
    store::apply(tx, Change { activities, ..Change::default() }).await?;
    Ok(count)
}
