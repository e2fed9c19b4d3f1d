//! Writes ahead what cannot be taken back: starts and ordinary notifications.

use super::close::holds;
use super::load::Planned;
use crate::clock::Time;
use crate::domain::activity::State;
use crate::domain::change::Change;
use crate::domain::fallback;
use crate::domain::ids::ShardId;
use crate::domain::plan::Kind;
use crate::domain::settle::begin_start;
use crate::error::Result;
use crate::store::{self, Tx};

/// Records pushes as begun and returns those that may be sent: one whose subscription or run is no longer as it was at
/// the claim is dropped, and all of them where another replica has claimed the shard meanwhile.
pub async fn begin(
    tx: &Tx,
    (shard, lease): (ShardId, Option<i64>),
    mut starts: Vec<Planned>,
    now: Time,
) -> Result<Vec<Planned>> {
    let Some(place) = starts.first().map(|start| start.subscription.place) else {
        return Ok(Vec::new());
    };
    let activity = store::activities::by_key(&tx.share(), place.activity).await?;
    let is_active = activity.is_some_and(|a| a.run == place.run && a.state == State::Active);
    if !is_active {
        return Ok(Vec::new());
    }
    let Some(shard) = store::shards::find(tx, shard).await? else { return Ok(Vec::new()) };
    if !holds(tx, shard.id, lease).await? {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = starts.iter().map(|start| start.plan.subscription).collect();
    let mut rows = store::subscriptions::of_held_shard(tx, shard.id, &ids).await?;
    rows.retain_mut(|row| {
        let start = starts.iter_mut().find(|start| start.plan.subscription == row.id);
        start.is_some_and(|start| match start.plan.kind {
            Kind::Fallback => fallback::begin(row, &shard, &mut start.plan, now),
            _ => begin_start(row, &shard, &mut start.plan, now),
        })
    });
    starts.retain(|start| rows.iter().any(|row| row.id == start.plan.subscription));
    let change = Change { subscriptions: rows, ..Change::default() };
    store::apply(tx, change).await.map(|()| starts)
}
