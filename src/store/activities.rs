//! Activities.

use super::Page;
use super::codes::Code;
use super::entity::activity::{Column, Entity};
use super::entity::subscription;
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::activity::{Activity, State};
use crate::domain::ids::{ActivityKey, WorkspaceId};
use crate::domain::revision::Number;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// Which activities a list shows; an absent field shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityFilter {
    /// In this state.
    pub state: Option<State>,
    /// Of this type.
    pub activity_type: Option<String>,
    /// That a device of this contact is or was subscribed to.
    pub contact_key: Option<String>,
    /// With this external id.
    pub external_id: Option<String>,
    /// Created at or after.
    pub created_after: Option<Time>,
    /// Created before.
    pub created_before: Option<Time>,
}

/// One by the caller's id, deleted or not.
pub async fn find(
    on: &impl On,
    workspace: WorkspaceId,
    activity_id: &str,
) -> Result<Option<Activity>> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::ActivityId.eq(activity_id));
    let handle = on.handle();
    handle.hold(query).one(&handle.db).await?.map(Activity::try_from).transpose()
}

/// One by its key.
pub async fn by_key(on: &impl On, key: ActivityKey) -> Result<Option<Activity>> {
    let handle = on.handle();
    let model = handle.hold(Entity::find_by_id(key.0)).one(&handle.db).await?;
    model.map(Activity::try_from).transpose()
}

/// Several by their keys, in order. At most a thousand at once.
pub async fn by_keys(on: &impl On, keys: &[ActivityKey]) -> Result<Vec<Activity>> {
    let query = Entity::find()
        .filter(Column::Key.is_in(keys.iter().map(|key| key.0)))
        .order_by_asc(Column::Key);
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Activity::try_from).collect()
}

/// Notes the newest revision of which a push was made. Says whether it is newer than what was noted before.
pub async fn dispatch(tx: &Tx, key: ActivityKey, revision: Number) -> Result<bool> {
    let done = Entity::update_many()
        .col_expr(Column::DispatchedRevision, Expr::value(revision))
        .filter(Column::Key.eq(key.0))
        .filter(Column::DispatchedRevision.lt(revision))
        .exec(&tx.handle().db)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Those of a workspace that fit and are not deleted, newest first.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    filter: &ActivityFilter,
    page: Page<ActivityKey>,
) -> Result<Vec<Activity>> {
    let mut query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Expr::col(Column::DeletedRun).lt(Expr::col(Column::Run)))
        .order_by_desc(Column::Key)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Key.lt(after.0));
    }
    if let Some(state) = filter.state {
        query = query.filter(Column::State.eq(state.code()));
    }
    if let Some(activity_type) = &filter.activity_type {
        query = query.filter(Column::ActivityType.eq(activity_type));
    }
    if let Some(contact_key) = &filter.contact_key {
        let subscribed = Query::select()
            .column(subscription::Column::ActivityKey)
            .from(subscription::Entity)
            .and_where(subscription::Column::WorkspaceId.eq(workspace.0))
            .and_where(subscription::Column::ContactKey.eq(contact_key))
            .to_owned();
        query = query.filter(Column::Key.in_subquery(subscribed));
    }
    if let Some(external_id) = &filter.external_id {
        query = query.filter(Column::ExternalId.eq(external_id));
    }
    if let Some(at) = filter.created_after {
        query = query.filter(Column::CreatedAt.gte(at.0));
    }
    if let Some(at) = filter.created_before {
        query = query.filter(Column::CreatedAt.lt(at.0));
    }
    query.all(&on.handle().db).await?.into_iter().map(Activity::try_from).collect()
}

/// Those with revisions that are not marked yet, of all tenants.
pub async fn unmarked_all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Activity>> {
    let query = unmarked().limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Activity::try_from).collect()
}

/// Those that time alone changes by then, of all tenants, the longest due first.
pub async fn to_turn_all_workspaces(on: &impl On, now: Time, limit: u64) -> Result<Vec<Activity>> {
    let query = to_turn().filter(Column::TurnsAt.lte(now.0)).limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Activity::try_from).collect()
}

/// When time alone will change one next, of all tenants.
pub async fn next_turn_all_workspaces(on: &impl On) -> Result<Option<Time>> {
    let next = to_turn().select_only().column(Column::TurnsAt).limit(1);
    let next: Option<Option<i64>> = next.into_tuple().one(&on.handle().db).await?;
    Ok(next.flatten().map(Time))
}

/// Those with deleted runs of which something is left, of all tenants, the longest deleted first.
pub async fn to_purge_all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Activity>> {
    let query = to_purge().limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Activity::try_from).collect()
}

/// Those that ended before that time and are not given up yet, of all tenants, the longest ended first.
pub async fn ended_all_workspaces(on: &impl On, before: Time, limit: u64) -> Result<Vec<Activity>> {
    let query = ended(before).limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Activity::try_from).collect()
}

/// Those with runs before the current one that are not given up yet, of all tenants.
pub async fn with_earlier_runs_all_workspaces(
    on: &impl On,
    page: Page<ActivityKey>,
) -> Result<Vec<Activity>> {
    let mut query = with_earlier_runs().limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Key.gt(after.0));
    }
    query.all(&on.handle().db).await?.into_iter().map(Activity::try_from).collect()
}

pub(super) fn ended(before: Time) -> Select<Entity> {
    Entity::find()
        .filter(Expr::col(Column::DeletedRun).lt(Expr::col(Column::Run)))
        .filter(Column::EndedAt.lt(before.0))
        .order_by_asc(Column::EndedAt)
}

pub(super) fn with_earlier_runs() -> Select<Entity> {
    let has_earlier = Expr::cust("\"run\" > \"deleted_run\" + 1");
    Entity::find().filter(has_earlier).order_by_asc(Column::Key)
}

pub(super) fn to_turn() -> Select<Entity> {
    Entity::find().filter(Column::TurnsAt.is_not_null()).order_by_asc(Column::TurnsAt)
}

pub(super) fn to_purge() -> Select<Entity> {
    let is_left = Expr::col(Column::PurgedRun).lt(Expr::col(Column::DeletedRun));
    Entity::find().filter(is_left).order_by_asc(Column::DeletedAt)
}

pub(super) fn unmarked() -> Select<Entity> {
    let is_unmarked = Expr::col(Column::MarkedRevision).lt(Expr::col(Column::Revision));
    Entity::find().filter(is_unmarked).order_by_asc(Column::Key)
}
