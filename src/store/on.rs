//! What a query runs on: committed rows, or a transaction that sees its own writes.

use crate::error::Result;
use sea_orm::{DatabaseConnection, DatabaseExecutor, DatabaseTransaction};

/// What a query runs on.
pub trait On: Send + Sync {
    /// For the store alone: what it is made of.
    fn handle(&self) -> Handle<'_>;
}

/// Opaque outside the store.
pub struct Handle<'a> {
    pub(super) db: DatabaseExecutor<'a>,
}

/// Reads what was committed. Each query sees the newest commit: two queries may see two states.
#[derive(Clone)]
pub struct Reader {
    connection: DatabaseConnection,
}

/// A transaction; made by [`super::Store::write`] alone.
pub struct Tx {
    transaction: DatabaseTransaction,
}

impl Reader {
    pub(super) fn new(connection: DatabaseConnection) -> Self {
        Reader { connection }
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

    pub(super) async fn commit(self) -> Result<()> {
        Ok(self.transaction.commit().await?)
    }
}

impl On for Reader {
    fn handle(&self) -> Handle<'_> {
        Handle { db: DatabaseExecutor::from(&self.connection) }
    }
}

impl On for Tx {
    fn handle(&self) -> Handle<'_> {
        Handle { db: DatabaseExecutor::from(&self.transaction) }
    }
}
