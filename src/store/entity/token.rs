//! The table `tokens`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{AppId, DeviceKey, SubscriptionId, TokenId, WorkspaceId};
use crate::domain::token::Token;
use crate::error::Error;
use crate::secrets::Sealed;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub device_key: Uuid,
    pub app_id: Uuid,
    pub kind: i16,
    pub environment: i16,
    pub fingerprint: Vec<u8>,
    pub sealed_key_id: String,
    pub sealed: Vec<u8>,
    pub activity_type: String,
    pub subscription_id: Option<Uuid>,
    pub token_time: i64,
    pub registered_at: i64,
    pub doubted_at: Option<i64>,
    pub invalid_at: Option<i64>,
    pub invalid_reason: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Token> for Model {
    fn from(row: Token) -> Self {
        let (invalid_at, invalid_reason) = row.invalid.unzip();
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            device_key: row.device.0,
            app_id: row.app.0,
            kind: row.kind.code(),
            environment: row.environment.code(),
            fingerprint: row.fingerprint.to_vec(),
            sealed_key_id: row.sealed.key_id,
            sealed: row.sealed.bytes,
            activity_type: row.activity_type,
            subscription_id: row.subscription.map(|id| id.0),
            token_time: row.token_time.0,
            registered_at: row.registered_at.0,
            doubted_at: row.doubted_at.map(|at| at.0),
            invalid_at: invalid_at.map(|at| at.0),
            invalid_reason,
        }
    }
}

impl TryFrom<Model> for Token {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Token {
            id: TokenId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            device: DeviceKey(model.device_key),
            app: AppId(model.app_id),
            kind: Code::from_code(model.kind)?,
            environment: Code::from_code(model.environment)?,
            fingerprint: codes::digest(&model.fingerprint)?,
            sealed: Sealed { key_id: model.sealed_key_id, bytes: model.sealed },
            activity_type: model.activity_type,
            subscription: model.subscription_id.map(SubscriptionId),
            token_time: Time(model.token_time),
            registered_at: Time(model.registered_at),
            doubted_at: model.doubted_at.map(Time),
            invalid: model
                .invalid_at
                .map(|at| (Time(at), model.invalid_reason.unwrap_or_default())),
        })
    }
}
