//! Finds a secret again without keeping it: a keyed hash of its bytes.
//!
//! Imports nothing of the crate but its parent. The key is made once per database, sealed there by the master key and
//! unchanged by its rotation: other fingerprints would lose every token.

use super::{SecretError, random};
use ring::hmac;
use secrecy::{ExposeSecret, SecretSlice};
use std::fmt;

const KEY_BYTES: usize = 32;

/// Makes fingerprints.
#[derive(Clone)]
pub struct Fingerprints(hmac::Key);

impl Fingerprints {
    /// A key for a new database, to be sealed there.
    pub fn generate_key() -> Result<SecretSlice<u8>, SecretError> {
        Ok(SecretSlice::from(random::<KEY_BYTES>()?.to_vec()))
    }

    /// With the key of this database.
    pub fn new(key: &SecretSlice<u8>) -> Result<Self, SecretError> {
        let key = key.expose_secret();
        if key.len() != KEY_BYTES {
            return Err(SecretError::Damaged);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// The fingerprint of something.
    pub fn fingerprint(&self, bytes: &[u8]) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hmac::sign(&self.0, bytes).as_ref());
        fingerprint
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprints([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_the_bytes_and_on_the_key() {
        let key = Fingerprints::generate_key().expect("random bytes");
        let [one, same] = [&key, &key].map(|key| Fingerprints::new(key).expect("a good key"));
        let other = Fingerprints::new(&Fingerprints::generate_key().expect("random bytes"));
        assert_eq!(one.fingerprint(b"token"), same.fingerprint(b"token"));
        assert_ne!(one.fingerprint(b"token"), one.fingerprint(b"tokem"));
        assert_ne!(one.fingerprint(b"token"), other.expect("a good key").fingerprint(b"token"));
    }

    #[test]
    fn a_fingerprint_is_hmac_sha256() {
        // https://www.rfc-editor.org/rfc/rfc4231#section-4.2 pads its key of 20 bytes with zeros, as HMAC does.
        let mut key = vec![0x0b; 20];
        key.resize(KEY_BYTES, 0);
        let fingerprints = Fingerprints::new(&SecretSlice::from(key)).expect("a good key");
        let fingerprint = fingerprints.fingerprint(b"Hi There");
        assert_eq!(fingerprint[..4], [0xb0, 0x34, 0x4c, 0x61]);
        assert_eq!(fingerprint[28..], [0x2e, 0x32, 0xcf, 0xf7]);
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let short = SecretSlice::from(vec![1; 31]);
        assert_eq!(Fingerprints::new(&short).err(), Some(SecretError::Damaged));
    }
}
