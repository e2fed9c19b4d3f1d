//! Arrivals: devices that are new or have another contact, and whose audiences are to be looked for.

use super::entity::arrival::{Column, Entity, Model};
use super::on::{On, Tx};
use crate::domain::ids::{DeviceKey, WorkspaceId};
use crate::error::Result;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

/// One device to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The device.
    pub device: DeviceKey,
    /// The tenant.
    pub workspace: WorkspaceId,
    stamp: sea_orm::prelude::Uuid,
}

/// Notes a device. One that is noted already is to be looked at once more.
pub async fn note(tx: &Tx, workspace: WorkspaceId, device: DeviceKey) -> Result<()> {
    let stamp = sea_orm::prelude::Uuid::now_v7();
    let row = Model { device_key: device.0, stamp, workspace_id: workspace.0 };
    let on_conflict = OnConflict::column(Column::DeviceKey).update_column(Column::Stamp).to_owned();
    Entity::insert(row.into_active_model())
        .on_conflict(on_conflict)
        .exec_without_returning(&tx.handle().db)
        .await?;
    Ok(())
}

/// Those of all tenants, the longest waiting first.
pub async fn all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Arrival>> {
    let query = Entity::find().order_by_asc(Column::Stamp).limit(limit);
    let rows = query.all(&on.handle().db).await?;
    let arrival = |row: Model| Arrival {
        device: DeviceKey(row.device_key),
        workspace: WorkspaceId(row.workspace_id),
        stamp: row.stamp,
    };
    Ok(rows.into_iter().map(arrival).collect())
}

/// These were looked at. One that was noted again meanwhile stays.
pub async fn seen(tx: &Tx, arrivals: &[Arrival]) -> Result<()> {
    Entity::delete_many()
        .filter(Column::DeviceKey.is_in(arrivals.iter().map(|arrival| arrival.device.0)))
        .filter(Column::Stamp.is_in(arrivals.iter().map(|arrival| arrival.stamp)))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}
