//! One lane's share of the connections, and how a write runs on one of them: again where the database undid it for the
//! sake of another, never again once its commit was sent.

use crate::error::{Error, Result};
use crate::store::error::{Fault, closed, overloaded, unavailable, undecided};
use crate::store::on::{On, Tx};
use futures::future::{BoxFuture, FutureExt};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often a write runs that the database undoes each time.
const ATTEMPTS_MAX: u32 = 6;
/// The first pause before a write runs again; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(5);

/// The connections of one lane, and who waits for them.
pub(super) struct Share {
    pool: DatabaseConnection,
    bounds: Bounds,
    /// Writes that wait or run.
    places: Arc<Semaphore>,
    /// Writes that run: as many as there are connections, so that whoever asks for one waits for the server alone.
    turns: Semaphore,
    commits: Arc<AtomicU64>,
    closing: CancellationToken,
}

/// What a lane may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How many writes run at the same time.
    pub(super) connections: u32,
    /// How many wait or run.
    pub(super) writes_max: usize,
    /// The longest that one takes, all told.
    pub(super) timeout: Duration,
}

/// Why an attempt came to nothing.
enum Failed {
    /// It was undone for a reason that passes at once.
    Again(Error),
    /// Another attempt would fail like it.
    Finally(Error),
    /// The commit was sent, and nobody knows what came of it.
    Undecided(DbErr),
}

impl Share {
    pub(super) fn new(pool: DatabaseConnection, bounds: Bounds, commits: Arc<AtomicU64>) -> Self {
        let places = Arc::new(Semaphore::new(bounds.writes_max.max(1)));
        let turns = Semaphore::new(usize::try_from(bounds.connections).unwrap_or(1).max(1));
        Share { pool, bounds, places, turns, commits, closing: CancellationToken::new() }
    }

    /// Runs the write in a task of its own, so that it ends in one way whatever becomes of who asked for it.
    pub(super) async fn write<T, F>(self: &Arc<Self>, tasks: &TaskTracker, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        if self.closing.is_cancelled() {
            return Err(closed());
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| overloaded())?;
        let (mut reply, answer) = oneshot::channel();
        let share = Arc::clone(self);
        tasks.spawn(async move {
            let outcome = share.run(&closure, &mut reply).await;
            drop(place);
            // The caller may be gone; what it asked was done or not all the same.
            if let Some(outcome) = outcome {
                drop(reply.send(outcome));
            }
        });
        answer.await.map_err(|_| closed())?
    }

    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    pub(super) async fn disconnect(&self) {
        if let Err(error) = self.pool.close_by_ref().await {
            tracing::warn!(%error, "A connection of the database did not close.");
        }
    }

    /// Nothing where the caller has gone before the write began.
    async fn run<T, F>(
        &self,
        closure: &F,
        reply: &mut oneshot::Sender<Result<T>>,
    ) -> Option<Result<T>>
    where
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>>,
    {
        let deadline = Instant::now() + self.bounds.timeout;
        let Ok(Ok(_turn)) = timeout_at(deadline, self.turns.acquire()).await else {
            return Some(Err(overloaded()));
        };
        let mut pause = PAUSE;
        for attempt in 1.. {
            if reply.is_closed() {
                return None;
            }
            let committing = AtomicBool::new(false);
            let outcome = timeout_at(deadline, self.attempt(closure, &committing)).await;
            let error = match outcome {
                Ok(Ok(value)) => return Some(Ok(value)),
                Ok(Err(Failed::Again(_))) if attempt < ATTEMPTS_MAX => {
                    sleep(pause).await;
                    pause *= 2;
                    continue;
                }
                Ok(Err(Failed::Again(error) | Failed::Finally(error))) => error,
                Ok(Err(Failed::Undecided(cause))) => undecided().caused_by(cause),
                Err(_) if committing.load(Ordering::Relaxed) => undecided(),
                Err(_) => unavailable(),
            };
            return Some(Err(error));
        }
        None
    }

    async fn attempt<T, F>(&self, closure: &F, committing: &AtomicBool) -> Result<T, Failed>
    where
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>>,
    {
        let tx = Tx::new(self.pool.begin().await.map_err(Failed::before_commit)?);
        let run = AssertUnwindSafe(async { closure(&tx).await });
        let outcome = match run.catch_unwind().await {
            Ok(Ok(value)) => match stands(&tx).await {
                Ok(()) => Ok(value),
                Err(error) => Err(Failed::before_commit(error)),
            },
            Ok(Err(error)) => Err(Failed::of(error)),
            Err(_) => Err(Failed::Finally(Error::internal("a write panicked"))),
        };
        if outcome.is_err() {
            // What the server did not hear of, it undoes by itself.
            drop(tx.rollback().await);
            return outcome;
        }
        committing.store(true, Ordering::Relaxed);
        tx.commit().await.map_err(|error| match Fault::of(&error) {
            // The server says itself that it did not commit.
            Some(Fault::Conflict) => Failed::Again(error.into()),
            _ => Failed::Undecided(error),
        })?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        outcome
    }
}

/// A transaction in which a statement failed is rolled back by its commit, without a word. So a closure that did not
/// hand on an error is found out before.
async fn stands(tx: &Tx) -> Result<(), DbErr> {
    tx.handle().db.execute_unprepared("SELECT 1").await.map(drop)
}

impl Failed {
    fn before_commit(error: DbErr) -> Self {
        match Fault::of(&error) {
            Some(Fault::Conflict | Fault::Taken | Fault::Lost) => Failed::Again(error.into()),
            Some(Fault::Passing) | None => Failed::Finally(error.into()),
        }
    }

    /// What the closure answered: the database's own word is its private cause.
    fn of(error: Error) -> Self {
        let fault = error.cause.as_ref().and_then(|cause| cause.downcast_ref::<DbErr>());
        match fault.and_then(Fault::of) {
            Some(Fault::Conflict | Fault::Taken | Fault::Lost) => Failed::Again(error),
            Some(Fault::Passing) | None => Failed::Finally(error),
        }
    }
}
