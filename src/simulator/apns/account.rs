//! The developer account: its team, its keys, its bundle ids, and what a provider token must look like.
//! <https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns>
//!
//! May import `clock` and `apns::reason`. A token is judged by the simulator's clock, never by the machine's.

use super::reason::Refusal;
use crate::clock::Time;
use crate::proto::simulator_v1::{Credential, World};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use uuid::Uuid;

/// How far `iat` may be from now.
const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// How many keys an account may have.
const KEYS_MAX: usize = 100;
/// How many bundle ids an account may have.
const BUNDLES_MAX: usize = 10_000;
/// How many tokens of a key are remembered: as many as may be good at a time, and some more.
const TOKENS_KEPT: usize = 8;
/// A provider token is about 200 bytes; nothing sensible is longer.
const TOKEN_BYTES_MAX: usize = 4_096;

/// A team with its keys and bundle ids.
pub(crate) struct Account {
    team_id: String,
    keys: BTreeMap<String, Key>,
    bundles: BTreeSet<String>,
}

struct Key {
    public: Vec<u8>,
    revoked: bool,
    /// The only world that it is good for.
    world: Option<World>,
    /// Its newest tokens, each with when it was first used.
    tokens: VecDeque<(String, Time)>,
}

/// Whose provider tokens may not change often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderTokenScope {
    /// Those of one connection, as Apple's page says.
    Connection,
    /// Those of one key, on whatever connection, as some have met it.
    Key,
}

/// A provider token that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderToken {
    /// When it came.
    pub(crate) seen_at: Time,
    /// Who signed.
    pub(crate) key_id: String,
    /// When it says that it was made.
    pub(crate) issued_at: Time,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
}

impl Account {
    /// A team without keys.
    pub(crate) fn new(bundles: impl IntoIterator<Item = String>) -> Self {
        let bundles = bundles.into_iter().collect();
        Self { team_id: apple_id(), keys: BTreeMap::new(), bundles }
    }

    /// Makes a key, keeps its public half and gives away the private one.
    pub(crate) fn create_key(&mut self, world: Option<World>) -> anyhow::Result<Credential> {
        anyhow::ensure!(self.keys.len() < KEYS_MAX, "the account has {KEYS_MAX} keys already");
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let key_id = apple_id();
        let key = Key {
            public: pair.der_bytes().to_vec(),
            revoked: false,
            world,
            tokens: VecDeque::new(),
        };
        self.keys.insert(key_id.clone(), key);
        Ok(Credential { key_p8: pair.serialize_pem(), key_id, team_id: self.team_id.clone() })
    }

    /// Refuses what this key signs from now on; false if there is none.
    pub(crate) fn revoke_key(&mut self, key_id: &str) -> bool {
        self.keys.get_mut(key_id).map(|key| key.revoked = true).is_some()
    }

    /// Allows the topics of a bundle id; false if there are too many.
    pub(crate) fn add_bundle(&mut self, bundle_id: &str) -> bool {
        if self.bundles.len() >= BUNDLES_MAX && !self.bundles.contains(bundle_id) {
            return false;
        }
        self.bundles.insert(bundle_id.to_owned());
        true
    }

    /// Whether this account may use the topics of a bundle id.
    pub(crate) fn allows(&self, bundle_id: &str) -> bool {
        self.bundles.contains(bundle_id)
    }

    /// Judges the header `authorization`.
    pub(crate) fn judge(&self, header: &str, now: Time) -> Result<ProviderToken, Refusal> {
        let invalid = || Refusal::new("InvalidProviderToken");
        let token = bearer(header).ok_or_else(invalid)?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(invalid());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(invalid)?;
        let (head, claims) = signed.split_once('.').ok_or_else(invalid)?;
        let head: Header = decode(head).ok_or_else(invalid)?;
        let claims: Claims = decode(claims).ok_or_else(invalid)?;
        let key = self.keys.get(&head.kid).filter(|key| !key.revoked).ok_or_else(invalid)?;
        if head.alg != "ES256" || claims.iss != self.team_id {
            return Err(invalid());
        }
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid())?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| invalid())?;
        let issued_at = Time::from_seconds(claims.iat);
        let token = ProviderToken { seen_at: now, key_id: head.kid, issued_at };
        self.still_good(&token, now).map(|()| token)
    }

    /// Refuses a key in the world that it is not made for. Apple's page has another spelling of the word than its wire.
    pub(crate) fn fits(&self, token: &ProviderToken, world: World) -> Result<(), Refusal> {
        let only = self.keys.get(&token.key_id).and_then(|key| key.world);
        if only.is_some_and(|only| only != world) {
            return Err(Refusal::new("BadEnvironmentKeyInToken"));
        }
        Ok(())
    }

    /// Judges once more a token whose signature was good before.
    pub(crate) fn still_good(&self, token: &ProviderToken, now: Time) -> Result<(), Refusal> {
        if self.keys.get(&token.key_id).is_none_or(|key| key.revoked) {
            return Err(Refusal::new("InvalidProviderToken"));
        }
        let apart = now.since(token.issued_at).max(token.issued_at.since(now));
        if apart > TOKEN_LIFE {
            return Err(Refusal::new("ExpiredProviderToken"));
        }
        Ok(())
    }
}

impl Account {
    /// Notes a token that was found good; false where its key had another new one within the interval.
    pub(crate) fn note(&mut self, token: &ProviderToken, header: &str, interval: Duration) -> bool {
        let Some(key) = self.keys.get_mut(&token.key_id) else { return false };
        let now = token.seen_at;
        if key.tokens.iter().any(|(known, _)| known == header) {
            return true;
        }
        if key.tokens.back().is_some_and(|(_, since)| now.since(*since) < interval) {
            return false;
        }
        if key.tokens.len() >= TOKENS_KEPT {
            key.tokens.pop_front();
        }
        key.tokens.push_back((header.to_owned(), now));
        true
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn decode<T: for<'a> Deserialize<'a>>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Ten capital letters and digits, as Apple's ids of teams and keys are.
fn apple_id() -> String {
    Uuid::new_v4().simple().to_string().to_uppercase().chars().take(10).collect()
}
