//! Makes the pushes of one slice: starts are written ahead, then everything is stamped, built and handed over.

use super::steps::{self, Made, Planned, Work};
use super::{Claim, Dispatcher};
use crate::clock::Time;
use crate::domain::outcome::Outcome;
use crate::domain::payload::apns::{BODY_BYTES_MAX, Event, Payload};
use crate::domain::plan::{Kind, Plan};
use crate::domain::push::{Alert, Priority};
use crate::domain::reasons::{CREDENTIAL_MISSING, TOKEN_UNREADABLE};
use crate::domain::revision::{Number, Revision};
use crate::domain::settle::Sent;
use crate::error::Result;
use crate::provider::{Answer, Batch, Push};
use crate::secrets::Context;
use crate::store::Lane;
use bytes::Bytes;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long Apple keeps a push for a device that is offline where the content has no time of its own: as long as a card
/// may be active.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
const STORED_FOR: Duration = Duration::from_hours(8);
/// How long Apple keeps a start: a card that appears much later is a surprise.
const START_STORED_FOR: Duration = Duration::from_hours(1);

/// A slice under way: its answers come by number.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// Empty slots are those that were answered.
    pub(super) made: Vec<Option<Made>>,
    /// Those that could not even be tried.
    pub(super) failed: Vec<(usize, Outcome)>,
    pub(super) answers: mpsc::Receiver<Answer>,
}

/// Writes the starts of a slice ahead and returns what may be sent.
pub(super) async fn begin(claim: &Claim, work: &Work, slice: Vec<Planned>) -> Result<Vec<Planned>> {
    let (starts, mut rest): (Vec<_>, Vec<_>) =
        slice.into_iter().partition(|planned| planned.plan.kind == Kind::Start);
    if starts.is_empty() {
        return Ok(rest);
    }
    let (shard, now) = (work.shard.id, claim.dispatcher.shared.clock.now());
    let begun = claim
        .dispatcher
        .shared
        .store
        .write(Lane::Settle, move |tx| Box::pin(steps::begin(tx, shard, starts.clone(), now)))
        .await?;
    rest.extend(begun);
    Ok(rest)
}

/// Stamps, builds and hands over. One reading of the clock stamps the slice.
pub(super) async fn send(claim: &Claim, work: &Work, slice: Vec<Planned>) -> Result<UnderWay> {
    let dispatcher = &claim.dispatcher;
    let place = work.shard.place;
    let credential =
        dispatcher.credential(work.shard.workspace, place.app, place.environment).await?;
    let now = dispatcher.shared.clock.now();
    let (mut made, mut failed, mut pushes) = (Vec::new(), Vec::new(), Vec::new());
    let mut bodies = Bodies::default();
    for (index, mut planned) in slice.into_iter().enumerate() {
        let stamp = planned.plan.stamp(now);
        let body = bodies.body(work, &mut planned, stamp, now);
        match dispatcher.open(&planned) {
            Ok(token) if credential.is_some() => pushes.push(Push {
                index,
                token,
                apns_id: planned.plan.apns_id(place.run),
                priority: priority(work, &planned.plan),
                expiration: expiration(work, &planned.plan, now),
                body,
            }),
            Ok(_) => failed.push((index, Outcome::NotSent { reason: CREDENTIAL_MISSING })),
            Err(reason) => failed.push((index, Outcome::NotSent { reason })),
        }
        let sent = Sent::new(planned.plan.clone(), now);
        made.push(Some(Made { planned, sent }));
    }
    let answers = match credential {
        Some(credential) => dispatcher.shared.apns.send(Batch {
            environment: place.environment,
            bundle_id: Arc::from(work.app.build.id()),
            credential,
            pushes,
        }),
        None => mpsc::channel(1).1,
    };
    Ok(UnderWay { made, failed, answers })
}

impl UnderWay {
    /// Takes the push of that number, once.
    pub(super) fn take(&mut self, index: usize) -> Option<Made> {
        self.made.get_mut(index)?.take()
    }

    /// Those that were not answered, each with its outcome.
    pub(super) fn take_rest(&mut self) -> Vec<Made> {
        self.made.drain(..).flatten().collect()
    }
}

impl Dispatcher {
    fn open(&self, planned: &Planned) -> Result<SecretString, &'static str> {
        let token = &planned.token;
        let (workspace, row) = (token.workspace.to_string(), token.id.to_string());
        let opened = self.shared.keyring.open_text(&token.sealed, Context::token(&workspace, &row));
        opened.map_err(|error| {
            tracing::error!(%error, token = %token.id, "a device token could not be opened");
            TOKEN_UNREADABLE
        })
    }
}

