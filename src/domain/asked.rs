//! What start, update and end have in common: the checks of what was asked and the revision that it becomes.

use super::activity::Activity;
use super::activity_type::ActivityType;
use super::content::Content;
use super::event::{Event, EventKind};
use super::payload::apns::{self, Payload};
use super::push::{Alert, Operation, Priority};
use super::revision::{Number, Revision, RevisionAlert, Scope};
use super::subscription::Cause;
use crate::clock::Time;
use crate::error::{Error, Reason, Result};
use std::time::Duration;

/// How long an alert waits for a device that cannot be reached; of a scheduled run, from its begin.
pub const ALERT_LIFE: Duration = Duration::from_mins(10);

/// How to show something.
#[derive(Clone, Debug, Default)]
pub struct Presentation {
    /// What lights up the screen.
    pub alert: Option<Alert>,
    /// When that would only startle.
    pub alert_expires_at: Option<Time>,
    /// How urgent a push is.
    pub priority: Option<Priority>,
    /// When the content is outdated.
    pub stale_at: Option<Time>,
    /// Which of several activities the system shows first.
    pub relevance_score: Option<f64>,
}

/// What the caller believes about the activity; where it is wrong, nothing is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// The newest revision; 0 for an id that does not exist yet.
    pub revision: Option<Number>,
    /// The current run.
    pub run: Option<i64>,
}

impl Expected {
    /// Refuses where the activity is not as expected.
    pub fn check(&self, revision: Number, run: i64) -> Result<()> {
        if self.run.is_some_and(|expected| expected != run) {
            let message = format!("The activity's current run is {run}; another one was named.");
            return Err(Error::new(Reason::RunMismatch, message).with("run", run));
        }
        if self.revision.is_some_and(|expected| expected != revision) {
            let message = format!("The activity is at revision {revision}; another was expected.");
            return Err(Error::new(Reason::RevisionMismatch, message).with("revision", revision));
        }
        Ok(())
    }
}

impl Presentation {
    /// The revision that an operation becomes: the activity's newest.
    pub fn revision(self, activity: &Activity, operation: Operation, now: Time) -> Revision {
        let silent_update = operation == Operation::Update && self.alert.is_none();
        let default_priority = if silent_update { Priority::Normal } else { Priority::High };
        let shown_from = now.max(activity.started_at);
        let expires_at = self.alert_expires_at.unwrap_or(shown_from + ALERT_LIFE);
        Revision {
            activity: activity.key,
            number: activity.revision,
            run: activity.run,
            operation,
            scope: Scope::Everyone,
            content: activity.content.clone(),
            alert: self.alert.map(|alert| RevisionAlert { alert, expires_at }),
            priority: self.priority.unwrap_or(default_priority),
            stale_at: self.stale_at,
            relevance_score: self.relevance_score,
            dismiss_at: None,
            observed_at: None,
            created_at: now,
        }
    }
}

/// Refuses what would not fit into one of the pushes that it can ride on: the smallest route decides.
pub fn check_size(
    activity: &Activity,
    content: &Content,
    alert: Option<&Alert>,
    kind: &ActivityType,
) -> Result<()> {
    let now = activity.updated_at;
    let payload = |event, alert| Payload {
        event,
        timestamp: now,
        content_state: content,
        alert,
        stale_time: Some(now),
        relevance_score: None,
    };
    let start = apns::Event::Start {
        attributes_type: &kind.ios_attributes_type,
        attributes: &activity.attributes,
        input_push_token: true,
    };
    let payloads = [
        payload(start, alert.or(Some(&activity.start_alert))),
        payload(apns::Event::Update, alert),
        payload(apns::Event::End { dismissal_time: Some(now) }, alert),
    ];
    apns::check_size(&payloads, &activity.attributes)
        .map_err(|too_large| Error::invalid_field("content_state", too_large.to_string()))
}

/// A fact about the activity at its newest revision.
pub fn event(activity: &Activity, kind: EventKind, cause: Cause, at: Time) -> Event {
    Event {
        workspace: activity.workspace,
        kind,
        activity: Some(activity.key),
        run: Some(activity.run),
        revision: Some(activity.revision),
        device: None,
        token: None,
        credential: None,
        reason: String::new(),
        cause,
        at,
    }
}
