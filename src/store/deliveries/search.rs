//! How the send log is searched: by the index that leads to the fewest rows, in the order of the ids.
//!
//! The database is not asked to choose. Conditions that the index does not answer are fenced with `IS TRUE`, which no
//! index can serve, so the one that is meant is the only one left.

use super::DeliveryFilter;
use crate::domain::delivery::Status;
use crate::domain::ids::{ActivityKey, DeliveryId, DeviceKey, WorkspaceId};
use crate::domain::revision::Number;
use crate::error::Result;
use crate::store::codes::Code;
use crate::store::entity::delivery::{Column, Entity};
use crate::store::on::On;
use crate::store::{activities, devices};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, Select};

/// As the partial indexes have it, word by word.
const NOT_ACCEPTED: &str = "\"status\" <> 1";
/// True of every row: who says it means the two indexes that lead to the most rows.
const ALL: &str = "\"run\" >= 0";

/// Which end of the log comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// What was sent last.
    NewestFirst,
    /// What was sent first.
    OldestFirst,
}

/// A filter with the keys of what it names.
#[derive(Debug)]
pub(in crate::store) struct Search<'a> {
    pub(in crate::store) workspace: WorkspaceId,
    pub(in crate::store) filter: &'a DeliveryFilter,
    pub(in crate::store) activity: Option<ActivityKey>,
    pub(in crate::store) device: Option<DeviceKey>,
}

/// A part of the log: from one id, and before another. Always both, for a database that sees conditions of another
/// number may choose another index.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Stretch {
    from: u128,
    before: u128,
}

/// The index that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way<'a> {
    Device(DeviceKey),
    Contact(&'a str),
    Revision(ActivityKey, Number),
    NotAcceptedOf(ActivityKey),
    Activity(ActivityKey),
    NotAccepted,
    Workspace,
}

impl Stretch {
    /// All that is left of the log after a row.
    pub(in crate::store) fn after(
        filter: &DeliveryFilter,
        order: Order,
        after: Option<DeliveryId>,
    ) -> Self {
        let first_at = |at| DeliveryId::first_at(at).0.as_u128();
        let mut stretch = Stretch {
            from: filter.sent_after.map_or(u128::MIN, first_at),
            before: filter.sent_before.map_or(u128::MAX, first_at),
        };
        if let Some(DeliveryId(id)) = after {
            match order {
                Order::NewestFirst => stretch.before = stretch.before.min(id.as_u128()),
                Order::OldestFirst => {
                    stretch.from = stretch.from.max(id.as_u128().saturating_add(1));
                }
            }
        }
        stretch
    }

    /// It ends with this row.
    pub(super) fn up_to(self, order: Order, DeliveryId(id): DeliveryId) -> Self {
        match order {
            Order::NewestFirst => Stretch { from: id.as_u128(), ..self },
            Order::OldestFirst => Stretch { before: id.as_u128().saturating_add(1), ..self },
        }
    }
}

impl<'a> Search<'a> {
    /// Looks the named ids up; nothing where one of them names nothing here, for then nothing fits.
    pub(super) async fn new(
        on: &impl On,
        workspace: WorkspaceId,
        filter: &'a DeliveryFilter,
    ) -> Result<Option<Self>> {
        let (mut activity, mut device) = (None, None);
        if let Some(activity_id) = &filter.activity_id {
            let found = activities::find(on, workspace, activity_id).await?;
            let Some(found) = found else { return Ok(None) };
            activity = Some(found.key);
        }
        if let Some(device_id) = &filter.device_id {
            let found = devices::find(on, workspace, device_id).await?;
            let Some(found) = found else { return Ok(None) };
            device = Some(found.key);
        }
        Ok(Some(Search { workspace, filter, activity, device }))
    }

