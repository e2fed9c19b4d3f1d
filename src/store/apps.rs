//! Apps.

use super::Page;
use super::entity::{app, device};
use super::error::{or_exists, or_in_use};
use super::on::{On, Tx};
use crate::domain::ids::{AppId, WorkspaceId};
use crate::domain::platform::Build;
use crate::domain::tenant::App;
use crate::error::Result;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

/// Adds one; its bundle id or package name must be new in the workspace.
pub async fn insert(tx: &Tx, row: App) -> Result<()> {
    let id = row.build.id().to_owned();
    let model = app::Model::from(row).into_active_model();
    let done = app::Entity::insert(model).exec_without_returning(&tx.handle().db).await;
    or_exists(done, "app", &id).map(drop)
}

/// Replaces one; its bundle id or package name must be nobody else's.
pub async fn update(tx: &Tx, row: App) -> Result<()> {
    let id = row.build.id().to_owned();
    let model = app::Model::from(row).into_active_model().reset_all();
    let done = app::Entity::update(model).exec(&tx.handle().db).await;
    or_exists(done, "app", &id).map(drop)
}

/// One by its id.
pub async fn find(on: &impl On, workspace: WorkspaceId, id: AppId) -> Result<Option<App>> {
    let query = app::Entity::find_by_id(id.0).filter(app::Column::WorkspaceId.eq(workspace.0));
    query.one(&on.handle().db).await?.map(App::try_from).transpose()
}

/// One by its id, held for a decision about it: `find` holds none, for many writes need it at the same time.
pub async fn hold(tx: &Tx, workspace: WorkspaceId, id: AppId) -> Result<Option<App>> {
    let query = app::Entity::find_by_id(id.0).filter(app::Column::WorkspaceId.eq(workspace.0));
    let handle = tx.handle();
    handle.hold(query).one(&handle.db).await?.map(App::try_from).transpose()
}

/// One by its bundle id or package name.
pub async fn by_build(on: &impl On, workspace: WorkspaceId, build: &Build) -> Result<Option<App>> {
    let same = match build {
        Build::Ios { bundle_id } => app::Column::BundleId.eq(bundle_id),
        Build::Android { package_name, .. } => app::Column::PackageName.eq(package_name),
    };
    let query = app::Entity::find().filter(app::Column::WorkspaceId.eq(workspace.0)).filter(same);
    query.one(&on.handle().db).await?.map(App::try_from).transpose()
}

/// Those of a workspace, oldest first.
pub async fn list(on: &impl On, workspace: WorkspaceId, page: Page<AppId>) -> Result<Vec<App>> {
    let mut query = app::Entity::find()
        .filter(app::Column::WorkspaceId.eq(workspace.0))
        .order_by_asc(app::Column::Id)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(app::Column::Id.gt(after.0));
    }
    query.all(&on.handle().db).await?.into_iter().map(App::try_from).collect()
}

/// Deletes one that has no devices, with its credentials. False if there is none.
pub async fn delete(tx: &Tx, workspace: WorkspaceId, id: AppId) -> Result<bool> {
    let query = app::Entity::delete_by_id(id.0).filter(app::Column::WorkspaceId.eq(workspace.0));
    let done = query.exec(&tx.handle().db).await;
    Ok(or_in_use(done, "app")?.rows_affected > 0)
}

/// How many devices have it.
pub async fn count_devices(on: &impl On, workspace: WorkspaceId, id: AppId) -> Result<u64> {
    let devices = device::Entity::find()
        .filter(device::Column::WorkspaceId.eq(workspace.0))
        .filter(device::Column::AppId.eq(id.0));
    Ok(devices.count(&on.handle().db).await?)
}
