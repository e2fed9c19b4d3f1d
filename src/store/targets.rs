//! Whom a targeted revision concerns: subscriptions that fit its selectors.

use super::codes::Code;
use super::entity::device;
use super::entity::subscription::{Column, Entity};
use super::on::On;
use crate::domain::device::FormFactor;
use crate::domain::ids::{ActivityKey, AppId, DeviceKey};
use crate::domain::platform::Platform;
use crate::domain::revision::{Run, Target};
use crate::domain::subscription::Subscription;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

const FORM_FACTORS: [FormFactor; 3] =
    [FormFactor::Unspecified, FormFactor::Phone, FormFactor::Tablet];
const PLATFORMS: [Platform; 2] = [Platform::Ios, Platform::Android];

/// Those of a run that fit every kind of selector given, in the order of their devices.
pub async fn matching(
    on: &impl On,
    (activity, run): (ActivityKey, Run),
    target: &Target,
    after: Option<DeviceKey>,
    limit: u64,
) -> Result<Vec<Subscription>> {
    let mut query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .order_by_asc(Column::DeviceKey)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::DeviceKey.gt(after.0));
    }
    let query = fitting(query, target);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

pub(super) fn fitting(mut query: Select<Entity>, target: &Target) -> Select<Entity> {
    if !target.app_ids.is_empty() {
        let apps = target.app_ids.iter().filter_map(|id| id.parse::<AppId>().ok());
        query = query.filter(Column::AppId.is_in(apps.map(|id| id.0)));
    }
    if !target.device_ids.is_empty() {
        let named = device::Column::DeviceId.is_in(&target.device_ids);
        query = query.filter(Column::DeviceKey.in_subquery(devices_where(named)));
    }
    if !target.contact_keys.is_empty() {
        let by_device = device::Column::ContactKey.is_in(&target.contact_keys);
        let named_itself = Condition::all()
            .add(Column::ContactKey.eq(""))
            .add(Column::DeviceKey.in_subquery(devices_where(by_device)));
        let of_contact = Column::ContactKey.is_in(&target.contact_keys);
        query = query.filter(Condition::any().add(of_contact).add(named_itself));
    }
    if !target.form_factors.is_empty() {
        let wanted = FORM_FACTORS
            .into_iter()
            .filter(|kind| target.form_factors.iter().any(|word| word == kind.word()));
        let of_kind = device::Column::FormFactor.is_in(wanted.map(Code::code));
        query = query.filter(Column::DeviceKey.in_subquery(devices_where(of_kind)));
    }
    if !target.platforms.is_empty() {
        let wanted = PLATFORMS
            .into_iter()
            .filter(|platform| target.platforms.iter().any(|word| word == platform.word()));
        let of_platform = device::Column::Platform.is_in(wanted.map(Code::code));
        query = query.filter(Column::DeviceKey.in_subquery(devices_where(of_platform)));
    }
    query
}

pub(super) fn devices_where(condition: Expr) -> SelectStatement {
    Query::select()
        .column(device::Column::Key)
        .from(device::Entity)
        .and_where(condition)
        .and_where(
            Expr::col((device::Entity, device::Column::WorkspaceId))
                .eq(Expr::col((Entity, Column::WorkspaceId))),
        )
        .to_owned()
}
