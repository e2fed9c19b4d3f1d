//! Registering an update token: which run it belongs to, and what it means for the subscription there.

use super::activity::{Activity, Origin};
use super::activity_type::{ActivityType, Join};
use super::event::{Event, EventKind};
use super::ids::TokenId;
use super::revision::Run;
use super::shard::Shard;
use super::subscription::{Card, Cause, State, Subscription};
use crate::clock::Time;
use crate::error::{Error, Reason, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A push this much older than the new token cannot have been swallowed by the rotation.
pub(super) const ROTATION_MARGIN: Duration = Duration::from_secs(15);

/// What the app says of the card that the token belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The run, from the card's attributes.
    pub run: Option<Run>,
    /// `ActivityKit`'s id of the card.
    pub device_activity_id: Option<&'a str>,
    /// It came with attributes or content: the app started the activity itself.
    pub app_started: bool,
    /// The device is in the audience that is still being expanded.
    pub in_audience: bool,
}

/// Where a token belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// To this one of the device's subscriptions.
    To(usize),
    /// To the current run, in which the device has none yet.
    Joins,
    /// To the next run, which the app has started.
    StartsNextRun,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of device_service.proto")]
pub enum TokenResult {
    Registered,
    Refreshed,
    Rotated,
    SecondCard,
    CardEnded,
    Dismissed,
}

/// Finds the run that a token belongs to. `subscriptions` are all that the device has of this activity.
pub fn belongs(
    activity: &Activity,
    activity_type: &ActivityType,
    subscriptions: &[Subscription],
    claim: Claim<'_>,
) -> Result<Belongs> {
    let find = |fits: &dyn Fn(&Subscription) -> bool| subscriptions.iter().position(fits);
    if let Some(run) = claim.run {
        return match find(&|subscription| subscription.place.run == run) {
            Some(index) => Ok(Belongs::To(index)),
            None if run == activity.run => may_join(activity, activity_type, claim),
            None => Err(Error::new(
                Reason::RunMismatch,
                format!(
                    "This device has no card of run {run}; the current run is {}.",
                    activity.run
                ),
            )
            .with("run", activity.run)),
        };
    }
    let known = claim.device_activity_id.and_then(|id| find(&|s| s.knows_card(id)));
    if let Some(index) = known {
        return Ok(Belongs::To(index));
    }
    let current = find(&|subscription| subscription.place.run == activity.run);
    if claim.app_started {
        return match current {
            _ if activity.state.is_over() => may_start(activity_type),
            Some(index) => Ok(Belongs::To(index)),
            None => may_join(activity, activity_type, claim),
        };
    }
    let waiting: Vec<usize> = subscriptions
        .iter()
        .enumerate()
        .filter(|(_, subscription)| subscription.awaits_or_shows())
        .map(|(index, _)| index)
        .collect();
    match (waiting.as_slice(), current) {
        ([only], _) => Ok(Belongs::To(*only)),
        ([], Some(index)) => Ok(Belongs::To(index)),
        ([], None) => may_join(activity, activity_type, claim),
        _ => Err(Error::new(
            Reason::RunRequired,
            "This device has cards of two runs; name the run from the card's attributes.",
        )),
    }
}

fn may_start(activity_type: &ActivityType) -> Result<Belongs> {
    if activity_type.app_may_start {
        return Ok(Belongs::StartsNextRun);
    }
    Err(app_may_not_start(activity_type))
}

/// Apps may not start activities of this type.
pub fn app_may_not_start(activity_type: &ActivityType) -> Error {
    let message = format!("Activities of type \"{}\" are not started by apps.", activity_type.name);
    Error::new(Reason::AppMayNotStart, message)
}

fn may_join(activity: &Activity, kind: &ActivityType, claim: Claim<'_>) -> Result<Belongs> {
    if activity.state.is_over() {
        return Err(activity.over());
    }
    let among_apps = activity.origin == Origin::App && kind.app_may_start;
    if claim.in_audience || kind.join == Join::Open || among_apps {
        return Ok(Belongs::Joins);
    }
    let message = format!("This device is not in the audience of \"{}\".", activity.activity_id);
    Err(Error::new(Reason::JoinNotAllowed, message))
}

/// A token at the moment of its registration.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Ours.
    pub id: TokenId,
    /// `ActivityKit`'s id of its card, where the app said it.
    pub device_activity_id: Option<&'a str>,
    /// When the device got it.
    pub token_time: Time,
    /// The app started the card itself, so it shows no revision of ours.
    pub app_started: bool,
    /// The value was known and good before, and this subscription used it: the same registration again.
    pub is_repeat: bool,
}

