//! Writes what a decision asks for: all of it or, with its transaction, nothing.

use super::entity::{
    activity, delivery, device, event, expansion, recipient, revision, shard, subscription, token,
};
use super::on::{On, Tx};
use super::{delivery_counts, shards};
use crate::domain::change::Change;
use crate::error::{Error, Result};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, EntityTrait, IdenStatic, IntoActiveModel, Iterable,
    PrimaryKeyToColumn,
};
use std::collections::BTreeMap;

/// How many parameters a statement may have: the limit of `SQLite`, the lower of the two.
const PARAMETERS_MAX: usize = 32_766;
/// How many rows a statement may have; more brings no more speed.
const ROWS_MAX: usize = 1_000;

/// What a row is known by besides its key. An update that only named these would keep out everyone who adds rows that
/// refer to it.
const NEVER_CHANGED: [&str; 3] = ["workspace_id", "activity_id", "device_id"];

/// Writes a change. Order: what is referred to comes before what refers to it.
pub async fn apply(tx: &Tx, change: Change) -> Result<()> {
    upsert::<device::Entity, _>(tx, last_of_each(change.devices, |row| row.key)).await?;
    let activities = last_of_each(change.activities, |row| row.key);
    upsert::<activity::Entity, _>(tx, activities).await?;
    insert::<revision::ActiveModel>(tx, models::<revision::Model, _>(change.revisions)?).await?;
    let expansions = last_of_each(change.expansions, |row| row.id);
    upsert::<expansion::Entity, _>(tx, expansions).await?;
    upsert::<recipient::Entity, _>(tx, change.recipients).await?;
    upsert::<shard::Entity, _>(tx, last_of_each(change.shards, |row| row.id)).await?;
    let subscriptions = last_of_each(change.subscriptions, |row| row.id);
    upsert::<subscription::Entity, _>(tx, subscriptions).await?;
    upsert::<token::Entity, _>(tx, last_of_each(change.tokens, |row| row.id)).await?;
    let tally = delivery_counts::tally(&change.deliveries);
    let slot = delivery_counts::slot(&change.deliveries);
    insert::<delivery::ActiveModel>(tx, models::<delivery::Model, _>(change.deliveries)?).await?;
    let events = change.events.into_iter().map(event::ActiveModel::from).collect();
    insert::<event::ActiveModel>(tx, events).await?;
    shards::bring_forward(tx, &change.due).await?;
    delivery_counts::add(tx, tally, slot).await
}

/// A row that a decision changes twice is written as it is last; a statement may name it only once. In order, so that
/// everyone locks rows in the same one.
fn last_of_each<R, K: Ord>(rows: Vec<R>, key: impl Fn(&R) -> K) -> Vec<R> {
    let rows: BTreeMap<K, R> = rows.into_iter().map(|row| (key(&row), row)).collect();
    rows.into_values().collect()
}

/// Inserts rows, and replaces those whose key exists.
pub(super) async fn upsert<E, R>(tx: &Tx, rows: Vec<R>) -> Result<()>
where
    E: EntityTrait,
    E::Model: TryFrom<R> + IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelBehavior + Send,
    Error: From<<E::Model as TryFrom<R>>::Error>,
{
    let keys: Vec<E::Column> = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
    let is_key = |column: &E::Column| keys.iter().any(|key| key.as_str() == column.as_str());
    let others = E::Column::iter()
        .filter(|column| !is_key(column) && !NEVER_CHANGED.contains(&column.as_str()));
    let on_conflict = OnConflict::columns(keys.clone()).update_columns(others).to_owned();
    let mut rows = rows.into_iter();
    loop {
        let chunk = rows.by_ref().take(rows_max::<E>());
        let models: Vec<E::ActiveModel> = chunk
            .map(|row| Ok(E::Model::try_from(row)?.into_active_model()))
            .collect::<Result<_>>()?;
        if models.is_empty() {
            return Ok(());
        }
        E::insert_many(models)
            .on_conflict(on_conflict.clone())
            .exec_without_returning(&tx.handle().db)
            .await?;
    }
}

/// Inserts rows that are new.
async fn insert<A>(tx: &Tx, rows: Vec<A>) -> Result<()>
where
    A: ActiveModelTrait + ActiveModelBehavior + Send,
{
    let mut rows = rows.into_iter();
    loop {
        let chunk: Vec<A> = rows.by_ref().take(rows_max::<A::Entity>()).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        A::Entity::insert_many(chunk).exec_without_returning(&tx.handle().db).await?;
    }
}

fn models<M, R>(rows: Vec<R>) -> Result<Vec<<M::Entity as EntityTrait>::ActiveModel>>
where
    M: sea_orm::ModelTrait
        + TryFrom<R>
        + IntoActiveModel<<<M as sea_orm::ModelTrait>::Entity as EntityTrait>::ActiveModel>,
    Error: From<<M as TryFrom<R>>::Error>,
{
    rows.into_iter().map(|row| Ok(M::try_from(row)?.into_active_model())).collect()
}

fn rows_max<E: EntityTrait>() -> usize {
    (PARAMETERS_MAX / E::Column::iter().count().max(1)).clamp(1, ROWS_MAX)
}
