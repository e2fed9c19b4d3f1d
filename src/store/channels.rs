//! Broadcast channels of Apple's.

use super::Page;
use super::apply::upsert;
use super::codes::Code;
use super::entity::channel::{Column, Entity, Model};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::channel::{Channel, State};
use crate::domain::channel_survey::Survey;
use crate::domain::ids::{AppId, ChannelId, WorkspaceId};
use crate::domain::push::Environment;
use crate::error::Result;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

/// Which channels a list has; absent is any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of one app.
    pub app: Option<AppId>,
    /// Of one of Apple's worlds.
    pub environment: Option<Environment>,
    /// In one state.
    pub state: Option<State>,
}

/// Adds one, or replaces its row.
pub async fn put(tx: &Tx, row: Channel) -> Result<()> {
    put_all(tx, vec![row]).await
}

/// Adds rows, or replaces them.
pub async fn put_all(tx: &Tx, rows: Vec<Channel>) -> Result<()> {
    upsert::<Entity, _>(tx, rows).await
}

/// One of a workspace.
pub async fn find(on: &impl On, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>> {
    let query = Entity::find_by_id(id.0).filter(Column::WorkspaceId.eq(workspace.0));
    query.one(&on.handle().db).await?.map(Channel::try_from).transpose()
}

/// The same for a change of it.
pub async fn hold(tx: &Tx, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>> {
    let query = Entity::find_by_id(id.0).filter(Column::WorkspaceId.eq(workspace.0));
    let handle = tx.handle();
    handle.hold(query).one(&handle.db).await?.map(Channel::try_from).transpose()
}

/// Those of a workspace, in the order of their ids, which is that of their making.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    filter: Filter,
    page: Page<ChannelId>,
) -> Result<Vec<Channel>> {
    let mut query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .order_by_asc(Column::Id)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after.0));
    }
    if let Some(app) = filter.app {
        query = query.filter(Column::AppId.eq(app.0));
    }
    if let Some(environment) = filter.environment {
        query = query.filter(Column::Environment.eq(environment.code()));
    }
    if let Some(state) = filter.state {
        query = query.filter(Column::State.eq(state.code()));
    }
    rows(query.all(&on.handle().db).await?)
}

/// How many places of Apple's the channels of an app take in one of its worlds, or will.
pub async fn count_places(on: &impl On, app: AppId, environment: Environment) -> Result<u64> {
    let query = of_app(app, environment).filter(Column::State.ne(State::Failed.code()));
    Ok(query.count(&on.handle().db).await?)
}

/// How many channels of an app are its own: created here, and still or soon with Apple.
pub async fn count_own(on: &impl On, app: AppId) -> Result<u64> {
    let own = [State::Creating, State::Active, State::Deleting].map(Code::code);
    let query = Entity::find().filter(Column::AppId.eq(app.0)).filter(Column::State.is_in(own));
    Ok(query.count(&on.handle().db).await?)
}

/// Deletes a row.
pub async fn delete(tx: &Tx, id: ChannelId) -> Result<()> {
    Entity::delete_by_id(id.0).exec(&tx.handle().db).await?;
    Ok(())
}

/// Those about which Apple is to be asked by now, of all tenants, the longest due first.
pub async fn due_all_workspaces(on: &impl On, now: Time, limit: u64) -> Result<Vec<ChannelId>> {
    let found = due(now).limit(limit).all(&on.handle().db).await?;
    Ok(found.into_iter().map(|row| ChannelId(row.id)).collect())
}

/// One by its id, of whichever tenant, for a change of it.
pub async fn hold_all_workspaces(tx: &Tx, id: ChannelId) -> Result<Option<Channel>> {
    let handle = tx.handle();
    let row = handle.hold(Entity::find_by_id(id.0)).one(&handle.db).await?;
    row.map(Channel::try_from).transpose()
}

/// All rows of an app in one of Apple's worlds.
pub async fn of_survey(on: &impl On, survey: &Survey) -> Result<Vec<Channel>> {
    rows(of_app(survey.app, survey.environment).all(&on.handle().db).await?)
}

/// Apple's ids of channels of the same bundle id that other apps here have, those of other tenants too, and that they
/// have not only found.
pub async fn elsewhere_all_workspaces(on: &impl On, survey: &Survey) -> Result<Vec<String>> {
    let query = of_bundle(survey)
        .filter(Column::AppId.ne(survey.app.0))
        .filter(Column::State.ne(State::Found.code()))
        .filter(Column::AppleId.is_not_null())
        .select_only()
        .column(Column::AppleId);
    let ids: Vec<Option<String>> = query.into_tuple().all(&on.handle().db).await?;
    Ok(ids.into_iter().flatten().collect())
}

/// Apple may be creating a channel of that bundle id just now, whoever asked for it.
pub async fn is_any_being_created_all_workspaces(on: &impl On, survey: &Survey) -> Result<bool> {
    let query = of_bundle(survey).filter(
        Column::State
            .eq(State::Creating.code())
            .or(Column::State.eq(State::Deleting.code()).and(Column::AppleId.is_null())),
    );
    Ok(query.one(&on.handle().db).await?.is_some())
}

/// Which of Apple's ids have a row by now: of this app any, of others one that is not only found.
pub async fn known_all_workspaces(
    on: &impl On,
    survey: &Survey,
    apple_ids: &[String],
) -> Result<Vec<String>> {
    let counts = Column::AppId.eq(survey.app.0).or(Column::State.ne(State::Found.code()));
    let query = of_bundle(survey)
        .filter(Column::AppleId.is_in(apple_ids.iter().map(String::as_str)))
        .filter(counts)
        .select_only()
        .column(Column::AppleId);
    let ids: Vec<Option<String>> = query.into_tuple().all(&on.handle().db).await?;
    Ok(ids.into_iter().flatten().collect())
}

/// Forgets that a channel was found, in whichever app: now it is known whose it is.
pub async fn forget_found(tx: &Tx, channel: &Channel, apple_id: &str) -> Result<()> {
    Entity::delete_many()
        .filter(Column::BundleId.eq(channel.bundle_id.as_str()))
        .filter(Column::Environment.eq(channel.environment.code()))
        .filter(Column::State.eq(State::Found.code()))
        .filter(Column::AppleId.eq(apple_id))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}

pub(super) fn due(now: Time) -> Select<Entity> {
    Entity::find()
        .filter(Column::DueAt.is_not_null())
        .filter(Column::DueAt.lte(now.0))
        .order_by_asc(Column::DueAt)
}

fn of_app(app: AppId, environment: Environment) -> Select<Entity> {
    Entity::find()
        .filter(Column::AppId.eq(app.0))
        .filter(Column::Environment.eq(environment.code()))
}

fn of_bundle(survey: &Survey) -> Select<Entity> {
    Entity::find()
        .filter(Column::BundleId.eq(survey.bundle_id.as_str()))
        .filter(Column::Environment.eq(survey.environment.code()))
}

fn rows(models: Vec<Model>) -> Result<Vec<Channel>> {
    models.into_iter().map(Channel::try_from).collect()
}
