//! Makes the pushes of one slice: starts are written ahead, then everything is stamped, built and handed over to the
//! provider of its route.

mod apns;
mod fcm;

use super::credentials::Signing;
use super::steps::{self, Made, Planned, Work};
use super::{Claim, Dispatcher};
use crate::clock::Time;
use crate::domain::delivery::Provider;
use crate::domain::ids::DeviceKey;
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Kind, Plan};
use crate::domain::push::Alert;
use crate::domain::reasons::TOKEN_UNREADABLE;
use crate::domain::revision::{Number, Revision};
use crate::domain::settle::Sent;
use crate::domain::token::{Token, TokenKind};
use crate::domain::words::Words;
use crate::error::Result;
use crate::provider::Answer;
use crate::secrets::Context;
use crate::store::Lane;
use bytes::Bytes;
use secrecy::SecretString;
use tokio::sync::mpsc;

/// A slice under way: its answers come by number.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// Empty slots are those that were answered.
    pub(super) made: Vec<Option<Made>>,
    /// Those that could not even be tried.
    pub(super) failed: Vec<(usize, Outcome)>,
    pub(super) answers: mpsc::Receiver<Answer>,
}

/// Writes ahead what cannot be taken back and returns what may be sent.
pub(super) async fn begin(claim: &Claim, slice: Vec<Planned>) -> Result<Vec<Planned>> {
    let (starts, mut rest): (Vec<_>, Vec<_>) =
        slice.into_iter().partition(|planned| planned.plan.kind.is_written_ahead());
    if starts.is_empty() {
        return Ok(rest);
    }
    let (claimed, now) = ((claim.shard, claim.epoch), claim.dispatcher.shared.clock.now());
    let begun = claim
        .dispatcher
        .shared
        .store
        .write(Lane::Settle, move |tx| Box::pin(steps::begin(tx, claimed, starts.clone(), now)))
        .await?;
    rest.extend(begun);
    Ok(rest)
}

/// What goes with the pushes of the claim.
pub(super) async fn signing(claim: &Claim, work: &Work) -> Result<Signing> {
    let place = work.shard.place;
    claim.dispatcher.signing(place.app, place.environment).await
}

/// Stamps, builds and hands over. One reading of the clock stamps the slice.
pub(super) fn send(claim: &Claim, work: &Work, slice: Vec<Planned>, signing: Signing) -> UnderWay {
    let dispatcher = &claim.dispatcher;
    let now = dispatcher.shared.clock.now();
    let (mut made, mut failed, mut ready) = (Vec::new(), Vec::new(), Vec::new());
    let mut bodies = Bodies::default();
    for (index, mut planned) in slice.into_iter().enumerate() {
        let stamp = planned.plan.stamp(now);
        let body = bodies.body(work, &mut planned, (stamp, now));
        let token = match signing {
            Signing::Nothing(reason) => Err(reason),
            _ => dispatcher.open(&planned),
        };
        match token {
            Ok(token) => {
                let Planned { plan, subscription, token: Token { kind, .. }, .. } = &planned;
                let (plan, device, kind) = (plan.clone(), subscription.device, *kind);
                let deliver_until = work.wanted.deliver_until(subscription);
                ready.push(Ready { index, plan, device, kind, token, body, deliver_until });
            }
            Err(reason) => failed.push((index, Outcome::NotSent { reason })),
        }
        let sent = Sent::new(planned.plan.clone(), now);
        made.push(Some(Made { planned, sent }));
    }
    let answers = match signing {
        Signing::Apns(key) => dispatcher.shared.apns.send(apns::batch(work, key, ready, now)),
        Signing::Google(account) => dispatcher.shared.fcm.send(fcm::batch(work, account, ready)),
        Signing::Nothing(_) => mpsc::channel(1).1,
    };
    UnderWay { made, failed, answers }
}

/// A push that has everything but its provider's form.
struct Ready {
    index: usize,
    plan: Plan,
    device: DeviceKey,
    kind: TokenKind,
    token: SecretString,
    body: Bytes,
    /// Of a start.
    deliver_until: Time,
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
    asked_at: Time,
}

impl Likeness {
    fn of(planned: &Planned, stamp: i64) -> Self {
        let Plan { kind, revision, alert, .. } = planned.plan;
        let input_push_token = planned.takes_input_push_token;
        let closing = planned.subscription.closing;
        // Only a start says until when it is worth making.
        let of_start = Some(planned.subscription.asked_at).filter(|_| kind == Kind::Start);
        let asked_at = of_start.unwrap_or_default();
        Likeness { kind, revision, alert, stamp, input_push_token, closing, asked_at }
    }
}

/// The last body built: most pushes of a slice are alike.
#[derive(Default)]
struct Bodies {
    last: Option<(Likeness, Bytes)>,
}

impl Bodies {
    fn body(&mut self, work: &Work, planned: &mut Planned, at: (i64, Time)) -> Bytes {
        let key = Likeness::of(planned, at.0);
        if let Some((_, body)) = self.last.as_ref().filter(|(last, _)| *last == key) {
            return body.clone();
        }
        let build = match work.shard.place.route.provider() {
            Provider::Apns => apns::build,
            Provider::Fcm => fcm::build,
        };
        let (mut body, fits) = build(work, planned, at);
        if !fits && planned.plan.alert != 0 {
            let (subscription, revision) = (planned.plan.subscription, planned.plan.alert);
            tracing::info!(%subscription, revision, "an alert no longer fits and was dropped");
            planned.plan.alert = 0;
            body = build(work, planned, at).0;
        } else {
            self.last = Some((key, body.clone()));
        }
        body
    }
}

/// The alert that rides on a push. A start always has one, with title and body: what its revision's lacks comes from
/// the start's own.
fn alert(work: &Work, plan: &Plan) -> Option<Alert> {
    let alert = work.wanted.revision(plan.alert).and_then(|revision| revision.alert.as_ref());
    let alert = alert.map(|alert| &alert.alert);
    match plan.kind {
        Kind::Start => {
            let own = &work.activity.start_alert;
            Some(alert.map_or_else(|| own.clone(), |alert| complete(alert, own)))
        }
        Kind::Update | Kind::End | Kind::CloseSecond => alert.cloned(),
        Kind::Fallback => work.activity.fallback.clone(),
    }
}

/// When an ended card leaves the screen: at once where another person holds the device now.
fn dismissal(work: &Work, planned: &Planned, now: Time) -> Option<Time> {
    let at_once = planned.subscription.closing || planned.plan.kind == Kind::CloseSecond;
    if at_once { Some(now) } else { revision(work, &planned.plan).dismiss_at }
}

fn complete(alert: &Alert, start_alert: &Alert) -> Alert {
    let or = |words: &Words, other: &Words| if words.is_empty() { other } else { words }.clone();
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

#[cfg(test)]
mod tests;
