//! A shard: up to about a thousand subscriptions that are sent to together, and what they were delivered together.

use super::ids::{ActivityKey, AppId, ShardId, WorkspaceId};
use super::push::Environment;
use super::revision::{Number, Run};
pub use super::route::Route;
use crate::clock::Time;

/// How many subscriptions a shard takes.
pub const MEMBERS_MAX: i64 = 1_000;

/// Where pushes of a shard go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The activity.
    pub activity: ActivityKey,
    /// The run.
    pub run: Run,
    /// The app.
    pub app: AppId,
    /// The world.
    pub environment: Environment,
    /// How its devices are reached.
    pub route: Route,
}

/// Up to about a thousand subscriptions of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Ours.
    pub id: ShardId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// What its subscriptions have in common.
    pub place: Place,
    /// How many subscriptions it has.
    pub members: i64,
    /// The newest marked revision of the run for everyone: behind it, all live members are sent to.
    pub wanted: Number,
    /// What every member without an exception was delivered.
    pub delivered: Number,
    /// The newest timestamp, in seconds, of a push to a member without an exception.
    pub last_stamp: i64,
    /// When it is to be looked at; never if absent.
    pub due_at: Option<Time>,
}
