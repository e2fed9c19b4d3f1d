//! Deliveries: the send log. They are only added, by `apply`, and forgotten when they are old.
//!
//! A page costs what it shows: its query follows one index in the order of the ids, and where filters are left that no
//! index answers, it looks at [`EXAMINED_MAX`] rows and no more.

mod search;

pub use search::Order;
pub(super) use search::{Search, Stretch};

use super::Page;
use super::entity::delivery::{Column, Model};
use super::entity::{activity, device};
use super::on::On;
use crate::clock::Time;
use crate::domain::delivery::{Delivery, Provider, Status};
use crate::domain::ids::{AppId, DeliveryId, WorkspaceId};
use crate::domain::push::Operation;
use crate::domain::revision::{Number, Run};
use crate::error::Result;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use std::collections::HashMap;

/// How many rows a page looks at where not every one of them fits.
pub const EXAMINED_MAX: u64 = 10_000;

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
    /// Through this service.
    pub provider: Option<Provider>,
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

/// A part of the send log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that fit, in order.
    pub rows: Vec<LoggedDelivery>,
    /// Where to go on; nothing where all of the log was looked at.
    pub next: Option<DeliveryId>,
}

/// Those of a workspace that fit. A page may have fewer rows than it could and still lead to another one.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    filter: &DeliveryFilter,
    (order, page): (Order, Page<DeliveryId>),
) -> Result<Found> {
    let Some(search) = Search::new(on, workspace, filter).await? else {
        return Ok(Found::default());
    };
    let mut stretch = Stretch::after(filter, order, page.after);
    let edge = edge(on, &search, (order, stretch)).await?;
    if let Some(edge) = edge {
        stretch = stretch.up_to(order, edge);
    }
    let query = search.fitting(order, stretch).limit(page.size.saturating_add(1));
    let mut rows = query.all(&on.handle().db).await?;
    let size = usize::try_from(page.size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().map(|row| DeliveryId(row.id));
    let next = if more { last } else { edge };
    Ok(Found { rows: logged(on, rows).await?, next })
}

/// The last row that a page looks at, where it does not look at all that are left.
async fn edge(
    on: &impl On,
    search: &Search<'_>,
    (order, stretch): (Order, Stretch),
) -> Result<Option<DeliveryId>> {
    if search.is_exact() {
        return Ok(None);
    }
    let query = search.candidates(order, stretch).select_only().column(Column::Id);
    let query = query.offset(EXAMINED_MAX - 1).limit(1).into_tuple();
    let edge: Option<Uuid> = query.one(&on.handle().db).await?;
    Ok(edge.map(DeliveryId))
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
        .filter(device::Column::DeletedAt.is_null())
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
