//! Sealing and fingerprints.

/// A sealed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Which master key sealed it.
    pub key_id: String,
    /// Header, nonce and ciphertext.
    pub bytes: Vec<u8>,
}
