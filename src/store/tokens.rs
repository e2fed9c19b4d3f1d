//! Tokens, sealed and found by their fingerprints.

use super::codes::Code;
use super::entity::token::{Column, Entity};
use super::on::On;
use crate::domain::ids::{AppId, DeviceKey, TokenId, WorkspaceId};
use crate::domain::push::Environment;
use crate::domain::token::{Token, TokenKind};
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::HashMap;

/// One by the fingerprint of its value.
pub async fn by_fingerprint(
    on: &impl On,
    workspace: WorkspaceId,
    app: AppId,
    fingerprint: &[u8; 32],
) -> Result<Option<Token>> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::AppId.eq(app.0))
        .filter(Column::Fingerprint.eq(fingerprint.to_vec()));
    let handle = on.handle();
    handle.hold(query).one(&handle.db).await?.map(Token::try_from).transpose()
}

/// Those of a device, good or not, oldest first.
pub async fn of_device(on: &impl On, device: DeviceKey) -> Result<Vec<Token>> {
    let query = Entity::find().filter(Column::DeviceKey.eq(device.0)).order_by_asc(Column::Id);
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Token::try_from).collect()
}

/// The newest good token of a device that starts activities of a type.
pub async fn newest_push_to_start(
    on: &impl On,
    device: DeviceKey,
    activity_type: &str,
) -> Result<Option<Token>> {
    let mut newest = push_to_start_of(on, &[device], activity_type, None).await?;
    Ok(newest.remove(&device))
}

/// One by its id.
pub async fn get(on: &impl On, id: TokenId) -> Result<Option<Token>> {
    let handle = on.handle();
    let model = handle.hold(Entity::find_by_id(id.0)).one(&handle.db).await?;
    model.map(Token::try_from).transpose()
}

/// Several by their ids, in order. At most two thousand at once.
pub async fn get_many(on: &impl On, ids: &[TokenId]) -> Result<Vec<Token>> {
    let query =
        Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.0))).order_by_asc(Column::Id);
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Token::try_from).collect()
}

/// Per device the newest good token that starts activities of a type, in one world or in any.
pub(super) async fn push_to_start_of(
    on: &impl On,
    devices: &[DeviceKey],
    activity_type: &str,
    environment: Option<Environment>,
) -> Result<HashMap<DeviceKey, Token>> {
    let mut query = Entity::find()
        .filter(Column::DeviceKey.is_in(devices.iter().map(|key| key.0)))
        .filter(Column::Kind.eq(TokenKind::PushToStart.code()))
        .filter(Column::ActivityType.eq(activity_type))
        .filter(Column::InvalidAt.is_null())
        .order_by_asc(Column::RegisteredAt)
        .order_by_asc(Column::Id);
    if let Some(environment) = environment {
        query = query.filter(Column::Environment.eq(environment.code()));
    }
    let models = query.all(&on.handle().db).await?;
    // The newest comes last and replaces those before it.
    models.into_iter().map(|model| Ok((DeviceKey(model.device_key), model.try_into()?))).collect()
}