    /// The rows of the index that is followed, whether they fit or not.
    pub(in crate::store) fn candidates(&self, order: Order, stretch: Stretch) -> Select<Entity> {
        let query = Entity::find()
            .filter(self.followed())
            .filter(Column::Id.gte(Uuid::from_u128(stretch.from)))
            .filter(Column::Id.lt(Uuid::from_u128(stretch.before)));
        match order {
            Order::NewestFirst => query.order_by_desc(Column::Id),
            Order::OldestFirst => query.order_by_asc(Column::Id),
        }
    }

    /// Those of them that fit.
    pub(in crate::store) fn fitting(&self, order: Order, stretch: Stretch) -> Select<Entity> {
        let fenced = self.left().into_iter().map(|condition| condition.eq(true));
        fenced.fold(self.candidates(order, stretch), QueryFilter::filter)
    }

    /// Every row of the index that is followed fits.
    pub(super) fn is_exact(&self) -> bool {
        self.left().is_empty()
    }

    fn way(&self) -> Way<'a> {
        let filter = self.filter;
        let asks_refused = filter.status.is_some_and(|status| status != Status::Accepted)
            || filter.reason.is_some();
        match (self.device, &filter.contact_key, self.activity, filter.revision) {
            (Some(device), ..) => Way::Device(device),
            (None, Some(contact_key), ..) => Way::Contact(contact_key),
            (None, None, Some(activity), Some(revision)) => Way::Revision(activity, revision),
            (None, None, Some(activity), None) if asks_refused => Way::NotAcceptedOf(activity),
            (None, None, Some(activity), None) => Way::Activity(activity),
            (None, None, None, _) if asks_refused => Way::NotAccepted,
            (None, None, None, _) => Way::Workspace,
        }
    }

    /// The condition that the index answers. Keys of activities and devices were found with the workspace.
    fn followed(&self) -> Condition {
        let (workspace, all) = (Column::WorkspaceId.eq(self.workspace.0), Condition::all());
        match self.way() {
            Way::Device(device) => all.add(Column::DeviceKey.eq(device.0)),
            Way::Contact(key) => all.add(workspace).add(Column::ContactKey.eq(key)),
            Way::Revision(activity, revision) => {
                all.add(Column::ActivityKey.eq(activity.0)).add(Column::Revision.eq(revision))
            }
            Way::NotAcceptedOf(activity) => {
                all.add(Column::ActivityKey.eq(activity.0)).add(Expr::cust(NOT_ACCEPTED))
            }
            Way::Activity(activity) => {
                all.add(Column::ActivityKey.eq(activity.0)).add(Expr::cust(ALL))
            }
            Way::NotAccepted => all.add(workspace).add(Expr::cust(NOT_ACCEPTED)),
            Way::Workspace => all.add(workspace).add(Expr::cust(ALL)),
        }
    }

    /// The conditions that are left.
    fn left(&self) -> Vec<Expr> {
        let (filter, way) = (self.filter, self.way());
        let by_activity =
            matches!(way, Way::Revision(..) | Way::NotAcceptedOf(_) | Way::Activity(_));
        let by_revision = matches!(way, Way::Revision(..));
        let by_contact = matches!(way, Way::Contact(_));
        let contact_key = filter.contact_key.as_ref().filter(|_| !by_contact);
        let conditions = [
            self.activity.filter(|_| !by_activity).map(|key| Column::ActivityKey.eq(key.0)),
            contact_key.map(|key| Column::ContactKey.eq(key)),
            filter.revision.filter(|_| !by_revision).map(|number| Column::Revision.eq(number)),
            filter.run.map(|run| Column::Run.eq(run)),
            filter.operation.map(|operation| Column::Operation.eq(operation.code())),
            filter.app.map(|app| Column::AppId.eq(app.0)),
            filter.provider.map(|provider| Column::Provider.eq(provider.code())),
            filter.status.map(|status| Column::Status.eq(status.code())),
            filter.reason.as_ref().map(|reason| Column::Reason.eq(reason)),
        ];
        conditions.into_iter().flatten().collect()
    }
}
