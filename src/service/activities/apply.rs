//! Saying how an activity should be.

use super::{Accepted, StartAsked, activity_type, check_apps, measure};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::apply::{self as rules, Action, Present};
use crate::domain::ids::WorkspaceId;
use crate::domain::start::Start;
use crate::error::{Error, Result};
use crate::service::{Answered, Call, Service};
use crate::store::{self, Tx};
use serde::{Deserialize, Serialize};

/// How an activity should be, checked for form. Its start has an id.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct ApplyAsked {
    pub start: StartAsked,
    pub observed_at: Option<Time>,
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
    let workspace = call.workspace;
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
    ApplyAsked { start, observed_at }: ApplyAsked,
    now: Time,
) -> Result<Applied> {
    check_apps(tx, workspace, ("app_ids", &start.audience.app_ids)).await?;
    let activity_id =
        start.activity_id.ok_or_else(|| Error::invalid_field("activity_id", "is missing"))?;
    let existing = store::activities::find(tx, workspace, &activity_id).await?;
    let present = match existing {
        Some(activity) => Some(present(tx, activity).await?),
        None => None,
    };
    let kind = activity_type(tx, workspace, &start.activity_type, now).await?;
    let start = Start {
        workspace,
        activity_id,
        activity_type: kind.clone(),
        external_id: start.external_id,
        attributes: start.attributes,
        content: start.content,
        audience: start.audience.resolve(tx, workspace).await?,
        presentation: start.presentation,
        fallback: start.fallback,
        expected: start.expected,
    };
    let applied = rules::apply(present.as_ref(), start, observed_at, now)?;
    measure(tx, (&applied.activity, &kind), &applied.change).await?;
    store::apply(tx, applied.change).await?;
    let accepted = Accepted {
        adopted: applied.adopted,
        ignored: applied.ignored,
        ..Accepted::of(&applied.activity)
    };
    Ok(Applied { accepted, action: applied.action })
}

async fn present(tx: &Tx, activity: Activity) -> Result<Present> {
    let (key, run, up_to) = (activity.key, activity.run, activity.revision);
    let newest = store::revisions::newest_for_everyone(tx, key, run, up_to).await?;
    let expansion = store::expansions::find(tx, key, run).await?;
    Ok(Present { activity, newest, audience: expansion.map(|expansion| expansion.audience) })
}
