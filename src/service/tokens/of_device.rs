//! Tokens that belong to a whole device, not to one activity: those of ordinary notifications on iOS, and those that
//! serve all activities of an Android device.

use super::{Registration, Taken, TokenAsked, target};
use crate::clock::Time;
use crate::domain::activity::{Activity, State as ActivityState};
use crate::domain::change::Change;
use crate::domain::device::Device;
use crate::domain::device_token::{self, Arrival};
use crate::domain::event::{Event, EventKind};
use crate::domain::fallback;
use crate::domain::ids::DeviceKey;
use crate::domain::register::TokenResult;
use crate::domain::shard::Shard;
use crate::domain::subscription::{Cause, Reason as Why, State, Subscription};
use crate::domain::token::{Token, TokenKind};
use crate::error::Result;
use crate::store::{self, Tx};

/// Takes the token; an older one of its kind is good no more. An Android device's activities go on by it, and the app
/// may say that it has started or joined one itself.
pub(super) async fn register(
    tx: &Tx,
    registration: Registration,
    change: &mut Change,
) -> Result<Taken> {
    let (result, arrival) = replace(tx, &registration, change).await?;
    change.tokens.push(registration.token.clone());
    if !registration.token.kind.is_fcm() {
        if result != TokenResult::Refreshed {
            wake_fallbacks(tx, registration.device.key, change, registration.now).await?;
        }
        return Ok(Taken { result, subscription: None });
    }
    let Registration { device, token, known, now, .. } = &registration;
    if let Some(former) = known.as_ref().filter(|known| known.device != device.key) {
        let reason = (Why::TokenMoved, Cause::Device);
        go_without(tx, former.device, token, reason, (change, *now)).await?;
    }
    if result != TokenResult::Refreshed {
        go_on(tx, &registration, arrival, change).await?;
    }
    if !registration.asked.names_activity() {
        return Ok(Taken { result, subscription: None });
    }
    // What is written so far is read again below.
    store::apply(tx, std::mem::take(change)).await?;
    join(tx, &registration, change).await
}

/// Drops what the token takes the place of.
async fn replace(
    tx: &Tx,
    registration: &Registration,
    change: &mut Change,
) -> Result<(TokenResult, Arrival)> {
    let Registration { device, token, known, now, .. } = registration;
    if known.as_ref().is_some_and(|known| known.is_good() && known.device == device.key) {
        return Ok((TokenResult::Refreshed, Arrival::Beside));
    }
    let before: Vec<Token> = store::tokens::of_device(tx, device.key).await?;
    let before = before.into_iter().filter(|old| {
        let was_good = old.is_good() || registration.asked.replaces == Some(old.fingerprint);
        was_good && old.id != token.id && old.kind.is_fcm() == token.kind.is_fcm()
    });
    let before: Vec<Token> = before.collect();
    let is_replaced = |old: &Token| {
        let is_older = old.kind == token.kind && old.token_time <= token.token_time;
        is_older || !old.is_good()
    };
    for old in before.iter().filter(|old| is_replaced(old) && old.is_good()) {
        let invalid = Some((*now, "REPLACED".to_owned()));
        change.tokens.push(Token { invalid, ..old.clone() });
    }
    let used = before.iter().max_by_key(|old| old.rank());
    Ok(match used {
        None => (TokenResult::Registered, Arrival::First),
        Some(used) if is_replaced(used) => {
            (TokenResult::Rotated, Arrival::Replaces(token.token_time))
        }
        // What was used is still good: nothing went in vain.
        Some(_) => (TokenResult::Registered, Arrival::Beside),
    })
}

/// The activities of the device go on by its new token.
async fn go_on(
    tx: &Tx,
    registration: &Registration,
    arrival: Arrival,
    change: &mut Change,
) -> Result<()> {
    if arrival == Arrival::Beside {
        return Ok(());
    }
    let Registration { device, token, now, .. } = registration;
    let mut rows = store::subscriptions::open_of_device(tx, device.key).await?;
    if let Some(since) = arrival.ended_since() {
        rows.extend(store::subscriptions::ended_of_device(tx, device.key, since).await?);
    }
    take_all(tx, (device, rows), arrival, (change, *now)).await?;
    if let Arrival::Replaces(_) = arrival {
        let kind = EventKind::TokenRotated;
        change.events.push(of_device_event(device, token, kind, *now));
    }
    Ok(())
}

