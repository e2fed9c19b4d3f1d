//! Events. They are only added, by `apply`, in the transaction of the change.

use super::entity::event::{Column, Entity};
use super::on::On;
use crate::domain::event::Event;
use crate::domain::ids::WorkspaceId;
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// Those of a workspace after a position, with their positions, in order.
pub async fn list_all(
    on: &impl On,
    workspace: WorkspaceId,
    after_position: i64,
    limit: u64,
) -> Result<Vec<(i64, Event)>> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::Position.gt(after_position))
        .order_by_asc(Column::Position)
        .limit(limit);
    let models = query.all(&on.handle().db).await?;
    models.into_iter().map(|model| Ok((model.position, model.try_into()?))).collect()
}
