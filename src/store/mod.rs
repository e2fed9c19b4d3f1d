//! The only module that knows a database: entities, queries, `write` and `apply`. Rows go in and out as `domain`
//! defines them; no type of `SeaORM` leaves.
//!
//! May import `domain` and the leaves. One file per capability, named as in the other layers. Every query for a caller
//! takes the workspace or a key that was found with it; one that looks at all tenants says so in its name.
//! Invariant: nothing is answered as written before its transaction is on the disk.

mod apply;
mod audience;
mod codes;
mod config;
mod connection;
#[expect(unreachable_pub, reason = "the derives of SeaORM make public items of private rows")]
mod entity;
mod error;
mod lock;
mod members;
mod migrate;
mod on;
#[cfg(test)]
mod plans;
mod progress;
mod targets;
mod writer;

pub mod activities;
pub mod activity_types;
pub mod api_keys;
pub mod apps;
pub mod clock;
pub mod credentials;
pub mod deletions;
pub mod deliveries;
pub mod devices;
pub mod events;
pub mod expansions;
pub mod keyring;
pub mod requests;
pub mod revisions;
pub mod shards;
pub mod subscriptions;
pub mod tokens;
pub mod workspaces;

pub use apply::apply;
pub use config::Config;
pub use on::{Handle, On, Reader, Tx};
pub use writer::Lane;

use crate::error::Result;
use connection::Connector;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use writer::{Queues, Writer};

/// A page of a list, by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<C> {
    /// How many rows at most.
    pub size: u64,
    /// The key of the last row of the page before; the first page without.
    pub after: Option<C>,
}

/// The database. Clones are handles of the same one.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    reader: Reader,
    queues: Queues,
    commits: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database, makes it if there is none, and keeps every other process out.
    pub async fn open(config: &Config) -> Result<Self> {
        let connector = Connector::new(config)?;
        let lock = lock::acquire(connector.path())?;
        let connection = connector.writer().await?;
        let reader = Reader::new(connector.readers(config.read_connections).await?);
        let commits = Arc::new(AtomicU64::new(0));
        let (queues, writer) = Writer::new(config, connector.clone(), Arc::clone(&commits));
        let task = tokio::spawn(async move {
            writer.run(connection).await;
            drop(lock);
        });
        let writer = Mutex::new(Some(task));
        Ok(Store { shared: Arc::new(Shared { connector, reader, queues, commits, writer }) })
    }

    /// Brings the schema up to date and says which migrations it applied. Refuses a schema that is newer than this
    /// program.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        migrate::up(&self.shared.connector).await
    }

    /// The migrations that are still to be applied. Refuses a schema that is newer than this program.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        migrate::pending(&self.shared.reader).await
    }

    /// Reads what was committed.
    pub fn reader(&self) -> &Reader {
        &self.shared.reader
    }

    /// Runs the closure in a transaction and answers when that is on the disk. An error of the closure undoes all that
    /// it did. The closure must await SQL only, must hand on every error of it, and must have no other effect: it may
    /// run again, and what it did may be undone.
    pub async fn write<T, F>(&self, lane: Lane, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        self.shared.queues.write(lane, closure).await
    }

    /// How many transactions were committed; fewer than writes, since those share them.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Takes no more writes, answers those that wait, and closes the database.
    pub async fn close(&self) {
        self.shared.queues.close();
        if let Some(writer) = self.shared.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "The writer of the database ended badly.");
        }
        self.shared.reader.close().await;
    }
}
