//! How many devices something would reach, counted by the database: for who tries a call out.
//!
//! Invariant: whom a count is of is selected by the queries of the work itself, in `audience` and `targets`.

use super::audience::{all_devices, devices_page, latest};
use super::codes::Code;
use super::entity::{device, subscription};
use super::on::On;
use super::subscriptions::OPEN;
use super::targets::fitting;
use crate::domain::device::Device;
use crate::domain::expansion::Expansion;
use crate::domain::ids::{ActivityKey, DeviceKey, WorkspaceId};
use crate::domain::platform::Platform;
use crate::domain::revision::{Run, Target};
use crate::domain::shard::Route;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use std::collections::{BTreeMap, HashSet};

/// How many devices are looked at together where each has to be compared with others.
const DEVICES_AT_ONCE: u64 = 500;

/// How many devices by platform; none for a platform without any.
pub type ByPlatform = BTreeMap<Platform, u64>;

/// How many devices a run will be started on that do not have it, and fit a target, where one is given. They are read
/// page by page, as in the start itself, where each has to be looked at.
pub async fn count_comers(
    on: &impl On,
    expansion: &Expansion,
    activity_type: &str,
    target: Option<&Target>,
) -> Result<ByPlatform> {
    use device::Column;
    if expansion.audience.latest_only || target.is_some() {
        return count_one_by_one(on, expansion.clone(), activity_type, target).await;
    }
    let query = all_devices(expansion)
        .filter(Expr::exists(rows_of_device(expansion)).not())
        .select_only()
        .column(Column::Platform)
        .column_as(Column::Key.count(), "devices")
        .group_by(Column::Platform);
    let rows: Vec<(i16, i64)> = query.into_tuple().all(&on.handle().db).await?;
    let count = |(platform, devices): (i16, i64)| {
        Ok((Platform::from_code(platform)?, u64::try_from(devices).unwrap_or(0)))
    };
    rows.into_iter().map(count).collect()
}

/// What a device has of the run already.
fn rows_of_device(expansion: &Expansion) -> SelectStatement {
    let row = |column| Expr::col((subscription::Entity, column));
    let is_its =
        row(subscription::Column::DeviceKey).eq(Expr::col((device::Entity, device::Column::Key)));
    Query::select()
        .expr(Expr::value(1))
        .from(subscription::Entity)
        .and_where(row(subscription::Column::ActivityKey).eq(expansion.activity.0))
        .and_where(row(subscription::Column::Run).eq(expansion.run))
        .and_where(is_its)
        .to_owned()
}

async fn count_one_by_one(
    on: &impl On,
    mut expansion: Expansion,
    activity_type: &str,
    target: Option<&Target>,
) -> Result<ByPlatform> {
    let mut counts = ByPlatform::new();
    loop {
        let (mut devices, next) = devices_page(on, &expansion, DEVICES_AT_ONCE).await?;
        if expansion.audience.latest_only {
            devices = latest(on, &expansion, activity_type, devices).await?;
        }
        devices.retain(|device| target.is_none_or(|target| target.fits(device)));
        for device in without_run(on, &expansion, devices).await? {
            *counts.entry(device.platform).or_default() += 1;
        }
        let Some(next) = next else { return Ok(counts) };
        expansion.cursor = next;
    }
}

async fn without_run(
    on: &impl On,
    expansion: &Expansion,
    devices: Vec<Device>,
) -> Result<Vec<Device>> {
    let keys: Vec<DeviceKey> = devices.iter().map(|device| device.key).collect();
    let (activity, run) = (expansion.activity, expansion.run);
    let rows = super::subscriptions::of_devices_in_run(on, activity, run, &keys).await?;
    let present: HashSet<DeviceKey> = rows.into_iter().map(|row| row.device).collect();
    Ok(devices.into_iter().filter(|device| !present.contains(&device.key)).collect())
}

/// How many devices follow a run by each route and fit a target, where one is given. Those that are being ended for
/// themselves follow it no more.
pub async fn count_followers(
    on: &impl On,
    (workspace, activity, run): (WorkspaceId, ActivityKey, Run),
    target: Option<&Target>,
) -> Result<Vec<(Route, u64)>> {
    use subscription::Column;
    let mut query = subscription::Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::State.is_in(OPEN.map(Code::code)))
        .filter(Column::TargetedEnd.eq(0))
        .filter(Expr::col((subscription::Entity, Column::Closing)).not());
    if let Some(target) = target {
        query = fitting(query, workspace, target);
    }
    let query = query
        .select_only()
        .column(Column::Route)
        .column_as(Column::Id.count(), "devices")
        .group_by(Column::Route);
    let rows: Vec<(i16, i64)> = query.into_tuple().all(&on.handle().db).await?;
    let count = |(route, devices): (i16, i64)| {
        Ok((Route::from_code(route)?, u64::try_from(devices).unwrap_or(0)))
    };
    rows.into_iter().map(count).collect()
}
