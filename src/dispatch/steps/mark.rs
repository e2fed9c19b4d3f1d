//! Marks the revisions of one activity, a bounded number of rows in a transaction.
//!
//! Invariant: a revision is marked when everybody whom it concerns knows of it, and not before. How far one for many
//! targets has come is written down with it; devices that join meanwhile learn of it when they do.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::ids::{ActivityKey, WorkspaceId};
use crate::domain::revision::{Revision, Scope, Target};
use crate::error::Result;
use crate::store::{self, Tx};

/// How many revisions of an activity are marked in one transaction.
const REVISIONS_AT_ONCE: u64 = 64;
/// How many subscriptions and recipients learn of them in one transaction.
const ROWS_AT_ONCE: u64 = 500;

/// Marks some of what was accepted and not marked, in the order of revisions: shards become due, targets learn of
/// theirs. The activity stays behind until it was called often enough.
pub async fn mark(tx: &Tx, key: ActivityKey, now: Time) -> Result<()> {
    let Some(mut activity) = store::activities::by_key(tx, key).await? else { return Ok(()) };
    let (after, up_to) = (activity.marked_revision, activity.revision);
    let revisions = store::revisions::between(tx, key, after, up_to, REVISIONS_AT_ONCE).await?;
    let mut room = ROWS_AT_ONCE;
    for revision in revisions {
        let used = match &revision.scope {
            Scope::Everyone => mark_all(tx, &revision, room, now).await?,
            Scope::Target(target) => {
                mark_some(tx, activity.workspace, (&revision, target), (room, now)).await?
            }
        };
        room = room.saturating_sub(used);
        if room == 0 {
            break;
        }
        activity.marked_revision = revision.number;
    }
    if activity.marked_revision == after {
        return Ok(());
    }
    store::apply(tx, Change { activities: vec![activity], ..Change::default() }).await
}

/// Says how many rows it took: as many as there is room for where more may be left.
async fn mark_all(tx: &Tx, revision: &Revision, room: u64, now: Time) -> Result<u64> {
    let (key, run, number) = (revision.activity, revision.run, revision.number);
    let mut closed = 0;
    if revision.is_end() {
        closed = store::recipients::close_run(tx, (key, run), room).await?;
        if closed == room {
            return Ok(closed);
        }
    }
    // A row for each thousand devices.
    store::shards::mark(tx, key, run, number, now).await?;
    Ok(closed)
}

/// Says how many rows it took: as many as there is room for where more may be left.
async fn mark_some(
    tx: &Tx,
    workspace: WorkspaceId,
    (revision, target): (&Revision, &Target),
    (room, now): (u64, Time),
) -> Result<u64> {
    let run = (workspace, revision.activity, revision.run);
    let after = store::revisions::marked_to(tx, revision).await?;
    let page = store::subscriptions::matching(tx, run, target, after, room).await?;
    let found = u64::try_from(page.len()).unwrap_or(u64::MAX);
    if let Some(last) = page.last().filter(|_| found >= room) {
        store::revisions::mark_to(tx, revision, last.device).await?;
    }
    let mut change = Change::default();
    for (mut subscription, shard) in store::subscriptions::with_shards(tx, page).await? {
        if subscription.target(&shard, revision, now) {
            change.due.push((shard.id, now));
            change.subscriptions.push(subscription);
        }
    }
    store::apply(tx, change).await?;
    Ok(found)
}
