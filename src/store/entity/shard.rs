//! The table `shards`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{ActivityKey, AppId, ShardId, WorkspaceId};
use crate::domain::shard::{Place, Shard};
use crate::error::Error;
use crate::store::codes::Code;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "shards")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub activity_key: Uuid,
    pub run: i64,
    pub app_id: Uuid,
    pub environment: i16,
    pub route: i16,
    pub members: i64,
    pub wanted: i64,
    pub delivered: i64,
    pub last_stamp: i64,
    pub due_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Shard> for Model {
    fn from(row: Shard) -> Self {
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            activity_key: row.place.activity.0,
            run: row.place.run,
            app_id: row.place.app.0,
            environment: row.place.environment.code(),
            route: row.place.route.code(),
            members: row.members,
            wanted: row.wanted,
            delivered: row.delivered,
            last_stamp: row.last_stamp,
            due_at: row.due_at.map(|at| at.0),
        }
    }
}

impl TryFrom<Model> for Shard {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Shard {
            id: ShardId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            place: Place {
                activity: ActivityKey(model.activity_key),
                run: model.run,
                app: AppId(model.app_id),
                environment: Code::from_code(model.environment)?,
                route: Code::from_code(model.route)?,
            },
            members: model.members,
            wanted: model.wanted,
            delivered: model.delivered,
            last_stamp: model.last_stamp,
            due_at: model.due_at.map(Time),
        })
    }
}
