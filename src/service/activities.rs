//! Starting, changing and ending activities, and looking at them.

mod apply;
mod delete;
mod dry_run;
mod measure;

pub use apply::{Applied, ApplyAsked, apply};
pub use delete::delete;
pub use dry_run::{
    DryRun, apply as try_apply, end as try_end, start as try_start, update as try_update,
};
pub(super) use measure::measure;

use super::recipients::AudienceAsked;
use super::{Answered, Call, Page, PageRequest, Service};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::{Activity, Origin, State};
use crate::domain::activity_type::ActivityType;
use crate::domain::asked::{Expected, Presentation};
use crate::domain::change::Change;
use crate::domain::content::Content;
use crate::domain::ids::{ActivityKey, AppId, WorkspaceId};
use crate::domain::lifetime::Times;
use crate::domain::push::Alert;
use crate::domain::revision::{Number, Run, Target};
use crate::domain::sizes::PushSize;
use crate::domain::start::{self as start_rules, Start, Started};
use crate::domain::update::{self as update_rules, Dismissal, End, Update, Updated};
use crate::error::{Error, Result, Violation};
pub use crate::store::activities::ActivityFilter;
use crate::store::{self, On, Tx};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A start, checked for form.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct StartAsked {
    pub activity_id: Option<String>,
    pub activity_type: String,
    pub external_id: String,
    pub attributes: Option<Content>,
    pub content: Option<Content>,
    pub audience: AudienceAsked,
    pub presentation: Presentation,
    pub fallback: Option<Alert>,
    pub times: Times,
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
    pub target: Option<Target>,
    pub times: Times,
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

impl StartAsked {
    /// It lives so long where its caller does not say.
    fn living_for(self, lifetime: Duration) -> Self {
        StartAsked { times: Times { lifetime, ..self.times }, ..self }
    }
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

/// Starts an activity.
pub async fn start(
    service: &Service,
    call: &Call,
    asked: StartAsked,
) -> Result<Answered<Accepted>> {
    let (workspace, asked) = (call.workspace, asked.living_for(service.lifetime));
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(start_within(tx, workspace, asked, now))
    });
    announced(service, decided.await)
}

/// Updates an activity, for everyone or for some.
pub async fn update(
    service: &Service,
    call: &Call,
    asked: UpdateAsked,
) -> Result<Answered<Accepted>> {
    let workspace = call.workspace;
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(update_within(tx, workspace, asked, now))
    });
    announced(service, decided.await)
}

/// Ends an activity, for everyone or for some.
pub async fn end(service: &Service, call: &Call, asked: EndAsked) -> Result<Answered<Accepted>> {
    let workspace = call.workspace;
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(end_within(tx, workspace, asked, now))
    });
    announced(service, decided.await)
}

/// Rings for what was accepted.
fn announced(service: &Service, decided: Result<Answered<Accepted>>) -> Result<Answered<Accepted>> {
    let answered = decided?;
    if !answered.replayed {
        service.bus.ring(Ring::Work);
        service.bus.ring(Ring::Activity(answered.answer.key()));
    }
    Ok(answered)
}

/// The activity of that id.
pub async fn get(service: &Service, workspace: WorkspaceId, activity_id: &str) -> Result<Activity> {
    existing(service.store.reader(), workspace, activity_id).await
}

/// The activity as its call was answered, for a repeat as well.
pub async fn of_answer(service: &Service, answered: &Accepted) -> Result<Activity> {
    as_accepted(service.store.reader(), answered).await
}

/// A page of activities, the newest first.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    filter: &ActivityFilter,
    page: &PageRequest,
) -> Result<Page<Activity>> {
    let rows =
        store::activities::list(service.store.reader(), workspace, filter, page.rows()?).await?;
    Ok(Page::of(rows, page, |activity| activity.key.to_string()))
}

/// What a call comes to, before anything of it is written.
struct Decided {
    activity: Activity,
    adopted: bool,
    ignored: bool,
    dismiss_at: Option<Time>,
    sizes: Vec<PushSize>,
    change: Change,
}

impl Decided {
    /// Measures the pushes of what was decided, and refuses what does not fit.
    async fn measured(self, on: &impl On, kind: &ActivityType) -> Result<Self> {
        let sizes = measure(on, (&self.activity, kind), &self.change).await?;
        Ok(Decided { sizes, ..self })
    }

    async fn write(self, tx: &Tx) -> Result<Accepted> {
        store::apply(tx, self.change).await?;
        Ok(Accepted {
            adopted: self.adopted,
            ignored: self.ignored,
            dismiss_at_ms: self.dismiss_at.map(|time| time.0),
            ..Accepted::of(&self.activity)
        })
    }
}

async fn start_within(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: StartAsked,
    now: Time,
) -> Result<Accepted> {
    decide_start(tx, workspace, asked, now).await?.write(tx).await
}

