//! Tokens that devices register and revoke: whose they are, what they replace, and which subscription uses them.

mod of_card;
mod of_device;
mod permitted;
mod push_to_start;
mod target;

pub(super) use permitted::permitted;

use super::{Answered, Call, Service, subscriptions};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::content::Content;
use crate::domain::device::Device;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{ActivityKey, SubscriptionId, TokenId, WorkspaceId};
use crate::domain::platform::Platform;
use crate::domain::push::Environment;
use crate::domain::register::TokenResult;
use crate::domain::revision::Run;
use crate::domain::subscription::{Cause, Reason as Why, State, Subscription};
use crate::domain::token::{Token, TokenKind};
use crate::error::{Error, Result};
use crate::secrets::{Context, Sealed};
use crate::store::turns::{self, Turn};
use crate::store::{self, Tx};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(super) use of_device::rearm;

/// A registration, checked for form. The value is sealed for the row `id` before the transaction begins.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of device_service.proto")]
pub struct TokenAsked {
    pub id: TokenId,
    pub device_id: String,
    pub kind: TokenKind,
    pub fingerprint: [u8; 32],
    pub sealed: Sealed,
    pub environment: Option<Environment>,
    pub token_time: Option<Time>,
    pub replaces: Option<[u8; 32]>,
    pub activity_type: String,
    pub activity_id: String,
    pub run: Option<Run>,
    pub device_activity_id: Option<String>,
    pub attributes: Option<Content>,
    pub content: Option<Content>,
    pub external_id: String,
}

/// What a token was taken for.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) result: TokenResult,
    /// None for a token of the whole device.
    pub(super) subscription: Option<Subscription>,
}

/// What is kept of an answer for a repeat of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    result: TokenResult,
    subscription: Option<uuid::Uuid>,
}

/// What a token was taken for, as the app is told.
#[derive(Clone, Debug)]
pub struct Registered {
    /// What became of it.
    pub result: TokenResult,
    /// The subscription that it serves; none for a push-to-start token.
    pub subscription: Option<subscriptions::Seen>,
}

/// The value of a token, on its way in.
#[derive(Clone, Debug)]
pub struct Value {
    /// The row that it is sealed for.
    pub id: TokenId,
    /// Finds it.
    pub fingerprint: [u8; 32],
    /// What is stored.
    pub sealed: Sealed,
}

/// Seals the value of a token for a row that is still to be made.
pub fn seal(service: &Service, workspace: WorkspaceId, token: &str) -> Result<Value> {
    let id = TokenId::generate();
    let (workspace, row) = (workspace.to_string(), id.to_string());
    let context = Context::token(&workspace, &row);
    let sealed = service.keyring.seal(token.as_bytes(), context).map_err(Error::internal)?;
    Ok(Value { id, fingerprint: fingerprint(service, token), sealed })
}

/// Finds a token without saying its value.
pub fn fingerprint(service: &Service, token: &str) -> [u8; 32] {
    service.fingerprints.fingerprint(token.as_bytes())
}

/// Registers a token.
pub async fn register(
    service: &Service,
    call: &Call,
    asked: TokenAsked,
) -> Result<Answered<Registered>> {
    let (workspace, device_id) = (call.workspace, asked.device_id.clone());
    let lifetime = service.lifetime;
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(async move {
            let taken = register_within(tx, workspace, (asked, lifetime), now).await?;
            let subscription = taken.subscription.map(|subscription| subscription.id.0);
            Ok(Kept { result: taken.result, subscription })
        })
    });
    let Answered { answer, replayed } = decided.await?;
    service.bus.ring(Ring::Work);
    let subscription = match answer.subscription {
        Some(id) => Some(subscriptions::look(service, SubscriptionId(id), device_id).await?),
        None => None,
    };
    if let Some(seen) = &subscription {
        service.bus.ring(Ring::Activity(seen.subscription.place.activity));
    }
    Ok(Answered { answer: Registered { result: answer.result, subscription }, replayed })
}

/// Drops the token that the app says is no longer good: one of these values. Says whether the call is a repeat.
pub async fn revoke(
    service: &Service,
    call: &Call,
    device_id: String,
    fingerprints: [[u8; 32]; 2],
) -> Result<bool> {
    let workspace = call.workspace;
    let decided = service.mutate(call, move |tx, now| {
        let device_id = device_id.clone();
        Box::pin(
            async move { revoke_within(tx, workspace, (&device_id, &fingerprints), now).await },
        )
    });
    let answered = decided.await?;
    service.bus.ring(Ring::Work);
    Ok(answered.replayed)
}

/// Waits for the turns of several tokens, in the order in which everyone takes them and before any row.
pub(super) async fn take_turns(
    tx: &Tx,
    fingerprints: impl IntoIterator<Item = [u8; 32]>,
) -> Result<()> {
    let mut fingerprints: Vec<[u8; 32]> = fingerprints.into_iter().collect();
    fingerprints.sort_unstable();
    for fingerprint in &fingerprints {
        turns::take(tx, Turn::Token(fingerprint)).await?;
    }
    Ok(())
}

/// Everything that a registration is decided from.
struct Registration {
    asked: TokenAsked,
    device: Device,
    token: Token,
    /// The row that had this value before.
    known: Option<Token>,
    /// How long a run lives that the app has started.
    lifetime: Duration,
    now: Time,
}

