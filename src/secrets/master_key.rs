//! The master key and its file: 32 random bytes as base64 text, for the owner's eyes only.
//!
//! Imports nothing of the crate but its parent. The file comes to be whole or not at all.

use super::{SecretError, random};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The length of a key.
pub(super) const KEY_BYTES: usize = 32;

/// More than any key file has; a wrong path must not fill the memory.
const FILE_BYTES_MAX: u64 = 1024;

/// A group may read, for so secrets are mounted into containers; more is for the owner alone.
const MODE_FORBIDDEN: u32 = 0o037;

/// Seals everything else.
#[derive(Debug)]
pub struct MasterKey(SecretBox<[u8; KEY_BYTES]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// There is no such file.
    #[error("there is no master key file at {}", .0.display())]
    Missing(PathBuf),
    /// There is a file already, and a key must never be replaced by accident.
    #[error("there is a master key file at {} already", .0.display())]
    Exists(PathBuf),
    /// Others may read or change the file.
    #[error("the master key file {} has mode {mode:04o}: run `chmod 600` on it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else.
    #[error("the master key file {} must hold 32 bytes as base64 text", .0.display())]
    Malformed(PathBuf),
    /// The file system refused.
    #[error("the master key file {} cannot be used: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        cause: io::Error,
    },
    /// No key could be made.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl MasterKey {
    /// A new key.
    pub fn generate() -> Result<Self, SecretError> {
        Ok(Self(SecretBox::new(Box::new(random()?))))
    }

    /// Reads the key from its file.
    pub fn read(path: &Path) -> Result<Self, MasterKeyError> {
        let io_error = |cause: io::Error| match cause.kind() {
            ErrorKind::NotFound => MasterKeyError::Missing(path.to_owned()),
            _ => MasterKeyError::Io { path: path.to_owned(), cause },
        };
        let file = fs::File::open(path).map_err(io_error)?;
        let mode = file.metadata().map_err(io_error)?.permissions().mode() & 0o777;
        if mode & MODE_FORBIDDEN != 0 {
            return Err(MasterKeyError::Mode { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|cause| {
            match cause.kind() {
                ErrorKind::InvalidData => MasterKeyError::Malformed(path.to_owned()),
                _ => io_error(cause),
            }
        })?;
        let text = SecretString::from(text);
        let bytes = STANDARD.decode(text.expose_secret().trim()).ok();
        let key = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        let key = key.ok_or_else(|| MasterKeyError::Malformed(path.to_owned()))?;
        Ok(Self(SecretBox::new(Box::new(key))))
    }

    /// Makes a key and its file. Must only be called where nothing was sealed yet: a new key opens nothing of an old.
    pub fn create(path: &Path) -> Result<Self, MasterKeyError> {
        let key = Self::generate()?;
        let text = SecretString::from(STANDARD.encode(key.bytes()));
        key_file(path, text.expose_secret().as_bytes()).map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => MasterKeyError::Exists(path.to_owned()),
            _ => MasterKeyError::Io { path: path.to_owned(), cause },
        })?;
        Ok(key)
    }

    /// Tells this key from others without saying anything about it.
    pub fn id(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.bytes());
        let tag = hmac::sign(&key, b"tidings master key id");
        let start = tag.as_ref().first_chunk().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(start))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }
}

/// Writes beside the path first and then links, so that a crash never leaves half a key and no key is overwritten.
fn key_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    match fs::remove_file(&partial) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(text)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let linked = fs::hard_link(&partial, path);
    fs::remove_file(&partial)?;
    linked?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("metadata").permissions().mode() & 0o777
    }

    #[test]
    fn a_created_key_is_read_back_and_is_for_the_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tidings.key");
        fs::write(folder.path().join("tidings.key.partial"), "half a k").expect("a leftover");
        let created = MasterKey::create(&path).expect("a key");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(MasterKey::read(&path).expect("a key").bytes(), created.bytes());
        assert_eq!(fs::read_dir(folder.path()).expect("a listing").count(), 1);
    }

    #[test]
    fn a_key_file_is_never_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tidings.key");
        let first = MasterKey::create(&path).expect("a key");
        assert!(matches!(MasterKey::create(&path), Err(MasterKeyError::Exists(_))));
        assert_eq!(MasterKey::read(&path).expect("a key").id(), first.id());
    }

    #[test]
    fn a_key_file_that_others_may_read_or_a_group_may_write_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tidings.key");
        MasterKey::create(&path).expect("a key");
        for (mode, good) in
            [(0o600, true), (0o400, true), (0o440, true), (0o644, false), (0o660, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
            let read = MasterKey::read(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            if let Err(error) = read {
                assert!(error.to_string().contains(&format!("mode {mode:04o}")), "{error}");
            }
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tidings.key");
        assert!(matches!(MasterKey::read(&path), Err(MasterKeyError::Missing(_))));
        let long = "A".repeat(1 << 20);
        for content in [&b""[..], b"c2hvcnQ=", b"not base64 at all", &[0xff; 32], long.as_bytes()] {
            fs::write(&path, content).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
            assert!(matches!(MasterKey::read(&path), Err(MasterKeyError::Malformed(_))));
        }
    }

    #[test]
    fn debug_prints_nothing_of_a_key() {
        let key = MasterKey(SecretBox::new(Box::new([171; KEY_BYTES])));
        let printed = format!("{key:?}");
        assert!(!printed.contains("171") && !printed.contains("ab"), "{printed}");
    }
}
