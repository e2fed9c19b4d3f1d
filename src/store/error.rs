//! The one place that turns a database's error into the crate's.
//!
//! What passes by itself (busy, locked, full, I/O, a lost connection) is `UNAVAILABLE`: nothing was done, a retry may
//! succeed. Everything else is a fault of ours.

use crate::error::{Error, Reason, Result};
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use std::convert::Infallible;

/// `SQLite`'s primary result codes that pass: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN.
/// <https://www.sqlite.org/rescode.html>
const PASSING: [i32; 8] = [5, 6, 7, 8, 9, 10, 13, 14];

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if passes(&error) { unavailable().caused_by(error) } else { Error::internal(error) }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The database cannot take the write now.
pub(super) fn unavailable() -> Error {
    Error::unavailable("The database is not available at the moment; nothing was changed.")
}

/// The queue of writes is full.
pub(super) fn overloaded() -> Error {
    Error::unavailable("Too many writes wait; nothing was changed.")
}

/// The store is closed.
pub(super) fn closed() -> Error {
    Error::unavailable("The server is shutting down; nothing was changed.")
}

/// A unique key that is taken means that an object of that name is there already.
pub(super) fn or_exists<T>(result: Result<T, DbErr>, kind: &'static str, name: &str) -> Result<T> {
    result.map_err(|error| match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::already_exists(kind, name),
        _ => error.into(),
    })
}

/// A row that others refer to is not deleted.
pub(super) fn or_in_use<T>(result: Result<T, DbErr>, kind: &'static str) -> Result<T> {
    result.map_err(|error| match error.sql_err() {
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
            Error::new(Reason::InUse, format!("This {kind} is in use."))
        }
        _ => error.into(),
    })
}

fn passes(error: &DbErr) -> bool {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return matches!(error, DbErr::ConnectionAcquire(_));
    };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    match cause.as_ref() {
        sqlx::Error::Database(fault) => {
            let extended = fault.code().and_then(|code| code.parse::<i32>().ok());
            extended.is_some_and(|code| PASSING.contains(&(code & 0xff)))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}
