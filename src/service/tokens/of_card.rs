//! Tokens that update one card on an iPhone or iPad, and no other.

use super::{Registration, Taken, push_to_start, target};
use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::TokenId;
use crate::domain::register::{self, NewToken, TokenResult};
use crate::domain::subscription::{Cause, Reason as Why, State};
use crate::domain::token::Token;
use crate::error::Result;
use crate::store::{self, Tx};

/// Takes the token for the card that it is found to be of; the card that had it before has none now.
pub(super) async fn register(
    tx: &Tx,
    registration: Registration,
    change: &mut Change,
) -> Result<Taken> {
    let (mut subscription, shard) = target::find_subscription(tx, &registration, change).await?;
    let Registration { asked, device, mut token, known, now, .. } = registration;
    let moved = known.as_ref().filter(|known| known.subscription != Some(subscription.id));
    if let Some(known) = moved {
        leave_former(tx, known, change, now).await?;
    }
    let before = [subscription.card.token, subscription.second.as_ref().and_then(|s| s.token)];
    let is_repeat = known.as_ref().is_some_and(|k| k.is_good() && k.device == device.key);
    let new = NewToken {
        id: token.id,
        device_activity_id: asked.device_activity_id.as_deref(),
        token_time: token.token_time,
        app_started: asked.attributes.is_some() || asked.content.is_some(),
        is_repeat,
    };
    let (result, events) = register::take(&mut subscription, &shard, &new, now);
    change.events.extend(events);
    let after = [subscription.card.token, subscription.second.as_ref().and_then(|s| s.token)];
    drop_unused(tx, &before, &after, change, now).await?;
    if after.contains(&Some(token.id)) {
        token.subscription = Some(subscription.id);
        change.tokens.push(token.clone());
    }
    if matches!(result, TokenResult::CardEnded | TokenResult::Refreshed) {
        return Ok(Taken { result, subscription: Some(subscription) });
    }
    if subscription.card.token == Some(token.id) && shard.place.environment != token.environment {
        push_to_start::rehouse(tx, subscription.clone(), token.environment, change, now).await?;
    } else {
        change.due.push((shard.id, now));
        change.subscriptions.push(subscription.clone());
    }
    Ok(Taken { result, subscription: Some(subscription) })
}

/// The value served another subscription or another device before: a reinstall. That one has no token now.
async fn leave_former(tx: &Tx, known: &Token, change: &mut Change, now: Time) -> Result<()> {
    let Some(former) = known.subscription else { return Ok(()) };
    let former_rows = store::subscriptions::by_ids(tx, &[former]).await?;
    let former_rows = store::subscriptions::with_shards(tx, former_rows).await?;
    for (mut subscription, shard) in former_rows {
        if subscription.card.token == Some(known.id) && subscription.state == State::Active {
            subscription.touch(&shard, now);
            subscription.card.token = None;
            subscription.turn(State::Invalidated, Some(Why::TokenMoved), Cause::Device);
            let kind = EventKind::SubscriptionInvalidated;
            change.events.push(Event::of(&subscription, kind, now));
            change.subscriptions.push(subscription);
        }
    }
    Ok(())
}

async fn drop_unused(
    tx: &Tx,
    before: &[Option<TokenId>; 2],
    after: &[Option<TokenId>; 2],
    change: &mut Change,
    now: Time,
) -> Result<()> {
    let unused: Vec<TokenId> =
        before.iter().filter(|id| !after.contains(id)).copied().flatten().collect();
    if unused.is_empty() {
        return Ok(());
    }
    for mut token in store::tokens::get_many(tx, &unused).await? {
        token.invalid = token.invalid.or_else(|| Some((now, "REPLACED".to_owned())));
        change.tokens.push(token);
    }
    Ok(())
}
