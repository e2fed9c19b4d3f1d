//! The one place that turns a database's error into the crate's.
//!
//! What passes by itself (busy, locked, full, I/O, a lost connection) is `UNAVAILABLE`: a retry may succeed. Everything
//! else is a fault of ours.

use crate::error::{Error, Reason, Result};
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use std::convert::Infallible;

/// `SQLite`'s primary result codes that pass: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN.
/// <https://www.sqlite.org/rescode.html>
const PASSING_SQLITE: [i32; 8] = [5, 6, 7, 8, 9, 10, 13, 14];
/// PostgreSQL's codes of a transaction that was undone for the sake of another: serialization failure, deadlock.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const CONFLICTS: [&str; 2] = ["40001", "40P01"];
/// A unique key that another transaction took in the meantime.
const UNIQUE_VIOLATION: &str = "23505";
/// Somebody else's lock was waited for in vain.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Codes, or classes of them, that end the connection: it was lost, or the server shuts down or starts.
const LOSING: [&str; 5] = ["08", "57P01", "57P02", "57P03", "57P05"];
/// Codes, or classes, of what passes otherwise: a time limit, a read-only standby, too little of something, a fault of
/// the server's disk.
const PASSING: [&str; 6] = ["57014", LOCK_NOT_AVAILABLE, "25006", "25P03", "53", "58"];

/// A fault of the database that a later attempt may not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The transaction was undone for the sake of another.
    Conflict,
    /// A unique key was free when it was looked for, and is not now.
    Taken,
    /// The connection is lost. Unless its commit was sent, the transaction was undone.
    Lost,
    /// The database cannot do it at the moment.
    Passing,
}

impl Fault {
    pub(super) fn of(error: &DbErr) -> Option<Self> {
        let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
            return matches!(error, DbErr::ConnectionAcquire(_)).then_some(Fault::Passing);
        };
        let RuntimeErr::SqlxError(cause) = cause else { return None };
        match cause.as_ref() {
            sqlx::Error::Database(fault) => match fault.try_downcast_ref::<PgDatabaseError>() {
                Some(fault) => Self::of_postgres(fault.code()),
                None => Self::of_sqlite(fault.code().as_deref()),
            },
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => {
                Some(Fault::Lost)
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Some(Fault::Passing),
            _ => None,
        }
    }

    fn of_postgres(code: &str) -> Option<Self> {
        let is_of = |codes: &[&str]| codes.iter().any(|start| code.starts_with(start));
        if is_of(&CONFLICTS) {
            Some(Fault::Conflict)
        } else if code == UNIQUE_VIOLATION {
            Some(Fault::Taken)
        } else if is_of(&LOSING) {
            Some(Fault::Lost)
        } else {
            is_of(&PASSING).then_some(Fault::Passing)
        }
    }

    fn of_sqlite(code: Option<&str>) -> Option<Self> {
        let extended = code.and_then(|code| code.parse::<i32>().ok());
        let passes = extended.is_some_and(|code| PASSING_SQLITE.contains(&(code & 0xff)));
        passes.then_some(Fault::Passing)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match Fault::of(&error) {
            Some(Fault::Conflict | Fault::Lost | Fault::Passing) => {
                let message = "The database is not available at the moment.";
                Error::unavailable(message).caused_by(error)
            }
            Some(Fault::Taken) | None => Error::internal(error),
        }
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

/// The database was told to commit, and did not answer.
pub(super) fn undecided() -> Error {
    Error::unavailable(
        "The database did not say whether the change was made; ask again with the same request_id.",
    )
}

/// The queue of writes is full.
pub(super) fn overloaded() -> Error {
    Error::unavailable("Too many writes wait; nothing was changed.")
}

/// The store is closed.
pub(super) fn closed() -> Error {
    Error::unavailable("The server is shutting down; nothing was changed.")
}

/// Another transaction's lock was waited for as long as may be.
pub(super) fn is_lock_timeout(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause)) = error else { return false };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    let fault = cause.as_database_error();
    let fault = fault.and_then(|fault| fault.try_downcast_ref::<PgDatabaseError>());
    fault.is_some_and(|fault| fault.code() == LOCK_NOT_AVAILABLE)
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
