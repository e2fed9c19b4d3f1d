//! A push as Apple takes it.

use super::{Ready, alert, dismissal, revision};
use crate::clock::Time;
use crate::dispatch::credentials::ApnsKey;
use crate::dispatch::steps::{Planned, Work};
use crate::domain::activity::Activity;
use crate::domain::payload::apns::{BODY_BYTES_MAX, Event, Notification, Payload, PushType};
use crate::domain::plan::{Kind, Plan};
use crate::domain::push::Priority;
use crate::provider::{Batch, Push};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// How long Apple keeps a push for a device that is offline where the content has no time of its own: as long as a card
/// may be active.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
const STORED_FOR: Duration = Duration::from_hours(8);
/// How long Apple keeps an ordinary notification: one that appears much later is a surprise.
const FALLBACK_STORED_FOR: Duration = Duration::from_hours(1);

/// Pushes that one key signs, with what it has signed.
pub(super) fn batch(work: &Work, key: ApnsKey, ready: Vec<Ready>, now: Time) -> Batch {
    let run = work.shard.place.run;
    let push = |Ready { index, plan, token, body, deliver_until, .. }| Push {
        index,
        token,
        apns_id: plan.apns_id(run),
        push_type: match plan.kind {
            Kind::Fallback => PushType::Alert,
            _ => PushType::LiveActivity,
        },
        priority: priority(work, &plan),
        expiration: match plan.kind {
            Kind::Start => deliver_until,
            _ => expiration(work, &plan, now),
        },
        body,
    };
    Batch {
        environment: work.shard.place.environment,
        bundle_id: Arc::from(work.app.build.id()),
        credential: key.credential,
        token: key.token,
        pushes: ready.into_iter().map(push).collect(),
    }
}

/// The body, and whether Apple takes it.
pub(super) fn build(work: &Work, planned: &Planned, (stamp, now): (i64, Time)) -> (Bytes, bool) {
    let plan = &planned.plan;
    let revision = revision(work, plan);
    let alert = alert(work, plan);
    let event = match plan.kind {
        Kind::Fallback => {
            let Activity { activity_id, run, .. } = &work.activity;
            let alert = &alert.unwrap_or_default();
            return measured(Notification { activity_id, run: *run, alert }.build());
        }
        Kind::Start => Event::Start {
            attributes_type: &work.activity_type.ios_attributes_type,
            attributes: &work.activity.attributes,
            input_push_token: planned.takes_input_push_token,
        },
        Kind::End | Kind::CloseSecond => {
            Event::End { dismissal_time: dismissal(work, planned, now) }
        }
        Kind::Update => Event::Update,
    };
    let payload = Payload {
        event,
        timestamp: Time::from_seconds(stamp),
        content_state: &revision.content,
        alert: alert.as_ref(),
        stale_time: revision.stale_at,
        relevance_score: revision.relevance_score,
    };
    measured(payload.build())
}

fn measured(body: Bytes) -> (Bytes, bool) {
    let fits = body.len() <= BODY_BYTES_MAX;
    (body, fits)
}

/// An alert brings its own urgency along; a start is always urgent, for it lights up the screen.
fn priority(work: &Work, plan: &Plan) -> Priority {
    let of = |number| work.wanted.revision(number).map(|revision| revision.priority);
    match plan.kind {
        Kind::Start => of(plan.revision).filter(|_| plan.revision == plan.alert),
        Kind::Update | Kind::End => of(plan.alert).or_else(|| of(plan.revision)),
        Kind::CloseSecond | Kind::Fallback => None,
    }
    .unwrap_or(Priority::High)
}

fn expiration(work: &Work, plan: &Plan, now: Time) -> Time {
    let stale_at = revision(work, plan).stale_at.filter(|stale_at| *stale_at > now);
    match plan.kind {
        Kind::Start | Kind::Fallback => now + FALLBACK_STORED_FOR,
        Kind::Update => stale_at.unwrap_or(now + STORED_FOR),
        Kind::End | Kind::CloseSecond => now + STORED_FOR,
    }
}
