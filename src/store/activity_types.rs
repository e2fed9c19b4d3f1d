//! Activity types.

use super::Page;
use super::apply::upsert;
use super::entity::activity_type::{Column, Entity, Model};
use super::error::or_exists;
use super::on::{On, Tx};
use crate::domain::activity_type::ActivityType;
use crate::domain::ids::WorkspaceId;
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

/// One by its name.
pub async fn find(
    on: &impl On,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Option<ActivityType>> {
    let model = Entity::find_by_id((workspace.0, name.to_owned())).one(&on.handle().db).await?;
    model.map(ActivityType::try_from).transpose()
}

/// One by its name, held to be changed.
pub async fn hold(tx: &Tx, workspace: WorkspaceId, name: &str) -> Result<Option<ActivityType>> {
    let handle = tx.handle();
    let query = handle.hold(Entity::find_by_id((workspace.0, name.to_owned())));
    query.one(&handle.db).await?.map(ActivityType::try_from).transpose()
}

/// Those of a workspace, by name.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    page: Page<String>,
) -> Result<Vec<ActivityType>> {
    let mut query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .order_by_asc(Column::Name)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Name.gt(after));
    }
    query.all(&on.handle().db).await?.into_iter().map(ActivityType::try_from).collect()
}

/// Adds one; its name must be new in the workspace.
pub async fn insert(tx: &Tx, row: ActivityType) -> Result<()> {
    let name = row.name.clone();
    let model = Model::try_from(row)?.into_active_model();
    let done = Entity::insert(model).exec_without_returning(&tx.handle().db).await;
    or_exists(done, "activity type", &name).map(drop)
}

/// Adds or replaces one.
pub async fn put(tx: &Tx, row: ActivityType) -> Result<()> {
    upsert::<Entity, _>(tx, vec![row]).await
}

/// Deletes one; activities keep its name. False if there is none.
pub async fn delete(tx: &Tx, workspace: WorkspaceId, name: &str) -> Result<bool> {
    let done = Entity::delete_by_id((workspace.0, name.to_owned())).exec(&tx.handle().db).await?;
    Ok(done.rows_affected > 0)
}
