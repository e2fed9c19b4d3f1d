//! An activity: its life over all its runs, and what a caller may ask of it.

use super::content::Content;
use super::ids::{ActivityKey, WorkspaceId};
use super::push::Alert;
use super::revision::{Number, Run};
use crate::clock::Time;
use std::time::Duration;

/// One live activity as the caller sees it.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Ours.
    pub key: ActivityKey,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The caller's id.
    pub activity_id: String,
    /// The name of its type, for ever.
    pub activity_type: String,
    /// What it is about; may be empty.
    pub external_id: String,
    /// The current run.
    pub run: Run,
    /// The newest revision.
    pub revision: Number,
    /// Up to here the dispatcher has marked shards and targets.
    pub marked_revision: Number,
    /// The newest revision of which a push was made.
    pub dispatched_revision: Number,
    /// Where the current run is in its life.
    pub state: State,
    /// Who started the current run.
    pub origin: Origin,
    /// The static data of the current run, with id and run.
    pub attributes: Content,
    /// What everyone is to see now.
    pub content: Content,
    /// The alert that a start of the current run has where no newer one is left.
    pub start_alert: Alert,
    /// The ordinary notification for devices that cannot show the current run, where the caller asks for one.
    pub fallback: Option<Alert>,
    /// When the newest accepted observation was made.
    pub observed_at: Option<Time>,
    /// When the id was first used.
    pub created_at: Time,
    /// When the newest revision was accepted.
    pub updated_at: Time,
    /// When the current run began, or is to begin.
    pub started_at: Time,
    /// How long after a start of the current run was asked for it is worth making.
    pub deliver_for: Duration,
    /// When the current run is over by itself.
    pub expires_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Runs up to this one were deleted; 0 for none. What is left of them is nobody's.
    pub deleted_run: Run,
    /// Of runs up to this one nothing is left.
    pub purged_run: Run,
    /// When runs were deleted last.
    pub deleted_at: Option<Time>,
}

impl Activity {
    /// Its current run was deleted: for callers there is no such activity, but its id keeps type and revision.
    pub fn is_deleted(&self) -> bool {
        self.run <= self.deleted_run
    }
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It begins later; nobody has it yet.
    Scheduled,
    /// It may be updated.
    Active,
    /// The end was accepted.
    Ended,
    /// Its life was over before anybody ended it.
    Expired,
}

impl State {
    /// Nothing can be asked of the run any more.
    pub fn is_over(self) -> bool {
        matches!(self, State::Ended | State::Expired)
    }
}

/// Who started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A call of the backend.
    Backend,
    /// An app, by itself.
    App,
}
