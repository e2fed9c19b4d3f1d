//! Turns: what only one transaction may be about at a time, where no row stands for it yet.
//!
//! `SQLite` has one writer, so every turn is free there. On PostgreSQL a turn is an advisory lock that ends with its
//! transaction. Turns are taken after the request id and before any row.

use super::on::{On, Tx};
use crate::error::Result;
use sea_orm::{ConnectionTrait, Statement};

/// What the turn is for.
#[derive(Clone, Copy, Debug)]
pub enum Turn<'a> {
    /// Filling an empty database.
    FirstStart,
    /// Whom a token belongs to, by its fingerprint: two devices may bring the same one at once.
    Token(&'a [u8; 32]),
    /// Who signs provider tokens, by the digest of the key.
    ProviderToken(&'a [u8; 32]),
}

/// Waits for the turn, and has it until the transaction ends.
pub async fn take(tx: &Tx, turn: Turn<'_>) -> Result<()> {
    let handle = tx.handle();
    if !handle.holds() {
        return Ok(());
    }
    let number = match turn {
        Turn::FirstStart => 0,
        Turn::Token(digest) | Turn::ProviderToken(digest) => {
            i64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
        }
    };
    let backend = handle.db.get_database_backend();
    let sql = "SELECT pg_advisory_xact_lock($1)";
    let lock = Statement::from_sql_and_values(backend, sql, [number.into()]);
    handle.db.execute_raw(lock).await?;
    Ok(())
}
