//! Leases of shards: of several replicas one sends to a shard at a time.
//!
//! Invariant: every claim of a shard has a higher epoch than all before it, so whoever settles under the shard's lock
//! with the newest epoch is the only one who does. Times are the database's (`store::clock::now`), never a replica's.

use super::entity::lease::{Column, Entity, Model};
use super::on::{On, Tx};
use super::shards;
use crate::clock::Time;
use crate::domain::ids::{ReplicaId, ShardId};
use crate::domain::shard::Shard;
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;
use std::time::Duration;

/// How long a lease holds after its claim or its last renewal.
pub const LEASE: Duration = Duration::from_secs(15);

/// A shard that one replica may send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The shard as it was claimed.
    pub shard: Shard,
    /// Which claim of the shard this is.
    pub epoch: i64,
    /// Until when it holds.
    pub until: Time,
}

/// Who claims.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// The replica.
    pub owner: ReplicaId,
    /// What it sends to at the moment, whether it still has a lease of it or not.
    pub busy: Vec<ShardId>,
}

impl Claimant {
    /// A replica may claim what nobody has a lease of, and what it has one of itself and does not know: nobody told it
    /// that the claim was committed, or its release was lost. Never what it is still busy with.
    fn may_claim(&self, now: Time) -> Condition {
        let is_free = Condition::any()
            .add(Column::LeaseUntil.is_null())
            .add(Column::LeaseUntil.lte(now.0))
            .add(Column::LeaseOwner.eq(self.owner.0));
        let is_busy = Column::Id.is_in(self.busy.iter().map(|id| id.0));
        Condition::all().add(is_free).add(is_busy.not())
    }
}

/// Claims shards of all tenants that are due and that are free for this replica, the longest due first. Those that
/// another transaction is about are passed over.
pub async fn claim(tx: &Tx, now: Time, claimant: &Claimant, limit: u64) -> Result<Vec<Lease>> {
    let query = Entity::find()
        .filter(Column::DueAt.lte(now.0))
        .filter(claimant.may_claim(now))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::Id)
        .limit(limit);
    let handle = tx.handle();
    let found = handle.hold_free(query).all(&handle.db).await?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let until = now + LEASE;
    Entity::update_many()
        .col_expr(Column::LeaseOwner, Expr::value(claimant.owner.0))
        .col_expr(Column::LeaseEpoch, Expr::col(Column::LeaseEpoch).add(1))
        .col_expr(Column::LeaseUntil, Expr::value(until.0))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(&handle.db)
        .await?;
    let ids: Vec<ShardId> = ids.into_iter().map(ShardId).collect();
    let claimed = shards::by_ids(tx, &ids).await?;
    let mut claimed: HashMap<Uuid, Shard> =
        claimed.into_iter().map(|shard| (shard.id.0, shard)).collect();
    let leases = found.into_iter().filter_map(|Model { id, lease_epoch, .. }| {
        Some(Lease { shard: claimed.remove(&id)?, epoch: lease_epoch + 1, until })
    });
    Ok(leases.collect())
}

/// When the next shard is due that is free for this replica, of all tenants.
pub async fn next_due(on: &impl On, now: Time, claimant: &Claimant) -> Result<Option<Time>> {
    let query = Entity::find()
        .select_only()
        .column(Column::DueAt)
        .filter(Column::DueAt.is_not_null())
        .filter(claimant.may_claim(now))
        .order_by_asc(Column::DueAt)
        .limit(1);
    let due_at: Option<Option<i64>> = query.into_tuple().one(&on.handle().db).await?;
    Ok(due_at.flatten().map(Time))
}

/// Prolongs claims, each named by its shard and epoch, and returns the shards whose claims still were the newest. One
/// that was given up meanwhile stays given up.
pub async fn renew(tx: &Tx, claims: &[(ShardId, i64)], now: Time) -> Result<Vec<ShardId>> {
    let epochs: HashMap<Uuid, i64> = claims.iter().map(|(id, epoch)| (id.0, *epoch)).collect();
    let query =
        Entity::find().filter(Column::Id.is_in(epochs.keys().copied())).order_by_asc(Column::Id);
    let handle = tx.handle();
    let found = handle.hold(query).all(&handle.db).await?;
    let is_kept =
        |row: &Model| row.lease_until.is_some() && epochs.get(&row.id) == Some(&row.lease_epoch);
    let kept: Vec<Uuid> = found.into_iter().filter(is_kept).map(|row| row.id).collect();
    Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value((now + LEASE).0))
        .filter(Column::Id.is_in(kept.iter().copied()))
        .exec(&handle.db)
        .await?;
    Ok(kept.into_iter().map(ShardId).collect())
}

/// Gives a claim up, unless a newer one was made.
pub async fn release(tx: &Tx, shard: ShardId, epoch: i64) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::LeaseOwner, Expr::value(None::<Uuid>))
        .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
        .filter(Column::Id.eq(shard.0))
        .filter(Column::LeaseEpoch.eq(epoch))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}

/// Whether a claim is the newest of its shard, which is held then: it stays so until the transaction ends.
pub async fn holds(tx: &Tx, shard: ShardId, epoch: i64) -> Result<bool> {
    let handle = tx.handle();
    let row = handle.hold(Entity::find_by_id(shard.0)).one(&handle.db).await?;
    Ok(row.is_some_and(|row| row.lease_epoch == epoch))
}
