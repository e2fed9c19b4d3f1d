//! Deliveries: the send log. They are only added, by `apply`.

use super::Page;
use super::codes::Code;
use super::entity::delivery::{Column, Entity, Model};
use super::entity::{activity, device};
use super::on::On;
use crate::clock::Time;
use crate::domain::delivery::{Delivery, Status};
use crate::domain::ids::{AppId, DeliveryId, WorkspaceId};
use crate::domain::push::Operation;
use crate::domain::revision::{Number, Run};
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::collections::HashMap;

/// Which deliveries a list shows; an absent field shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of this activity, by the caller's id.
    pub activity_id: Option<String>,
    /// In this run.
    pub run: Option<Run>,
    /// That carried this revision.
    pub revision: Option<Number>,
    /// That were to do this.
    pub operation: Option<Operation>,
    /// To this device, by the caller's id.
    pub device_id: Option<String>,
    /// To devices of this contact.
    pub contact_key: Option<String>,
    /// To this app.
    pub app: Option<AppId>,
    /// With this outcome.
    pub status: Option<Status>,
    /// For this reason.
    pub reason: Option<String>,
    /// Sent at or after.
    pub sent_after: Option<Time>,
    /// Sent before.
    pub sent_before: Option<Time>,
}

/// A delivery as a caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// The row.
    pub delivery: Delivery,
    /// The caller's id of the activity; empty if it was deleted.
    pub activity_id: String,
    /// The caller's id of the device; empty if it was deleted.
    pub device_id: String,
}

/// Those of a workspace that fit, newest first.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    filter: &DeliveryFilter,
    page: Page<DeliveryId>,
) -> Result<Vec<LoggedDelivery>> {
    let mut query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .order_by_desc(Column::Id)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after.0));
    }
    let query = of_time(of_outcome(of_subject(query, workspace, filter), filter), filter);
    logged(on, query.all(&on.handle().db).await?).await
}

fn of_subject(
    mut query: Select<Entity>,
    workspace: WorkspaceId,
    filter: &DeliveryFilter,
) -> Select<Entity> {
    if let Some(activity_id) = &filter.activity_id {
        query = query.filter(Column::ActivityKey.in_subquery(activities(workspace, activity_id)));
    }
    if let Some(device_id) = &filter.device_id {
        query = query.filter(Column::DeviceKey.in_subquery(devices(workspace, device_id)));
    }
    if let Some(contact_key) = &filter.contact_key {
        query = query.filter(Column::ContactKey.eq(contact_key));
    }
    if let Some(app) = filter.app {
        query = query.filter(Column::AppId.eq(app.0));
    }
    query
}

fn of_outcome(mut query: Select<Entity>, filter: &DeliveryFilter) -> Select<Entity> {
    if let Some(run) = filter.run {
        query = query.filter(Column::Run.eq(run));
    }
    if let Some(revision) = filter.revision {
        query = query.filter(Column::Revision.eq(revision));
    }
    if let Some(operation) = filter.operation {
        query = query.filter(Column::Operation.eq(operation.code()));
    }
    if let Some(status) = filter.status {
        query = query.filter(Column::Status.eq(status.code()));
    }
    if let Some(reason) = &filter.reason {
        query = query.filter(Column::Reason.eq(reason));
    }
    query
}

fn of_time(mut query: Select<Entity>, filter: &DeliveryFilter) -> Select<Entity> {
    if let Some(at) = filter.sent_after {
        query = query.filter(Column::SentAt.gte(at.0));
    }
    if let Some(at) = filter.sent_before {
        query = query.filter(Column::SentAt.lt(at.0));
    }
    query
}

async fn logged(on: &impl On, rows: Vec<Model>) -> Result<Vec<LoggedDelivery>> {
    let activities: Vec<(Uuid, String)> = activity::Entity::find()
        .select_only()
        .columns([activity::Column::Key, activity::Column::ActivityId])
        .filter(activity::Column::Key.is_in(rows.iter().map(|row| row.activity_key)))
        .into_tuple()
        .all(&on.handle().db)
        .await?;
    let devices: Vec<(Uuid, String)> = device::Entity::find()
        .select_only()
        .columns([device::Column::Key, device::Column::DeviceId])
        .filter(device::Column::Key.is_in(rows.iter().map(|row| row.device_key)))
        .into_tuple()
        .all(&on.handle().db)
        .await?;
    let activities: HashMap<Uuid, String> = activities.into_iter().collect();
    let devices: HashMap<Uuid, String> = devices.into_iter().collect();
    let logged = rows.into_iter().map(|row| {
        Ok(LoggedDelivery {
            activity_id: activities.get(&row.activity_key).cloned().unwrap_or_default(),
            device_id: devices.get(&row.device_key).cloned().unwrap_or_default(),
            delivery: row.try_into()?,
        })
    });
    logged.collect()
}

fn activities(workspace: WorkspaceId, activity_id: &str) -> SelectStatement {
    Query::select()
        .column(activity::Column::Key)
        .from(activity::Entity)
        .and_where(activity::Column::WorkspaceId.eq(workspace.0))
        .and_where(activity::Column::ActivityId.eq(activity_id))
        .to_owned()
}

fn devices(workspace: WorkspaceId, device_id: &str) -> SelectStatement {
    Query::select()
        .column(device::Column::Key)
        .from(device::Entity)
        .and_where(device::Column::WorkspaceId.eq(workspace.0))
        .and_where(device::Column::DeviceId.eq(device_id))
        .to_owned()
}
