//! What a query runs on: committed rows, or a transaction that sees its own writes.
//!
//! Invariant: a row that a transaction reads in order to change it, or to decide by it, stays as it was read until the
//! transaction ends. `SQLite` has one writer and needs nothing for that; on `PostgreSQL` the queries that say so hold
//! their rows, in this order: request id, turn, device, activity, expansion, shards by id, token. Subscriptions are not
//! held: who writes one holds its shard.

use super::executor::Executor;
use crate::error::Result;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QuerySelect, Select,
};
use std::time::Duration;

/// What a query runs on.
pub trait On: Send + Sync {
    /// For the store alone: what it is made of.
    fn handle(&self) -> Handle<'_>;
}

/// Opaque outside the store.
pub struct Handle<'a> {
    pub(super) db: Executor<'a>,
    hold: Option<LockType>,
}

/// Reads what was committed. Each query sees the newest commit: two queries may see two states.
#[derive(Clone)]
pub struct Reader {
    connection: DatabaseConnection,
    patience: Option<Duration>,
}

/// A transaction; made by [`super::Store::write`] alone. What it reads by id or key is held for it to change, unless
/// the query's comment says otherwise.
pub struct Tx {
    transaction: DatabaseTransaction,
}

/// A transaction that holds less of what it reads.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    tx: &'a Tx,
    hold: Option<LockType>,
}

impl Reader {
    /// `patience`: the longest that a query is waited for, where the database may fall silent.
    pub(super) fn new(connection: DatabaseConnection, patience: Option<Duration>) -> Self {
        Reader { connection, patience }
    }

    pub(super) fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    pub(super) async fn close(&self) {
        if let Err(error) = self.connection.close_by_ref().await {
            tracing::warn!(%error, "A connection of the database did not close.");
        }
    }
}

impl Tx {
    pub(super) fn new(transaction: DatabaseTransaction) -> Self {
        Tx { transaction }
    }

    /// Reads what must not change before the commit, but is not changed here: others may do the same meanwhile.
    pub fn share(&self) -> Held<'_> {
        Held { tx: self, hold: Some(LockType::Share) }
    }

    /// Reads without holding anything: for what never changes, and for a first look at what is read again later.
    pub fn glance(&self) -> Held<'_> {
        Held { tx: self, hold: None }
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        self.transaction.commit().await
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        self.transaction.rollback().await
    }
}

impl On for Reader {
    fn handle(&self) -> Handle<'_> {
        Handle { db: Executor::new(&self.connection, self.patience), hold: None }
    }
}

impl On for Tx {
    fn handle(&self) -> Handle<'_> {
        // Not the strongest lock: rows that refer to a held one may still be added.
        let hold = Some(LockType::NoKeyUpdate);
        Handle { db: Executor::new(&self.transaction, None), hold }
    }
}

impl On for Held<'_> {
    fn handle(&self) -> Handle<'_> {
        Handle { hold: self.hold, ..self.tx.handle() }
    }
}

impl Handle<'_> {
    /// The same query, whose rows are held as far as this handle holds any. `SQLite` knows no such clause.
    pub(super) fn hold<E: EntityTrait>(&self, query: Select<E>) -> Select<E> {
        match self.hold {
            Some(hold) => query.lock(hold),
            None => query,
        }
    }

    /// The same query without the rows that another transaction holds.
    pub(super) fn hold_free<E: EntityTrait>(&self, query: Select<E>) -> Select<E> {
        match self.hold {
            Some(hold) => query.lock_with_behavior(hold, LockBehavior::SkipLocked),
            None => query,
        }
    }

    /// Others write at the same time, and this handle keeps them from the rows that it holds.
    pub(super) fn holds(&self) -> bool {
        self.hold.is_some() && self.db.get_database_backend() == DbBackend::Postgres
    }
}
