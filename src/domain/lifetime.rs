//! How long a run lives: when it begins, how long its starts are worth making, and when it is over by itself.
//!
//! May import rows of activities and what they are asked. The invariant: what time alone does to an activity is decided
//! here, from its row and the present, and is the same however late somebody looks.

use super::activity::{Activity, State};
use super::asked::{self, Presentation};
use super::change::Change;
use super::event::EventKind;
use super::push::Operation;
use super::subscription::Cause;
use crate::clock::Time;
use crate::error::{Error, Reason, Result, Violation};
use std::time::Duration;

/// How long after its begin a run lives unless its caller or the configuration says otherwise: as long as iOS shows a
/// card, eight hours active and four ended.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
pub const LIFETIME: Duration = Duration::from_hours(12);
/// The longest life of a run.
pub const LIFETIME_MAX: Duration = Duration::from_hours(30 * 24);
/// How far ahead a start may lie.
pub const AHEAD_MAX: Duration = Duration::from_hours(366 * 24);
/// How long a start is worth making and keeping for a device that is offline: a card that appears much later is a
/// surprise.
pub const DELIVER_FOR: Duration = Duration::from_hours(1);

/// What a caller says of the times of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it begins; at once if absent or past.
    pub start_at: Option<Time>,
    /// Until when its starts are worth making; [`DELIVER_FOR`] after its begin if absent.
    pub deliver_until: Option<Time>,
    /// When it is over by itself.
    pub expires_at: Option<Time>,
    /// How long it lives where that is absent.
    pub lifetime: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Times { start_at: None, deliver_until: None, expires_at: None, lifetime: LIFETIME }
    }
}

/// The times of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it begins, or began.
    pub begins_at: Time,
    /// How long after a start was asked for it is worth making.
    pub deliver_for: Duration,
    /// When it is over by itself.
    pub expires_at: Time,
}

impl Times {
    /// The life of a run that is started now.
    pub fn life(self, now: Time) -> Result<Life> {
        let begins_at = self.start_at.unwrap_or(now).max(now);
        let expires_at = self.expires_at.unwrap_or(begins_at + self.lifetime);
        let deliver_until = self.deliver_until.unwrap_or(begins_at + DELIVER_FOR);
        let wrong = [
            too_far_ahead(self.start_at, now),
            too_early(("deliver_until", deliver_until), begins_at),
            too_early(("expire_time", expires_at), begins_at),
            too_late(expires_at, begins_at),
        ];
        let violations: Vec<Violation> = wrong.into_iter().flatten().collect();
        if !violations.is_empty() {
            return Err(Error::invalid(violations));
        }
        let deliver_for = deliver_until.min(expires_at).since(begins_at);
        Ok(Life { begins_at, deliver_for, expires_at })
    }
}

/// Moves what an update says of the times. While the run is scheduled its begin may move, and its end moves along
/// unless that is said too. A past time is taken: the run begins, or is over, with the next look.
pub fn reschedule(activity: &mut Activity, times: Times, now: Time) -> Result<()> {
    let is_scheduled = activity.state == State::Scheduled;
    if times.start_at.is_some() && !is_scheduled {
        let message = format!("\"{}\" has started; its start cannot move.", activity.activity_id);
        return Err(Error::new(Reason::ActivityActive, message).with("run", activity.run));
    }
    if let Some(start_at) = times.start_at {
        let lifetime = activity.expires_at.since(activity.started_at);
        activity.started_at = start_at.max(now);
        activity.expires_at = activity.started_at + lifetime;
    }
    let begins_at = activity.started_at;
    activity.expires_at = times.expires_at.unwrap_or(activity.expires_at);
    let wrong = [
        too_far_ahead(times.start_at, now),
        too_early(("expire_time", activity.expires_at), begins_at).filter(|_| is_scheduled),
        times.expires_at.and_then(|expires_at| too_late(expires_at, begins_at)),
    ];
    let violations: Vec<Violation> = wrong.into_iter().flatten().collect();
    if violations.is_empty() { Ok(()) } else { Err(Error::invalid(violations)) }
}

fn too_far_ahead(start_at: Option<Time>, now: Time) -> Option<Violation> {
    let days = AHEAD_MAX.as_secs() / 86_400;
    start_at.filter(|at| *at > now + AHEAD_MAX).map(|_| Violation {
        field: "start_time".to_owned(),
        description: format!("is more than {days} days ahead"),
    })
}

fn too_early((field, at): (&str, Time), begins_at: Time) -> Option<Violation> {
    (at <= begins_at).then(|| Violation {
        field: field.to_owned(),
        description: "is not later than the start".to_owned(),
    })
}

fn too_late(expires_at: Time, begins_at: Time) -> Option<Violation> {
    let days = LIFETIME_MAX.as_secs() / 86_400;
    (expires_at > begins_at + LIFETIME_MAX).then(|| Violation {
        field: "expire_time".to_owned(),
        description: format!("is more than {days} days after the start"),
    })
}

/// What time alone does to an activity, if anything: a scheduled run begins, and one whose life is over ends with what
/// it shows. A run that was over before anybody could begin it never begins. Expansions that waited for the begin are
/// for the caller to release.
pub fn turn(activity: &Activity, now: Time) -> Option<(Activity, Change)> {
    match activity.state {
        State::Scheduled | State::Active if activity.expires_at <= now => {
            Some(expire(activity, now))
        }
        State::Scheduled if activity.started_at <= now => Some(begin(activity, now)),
        _ => None,
    }
}

fn begin(activity: &Activity, now: Time) -> (Activity, Change) {
    let activity = Activity { state: State::Active, started_at: now, ..activity.clone() };
    let change = Change {
        events: vec![asked::event(&activity, EventKind::ActivityStarted, Cause::Sweeper, now)],
        activities: vec![activity.clone()],
        ..Change::default()
    };
    (activity, change)
}

fn expire(activity: &Activity, now: Time) -> (Activity, Change) {
    let activity = Activity {
        state: State::Expired,
        revision: activity.revision + 1,
        updated_at: now,
        ended_at: Some(now),
        ..activity.clone()
    };
    let change = Change {
        revisions: vec![Presentation::default().revision(&activity, Operation::End, now)],
        events: vec![asked::event(&activity, EventKind::ActivityExpired, Cause::Sweeper, now)],
        activities: vec![activity.clone()],
        ..Change::default()
    };
    (activity, change)
}

impl Activity {
    /// Refuses what cannot be asked of a run that is over, by its end or by its age.
    pub fn check_open(&self, now: Time) -> Result<()> {
        let has_ended = self.state == State::Ended;
        let is_open = !self.state.is_over() && now < self.expires_at;
        if is_open { Ok(()) } else { Err(self.is_over_because(has_ended)) }
    }

    /// The error for what comes after the end.
    pub fn over(&self) -> Error {
        self.is_over_because(self.state == State::Ended)
    }

    fn is_over_because(&self, has_ended: bool) -> Error {
        let (reason, word) = if has_ended {
            (Reason::ActivityEnded, "has ended")
        } else {
            (Reason::ActivityExpired, "has expired")
        };
        Error::new(reason, format!("\"{}\" {word}.", self.activity_id)).with("run", self.run)
    }

    /// When time alone will change it next.
    pub fn turns_at(&self) -> Option<Time> {
        match self.state {
            State::Scheduled => Some(self.started_at.min(self.expires_at)),
            State::Active => Some(self.expires_at),
            State::Ended | State::Expired => None,
        }
    }
}

#[cfg(test)]
mod tests;
