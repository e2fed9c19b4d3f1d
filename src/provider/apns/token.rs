//! Provider tokens: what proves to Apple that a push is ours.
//! <https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns>
//!
//! May import `clock`, the rules of provider tokens and the provider's `Credential`. Signing is all that is done here:
//! when a token is signed, and who else uses it, is for those to say who share the database. Neither key nor token is
//! ever printed.

use crate::clock::Time;
use crate::domain::provider_token::SignerId;
use crate::provider::Credential;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use ring::digest::{Context, SHA256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signs for one key.
pub struct Signer {
    key: EcdsaKeyPair,
    team_id: String,
    key_id: String,
}

/// A provider token on its way into requests.
#[derive(Debug)]
pub struct ProviderToken {
    header: HeaderValue,
    minted_at: Time,
    refused: AtomicBool,
}

/// Says whether a text is a `.p8` key that can sign, and if not, why.
pub fn validate_key(key_p8: &str) -> Result<(), &'static str> {
    read_key(&SecretString::from(key_p8)).map(|_| ())
}

/// Which key that is. How its lines are broken does not count.
pub fn signer_id(credential: &Credential) -> SignerId {
    let mut context = Context::new(&SHA256);
    for word in credential.key_p8.expose_secret().split_ascii_whitespace() {
        context.update(word.as_bytes());
    }
    let mut key_digest = [0; 32];
    key_digest.copy_from_slice(context.finish().as_ref());
    let Credential { team_id, key_id, .. } = credential;
    SignerId { team_id: team_id.clone(), key_id: key_id.clone(), key_digest }
}

fn read_key(key_p8: &SecretString) -> Result<EcdsaKeyPair, &'static str> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(key_p8.expose_secret().as_bytes()).map_err(
        |_| "is not the text of a .p8 file, which begins with -----BEGIN PRIVATE KEY-----",
    )?;
    let random = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &random)
        .map_err(|_| "holds no P-256 key with its public part, as Apple's .p8 files do")
}

impl Signer {
    /// The signer of a credential; an error says why its key cannot be read.
    pub fn read(credential: &Credential) -> Result<Signer, &'static str> {
        let Credential { team_id, key_id, key_p8, .. } = credential;
        let key = read_key(key_p8)?;
        Ok(Signer { key, team_id: team_id.clone(), key_id: key_id.clone() })
    }

    /// Signs a token. Apple punishes the whole team where that is done too often.
    pub fn sign(&self, now: Time) -> Result<SecretString, &'static str> {
        let header = serde_json::json!({ "alg": "ES256", "kid": self.key_id }).to_string();
        let claims = serde_json::json!({ "iss": self.team_id, "iat": now.seconds() }).to_string();
        let (header, claims) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| "the system gives no random numbers")?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(SecretString::from(format!("{signed}.{signature}")))
    }
}

impl ProviderToken {
    /// A token that was signed then.
    pub fn new(token: &SecretString, minted_at: Time) -> Result<ProviderToken, &'static str> {
        let mut header = HeaderValue::from_str(&format!("bearer {}", token.expose_secret()))
            .map_err(|_| "the token is no header")?;
        header.set_sensitive(true);
        Ok(ProviderToken { header, minted_at, refused: AtomicBool::new(false) })
    }

    /// When it was signed.
    pub fn minted_at(&self) -> Time {
        self.minted_at
    }

    /// Apple has called it expired although it is not young any more.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
