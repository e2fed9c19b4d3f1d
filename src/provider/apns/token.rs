//! Provider tokens: what proves to Apple that a push is ours.
//! <https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns>
//!
//! May import `clock` and the provider's `Credential`. One token per key is alive in the process, whoever asks; it is
//! replaced after [`REPLACE_AFTER`], and never twice within [`MINT_EVERY`], for Apple punishes that for the whole team.
//! Neither key nor token is ever printed.

use crate::clock::{Clock, Time};
use crate::provider::Credential;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Apple refuses a token that is older than an hour.
const REPLACE_AFTER: Duration = Duration::from_mins(50);

/// Apple refuses tokens that are replaced more often.
const MINT_EVERY: Duration = Duration::from_mins(20);

/// A signer that was not asked for so long is forgotten; its token is too old for Apple by then.
const FORGET_AFTER: Duration = Duration::from_hours(2);

const _: () = assert!(MINT_EVERY.as_secs() < REPLACE_AFTER.as_secs());
const _: () = assert!(REPLACE_AFTER.as_secs() < FORGET_AFTER.as_secs());

/// Which key signs. The text of the key counts too: who uploads another text under the same ids gets a signer of their
/// own, and disturbs nobody.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct SignerId {
    team_id: String,
    key_id: String,
    key_digest: [u8; 32],
}

/// Every signer of the process.
pub(super) struct Signers {
    clock: Clock,
    signers: Mutex<HashMap<SignerId, Arc<Signer>>>,
}

/// Signs for one key.
pub(super) struct Signer {
    key: EcdsaKeyPair,
    team_id: String,
    key_id: String,
    minted: Mutex<Option<Minted>>,
}

#[derive(Clone)]
struct Minted {
    authorization: HeaderValue,
    at: Time,
}

/// Says whether a text is a `.p8` key that can sign, and if not, why.
pub fn validate_key(key_p8: &str) -> Result<(), &'static str> {
    read_key(&SecretString::from(key_p8)).map(|_| ())
}

fn read_key(key_p8: &SecretString) -> Result<EcdsaKeyPair, &'static str> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(key_p8.expose_secret().as_bytes()).map_err(
        |_| "is not the text of a .p8 file, which begins with -----BEGIN PRIVATE KEY-----",
    )?;
    let random = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &random)
        .map_err(|_| "holds no P-256 key with its public part, as Apple's .p8 files do")
}

impl SignerId {
    pub(super) fn of(credential: &Credential) -> Self {
        let text = credential.key_p8.expose_secret().as_bytes();
        let mut key_digest = [0; 32];
        key_digest.copy_from_slice(digest(&SHA256, text).as_ref());
        let Credential { team_id, key_id, .. } = credential;
        SignerId { team_id: team_id.clone(), key_id: key_id.clone(), key_digest }
    }
}

impl Signers {
    pub(super) fn new(clock: Clock) -> Self {
        Signers { clock, signers: Mutex::default() }
    }

    /// The signer of a credential; an error where its key cannot be read.
    pub(super) fn signer(&self, credential: &Credential) -> Result<Arc<Signer>, &'static str> {
        let id = SignerId::of(credential);
        let now = self.clock.now();
        let mut signers = self.signers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = signers.get(&id) {
            return Ok(signer.clone());
        }
        let signer = Arc::new(Signer {
            key: read_key(&credential.key_p8)?,
            team_id: id.team_id.clone(),
            key_id: id.key_id.clone(),
            minted: Mutex::new(None),
        });
        signers.retain(|_, signer| signer.age(now).is_none_or(|age| age < FORGET_AFTER));
        signers.insert(id, signer.clone());
        Ok(signer)
    }
}

impl Signer {
    /// The header of a push. Whoever comes while a token is signed waits for that very token.
    pub(super) fn authorization(&self, now: Time) -> Result<HeaderValue, &'static str> {
        self.fresh(now, REPLACE_AFTER)
    }

    /// Apple called the token expired: replaces it, unless it was minted so lately that Apple would not take another.
    pub(super) fn replace(&self, now: Time) {
        // A failure to sign shows again, with its reason, when the next push asks for the header.
        let _ = self.fresh(now, MINT_EVERY);
    }

    fn fresh(&self, now: Time, age_max: Duration) -> Result<HeaderValue, &'static str> {
        let mut minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = &*minted
            && now.since(token.at) < age_max
        {
            return Ok(token.authorization.clone());
        }
        let authorization = self.mint(now)?;
        *minted = Some(Minted { authorization: authorization.clone(), at: now });
        Ok(authorization)
    }

    fn mint(&self, now: Time) -> Result<HeaderValue, &'static str> {
        let header = serde_json::json!({ "alg": "ES256", "kid": self.key_id }).to_string();
        let claims = serde_json::json!({ "iss": self.team_id, "iat": now.seconds() }).to_string();
        let (header, claims) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| "the system gives no random numbers")?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let mut value = HeaderValue::from_str(&format!("bearer {signed}.{signature}"))
            .map_err(|_| "the token is no header")?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn age(&self, now: Time) -> Option<Duration> {
        let minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        minted.as_ref().map(|token| now.since(token.at))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
