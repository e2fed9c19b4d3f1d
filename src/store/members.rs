//! Members of a shard: subscriptions with all that a push to them needs.

use super::entity::subscription::{Column, Entity, Model};
use super::entity::{activity, device};
use super::on::On;
use super::tokens;
use crate::clock::Time;
use crate::domain::device::Device;
use crate::domain::fallback::Fallback;
use crate::domain::ids::{DeviceKey, ShardId, SubscriptionId, TokenId};
use crate::domain::shard::Shard;
use crate::domain::subscription::Subscription;
use crate::domain::token::Token;
use crate::error::Result;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::collections::HashMap;

/// A subscription with all that a push to it needs.
#[derive(Clone, Debug)]
pub struct Member {
    /// The row.
    pub subscription: Subscription,
    /// Its device.
    pub device: Device,
    /// The token of its card.
    pub token: Option<Token>,
    /// The token of its second card.
    pub second_token: Option<Token>,
    /// The good token that a start goes by, in the world of the shard.
    pub start_token: Option<Token>,
    /// The good token for ordinary notifications, where one is asked for.
    pub notification_token: Option<Token>,
}

/// Those of a shard, by key. At most a thousand at once.
pub async fn members(
    on: &impl On,
    shard: &Shard,
    after: Option<SubscriptionId>,
    limit: u64,
) -> Result<Vec<Member>> {
    let mut query =
        Entity::find().filter(Column::ShardId.eq(shard.id.0)).order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.0));
    }
    let rows = query.all(&on.handle().db).await?;
    with_what_they_need(on, shard, rows).await
}

/// Those of a shard that are to be looked at on their own account, the longest waiting first; at most a thousand.
pub async fn to_look_at(on: &impl On, shard: &Shard, now: Time, limit: u64) -> Result<Vec<Member>> {
    let rows = looked_for(shard.id, now).limit(limit).all(&on.handle().db).await?;
    with_what_they_need(on, shard, rows).await
}

/// One by its id, which must be a member of the shard; none where it is not any more.
pub async fn member(on: &impl On, shard: &Shard, id: SubscriptionId) -> Result<Option<Member>> {
    let query = Entity::find_by_id(id.0).filter(Column::ShardId.eq(shard.id.0));
    let row = query.one(&on.handle().db).await?;
    let found = with_what_they_need(on, shard, row.into_iter().collect()).await?;
    Ok(found.into_iter().next())
}

pub(super) fn looked_for(shard: ShardId, now: Time) -> Select<Entity> {
    Entity::find()
        .filter(Column::ShardId.eq(shard.0))
        .filter(Column::LookAt.is_not_null())
        .filter(Column::LookAt.lte(now.0))
        .order_by_asc(Column::LookAt)
        .order_by_asc(Column::Id)
}

pub(super) fn exceptional(shard: ShardId) -> Select<Entity> {
    Entity::find()
        .filter(Column::ShardId.eq(shard.0))
        .filter(Expr::col((Entity, Column::IsExceptional)))
        .order_by_asc(Column::Id)
}

async fn with_what_they_need(on: &impl On, shard: &Shard, rows: Vec<Model>) -> Result<Vec<Member>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let rows = rows.into_iter().map(Subscription::try_from).collect::<Result<Vec<_>>>()?;
    let keys: Vec<DeviceKey> = rows.iter().map(|row| row.device).collect();
    let devices = device::Entity::find()
        .filter(device::Column::Key.is_in(keys.iter().map(|key| key.0)))
        .all(&on.handle().db)
        .await?;
    let devices = devices
        .into_iter()
        .map(|row| Ok((DeviceKey(row.key), Device::try_from(row)?)))
        .collect::<Result<HashMap<_, _>>>()?;
    let cards = rows.iter().flat_map(|row| [Some(&row.card), row.second.as_ref()]);
    let ids: Vec<TokenId> = cards.filter_map(|card| card?.token).collect();
    let tokens = tokens::get_many(on, &ids).await?;
    let tokens: HashMap<TokenId, Token> =
        tokens.into_iter().map(|token| (token.id, token)).collect();
    let activity_type: Option<String> = activity::Entity::find_by_id(shard.place.activity.0)
        .select_only()
        .column(activity::Column::ActivityType)
        .into_tuple()
        .one(&on.handle().db)
        .await?;
    let activity_type = activity_type.unwrap_or_default();
    let environment = Some(shard.place.environment);
    let mut starts = tokens::start_tokens_of(on, &keys, &activity_type, environment).await?;
    let asks = |row: &&Subscription| row.fallback == Fallback::Asked;
    let asking: Vec<DeviceKey> = rows.iter().filter(asks).map(|row| row.device).collect();
    let mut notifications =
        tokens::notification_tokens_of(on, &asking, shard.place.environment).await?;
    let token = |id: Option<TokenId>| id.and_then(|id| tokens.get(&id).cloned());
    // A row whose device was deleted between the queries is gone itself.
    let members = rows.into_iter().filter_map(|subscription| {
        Some(Member {
            device: devices.get(&subscription.device)?.clone(),
            token: token(subscription.card.token),
            second_token: token(subscription.second.as_ref().and_then(|card| card.token)),
            start_token: starts.remove(&subscription.device),
            notification_token: notifications.remove(&subscription.device),
            subscription,
        })
    });
    Ok(members.collect())
}
