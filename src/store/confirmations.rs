//! When providers last accepted pushes: read from the send log, as far as that reaches, so that no push writes anything
//! for it.

use super::codes::Code;
use super::entity::delivery::{Column, Entity};
use super::entity::{activity, subscription};
use super::on::On;
use crate::clock::Time;
use crate::domain::delivery::Status;
use crate::domain::ids::{DeliveryId, DeviceKey, SubscriptionId};
use crate::domain::push::Operation;
use crate::domain::subscription::Subscription;
use crate::domain::token::AcceptedPush;
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;

/// How many rows of a device's log are looked at.
const EXAMINED_MAX: u64 = 200;

/// The accepted ones among the newest pushes to a device, the newest first.
pub async fn of_device(on: &impl On, device: DeviceKey) -> Result<Vec<AcceptedPush>> {
    let newest = Entity::find()
        .filter(Column::DeviceKey.eq(device.0))
        .order_by_desc(Column::Id)
        .limit(EXAMINED_MAX);
    let mut rows = newest.all(&on.handle().db).await?;
    rows.retain(|row| row.status == Status::Accepted.code());
    let types: Vec<(Uuid, String)> = activity::Entity::find()
        .select_only()
        .columns([activity::Column::Key, activity::Column::ActivityType])
        .filter(activity::Column::Key.is_in(rows.iter().map(|row| row.activity_key)))
        .into_tuple()
        .all(&on.handle().db)
        .await?;
    let types: HashMap<Uuid, String> = types.into_iter().collect();
    let pushes = rows.into_iter().map(|row| {
        Ok(AcceptedPush {
            subscription: SubscriptionId(row.subscription_id),
            operation: Operation::from_code(row.operation)?,
            activity_type: types.get(&row.activity_key).cloned().unwrap_or_default(),
            sent_at: Time(row.sent_at),
        })
    });
    pushes.collect()
}

/// When the newest accepted update or end of each of these was sent. At most a thousand at once.
pub async fn of_subscriptions(
    on: &impl On,
    rows: &[&Subscription],
) -> Result<HashMap<SubscriptionId, Time>> {
    let Some(oldest) = rows.iter().map(|row| row.created_at).min() else {
        return Ok(HashMap::new());
    };
    let ids: Vec<SubscriptionId> = rows.iter().map(|row| row.id).collect();
    let query = newest_accepted(&ids, oldest);
    let found = on.handle().db.query_all(&query).await?;
    let mut accepted = HashMap::new();
    for row in found {
        let sent_at: Option<i64> = row.try_get("", "sent_at")?;
        let id: Uuid = row.try_get("", "id")?;
        accepted.extend(sent_at.map(|at| (SubscriptionId(id), Time(at))));
    }
    Ok(accepted)
}

pub(super) fn newest_accepted(ids: &[SubscriptionId], oldest: Time) -> SelectStatement {
    let of = |column| Expr::col((subscription::Entity, column));
    // Newest first by the index of a device's log, and nothing from before the first of them.
    let newest = Query::select()
        .column((Entity, Column::SentAt))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::DeviceKey)).eq(of(subscription::Column::DeviceKey)))
        .and_where(Expr::col((Entity, Column::Id)).gte(DeliveryId::first_at(oldest).0))
        .and_where(Expr::col((Entity, Column::SubscriptionId)).eq(of(subscription::Column::Id)))
        .and_where(Expr::col((Entity, Column::Status)).eq(Status::Accepted.code()))
        .order_by((Entity, Column::Id), Order::Desc)
        .limit(1)
        .to_owned();
    Query::select()
        .expr_as(of(subscription::Column::Id), "id")
        .expr_as(Expr::from(newest), "sent_at")
        .from(subscription::Entity)
        .and_where(of(subscription::Column::Id).is_in(ids.iter().map(|id| id.0)))
        .to_owned()
}
