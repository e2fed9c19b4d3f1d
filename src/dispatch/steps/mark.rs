//! Marks the revisions of one activity.

use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::change::Change;
use crate::domain::ids::{ActivityKey, SubscriptionId};
use crate::domain::revision::{Revision, Scope};
use crate::error::Result;
use crate::store::{self, Tx};

/// How many revisions of an activity are marked in one transaction.
const REVISIONS_AT_ONCE: u64 = 64;
/// How many targets are written at once.
const TARGETS_AT_ONCE: u64 = 500;

/// Marks what was accepted and not marked, in the order of revisions: shards become due, targets learn of theirs.
pub async fn mark(tx: &Tx, key: ActivityKey, now: Time) -> Result<()> {
    let Some(mut activity) = store::activities::by_key(tx, key).await? else { return Ok(()) };
    let (after, up_to) = (activity.marked_revision, activity.revision);
    let revisions = store::revisions::between(tx, key, after, up_to, REVISIONS_AT_ONCE).await?;
    for revision in revisions {
        activity.marked_revision = revision.number;
        mark_one(tx, &activity, &revision, now).await?;
    }
    store::apply(tx, Change { activities: vec![activity], ..Change::default() }).await
}

async fn mark_one(tx: &Tx, activity: &Activity, revision: &Revision, now: Time) -> Result<()> {
    let Scope::Target(target) = &revision.scope else {
        let (key, run, number) = (activity.key, revision.run, revision.number);
        store::shards::mark(tx, key, run, number, now).await?;
        if revision.is_end() {
            store::recipients::close_run(tx, key, run).await?;
        }
        return Ok(());
    };
    let mut after: Option<SubscriptionId> = None;
    loop {
        let (key, run) = (activity.key, revision.run);
        let page =
            store::subscriptions::matching(tx, (key, run), target, after, TARGETS_AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        let mut change = Change::default();
        for (mut subscription, shard) in store::subscriptions::with_shards(tx, page).await? {
            if subscription.target(&shard, revision, now) {
                change.due.push((shard.id, now));
                change.subscriptions.push(subscription);
            }
        }
        store::apply(tx, change).await?;
    }
}
