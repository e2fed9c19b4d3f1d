//! What follows the death of a token that serves all of a device: a transaction of its own, for it concerns shards of
//! other activities. Where a crash comes between, the next claim of each finds that there is no token.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::device_token;
use crate::domain::ids::TokenId;
use crate::domain::subscription::{Cause, Reason};
use crate::error::Result;
use crate::store::{self, Tx};

/// The devices of these tokens go on by another one, or all that they follow waits for one. A token that was found good
/// after all is left alone.
pub async fn lose_tokens(tx: &Tx, dead: &[TokenId], now: Time) -> Result<()> {
    // Tokens are held after shards, and these are only looked at.
    let glance = tx.glance();
    for token in store::tokens::get_many(&glance, dead).await? {
        let Some((_, word)) = token.invalid else { continue };
        let others = store::tokens::of_device(&glance, token.device).await?;
        let goes_on = others.iter().any(|other| other.kind.is_fcm() && other.is_good());
        let open = store::subscriptions::open_of_device(tx, token.device).await?;
        let open = store::subscriptions::with_shards(tx, open).await?;
        let mut change = Change::default();
        let reason = (Reason::TokenDead(word), Cause::Provider);
        device_token::lose_all(open, goes_on, &reason, (&mut change, now));
        store::apply(tx, change).await?;
    }
    Ok(())
}
