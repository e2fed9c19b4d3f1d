//! What must not be read by whoever reads the database: sealing, fingerprints, API keys.
//!
//! A leaf: imports nothing of the crate but `error`. Everything sealed names the key that sealed it, so that keys can
//! be changed later. No type here prints what it holds, and nothing here panics on foreign input.

mod api_key;
mod fingerprint;
mod keyring;
mod master_key;

pub use api_key::{ApiKey, KeyKind, KeyMode, MalformedKey};
pub use fingerprint::Fingerprints;
pub use keyring::{Context, Keyring, Sealed};
pub use master_key::{MasterKey, MasterKeyError};

use crate::error::Violation;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::PathBuf;

/// The section `security`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file of the master key; beside the database if not given.
    pub master_key_file: Option<PathBuf>,
    /// A secret key that is installed into an empty database instead of a generated one.
    pub bootstrap_key: Option<SecretString>,
}

impl Config {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let bootstrap = self.bootstrap_key.as_ref().map(|key| ApiKey::parse(key.expose_secret()));
        if bootstrap.is_some_and(|key| !key.is_ok_and(|key| key.kind == KeyKind::Secret)) {
            violations.push(Violation {
                field: "bootstrap_key".to_owned(),
                description: "must be a secret key of the form tdg_live_secret_<id>_<random>, \
                              as `tidings keys generate` makes it"
                    .to_owned(),
            });
        }
        violations
    }
}

/// Why something was not sealed, opened or generated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// It was sealed with a key that is not here.
    #[error("it was sealed with the master key {key_id}, but the master key here is {present}")]
    UnknownKey {
        /// The key that sealed it.
        key_id: String,
        /// The key of this keyring.
        present: String,
    },
    /// It was sealed by a later version of the program.
    #[error("it was sealed in format {0}, which this version does not know")]
    UnknownFormat(u8),
    /// It is not what was sealed in this place: changed, cut, or moved from another row.
    #[error("it is damaged, or was sealed for another place")]
    Damaged,
}

/// Fills an array with bytes that nobody can guess.
fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_key_must_be_a_secret_key() {
        let config = |key: &str| Config { bootstrap_key: Some(key.into()), ..Config::default() };
        let id = uuid::Uuid::now_v7();
        let secret = ApiKey::generate(KeyMode::Live, KeyKind::Secret, id).expect("random bytes");
        let public = ApiKey::generate(KeyMode::Live, KeyKind::Publishable, id).expect("random");
        assert_eq!(config(secret.text().expose_secret()).validate(), []);
        assert_eq!(config(public.text().expose_secret()).validate().len(), 1);
        assert_eq!(config("hunter2").validate().len(), 1);
        assert!(!format!("{:?}", config("hunter2").validate()).contains("hunter2"));
    }
}
