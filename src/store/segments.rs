//! Segments. Their members are in `segment_members`.

use super::Page;
use super::apply::upsert;
use super::entity::recipient::SEGMENT;
use super::entity::segment::{Column, Entity};
use super::entity::{expansion, recipient, segment_member};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::ids::{SegmentKey, WorkspaceId};
use crate::domain::segment::Segment;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use std::collections::HashMap;

/// One by the caller's id.
pub async fn find(
    on: &impl On,
    workspace: WorkspaceId,
    segment_id: &str,
) -> Result<Option<Segment>> {
    let query = of_workspace(workspace).filter(Column::SegmentId.eq(segment_id));
    query.one(&on.handle().db).await?.map(Segment::try_from).transpose()
}

/// One by its key.
pub async fn by_key(on: &impl On, key: SegmentKey) -> Result<Option<Segment>> {
    let query = Entity::find_by_id(key.0).filter(Column::DeletedAt.is_null());
    query.one(&on.handle().db).await?.map(Segment::try_from).transpose()
}

/// The caller's ids of several by their keys. At most a thousand at once.
pub async fn names(on: &impl On, keys: &[SegmentKey]) -> Result<HashMap<SegmentKey, String>> {
    let query = Entity::find()
        .filter(Column::Key.is_in(keys.iter().map(|key| key.0)))
        .filter(Column::DeletedAt.is_null());
    let rows = query.all(&on.handle().db).await?;
    Ok(rows.into_iter().map(|row| (SegmentKey(row.key), row.segment_id)).collect())
}

/// One by the caller's id, so that nobody else changes it before this transaction has ended: its versions are in the
/// order of their commits.
pub async fn find_to_change(
    tx: &Tx,
    workspace: WorkspaceId,
    segment_id: &str,
) -> Result<Option<Segment>> {
    let query = of_workspace(workspace).filter(Column::SegmentId.eq(segment_id));
    let handle = tx.handle();
    handle.hold(query).one(&handle.db).await?.map(Segment::try_from).transpose()
}

/// Those of a workspace, by id.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    page: Page<String>,
) -> Result<Vec<Segment>> {
    let mut query = of_workspace(workspace).order_by_asc(Column::SegmentId).limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::SegmentId.gt(after));
    }
    query.all(&on.handle().db).await?.into_iter().map(Segment::try_from).collect()
}

/// How many a workspace has.
pub async fn count(on: &impl On, workspace: WorkspaceId) -> Result<u64> {
    Ok(of_workspace(workspace).count(&on.handle().db).await?)
}

/// Adds one, or replaces its row.
pub async fn put(tx: &Tx, row: Segment) -> Result<()> {
    upsert::<Entity, _>(tx, vec![row]).await
}

/// An activity still reads it: an expansion that is not done, or a run whose audience is live.
pub async fn is_in_use(on: &impl On, key: SegmentKey) -> Result<bool> {
    let expanding = expansion::Entity::find()
        .filter(expansion::Column::SegmentKey.eq(key.0))
        .filter(Expr::col(expansion::Column::Done).not());
    if expanding.one(&on.handle().db).await?.is_some() {
        return Ok(true);
    }
    let live = recipient::Entity::find()
        .filter(Expr::col(recipient::Column::Live))
        .filter(recipient::Column::Kind.eq(SEGMENT))
        .filter(recipient::Column::SegmentKey.eq(key.0));
    Ok(live.one(&on.handle().db).await?.is_some())
}

/// From now on there is no such segment; its members are swept away later, for they may be many.
pub async fn delete(tx: &Tx, key: SegmentKey, now: Time) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::DeletedAt, Expr::value(now.0))
        .filter(Column::Key.eq(key.0))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}

/// One that was deleted and still has rows, of any tenant.
pub async fn deleted_all_workspaces(on: &impl On) -> Result<Option<SegmentKey>> {
    let found = deleted().one(&on.handle().db).await?;
    Ok(found.map(|model| SegmentKey(model.key)))
}

/// Sweeps away some of what a deleted segment has left, and with the last member its row. Says whether it is gone.
pub async fn sweep(tx: &Tx, key: SegmentKey, limit: u64) -> Result<bool> {
    let some = Query::select()
        .column(segment_member::Column::Member)
        .from(segment_member::Entity)
        .and_where(segment_member::Column::SegmentKey.eq(key.0))
        .limit(limit)
        .to_owned();
    let swept = segment_member::Entity::delete_many()
        .filter(segment_member::Column::SegmentKey.eq(key.0))
        .filter(segment_member::Column::Member.in_subquery(some))
        .exec(&tx.handle().db)
        .await?;
    if swept.rows_affected == limit {
        return Ok(false);
    }
    Entity::delete_by_id(key.0).exec(&tx.handle().db).await?;
    Ok(true)
}

pub(super) fn deleted() -> Select<Entity> {
    Entity::find().filter(Column::DeletedAt.is_not_null()).order_by_asc(Column::Key)
}

fn of_workspace(workspace: WorkspaceId) -> Select<Entity> {
    Entity::find().filter(Column::WorkspaceId.eq(workspace.0)).filter(Column::DeletedAt.is_null())
}