pub(super) async fn register_within(
    tx: &Tx,
    workspace: WorkspaceId,
    (asked, lifetime): (TokenAsked, Duration),
    now: Time,
) -> Result<Taken> {
    turns::take(tx, Turn::Token(&asked.fingerprint)).await?;
    let mut device = super::devices::existing(tx, workspace, &asked.device_id).await?;
    check_kind(&device, &asked)?;
    device.last_seen_at = now;
    let (glance, fingerprint) = (tx.glance(), &asked.fingerprint);
    let known = store::tokens::by_fingerprint(&glance, workspace, device.app, fingerprint).await?;
    let kept = known.clone();
    let token = Token {
        id: kept.as_ref().map_or(asked.id, |token| token.id),
        workspace,
        device: device.key,
        app: device.app,
        kind: asked.kind,
        environment: asked.environment.unwrap_or(device.environment),
        fingerprint: asked.fingerprint,
        // A row keeps its id, and a value is sealed for its row.
        sealed: kept.map_or_else(|| asked.sealed.clone(), |token| token.sealed),
        activity_type: asked.activity_type.clone(),
        subscription: None,
        token_time: asked.token_time.unwrap_or(now).min(now),
        registered_at: now,
        doubted_at: None,
        invalid: None,
    };
    let mut change = Change { devices: vec![device.clone()], ..Change::default() };
    if let Some(replaces) = asked.replaces.filter(|old| *old != asked.fingerprint) {
        drop_replaced(tx, &replaces, &device, &mut change, now).await?;
        // What is dropped is read again below, and must not be written twice.
        store::apply(tx, std::mem::take(&mut change)).await?;
    }
    let registration = Registration { asked, device, token, known, lifetime, now };
    let outcome = match registration.token.kind {
        TokenKind::PushToStart => push_to_start::register(tx, registration, &mut change).await?,
        TokenKind::ApnsDevice | TokenKind::FcmToken | TokenKind::FcmInstallationId => {
            of_device::register(tx, registration, &mut change).await?
        }
        TokenKind::Update => of_card::register(tx, registration, &mut change).await?,
    };
    store::apply(tx, change).await?;
    Ok(outcome)
}

/// A device has tokens of its platform.
fn check_kind(device: &Device, asked: &TokenAsked) -> Result<()> {
    if asked.kind.platform() != device.platform {
        let problem = format!("is of no device for {}", device.platform.word());
        return Err(Error::invalid_field("kind", problem));
    }
    if device.platform == Platform::Android && asked.environment.is_some() {
        return Err(Error::invalid_field("environment", "is of iOS devices only"));
    }
    Ok(())
}

/// The token that the app says is replaced is good no more.
async fn drop_replaced(
    tx: &Tx,
    replaces: &[u8; 32],
    device: &Device,
    change: &mut Change,
    now: Time,
) -> Result<()> {
    let old = store::tokens::by_fingerprint(tx, device.workspace, device.app, replaces).await?;
    let is_settled = |old: &Token| change.tokens.iter().any(|token| token.id == old.id);
    let old = old.filter(|old| old.device == device.key && old.is_good() && !is_settled(old));
    if let Some(mut old) = old {
        old.invalid = Some((now, "REPLACED".to_owned()));
        change.tokens.push(old);
    }
    Ok(())
}

/// The activity must be held: what is marked after this look finds the shards that were made by it.
async fn newest_marked(tx: &Tx, key: ActivityKey, run: Run) -> Result<i64> {
    let activity = store::activities::by_key(&tx.glance(), key).await?;
    let marked = activity.map_or(0, |activity| activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(tx, key, run, marked).await?;
    Ok(newest.map_or(0, |revision| revision.number))
}

async fn revoke_within(
    tx: &Tx,
    workspace: WorkspaceId,
    (device_id, fingerprints): (&str, &[[u8; 32]; 2]),
    now: Time,
) -> Result<()> {
    take_turns(tx, *fingerprints).await?;
    let device = super::devices::existing(tx, workspace, device_id).await?;
    let (glance, mut token) = (tx.glance(), None);
    for fingerprint in fingerprints {
        let found =
            store::tokens::by_fingerprint(&glance, workspace, device.app, fingerprint).await?;
        token = token.or(found.filter(|token| token.device == device.key));
    }
    let token = token.ok_or_else(|| Error::not_found("token", "of this device"))?;
    let mut change = Change::default();
    let open = store::subscriptions::open_of_device(tx, device.key).await?;
    for (mut subscription, shard) in store::subscriptions::with_shards(tx, open).await? {
        if subscription.card.token == Some(token.id) && subscription.state == State::Active {
            subscription.touch(&shard, now);
            subscription.turn(State::Invalidated, Some(Why::TokenRevoked), Cause::Device);
            let kind = EventKind::SubscriptionInvalidated;
            change.events.push(Event::of(&subscription, kind, now));
            change.due.push((shard.id, now));
            change.subscriptions.push(subscription);
        }
    }
    if token.kind.is_fcm() {
        let reason = (Why::TokenRevoked, Cause::Device);
        let change = &mut change;
        of_device::go_without(tx, device.key, &token, reason, (change, now)).await?;
    }
    for mut token in store::tokens::get_many(tx, &[token.id]).await? {
        token.invalid = token.invalid.or_else(|| Some((now, "REVOKED".to_owned())));
        change.tokens.push(token);
    }
    store::apply(tx, change).await
}
