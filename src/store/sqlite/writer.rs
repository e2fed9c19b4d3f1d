//! The one writer: takes closures from two bounded queues, runs a group of them in savepoints of one transaction, and
//! answers each after the commit is on the disk.
//!
//! Invariants: no answer before the commit; a closure that fails or panics fails alone; where the database has ended
//! the transaction (disk full, I/O error, interrupt), all of the group are told that nothing was done, and the
//! connection, whose state is unknown then, is replaced.

use super::connection::Connector;
use crate::error::{Error, Result};
use crate::store::Lane;
use crate::store::config::Config;
use crate::store::error::{closed, overloaded, unavailable};
use crate::store::on::{On, Tx};
use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// However slow commits are, a group is gathered no longer, unless the configuration says so.
const GATHERING_MAX: Duration = Duration::from_millis(500);

type Value = Box<dyn Any + Send>;
type Closure = Box<dyn for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<Value>> + Send + Sync>;

struct Job {
    lane: Lane,
    closure: Closure,
    reply: oneshot::Sender<Result<Value>>,
}

/// The callers' ends of the queues.
pub(super) struct Queues {
    accept: mpsc::Sender<Job>,
    settle: mpsc::Sender<Job>,
    closing: CancellationToken,
}

/// The writer's ends of the queues, and its bounds.
pub(super) struct Writer {
    accept: mpsc::Receiver<Job>,
    settle: mpsc::Receiver<Job>,
    closing: CancellationToken,
    connector: Connector,
    closures_max: usize,
    time_max: Duration,
    /// How long the last commit took.
    last_commit: Duration,
    commits: Arc<AtomicU64>,
}

/// What a group has come to so far.
struct Group {
    started: Instant,
    closures: usize,
    settles: usize,
    answers: Vec<(oneshot::Sender<Result<Value>>, Result<Value>)>,
}

/// The database has ended the transaction.
struct Broken(Error);

impl Queues {
    pub(super) async fn write<T, F>(&self, lane: Lane, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let closure: Closure =
            Box::new(move |tx| closure(tx).map_ok(|value| Box::new(value) as Value).boxed());
        let queue = match lane {
            Lane::Accept => &self.accept,
            Lane::Settle => &self.settle,
        };
        queue.try_send(Job { lane, closure, reply }).map_err(|error| match error {
            TrySendError::Full(_) => overloaded(),
            TrySendError::Closed(_) => closed(),
        })?;
        let value = answer.await.map_err(|_| closed())??;
        let value = value.downcast().map_err(|_| Error::internal("a write answered another"))?;
        Ok(*value)
    }

    pub(super) fn close(&self) {
        self.closing.cancel();
    }
}

impl Writer {
    pub(super) fn new(
        config: &Config,
        connector: Connector,
        commits: Arc<AtomicU64>,
    ) -> (Queues, Self) {
        let (accept, accepts) = mpsc::channel(config.queue_max.max(1));
        let (settle, settles) = mpsc::channel(config.queue_max.max(1));
        let closing = CancellationToken::new();
        let queues = Queues { accept, settle, closing: closing.clone() };
        let writer = Writer {
            accept: accepts,
            settle: settles,
            closing,
            connector,
            closures_max: config.group_closures_max.max(1),
            time_max: config.group_time(),
            last_commit: Duration::ZERO,
            commits,
        };
        (queues, writer)
    }

    /// Writes until the store is closed or dropped, and what waits then.
    pub(super) async fn run(mut self, connection: DatabaseConnection) {
        let mut connection = Some(connection);
        while let Some(first) = self.first().await {
            connection = self.group(connection, first).await;
        }
        if let Some(connection) = connection {
            close(connection).await;
        }
    }

