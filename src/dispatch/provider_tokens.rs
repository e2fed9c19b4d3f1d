//! The provider tokens of this process: each is the one that all use who share the database, kept here so that a
//! fan-out does not ask for it with every batch.

use super::{Dispatcher, steps};
use crate::domain::provider_token::{self, SignerId};
use crate::domain::reasons::INVALID_KEY;
use crate::error::Result;
use crate::provider::Credential;
use crate::provider::apns::{ProviderToken, Signer, signer_id};
use crate::store::{self, Lane};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are kept.
const TOKENS_MAX: usize = 10_000;

/// Provider tokens by key.
#[derive(Debug, Default)]
pub(super) struct ProviderTokens {
    tokens: Mutex<HashMap<SignerId, Arc<ProviderToken>>>,
}

/// A provider token, or the reason why there can be none.
pub(super) type Token = std::result::Result<Arc<ProviderToken>, &'static str>;

impl Dispatcher {
    /// What proves to Apple that pushes of the key are ours. Where that is due a new one is signed, for all.
    pub(super) async fn provider_token(&self, credential: &Credential) -> Result<Token> {
        let id = signer_id(credential);
        let now = self.shared.clock.now();
        let kept = self.provider_tokens().get(&id).cloned();
        let refused = kept.as_ref().filter(|token| token.is_refused());
        let refused = refused.map(|token| token.minted_at());
        if let Some(token) = kept
            && provider_token::is_good(token.minted_at(), refused, now)
        {
            return Ok(Ok(token));
        }
        let signer = match Signer::read(credential) {
            Ok(signer) => signer,
            Err(cause) => {
                tracing::warn!(credential = %credential.id, cause, "a key cannot sign");
                return Ok(Err(INVALID_KEY));
            }
        };
        let token = self.shared_token(steps::WantedToken { id: id.clone(), signer, refused });
        let token = Arc::new(token.await?);
        let mut tokens = self.provider_tokens();
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(id, Arc::clone(&token));
        Ok(Ok(token))
    }

    async fn shared_token(&self, wanted: steps::WantedToken) -> Result<ProviderToken> {
        let wanted = Arc::new(wanted);
        let (keyring, clock) = (Arc::clone(&self.shared.keyring), self.shared.clock.clone());
        let write = self.shared.store.write(Lane::Settle, move |tx| {
            let (keyring, clock) = (Arc::clone(&keyring), clock.clone());
            let wanted = Arc::clone(&wanted);
            Box::pin(async move {
                let now = store::clock::now(tx, &clock).await?;
                steps::provider_token(tx, &keyring, &wanted, now).await
            })
        });
        write.await
    }

    fn provider_tokens(&self) -> MutexGuard<'_, HashMap<SignerId, Arc<ProviderToken>>> {
        self.shared.provider_tokens.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
