//! Revisions: what was asked of an activity. They are only added, by `apply`; how far one is marked is noted here.

use super::codes::{self, Code};
use super::entity::revision::{Column, Entity};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::ids::{ActivityKey, DeviceKey};
use crate::domain::push::Operation;
use crate::domain::revision::{Number, Revision, Run, Target};
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// How many numbers a statement names at most.
const NUMBERS_MAX: usize = 1_000;

/// Those after one number and up to another, over all runs, in order.
pub async fn between(
    on: &impl On,
    activity: ActivityKey,
    after: Number,
    up_to: Number,
    limit: u64,
) -> Result<Vec<Revision>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Number.gt(after))
        .filter(Column::Number.lte(up_to))
        .order_by_asc(Column::Number)
        .limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Revision::try_from).collect()
}

/// The newest of a run for everyone, up to a number.
pub async fn newest_for_everyone(
    on: &impl On,
    activity: ActivityKey,
    run: Run,
    up_to: Number,
) -> Result<Option<Revision>> {
    let query = newest_first(activity, run, up_to).filter(Column::Target.is_null());
    query.one(&on.handle().db).await?.map(Revision::try_from).transpose()
}

/// Those of a run for targets that still count for a device which is found now, in order: ends, and updates that are
/// newer than what everyone is shown. Up to a number, with the one that is being marked on others just now: it may have
/// passed the place of this device. Only the newest of them.
pub async fn targeted(
    on: &impl On,
    (activity, run): (ActivityKey, Run),
    (newest_for_everyone, up_to): (Number, Number),
    limit: u64,
) -> Result<Vec<Revision>> {
    let counts = Condition::any()
        .add(Column::Operation.eq(Operation::End.code()))
        .add(Column::Number.gt(newest_for_everyone));
    let query = newest_first(activity, run, Number::MAX)
        .filter(Column::Number.lte(up_to).or(Column::MarkedTo.is_not_null()))
        .filter(Column::Target.is_not_null())
        .filter(counts)
        .limit(limit);
    let rows = query.all(&on.handle().db).await?;
    rows.into_iter().rev().map(Revision::try_from).collect()
}

/// Up to which device it is marked on those whom it targets; none where that has not begun.
pub async fn marked_to(tx: &Tx, revision: &Revision) -> Result<Option<DeviceKey>> {
    let key = (revision.activity.0, revision.number);
    let query = Entity::find_by_id(key).select_only().column(Column::MarkedTo);
    let found: Option<Option<Uuid>> = query.into_tuple().one(&tx.handle().db).await?;
    Ok(found.flatten().map(DeviceKey))
}

/// It is marked on those whom it targets up to this device. The activity must be held.
pub async fn mark_to(tx: &Tx, revision: &Revision, device: DeviceKey) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::MarkedTo, Expr::value(device.0))
        .filter(Column::ActivityKey.eq(revision.activity.0))
        .filter(Column::Number.eq(revision.number))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}

/// The newest observation that exactly this target was shown in a run.
pub async fn newest_observation(
    on: &impl On,
    (activity, run): (ActivityKey, Run),
    target: &Target,
) -> Result<Option<Time>> {
    let query = newest_first(activity, run, Number::MAX)
        .filter(Column::Target.eq(codes::to_json(target)?))
        .filter(Column::ObservedAt.is_not_null());
    let newest = query.one(&on.handle().db).await?;
    Ok(newest.and_then(|revision| revision.observed_at).map(Time))
}

/// Whether one of those after one number and up to another is for targets.
pub async fn any_targeted(
    on: &impl On,
    activity: ActivityKey,
    after: Number,
    up_to: Number,
) -> Result<bool> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Number.gt(after))
        .filter(Column::Number.lte(up_to))
        .filter(Column::Target.is_not_null());
    Ok(query.one(&on.handle().db).await?.is_some())
}

/// Those of a run for everyone, up to a number, whose alerts still count, newest first.
pub async fn with_live_alert(
    on: &impl On,
    span: &AlertSpan,
    now: Time,
    limit: u64,
) -> Result<Vec<Revision>> {
    let query = newest_first(span.activity, span.run, span.up_to)
        .filter(Column::AlertExpiresAt.gt(now.0))
        .filter(Column::Target.is_null())
        .limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Revision::try_from).collect()
}

/// Of which revisions alerts are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertSpan {
    /// Of this activity.
    pub activity: ActivityKey,
    /// In this run.
    pub run: Run,
    /// Up to this number.
    pub up_to: Number,
}

/// One by its number.
pub async fn get(on: &impl On, activity: ActivityKey, number: Number) -> Result<Option<Revision>> {
    let model = Entity::find_by_id((activity.0, number)).one(&on.handle().db).await?;
    model.map(Revision::try_from).transpose()
}

/// Several by their numbers.
pub async fn get_many(
    on: &impl On,
    activity: ActivityKey,
    numbers: &[Number],
) -> Result<Vec<Revision>> {
    let mut found = Vec::with_capacity(numbers.len());
    for numbers in numbers.chunks(NUMBERS_MAX) {
        let query = Entity::find()
            .filter(Column::ActivityKey.eq(activity.0))
            .filter(Column::Number.is_in(numbers.iter().copied()))
            .order_by_asc(Column::Number);
        found.extend(query.all(&on.handle().db).await?);
    }
    found.into_iter().map(Revision::try_from).collect()
}

fn newest_first(activity: ActivityKey, run: Run, up_to: Number) -> Select<Entity> {
    Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::Number.lte(up_to))
        .order_by_desc(Column::Number)
}

/// When a run began.
pub async fn begun_at(on: &impl On, activity: ActivityKey, run: Run) -> Result<Option<Time>> {
    let query = Entity::find()
        .select_only()
        .column(Column::CreatedAt)
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .order_by_asc(Column::Number)
        .limit(1);
    let at: Option<i64> = query.into_tuple().one(&on.handle().db).await?;
    Ok(at.map(Time))
}
