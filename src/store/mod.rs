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
#[expect(unreachable_pub, reason = "the derives of SeaORM make public items of private rows")]
mod entity;
mod error;
mod executor;
mod members;
mod migrate;
mod on;
#[cfg(test)]
mod plans;
mod postgres;
mod progress;
mod reach;
mod sqlite;
mod targets;

pub mod activities;
pub mod activity_types;
pub mod api_keys;
pub mod apps;
pub mod arrivals;
pub mod channel_surveys;
pub mod channels;
pub mod clock;
pub mod confirmations;
pub mod credentials;
pub mod deletions;
pub mod deliveries;
pub mod delivery_counts;
pub mod devices;
pub mod events;
pub mod expansions;
pub mod keyring;
pub mod leases;
pub mod provider_tokens;
pub mod recipients;
pub mod requests;
pub mod retention;
pub mod revisions;
pub mod segment_members;
pub mod segment_pages;
pub mod segments;
pub mod shards;
pub mod subscriptions;
pub mod tokens;
pub mod turns;
pub mod wanted;
pub mod workspaces;

pub use apply::apply;
pub use config::Config;
pub use on::{Handle, Held, On, Reader, Tx};

use crate::error::Result;
use futures::future::BoxFuture;
use postgres::Postgres;
use sqlite::Sqlite;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which queue a write waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What a caller asks: first.
    Accept,
    /// What the server records for itself: it has a share of its own.
    Settle,
}

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
    database: Database,
    reader: Reader,
    commits: Arc<AtomicU64>,
}

/// Both kinds keep the same promises; how is their own affair.
enum Database {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

impl Store {
    /// Opens the database. A file of `SQLite` is made if there is none, and every other process is kept out of it.
    pub async fn open(config: &Config) -> Result<Self> {
        let commits = Arc::new(AtomicU64::new(0));
        let (database, reader) = if let Some(path) = config.path() {
            let opened = Sqlite::open(config, path.as_ref(), Arc::clone(&commits)).await?;
            (Database::Sqlite(opened.0), opened.1)
        } else {
            let opened = Postgres::open(config, Arc::clone(&commits)).await?;
            (Database::Postgres(Box::new(opened.0)), opened.1)
        };
        Ok(Store { shared: Arc::new(Shared { database, reader, commits }) })
    }

    /// Brings the schema up to date and says which migrations it applied; of several processes that do so at once, one
    /// does. Refuses a schema that is newer than this program.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        match &self.shared.database {
            Database::Sqlite(sqlite) => sqlite.migrate().await,
            Database::Postgres(postgres) => postgres.migrate().await,
        }
    }

    /// The migrations that are still to be applied. Refuses a schema that is newer than this program.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        migrate::pending(self.shared.reader.connection()).await
    }

    /// Reads what was committed.
    pub fn reader(&self) -> &Reader {
        &self.shared.reader
    }

    /// Runs the closure in a transaction and answers when that is on the disk. An error of the closure undoes all that
    /// it did. The closure must await SQL only, must hand on every error of it, and must have no other effect: it may
    /// run again, and what it did may be undone.
    ///
    /// Where the answer is `UNAVAILABLE` because the database did not say whether it committed, the write may have been
    /// done: only its `request_id` can tell.
    pub async fn write<T, F>(&self, lane: Lane, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        match &self.shared.database {
            Database::Sqlite(sqlite) => sqlite.write(lane, closure).await,
            Database::Postgres(postgres) => postgres.write(lane, closure).await,
        }
    }

    /// Other replicas may work on the same database: who sends to a shard must have a lease of it.
    pub fn is_shared(&self) -> bool {
        matches!(self.shared.database, Database::Postgres(_))
    }

    /// How many transactions were committed; fewer than writes where those share them.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Takes no more writes, answers those that wait, and closes the database.
    pub async fn close(&self) {
        match &self.shared.database {
            Database::Sqlite(sqlite) => sqlite.close().await,
            Database::Postgres(postgres) => postgres.close().await,
        }
        self.shared.reader.close().await;
    }
}
