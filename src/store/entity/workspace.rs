//! The table `workspaces`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::WorkspaceId;
use crate::domain::tenant::Workspace;
use crate::error::Error;
use crate::store::codes::Code;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "workspaces")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub delivery_labels: i16,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Workspace> for Model {
    fn from(row: Workspace) -> Self {
        Model {
            id: row.id.0,
            name: row.name,
            delivery_labels: row.delivery_labels.code(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

impl TryFrom<Model> for Workspace {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Workspace {
            id: WorkspaceId(model.id),
            name: model.name,
            delivery_labels: Code::from_code(model.delivery_labels)?,
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
        })
    }
}
