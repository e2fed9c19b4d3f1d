//! Request ids: a call that is made twice has one effect and one answer.

use super::entity::request_id::{ActiveModel, Column, Entity, Model};
use super::error::is_lock_timeout;
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::ids::WorkspaceId;
use crate::error::{Error, Reason, Result};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, TryInsertResult};
use std::time::Duration;

/// How long a request id is remembered.
pub const REMEMBERED: Duration = Duration::from_hours(24);

/// How often an id is looked at that others forget and claim at the same time.
const LOOKS_MAX: usize = 3;

/// What a request id says about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It was not seen before: the call is to be done, and its answer to be kept.
    New,
    /// The call was done before; this is its answer, as JSON.
    Replay(String),
}

/// Names one call.
#[derive(Clone, Copy, Debug)]
pub struct RequestKey<'a> {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The method that was called.
    pub method: &'a str,
    /// The caller's id of the call.
    pub request_id: &'a str,
}

/// Must be the first statement of the transaction. A request id that was used for another request is refused. Where the
/// first call is still being worked on, this waits for it, as long as one may wait for a lock.
pub async fn claim(tx: &Tx, key: RequestKey<'_>, digest: &[u8; 32], now: Time) -> Result<Claimed> {
    for _ in 0..LOOKS_MAX {
        if insert(tx, key, digest, now).await? {
            return Ok(Claimed::New);
        }
        match find(tx, key).await? {
            Some(seen) if now.since(Time(seen.created_at)) < REMEMBERED => {
                return known(seen, digest);
            }
            Some(_) => {
                Entity::delete_by_id(identity(key)).exec(&tx.handle().db).await?;
            }
            // Another call has just forgotten it, and one of the two is the first now.
            None => {}
        }
    }
    Err(in_progress())
}

fn known(seen: Model, digest: &[u8; 32]) -> Result<Claimed> {
    if seen.digest != digest {
        return Err(Error::new(
            Reason::RequestIdReused,
            "This request_id was used for another request.",
        ));
    }
    seen.answer.map(Claimed::Replay).ok_or_else(in_progress)
}

fn in_progress() -> Error {
    let retry_after = Some(Duration::from_secs(1));
    let message = "The first request with this request_id is still being worked on.";
    Error { retry_after, ..Error::new(Reason::RequestInProgress, message) }
}

/// Keeps the answer of a claimed call: ids and numbers, never content.
pub async fn answer(tx: &Tx, key: RequestKey<'_>, json: String) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Answer, Expr::value(json))
        .filter(Column::WorkspaceId.eq(key.workspace.0))
        .filter(Column::Method.eq(key.method))
        .filter(Column::RequestId.eq(key.request_id))
        .exec(&tx.handle().db)
        .await?;
    Ok(())
}

async fn insert(tx: &Tx, key: RequestKey<'_>, digest: &[u8; 32], now: Time) -> Result<bool> {
    let row: ActiveModel = Model {
        workspace_id: key.workspace.0,
        method: key.method.to_owned(),
        request_id: key.request_id.to_owned(),
        digest: digest.to_vec(),
        answer: None,
        created_at: now.0,
    }
    .into_active_model();
    let keys = [Column::WorkspaceId, Column::Method, Column::RequestId];
    let done = Entity::insert(row)
        .on_conflict(OnConflict::columns(keys).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(&tx.handle().db)
        .await
        .map_err(|error| if is_lock_timeout(&error) { in_progress() } else { error.into() })?;
    Ok(matches!(done, TryInsertResult::Inserted(1..)))
}

async fn find(tx: &Tx, key: RequestKey<'_>) -> Result<Option<Model>> {
    let handle = tx.handle();
    Ok(handle.hold(Entity::find_by_id(identity(key))).one(&handle.db).await?)
}

fn identity(key: RequestKey<'_>) -> (sea_orm::prelude::Uuid, String, String) {
    (key.workspace.0, key.method.to_owned(), key.request_id.to_owned())
}
