//! Tokens, sealed and found by their fingerprints.

use super::codes::Code;
use super::entity::token::{Column, Entity};
use super::on::On;
use crate::domain::ids::{AppId, DeviceKey, SubscriptionId, TokenId, WorkspaceId};
use crate::domain::push::Environment;
use crate::domain::subscription::Subscription;
use crate::domain::token::{Token, TokenKind};
use crate::error::Result;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, Select};
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

/// The good token of a device that starts of a type go by.
pub async fn start_token(
    on: &impl On,
    device: DeviceKey,
    activity_type: &str,
) -> Result<Option<Token>> {
    let mut newest = start_tokens_of(on, &[device], activity_type, None).await?;
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

/// Per device the good token that starts of a type go by, in one world or in any: the newest push-to-start token, or
/// the token that serves all of an Android device.
pub(super) async fn start_tokens_of(
    on: &impl On,
    devices: &[DeviceKey],
    activity_type: &str,
    environment: Option<Environment>,
) -> Result<HashMap<DeviceKey, Token>> {
    let of_type = Condition::all()
        .add(Column::Kind.eq(TokenKind::PushToStart.code()))
        .add(Column::ActivityType.eq(activity_type));
    let of_device = Column::Kind.is_in(TokenKind::FCM.map(Code::code));
    let mut query = Entity::find()
        .filter(Column::DeviceKey.is_in(devices.iter().map(|key| key.0)))
        .filter(Condition::any().add(of_type).add(of_device))
        .filter(Column::InvalidAt.is_null());
    if let Some(environment) = environment {
        query = query.filter(Column::Environment.eq(environment.code()));
    }
    best(on, query).await
}

/// Of each of these the good token that its updates go by. At most a thousand at once.
pub async fn of_subscriptions(
    on: &impl On,
    rows: &[&Subscription],
) -> Result<HashMap<SubscriptionId, Token>> {
    let (by_device, by_card): (Vec<&Subscription>, Vec<&Subscription>) =
        rows.iter().copied().partition(|row| row.place.route.shares_token());
    let ids: Vec<TokenId> = by_card.iter().filter_map(|row| row.card.token).collect();
    let cards: HashMap<TokenId, Token> =
        get_many(on, &ids).await?.into_iter().map(|token| (token.id, token)).collect();
    let of_card = |row: &&Subscription| cards.get(&row.card.token?).map(|t| (row.id, t.clone()));
    let mut found: HashMap<SubscriptionId, Token> = by_card.iter().filter_map(of_card).collect();
    found.retain(|_, token| token.is_good());
    if by_device.is_empty() {
        return Ok(found);
    }
    let query = Entity::find()
        .filter(Column::DeviceKey.is_in(by_device.iter().map(|row| row.device.0)))
        .filter(Column::Kind.is_in(TokenKind::FCM.map(Code::code)))
        .filter(Column::InvalidAt.is_null());
    let devices = best(on, query).await?;
    let of_device = |row: &&Subscription| devices.get(&row.device).map(|t| (row.id, t.clone()));
    found.extend(by_device.iter().filter_map(of_device));
    Ok(found)
}

/// Per device its good token for ordinary notifications of Apple's, in one world.
pub(super) async fn notification_tokens_of(
    on: &impl On,
    devices: &[DeviceKey],
    environment: Environment,
) -> Result<HashMap<DeviceKey, Token>> {
    if devices.is_empty() {
        return Ok(HashMap::new());
    }
    let query = Entity::find()
        .filter(Column::DeviceKey.is_in(devices.iter().map(|key| key.0)))
        .filter(Column::Kind.eq(TokenKind::ApnsDevice.code()))
        .filter(Column::Environment.eq(environment.code()))
        .filter(Column::InvalidAt.is_null());
    best(on, query).await
}

/// Per device the one to use of these.
async fn best(on: &impl On, query: Select<Entity>) -> Result<HashMap<DeviceKey, Token>> {
    let models = query.all(&on.handle().db).await?;
    let mut best: HashMap<DeviceKey, Token> = HashMap::new();
    for model in models {
        let token = Token::try_from(model)?;
        if best.get(&token.device).is_none_or(|held| token.rank() > held.rank()) {
            best.insert(token.device, token);
        }
    }
    Ok(best)
}
