//! The table `apps`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{AppId, WorkspaceId};
use crate::domain::tenant::App;
use crate::error::Error;
use crate::store::codes::Code;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "apps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub name: String,
    pub bundle_id: String,
    pub default_environment: i16,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<App> for Model {
    fn from(row: App) -> Self {
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            name: row.name,
            bundle_id: row.bundle_id,
            default_environment: row.default_environment.code(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

impl TryFrom<Model> for App {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(App {
            id: AppId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            name: model.name,
            bundle_id: model.bundle_id,
            default_environment: Code::from_code(model.default_environment)?,
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
        })
    }
}
