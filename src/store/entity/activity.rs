//! The table `activities`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::content::Content;
use crate::domain::ids::{ActivityKey, WorkspaceId};
use crate::error::Error;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activities")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Uuid,
    pub workspace_id: Uuid,
    pub activity_id: String,
    pub activity_type: String,
    pub external_id: String,
    pub run: i64,
    pub revision: i64,
    pub marked_revision: i64,
    pub dispatched_revision: i64,
    pub state: i16,
    pub origin: i16,
    pub attributes: String,
    pub content: String,
    pub start_alert: String,
    pub fallback: Option<String>,
    pub observed_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub started_at: i64,
    pub deliver_for: i64,
    pub expires_at: i64,
    pub turns_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub deleted_run: i64,
    pub purged_run: i64,
    pub deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Activity> for Model {
    type Error = Error;

    fn try_from(row: Activity) -> Result<Self, Error> {
        let turns_at = row.turns_at().map(|at| at.0);
        Ok(Model {
            key: row.key.0,
            workspace_id: row.workspace.0,
            activity_id: row.activity_id,
            activity_type: row.activity_type,
            external_id: row.external_id,
            run: row.run,
            revision: row.revision,
            marked_revision: row.marked_revision,
            dispatched_revision: row.dispatched_revision,
            state: row.state.code(),
            origin: row.origin.code(),
            attributes: row.attributes.as_str().to_owned(),
            content: row.content.as_str().to_owned(),
            start_alert: codes::to_json(&row.start_alert)?,
            fallback: row.fallback.as_ref().map(codes::to_json).transpose()?,
            observed_at: row.observed_at.map(|at| at.0),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            started_at: row.started_at.0,
            deliver_for: codes::millis(row.deliver_for),
            expires_at: row.expires_at.0,
            turns_at,
            ended_at: row.ended_at.map(|at| at.0),
            deleted_run: row.deleted_run,
            purged_run: row.purged_run,
            deleted_at: row.deleted_at.map(|at| at.0),
        })
    }
}

impl TryFrom<Model> for Activity {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(Activity {
            key: ActivityKey(model.key),
            workspace: WorkspaceId(model.workspace_id),
            activity_id: model.activity_id,
            activity_type: model.activity_type,
            external_id: model.external_id,
            run: model.run,
            revision: model.revision,
            marked_revision: model.marked_revision,
            dispatched_revision: model.dispatched_revision,
            state: Code::from_code(model.state)?,
            origin: Code::from_code(model.origin)?,
            attributes: Content::from_stored(model.attributes),
            content: Content::from_stored(model.content),
            start_alert: codes::from_json(&model.start_alert)?,
            fallback: model.fallback.as_deref().map(codes::from_json).transpose()?,
            observed_at: model.observed_at.map(Time),
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
            started_at: Time(model.started_at),
            deliver_for: codes::span(model.deliver_for),
            expires_at: Time(model.expires_at),
            ended_at: model.ended_at.map(Time),
            deleted_run: model.deleted_run,
            purged_run: model.purged_run,
            deleted_at: model.deleted_at.map(Time),
        })
    }
}
