//! How many deliveries had which outcome, counted by `apply` in the transaction that adds the rows: what is counted is
//! what was logged, and asking costs the same for ten and for millions.

use super::codes::{self, Code};
use super::entity::delivery_count::{Column, Entity, Model};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::domain::delivery::{COUNTED_BY, Delivery, Provider, Status};
use crate::domain::ids::{ActivityKey, WorkspaceId};
use crate::domain::outcome::Class;
use crate::domain::push::Operation;
use crate::domain::revision::Run;
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
};
use std::collections::BTreeMap;

/// Transactions that count the same thing at the same time would wait for one another at one row; so there are several.
const SLOTS: u8 = 8;
/// Nothing had to be said about why.
const NO_CLASS: i16 = 0;

/// How many pushes had the same outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryCount {
    /// What they were to do.
    pub operation: Operation,
    /// The service that they were sent through.
    pub provider: Provider,
    /// What became of them.
    pub status: Status,
    /// What kind of reason it is.
    pub class: Option<Class>,
    /// Why.
    pub reason: String,
    /// How many there were.
    pub pushes: i64,
}

/// What the counts of a change add up to. In order, so that no two transactions wait for each other.
pub(super) type Tally = BTreeMap<(Uuid, i64, Outcome), i64>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outcome {
    operation: i16,
    provider: i16,
    status: i16,
    class: i16,
    reason: String,
}

/// All of one activity, or of one run of it.
pub async fn of_activity(
    on: &impl On,
    activity: ActivityKey,
    run: Option<Run>,
) -> Result<Vec<DeliveryCount>> {
    let mut query = Entity::find().filter(Column::Subject.eq(activity.0));
    if let Some(run) = run {
        query = query.filter(Column::Part.eq(run));
    }
    summed(on, query).await
}

/// All of a workspace that were sent in a time that begins and ends with a quarter of an hour.
pub async fn of_workspace(
    on: &impl On,
    workspace: WorkspaceId,
    (sent_after, sent_before): (Time, Time),
) -> Result<Vec<DeliveryCount>> {
    let query = Entity::find()
        .filter(Column::Subject.eq(workspace.0))
        .filter(Column::Part.gte(quarter(sent_after)))
        .filter(Column::Part.lt(quarter(sent_before)));
    summed(on, query).await
}

async fn summed(on: &impl On, query: Select<Entity>) -> Result<Vec<DeliveryCount>> {
    let outcome =
        [Column::Operation, Column::Provider, Column::Status, Column::Class, Column::Reason];
    let query = outcome
        .into_iter()
        .fold(query.select_only(), |query, column| query.column(column).group_by(column));
    let pushes = Expr::col(Column::Pushes).sum().cast_as("bigint");
    let rows: Vec<(i16, i16, i16, i16, String, i64)> =
        query.column_as(pushes, "pushes").into_tuple().all(&on.handle().db).await?;
    rows.into_iter().map(read).collect()
}

fn read(row: (i16, i16, i16, i16, String, i64)) -> Result<DeliveryCount> {
    let (operation, provider, status, class, reason, pushes) = row;
    Ok(DeliveryCount {
        operation: Code::from_code(operation)?,
        provider: Code::from_code(provider)?,
        status: Code::from_code(status)?,
        class: codes::optional(Some(class).filter(|class| *class != NO_CLASS))?,
        reason,
        pushes,
    })
}

/// Counts the deliveries of a change.
pub(super) fn tally(deliveries: &[Delivery]) -> Tally {
    let mut tally = Tally::new();
    for row in deliveries {
        let outcome = Outcome {
            operation: row.operation.code(),
            provider: row.provider.code(),
            status: row.status.code(),
            class: row.class.map_or(NO_CLASS, Code::code),
            reason: row.reason.clone(),
        };
        *tally.entry((row.activity.0, row.run, outcome.clone())).or_default() += 1;
        *tally.entry((row.workspace.0, quarter(row.sent_at), outcome)).or_default() += 1;
    }
    tally
}

/// One slot per change; that of a subscription stays the same, so a run of few devices has few rows.
pub(super) fn slot(deliveries: &[Delivery]) -> i16 {
    let last = deliveries.first().map_or(0, |row| row.subscription.0.as_bytes()[15]);
    i16::from(last % SLOTS)
}

/// Adds a tally. Must be the last that a transaction writes: whoever counts the same in that slot waits for its end.
pub(super) async fn add(tx: &Tx, tally: Tally, slot: i16) -> Result<()> {
    if tally.is_empty() {
        return Ok(());
    }
    let rows = tally.into_iter().map(|((subject, part, outcome), pushes)| {
        let Outcome { operation, provider, status, class, reason } = outcome;
        Model { subject, part, slot, operation, provider, status, class, reason, pushes }
            .into_active_model()
    });
    let key = [
        Column::Subject,
        Column::Part,
        Column::Slot,
        Column::Operation,
        Column::Provider,
        Column::Status,
        Column::Class,
        Column::Reason,
    ];
    let sum = Expr::cust("\"delivery_counts\".\"pushes\" + \"excluded\".\"pushes\"");
    let on_conflict = OnConflict::columns(key).value(Column::Pushes, sum).to_owned();
    let insert = Entity::insert_many(rows).on_conflict(on_conflict);
    insert.exec_without_returning(&tx.handle().db).await?;
    Ok(())
}

/// Forgets some of a workspace that are from before that time. Says how many. Those of a quarter of an hour go
/// together.
pub(super) async fn forget(
    tx: &Tx,
    workspace: WorkspaceId,
    before: Time,
    limit: u64,
) -> Result<u64> {
    let query = Entity::find()
        .select_only()
        .column(Column::Part)
        .filter(Column::Subject.eq(workspace.0))
        .filter(Column::Part.lt(quarter(before)))
        .order_by_asc(Column::Part)
        .offset(limit.saturating_sub(1))
        .limit(1)
        .into_tuple();
    let edge: Option<i64> = query.one(&tx.handle().db).await?;
    let last = edge.unwrap_or(quarter(before) - 1);
    let query = Entity::delete_many()
        .filter(Column::Subject.eq(workspace.0))
        .filter(Column::Part.lte(last));
    Ok(query.exec(&tx.handle().db).await?.rows_affected)
}

/// Forgets those of the runs up to this one.
pub(super) async fn forget_runs(tx: &Tx, activity: ActivityKey, up_to: Run) -> Result<()> {
    let query = Entity::delete_many()
        .filter(Column::Subject.eq(activity.0))
        .filter(Column::Part.lte(up_to));
    query.exec(&tx.handle().db).await.map(drop).map_err(Into::into)
}

/// Forgets those of a workspace that is deleted.
pub(super) async fn forget_workspace(tx: &Tx, workspace: WorkspaceId) -> Result<()> {
    let query = Entity::delete_many().filter(Column::Subject.eq(workspace.0));
    query.exec(&tx.handle().db).await.map(drop).map_err(Into::into)
}

fn quarter(at: Time) -> i64 {
    at.0.div_euclid(i64::try_from(COUNTED_BY.as_millis()).unwrap_or(i64::MAX))
}
