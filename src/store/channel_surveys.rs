//! When Apple's own list of an app's channels is looked at next.

use super::apply::upsert;
use super::codes::Code;
use super::entity::channel_survey::{Column, Entity, Model};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::channel_survey::Survey;
use crate::domain::ids::AppId;
use crate::domain::push::Environment;
use crate::error::Result;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

/// Sees to it that there is one; one that is there stays as it is.
pub async fn ensure(tx: &Tx, row: Survey) -> Result<()> {
    let mut on_conflict = OnConflict::columns([Column::AppId, Column::Environment]);
    Entity::insert(Model::from(row).into_active_model())
        .on_conflict(on_conflict.do_nothing().to_owned())
        .exec_without_returning(&tx.handle().db)
        .await?;
    Ok(())
}

/// Replaces one.
pub async fn put(tx: &Tx, row: Survey) -> Result<()> {
    upsert::<Entity, _>(tx, vec![row]).await
}

/// Makes one due by then at the latest.
pub async fn bring_forward(
    tx: &Tx,
    app: AppId,
    environment: Environment,
    due_at: Time,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(due_at.0))
        .filter(Column::AppId.eq(app.0))
        .filter(Column::Environment.eq(environment.code()))
        .filter(Column::DueAt.gt(due_at.0))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}

/// Those that are due by now, of all tenants, the longest due first.
pub async fn due_all_workspaces(on: &impl On, now: Time, limit: u64) -> Result<Vec<Survey>> {
    let query =
        Entity::find().filter(Column::DueAt.lte(now.0)).order_by_asc(Column::DueAt).limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Survey::try_from).collect()
}

/// One for a change of it.
pub async fn hold(tx: &Tx, app: AppId, environment: Environment) -> Result<Option<Survey>> {
    let handle = tx.handle();
    let row = handle.hold(Entity::find_by_id((app.0, environment.code()))).one(&handle.db).await?;
    row.map(Survey::try_from).transpose()
}
