//! Shards: what is sent to together.

pub use super::leases::{LEASE, Lease, claim, holds, release, renew};

use super::codes::Code;
use super::entity::shard::{Column, Entity};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::ids::{ActivityKey, AppId, ShardId};
use crate::domain::revision::{Number, Run};
use crate::domain::shard::{MEMBERS_MAX, Place, Shard};
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// How many ids a statement names at most.
const IDS_MAX: usize = 1_000;

/// Those that are due, of all tenants, longest due first, without those that are taken already.
pub async fn due_all_workspaces(
    on: &impl On,
    now: Time,
    limit: u64,
    excluding: &[ShardId],
) -> Result<Vec<Shard>> {
    let mut query = due(now).limit(limit);
    if !excluding.is_empty() {
        query = query.filter(Column::Id.is_not_in(excluding.iter().map(|id| id.0)));
    }
    query.all(&on.handle().db).await?.into_iter().map(Shard::try_from).collect()
}

/// Those that are behind what is wanted, and that nothing wakes, of all tenants.
pub async fn behind_all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Shard>> {
    let query = behind().limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Shard::try_from).collect()
}

/// When the next one is due, of all tenants.
pub async fn next_due_all_workspaces(on: &impl On, excluding: &[ShardId]) -> Result<Option<Time>> {
    let query = next_due().filter(Column::Id.is_not_in(excluding.iter().map(|id| id.0)));
    let due_at: Option<Option<i64>> = query.into_tuple().one(&on.handle().db).await?;
    Ok(due_at.flatten().map(Time))
}

/// One by its id.
pub async fn find(on: &impl On, id: ShardId) -> Result<Option<Shard>> {
    let handle = on.handle();
    let model = handle.hold(Entity::find_by_id(id.0)).one(&handle.db).await?;
    model.map(Shard::try_from).transpose()
}

/// Several by their ids, in order. At most a thousand at once.
pub async fn by_ids(on: &impl On, ids: &[ShardId]) -> Result<Vec<Shard>> {
    let query =
        Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.0))).order_by_asc(Column::Id);
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Shard::try_from).collect()
}

/// Those of a run, in the order of their making.
pub async fn of_run(on: &impl On, activity: ActivityKey, run: Run) -> Result<Vec<Shard>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .order_by_asc(Column::Id);
    query.all(&on.handle().db).await?.into_iter().map(Shard::try_from).collect()
}

/// The apps whose devices are in a run.
pub async fn apps_of_run(on: &impl On, activity: ActivityKey, run: Run) -> Result<Vec<AppId>> {
    let query = Entity::find()
        .select_only()
        .distinct()
        .column(Column::AppId)
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run));
    let apps: Vec<sea_orm::prelude::Uuid> = query.into_tuple().all(&on.handle().db).await?;
    Ok(apps.into_iter().map(AppId).collect())
}

/// The newest one of a place that takes another member. A transaction passes over those that others hold: a crowd that
/// registers at the same time spreads over a few shards instead of waiting for one.
pub async fn with_room(on: &impl On, place: &Place) -> Result<Option<Shard>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(place.activity.0))
        .filter(Column::Run.eq(place.run))
        .filter(Column::AppId.eq(place.app.0))
        .filter(Column::Environment.eq(place.environment.code()))
        .filter(Column::Route.eq(place.route.code()))
        .filter(Column::Members.lt(MEMBERS_MAX))
        .order_by_desc(Column::Id);
    let handle = on.handle();
    handle.hold_free(query).one(&handle.db).await?.map(Shard::try_from).transpose()
}

/// Marks all shards of a run: they want this revision or what they want already, whichever is newer, and are due at
/// this time at the latest. Says how many there are.
pub async fn mark(
    tx: &Tx,
    activity: ActivityKey,
    run: Run,
    wanted: Number,
    due_at: Time,
) -> Result<u64> {
    hold_run(tx, activity, run).await?;
    let newer = Expr::case(Column::Wanted.lt(wanted), wanted).finally(Expr::col(Column::Wanted));
    let done = Entity::update_many()
        .col_expr(Column::Wanted, newer.into())
        .col_expr(Column::DueAt, earlier(due_at))
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .exec(&tx.handle().db)
        .await?;
    Ok(done.rows_affected)
}

/// Holds the shards of a run in the order in which everyone does: an update alone takes them as it finds them.
async fn hold_run(tx: &Tx, activity: ActivityKey, run: Run) -> Result<()> {
    let handle = tx.handle();
    if !handle.holds() {
        return Ok(());
    }
    let query = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .order_by_asc(Column::Id);
    let ids: Vec<sea_orm::prelude::Uuid> = handle.hold(query).into_tuple().all(&handle.db).await?;
    drop(ids);
    Ok(())
}

/// Each shard is due at its time at the latest.
pub(super) async fn bring_forward(tx: &Tx, due: &[(ShardId, Time)]) -> Result<()> {
    let mut due = due.to_vec();
    due.sort_unstable_by_key(|(id, at)| (*at, *id));
    for same in due.chunk_by(|one, other| one.1 == other.1) {
        for chunk in same.chunks(IDS_MAX) {
            let Some(&(_, at)) = chunk.first() else { continue };
            Entity::update_many()
                .col_expr(Column::DueAt, Expr::value(at.0))
                .filter(Column::Id.is_in(chunk.iter().map(|(id, _)| id.0)))
                .filter(is_later(at))
                .exec(&tx.handle().db)
                .await?;
        }
    }
    Ok(())
}

pub(super) fn due(now: Time) -> Select<Entity> {
    Entity::find()
        .filter(Column::DueAt.lte(now.0))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::Id)
}

pub(super) fn behind() -> Select<Entity> {
    Entity::find()
        .filter(Expr::col(Column::Delivered).lt(Expr::col(Column::Wanted)))
        .filter(Column::DueAt.is_null())
        .order_by_asc(Column::Id)
}

pub(super) fn next_due() -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::DueAt)
        .filter(Column::DueAt.is_not_null())
        .order_by_asc(Column::DueAt)
        .limit(1)
}

fn earlier(at: Time) -> Expr {
    Expr::case(is_later(at), at.0).finally(Expr::col(Column::DueAt)).into()
}

fn is_later(at: Time) -> Condition {
    Condition::any().add(Column::DueAt.is_null()).add(Column::DueAt.gt(at.0))
}

/// The shards of a run that take more members.
pub async fn of_run_with_room(on: &impl On, activity: ActivityKey, run: Run) -> Result<Vec<Shard>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::Members.lt(MEMBERS_MAX))
        .order_by_asc(Column::Id);
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Shard::try_from).collect()
}
