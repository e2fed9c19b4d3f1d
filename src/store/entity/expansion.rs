//! The table `expansions`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::expansion::Expansion;
use crate::domain::ids::{ActivityKey, ExpansionId, WorkspaceId};
use crate::error::Error;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "expansions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub activity_key: Uuid,
    pub run: i64,
    pub workspace_id: Uuid,
    pub verb: i16,
    pub audience: String,
    pub segment_key: Option<Uuid>,
    pub cursor: String,
    pub done: bool,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Expansion> for Model {
    type Error = Error;

    fn try_from(row: Expansion) -> Result<Self, Error> {
        Ok(Model {
            id: row.id.0,
            activity_key: row.activity.0,
            run: row.run,
            workspace_id: row.workspace.0,
            verb: row.verb.code(),
            audience: codes::to_json(&row.audience)?,
            segment_key: row.audience.segment().map(|key| key.0),
            cursor: row.cursor,
            done: row.done,
            created_at: row.created_at.0,
        })
    }
}

impl TryFrom<Model> for Expansion {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Expansion {
            id: ExpansionId(model.id),
            activity: ActivityKey(model.activity_key),
            run: model.run,
            workspace: WorkspaceId(model.workspace_id),
            verb: Code::from_code(model.verb)?,
            audience: codes::from_json(&model.audience)?,
            cursor: model.cursor,
            done: model.done,
            created_at: Time(model.created_at),
        })
    }
}
