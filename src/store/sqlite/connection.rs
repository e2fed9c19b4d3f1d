//! How connections are made: one that writes, several that read.
//!
//! Invariant: a commit that was answered survives a loss of power (`synchronous = FULL` in WAL mode).

use crate::error::{Error, Result};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of the database the writer keeps in memory: the branches of the indexes of some million rows. Whoever is
/// written in no order would be read from the file again and again with less.
const WRITER_CACHE_KIB: u32 = 32 * 1_024;

/// Makes connections to one database.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    path: PathBuf,
}

impl Connector {
    /// For a file, whose directory is made if need be.
    pub(super) fn new(path: &Path) -> Result<Self> {
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory).map_err(Error::internal)?;
        }
        Ok(Connector { path: path.to_owned() })
    }

    /// A connection that writes. Only one at a time is of use.
    pub(super) async fn writer(&self) -> Result<DatabaseConnection> {
        let cache = format!("-{WRITER_CACHE_KIB}");
        self.connect(1, move |options| options.pragma("cache_size", cache.clone())).await
    }

    /// Connections that only read.
    pub(super) async fn readers(&self, connections: u32) -> Result<DatabaseConnection> {
        self.connect(connections, |options| options.pragma("query_only", "ON")).await
    }

    async fn connect<F>(&self, connections: u32, options: F) -> Result<DatabaseConnection>
    where
        F: Fn(SqliteConnectOptions) -> SqliteConnectOptions + Send + Sync + 'static,
    {
        let path = self.path.clone();
        let mut connect = ConnectOptions::new("sqlite:");
        connect
            .max_connections(connections)
            .min_connections(1)
            .idle_timeout(None::<Duration>)
            .max_lifetime(None::<Duration>)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |_| {
                options(
                    SqliteConnectOptions::new()
                        .filename(&path)
                        .create_if_missing(true)
                        .journal_mode(SqliteJournalMode::Wal)
                        .synchronous(SqliteSynchronous::Full)
                        .busy_timeout(BUSY_TIMEOUT)
                        .foreign_keys(true),
                )
            });
        Ok(Database::connect(connect).await?)
    }
}
