//! The table `channel_surveys`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::channel_survey::Survey;
use crate::domain::ids::{AppId, WorkspaceId};
use crate::error::Error;
use crate::store::codes::Code;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "channel_surveys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment: i16,
    pub workspace_id: Uuid,
    pub bundle_id: String,
    pub due_at: i64,
    pub claim: i64,
    pub claimed_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Survey> for Model {
    fn from(row: Survey) -> Self {
        Model {
            app_id: row.app.0,
            environment: row.environment.code(),
            workspace_id: row.workspace.0,
            bundle_id: row.bundle_id,
            due_at: row.due_at.0,
            claim: row.claim,
            claimed_until: row.claimed_until.map(|until| until.0),
        }
    }
}

impl TryFrom<Model> for Survey {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Survey {
            workspace: WorkspaceId(model.workspace_id),
            app: AppId(model.app_id),
            bundle_id: model.bundle_id,
            environment: Code::from_code(model.environment)?,
            due_at: Time(model.due_at),
            claim: model.claim,
            claimed_until: model.claimed_until.map(Time),
        })
    }
}
