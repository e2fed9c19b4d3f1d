//! API keys.

use super::Page;
use super::entity::api_key::{Column, Entity, Model};
use super::on::{On, Tx};
use crate::domain::ids::{ApiKeyId, WorkspaceId};
use crate::domain::tenant::ApiKey;
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

/// Adds one.
pub async fn insert(tx: &Tx, row: ApiKey) -> Result<()> {
    let model = Model::from(row).into_active_model();
    Entity::insert(model).exec_without_returning(&tx.handle().db).await?;
    Ok(())
}

/// One by its id: it is the key that says which workspace a call is for.
pub async fn find_all_workspaces(on: &impl On, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let model = Entity::find_by_id(id.0).one(&on.handle().db).await?;
    model.map(ApiKey::try_from).transpose()
}

/// Those of a workspace, oldest first.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    page: Page<ApiKeyId>,
) -> Result<Vec<ApiKey>> {
    let mut query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .order_by_asc(Column::Id)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after.0));
    }
    query.all(&on.handle().db).await?.into_iter().map(ApiKey::try_from).collect()
}

/// Deletes one. False if there is none.
pub async fn delete(tx: &Tx, workspace: WorkspaceId, id: ApiKeyId) -> Result<bool> {
    let query = Entity::delete_by_id(id.0).filter(Column::WorkspaceId.eq(workspace.0));
    Ok(query.exec(&tx.handle().db).await?.rows_affected > 0)
}

/// Whether any workspace has any: without one nobody can call.
pub async fn any(on: &impl On) -> Result<bool> {
    let model = Entity::find().limit(1).one(&on.handle().db).await?;
    Ok(model.is_some())
}
