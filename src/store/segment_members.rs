//! The members of segments, in batches of at most a thousand: who is one, since which version, and who was until which.

use super::Page;
use super::entity::recipient::{self, SEGMENT};
use super::entity::segment_member::{ActiveModel, Column, Entity, Model};
use super::entity::{expansion, segment};
use super::on::{On, Tx};
use crate::domain::ids::SegmentKey;
use crate::domain::recipient::Presence;
use crate::domain::segment::Version;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
};
use std::collections::{HashMap, HashSet};

/// Which of these are members. At most a thousand at once.
pub async fn present(
    on: &impl On,
    segment: SegmentKey,
    members: &[String],
) -> Result<HashSet<String>> {
    let rows = presences(on, segment, members).await?;
    let present = rows.into_iter().filter(|(_, presence)| presence.removed.is_none());
    Ok(present.map(|(member, _)| member).collect())
}

/// Since when these are members, and until when they were. At most a thousand at once.
pub async fn presences(
    on: &impl On,
    segment: SegmentKey,
    members: &[String],
) -> Result<HashMap<String, Presence>> {
    let query = of(segment).filter(Column::Member.is_in(members));
    let rows = query.all(&on.handle().db).await?;
    let presence = |row: Model| (row.member, Presence { added: row.added, removed: row.removed });
    Ok(rows.into_iter().map(presence).collect())
}

/// Makes these members, at a version. At most a thousand at once, and none that is one already.
pub async fn add(
    tx: &Tx,
    segment: SegmentKey,
    members: Vec<String>,
    version: Version,
) -> Result<()> {
    let rows: Vec<ActiveModel> = members
        .into_iter()
        .map(|member| Model {
            segment_key: segment.0,
            member,
            added: version,
            changed: version,
            removed: None,
        })
        .map(IntoActiveModel::into_active_model)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let on_conflict = OnConflict::columns([Column::SegmentKey, Column::Member])
        .update_columns([Column::Added, Column::Changed, Column::Removed])
        .to_owned();
    Entity::insert_many(rows)
        .on_conflict(on_conflict)
        .exec_without_returning(&tx.handle().db)
        .await?;
    Ok(())
}

/// These are members no more, from a version on. At most a thousand at once.
pub async fn remove(
    tx: &Tx,
    segment: SegmentKey,
    members: &[String],
    version: Version,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Removed, Expr::value(version))
        .col_expr(Column::Changed, Expr::value(version))
        .filter(Column::SegmentKey.eq(segment.0))
        .filter(Column::Member.is_in(members))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}

/// The members of a segment, in order.
pub async fn list(on: &impl On, segment: SegmentKey, page: Page<String>) -> Result<Vec<String>> {
    let members = names(of(segment).filter(Column::Removed.is_null()), page.after, page.size);
    Ok(members.all(&on.handle().db).await?)
}

/// Who a page over a segment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Who is a member now.
    Present,
    /// Who was a member at a version, as far as the rows still tell.
    AsOf(Version),
    /// Everyone who has a row: whoever was removed a short while ago too.
    Ever,
}

/// The members of a pool, in order.
pub async fn pool(
    on: &impl On,
    segment: SegmentKey,
    pool: Pool,
    page: Page<String>,
) -> Result<Vec<String>> {
    Ok(names(of_pool(segment, pool), page.after, page.size).all(&on.handle().db).await?)
}

/// The names of all members of a pool, for a query that asks for them.
pub(super) fn in_pool(segment: SegmentKey, pool: Pool) -> SelectStatement {
    of_pool(segment, pool).select_only().column(Column::Member).into_query()
}

fn of_pool(segment: SegmentKey, pool: Pool) -> Select<Entity> {
    let query = of(segment);
    match pool {
        Pool::Present => query.filter(Column::Removed.is_null()),
        Pool::AsOf(version) => {
            let stayed = Column::Removed.is_null().or(Column::Removed.gt(version));
            query.filter(Column::Added.lte(version)).filter(stayed)
        }
        Pool::Ever => query,
    }
}

