//! How far a revision has come on the devices of its run, counted by the database.

use super::codes::Code;
use super::entity::shard;
use super::entity::subscription::{Column, Entity};
use super::on::On;
use crate::domain::ids::ActivityKey;
use crate::domain::revision::{Number, Run};
use crate::domain::shard::Route;
use crate::domain::subscription::{Cause, Reason, State};
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, QueryResult};

/// How far one route is, in subscriptions. Each of the run is in exactly one of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteProgress {
    /// The route.
    pub route: Route,
    /// A push is to be made, or waits for an answer or a retry.
    pub pending: i64,
    /// The provider accepted the wanted revision.
    pub accepted: i64,
    /// The start was accepted; the app has not registered its update token yet.
    pub pending_token: i64,
    /// The provider rejected the token or the push, or the start stays unknown.
    pub failed: i64,
    /// Closed by the person.
    pub dismissed: i64,
    /// No way to start it there.
    pub unreachable: i64,
    /// Over there without the wanted revision: ended before it, or never started.
    pub ended: i64,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The audience is still being turned into subscriptions; the counts grow.
    pub expanding: bool,
    /// Counts per route; none for a route without subscriptions.
    pub routes: Vec<RouteProgress>,
}

/// How far a run is, where `wanted` is the newest revision for everyone: each subscription is compared with that, or
/// with what is asked of it alone.
pub async fn progress(
    on: &impl On,
    activity: ActivityKey,
    run: Run,
    wanted: Number,
) -> Result<Progress> {
    let query = Query::select()
        .column((Entity, Column::Route))
        .expr_as(count(is_pending(wanted)), "pending")
        .expr_as(count(is_accepted(wanted)), "accepted")
        .expr_as(count(is(State::PendingToken)), "pending_token")
        .expr_as(count(is_failed(wanted)), "failed")
        .expr_as(count(is(State::Dismissed)), "dismissed")
        .expr_as(count(is(State::Unreachable)), "unreachable")
        .expr_as(count(is_over(wanted)), "ended")
        .from(Entity)
        .inner_join(
            shard::Entity,
            Expr::col((shard::Entity, shard::Column::Id)).eq(Expr::col((Entity, Column::ShardId))),
        )
        .and_where(Column::ActivityKey.eq(activity.0))
        .and_where(Column::Run.eq(run))
        .add_group_by([Expr::col((Entity, Column::Route))])
        .to_owned();
    let rows = on.handle().db.query_all(&query).await?;
    Ok(Progress {
        expanding: super::expansions::is_any_pending(on, activity, run).await?,
        routes: rows.iter().map(read).collect::<Result<_>>()?,
    })
}

fn read(row: &QueryResult) -> Result<RouteProgress> {
    Ok(RouteProgress {
        route: Route::from_code(row.try_get("", "route")?)?,
        pending: row.try_get("", "pending")?,
        accepted: row.try_get("", "accepted")?,
        pending_token: row.try_get("", "pending_token")?,
        failed: row.try_get("", "failed")?,
        dismissed: row.try_get("", "dismissed")?,
        unreachable: row.try_get("", "unreachable")?,
        ended: row.try_get("", "ended")?,
    })
}

fn count(condition: Condition) -> Expr {
    Expr::from(Func::count(Expr::case(condition, 1)))
}

fn is(state: State) -> Condition {
    Condition::all().add(Column::State.eq(state.code()))
}

fn is_live() -> Condition {
    Condition::any().add(is(State::Active)).add(is(State::PendingStart))
}

fn is_pending(wanted: Number) -> Condition {
    Condition::all().add(is_live()).add(is_behind(wanted)).add(is_given_up(wanted).not())
}

fn is_accepted(wanted: Number) -> Condition {
    let shows_it = Condition::all().add(is_live()).add(is_behind(wanted).not());
    Condition::any().add(shows_it).add(is_ended_as_wanted(wanted))
}

fn is_over(wanted: Number) -> Condition {
    is(State::Ended).add(is_ended_as_wanted(wanted).not())
}

/// Its end was accepted: the newest thing that is wanted of it, whatever its shard has by now.
fn is_ended_as_wanted(wanted: Number) -> Condition {
    let by_our_end =
        Condition::all().add(Column::Reason.eq("")).add(Column::Cause.eq(Cause::Caller.code()));
    is(State::Ended).add(Condition::any().add(by_our_end).add(is_behind(wanted).not()))
}

fn is_failed(wanted: Number) -> Condition {
    let given_up = Condition::all().add(is_live()).add(is_behind(wanted)).add(is_given_up(wanted));
    Condition::any().add(is(State::Invalidated)).add(given_up)
}

/// What it should show: `Targeted::wanted` in SQL.
fn own_wanted(wanted: Number) -> Expr {
    Expr::case(Column::TargetedEnd.gt(0), Expr::col((Entity, Column::TargetedEnd)))
        .case(Column::TargetedUpdate.gt(wanted), Expr::col((Entity, Column::TargetedUpdate)))
        .finally(wanted)
        .into()
}

/// What it was delivered, as an exception of its own or with its shard, is older.
fn is_behind(wanted: Number) -> Condition {
    let delivered = Func::coalesce([
        Expr::col((Entity, Column::OwnDelivered)),
        Expr::col((shard::Entity, shard::Column::Delivered)),
    ]);
    Condition::all().add(Expr::from(delivered).lt(own_wanted(wanted)))
}

/// It was tried in vain and waits for nothing, or nobody knows whether it was started. Never NULL, so that it can be
/// negated.
fn is_given_up(wanted: Number) -> Condition {
    let refused = Condition::all()
        .add(Column::FailedRevision.is_not_null())
        .add(Expr::col((Entity, Column::FailedRevision)).gte(own_wanted(wanted)))
        .add(Column::RetryAt.is_null())
        .add(Column::InFlightRevision.is_null());
    let unknown = Column::Reason.eq(Reason::StartUnknown.word());
    Condition::any().add(refused).add(is(State::PendingStart).add(unknown))
}
