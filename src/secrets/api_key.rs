//! The text of an API key: `tdg_<live|test>_<secret|publishable>_<id>_<random>`.
//!
//! Imports nothing of the crate but its parent. The database keeps the hash alone; the random part that we make has 256
//! bits, so a plain SHA-256 needs no salt and no stretching. Operators may bring a key of their own, with any id and at
//! least 128 bits.

use super::{SecretError, random};
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::ops::RangeInclusive;
use uuid::Uuid;

/// No `_`, which separates the parts, and nothing that ends a double-clicked selection.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 62^43 is just above 2^256.
const RANDOM_LETTERS: usize = 43;

/// Letters of a random part that somebody else made: 128 bits at least.
const RANDOM_LETTERS_TAKEN: RangeInclusive<usize> = 22..=128;
/// Letters of an id that somebody else made.
const ID_LETTERS_TAKEN: RangeInclusive<usize> = 1..=64;

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
    id_text: String,
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
        Ok(Self { mode, kind, id, id_text: id.simple().to_string(), random: letters.into() })
    }

    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.splitn(5, '_');
        let mut next = || parts.next().ok_or(MalformedKey);
        let (prefix, mode, kind, id, random) = (next()?, next()?, next()?, next()?, next()?);
        let letters = |text: &str, others: &[u8]| {
            text.bytes().all(|byte| ALPHABET.contains(&byte) || others.contains(&byte))
        };
        let whole = RANDOM_LETTERS_TAKEN.contains(&random.len()) && letters(random, b"-_");
        let simple = ID_LETTERS_TAKEN.contains(&id.len()) && letters(id, b"-");
        if !(prefix == "tdg" && whole && simple) {
            return Err(MalformedKey);
        }
        let mode = KeyMode::ALL.into_iter().find(|known| known.word() == mode);
        let kind = KeyKind::ALL.into_iter().find(|known| known.word() == kind);
        Ok(Self {
            mode: mode.ok_or(MalformedKey)?,
            kind: kind.ok_or(MalformedKey)?,
            id: row_id(id),
            id_text: id.to_owned(),
            random: random.into(),
        })
    }

    /// The text, to be shown once.
    pub fn text(&self) -> SecretString {
        let random = self.random.expose_secret();
        format!("tdg_{}_{}_{}_{random}", self.mode, self.kind, self.id_text).into()
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

/// An id that we made is the row's; one that an operator made stands for a row of its own.
fn row_id(text: &str) -> Uuid {
    let ours = Uuid::try_parse(text).ok().filter(|id| id.simple().to_string() == text);
    ours.unwrap_or_else(|| Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()))
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
        let cut = &good[..good.len() - 22];
        let upper = good.to_uppercase();
        for bad in [
            "",
            "_",
            "____",
            "tdg_live_secret",
            "Bearer x",
            cut,
            &upper,
            &format!("{good}{good}{good}"),
            &format!(" {good}"),
            &good.replace("live", "prod"),
            &good.replace("secret", "admin"),
            &good.replace("tdg", "sk"),
            &good.replacen("secret_", "secret__", 1),
            &good.replacen("secret_", "secret_.", 1),
            &format!("{}ü", &good[..good.len() - 2]),
        ] {
            assert_eq!(ApiKey::parse(bad).err(), Some(MalformedKey), "{bad}");
        }
    }

    #[test]
    fn an_operator_may_bring_a_key_of_another_shape() {
        let text = "tdg_test_secret_ci-1_0123456789-abcdefghij_KLMNOP";
        let key = ApiKey::parse(text).expect("a good key");
        assert_eq!(key.text().expose_secret(), text);
        assert_eq!(ApiKey::parse(text).expect("a good key").id, key.id);
        let other = ApiKey::parse(&text.replace("ci-1", "ci-2")).expect("a good key");
        assert_ne!(other.id, key.id);
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
