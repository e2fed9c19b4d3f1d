//! Two replicas on one PostgreSQL. They are killed, told to end, made to stand still, and lose their database, and what
//! was accepted still arrives: nothing lost, no start doubled, no phone goes backwards, and no push made by two.
//!
//! Needs the programs of PostgreSQL that `scripts/tools` installs: each test has a server of its own.
//! `TIDINGS_TEST_SCALE` counts the kills; `TIDINGS_SEED` repeats what a seed decided, as far as time lets it.
#![expect(clippy::expect_used, reason = "what stands around a test fails the test")]
#![expect(clippy::indexing_slicing, reason = "what stands around a test fails the test")]

mod check;
mod flight;
mod handover;
mod kills;
mod outage;
mod postgres;
#[path = "../kill/process.rs"]
mod process;
#[path = "../kill/random.rs"]
mod random;
mod standstill;
mod traffic;
mod watch;
mod world;

use std::time::Duration;
use tokio::sync::RwLock;
use tokio::time::timeout;

/// Tests share the machine; one that measures how soon a call fails has it alone.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// How often what is counted is repeated.
fn scale() -> u64 {
    number("TIDINGS_TEST_SCALE").unwrap_or(1)
}

/// Printed, so that a failure can be repeated.
fn seed() -> u64 {
    let seed =
        number("TIDINGS_SEED").unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0));
    println!("seed {seed}");
    seed
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?.into_string().ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Lets the others work for so long.
async fn pass(time: Duration) {
    timeout(time, std::future::pending::<()>()).await.ok();
}
