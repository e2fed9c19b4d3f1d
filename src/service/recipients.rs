//! Whom a run is for: audiences as they are asked for, and recipients that join and leave a run.

use super::{Answered, Call, Service};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::asked::Expected;
use crate::domain::expansion::{Audience, Members, Who};
use crate::domain::ids::{ActivityKey, WorkspaceId};
use crate::domain::revision::Run;
use crate::domain::segment::SegmentKind;
use crate::domain::{join, recipient};
use crate::error::{Error, Result};
use crate::store::{self, On, Tx};
use serde::{Deserialize, Serialize};

/// An audience, checked for form.
#[derive(Clone, Debug)]
pub struct AudienceAsked {
    /// Who.
    pub named: Named,
    /// Only devices with one of these apps; all if empty.
    pub app_ids: Vec<String>,
    /// Per contact only the device seen most recently.
    pub latest_only: bool,
    /// Who comes later is started too, and who leaves is ended.
    pub live: bool,
}

/// Who is named.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub enum Named {
    ContactKeys(Vec<String>),
    DeviceIds(Vec<String>),
    Segment(String),
    AllDevices,
}

impl AudienceAsked {
    /// The audience with its segment, as that is now.
    pub(super) async fn resolve(self, on: &impl On, workspace: WorkspaceId) -> Result<Audience> {
        let AudienceAsked { named, app_ids, latest_only, live } = self;
        let who = named.resolve(on, workspace).await?;
        let audience = Audience { who, app_ids, latest_only, live };
        if latest_only && !audience.is_by_contact() {
            let problem = "LATEST is about contacts, and the members of this segment are devices";
            return Err(Error::invalid_field("device_preference", problem));
        }
        Ok(audience)
    }
}

impl Named {
    /// Who is named, with the segment as it is now.
    pub(super) async fn resolve(self, on: &impl On, workspace: WorkspaceId) -> Result<Who> {
        Ok(match self {
            Named::ContactKeys(keys) => Who::ContactKeys(keys),
            Named::DeviceIds(ids) => Who::DeviceIds(ids),
            Named::AllDevices => Who::AllDevices,
            Named::Segment(segment_id) => {
                let segment = store::segments::find(on, workspace, &segment_id).await?;
                let segment = segment.ok_or_else(|| Error::not_found("segment", segment_id))?;
                let (kind, as_of) = (segment.kind, segment.version);
                Who::Segment(Members { key: segment.key, kind, as_of })
            }
        })
    }
}

/// The word for what the members of a segment are, as the requests have it.
pub fn field_of(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::ContactKeys => "contact_keys",
        SegmentKind::DeviceIds => "device_ids",
    }
}

/// Recipients that join or leave, checked for form.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct RecipientsAsked {
    pub activity_id: String,
    pub run: Option<Run>,
    pub recipients: Named,
    pub restart_dismissed: bool,
}

/// What became of recipients, and what is kept of it for a repeat of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    activity: uuid::Uuid,
    /// The run.
    pub run: Run,
    /// Those that were not as asked before.
    pub changed: i64,
    /// Those that were.
    pub unchanged: i64,
}

/// Adds recipients to a running activity.
pub async fn add(
    service: &Service,
    call: &Call,
    asked: RecipientsAsked,
) -> Result<Answered<Counted>> {
    let workspace = call.workspace;
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(async move {
            let (activity, changed) = decide(tx, workspace, asked, join::add, now).await?;
            let counted = Counted::of(&activity, &changed);
            store::apply(tx, changed.change).await?;
            Ok(counted)
        })
    });
    Ok(announced(service, decided.await?))
}

/// Takes recipients out of a running activity.
pub async fn remove(
    service: &Service,
    call: &Call,
    asked: RecipientsAsked,
) -> Result<Answered<Counted>> {
    let workspace = call.workspace;
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(async move {
            let (activity, changed) = decide(tx, workspace, asked, join::remove, now).await?;
            let counted = Counted::of(&activity, &changed);
            let audiences = changed.change.expansions.iter().map(|leave| &leave.audience.who);
            for who in audiences {
                let run = (activity.key, activity.run);
                store::recipients::remove(tx, run, &recipient::ways(who)).await?;
            }
            store::apply(tx, changed.change).await?;
            Ok(counted)
        })
    });
    Ok(announced(service, decided.await?))
}

type Rule = fn(&Activity, join::Asked, join::Known<'_>, Time) -> Result<join::Changed>;

async fn decide(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: RecipientsAsked,
    rule: Rule,
    now: Time,
) -> Result<(Activity, join::Changed)> {
    let activity = super::activities::existing(tx, workspace, &asked.activity_id).await?;
    let run = (activity.key, activity.run);
    let start = store::expansions::find(tx, run.0, run.1).await?;
    let who = asked.recipients.resolve(tx, workspace).await?;
    let recipients = store::recipients::known(tx, run, &recipient::ways(&who)).await?;
    let segments = store::recipients::segments_of_run(tx, run.0, run.1).await?.len();
    let known = join::Known { start: start.as_ref(), recipients: &recipients, segments };
    let expected = Expected { revision: None, run: asked.run };
    let asked = join::Asked { who, restart_dismissed: asked.restart_dismissed, expected };
    let changed = rule(&activity, asked, known, now)?;
    Ok((activity, changed))
}

/// Rings for what was changed.
fn announced(service: &Service, answered: Answered<Counted>) -> Answered<Counted> {
    if !answered.replayed {
        service.bus.ring(Ring::Work);
        service.bus.ring(Ring::Activity(ActivityKey(answered.answer.activity)));
    }
    answered
}

impl Counted {
    fn of(activity: &Activity, changed: &join::Changed) -> Self {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Counted {
            activity: activity.key.0,
            run: activity.run,
            changed: count(changed.changed),
            unchanged: count(changed.unchanged),
        }
    }
}
