//! What stood in the way of starts is gone: a new version of the system, or a permission. What waits for it is revived
//! by the tokens that the device has.

use super::push_to_start;
use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::device::Device;
use crate::domain::subscription::{Cause, Reason, State};
use crate::domain::token::{Token, TokenKind};
use crate::error::Result;
use crate::store::{self, Tx};
use std::collections::HashMap;

/// Revives what could not be started on the device as it was before, and can be now. What still lacks a token says so.
pub(in crate::service) async fn permitted(
    tx: &Tx,
    before: &Device,
    device: &Device,
    change: &mut Change,
    now: Time,
) -> Result<()> {
    let Some(obstacle) = before.obstacle().filter(|_| device.obstacle().is_none()) else {
        return Ok(());
    };
    let mut newest: HashMap<String, Token> = HashMap::new();
    for token in store::tokens::of_device(tx, device.key).await? {
        if token.kind == TokenKind::PushToStart && token.is_good() {
            newest.insert(token.activity_type.clone(), token);
        }
    }
    for token in newest.values() {
        push_to_start::rearm(tx, token, change, now).await?;
    }
    let open = store::subscriptions::open_of_device(tx, device.key).await?;
    for (mut row, shard) in store::subscriptions::with_shards(tx, open).await? {
        let revived = change.subscriptions.iter().any(|revived| revived.id == row.id);
        let waited = row.state == State::Unreachable && !row.place.route.shares_token();
        if waited && !revived && row.reason == Some(Reason::Obstacle(obstacle)) {
            row.touch(&shard, now);
            let reason = Reason::Obstacle(device.obstacle_without_token());
            row.turn(State::Unreachable, Some(reason), Cause::Device);
            change.subscriptions.push(row);
        }
    }
    Ok(())
}
