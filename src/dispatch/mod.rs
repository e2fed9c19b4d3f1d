//! Closes gaps: looks at what is wanted and what was delivered, sends the difference, records what came of it.
//!
//! May import `store`, `provider`, `bus` and `domain`. There is no queue of messages: a bell or a sweep says that
//! something may be due, and the tables say what. One sender per shard: [`claims`] says how.
//!
//! ```text
//! turn ──> mark ──> expand ──> claim ──> send (begin starts, push) ──> settle slices ──> finish
//! ```

mod breakers;
mod channels;
mod claims;
mod credentials;
mod expand;
mod live;
mod mark;
mod provider_tokens;
mod purge;
pub mod retention;
mod segments;
mod send;
mod settle;
mod shard_task;
pub mod steps;
mod sweep;
mod turn;
mod verify;

use crate::bus::{Bus, Ring};
use crate::clock::Clock;
use crate::domain::ids::ActivityKey;
use crate::domain::plan::Present;
use crate::error::{Reason, Result};
use crate::provider::apns::Apns;
use crate::provider::fcm::Fcm;
use crate::secrets::Keyring;
use crate::store::{self, Store};
use claims::Claim;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the tables are looked at when nobody rings.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
/// The same where replicas share the database: what another one accepted or gave up rings no bell here.
const PEERS_INTERVAL: Duration = Duration::from_secs(1);
/// How many shards are sent to at the same time.
const SHARDS_AT_ONCE: usize = 16;
/// How many pushes may be made and not settled; at this bound claiming stops.
const UNSETTLED_MAX: usize = 20_000;
/// How long a failed step of the dispatcher waits before it is tried again.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// Sends what is due, until it is told to stop. Clones share everything.
#[derive(Clone)]
pub struct Dispatcher {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    apns: Apns,
    fcm: Fcm,
    keyring: Arc<Keyring>,
    clock: Clock,
    bus: Bus,
    process_start_s: i64,
    clock_mark_ms: AtomicI64,
    purge_at_ms: AtomicI64,
    segments_swept_ms: AtomicI64,
    claims: claims::Claims,
    shards: Arc<Semaphore>,
    unsettled: Arc<Semaphore>,
    questions: Arc<Semaphore>,
    breakers: breakers::Breakers,
    credentials: credentials::Cache,
    provider_tokens: provider_tokens::ProviderTokens,
    verifications: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What a dispatcher works with.
#[expect(missing_docs, reason = "each type says what it is")]
pub struct Parts {
    pub store: Store,
    pub apns: Apns,
    pub fcm: Fcm,
    pub keyring: Arc<Keyring>,
    pub clock: Clock,
    pub bus: Bus,
}

impl Dispatcher {
    /// A dispatcher at rest.
    pub fn new(parts: Parts) -> Self {
        let process_start_s = parts.clock.now().seconds();
        let shared = Shared {
            breakers: breakers::Breakers::default(),
            credentials: credentials::Cache::default(),
            provider_tokens: provider_tokens::ProviderTokens::default(),
            store: parts.store,
            apns: parts.apns,
            fcm: parts.fcm,
            keyring: parts.keyring,
            clock: parts.clock,
            bus: parts.bus,
            process_start_s,
            clock_mark_ms: AtomicI64::new(i64::MIN / 2),
            purge_at_ms: AtomicI64::new(i64::MIN),
            segments_swept_ms: AtomicI64::new(i64::MIN / 2),
            claims: claims::Claims::default(),
            shards: Arc::new(Semaphore::new(SHARDS_AT_ONCE)),
            unsettled: Arc::new(Semaphore::new(UNSETTLED_MAX)),
            questions: Arc::new(Semaphore::new(channels::QUESTIONS_AT_ONCE)),
            verifications: Semaphore::new(verify::AT_ONCE),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Works until `stop` is called. What a crash left behind is found like everything else: in the tables.
    pub async fn run(&self) {
        // Whoever waits for the last task waits for this, too: it may be about to claim something.
        let _running = self.shared.tasks.token();
        self.keep_leases();
        self.keep_channels();
        let mut bell = self.shared.bus.subscribe_work();
        while !self.shared.stop.is_cancelled() {
            let pause = match self.step().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "a dispatcher step failed and will be tried again");
                    FAULT_PAUSE
                }
            };
            tokio::select! {
                () = bell.rung() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.shared.stop.cancelled() => {}
            }
        }
    }

    /// Stops claiming, lets what was sent be answered and settled, and returns when nothing is left.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Everything that is due now; returns how long there is nothing to do.
    async fn step(&self) -> Result<Duration> {
        self.sweep().await?;
        self.turn_all().await?;
        self.mark_all().await?;
        self.expand_all().await?;
        self.claim_all().await?;
        self.purge().await?;
        self.sweep_segments().await?;
        let pause_max = if self.shared.store.is_shared() { PEERS_INTERVAL } else { SWEEP_INTERVAL };
        let next = self.next_look().await?;
        let until_next = next.map_or(pause_max, |due_at| due_at.since(self.shared.clock.now()));
        Ok(until_next.clamp(Duration::from_millis(1), pause_max))
    }

    async fn claim_all(&self) -> Result<()> {
        while !self.shared.stop.is_cancelled() {
            let free = self.shared.shards.available_permits();
            if free == 0 {
                return Ok(());
            }
            let claims = self.claim_due(free).await?;
            if claims.is_empty() {
                return Ok(());
            }
            for claim in claims {
                let Ok(permit) = Arc::clone(&self.shared.shards).try_acquire_owned() else { break };
                self.shared.tasks.spawn(async move {
                    shard_task::run(claim).await;
                    drop(permit);
                });
            }
        }
        Ok(())
    }

    /// Says whether work for one activity was done. What is wrong with one must not hold up the others, nor what is to
    /// be sent: that one is tried again with the next sweep. Where the database is away nothing else would work either.
    fn got_further(&self, activity: ActivityKey, done: Result<()>) -> Result<bool> {
        match done {
            Err(error) if error.reason == Reason::Unavailable => Err(error),
            Err(error) => {
                tracing::error!(%error, %activity, "an activity failed and is tried again");
                Ok(false)
            }
            Ok(()) => {
                self.shared.bus.ring(Ring::Activity(activity));
                Ok(true)
            }
        }
    }

    fn reader(&self) -> &store::Reader {
        self.shared.store.reader()
    }

    fn present(&self) -> Present {
        let process_start_s = self.shared.process_start_s;
        Present { now: self.shared.clock.now(), process_start_s }
    }
}
