//! The table `deliveries`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::delivery::Delivery;
use crate::domain::ids::{ActivityKey, AppId, DeliveryId, DeviceKey, SubscriptionId, WorkspaceId};
use crate::error::Error;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub activity_key: Uuid,
    pub run: i64,
    pub subscription_id: Uuid,
    pub device_key: Uuid,
    pub contact_key: String,
    pub app_id: Uuid,
    pub provider: i16,
    pub environment: i16,
    pub operation: i16,
    pub first_revision: i64,
    pub revision: i64,
    pub alert_revision: i64,
    pub status: i16,
    pub reason: String,
    pub class: Option<i16>,
    pub http_status: i32,
    pub attempt: i32,
    pub apns_id: Option<Uuid>,
    pub provider_message_id: Option<String>,
    pub sent_at: i64,
    pub answered_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Delivery> for Model {
    fn from(row: Delivery) -> Self {
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            activity_key: row.activity.0,
            run: row.run,
            subscription_id: row.subscription.0,
            device_key: row.device.0,
            contact_key: row.contact_key,
            app_id: row.app.0,
            provider: row.provider.code(),
            environment: row.environment.code(),
            operation: row.operation.code(),
            first_revision: row.first_revision,
            revision: row.revision,
            alert_revision: row.alert_revision,
            status: row.status.code(),
            reason: row.reason,
            class: row.class.map(Code::code),
            http_status: i32::from(row.http_status),
            attempt: row.attempt,
            apns_id: row.apns_id,
            provider_message_id: row.provider_message_id,
            sent_at: row.sent_at.0,
            answered_at: row.answered_at.map(|at| at.0),
        }
    }
}

impl TryFrom<Model> for Delivery {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Delivery {
            id: DeliveryId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            activity: ActivityKey(model.activity_key),
            run: model.run,
            subscription: SubscriptionId(model.subscription_id),
            device: DeviceKey(model.device_key),
            contact_key: model.contact_key,
            app: AppId(model.app_id),
            provider: Code::from_code(model.provider)?,
            environment: Code::from_code(model.environment)?,
            operation: Code::from_code(model.operation)?,
            first_revision: model.first_revision,
            revision: model.revision,
            alert_revision: model.alert_revision,
            status: Code::from_code(model.status)?,
            reason: model.reason,
            class: codes::optional(model.class)?,
            http_status: u16::try_from(model.http_status)
                .map_err(|_| codes::corrupt("HTTP status"))?,
            attempt: model.attempt,
            apns_id: model.apns_id,
            provider_message_id: model.provider_message_id,
            sent_at: Time(model.sent_at),
            answered_at: model.answered_at.map(Time),
        })
    }
}
