//! The table `channels`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::channel::{Channel, Problem};
use crate::domain::ids::{AppId, ChannelId, WorkspaceId};
use crate::error::Error;
use crate::store::codes::Code;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "channels")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub app_id: Uuid,
    pub bundle_id: String,
    pub environment: i16,
    pub policy: i16,
    pub state: i16,
    pub apple_id: Option<String>,
    pub problem: Option<String>,
    pub problem_class: Option<i16>,
    pub attempts: i32,
    pub doubts: i32,
    pub due_at: Option<i64>,
    pub claim: i64,
    pub claimed_until: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Channel> for Model {
    fn from(row: Channel) -> Self {
        let (problem, problem_class) = match row.problem {
            Some(problem) => (Some(problem.reason), Some(problem.class.code())),
            None => (None, None),
        };
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            app_id: row.app.0,
            bundle_id: row.bundle_id,
            environment: row.environment.code(),
            policy: row.policy.code(),
            state: row.state.code(),
            apple_id: row.apple_id,
            problem,
            problem_class,
            attempts: row.attempts,
            doubts: row.doubts,
            due_at: row.due_at.map(|at| at.0),
            claim: row.claim,
            claimed_until: row.claimed_until.map(|until| until.0),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

impl TryFrom<Model> for Channel {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        let problem = match model.problem.zip(model.problem_class) {
            Some((reason, class)) => Some(Problem { reason, class: Code::from_code(class)? }),
            None => None,
        };
        Ok(Channel {
            id: ChannelId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            app: AppId(model.app_id),
            bundle_id: model.bundle_id,
            environment: Code::from_code(model.environment)?,
            policy: Code::from_code(model.policy)?,
            state: Code::from_code(model.state)?,
            apple_id: model.apple_id,
            problem,
            attempts: model.attempts,
            doubts: model.doubts,
            due_at: model.due_at.map(Time),
            claim: model.claim,
            claimed_until: model.claimed_until.map(Time),
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
        })
    }
}