/// Everything that a body depends on, within a slice. Pushes of equal likeness have the same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Likeness {
    kind: Kind,
    revision: Number,
    alert: Number,
    stamp: i64,
    input_push_token: bool,
    closing: bool,
}

impl Likeness {
    fn of(planned: &Planned, stamp: i64) -> Self {
        let Plan { kind, revision, alert, .. } = planned.plan;
        let input_push_token = planned.takes_input_push_token;
        let closing = planned.subscription.closing;
        Likeness { kind, revision, alert, stamp, input_push_token, closing }
    }
}

/// The last body built: most pushes of a slice are alike.
#[derive(Default)]
struct Bodies {
    last: Option<(Likeness, Bytes)>,
}

impl Bodies {
    fn body(&mut self, work: &Work, planned: &mut Planned, stamp: i64, now: Time) -> Bytes {
        let plan = &planned.plan;
        let key = Likeness::of(planned, stamp);
        if let Some((_, body)) = self.last.as_ref().filter(|(last, _)| *last == key) {
            return body.clone();
        }
        let mut body = build(work, planned, stamp, now);
        if body.len() > BODY_BYTES_MAX && plan.alert != 0 {
            let (subscription, revision) = (plan.subscription, plan.alert);
            tracing::info!(%subscription, revision, "an alert no longer fits and was dropped");
            planned.plan.alert = 0;
            body = build(work, planned, stamp, now);
        } else {
            self.last = Some((key, body.clone()));
        }
        body
    }
}

fn build(work: &Work, planned: &Planned, stamp: i64, now: Time) -> Bytes {
    let plan = &planned.plan;
    let revision = revision(work, plan);
    let alert = work.wanted.revision(plan.alert).and_then(|r| r.alert.as_ref());
    let alert: Option<&Alert> = alert.map(|alert| &alert.alert);
    let event = match plan.kind {
        Kind::Start => Event::Start {
            attributes_type: &work.activity_type.ios_attributes_type,
            attributes: &work.activity.attributes,
            input_push_token: planned.takes_input_push_token,
        },
        Kind::Update => Event::Update,
        Kind::End if planned.subscription.closing => Event::End { dismissal_time: Some(now) },
        Kind::End => Event::End { dismissal_time: revision.dismiss_at },
        Kind::CloseSecond => Event::End { dismissal_time: Some(now) },
    };
    let completed = alert.map(|alert| complete(alert, &work.activity.start_alert));
    let alert = match plan.kind {
        Kind::Start => completed.as_ref().or(Some(&work.activity.start_alert)),
        _ => alert,
    };
    let payload = Payload {
        event,
        timestamp: Time::from_seconds(stamp),
        content_state: &revision.content,
        alert,
        stale_time: revision.stale_at,
        relevance_score: revision.relevance_score,
    };
    payload.build()
}

/// A start needs title and body: what its alert lacks comes from the start's own.
fn complete(alert: &Alert, start_alert: &Alert) -> Alert {
    let or = |text: &String, other: &String| if text.is_empty() { other } else { text }.clone();
    Alert {
        title: or(&alert.title, &start_alert.title),
        subtitle: alert.subtitle.clone(),
        body: or(&alert.body, &start_alert.body),
        sound: alert.sound.clone(),
    }
}

fn revision<'a>(work: &'a Work, plan: &Plan) -> &'a Revision {
    work.wanted.revision(plan.revision).unwrap_or(&work.wanted.newest)
}

/// An alert brings its own urgency along; a start is always urgent, for it lights up the screen.
fn priority(work: &Work, plan: &Plan) -> Priority {
    let of = |number| work.wanted.revision(number).map(|revision| revision.priority);
    match plan.kind {
        Kind::Start => of(plan.revision).filter(|_| plan.revision == plan.alert),
        Kind::Update | Kind::End => of(plan.alert).or_else(|| of(plan.revision)),
        Kind::CloseSecond => None,
    }
    .unwrap_or(Priority::High)
}

fn expiration(work: &Work, plan: &Plan, now: Time) -> Time {
    let stale_at = revision(work, plan).stale_at.filter(|stale_at| *stale_at > now);
    match plan.kind {
        Kind::Start => now + START_STORED_FOR,
        Kind::Update => stale_at.unwrap_or(now + STORED_FOR),
        Kind::End | Kind::CloseSecond => now + STORED_FOR,
    }
}

#[cfg(test)]
mod tests;
