//! Starting an activity: a new id, the next run of an ended one, or the adoption of one that only apps have started.

use super::activity::{Activity, Origin, State};
use super::activity_type::ActivityType;
use super::asked::{self, Expected, Presentation};
use super::change::Change;
use super::content::{AttributeValue, Content};
use super::event::EventKind;
use super::expansion::{Audience, Expansion, Verb};
use super::ids::{ActivityKey, ExpansionId, WorkspaceId};
use super::lifetime::{self, Times};
use super::push::{Alert, Operation};
use super::recipient::{self, Recipient};
use super::revision::{Revision, Run};
use super::subscription::Cause;
use super::words::Words;
use crate::clock::Time;
use crate::error::{Error, Reason, Result, Violation};
use std::time::Duration;

/// What the backend asks.
#[derive(Clone, Debug)]
pub struct Start {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The caller's id, or one made for it.
    pub activity_id: String,
    /// The type, registered or not.
    pub activity_type: ActivityType,
    /// What it is about.
    pub external_id: String,
    /// The static data; an adoption keeps what is there if absent.
    pub attributes: Option<Content>,
    /// The first state; an adoption keeps what is there if absent.
    pub content: Option<Content>,
    /// For whom.
    pub audience: Audience,
    /// How.
    pub presentation: Presentation,
    /// An ordinary notification for devices that cannot show it.
    pub fallback: Option<Alert>,
    /// When.
    pub times: Times,
    /// What the caller believes.
    pub expected: Expected,
}

/// An activity that was started.
#[derive(Debug)]
pub struct Started {
    /// As it is now.
    pub activity: Activity,
    /// Only apps had started it before.
    pub adopted: bool,
    /// What to write.
    pub change: Change,
}

/// Decides about a start. `existing` is the activity of that id, if there is one.
pub fn start(existing: Option<&Activity>, mut asked: Start, now: Time) -> Result<Started> {
    check(existing, &asked)?;
    asked.expected.check(existing.map_or(0, |a| a.revision), existing.map_or(0, |a| a.run))?;
    let adopted = existing.is_some_and(|activity| activity.state == State::Active);
    let alert = start_alert(asked.presentation.alert.take(), &asked.activity_type);
    let run = existing.map_or(1, |activity| if adopted { activity.run } else { activity.run + 1 });
    let kept = existing.filter(|_| adopted);
    let given = asked.attributes.clone().or_else(|| kept.map(|a| a.attributes.clone()));
    let identity =
        Identity { activity_id: &asked.activity_id, run, activity_type: &asked.activity_type };
    let attributes = identity.write_into(&given.unwrap_or_else(Content::empty));
    let words = both(alert, attributes);
    let ((alert, attributes), life) = both(words, asked.times.life(now))?;
    let is_scheduled = life.begins_at > now;
    if let Some(activity) = kept.filter(|_| is_scheduled) {
        return Err(is_active(activity, "is shown by apps already, and cannot be scheduled"));
    }
    let content = asked.content.clone().or_else(|| kept.map(|a| a.content.clone()));
    let activity = Activity {
        key: existing.map_or_else(ActivityKey::generate, |activity| activity.key),
        workspace: asked.workspace,
        activity_id: asked.activity_id,
        activity_type: asked.activity_type.name.clone(),
        external_id: asked.external_id,
        run,
        revision: existing.map_or(0, |activity| activity.revision) + 1,
        marked_revision: existing.map_or(0, |activity| activity.marked_revision),
        dispatched_revision: existing.map_or(0, |activity| activity.dispatched_revision),
        state: if is_scheduled { State::Scheduled } else { State::Active },
        origin: Origin::Backend,
        attributes,
        content: content.unwrap_or_else(Content::empty),
        fallback: asked.fallback.map(|words| words.completed_by(&alert)),
        start_alert: alert.clone(),
        observed_at: None,
        created_at: existing.map_or(now, |activity| activity.created_at),
        updated_at: now,
        started_at: kept.map_or(life.begins_at, |activity| activity.started_at),
        deliver_for: life.deliver_for,
        expires_at: life.expires_at,
        ended_at: None,
        deleted_run: existing.map_or(0, |activity| activity.deleted_run),
        purged_run: existing.map_or(0, |activity| activity.purged_run),
        deleted_at: existing.and_then(|activity| activity.deleted_at),
    };
    asked::check_size(&activity, &activity.content, Some(&alert), &asked.activity_type)?;
    asked.presentation.alert = Some(alert);
    let whose = (asked.workspace, activity.key, run);
    let mut recipients = recipient::recipients(whose, &asked.audience, 0);
    if is_scheduled {
        recipients.iter_mut().for_each(Recipient::wait);
    }
    let expansion = opening(&activity, asked.audience, now);
    let kind = if is_scheduled { EventKind::ActivityScheduled } else { EventKind::ActivityStarted };
    let change = Change {
        revisions: vec![asked.presentation.revision(&activity, Operation::Start, now)],
        events: vec![asked::event(&activity, kind, Cause::Caller, now)],
        expansions: vec![expansion],
        recipients,
        activities: vec![activity.clone()],
        ..Change::default()
    };
    Ok(Started { activity, adopted, change })
}

/// The audience of a start: looked for now, or when its run begins.
fn opening(activity: &Activity, audience: Audience, now: Time) -> Expansion {
    Expansion {
        id: ExpansionId::generate(),
        activity: activity.key,
        run: activity.run,
        workspace: activity.workspace,
        verb: Verb::Start,
        audience,
        cursor: String::new(),
        done: activity.state == State::Scheduled,
        created_at: now,
    }
}

