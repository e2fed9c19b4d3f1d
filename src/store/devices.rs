//! Devices.

use super::Page;
use super::entity::device::{Column, Entity};
use super::on::{On, Tx};
use crate::domain::device::Device;
use crate::domain::ids::{AppId, DeviceKey, WorkspaceId};
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// Which devices a list shows; an absent field shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Of this contact.
    pub contact_key: Option<String>,
    /// With this app.
    pub app: Option<AppId>,
}

/// One by the caller's id.
pub async fn find(on: &impl On, workspace: WorkspaceId, device_id: &str) -> Result<Option<Device>> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::DeviceId.eq(device_id))
        .filter(Column::DeletedAt.is_null());
    let handle = on.handle();
    handle.hold(query).one(&handle.db).await?.map(Device::try_from).transpose()
}

/// One by its key.
pub async fn by_key(on: &impl On, key: DeviceKey) -> Result<Option<Device>> {
    let handle = on.handle();
    let model = handle.hold(Entity::find_by_id(key.0)).one(&handle.db).await?;
    model.map(Device::try_from).transpose()
}

/// Those that were deleted and are not gone, of all tenants, the longest deleted first.
pub async fn to_purge_all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Device>> {
    let query = to_purge().limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Device::try_from).collect()
}

pub(super) fn to_purge() -> Select<Entity> {
    Entity::find().filter(Column::DeletedAt.is_not_null()).order_by_asc(Column::DeletedAt)
}

/// Removes one with its tokens and subscriptions, whose shards must be held.
pub async fn remove(tx: &Tx, key: DeviceKey) -> Result<()> {
    Entity::delete_by_id(key.0).exec(&tx.handle().db).await?;
    Ok(())
}

/// Several by their keys, in order. At most a thousand at once.
pub async fn by_keys(on: &impl On, keys: &[DeviceKey]) -> Result<Vec<Device>> {
    let query = Entity::find()
        .filter(Column::Key.is_in(keys.iter().map(|key| key.0)))
        .order_by_asc(Column::Key);
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Device::try_from).collect()
}

/// Those of a contact, the newest first.
pub async fn of_contact(
    on: &impl On,
    workspace: WorkspaceId,
    contact_key: &str,
    limit: u64,
) -> Result<Vec<Device>> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::ContactKey.eq(contact_key))
        .filter(Column::DeletedAt.is_null())
        .order_by_desc(Column::Key)
        .limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Device::try_from).collect()
}

/// Those of a workspace that fit, oldest first.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    filter: &DeviceFilter,
    page: Page<DeviceKey>,
) -> Result<Vec<Device>> {
    let mut query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Key)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Key.gt(after.0));
    }
    if let Some(contact_key) = &filter.contact_key {
        query = query.filter(Column::ContactKey.eq(contact_key));
    }
    if let Some(app) = filter.app {
        query = query.filter(Column::AppId.eq(app.0));
    }
    query.all(&on.handle().db).await?.into_iter().map(Device::try_from).collect()
}
