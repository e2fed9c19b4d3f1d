//! Saying how an activity should be.

use super::{Accepted, Decided, StartAsked, activity_type, check_apps};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::apply::{self as rules, Action, Present};
use crate::domain::ids::WorkspaceId;
use crate::domain::start::Start;
use crate::error::{Error, Result};
use crate::service::{Answered, Call, Service};
use crate::store::{self, On, Tx};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How an activity should be, checked for form. Its start has an id.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct ApplyAsked {
    pub start: StartAsked,
    pub observed_at: Option<Time>,
}

impl ApplyAsked {
    /// What it starts lives so long where its caller does not say.
    pub(super) fn living_for(self, lifetime: Duration) -> Self {
        ApplyAsked { start: self.start.living_for(lifetime), ..self }
    }
}

/// What is kept of an answer for a repeat of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// What was accepted, or what was there.
    pub accepted: Accepted,
    /// What was done.
    pub action: Action,
}

/// Starts, updates, or does nothing.
pub async fn apply(service: &Service, call: &Call, asked: ApplyAsked) -> Result<Answered<Applied>> {
    let (workspace, asked) = (call.workspace, asked.living_for(service.lifetime));
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(apply_within(tx, workspace, asked, now))
    });
    let answered = decided.await?;
    if !answered.replayed && answered.answer.action != Action::Unchanged {
        service.bus.ring(Ring::Work);
        service.bus.ring(Ring::Activity(answered.answer.accepted.key()));
    }
    Ok(answered)
}

async fn apply_within(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: ApplyAsked,
    now: Time,
) -> Result<Applied> {
    let (decided, action) = decide_apply(tx, workspace, asked, now).await?;
    Ok(Applied { accepted: decided.write(tx).await?, action })
}

pub(super) async fn decide_apply(
    on: &impl On,
    workspace: WorkspaceId,
    ApplyAsked { start, observed_at }: ApplyAsked,
    now: Time,
) -> Result<(Decided, Action)> {
    check_apps(on, workspace, ("app_ids", &start.audience.app_ids)).await?;
    let activity_id =
        start.activity_id.ok_or_else(|| Error::invalid_field("activity_id", "is missing"))?;
    let existing = store::activities::find(on, workspace, &activity_id).await?;
    let present = match existing {
        Some(activity) => Some(present(on, activity).await?),
        None => None,
    };
    let kind = activity_type(on, workspace, &start.activity_type, now).await?;
    let start = Start {
        workspace,
        activity_id,
        activity_type: kind.clone(),
        external_id: start.external_id,
        attributes: start.attributes,
        content: start.content,
        audience: start.audience.resolve(on, workspace).await?,
        presentation: start.presentation,
        fallback: start.fallback,
        times: start.times,
        expected: start.expected,
    };
    let rules::Applied { activity, action, adopted, ignored, change } =
        rules::apply(present.as_ref(), start, observed_at, now)?;
    let (dismiss_at, sizes) = (None, Vec::new());
    let decided = Decided { activity, adopted, ignored, dismiss_at, sizes, change };
    Ok((decided.measured(on, &kind).await?, action))
}

async fn present(on: &impl On, activity: Activity) -> Result<Present> {
    let (key, run, up_to) = (activity.key, activity.run, activity.revision);
    let newest = store::revisions::newest_for_everyone(on, key, run, up_to).await?;
    let expansion = store::expansions::find(on, key, run).await?;
    Ok(Present { activity, newest, audience: expansion.map(|expansion| expansion.audience) })
}
