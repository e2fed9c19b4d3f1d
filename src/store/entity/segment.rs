//! The table `segments`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{SegmentKey, WorkspaceId};
use crate::domain::segment::Segment;
use crate::error::Error;
use crate::store::codes::Code;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "segments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Uuid,
    pub workspace_id: Uuid,
    pub segment_id: String,
    pub kind: i16,
    pub members: i64,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Segment> for Model {
    fn from(row: Segment) -> Self {
        Model {
            key: row.key.0,
            workspace_id: row.workspace.0,
            segment_id: row.segment_id,
            kind: row.kind.code(),
            members: row.members,
            version: row.version,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            deleted_at: None,
        }
    }
}

impl TryFrom<Model> for Segment {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Segment {
            key: SegmentKey(model.key),
            workspace: WorkspaceId(model.workspace_id),
            segment_id: model.segment_id,
            kind: Code::from_code(model.kind)?,
            members: model.members,
            version: model.version,
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
        })
    }
}
