//! A seeded simulation in virtual time over the real rules, tables and steps of delivery: callers, phones, Apple, the
//! network and the process do what they may do, in any order, with faults. After each step S1 to S7 of `check` hold; at
//! rest L1 and L2 of `rest` do. `docs/simulation.md` says what is simulated and what is not.
//!
//! A failing seed is printed with the command that runs it again: `TIDINGS_SEED=7 cargo test --test simulation`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a world may fail loudly; its indexes are its own"
)]

mod acts;
mod apple;
mod begin;
mod caller;
mod check;
mod database;
#[path = "../databases/mod.rs"]
mod databases;
mod dispatcher;
mod phone;
mod random;
mod rest;
mod world;

use crate::database::Database;
use crate::databases::TestDatabase;
use crate::world::World;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds a commit runs; `TIDINGS_TEST_SCALE` multiplies them.
const SEEDS: u64 = 2_000;
/// How many seeds a commit runs on both databases.
#[cfg(feature = "postgres-tests")]
const SEEDS_ON_BOTH: u64 = 25;
/// How many worlds are run at once: while one waits for its database, another one thinks.
const WORLDS_AT_ONCE: u64 = 4;
/// So many failing seeds are enough to look at.
const FAILURES_MAX: usize = 10;
/// How many worlds share a database before it is made anew.
const WORLDS_PER_DATABASE: u64 = 250;

#[test]
fn every_property_holds_in_every_world() {
    if let Some(seed) = number("TIDINGS_SEED") {
        let trace = on_a_thread(async { run(&open().await, seed, 0).await });
        trace.unwrap_or_else(|failed| panic!("{}\n\n{failed}", failed.trace.join("\n")));
        return;
    }
    let scale = number("TIDINGS_TEST_SCALE").unwrap_or(1);
    let seeds = number("TIDINGS_SEEDS").unwrap_or(SEEDS * scale);
    let next = AtomicU64::new(1);
    let failures: Mutex<Vec<Failure>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..WORLDS_AT_ONCE {
            scope.spawn(|| on_a_thread(work(&next, seeds, &failures)));
        }
    });
    let mut failures = failures.into_inner().expect("no panic");
    failures.sort_by_key(|failure| failure.seed);
    let words: Vec<String> = failures.iter().map(Failure::to_string).collect();
    let first = failures.first().map_or(String::new(), |failure| failure.trace.join("\n"));
    assert!(failures.is_empty(), "{first}\n\n{}", words.join("\n"));
}

/// Takes seeds until none is left or enough have failed.
async fn work(next: &AtomicU64, seeds: u64, failures: &Mutex<Vec<Failure>>) {
    let mut database = open().await;
    for count in 1.. {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed > seeds || failures.lock().expect("no panic").len() >= FAILURES_MAX {
            return;
        }
        if count % WORLDS_PER_DATABASE == 0 {
            database = open().await;
        }
        if let Err(failure) = run(&database, seed, 0).await {
            failures.lock().expect("no panic").push(failure);
        }
    }
}

/// Whatever is asked in whatever order, nobody can tell from what happens which database it is.
#[cfg(feature = "postgres-tests")]
#[test]
fn the_same_worlds_have_the_same_history_on_postgresql() {
    let scale = number("TIDINGS_TEST_SCALE").unwrap_or(1);
    let only = number("TIDINGS_SEED");
    let seeds = only.map_or(1..=SEEDS_ON_BOTH * scale, |seed| seed..=seed);
    on_a_thread(async {
        let one = open().await;
        let other = Database::open(TestDatabase::postgres().await).await.expect("a database");
        for seed in seeds {
            let history = run(&one, seed, 0).await.unwrap_or_else(|failed| panic!("{failed}"));
            let same = run(&other, seed, 0).await;
            let same = same.unwrap_or_else(|failed| panic!("on PostgreSQL: {failed}"));
            assert_eq!(history, same, "TIDINGS_SEED={seed}");
        }
    });
}

#[test]
fn a_seed_replays_step_by_step() {
    on_a_thread(async {
        let (one, other) = (open().await, open().await);
        for seed in 1..=5 {
            let first = run(&one, seed, 0).await.expect("a good world");
            assert_eq!(first, run(&other, seed, 0).await.expect("a good world"));
            assert_eq!(first, run(&other, seed, 1).await.expect("a good world"));
        }
    });
}

async fn open() -> Database {
    Database::open(TestDatabase::sqlite()).await.expect("a database")
}

/// Runs the world of a seed; returns what happened, or what went wrong.
async fn run(database: &Database, seed: u64, attempt: u64) -> Result<Vec<String>, Failure> {
    let mut world = World::begin(database, seed, attempt).await.expect("a world");
    match world.run().await {
        Ok(()) => Ok(world.trace),
        Err(error) => Err(Failure { seed, error, trace: world.trace }),
    }
}

/// A world in which a property does not hold.
#[derive(Debug)]
struct Failure {
    seed: u64,
    error: anyhow::Error,
    trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, error, .. } = self;
        write!(f, "seed {seed}: {error:#}\n  TIDINGS_SEED={seed} cargo test --test simulation")
    }
}

fn on_a_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

fn number(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}
