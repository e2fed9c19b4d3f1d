//! The embedded database: one file, one writer with group commit, one process.
//!
//! Invariant: a write is answered after the commit that it shares is on the disk, and nobody else writes meanwhile.

mod connection;
mod lock;
mod writer;

use super::Lane;
use super::config::Config;
use super::migrate;
use super::on::{Reader, Tx};
use crate::error::Result;
use connection::Connector;
use futures::future::BoxFuture;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use writer::{Queues, Writer};

/// An open file with its writer.
pub(super) struct Sqlite {
    connector: Connector,
    queues: Queues,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens the file, makes it if there is none, and keeps every other process out.
    pub(super) async fn open(
        config: &Config,
        path: &Path,
        commits: Arc<AtomicU64>,
    ) -> Result<(Self, Reader)> {
        let connector = Connector::new(path)?;
        let lock = lock::acquire(path)?;
        let connection = connector.writer().await?;
        let reader = Reader::new(connector.readers(config.read_connections).await?, None);
        let (queues, writer) = Writer::new(config, connector.clone(), commits);
        let task = tokio::spawn(async move {
            writer.run(connection).await;
            drop(lock);
        });
        Ok((Sqlite { connector, queues, writer: Mutex::new(Some(task)) }, reader))
    }

    pub(super) async fn migrate(&self) -> Result<Vec<String>> {
        let connection = self.connector.writer().await?;
        let applied = migrate::up(&connection).await?;
        connection.close().await?;
        Ok(applied)
    }

    pub(super) async fn write<T, F>(&self, lane: Lane, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        self.queues.write(lane, closure).await
    }

    pub(super) async fn close(&self) {
        self.queues.close();
        if let Some(writer) = self.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "The writer of the database ended badly.");
        }
    }
}