    async fn first(&mut self) -> Option<Job> {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {
                self.accept.close();
                self.settle.close();
                match self.accept.recv().await {
                    Some(job) => Some(job),
                    None => self.settle.recv().await,
                }
            }
            Some(job) = self.accept.recv() => Some(job),
            Some(job) = self.settle.recv() => Some(job),
            else => None,
        }
    }

    /// The next of a group: accepts first, but one settle if one waits.
    fn next(&mut self, group: &Group) -> Option<Job> {
        let is_late = group.started.elapsed() >= gathering(self.time_max, self.last_commit);
        let room = self.closures_max.saturating_sub(group.closures);
        if room == 0 {
            return None;
        }
        if group.settles == 0
            && (is_late || room == 1)
            && let Ok(job) = self.settle.try_recv()
        {
            return Some(job);
        }
        if is_late {
            return None;
        }
        self.accept.try_recv().or_else(|_| self.settle.try_recv()).ok()
    }

    /// Runs a group that begins with this job. Gives the connection back unless it is of no more use.
    async fn group(
        &mut self,
        connection: Option<DatabaseConnection>,
        first: Job,
    ) -> Option<DatabaseConnection> {
        let (connection, tx) = match self.begin(connection).await {
            Ok(begun) => begun,
            Err(error) => {
                tracing::warn!(%error, "A transaction could not begin.");
                answer(first.reply, Err(error));
                return None;
            }
        };
        let mut group =
            Group { started: Instant::now(), closures: 0, settles: 0, answers: Vec::new() };
        let mut next = Some(first);
        while let Some(job) = next {
            if let Err(Broken(error)) = group.run(&tx, job).await {
                tracing::warn!(%error, "The database ended a transaction.");
                group.fail();
                drop(tx);
                close(connection).await;
                return None;
            }
            next = self.next(&group);
        }
        let committing = Instant::now();
        let committed = tx.commit().await;
        self.last_commit = committing.elapsed();
        if let Err(error) = committed {
            tracing::warn!(%error, "A transaction could not be committed.");
            group.fail();
            close(connection).await;
            return None;
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        for (reply, outcome) in group.answers {
            answer(reply, outcome);
        }
        Some(connection)
    }

    async fn begin(
        &self,
        connection: Option<DatabaseConnection>,
    ) -> Result<(DatabaseConnection, Tx)> {
        let connection = match connection {
            Some(connection) => connection,
            None => self.connector.writer().await?,
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = connection.begin_with_options(options).await?;
        Ok((connection, Tx::new(transaction)))
    }
}

/// How long a group is gathered: as configured, and longer where a commit is slow. Where each commit took longer than
/// the gathering of its group, writes would have a commit each, just when commits are dear.
fn gathering(configured: Duration, last_commit: Duration) -> Duration {
    configured.max(last_commit.min(GATHERING_MAX))
}

impl Group {
    /// Runs one closure in a savepoint, and looks whether the transaction still stands.
    async fn run(&mut self, tx: &Tx, job: Job) -> Result<(), Broken> {
        if job.reply.is_closed() {
            return Ok(());
        }
        self.closures += 1;
        self.settles += usize::from(job.lane == Lane::Settle);
        let standing = attempt(tx, &job.closure).await;
        let (outcome, standing) = match standing {
            Ok(outcome) => (outcome, Ok(())),
            Err(broken) => (Err(unavailable()), Err(broken)),
        };
        self.answers.push((job.reply, outcome));
        standing
    }

    /// Tells all of them that nothing was done.
    fn fail(self) {
        for (reply, _) in self.answers {
            answer(reply, Err(unavailable()));
        }
    }
}

async fn attempt(tx: &Tx, closure: &Closure) -> Result<Result<Value>, Broken> {
    statement(tx, "SAVEPOINT closure").await?;
    let run = AssertUnwindSafe(async { closure(tx).await });
    let outcome = match run.catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::internal("a write panicked")),
    };
    if outcome.is_err() {
        statement(tx, "ROLLBACK TO SAVEPOINT closure").await?;
    }
    statement(tx, "RELEASE SAVEPOINT closure").await?;
    Ok(outcome)
}

async fn statement(tx: &Tx, sql: &str) -> Result<(), Broken> {
    let done = tx.handle().db.execute_unprepared(sql).await;
    done.map(drop).map_err(|error| Broken(error.into()))
}

async fn close(connection: DatabaseConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "A connection of the database did not close.");
    }
}

/// The caller may be gone; what it asked was done or not all the same.
fn answer(reply: oneshot::Sender<Result<Value>>, outcome: Result<Value>) {
    drop(reply.send(outcome));
}

#[cfg(test)]
mod tests;
