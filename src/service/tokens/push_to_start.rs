//! Push-to-start tokens: what waits for a way to be started is revived by one.

use super::{Registration, Taken, newest_marked};
use crate::clock::Time;
use crate::domain::activity::{Activity, State as ActivityState};
use crate::domain::change::Change;
use crate::domain::push::Environment;
use crate::domain::register::TokenResult;
use crate::domain::rooms::Rooms;
use crate::domain::shard::Place;
use crate::domain::subscription::{Cause, State, Subscription};
use crate::domain::token::{Token, TokenKind};
use crate::error::Result;
use crate::store::{self, Tx};

/// Revives what waits for a way to be started. A start that was begun is not reopened.
pub(super) async fn register(
    tx: &Tx,
    registration: Registration,
    change: &mut Change,
) -> Result<Taken> {
    let Registration { device, token, known, now, .. } = registration;
    let same = |known: &Token| {
        known.is_good() && known.device == device.key && known.activity_type == token.activity_type
    };
    let result = if known.as_ref().is_some_and(same) {
        TokenResult::Refreshed
    } else {
        TokenResult::Registered
    };
    if result == TokenResult::Registered && device.obstacle().is_none() {
        rearm(tx, &token, change, now).await?;
    }
    for mut old in store::tokens::of_device(tx, device.key).await? {
        let superseded = old.kind == TokenKind::PushToStart
            && old.activity_type == token.activity_type
            && old.id != token.id
            && old.is_good()
            && old.token_time <= token.token_time;
        if superseded {
            old.invalid = Some((now, "REPLACED".to_owned()));
            change.tokens.push(old);
        }
    }
    change.tokens.push(token);
    Ok(Taken { result, subscription: None })
}

pub(super) async fn rearm(tx: &Tx, token: &Token, change: &mut Change, now: Time) -> Result<()> {
    let open = store::subscriptions::open_of_device(tx, token.device).await?;
    let keys: Vec<_> = open.iter().map(|subscription| subscription.place.activity).collect();
    // Before the shards: nothing is marked while new ones may be made.
    let activities = store::activities::by_keys(&tx.share(), &keys).await?;
    for (mut subscription, shard) in store::subscriptions::with_shards(tx, open).await? {
        let waits = match subscription.state {
            State::Unreachable => true,
            State::PendingStart => subscription.starts_begun == 0,
            _ => false,
        };
        let Place { activity, run, .. } = subscription.place;
        let fits = |a: &Activity| {
            a.key == activity
                && a.activity_type == token.activity_type
                && a.run == run
                && a.state == ActivityState::Active
        };
        let is_decided = change.subscriptions.iter().any(|row| row.id == subscription.id);
        if !waits || is_decided || !activities.iter().any(fits) {
            continue;
        }
        let exception = subscription.touch(&shard, now);
        (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
        subscription.asked_at = now;
        subscription.turn(State::PendingStart, None, Cause::Device);
        change.due.push((shard.id, now));
        if shard.place.environment == token.environment {
            change.subscriptions.push(subscription);
        } else {
            rehouse(tx, subscription, token.environment, change, now).await?;
        }
    }
    Ok(())
}

/// The token belongs to the other world, and so must its subscription's shard. The activity must be held.
pub(super) async fn rehouse(
    tx: &Tx,
    mut subscription: Subscription,
    environment: Environment,
    change: &mut Change,
    now: Time,
) -> Result<()> {
    let (key, run) = (subscription.place.activity, subscription.place.run);
    let wanted = newest_marked(tx, key, run).await?;
    subscription.place.environment = environment;
    let room = store::shards::with_room(tx, &subscription.place).await?;
    let mut rooms = Rooms::new(room.into_iter().collect());
    subscription.shard = rooms.take(subscription.workspace, subscription.place, wanted).id;
    change.shards.extend(rooms.into_due_shards(now));
    change.subscriptions.push(subscription);
    Ok(())
}
