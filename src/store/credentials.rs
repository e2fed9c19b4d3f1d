//! Credentials of apps, sealed.

use super::codes::Code;
use super::entity::credential::{Column, Entity, Model};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::ids::{AppId, CredentialId, WorkspaceId};
use crate::domain::push::Environment;
use crate::domain::tenant::SealedCredential;
use crate::error::Result;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

/// Adds one.
pub async fn insert(tx: &Tx, row: SealedCredential) -> Result<()> {
    let model = Model::from(row).into_active_model();
    Entity::insert(model).exec_without_returning(&tx.handle().db).await?;
    Ok(())
}

/// One credential of a workspace.
pub async fn find(
    on: &impl On,
    workspace: WorkspaceId,
    id: CredentialId,
) -> Result<Option<SealedCredential>> {
    let query = Entity::find_by_id(id.0).filter(Column::WorkspaceId.eq(workspace.0));
    query.one(&on.handle().db).await?.map(SealedCredential::try_from).transpose()
}

/// Those of an app, oldest first.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    app: AppId,
) -> Result<Vec<SealedCredential>> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::AppId.eq(app.0))
        .order_by_asc(Column::Id);
    query.all(&on.handle().db).await?.into_iter().map(SealedCredential::try_from).collect()
}

/// Deletes one of an app. False if there is none.
pub async fn delete(tx: &Tx, workspace: WorkspaceId, app: AppId, id: CredentialId) -> Result<bool> {
    let query = Entity::delete_by_id(id.0)
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::AppId.eq(app.0));
    Ok(query.exec(&tx.handle().db).await?.rows_affected > 0)
}

/// The newest of an app that is good in a world. The app's id was found with its workspace.
pub async fn newest_for(
    on: &impl On,
    app: AppId,
    environment: Environment,
) -> Result<Option<SealedCredential>> {
    let is_good = Condition::any()
        .add(Column::Environment.is_null())
        .add(Column::Environment.eq(environment.code()));
    let query =
        Entity::find().filter(Column::AppId.eq(app.0)).filter(is_good).order_by_desc(Column::Id);
    query.one(&on.handle().db).await?.map(SealedCredential::try_from).transpose()
}

/// Notes since when and why a credential fails, or that it works again. False where that was known, or it is gone.
pub async fn turn(tx: &Tx, id: CredentialId, failing: Option<(Time, String)>) -> Result<bool> {
    let was = match failing {
        Some(_) => Column::FailingSince.is_null(),
        None => Column::FailingSince.is_not_null(),
    };
    let (since, reason) = failing.unzip();
    let query = Entity::update_many()
        .col_expr(Column::FailingSince, Expr::value(since.map(|at| at.0)))
        .col_expr(Column::FailingReason, Expr::value(reason))
        .filter(Column::Id.eq(id.0))
        .filter(was);
    Ok(query.exec(&tx.handle().db).await?.rows_affected > 0)
}
