//! Seals secrets for one place in the database and opens them there alone.
//!
//! Imports nothing of the crate but its parent. What is sealed is bound to its table, column, workspace and row: moved
//! elsewhere it does not open. XChaCha20-Poly1305, whose nonces are long enough to be random.

use super::master_key::MasterKey;
use super::{SecretError, random};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{SecretSlice, SecretString};
use std::fmt;

/// The layout of sealed bytes: this byte, the nonce, the ciphertext with its tag.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;

/// The keys that seal and open.
pub struct Keyring {
    key_id: String,
    cipher: XChaCha20Poly1305,
}

/// The place in the database that something is sealed for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The workspace; empty for what belongs to none.
    pub workspace: &'a str,
    /// The row.
    pub row: &'a str,
}

/// Something sealed, as the database keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that sealed it.
    pub key_id: String,
    /// Format, nonce and ciphertext.
    pub bytes: Vec<u8>,
}

impl<'a> Context<'a> {
    /// The `.p8` key in a row of `credentials`.
    pub fn credential(workspace: &'a str, row: &'a str) -> Self {
        Context { table: "credentials", column: "sealed", workspace, row }
    }

    /// The value in a row of `tokens`.
    pub fn token(workspace: &'a str, row: &'a str) -> Self {
        Context { table: "tokens", column: "sealed", workspace, row }
    }

    /// The token in a row of `provider_tokens`, which serves every workspace that has the key.
    pub fn provider_token(row: &'a str) -> Self {
        Context { table: "provider_tokens", column: "sealed", workspace: "", row }
    }
}

impl Keyring {
    /// A keyring with one key.
    pub fn new(key: &MasterKey) -> Self {
        Self { key_id: key.id(), cipher: XChaCha20Poly1305::new(key.bytes().into()) }
    }

    /// The key that seals.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals something for one place.
    pub fn seal(&self, plaintext: &[u8], context: Context<'_>) -> Result<Sealed, SecretError> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let associated = self.associated_data(context);
        let payload = Payload { msg: plaintext, aad: &associated };
        let ciphertext = self.cipher.encrypt(XNonce::from_slice(&nonce), payload);
        // Only a message of more than 256 GiB is refused.
        let ciphertext = ciphertext.map_err(|_| SecretError::Damaged)?;
        let bytes = [&[FORMAT], nonce.as_slice(), &ciphertext].concat();
        Ok(Sealed { key_id: self.key_id.clone(), bytes })
    }

    /// Opens what was sealed for that place.
    pub fn open(
        &self,
        sealed: &Sealed,
        context: Context<'_>,
    ) -> Result<SecretSlice<u8>, SecretError> {
        self.decrypt(sealed, context).map(SecretSlice::from)
    }

    /// Opens text that was sealed for that place.
    pub fn open_text(
        &self,
        sealed: &Sealed,
        context: Context<'_>,
    ) -> Result<SecretString, SecretError> {
        let plaintext = self.decrypt(sealed, context)?;
        String::from_utf8(plaintext).map(SecretString::from).map_err(|_| SecretError::Damaged)
    }

    fn decrypt(&self, sealed: &Sealed, context: Context<'_>) -> Result<Vec<u8>, SecretError> {
        if sealed.key_id != self.key_id {
            let (key_id, present) = (sealed.key_id.clone(), self.key_id.clone());
            return Err(SecretError::UnknownKey { key_id, present });
        }
        let (format, rest) = sealed.bytes.split_first().ok_or(SecretError::Damaged)?;
        if *format != FORMAT {
            return Err(SecretError::UnknownFormat(*format));
        }
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_BYTES).ok_or(SecretError::Damaged)?;
        let associated = self.associated_data(context);
        let payload = Payload { msg: ciphertext, aad: &associated };
        let plaintext = self.cipher.decrypt(XNonce::from_slice(nonce), payload);
        plaintext.map_err(|_| SecretError::Damaged)
    }

    /// Each part with its length before it, so that no two places read alike.
    fn associated_data(&self, context: Context<'_>) -> Vec<u8> {
        let Context { table, column, workspace, row } = context;
        let mut data = vec![FORMAT];
        for part in [self.key_id.as_str(), table, column, workspace, row] {
            data.extend((part.len() as u64).to_be_bytes());
            data.extend(part.as_bytes());
        }
        data
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const PLACE: Context<'static> =
        Context { table: "tokens", column: "token", workspace: "ws_1", row: "tok_1" };

    fn keyring() -> Keyring {
        Keyring::new(&MasterKey::generate().expect("random bytes"))
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        let keyring = keyring();
        for text in ["", "a token", &"x".repeat(100_000)] {
            let sealed = keyring.seal(text.as_bytes(), PLACE).expect("sealed");
            assert_eq!(keyring.open_text(&sealed, PLACE).expect("opened").expose_secret(), text);
            let opened = keyring.open(&sealed, PLACE).expect("opened");
            assert_eq!(opened.expose_secret(), text.as_bytes());
        }
    }

    #[test]
    fn what_was_sealed_opens_in_no_other_place() {
        let keyring = keyring();
        let sealed = keyring.seal(b"a token", PLACE).expect("sealed");
        for other in [
            Context { table: "devices", ..PLACE },
            Context { column: "key", ..PLACE },
            Context { workspace: "ws_2", ..PLACE },
            Context { row: "tok_2", ..PLACE },
            // The same letters, cut elsewhere.
            Context { workspace: "ws_1t", row: "ok_1", ..PLACE },
        ] {
            assert_eq!(keyring.open(&sealed, other).err(), Some(SecretError::Damaged), "{other:?}");
        }
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let keyring = keyring();
        let sealed = keyring.seal(b"a token", PLACE).expect("sealed");
        for length in 0..sealed.bytes.len() {
            let cut = Sealed { bytes: sealed.bytes[..length].to_vec(), ..sealed.clone() };
            assert_eq!(keyring.open(&cut, PLACE).err(), Some(SecretError::Damaged));
        }
        for index in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[index] ^= 1;
            let error = keyring.open(&changed, PLACE).err();
            let expected =
                if index == 0 { SecretError::UnknownFormat(0) } else { SecretError::Damaged };
            assert_eq!(error, Some(expected), "byte {index}");
        }
    }

    #[test]
    fn a_key_that_is_not_here_is_named() {
        let (first, second) = (keyring(), keyring());
        let sealed = first.seal(b"a token", PLACE).expect("sealed");
        let error = second.open(&sealed, PLACE).expect_err("another key");
        assert!(error.to_string().contains(first.key_id()), "{error}");
        assert!(error.to_string().contains(second.key_id()), "{error}");
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let keyring = keyring();
        let one = keyring.seal(b"a token", PLACE).expect("sealed");
        let other = keyring.seal(b"a token", PLACE).expect("sealed");
        assert_ne!(one.bytes, other.bytes);
    }

    #[test]
    fn text_that_is_not_text_is_refused() {
        let keyring = keyring();
        let sealed = keyring.seal(&[0xff, 0xfe], PLACE).expect("sealed");
        assert_eq!(keyring.open_text(&sealed, PLACE).err(), Some(SecretError::Damaged));
    }

    #[test]
    fn debug_prints_no_bytes() {
        let sealed = Sealed { key_id: "k1".to_owned(), bytes: vec![123; 40] };
        assert!(!format!("{sealed:?}").contains("123"));
        assert!(!format!("{:?}", keyring()).contains("cipher"));
    }
}
