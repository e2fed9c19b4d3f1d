//! The table `credentials`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{AppId, CredentialId, WorkspaceId};
use crate::domain::tenant::{SealedCredential, Signer};
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
    pub apple_key_id: Option<String>,
    pub apple_team_id: Option<String>,
    pub environment: Option<i16>,
    pub google_client_email: Option<String>,
    pub google_key_id: Option<String>,
    pub sealed_key_id: String,
    pub sealed: Vec<u8>,
    pub created_at: i64,
    pub failing_since: Option<i64>,
    pub failing_reason: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<SealedCredential> for Model {
    fn from(row: SealedCredential) -> Self {
        let sealed = row.sealed;
        let (failing_since, failing_reason) = row.failing.unzip();
        let blank = Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            app_id: row.app.0,
            apple_key_id: None,
            apple_team_id: None,
            environment: None,
            google_client_email: None,
            google_key_id: None,
            sealed_key_id: sealed.key_id,
            sealed: sealed.bytes,
            created_at: row.created_at.0,
            failing_since: failing_since.map(|at| at.0),
            failing_reason,
        };
        match row.signer {
            Signer::ApnsKey { key_id, team_id, environment } => Model {
                apple_key_id: Some(key_id),
                apple_team_id: Some(team_id),
                environment: environment.map(Code::code),
                ..blank
            },
            Signer::ServiceAccount { client_email, private_key_id } => Model {
                google_client_email: Some(client_email),
                google_key_id: Some(private_key_id),
                ..blank
            },
        }
    }
}

impl TryFrom<Model> for SealedCredential {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        let apple = model.apple_key_id.zip(model.apple_team_id);
        let google = model.google_client_email.zip(model.google_key_id);
        let signer = match (apple, google) {
            (Some((key_id, team_id)), None) => {
                let environment = codes::optional(model.environment)?;
                Signer::ApnsKey { key_id, team_id, environment }
            }
            (None, Some((client_email, private_key_id))) => {
                Signer::ServiceAccount { client_email, private_key_id }
            }
            _ => return Err(codes::corrupt("credential")),
        };
        Ok(SealedCredential {
            id: CredentialId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            app: AppId(model.app_id),
            signer,
            sealed: Sealed { key_id: model.sealed_key_id, bytes: model.sealed },
            created_at: Time(model.created_at),
            failing: model
                .failing_since
                .map(|at| (Time(at), model.failing_reason.unwrap_or_default())),
        })
    }
}
