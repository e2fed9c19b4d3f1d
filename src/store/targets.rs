//! Whom a targeted revision concerns: subscriptions that fit its selectors.

use super::codes::Code;
use super::entity::device;
use super::entity::subscription::{Column, Entity};
use super::on::On;
use crate::domain::device::FormFactor;
use crate::domain::ids::{ActivityKey, AppId, DeviceKey, WorkspaceId};
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
    place: (WorkspaceId, ActivityKey, Run),
    target: &Target,
    after: Option<DeviceKey>,
    limit: u64,
) -> Result<Vec<Subscription>> {
    let query = page(place, target, after).limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

pub(super) fn page(
    (workspace, activity, run): (WorkspaceId, ActivityKey, Run),
    target: &Target,
    after: Option<DeviceKey>,
) -> Select<Entity> {
    let mut query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .order_by_asc(Column::DeviceKey);
    if let Some(after) = after {
        query = query.filter(Column::DeviceKey.gt(after.0));
    }
    fitting(query, workspace, target)
}

/// What names devices is looked up once; what they are is looked at device by device. The other way round each row
/// would go through all devices of the workspace.
pub(super) fn fitting(
    mut query: Select<Entity>,
    workspace: WorkspaceId,
    target: &Target,
) -> Select<Entity> {
    if !target.app_ids.is_empty() {
        let apps = target.app_ids.iter().filter_map(|id| id.parse::<AppId>().ok());
        query = query.filter(Column::AppId.is_in(apps.map(|id| id.0)));
    }
    if !target.device_ids.is_empty() {
        let named = device::Column::DeviceId.is_in(&target.device_ids);
        query = query.filter(Column::DeviceKey.in_subquery(devices_where(workspace, named)));
    }
    if !target.contact_keys.is_empty() {
        let by_device = device::Column::ContactKey.is_in(&target.contact_keys);
        let named_itself = Condition::all()
            .add(Column::ContactKey.eq(""))
            .add(Column::DeviceKey.in_subquery(devices_where(workspace, by_device)));
        let of_contact = Column::ContactKey.is_in(&target.contact_keys);
        query = query.filter(Condition::any().add(of_contact).add(named_itself));
    }
    if !target.form_factors.is_empty() {
        let wanted = FORM_FACTORS
            .into_iter()
            .filter(|kind| target.form_factors.iter().any(|word| word == kind.word()));
        let of_kind = device::Column::FormFactor.is_in(wanted.map(Code::code));
        query = query.filter(Expr::exists(its_device(of_kind)));
    }
    if !target.platforms.is_empty() {
        let wanted = PLATFORMS
            .into_iter()
            .filter(|platform| target.platforms.iter().any(|word| word == platform.word()));
        let of_platform = device::Column::Platform.is_in(wanted.map(Code::code));
        query = query.filter(Expr::exists(its_device(of_platform)));
    }
    query
}

/// The devices of a workspace of which something holds.
pub(super) fn devices_where(workspace: WorkspaceId, condition: Expr) -> SelectStatement {
    Query::select()
        .column(device::Column::Key)
        .from(device::Entity)
        .and_where(device::Column::WorkspaceId.eq(workspace.0))
        .and_where(condition)
        .to_owned()
}

/// The device of a subscription, where something holds of it.
fn its_device(condition: Expr) -> SelectStatement {
    let is_its =
        Expr::col((device::Entity, device::Column::Key)).eq(Expr::col((Entity, Column::DeviceKey)));
    Query::select()
        .column(device::Column::Key)
        .from(device::Entity)
        .and_where(is_its)
        .and_where(condition)
        .to_owned()
}
