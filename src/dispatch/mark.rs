//! Marks what was accepted: shards become due and targets learn of their revision, in revision order and durably, so
//! that accepting costs the same for one follower and for a million.

use super::Dispatcher;
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::change::Change;
use crate::domain::ids::{ActivityKey, SubscriptionId};
use crate::domain::revision::{Revision, Scope};
use crate::error::Result;
use crate::store::{self, Lane, Tx};

/// How many activities one look finds.
const ACTIVITIES_AT_ONCE: u64 = 256;
/// How many revisions of an activity are marked in one transaction.
const REVISIONS_AT_ONCE: u64 = 64;
/// How many targets are written at once.
const TARGETS_AT_ONCE: u64 = 500;

impl Dispatcher {
    /// Marks everything that is accepted and not marked.
    pub(super) async fn mark_all(&self) -> Result<()> {
        loop {
            let behind =
                store::activities::unmarked_all_workspaces(self.reader(), ACTIVITIES_AT_ONCE)
                    .await?;
            if behind.is_empty() {
                return Ok(());
            }
            for activity in behind {
                let (key, now) = (activity.key, self.shared.clock.now());
                self.shared
                    .store
                    .write(Lane::Settle, move |tx| Box::pin(mark(tx, key, now)))
                    .await?;
                self.shared.bus.ring(Ring::Activity(key));
            }
        }
    }
}

async fn mark(tx: &Tx, key: ActivityKey, now: Time) -> Result<()> {
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
        return store::shards::mark(tx, key, run, number, now).await.map(|_| ());
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
            subscription.touch(&shard, now);
            subscription.targeted = subscription.targeted.max(revision.number);
            change.due.push((shard.id, now));
            change.subscriptions.push(subscription);
        }
        store::apply(tx, change).await?;
    }
}
