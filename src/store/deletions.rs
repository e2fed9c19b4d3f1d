//! Removing what was deleted, a bounded number of rows at a time.

use super::delivery_counts;
use super::entity::{expansion, recipient, revision, shard, subscription, token};
use super::on::{On, Tx};
use crate::domain::ids::ActivityKey;
use crate::domain::revision::Run;
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// Whether nothing is due in any run up to this one.
pub async fn is_settled(on: &impl On, activity: ActivityKey, up_to: Run) -> Result<bool> {
    let query = shard::Entity::find()
        .filter(shard::Column::ActivityKey.eq(activity.0))
        .filter(shard::Column::Run.lte(up_to))
        .filter(shard::Column::DueAt.is_not_null());
    Ok(query.one(&on.handle().db).await?.is_none())
}

/// Removes some of what belongs to the runs up to this one: subscriptions with the tokens of their cards, then
/// revisions and recipients, then the rest. Says whether nothing is left.
pub async fn remove_runs(tx: &Tx, activity: ActivityKey, up_to: Run, limit: u64) -> Result<bool> {
    hold_shards(tx, activity, up_to).await?;
    if remove_subscriptions(tx, activity, up_to, limit).await?
        || remove_revisions(tx, activity, up_to, limit).await?
        || remove_recipients(tx, activity, up_to, limit).await?
        || remove_shards(tx, activity, up_to, limit).await?
    {
        return Ok(false);
    }
    expansion::Entity::delete_many()
        .filter(expansion::Column::ActivityKey.eq(activity.0))
        .filter(expansion::Column::Run.lte(up_to))
        .exec(&tx.handle().db)
        .await?;
    delivery_counts::forget_runs(tx, activity, up_to).await?;
    Ok(true)
}

/// Who writes a subscription holds its shard: so nobody writes one again that is removed here.
async fn hold_shards(tx: &Tx, activity: ActivityKey, up_to: Run) -> Result<()> {
    let handle = tx.handle();
    if !handle.holds() {
        return Ok(());
    }
    let query = shard::Entity::find()
        .select_only()
        .column(shard::Column::Id)
        .filter(shard::Column::ActivityKey.eq(activity.0))
        .filter(shard::Column::Run.lte(up_to))
        .order_by_asc(shard::Column::Id);
    let _: Vec<Uuid> = handle.hold(query).into_tuple().all(&handle.db).await?;
    Ok(())
}

/// Says whether there were any.
async fn remove_subscriptions(
    tx: &Tx,
    activity: ActivityKey,
    up_to: Run,
    limit: u64,
) -> Result<bool> {
    use subscription::Column;
    let rows: Vec<(Uuid, Option<Uuid>, Option<Uuid>)> = subscription::Entity::find()
        .select_only()
        .columns([Column::Id, Column::CardTokenId, Column::SecondTokenId])
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.lte(up_to))
        .limit(limit)
        .into_tuple()
        .all(&tx.handle().db)
        .await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let ids: Vec<Uuid> = rows.iter().map(|(id, ..)| *id).collect();
    let tokens = rows.iter().flat_map(|(_, card, second)| [*card, *second]).flatten();
    // A token that has moved to another subscription since is not this one's.
    token::Entity::delete_many()
        .filter(token::Column::Id.is_in(tokens))
        .filter(token::Column::SubscriptionId.is_in(ids.iter().copied()))
        .exec(&tx.handle().db)
        .await?;
    let query = subscription::Entity::delete_many().filter(Column::Id.is_in(ids));
    query.exec(&tx.handle().db).await?;
    Ok(true)
}

/// Says whether there were any.
async fn remove_recipients(tx: &Tx, activity: ActivityKey, up_to: Run, limit: u64) -> Result<bool> {
    use recipient::Column;
    let first = recipient::Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.lte(up_to))
        .order_by_asc(Column::Run)
        .order_by_asc(Column::Kind);
    let Some(first) = first.one(&tx.handle().db).await? else { return Ok(false) };
    let alike = Condition::all()
        .add(Column::ActivityKey.eq(activity.0))
        .add(Column::Run.eq(first.run))
        .add(Column::Kind.eq(first.kind));
    let edge: Option<String> = recipient::Entity::find()
        .select_only()
        .column(Column::Value)
        .filter(alike.clone())
        .order_by_asc(Column::Value)
        .offset(limit.saturating_sub(1))
        .limit(1)
        .into_tuple()
        .one(&tx.handle().db)
        .await?;
    let some = edge.map(|edge| Column::Value.lte(edge));
    let query = recipient::Entity::delete_many().filter(alike.add_option(some));
    query.exec(&tx.handle().db).await?;
    Ok(true)
}

/// Says whether there were any.
async fn remove_shards(tx: &Tx, activity: ActivityKey, up_to: Run, limit: u64) -> Result<bool> {
    use shard::Column;
    let ids: Vec<Uuid> = shard::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.lte(up_to))
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(&tx.handle().db)
        .await?;
    let query = shard::Entity::delete_many().filter(Column::Id.is_in(ids));
    Ok(query.exec(&tx.handle().db).await?.rows_affected > 0)
}

/// Says whether there were any.
async fn remove_revisions(tx: &Tx, activity: ActivityKey, up_to: Run, limit: u64) -> Result<bool> {
    use revision::Column;
    let numbers: Vec<i64> = revision::Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.lte(up_to))
        .order_by_asc(Column::Number)
        .limit(limit)
        .into_tuple()
        .all(&tx.handle().db)
        .await?;
    if numbers.is_empty() {
        return Ok(false);
    }
    revision::Entity::delete_many()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Number.is_in(numbers))
        .exec(&tx.handle().db)
        .await?;
    Ok(true)
}
