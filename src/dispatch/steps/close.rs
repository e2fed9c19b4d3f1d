//! Closes a claim, or leaves its shard for later.

use super::load;
use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::close::{self, Lost};
use crate::domain::ids::{ShardId, SubscriptionId};
use crate::domain::plan::{self, Present};
use crate::domain::revision::Number;
use crate::domain::settle::{self, Sent};
use crate::domain::shard::Shard;
use crate::domain::subscription::Subscription;
use crate::error::{Error, Result};
use crate::store::{self, Tx};
use std::collections::{HashMap, HashSet};

/// What the transaction that closes a claim is given.
#[derive(Debug)]
pub struct Closing {
    /// The shard.
    pub shard: ShardId,
    /// The epoch of its lease, where replicas share the database.
    pub lease: Option<i64>,
    /// What it has when all was sent.
    pub goal: Number,
    /// The pushes that count as delivered.
    pub counted: Vec<Sent>,
    /// No slice was left out.
    pub complete: bool,
    /// Members that nothing can be sent to, with the version at which that was so.
    pub lost: Vec<(SubscriptionId, i64, Lost)>,
}

/// Closes the claim: every member that was loaded is answered or has an exception, so the shard moves to the goal.
/// Where the claim stopped early (`complete` is false) or another replica has the shard by now, those that were
/// answered get an exception instead.
pub async fn close_claim(tx: &Tx, closing: &Closing, present: Present) -> Result<()> {
    let Some(mut shard) = store::shards::find(tx, closing.shard).await? else { return Ok(()) };
    // What is marked meanwhile waits for the shard, and brings it forward again.
    let activity = store::activities::by_key(&tx.glance(), shard.place.activity).await?;
    let activity =
        activity.ok_or_else(|| Error::not_found("activity", shard.place.activity.to_string()))?;
    let behind = shard.delivered < closing.goal;
    let complete = closing.complete && holds(tx, closing.shard, closing.lease).await?;
    if complete {
        shard.delivered = shard.delivered.max(closing.goal);
    }
    let stamps = closing.counted.iter().map(|sent| sent.stamp);
    shard.last_stamp = stamps.chain([shard.last_stamp]).max().unwrap_or_default();
    let mut change = Change::default();
    let (before, mut rows) =
        rows_to_close(tx, (closing, &shard, behind, complete), present.now).await?;
    for sent in &closing.counted {
        if let Some(row) = rows.get_mut(&sent.plan.subscription)
            && settle::finish(row, &shard, sent, complete)
        {
            row.updated_at = present.now;
        }
    }
    close::give_up(&mut rows, &closing.lost, (&mut change, present.now));
    let members: Vec<&Subscription> = rows.values().collect();
    let members_now = (members.as_slice(), present.now);
    let wanted = store::wanted::of_members(tx, &shard, &activity, members_now).await?;
    if let Some(wanted) = &wanted {
        for row in rows.values_mut() {
            row.look_at = plan::look_at(row, &shard, wanted, present);
        }
    }
    let changed = rows.into_values().filter(|row| before.get(&row.id) != Some(row));
    change.subscriptions = changed.collect();
    store::apply(tx, change).await?;
    let first_look = store::subscriptions::first_look(tx, shard.id).await?;
    shard.due_at = wanted.and_then(|wanted| plan::due(&shard, &wanted, first_look, present));
    store::apply(tx, Change { shards: vec![shard], ..Change::default() }).await?;
    release(tx, closing.shard, closing.lease).await
}

/// Nobody else has claimed the shard since; without leases nobody else can.
pub(super) async fn holds(tx: &Tx, shard: ShardId, lease: Option<i64>) -> Result<bool> {
    match lease {
        Some(epoch) => store::leases::holds(tx, shard, epoch).await,
        None => Ok(true),
    }
}

/// Gives the lease up, where there is one.
pub async fn release(tx: &Tx, shard: ShardId, lease: Option<i64>) -> Result<()> {
    match lease {
        Some(epoch) => store::leases::release(tx, shard, epoch).await,
        None => Ok(()),
    }
}

type Rows = HashMap<SubscriptionId, Subscription>;

/// The rows that closing may change, as they were and to be changed: those that are to be looked at, those that the
/// shard's move does not speak for, those that are given up; and where the shard was behind, all with an exception, for
/// what they wait for was decided by what was wanted before.
async fn rows_to_close(
    tx: &Tx,
    (closing, shard, behind, complete): (&Closing, &Shard, bool, bool),
    now: Time,
) -> Result<(Rows, Rows)> {
    let mut rows = if behind {
        store::subscriptions::rows_with_exception(tx, shard.id).await?
    } else {
        store::subscriptions::rows_to_look_at(tx, shard.id, now, load::MEMBERS_MAX).await?
    };
    let known: HashSet<SubscriptionId> = rows.iter().map(|row| row.id).collect();
    // Where the shard was behind, a member without an exception has what the shard has now.
    let spoken_for = |sent: &&Sent| behind && complete && sent.plan.revision == shard.delivered;
    let apart = closing.counted.iter().filter(|sent| !spoken_for(sent));
    let mut ids: Vec<SubscriptionId> = apart.map(|sent| sent.plan.subscription).collect();
    ids.extend(closing.lost.iter().map(|(id, ..)| *id));
    ids.retain(|id| !known.contains(id));
    rows.extend(store::subscriptions::of_held_shard(tx, shard.id, &ids).await?);
    let rows: Rows = rows.into_iter().map(|row| (row.id, row)).collect();
    Ok((rows.clone(), rows))
}

/// Leaves the shard until then, unless another replica has it by now.
pub async fn postpone(tx: &Tx, (id, lease): (ShardId, Option<i64>), until: Time) -> Result<()> {
    let Some(mut shard) = store::shards::find(tx, id).await? else { return Ok(()) };
    if !holds(tx, id, lease).await? {
        return Ok(());
    }
    shard.due_at = Some(until);
    store::apply(tx, Change { shards: vec![shard], ..Change::default() }).await?;
    release(tx, id, lease).await
}
