//! The table `events`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::event::Event;
use crate::domain::ids::{ActivityKey, CredentialId, DeviceKey, TokenId, WorkspaceId};
use crate::error::Error;
use crate::store::codes::Code;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub position: i64,
    pub workspace_id: Uuid,
    pub seq: Option<i64>,
    pub kind: i16,
    pub activity_key: Option<Uuid>,
    pub run: Option<i64>,
    pub revision: Option<i64>,
    pub device_key: Option<Uuid>,
    pub token_id: Option<Uuid>,
    pub credential_id: Option<Uuid>,
    pub reason: String,
    pub cause: i16,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Event> for ActiveModel {
    fn from(row: Event) -> Self {
        ActiveModel {
            position: NotSet,
            workspace_id: Set(row.workspace.0),
            seq: Set(None),
            kind: Set(row.kind.code()),
            activity_key: Set(row.activity.map(|key| key.0)),
            run: Set(row.run),
            revision: Set(row.revision),
            device_key: Set(row.device.map(|key| key.0)),
            token_id: Set(row.token.map(|id| id.0)),
            credential_id: Set(row.credential.map(|id| id.0)),
            reason: Set(row.reason),
            cause: Set(row.cause.code()),
            at: Set(row.at.0),
        }
    }
}

impl TryFrom<Model> for Event {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Event {
            workspace: WorkspaceId(model.workspace_id),
            kind: Code::from_code(model.kind)?,
            activity: model.activity_key.map(ActivityKey),
            run: model.run,
            revision: model.revision,
            device: model.device_key.map(DeviceKey),
            token: model.token_id.map(TokenId),
            credential: model.credential_id.map(CredentialId),
            reason: model.reason,
            cause: Code::from_code(model.cause)?,
            at: Time(model.at),
        })
    }
}
