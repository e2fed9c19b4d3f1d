//! Changing an activity, and ending it.

use super::activity::{Activity, State};
use super::activity_type::ActivityType;
use super::asked::{self, Expected, Presentation};
use super::change::Change;
use super::content::Content;
use super::event::EventKind;
use super::lifetime::{self, Times};
use super::push::Operation;
use super::revision::{Revision, Scope, Target};
use super::subscription::Cause;
use crate::clock::Time;
use crate::error::Result;
use std::time::Duration;

/// The longest that iOS keeps an ended card.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
pub const DISMISSAL_MAX: Duration = Duration::from_hours(4);

/// What the backend asks of everyone, or of some.
#[derive(Clone, Debug)]
pub struct Update {
    /// What to show; what everyone shows now if absent.
    pub content: Option<Content>,
    /// How.
    pub presentation: Presentation,
    /// What the caller believes.
    pub expected: Expected,
    /// When the caller observed what it reports.
    pub observed_at: Option<Time>,
    /// Only these; everyone if absent.
    pub target: Option<Target>,
    /// The newest observation that the very same target was shown.
    pub observed_by_target: Option<Time>,
    /// When the run begins and is over, where that moves. Of everyone only.
    pub times: Times,
}

/// The end, for everyone or for some.
#[derive(Clone, Debug)]
pub struct End {
    /// The final state; the present one stays if absent.
    pub content: Option<Content>,
    /// How.
    pub presentation: Presentation,
    /// What the caller believes.
    pub expected: Expected,
    /// When the card leaves the screen.
    pub dismissal: Dismissal,
    /// Only these; everyone if absent.
    pub target: Option<Target>,
}

/// When an ended card leaves the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dismissal {
    /// The system decides.
    Default,
    /// At once.
    Immediate,
    /// Then.
    At(Time),
    /// This long after the end is accepted.
    After(Duration),
}

/// What became of an update or an end.
#[derive(Debug)]
pub struct Updated {
    /// As it is now.
    pub activity: Activity,
    /// The observation was older than the one shown: nothing changes.
    pub ignored: bool,
    /// When the card leaves the screen, where that was said.
    pub dismiss_at: Option<Time>,
    /// What to write.
    pub change: Change,
}

/// Decides about an update. One for some leaves what the activity shows as it is for the others and for what comes
/// later.
pub fn update(
    existing: &Activity,
    asked: Update,
    activity_type: &ActivityType,
    now: Time,
) -> Result<Updated> {
    check_open(existing, asked.expected, now)?;
    let shown = existing.observed_at.max(asked.observed_by_target);
    let older = |observed: Time| shown.is_some_and(|shown| observed < shown);
    if asked.observed_at.is_some_and(older) {
        let (activity, change) = (existing.clone(), Change::default());
        return Ok(Updated { activity, ignored: true, dismiss_at: None, change });
    }
    asked.expected.check(existing.revision, existing.run)?;
    let mut activity = existing.clone();
    activity.revision += 1;
    activity.updated_at = now;
    lifetime::reschedule(&mut activity, asked.times, now)?;
    let content = asked.content.unwrap_or_else(|| activity.content.clone());
    let alert = asked.presentation.alert.as_ref();
    if let Some(alert) = alert.filter(|_| is_opening(&activity, asked.target.as_ref())) {
        activity.start_alert = alert.clone().completed_by(&activity.start_alert);
    }
    asked::check_size(&activity, &content, alert, activity_type)?;
    if asked.target.is_none() {
        activity.content = content.clone();
        activity.observed_at = asked.observed_at.or(activity.observed_at);
    }
    let revision = Revision {
        content,
        scope: asked.target.map_or(Scope::Everyone, Scope::Target),
        observed_at: asked.observed_at,
        ..asked.presentation.revision(&activity, Operation::Update, now)
    };
    let change = Change {
        revisions: vec![revision],
        events: vec![asked::event(&activity, EventKind::ActivityUpdated, Cause::Caller, now)],
        activities: vec![activity.clone()],
        ..Change::default()
    };
    Ok(Updated { activity, ignored: false, dismiss_at: None, change })
}

/// Decides about an end. One for some leaves the activity, and what it shows, as it is for the others.
pub fn end(
    existing: &Activity,
    asked: End,
    activity_type: &ActivityType,
    now: Time,
) -> Result<Updated> {
    check_open(existing, asked.expected, now)?;
    asked.expected.check(existing.revision, existing.run)?;
    let mut activity = existing.clone();
    activity.revision += 1;
    activity.updated_at = now;
    let content = asked.content.unwrap_or_else(|| activity.content.clone());
    let alert = asked.presentation.alert.as_ref();
    asked::check_size(&activity, &content, alert, activity_type)?;
    let kind = if asked.target.is_some() {
        EventKind::ActivityUpdated
    } else {
        activity.content = content.clone();
        activity.state = State::Ended;
        activity.ended_at = Some(now);
        EventKind::ActivityEnded
    };
    let mut revision = asked.presentation.revision(&activity, Operation::End, now);
    revision.content = content;
    revision.dismiss_at = asked.dismissal.time(now);
    revision.scope = asked.target.map_or(Scope::Everyone, Scope::Target);
    let change = Change {
        events: vec![asked::event(&activity, kind, Cause::Caller, now)],
        activities: vec![activity.clone()],
        revisions: vec![revision.clone()],
        ..Change::default()
    };
    Ok(Updated { activity, ignored: false, dismiss_at: revision.dismiss_at, change })
}

impl Dismissal {
    /// The effective time: no later than iOS keeps a card.
    pub fn time(self, now: Time) -> Option<Time> {
        let latest = now + DISMISSAL_MAX;
        match self {
            Dismissal::Default => None,
            Dismissal::Immediate => Some(now),
            Dismissal::At(time) => Some(time.min(latest)),
            Dismissal::After(span) => Some((now + span).min(latest)),
        }
    }
}

/// It changes what everyone will be started with.
fn is_opening(activity: &Activity, target: Option<&Target>) -> bool {
    activity.state == State::Scheduled && target.is_none()
}

fn check_open(activity: &Activity, expected: Expected, now: Time) -> Result<()> {
    Expected { revision: None, ..expected }.check(activity.revision, activity.run)?;
    activity.check_open(now)
}

#[cfg(test)]
mod tests;
