//! Every sentence of the writer's promise. A closure that waits on a gate holds the writer, so that what is queued
//! meanwhile is one group.

use super::{GATHERING_MAX, gathering};
use crate::error::{Error, Reason, Result};
use crate::store::{Config, Lane, On, Reader, Store, Tx};
use futures::future::{BoxFuture, FutureExt, join_all};
use futures::poll;
use sea_orm::{ConnectionTrait, Statement};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;

type Write = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

struct World {
    store: Store,
    directory: TempDir,
    gate: Arc<Semaphore>,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = TempDir::new().unwrap();
        let mut config = config(&directory);
        change(&mut config);
        let store = Store::open(&config).await.unwrap();
        run(&store, "CREATE TABLE facts (fact INTEGER NOT NULL)").await.unwrap();
        World { store, directory, gate: Arc::new(Semaphore::new(0)) }
    }

    /// Queues a write, and sees that it is not answered at once.
    async fn queue<F>(&self, lane: Lane, closure: F) -> Write
    where
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static,
    {
        let store = self.store.clone();
        let mut write: Write = Box::pin(async move { store.write(lane, closure).await });
        assert!(poll!(&mut write).is_pending());
        write
    }

    async fn hold(&self) -> Write {
        let gate = Arc::clone(&self.gate);
        self.queue(Lane::Accept, move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
            .boxed()
        })
        .await
    }

    fn release(&self) {
        self.gate.add_permits(1);
    }

    async fn fact(&self, fact: i32) -> Write {
        self.queue(Lane::Accept, move |tx| insert(tx, fact).boxed()).await
    }

    async fn facts(&self) -> Vec<i32> {
        facts(self.store.reader()).await
    }
}

fn config(directory: &TempDir) -> Config {
    let path = directory.path().join("tidings.db");
    Config {
        url: format!("sqlite://{}", path.display()).into(),
        group_time_ms: 1_000,
        ..Config::default()
    }
}

async fn run(store: &Store, sql: &'static str) -> Result<()> {
    store.write(Lane::Accept, move |tx| execute(tx, sql.to_owned()).boxed()).await
}

async fn execute(tx: &Tx, sql: String) -> Result<()> {
    tx.handle().db.execute_unprepared(&sql).await?;
    Ok(())
}

async fn insert(tx: &Tx, fact: i32) -> Result<()> {
    execute(tx, format!("INSERT INTO facts VALUES ({fact})")).await
}

async fn facts(reader: &Reader) -> Vec<i32> {
    let db = reader.handle().db;
    let sql = "SELECT fact FROM facts ORDER BY rowid";
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "fact").unwrap()).collect()
}

fn reason<T>(outcome: &Result<T>) -> Option<Reason> {
    outcome.as_ref().err().map(|error| error.reason)
}

#[test]
fn a_group_is_gathered_at_least_as_long_as_the_last_commit_took() {
    let ms = Duration::from_millis;
    assert_eq!(gathering(ms(5), ms(0)), ms(5));
    assert_eq!(gathering(ms(5), ms(110)), ms(110));
    assert_eq!(gathering(ms(5), Duration::from_secs(20)), GATHERING_MAX);
    assert_eq!(gathering(ms(1_000), Duration::from_secs(20)), ms(1_000), "as configured");
}

#[tokio::test]
async fn concurrent_writes_share_few_commits() {
    let world = World::new().await;
    let before = world.store.commits();
    let writes = (0..1_000).map(|fact| {
        let store = &world.store;
        async move { store.write(Lane::Accept, move |tx| insert(tx, fact).boxed()).await }
    });
    assert!(join_all(writes).await.iter().all(Result::is_ok));
    let commits = world.store.commits() - before;
    assert!((4..=20).contains(&commits), "{commits} commits for 1,000 writes");
    assert_eq!(world.facts().await.len(), 1_000);
}

#[tokio::test]
async fn a_write_that_fails_or_panics_fails_alone() {
    let world = World::new().await;
    let held = world.hold().await;
    let one = world.fact(1).await;
    let fails = world
        .queue(Lane::Accept, |tx| {
            async move {
                insert(tx, 2).await?;
                Err(Error::not_found("thing", "2"))
            }
            .boxed()
        })
        .await;
    let panics = world
        .queue(Lane::Accept, |tx| {
            async move {
                insert(tx, 3).await?;
                panic!("on purpose")
            }
            .boxed()
        })
        .await;
    let four = world.fact(4).await;
    let before = world.store.commits();
    world.release();
    let outcomes = join_all([held, one, fails, panics, four]).await;
    let reasons: Vec<_> = outcomes.iter().map(reason).collect();
    assert_eq!(reasons, [None, None, Some(Reason::NotFound), Some(Reason::Internal), None]);
    assert_eq!(world.facts().await, [1, 4]);
    assert_eq!(world.store.commits() - before, 1);
}