/// Members that have changed after a position, in the order of their versions.
pub async fn changed(
    on: &impl On,
    segment: SegmentKey,
    (version, member): (Version, &str),
    limit: u64,
) -> Result<Vec<(Version, String)>> {
    let rows = changed_after(segment, version, member).limit(limit).all(&on.handle().db).await?;
    Ok(rows.into_iter().map(|row| (row.changed, row.member)).collect())
}

pub(super) fn changed_after(segment: SegmentKey, version: Version, member: &str) -> Select<Entity> {
    let later = Column::Changed.gt(version);
    let beside = Column::Changed.eq(version).and(Column::Member.gt(member));
    of(segment)
        .filter(Column::Changed.gte(version))
        .filter(later.or(beside))
        .order_by_asc(Column::Changed)
        .order_by_asc(Column::Member)
}

/// There are former members, of any tenant.
pub async fn is_any_removed(on: &impl On) -> Result<bool> {
    Ok(removed().one(&on.handle().db).await?.is_some())
}

pub(super) fn removed() -> Select<Entity> {
    Entity::find()
        .filter(Column::Removed.is_not_null())
        .order_by_asc(Column::SegmentKey)
        .order_by_asc(Column::Member)
}

/// Forgets some of those who were members and whom nobody asks for any more. Says how many.
///
/// A run with a live audience asks until it has followed their removal, an expansion until it is done.
pub async fn forget_all_workspaces(tx: &Tx, limit: u64) -> Result<u64> {
    let expanding = Query::select()
        .column(expansion::Column::SegmentKey)
        .from(expansion::Entity)
        .and_where(Expr::col(expansion::Column::SegmentKey).is_not_null())
        .and_where(Expr::col(expansion::Column::Done).not())
        .to_owned();
    let removed = removed()
        .filter(Column::SegmentKey.not_in_subquery(expanding))
        .limit(limit)
        .all(&tx.handle().db)
        .await?;
    let mut gone = 0;
    for chunk in removed.chunk_by(|one, other| one.segment_key == other.segment_key) {
        let Some(segment) = chunk.first().map(|row| SegmentKey(row.segment_key)) else { continue };
        let floor = followed_by_all(tx, segment).await?;
        let names = chunk.iter().filter(|row| row.removed.is_some_and(|at| at <= floor));
        let names: Vec<&str> = names.map(|row| row.member.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let done = Entity::delete_many()
            .filter(Column::SegmentKey.eq(segment.0))
            .filter(Column::Member.is_in(names))
            .filter(Column::Removed.lte(floor))
            .exec(&tx.handle().db)
            .await?;
        gone += done.rows_affected;
    }
    Ok(gone)
}

/// Up to this version every live audience has followed the segment.
async fn followed_by_all(tx: &Tx, segment: SegmentKey) -> Result<Version> {
    let version: Option<i64> = segment::Entity::find_by_id(segment.0)
        .select_only()
        .column(segment::Column::Version)
        .into_tuple()
        .one(&tx.handle().db)
        .await?;
    let slowest: Option<i64> = recipient::Entity::find()
        .select_only()
        .column(recipient::Column::Followed)
        .filter(Expr::col(recipient::Column::Live))
        .filter(recipient::Column::Kind.eq(SEGMENT))
        .filter(recipient::Column::SegmentKey.eq(segment.0))
        .order_by_asc(recipient::Column::Followed)
        .into_tuple()
        .one(&tx.handle().db)
        .await?;
    Ok(slowest.or(version).unwrap_or(0))
}

fn of(segment: SegmentKey) -> Select<Entity> {
    Entity::find().filter(Column::SegmentKey.eq(segment.0))
}

type Names = sea_orm::Selector<sea_orm::SelectGetableTuple<String>>;

fn names(query: Select<Entity>, after: Option<String>, limit: u64) -> Names {
    let query =
        query.select_only().column(Column::Member).order_by_asc(Column::Member).limit(limit);
    match after {
        Some(after) => query.filter(Column::Member.gt(after)).into_tuple(),
        None => query.into_tuple(),
    }
}
