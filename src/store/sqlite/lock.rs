//! One process per database: an exclusive lock on a file beside it. Claims of the dispatcher live in memory, so a
//! second process would send everything twice.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// Locks the database until the file is dropped or the process ends.
pub(super) fn acquire(database: &Path) -> Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::internal)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::unavailable(format!(
            "Another process holds the database {}: it has locked {}. Stop it first; an embedded \
             database serves one process.",
            database.display(),
            Path::new(&path).display(),
        ))),
        Err(TryLockError::Error(error)) => Err(Error::internal(error)),
    }
}
