//! PostgreSQL: each write is a transaction of its own, on a connection of its lane.
//!
//! Invariants: what callers ask and what the server records never wait for one another's connections; a write is
//! answered with success only when the database has said that it committed; one whose commit was sent runs once.

mod connection;
mod writer;

use super::Lane;
use super::config::Config;
use super::migrate;
use super::on::{Reader, Tx};
use crate::error::{Error, Result};
use connection::{Connector, Purpose};
use futures::future::BoxFuture;
use sea_orm::ConnectionTrait;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio_util::task::TaskTracker;
use writer::{Bounds, Share};

/// Replicas that start at the same time bring the schema up to date one after another. The session that holds this
/// ends with its migration.
const MIGRATE_ALONE: &str =
    "SELECT pg_advisory_lock(hashtext('tidings migrate'), hashtext(current_schema()))";

/// An open database.
pub(super) struct Postgres {
    connector: Connector,
    accept: Arc<Share>,
    settle: Arc<Share>,
    tasks: TaskTracker,
}

impl Postgres {
    /// Connects; an error says that the database is not there.
    pub(super) async fn open(config: &Config, commits: Arc<AtomicU64>) -> Result<(Self, Reader)> {
        let options = config
            .postgres()
            .ok_or_else(|| Error::internal("database.url names no PostgreSQL database"))?;
        let connector = Connector::new(options, config.write_timeout());
        let reader = connector.pool(Purpose::Read, config.read_connections);
        reader.ping().await?;
        let patience = Some(connector.timeout(Purpose::Read));
        let settles = config.write_connections / 2;
        let accepts = config.write_connections - settles;
        let share = |purpose, connections| {
            let pool = connector.pool(purpose, connections);
            let (writes_max, timeout) = (config.queue_max, connector.timeout(purpose));
            let bounds = Bounds { connections, writes_max, timeout };
            Arc::new(Share::new(pool, bounds, Arc::clone(&commits)))
        };
        let accept = share(Purpose::Accept, accepts);
        let settle = share(Purpose::Settle, settles);
        let postgres = Postgres { connector, accept, settle, tasks: TaskTracker::new() };
        Ok((postgres, Reader::new(reader, patience)))
    }

    pub(super) async fn migrate(&self) -> Result<Vec<String>> {
        let connection = self.connector.pool(Purpose::Migrate, 1);
        connection.execute_unprepared(MIGRATE_ALONE).await?;
        let applied = migrate::up(&connection).await;
        connection.close().await?;
        applied
    }

    pub(super) async fn write<T, F>(&self, lane: Lane, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        let share = match lane {
            Lane::Accept => &self.accept,
            Lane::Settle => &self.settle,
        };
        share.write(&self.tasks, closure).await
    }

    pub(super) async fn close(&self) {
        self.accept.close();
        self.settle.close();
        self.tasks.close();
        self.tasks.wait().await;
        self.accept.disconnect().await;
        self.settle.disconnect().await;
    }
}
