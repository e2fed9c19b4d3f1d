//! Closes a claim, or leaves its shard for later.

use super::load;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::change::Change;
use crate::domain::close;
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
    /// What it has when all was sent.
    pub goal: Number,
    /// The pushes that count as delivered.
    pub counted: Vec<Sent>,
    /// No slice was left out.
    pub complete: bool,
    /// Members that were never started and never will be, with the version at which that was so.
    pub over: Vec<(SubscriptionId, i64)>,
    /// Members that should be started and have no token for it, likewise.
    pub tokenless: Vec<(SubscriptionId, i64)>,
}

/// Closes the claim: every member that was loaded is answered or has an exception, so the shard moves to the goal.
/// Where the claim stopped early (`complete` is false), those that were answered get an exception instead.
pub async fn close_claim(tx: &Tx, closing: &Closing, present: Present) -> Result<()> {
    let Some(mut shard) = store::shards::find(tx, closing.shard).await? else { return Ok(()) };
    let activity = store::activities::by_key(tx, shard.place.activity).await?;
    let activity =
        activity.ok_or_else(|| Error::not_found("activity", shard.place.activity.to_string()))?;
    if closing.complete {
        shard.delivered = shard.delivered.max(closing.goal);
    }
    let stamps = closing.counted.iter().map(|sent| sent.stamp);
    shard.last_stamp = stamps.chain([shard.last_stamp]).max().unwrap_or_default();
    let mut change = Change::default();
    let mut rows = rows_to_close(tx, closing, &shard).await?;
    for sent in &closing.counted {
        if let Some(row) = rows.get_mut(&sent.plan.subscription)
            && settle::finish(row, &shard, sent, closing.complete)
        {
            row.updated_at = present.now;
        }
    }
    close::give_up(&mut rows, &closing.over, &closing.tokenless, (&mut change, present.now));
    change.subscriptions = rows.into_values().collect();
    store::apply(tx, change).await?;
    shard.due_at = due(tx, &shard, &activity, present).await?;
    store::apply(tx, Change { shards: vec![shard], ..Change::default() }).await
}

/// The rows that closing may change: those with an exception, those that the shard's move does not speak for, and those
/// that are given up.
async fn rows_to_close(
    tx: &Tx,
    closing: &Closing,
    shard: &Shard,
) -> Result<HashMap<SubscriptionId, Subscription>> {
    let spoken_for = |sent: &&Sent| closing.complete && sent.plan.revision == shard.delivered;
    let apart = closing.counted.iter().filter(|sent| !spoken_for(sent));
    let mut ids: Vec<SubscriptionId> = apart.map(|sent| sent.plan.subscription).collect();
    ids.extend(closing.over.iter().chain(&closing.tokenless).map(|(id, _)| *id));
    let counted: HashSet<_> = closing.counted.iter().map(|s| s.plan.subscription).collect();
    let exceptions = store::subscriptions::rows_with_exception(tx, shard.id).await?;
    let of_claim = exceptions.into_iter().filter(|row| counted.contains(&row.id));
    let mut rows: HashMap<_, _> = of_claim.map(|row| (row.id, row)).collect();
    ids.retain(|id| !rows.contains_key(id));
    let others = store::subscriptions::by_ids(tx, &ids).await?;
    rows.extend(others.into_iter().map(|row| (row.id, row)));
    Ok(rows)
}

async fn due(
    tx: &Tx,
    shard: &Shard,
    activity: &Activity,
    present: Present,
) -> Result<Option<Time>> {
    let rows = store::subscriptions::rows_with_exception(tx, shard.id).await?;
    let members: Vec<&Subscription> = rows.iter().collect();
    let wanted = load::wanted(tx, shard, activity, (&members, present.now)).await?;
    Ok(wanted.and_then(|wanted| plan::due(shard, &wanted, &rows, present)))
}

/// Leaves the shard until then.
pub async fn postpone(tx: &Tx, shard: ShardId, until: Time) -> Result<()> {
    let Some(mut shard) = store::shards::find(tx, shard).await? else { return Ok(()) };
    shard.due_at = Some(until);
    store::apply(tx, Change { shards: vec![shard], ..Change::default() }).await
}
