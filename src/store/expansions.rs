//! Expansions: audiences on their way to becoming subscriptions.

pub use super::audience::{Candidate, audience_page, candidates_of, devices_page, latest};
pub use super::reach::{ByPlatform, count_comers, count_followers};

use super::codes::Code;
use super::entity::expansion::{Column, Entity};
use super::on::{On, Tx};
use crate::domain::expansion::{Expansion, Verb};
use crate::domain::ids::{ActivityKey, ExpansionId};
use crate::domain::revision::Run;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// Those that are not done, of all tenants, oldest first.
pub async fn pending_all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Expansion>> {
    let query = pending().limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Expansion::try_from).collect()
}

/// The one by which a run was started; none where only apps have started it.
pub async fn find(on: &impl On, activity: ActivityKey, run: Run) -> Result<Option<Expansion>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::Verb.eq(Verb::Start.code()));
    query.one(&on.handle().db).await?.map(Expansion::try_from).transpose()
}

/// One by its id.
pub async fn by_id(on: &impl On, id: ExpansionId) -> Result<Option<Expansion>> {
    let handle = on.handle();
    let model = handle.hold(Entity::find_by_id(id.0)).one(&handle.db).await?;
    model.map(Expansion::try_from).transpose()
}

/// Those by which devices are still joining a run.
pub async fn joining(on: &impl On, activity: ActivityKey, run: Run) -> Result<Vec<Expansion>> {
    let query = pending()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::Verb.ne(Verb::Leave.code()));
    query.all(&on.handle().db).await?.into_iter().map(Expansion::try_from).collect()
}

/// The audience of a run is still being turned into subscriptions, or out of them.
pub async fn is_any_pending(on: &impl On, activity: ActivityKey, run: Run) -> Result<bool> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Expr::col(Column::Done).not());
    Ok(query.one(&on.handle().db).await?.is_some())
}

/// A run begins: whoever was named before is looked for now. Those of segments are for the caller, for they change.
pub async fn begin(tx: &Tx, activity: ActivityKey, run: Run) -> Result<Vec<Expansion>> {
    let of_run = Column::ActivityKey.eq(activity.0).and(Column::Run.eq(run));
    Entity::update_many()
        .col_expr(Column::Done, Expr::value(false))
        .filter(of_run.clone())
        .exec(&tx.handle().db)
        .await?;
    let of_segments = Entity::find().filter(of_run).filter(Column::SegmentKey.is_not_null());
    of_segments.all(&tx.handle().db).await?.into_iter().map(Expansion::try_from).collect()
}

/// Forgets one. The one that started a run stays: it says how the run treats its recipients.
pub async fn forget(tx: &Tx, id: ExpansionId) -> Result<()> {
    Entity::delete_by_id(id.0).exec(&tx.handle().db).await?;
    Ok(())
}

pub(super) fn pending() -> Select<Entity> {
    Entity::find()
        .filter(Expr::col(Column::Done).not())
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::ActivityKey)
}
