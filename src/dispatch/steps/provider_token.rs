//! Signs a provider token for all who share the database, or takes the one that another has signed.

use crate::clock::Time;
use crate::domain::provider_token::{self, FORGET_AFTER, SealedToken, SignerId};
use crate::error::{Error, Result};
use crate::provider::apns::{ProviderToken, Signer};
use crate::secrets::{Context, Keyring};
use crate::store::{self, Tx};
use secrecy::ExposeSecret;

/// Who signs, and for what reason.
#[derive(Debug)]
pub struct WantedToken {
    /// Which key that is.
    pub id: SignerId,
    /// Its signer.
    pub signer: Signer,
    /// When the token was signed that Apple has called expired.
    pub refused: Option<Time>,
}

/// The token of a key: the one that is kept, as long as it may be used. Only one transaction signs for a key at a time.
pub async fn provider_token(
    tx: &Tx,
    keyring: &Keyring,
    wanted: &WantedToken,
    now: Time,
) -> Result<ProviderToken> {
    let kept = store::provider_tokens::hold(tx, &wanted.id).await?;
    let row = wanted.id.row();
    let context = Context::provider_token(&row);
    if let Some(kept) = kept
        && provider_token::is_good(kept.minted_at, wanted.refused, now)
    {
        let token = keyring.open_text(&kept.sealed, context).map_err(Error::internal)?;
        return ProviderToken::new(&token, kept.minted_at).map_err(Error::internal);
    }
    let token = wanted.signer.sign(now).map_err(Error::internal)?;
    let sealed = keyring.seal(token.expose_secret().as_bytes(), context);
    let sealed = sealed.map_err(Error::internal)?;
    let signer = wanted.id.clone();
    store::provider_tokens::save(tx, SealedToken { signer, sealed, minted_at: now }).await?;
    tracing::info!(key_id = wanted.id.key_id, "a provider token was signed");
    ProviderToken::new(&token, now).map_err(Error::internal)
}

/// Forgets tokens that nobody uses any more, and says how many.
pub async fn forget_provider_tokens(tx: &Tx, now: Time) -> Result<u64> {
    store::provider_tokens::forget(tx, now - FORGET_AFTER).await
}