async fn decide_start(
    on: &impl On,
    workspace: WorkspaceId,
    asked: StartAsked,
    now: Time,
) -> Result<Decided> {
    check_apps(on, workspace, ("app_ids", &asked.audience.app_ids)).await?;
    let activity_id = asked.activity_id.unwrap_or_else(|| ActivityKey::generate().to_string());
    let existing = store::activities::find(on, workspace, &activity_id).await?;
    let activity_type = activity_type(on, workspace, &asked.activity_type, now).await?;
    let start = Start {
        workspace,
        activity_id,
        activity_type: activity_type.clone(),
        external_id: asked.external_id,
        attributes: asked.attributes,
        content: asked.content,
        audience: asked.audience.resolve(on, workspace).await?,
        presentation: asked.presentation,
        fallback: asked.fallback,
        times: asked.times,
        expected: asked.expected,
    };
    let Started { activity, adopted, change } = start_rules::start(existing.as_ref(), start, now)?;
    let (ignored, dismiss_at, sizes) = (false, None, Vec::new());
    let decided = Decided { activity, adopted, ignored, dismiss_at, sizes, change };
    decided.measured(on, &activity_type).await
}

async fn update_within(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: UpdateAsked,
    now: Time,
) -> Result<Accepted> {
    decide_update(tx, workspace, asked, now).await?.write(tx).await
}

async fn decide_update(
    on: &impl On,
    workspace: WorkspaceId,
    asked: UpdateAsked,
    now: Time,
) -> Result<Decided> {
    let activity = existing(on, workspace, &asked.activity_id).await?;
    let activity_type = activity_type(on, workspace, &activity.activity_type, now).await?;
    let observed_by_target = match &asked.target {
        Some(target) => {
            check_apps(on, workspace, ("target.app_ids", &target.app_ids)).await?;
            let place = (activity.key, activity.run);
            store::revisions::newest_observation(on, place, target).await?
        }
        None => None,
    };
    let update = Update {
        content: asked.content,
        presentation: asked.presentation,
        expected: asked.expected,
        observed_at: asked.observed_at,
        target: asked.target,
        observed_by_target,
        times: asked.times,
    };
    let updated = update_rules::update(&activity, update, &activity_type, now)?;
    updated.decided().measured(on, &activity_type).await
}

async fn end_within(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: EndAsked,
    now: Time,
) -> Result<Accepted> {
    decide_end(tx, workspace, asked, now).await?.write(tx).await
}

async fn decide_end(
    on: &impl On,
    workspace: WorkspaceId,
    asked: EndAsked,
    now: Time,
) -> Result<Decided> {
    let activity = existing(on, workspace, &asked.activity_id).await?;
    let activity_type = activity_type(on, workspace, &activity.activity_type, now).await?;
    if let Some(target) = &asked.target {
        check_apps(on, workspace, ("target.app_ids", &target.app_ids)).await?;
    }
    let end = End {
        content: asked.content,
        presentation: asked.presentation,
        expected: asked.expected,
        dismissal: asked.dismissal,
        target: asked.target,
    };
    let ended = update_rules::end(&activity, end, &activity_type, now)?;
    ended.decided().measured(on, &activity_type).await
}

impl Updated {
    fn decided(self) -> Decided {
        let Updated { activity, ignored, dismiss_at, change } = self;
        Decided { activity, adopted: false, ignored, dismiss_at, sizes: Vec::new(), change }
    }
}

/// The activity of that id.
pub(super) async fn existing(
    on: &impl On,
    workspace: WorkspaceId,
    activity_id: &str,
) -> Result<Activity> {
    let found = store::activities::find(on, workspace, activity_id).await?;
    let found = found.filter(|activity| !activity.is_deleted());
    found.ok_or_else(|| Error::not_found("activity", activity_id))
}

/// The activity as it was when that revision was accepted, as far as its rows still tell.
async fn as_accepted(on: &impl On, accepted: &Accepted) -> Result<Activity> {
    let key = accepted.key();
    let mut activity = store::activities::by_key(on, key)
        .await?
        .ok_or_else(|| Error::not_found("activity", key.to_string()))?;
    if activity.revision == accepted.revision {
        return Ok(activity);
    }
    let is_later_run = activity.run != accepted.run;
    if is_later_run {
        // What these were in the run that was asked for is not kept; another run's would mislead.
        activity.attributes = Content::empty();
        activity.external_id = String::new();
        activity.origin = Origin::Backend;
    }
    let (run, up_to) = (accepted.run, accepted.revision);
    if let Some(revision) = store::revisions::newest_for_everyone(on, key, run, up_to).await? {
        if is_later_run {
            activity.started_at = revision.created_at;
        }
        activity.content = revision.content;
        activity.updated_at = revision.created_at;
    }
    (activity.run, activity.revision) = (accepted.run, accepted.revision);
    if is_later_run || activity.state.is_over() {
        activity.state = State::Active;
    }
    activity.ended_at = None;
    Ok(activity)
}

/// The type of that name, registered or not.
pub(super) async fn activity_type(
    on: &impl On,
    workspace: WorkspaceId,
    name: &str,
    now: Time,
) -> Result<ActivityType> {
    let found = store::activity_types::find(on, workspace, name).await?;
    Ok(found.unwrap_or_else(|| ActivityType::unregistered(workspace, name, now)))
}

async fn check_apps(
    on: &impl On,
    workspace: WorkspaceId,
    (field, app_ids): (&str, &[String]),
) -> Result<()> {
    let mut violations = Vec::new();
    for (index, app_id) in app_ids.iter().enumerate() {
        let known = match app_id.parse::<AppId>() {
            Ok(id) => store::apps::find(on, workspace, id).await?.is_some(),
            Err(_) => false,
        };
        if !known {
            violations.push(Violation {
                field: format!("{field}[{index}]"),
                description: "is not an app of this workspace".to_owned(),
            });
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::invalid(violations)) }
}