/// Takes an update token for a subscription. A token that is no longer used by it afterwards is for the caller to drop:
/// compare `card` and `second` before and after.
pub fn take(
    subscription: &mut Subscription,
    shard: &Shard,
    token: &NewToken<'_>,
    now: Time,
) -> (TokenResult, Vec<Event>) {
    let id = token.device_activity_id;
    let is_second = subscription.second.as_ref().is_some_and(|second| {
        second.token == Some(token.id) || id.is_some() && second.device_activity_id.as_deref() == id
    });
    let is_closed = id.is_some() && subscription.closed_card.as_deref() == id;
    if is_second || is_closed {
        return (TokenResult::CardEnded, Vec::new());
    }
    let usable = matches!(subscription.state, State::Active | State::Ended | State::Dismissed);
    if token.is_repeat && usable && subscription.card.token == Some(token.id) {
        return (TokenResult::Refreshed, Vec::new());
    }
    let had_card = subscription.card.token.is_some();
    let same_card = had_card && subscription.card.is(id);
    if subscription.state == State::Dismissed {
        return take_after_dismissal(subscription, shard, token, same_card, now);
    }
    if same_card {
        return (TokenResult::Rotated, rotate(subscription, shard, token, now));
    }
    let delivered = subscription.delivered(shard);
    subscription.touch(shard, now);
    if had_card {
        subscription.second = Some(std::mem::take(&mut subscription.card));
    }
    // Which card took which start is not known, so the one we follow begins with nothing delivered; so does one that no
    // start of ours made.
    let is_ours =
        subscription.starts_begun == 0 || subscription.starts_begun == 1 && !token.app_started;
    let anew = had_card || !is_ours;
    let exception = subscription.own_exception(shard);
    exception.delivered = if anew { 0 } else { delivered };
    exception.in_flight = None;
    (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
    subscription.card.token = Some(token.id);
    let shown_since = subscription.card.shown_since.unwrap_or(token.token_time.min(now));
    subscription.card.shown_since = Some(shown_since);
    let named = id.map(str::to_owned);
    subscription.card.device_activity_id = named.or(subscription.card.device_activity_id.take());
    subscription.start_doubt_until = None;
    let was_started =
        matches!(subscription.state, State::Active | State::Ended) || subscription.has_evidence();
    subscription.turn(State::Active, None, Cause::Device);
    if had_card {
        return (TokenResult::SecondCard, Vec::new());
    }
    let started =
        (!was_started).then(|| Event::of(subscription, EventKind::SubscriptionStarted, now));
    (TokenResult::Registered, started.into_iter().collect())
}

/// Another token of the same card: Apple may still have said 200 for the old one, so the newest content goes once more,
/// silently. After the end, the end.
fn rotate(
    subscription: &mut Subscription,
    shard: &Shard,
    token: &NewToken<'_>,
    now: Time,
) -> Vec<Event> {
    let delivered = subscription.delivered(shard);
    let last_stamp = subscription.last_stamp(shard);
    subscription.touch(shard, now);
    let sent_long_before = Time::from_seconds(last_stamp) + ROTATION_MARGIN < token.token_time;
    let revived = matches!(subscription.state, State::Ended | State::Invalidated);
    let exception = subscription.own_exception(shard);
    if revived || !sent_long_before {
        exception.delivered = 0;
    }
    exception.in_flight = None;
    (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
    subscription.alerted = subscription.alerted.max(delivered);
    subscription.card.token = Some(token.id);
    if let Some(id) = token.device_activity_id {
        subscription.card.device_activity_id = Some(id.to_owned());
    }
    subscription.turn(State::Active, None, Cause::Device);
    let mut event = Event::of(subscription, EventKind::TokenRotated, now);
    event.token = Some(token.id);
    vec![event]
}

/// The person closed the activity on this device: of the card they closed nothing is wanted, and another one is ended.
fn take_after_dismissal(
    subscription: &mut Subscription,
    shard: &Shard,
    token: &NewToken<'_>,
    same_card: bool,
    now: Time,
) -> (TokenResult, Vec<Event>) {
    if !same_card && subscription.second.is_none() {
        subscription.touch(shard, now);
        let device_activity_id = token.device_activity_id.map(str::to_owned);
        let shown_since = Some(token.token_time.min(now));
        subscription.second = Some(Card { token: Some(token.id), device_activity_id, shown_since });
    }
    (TokenResult::Dismissed, Vec::new())
}

impl Subscription {
    /// The app has said that it shows a card.
    pub fn has_evidence(&self) -> bool {
        self.report.is_some_and(|(state, _)| state.is_on_screen())
    }

    /// The app has named this card to us before.
    pub fn knows_card(&self, id: &str) -> bool {
        let ours = self.card.device_activity_id.as_deref() == Some(id);
        let second = self.second.as_ref().and_then(|second| second.device_activity_id.as_deref());
        ours || second == Some(id) || self.closed_card.as_deref() == Some(id)
    }

    /// Its device waits for a token, or shows the activity.
    pub fn awaits_or_shows(&self) -> bool {
        match self.state {
            State::PendingToken | State::Active => true,
            State::PendingStart => self.starts_begun > 0,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
