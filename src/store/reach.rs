//! How many devices something would reach, counted by the database: for who tries a call out.

use super::codes::Code;
use super::entity::{device, segment_member, subscription};
use super::on::On;
use super::subscriptions::OPEN;
use super::targets::fitting;
use crate::domain::expansion::{Expansion, Members, Who};
use crate::domain::ids::{ActivityKey, AppId};
use crate::domain::platform::Platform;
use crate::domain::revision::{Run, Target};
use crate::domain::segment::SegmentKind;
use crate::domain::shard::Route;
use crate::error::Result;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

/// How many devices an audience has, by platform; none for a platform without any. All devices of a person count, also
/// where only the one seen latest is meant.
pub async fn count_devices(on: &impl On, expansion: &Expansion) -> Result<Vec<(Platform, u64)>> {
    use device::Column;
    let audience = &expansion.audience;
    let mut query = device::Entity::find().filter(Column::WorkspaceId.eq(expansion.workspace.0));
    if !audience.app_ids.is_empty() {
        let apps = audience.app_ids.iter().filter_map(|id| id.parse::<AppId>().ok());
        query = query.filter(Column::AppId.is_in(apps.map(|id| id.0)));
    }
    query = match &audience.who {
        Who::ContactKeys(keys) => query.filter(Column::ContactKey.is_in(keys)),
        Who::DeviceIds(ids) => query.filter(Column::DeviceId.is_in(ids)),
        Who::AllDevices => query,
        Who::Segment(members) => match members.kind {
            SegmentKind::ContactKeys => {
                query.filter(Column::ContactKey.in_subquery(of_segment(members)))
            }
            SegmentKind::DeviceIds => {
                query.filter(Column::DeviceId.in_subquery(of_segment(members)))
            }
        },
    };
    let query = query
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

fn of_segment(members: &Members) -> SelectStatement {
    use segment_member::Column;
    Query::select()
        .column(Column::Member)
        .from(segment_member::Entity)
        .and_where(Column::SegmentKey.eq(members.key.0))
        .and_where(Column::Removed.is_null())
        .to_owned()
}

/// How many devices follow a run by a route and fit a target, where one is given.
pub async fn count_open(
    on: &impl On,
    (activity, run): (ActivityKey, Run),
    (route, target): (Route, Option<&Target>),
) -> Result<u64> {
    use subscription::Column;
    let mut query = subscription::Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::Route.eq(route.code()))
        .filter(Column::State.is_in(OPEN.map(Code::code)));
    if let Some(target) = target {
        query = fitting(query, target);
    }
    Ok(query.count(&on.handle().db).await?)
}