/// The notifications that wait for a token are made now.
async fn wake_fallbacks(tx: &Tx, device: DeviceKey, change: &mut Change, now: Time) -> Result<()> {
    let mut rows = store::subscriptions::open_of_device(tx, device).await?;
    rows.retain(|row| row.state == State::Unreachable);
    for (mut row, shard) in store::subscriptions::with_shards(tx, rows).await? {
        if fallback::wake(&mut row, &shard, now) {
            change.due.push((shard.id, now));
            change.subscriptions.push(row);
        }
    }
    Ok(())
}

/// A way to start activities has opened: the person allows them, or the notifications that they are on Android.
pub(in crate::service) async fn rearm(
    tx: &Tx,
    device: &Device,
    change: &mut Change,
    now: Time,
) -> Result<()> {
    let mut rows = store::subscriptions::open_of_device(tx, device.key).await?;
    rows.retain(|row| row.state == State::Unreachable && row.place.route.shares_token());
    take_all(tx, (device, rows), Arrival::First, (change, now)).await
}

async fn take_all(
    tx: &Tx,
    (device, rows): (&Device, Vec<Subscription>),
    arrival: Arrival,
    (change, now): (&mut Change, Time),
) -> Result<()> {
    // Activities are held before shards; they are only looked at.
    let keys: Vec<_> = rows.iter().map(|row| row.place.activity).collect();
    let activities = store::activities::by_keys(&tx.share(), &keys).await?;
    for (mut row, shard) in store::subscriptions::with_shards(tx, rows).await? {
        let is_active = |a: &Activity| a.state == ActivityState::Active && a.run == row.place.run;
        let mut current = activities.iter().filter(|a| a.key == row.place.activity);
        let is_current = current.any(is_active);
        let startable = is_current && device.obstacle().is_none();
        if device_token::take(&mut row, &shard, (arrival, startable), now) {
            change.due.push((shard.id, now));
            change.subscriptions.push(row);
        }
    }
    Ok(())
}

fn of_device_event(device: &Device, token: &Token, kind: EventKind, now: Time) -> Event {
    Event {
        workspace: device.workspace,
        kind,
        activity: None,
        run: None,
        revision: None,
        device: Some(device.key),
        token: Some(token.id),
        credential: None,
        reason: String::new(),
        cause: Cause::Device,
        at: now,
    }
}

/// The device has lost this token. What it follows goes on by another one, or waits for one.
pub(super) async fn go_without(
    tx: &Tx,
    device: DeviceKey,
    lost: &Token,
    reason: (Why, Cause),
    (change, now): (&mut Change, Time),
) -> Result<()> {
    let others = store::tokens::of_device(tx, device).await?.into_iter();
    let mut others = others.filter(|other| other.kind.is_fcm() && other.id != lost.id);
    let goes_on = others.any(|other| other.is_good());
    let open = store::subscriptions::open_of_device(tx, device).await?;
    let open = store::subscriptions::with_shards(tx, open).await?;
    device_token::lose_all(open, goes_on, &reason, (change, now));
    Ok(())
}

/// The app has started the activity itself, or joins one.
async fn join(tx: &Tx, registration: &Registration, change: &mut Change) -> Result<Taken> {
    let (mut row, shard): (Subscription, Shard) =
        target::find_subscription(tx, registration, change).await?;
    let name = registration.asked.device_activity_id.as_deref();
    let (result, events) = device_token::join(&mut row, &shard, name, registration.now);
    if !matches!(result, TokenResult::Refreshed | TokenResult::Dismissed) {
        change.events.extend(events);
        change.due.push((shard.id, registration.now));
        change.subscriptions.push(row.clone());
    }
    Ok(Taken { result, subscription: Some(row) })
}

impl TokenAsked {
    /// It says something about one activity, not only about the token.
    fn names_activity(&self) -> bool {
        self.kind != TokenKind::ApnsDevice
            && (!self.activity_type.is_empty()
                || !self.activity_id.is_empty()
                || self.run.is_some()
                || self.device_activity_id.is_some()
                || self.attributes.is_some()
                || self.content.is_some()
                || !self.external_id.is_empty())
    }
}
