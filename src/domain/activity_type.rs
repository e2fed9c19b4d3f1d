//! An activity type: the template inside a mobile app, and what Tidings must know about it.

use super::ids::WorkspaceId;
use super::push::Alert;
use crate::clock::Time;

/// The attribute that tells an app its activity id, by default.
pub const ID_ATTRIBUTE: &str = "activityId";
/// The attribute that tells an app its run, by default.
pub const RUN_ATTRIBUTE: &str = "activityRun";

/// The template inside a mobile app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityType {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The name that calls use.
    pub name: String,
    /// The Swift struct that conforms to `ActivityAttributes`.
    pub ios_attributes_type: String,
    /// The attribute that tells the app its activity id.
    pub id_attribute: String,
    /// The attribute that tells the app its run.
    pub run_attribute: String,
    /// Fills in what a start's alert lacks.
    pub default_alert: Alert,
    /// Which devices may join.
    pub join: Join,
    /// Apps may start activities of this type themselves.
    pub app_may_start: bool,
    /// When it was created.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// Which devices may join a running activity by registering a token for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Join {
    /// Those in its audience.
    Audience,
    /// Every device of the workspace.
    Open,
}

impl ActivityType {
    /// What holds for a type that nobody registered.
    pub fn unregistered(workspace: WorkspaceId, name: &str, now: Time) -> Self {
        ActivityType {
            workspace,
            name: name.to_owned(),
            ios_attributes_type: name.to_owned(),
            id_attribute: ID_ATTRIBUTE.to_owned(),
            run_attribute: RUN_ATTRIBUTE.to_owned(),
            default_alert: Alert::default(),
            join: Join::Audience,
            app_may_start: true,
            created_at: now,
            updated_at: now,
        }
    }
}
