//! Revisions: what was asked of an activity. They are only added, by `apply`.

use super::codes::Code;
use super::entity::revision::{Column, Entity};
use super::on::On;
use crate::clock::Time;
use crate::domain::ids::ActivityKey;
use crate::domain::push::Operation;
use crate::domain::revision::{Number, Revision, Run};
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

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

/// The newest ends of a run for targets, up to a number.
pub async fn targeted_ends(
    on: &impl On,
    activity: ActivityKey,
    run: Run,
    up_to: Number,
    limit: u64,
) -> Result<Vec<Revision>> {
    let query = newest_first(activity, run, up_to)
        .filter(Column::Target.is_not_null())
        .filter(Column::Operation.eq(Operation::End.code()))
        .limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Revision::try_from).collect()
}

/// The run up to a number whose alerts still count, for everyone or for targets, newest first.
pub async fn with_live_alert(
    on: &impl On,
    span: &AlertSpan,
    now: Time,
    limit: u64,
) -> Result<Vec<Revision>> {
    let query = newest_first(span.activity, span.run, span.up_to)
        .filter(Column::AlertExpiresAt.gt(now.0))
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

/// Several by their numbers, in order. At most a thousand at once.
pub async fn get_many(
    on: &impl On,
    activity: ActivityKey,
    numbers: &[Number],
) -> Result<Vec<Revision>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Number.is_in(numbers.iter().copied()))
        .order_by_asc(Column::Number);
    query.all(&on.handle().db).await?.into_iter().map(Revision::try_from).collect()
}

fn newest_first(activity: ActivityKey, run: Run, up_to: Number) -> Select<Entity> {
    Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::Number.lte(up_to))
        .order_by_desc(Column::Number)
}
