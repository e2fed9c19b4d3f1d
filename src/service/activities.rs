//! Starting, changing and ending activities; each runs inside one transaction of the store.

use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::activity_type::ActivityType;
use crate::domain::asked::{Expected, Presentation};
use crate::domain::content::Content;
use crate::domain::expansion::Audience;
use crate::domain::ids::{ActivityKey, AppId, WorkspaceId};
use crate::domain::revision::{Number, Run, Target};
use crate::domain::start::{self, Start};
use crate::domain::update::{self, Dismissal, End, Update};
use crate::error::{Error, Result, Violation};
use crate::store::{self, On, Tx};
use serde::{Deserialize, Serialize};

/// A start, checked for form.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct StartAsked {
    pub activity_id: Option<String>,
    pub activity_type: String,
    pub external_id: String,
    pub attributes: Option<Content>,
    pub content: Option<Content>,
    pub audience: Audience,
    pub presentation: Presentation,
    pub expected: Expected,
}

/// An update, checked for form.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct UpdateAsked {
    pub activity_id: String,
    pub content: Option<Content>,
    pub presentation: Presentation,
    pub expected: Expected,
    pub observed_at: Option<Time>,
}

/// An end, checked for form.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct EndAsked {
    pub activity_id: String,
    pub content: Option<Content>,
    pub presentation: Presentation,
    pub expected: Expected,
    pub dismissal: Dismissal,
    pub target: Option<Target>,
}

/// What is kept of an answer for a repeat of its request: ids and numbers, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of the answers")]
pub struct Accepted {
    pub activity: uuid::Uuid,
    pub run: Run,
    pub revision: Number,
    pub adopted: bool,
    pub ignored: bool,
    pub dismiss_at_ms: Option<i64>,
}

impl Accepted {
    fn of(activity: &Activity) -> Self {
        Accepted {
            activity: activity.key.0,
            run: activity.run,
            revision: activity.revision,
            adopted: false,
            ignored: false,
            dismiss_at_ms: None,
        }
    }

    /// Ours.
    pub fn key(&self) -> ActivityKey {
        ActivityKey(self.activity)
    }
}

/// Starts, within `tx`.
pub async fn start(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: StartAsked,
    now: Time,
) -> Result<Accepted> {
    check_apps(tx, workspace, &asked.audience.app_ids).await?;
    let activity_id = asked.activity_id.unwrap_or_else(|| ActivityKey::generate().to_string());
    let existing = store::activities::find(tx, workspace, &activity_id).await?;
    let activity_type = activity_type(tx, workspace, &asked.activity_type, now).await?;
    let start = Start {
        workspace,
        activity_id,
        activity_type,
        external_id: asked.external_id,
        attributes: asked.attributes,
        content: asked.content,
        audience: asked.audience,
        presentation: asked.presentation,
        expected: asked.expected,
    };
    let started = start::start(existing.as_ref(), start, now)?;
    store::apply(tx, started.change).await?;
    Ok(Accepted { adopted: started.adopted, ..Accepted::of(&started.activity) })
}

/// Updates, within `tx`.
pub async fn update(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: UpdateAsked,
    now: Time,
) -> Result<Accepted> {
    let activity = existing(tx, workspace, &asked.activity_id).await?;
    let activity_type = activity_type(tx, workspace, &activity.activity_type, now).await?;
    let update = Update {
        content: asked.content,
        presentation: asked.presentation,
        expected: asked.expected,
        observed_at: asked.observed_at,
    };
    let updated = update::update(&activity, update, &activity_type, now)?;
    store::apply(tx, updated.change).await?;
    Ok(Accepted { ignored: updated.ignored, ..Accepted::of(&updated.activity) })
}

/// Ends, within `tx`.
pub async fn end(tx: &Tx, workspace: WorkspaceId, asked: EndAsked, now: Time) -> Result<Accepted> {
    let activity = existing(tx, workspace, &asked.activity_id).await?;
    let activity_type = activity_type(tx, workspace, &activity.activity_type, now).await?;
    if let Some(target) = &asked.target {
        check_apps(tx, workspace, &target.app_ids).await?;
    }
    let end = End {
        content: asked.content,
        presentation: asked.presentation,
        expected: asked.expected,
        dismissal: asked.dismissal,
        target: asked.target,
    };
    let ended = update::end(&activity, end, &activity_type, now)?;
    store::apply(tx, ended.change).await?;
    let dismiss_at_ms = ended.dismiss_at.map(|time| time.0);
    Ok(Accepted { dismiss_at_ms, ..Accepted::of(&ended.activity) })
}

/// The activity of that id.
pub async fn existing(on: &impl On, workspace: WorkspaceId, activity_id: &str) -> Result<Activity> {
    let found = store::activities::find(on, workspace, activity_id).await?;
    found.ok_or_else(|| Error::not_found("activity", activity_id))
}

/// The activity as it was when that revision was accepted, as far as its rows still tell.
pub async fn as_accepted(on: &impl On, accepted: &Accepted) -> Result<Activity> {
    let key = accepted.key();
    let mut activity = store::activities::by_key(on, key)
        .await?
        .ok_or_else(|| Error::not_found("activity", key.to_string()))?;
    if activity.revision == accepted.revision {
        return Ok(activity);
    }
    if let Some(revision) = store::revisions::get(on, key, accepted.revision).await? {
        activity.content = revision.content;
        activity.updated_at = revision.created_at;
    }
    (activity.run, activity.revision) = (accepted.run, accepted.revision);
    activity.state = crate::domain::activity::State::Active;
    activity.ended_at = None;
    Ok(activity)
}

/// The type of that name, registered or not.
pub async fn activity_type(
    on: &impl On,
    workspace: WorkspaceId,
    name: &str,
    now: Time,
) -> Result<ActivityType> {
    let found = store::activity_types::find(on, workspace, name).await?;
    Ok(found.unwrap_or_else(|| ActivityType::unregistered(workspace, name, now)))
}

async fn check_apps(on: &impl On, workspace: WorkspaceId, app_ids: &[String]) -> Result<()> {
    let mut violations = Vec::new();
    for (index, app_id) in app_ids.iter().enumerate() {
        let known = match app_id.parse::<AppId>() {
            Ok(id) => store::apps::find(on, workspace, id).await?.is_some(),
            Err(_) => false,
        };
        if !known {
            violations.push(Violation {
                field: format!("app_ids[{index}]"),
                description: "is not an app of this workspace".to_owned(),
            });
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::invalid(violations)) }
}
