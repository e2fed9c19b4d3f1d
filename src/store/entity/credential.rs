//! The table `credentials`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{AppId, CredentialId, WorkspaceId};
use crate::domain::tenant::SealedCredential;
use crate::error::Error;
use crate::secrets::Sealed;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub app_id: Uuid,
    pub apple_key_id: String,
    pub apple_team_id: String,
    pub environment: Option<i16>,
    pub sealed_key_id: String,
    pub sealed: Vec<u8>,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<SealedCredential> for Model {
    fn from(row: SealedCredential) -> Self {
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            app_id: row.app.0,
            apple_key_id: row.key_id,
            apple_team_id: row.team_id,
            environment: row.environment.map(Code::code),
            sealed_key_id: row.sealed.key_id,
            sealed: row.sealed.bytes,
            created_at: row.created_at.0,
        }
    }
}

impl TryFrom<Model> for SealedCredential {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(SealedCredential {
            id: CredentialId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            app: AppId(model.app_id),
            key_id: model.apple_key_id,
            team_id: model.apple_team_id,
            environment: codes::optional(model.environment)?,
            sealed: Sealed { key_id: model.sealed_key_id, bytes: model.sealed },
            created_at: Time(model.created_at),
        })
    }
}
