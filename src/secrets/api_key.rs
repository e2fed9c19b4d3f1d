//! The text of an API key: `tdg_<live|test>_<secret|publishable>_<id>_<random>`.
//!
//! Imports nothing of the crate but its parent. The database keeps the hash alone; the random part has 256 bits, so a
//! plain SHA-256 needs no salt and no stretching.

use super::{SecretError, random};
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use uuid::Uuid;

/// No `_`, which separates the parts, and nothing that ends a double-clicked selection.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 62^43 is just above 2^256.
const RANDOM_LETTERS: usize = 43;

/// Bytes from here on would make the first letters of the alphabet more likely.
const FAIR_BYTES: u8 = 248;
const _: () = assert!((FAIR_BYTES as usize).is_multiple_of(ALPHABET.len()));

/// A key of a backend or of an app.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// For real or for trying things out.
    pub mode: KeyMode,
    /// Who holds it.
    pub kind: KeyKind,
    /// Finds the key in the database.
    pub id: Uuid,
    random: SecretString,
}

/// For real or for trying things out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// For real.
    Live,
    /// For trying things out.
    Test,
}

/// Who holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A backend. Must be kept secret.
    Secret,
    /// An app on a phone, and so everybody.
    Publishable,
}

/// The text is not an API key. Says nothing of the text, which may be a secret of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key of the form tdg_<live|test>_<secret|publishable>_<id>_<random>")]
pub struct MalformedKey;

impl ApiKey {
    /// A new key with that id.
    pub fn generate(mode: KeyMode, kind: KeyKind, id: Uuid) -> Result<Self, SecretError> {
        let mut letters = String::with_capacity(RANDOM_LETTERS);
        while letters.len() < RANDOM_LETTERS {
            let bytes: [u8; RANDOM_LETTERS] = random()?;
            let fair = bytes.into_iter().filter(|byte| *byte < FAIR_BYTES);
            let drawn = fair.filter_map(|byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()));
            letters
                .extend(drawn.take(RANDOM_LETTERS - letters.len()).map(|&byte| char::from(byte)));
        }
        Ok(Self { mode, kind, id, random: letters.into() })
    }

    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.split('_');
        let mut next = || parts.next().ok_or(MalformedKey);
        let (prefix, mode, kind, id, random) = (next()?, next()?, next()?, next()?, next()?);
        let known = prefix == "tdg" && parts.next().is_none();
        let whole =
            random.len() == RANDOM_LETTERS && random.bytes().all(|byte| ALPHABET.contains(&byte));
        let simple =
            id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !(known && whole && simple) {
            return Err(MalformedKey);
        }
        let mode = KeyMode::ALL.into_iter().find(|known| known.word() == mode);
        let kind = KeyKind::ALL.into_iter().find(|known| known.word() == kind);
        Ok(Self {
            mode: mode.ok_or(MalformedKey)?,
            kind: kind.ok_or(MalformedKey)?,
            id: Uuid::try_parse(id).map_err(|_| MalformedKey)?,
            random: random.into(),
        })
    }

    /// The text, to be shown once.
    pub fn text(&self) -> SecretString {
        let random = self.random.expose_secret();
        format!("tdg_{}_{}_{}_{random}", self.mode, self.kind, self.id.simple()).into()
    }

    /// What the database keeps: SHA-256 of the text.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        let text = self.text();
        hash.copy_from_slice(
            digest::digest(&digest::SHA256, text.expose_secret().as_bytes()).as_ref(),
        );
        hash
    }

    /// Whether this is the key with that hash; takes as long for a near miss as for any other.
    pub fn matches(&self, hash: &[u8]) -> bool {
        // `ring` compares in constant time only where it verifies: both sides go through the same keyed hash.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"tidings api key");
        hmac::verify(&key, &self.hash(), hmac::sign(&key, hash).as_ref()).is_ok()
    }
}

impl KeyMode {
    const ALL: [KeyMode; 2] = [KeyMode::Live, KeyMode::Test];

    fn word(self) -> &'static str {
        match self {
            KeyMode::Live => "live",
            KeyMode::Test => "test",
        }
    }
}

impl KeyKind {
    const ALL: [KeyKind; 2] = [KeyKind::Secret, KeyKind::Publishable];

    fn word(self) -> &'static str {
        match self {
            KeyKind::Secret => "secret",
            KeyKind::Publishable => "publishable",
        }
    }
}

impl fmt::Display for KeyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::generate(KeyMode::Live, KeyKind::Secret, Uuid::now_v7()).expect("random bytes")
    }

    #[test]
    fn every_kind_of_key_is_read_back() {
        for mode in KeyMode::ALL {
            for kind in KeyKind::ALL {
                let key = ApiKey::generate(mode, kind, Uuid::now_v7()).expect("random bytes");
                let read = ApiKey::parse(key.text().expose_secret()).expect("a good key");
                assert_eq!((read.mode, read.kind, read.id), (mode, kind, key.id));
                assert!(read.matches(&key.hash()));
            }
        }
    }

    #[test]
    fn a_key_has_five_parts_and_no_other_underscore() {
        for _ in 0..100 {
            let text = key().text();
            assert_eq!(text.expose_secret().split('_').count(), 5);
            assert!(text.expose_secret().starts_with("tdg_live_secret_"));
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let text = key().text();
        let good = text.expose_secret();
        let cut = &good[..good.len() - 1];
        let upper = good.to_uppercase();
        for bad in [
            "",
            "_",
            "____",
            "tdg_live_secret",
            "Bearer x",
            cut,
            &upper,
            &format!("{good}_"),
            &format!("{good}x"),
            &format!(" {good}"),
            &good.replace("live", "prod"),
            &good.replace("secret", "admin"),
            &good.replace("tdg", "sk"),
            &good.replacen("secret_", "secret_-", 1),
            &format!("{}ü", &good[..good.len() - 2]),
        ] {
            assert_eq!(ApiKey::parse(bad).err(), Some(MalformedKey), "{bad}");
        }
    }

    #[test]
    fn a_key_matches_its_own_hash_alone() {
        let (one, other) = (key(), key());
        assert!(one.matches(&one.hash()));
        assert!(!one.matches(&other.hash()));
        assert!(!one.matches(&one.hash()[..31]));
        assert!(!one.matches(&[]));
        let publishable = ApiKey { kind: KeyKind::Publishable, ..one.clone() };
        assert!(!publishable.matches(&one.hash()));
    }

    #[test]
    fn every_letter_is_drawn() {
        let mut seen = [false; 128];
        for _ in 0..200 {
            for byte in key().random.expose_secret().bytes() {
                seen[usize::from(byte)] = true;
            }
        }
        assert!(ALPHABET.iter().all(|&byte| seen[usize::from(byte)]));
    }

    #[test]
    fn debug_prints_nothing_of_the_random_part() {
        let key = key();
        assert!(!format!("{key:?}").contains(key.random.expose_secret()));
    }
}
