//! Forgetting what is old, the oldest first and a bounded number of rows at a time.

use super::delivery_counts;
use super::entity::{delivery, event, request_id, subscription, token};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::ids::{DeliveryId, WorkspaceId};
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// What is forgotten by its age alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rows of the send log.
    Deliveries,
    /// Counts of a workspace by time.
    Counts(WorkspaceId),
    /// Events.
    Events,
    /// Request ids.
    Requests,
    /// Dead tokens that no card goes by.
    Tokens,
}

/// Forgets some that are from before that time. Says how many: fewer than the limit where none is left. Those of the
/// very same moment go together.
pub async fn forget(tx: &Tx, kind: Kind, before: Time, limit: u64) -> Result<u64> {
    match kind {
        Kind::Deliveries => forget_deliveries(tx, before, limit).await,
        Kind::Counts(workspace) => delivery_counts::forget(tx, workspace, before, limit).await,
        Kind::Events => forget_events(tx, before, limit).await,
        Kind::Requests => forget_requests(tx, before, limit).await,
        Kind::Tokens => forget_tokens(tx, before, limit).await,
    }
}

async fn forget_deliveries(tx: &Tx, before: Time, limit: u64) -> Result<u64> {
    let query = old_deliveries(before).select_only().column(delivery::Column::Id);
    let ids: Vec<Uuid> = query.limit(limit).into_tuple().all(&tx.handle().db).await?;
    let query = delivery::Entity::delete_many().filter(delivery::Column::Id.is_in(ids));
    Ok(query.exec(&tx.handle().db).await?.rows_affected)
}

/// Events are in the order of their commits, which is that of their times but for moments.
async fn forget_events(tx: &Tx, before: Time, limit: u64) -> Result<u64> {
    let oldest: Vec<(i64, i64)> = event::Entity::find()
        .select_only()
        .columns([event::Column::Position, event::Column::At])
        .order_by_asc(event::Column::Position)
        .limit(limit)
        .into_tuple()
        .all(&tx.handle().db)
        .await?;
    let old = oldest.into_iter().take_while(|(_, at)| *at < before.0);
    let positions = old.map(|(position, _)| position);
    let query = event::Entity::delete_many().filter(event::Column::Position.is_in(positions));
    Ok(query.exec(&tx.handle().db).await?.rows_affected)
}

async fn forget_requests(tx: &Tx, before: Time, limit: u64) -> Result<u64> {
    let query = old_requests(before).select_only().column(request_id::Column::CreatedAt);
    let query = query.offset(limit.saturating_sub(1)).limit(1).into_tuple();
    let edge: Option<i64> = query.one(&tx.handle().db).await?;
    let last = edge.unwrap_or(before.0 - 1);
    let query = request_id::Entity::delete_many().filter(request_id::Column::CreatedAt.lte(last));
    Ok(query.exec(&tx.handle().db).await?.rows_affected)
}

async fn forget_tokens(tx: &Tx, before: Time, limit: u64) -> Result<u64> {
    let query = dead_tokens(before).select_only().column(token::Column::Id);
    let ids: Vec<Uuid> = query.limit(limit).into_tuple().all(&tx.handle().db).await?;
    let query = token::Entity::delete_many().filter(token::Column::Id.is_in(ids));
    Ok(query.exec(&tx.handle().db).await?.rows_affected)
}

pub(super) fn old_deliveries(before: Time) -> Select<delivery::Entity> {
    delivery::Entity::find()
        .filter(delivery::Column::Id.lt(DeliveryId::first_at(before).0))
        .order_by_asc(delivery::Column::Id)
}

pub(super) fn old_requests(before: Time) -> Select<request_id::Entity> {
    request_id::Entity::find()
        .filter(request_id::Column::CreatedAt.lt(before.0))
        .order_by_asc(request_id::Column::CreatedAt)
}

pub(super) fn dead_tokens(before: Time) -> Select<token::Entity> {
    token::Entity::find()
        .filter(token::Column::InvalidAt.is_not_null())
        .filter(token::Column::InvalidAt.lt(before.0))
        .filter(Expr::exists(cards_of_token()).not())
        .order_by_asc(token::Column::InvalidAt)
}

/// Subscriptions whose card goes by the token.
fn cards_of_token() -> SelectStatement {
    let token = |column| Expr::col((token::Entity, column));
    let row = |column| Expr::col((subscription::Entity, column));
    let goes_by = Condition::any()
        .add(row(subscription::Column::CardTokenId).eq(token(token::Column::Id)))
        .add(row(subscription::Column::SecondTokenId).eq(token(token::Column::Id)));
    Query::select()
        .expr(Expr::value(1))
        .from(subscription::Entity)
        .and_where(row(subscription::Column::Id).eq(token(token::Column::SubscriptionId)))
        .cond_where(goes_by)
        .to_owned()
}
