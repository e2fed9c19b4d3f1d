//! Workspaces.

use super::Page;
use super::delivery_counts;
use super::entity::{app, workspace};
use super::error::{or_exists, or_in_use};
use super::on::{On, Tx};
use crate::domain::ids::WorkspaceId;
use crate::domain::tenant::Workspace;
use crate::error::Result;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

/// Adds one; its name must be new.
pub async fn insert(tx: &Tx, row: Workspace) -> Result<()> {
    let name = row.name.clone();
    let model = workspace::Model::from(row).into_active_model();
    let done = workspace::Entity::insert(model).exec_without_returning(&tx.handle().db).await;
    or_exists(done, "workspace", &name).map(drop)
}

/// Replaces one; its name must be nobody else's.
pub async fn update(tx: &Tx, row: Workspace) -> Result<()> {
    let name = row.name.clone();
    let model = workspace::Model::from(row).into_active_model().reset_all();
    let done = workspace::Entity::update(model).exec(&tx.handle().db).await;
    or_exists(done, "workspace", &name).map(drop)
}

/// One by its id.
pub async fn find(on: &impl On, id: WorkspaceId) -> Result<Option<Workspace>> {
    let model = workspace::Entity::find_by_id(id.0).one(&on.handle().db).await?;
    model.map(Workspace::try_from).transpose()
}

/// One by its id, held to be changed.
pub async fn hold(tx: &Tx, id: WorkspaceId) -> Result<Option<Workspace>> {
    let handle = tx.handle();
    let model = handle.hold(workspace::Entity::find_by_id(id.0)).one(&handle.db).await?;
    model.map(Workspace::try_from).transpose()
}

/// One by its name.
pub async fn by_name(on: &impl On, name: &str) -> Result<Option<Workspace>> {
    let model = workspace::Entity::find().filter(workspace::Column::Name.eq(name));
    model.one(&on.handle().db).await?.map(Workspace::try_from).transpose()
}

/// All of them, oldest first.
pub async fn list(on: &impl On, page: Page<WorkspaceId>) -> Result<Vec<Workspace>> {
    let mut query = workspace::Entity::find().order_by_asc(workspace::Column::Id).limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(workspace::Column::Id.gt(after.0));
    }
    let models = query.all(&on.handle().db).await?;
    models.into_iter().map(Workspace::try_from).collect()
}

/// Deletes one that has neither apps nor activities; its keys and activity types go with it. False if there is none.
pub async fn delete(tx: &Tx, id: WorkspaceId) -> Result<bool> {
    delivery_counts::forget_workspace(tx, id).await?;
    let done = workspace::Entity::delete_by_id(id.0).exec(&tx.handle().db).await;
    Ok(or_in_use(done, "workspace")?.rows_affected > 0)
}

/// How many apps it has.
pub async fn count_apps(on: &impl On, id: WorkspaceId) -> Result<u64> {
    let apps = app::Entity::find().filter(app::Column::WorkspaceId.eq(id.0));
    Ok(apps.count(&on.handle().db).await?)
}
