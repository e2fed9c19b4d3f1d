//! The table `activity_types`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::activity_type::ActivityType;
use crate::domain::ids::WorkspaceId;
use crate::error::Error;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_types")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub ios_attributes_type: String,
    pub id_attribute: String,
    pub run_attribute: String,
    pub default_alert: String,
    pub join_rule: i16,
    pub app_may_start: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<ActivityType> for Model {
    type Error = Error;

    fn try_from(row: ActivityType) -> Result<Self, Error> {
        Ok(Model {
            workspace_id: row.workspace.0,
            name: row.name,
            ios_attributes_type: row.ios_attributes_type,
            id_attribute: row.id_attribute,
            run_attribute: row.run_attribute,
            default_alert: codes::to_json(&row.default_alert)?,
            join_rule: row.join.code(),
            app_may_start: row.app_may_start,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        })
    }
}

impl TryFrom<Model> for ActivityType {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(ActivityType {
            workspace: WorkspaceId(model.workspace_id),
            name: model.name,
            ios_attributes_type: model.ios_attributes_type,
            id_attribute: model.id_attribute,
            run_attribute: model.run_attribute,
            default_alert: codes::from_json(&model.default_alert)?,
            join: Code::from_code(model.join_rule)?,
            app_may_start: model.app_may_start,
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
        })
    }
}