#[tokio::test]
async fn nothing_is_answered_or_seen_before_the_commit_and_all_is_after() {
    let world = World::new().await;
    let held = world.hold().await;
    let mut early = world.fact(1).await;
    let (gate, started) = (Arc::clone(&world.gate), Arc::new(Semaphore::new(0)));
    let signal = Arc::clone(&started);
    let last = world
        .queue(Lane::Accept, move |_| {
            let gate = Arc::clone(&gate);
            signal.add_permits(1);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
            .boxed()
        })
        .await;
    world.release();
    started.acquire().await.unwrap().forget();
    // The last of the group runs: the early write has run.
    assert!(poll!(&mut early).is_pending());
    assert_eq!(world.facts().await, Vec::<i32>::new());
    assert!(poll!(&mut early).is_pending());
    world.release();
    early.await.unwrap();
    let other = Store::open(&config(&world.directory)).await;
    assert_eq!(reason(&other), Some(Reason::Unavailable), "one process per database");
    assert_eq!(world.facts().await, [1], "another connection sees it");
    assert!(join_all([held, last]).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_full_disk_fails_the_whole_group_and_passes() {
    let world = World::new().await;
    run(&world.store, "PRAGMA max_page_count = 1").await.unwrap();
    let held = world.hold().await;
    let one = world.fact(1).await;
    let large = "INSERT INTO facts VALUES (zeroblob(1000000))";
    let full = world.queue(Lane::Accept, move |tx| execute(tx, large.to_owned()).boxed()).await;
    world.release();
    let outcomes = join_all([held, one, full]).await;
    assert!(outcomes.iter().all(|outcome| reason(outcome) == Some(Reason::Unavailable)));
    assert_eq!(world.facts().await, Vec::<i32>::new());
    run(&world.store, "PRAGMA max_page_count = 1000000").await.unwrap();
    run(&world.store, "INSERT INTO facts VALUES (2)").await.unwrap();
    assert_eq!(world.facts().await, [2]);
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_group_and_passes() {
    let world = World::new().await;
    run(&world.store, "CREATE TABLE parents (id INTEGER PRIMARY KEY)").await.unwrap();
    let child = "CREATE TABLE children (parent INTEGER NOT NULL REFERENCES parents \
                 DEFERRABLE INITIALLY DEFERRED)";
    run(&world.store, child).await.unwrap();
    let held = world.hold().await;
    let one = world.fact(1).await;
    let orphan = "INSERT INTO children VALUES (7)";
    let orphan = world.queue(Lane::Settle, move |tx| execute(tx, orphan.to_owned()).boxed()).await;
    let before = world.store.commits();
    world.release();
    let outcomes = join_all([held, one, orphan]).await;
    assert!(outcomes.iter().all(|outcome| reason(outcome) == Some(Reason::Unavailable)));
    assert_eq!(world.store.commits(), before);
    run(&world.store, "INSERT INTO facts VALUES (2)").await.unwrap();
    assert_eq!(world.facts().await, [2]);
}

#[tokio::test]
async fn a_group_takes_accepts_first_and_one_settle_if_one_waits() {
    let world = World::with(|config| config.group_closures_max = 4).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut writes = vec![world.hold().await];
    let lanes = [(Lane::Settle, 's', 2), (Lane::Accept, 'a', 7)];
    for (lane, letter, count) in lanes {
        for _ in 0..count {
            let order = Arc::clone(&order);
            let write = world.queue(lane, move |_| {
                order.lock().unwrap().push(letter);
                async { Ok(()) }.boxed()
            });
            writes.push(write.await);
        }
    }
    let before = world.store.commits();
    world.release();
    assert!(join_all(writes).await.iter().all(Result::is_ok));
    let order: String = order.lock().unwrap().iter().collect();
    assert_eq!(order, "aasaaasaa", "held and 3, then 4, then 2");
    assert_eq!(world.store.commits() - before, 3);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let world = World::with(|config| config.queue_max = 2).await;
    let held = world.hold().await;
    // The writer takes what it holds from the queue.
    tokio::task::yield_now().await;
    let mut waiting = Vec::new();
    let refused = loop {
        let store = world.store.clone();
        let mut write: Write =
            Box::pin(async move { store.write(Lane::Accept, |tx| insert(tx, 1).boxed()).await });
        match poll!(&mut write) {
            Poll::Ready(outcome) => break outcome,
            Poll::Pending => waiting.push(write),
        }
    };
    assert_eq!(reason(&refused), Some(Reason::Unavailable));
    assert_eq!(waiting.len(), 2);
    let settle = world.queue(Lane::Settle, |tx| insert(tx, 2).boxed()).await;
    world.release();
    held.await.unwrap();
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
    settle.await.unwrap();
}

#[tokio::test]
async fn closing_answers_what_waits_refuses_what_comes_and_lets_another_process_in() {
    let world = World::new().await;
    let held = world.hold().await;
    let waiting = world.fact(1).await;
    let mut closing = Box::pin(world.store.close());
    assert!(poll!(&mut closing).is_pending());
    world.release();
    closing.await;
    held.await.unwrap();
    waiting.await.unwrap();
    let late = run(&world.store, "INSERT INTO facts VALUES (2)").await;
    assert_eq!(reason(&late), Some(Reason::Unavailable));
    let again = Store::open(&config(&world.directory)).await.unwrap();
    assert_eq!(facts(again.reader()).await, [1]);
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_not_begun() {
    let world = World::new().await;
    let held = world.hold().await;
    let gone = world.fact(1).await;
    let stays = world.fact(2).await;
    drop(gone);
    world.release();
    join_all([held, stays]).await;
    assert_eq!(world.facts().await, [2]);
}

#[tokio::test]
async fn readers_cannot_write() {
    let world = World::new().await;
    let refused =
        world.store.reader().handle().db.execute_unprepared("INSERT INTO facts VALUES (1)").await;
    assert!(refused.is_err());
}