/// Both, or everything that is wrong with either: a caller mends all of it at once.
fn both<A, B>(first: Result<A>, second: Result<B>) -> Result<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(first), Err(second)) => {
            Err(Error::invalid(first.violations.into_iter().chain(second.violations).collect()))
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// What an app finds its activity by.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The caller's id.
    pub activity_id: &'a str,
    /// The run.
    pub run: Run,
    /// Says under which names.
    pub activity_type: &'a ActivityType,
}

impl Identity<'_> {
    /// Writes the id and the run into the attributes.
    pub fn write_into(self, attributes: &Content) -> Result<Content> {
        let names = (&self.activity_type.id_attribute, &self.activity_type.run_attribute);
        attributes
            .with_attributes(&[
                (names.0, AttributeValue::Text(self.activity_id)),
                (names.1, AttributeValue::Integer(self.run)),
            ])
            .map_err(|problem| Error::invalid_field("attributes", problem.to_string()))
    }
}

fn check(existing: Option<&Activity>, asked: &Start) -> Result<()> {
    let Some(activity) = existing else { return Ok(()) };
    if activity.activity_type != asked.activity_type.name {
        return Err(type_mismatch(activity));
    }
    match activity.state {
        State::Active if activity.origin == Origin::Backend => {
            Err(is_active(activity, "is active; end it first"))
        }
        State::Scheduled => Err(is_active(activity, "is scheduled; update it, or end it first")),
        State::Active | State::Ended | State::Expired => Ok(()),
    }
}

fn is_active(activity: &Activity, why: &str) -> Error {
    let message = format!("\"{}\" {why}.", activity.activity_id);
    Error::new(Reason::ActivityActive, message)
        .with("run", activity.run)
        .with("revision", activity.revision)
}

/// A start by push needs title and body: iOS drops one without.
/// <https://developer.apple.com/documentation/activitykit/starting-and-updating-live-activities-with-activitykit-push-notifications>
fn start_alert(asked: Option<Alert>, activity_type: &ActivityType) -> Result<Alert> {
    let alert = asked.unwrap_or_default().completed_by(&activity_type.default_alert);
    let missing = |field: &str, words: &Words| {
        words.is_empty().then(|| Violation {
            field: format!("alert.{field}"),
            description: "is needed by a start by push; give it here or as the type's default"
                .to_owned(),
        })
    };
    let parts = [missing("title", &alert.title), missing("body", &alert.body)];
    let violations: Vec<Violation> = parts.into_iter().flatten().collect();
    if violations.is_empty() {
        return Ok(alert);
    }
    let message = "A start by push needs an alert with title and body.";
    Err(Error { violations, ..Error::new(Reason::StartAlertRequired, message) })
}

/// An activity that an app has started by itself.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in `Start`")]
pub struct AppStart<'a> {
    pub workspace: WorkspaceId,
    /// Empty: one is made.
    pub activity_id: String,
    pub activity_type: &'a ActivityType,
    pub external_id: String,
    pub attributes: Option<Content>,
    pub content: Option<Content>,
    pub lifetime: Duration,
}

/// Decides about a start that has happened on a device: a new activity, or the next run of an ended one.
pub fn app_start(
    existing: Option<&Activity>,
    asked: AppStart<'_>,
    now: Time,
) -> Result<(Activity, Revision)> {
    let key = existing.map_or_else(ActivityKey::generate, |activity| activity.key);
    let activity_id = if asked.activity_id.is_empty() {
        existing.map_or_else(|| key.to_string(), |a| a.activity_id.clone())
    } else {
        asked.activity_id
    };
    let activity = Activity {
        key,
        workspace: asked.workspace,
        activity_id,
        activity_type: asked.activity_type.name.clone(),
        external_id: asked.external_id,
        run: existing.map_or(0, |activity| activity.run) + 1,
        revision: existing.map_or(0, |activity| activity.revision) + 1,
        marked_revision: existing.map_or(0, |activity| activity.marked_revision),
        dispatched_revision: existing.map_or(0, |activity| activity.dispatched_revision),
        state: State::Active,
        origin: Origin::App,
        attributes: asked.attributes.unwrap_or_else(Content::empty),
        content: asked.content.unwrap_or_else(Content::empty),
        start_alert: Alert::default(),
        fallback: None,
        observed_at: None,
        created_at: existing.map_or(now, |activity| activity.created_at),
        updated_at: now,
        started_at: now,
        deliver_for: lifetime::DELIVER_FOR,
        expires_at: now + asked.lifetime,
        ended_at: None,
        deleted_run: existing.map_or(0, |activity| activity.deleted_run),
        purged_run: existing.map_or(0, |activity| activity.purged_run),
        deleted_at: existing.and_then(|activity| activity.deleted_at),
    };
    asked::check_size(&activity, &activity.content, None, asked.activity_type)?;
    let revision = Presentation::default().revision(&activity, Operation::Start, now);
    Ok((activity, revision))
}

/// An id keeps its type for ever.
pub fn type_mismatch(activity: &Activity) -> Error {
    let message = format!(
        "\"{}\" is an activity of type \"{}\", and an id keeps its type for ever.",
        activity.activity_id, activity.activity_type
    );
    Error::new(Reason::ActivityTypeMismatch, message).with("activity_type", &activity.activity_type)
}

#[cfg(test)]
mod tests;
