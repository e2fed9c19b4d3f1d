//! Tokens that belong to a whole device, not to one activity.

use super::{Registration, Taken};
use crate::domain::change::Change;
use crate::domain::register::TokenResult;
use crate::error::Result;
use crate::store::{self, Tx};

/// Takes the token; an older one of its kind is good no more.
pub(super) async fn register(
    tx: &Tx,
    registration: Registration,
    change: &mut Change,
) -> Result<Taken> {
    let Registration { device, token, known, now, .. } = registration;
    let is_known = known.is_some_and(|known| known.is_good() && known.device == device.key);
    let mut result = if is_known { TokenResult::Refreshed } else { TokenResult::Registered };
    for mut old in store::tokens::of_device(tx, device.key).await? {
        let superseded = old.kind == token.kind
            && old.id != token.id
            && old.is_good()
            && old.token_time <= token.token_time;
        if superseded {
            old.invalid = Some((now, "REPLACED".to_owned()));
            change.tokens.push(old);
            result = TokenResult::Rotated;
        }
    }
    change.tokens.push(token);
    Ok(Taken { result, subscription: None })
}
