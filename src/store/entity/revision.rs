//! The table `revisions`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::content::Content;
use crate::domain::ids::ActivityKey;
use crate::domain::revision::{Revision, RevisionAlert, Scope};
use crate::error::Error;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub activity_key: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub run: i64,
    pub operation: i16,
    pub target: Option<String>,
    pub content: String,
    pub alert: Option<String>,
    pub alert_expires_at: Option<i64>,
    pub priority: i16,
    pub stale_at: Option<i64>,
    pub relevance_score: Option<f64>,
    pub dismiss_at: Option<i64>,
    pub observed_at: Option<i64>,
    pub created_at: i64,
    /// While it is marked on those whom it targets: up to this device. `store::revisions` alone moves it.
    pub marked_to: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Revision> for Model {
    type Error = Error;

    fn try_from(row: Revision) -> Result<Self, Error> {
        let target = match &row.scope {
            Scope::Everyone => None,
            Scope::Target(target) => Some(codes::to_json(target)?),
        };
        let (alert, alert_expires_at) = match &row.alert {
            None => (None, None),
            Some(alert) => (Some(codes::to_json(&alert.alert)?), Some(alert.expires_at.0)),
        };
        Ok(Model {
            activity_key: row.activity.0,
            number: row.number,
            run: row.run,
            operation: row.operation.code(),
            target,
            content: row.content.as_str().to_owned(),
            alert,
            alert_expires_at,
            priority: row.priority.code(),
            stale_at: row.stale_at.map(|at| at.0),
            relevance_score: row.relevance_score,
            dismiss_at: row.dismiss_at.map(|at| at.0),
            observed_at: row.observed_at.map(|at| at.0),
            created_at: row.created_at.0,
            marked_to: None,
        })
    }
}

impl TryFrom<Model> for Revision {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        let scope = match &model.target {
            None => Scope::Everyone,
            Some(target) => Scope::Target(codes::from_json(target)?),
        };
        let alert = match (&model.alert, model.alert_expires_at) {
            (Some(alert), Some(expires_at)) => Some(RevisionAlert {
                alert: codes::from_json(alert)?,
                expires_at: Time(expires_at),
            }),
            _ => None,
        };
        Ok(Revision {
            activity: ActivityKey(model.activity_key),
            number: model.number,
            run: model.run,
            operation: Code::from_code(model.operation)?,
            scope,
            content: Content::from_stored(model.content),
            alert,
            priority: Code::from_code(model.priority)?,
            stale_at: model.stale_at.map(Time),
            relevance_score: model.relevance_score,
            dismiss_at: model.dismiss_at.map(Time),
            observed_at: model.observed_at.map(Time),
            created_at: Time(model.created_at),
        })
    }
}
