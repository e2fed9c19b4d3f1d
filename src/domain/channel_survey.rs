//! A survey: Apple's own list of an app's channels beside our rows.
//!
//! Apple's list has ids and nothing else, and others may create channels for the same app: another server, another
//! workspace, a person in Apple's console. So what we do not know is noted as found, and never deleted unasked.

use super::channel::{Channel, State};
use super::ids::{AppId, WorkspaceId};
use super::push::Environment;
use crate::clock::Time;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

/// How often Apple's list is looked at.
pub const SURVEY_INTERVAL: Duration = Duration::from_mins(15);
/// How many channels that we do not know one survey takes up; the next one follows at once.
pub const FOUND_AT_ONCE: usize = 100;

/// When the channels of an app in one of Apple's worlds are surveyed next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The app.
    pub app: AppId,
    /// The app as Apple knows it.
    pub bundle_id: String,
    /// The world.
    pub environment: Environment,
    /// When it is due.
    pub due_at: Time,
    /// Counts who took it upon itself.
    pub claim: i64,
    /// Somebody is at it, and nobody else is until then.
    pub claimed_until: Option<Time>,
}

/// What Apple's list and our rows say differently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Apple has them, and no row does.
    pub unknown: Vec<String>,
    /// Apple has them no more.
    pub gone: Vec<Channel>,
}

impl Survey {
    /// The survey that follows from having a channel.
    pub fn of(channel: &Channel, now: Time) -> Self {
        Survey {
            workspace: channel.workspace,
            app: channel.app,
            bundle_id: channel.bundle_id.clone(),
            environment: channel.environment,
            due_at: now + SURVEY_INTERVAL,
            claim: 0,
            claimed_until: None,
        }
    }

    /// Somebody is at it now, and has so long for it.
    pub fn claimed(mut self, now: Time, span: Duration) -> Self {
        self.claim += 1;
        self.claimed_until = Some(now + span);
        self.due_at = now + span;
        self
    }

    /// It was made, or could not be.
    pub fn done(mut self, is_more: bool, now: Time) -> Self {
        self.claimed_until = None;
        self.due_at = if is_more { now } else { now + SURVEY_INTERVAL };
        self
    }
}

/// Compares Apple's list with the rows from before it was asked for, and with the ids that other tenants know.
pub fn compare(rows: &[Channel], elsewhere: &BTreeSet<String>, listed: &[String]) -> Differences {
    let known: HashSet<&str> = rows.iter().filter_map(|row| row.apple_id.as_deref()).collect();
    let at_apple: HashSet<&str> = listed.iter().map(String::as_str).collect();
    let is_unknown = |id: &&&str| !known.contains(**id) && !elsewhere.contains(**id);
    let mut unknown: Vec<String> =
        at_apple.iter().filter(is_unknown).map(|id| (*id).to_owned()).collect();
    unknown.sort_unstable();
    let is_gone = |row: &&Channel| {
        let is_there = row.apple_id.as_deref().is_some_and(|id| at_apple.contains(id));
        matches!(row.state, State::Active | State::Found) && !is_there
    };
    Differences { unknown, gone: rows.iter().filter(is_gone).cloned().collect() }
}
