//! Claims: who may send to a shard.
//!
//! Embedded there is one process, and its claims live in memory. Where replicas share a database a claim is a lease
//! with an epoch, by the database's time, renewed while its shard is sent to. Invariants: of all replicas one sends to
//! a shard; none begins to send with less than [`SEND_MARGIN`] of its lease left; who lost a lease moves no shard and
//! begins no start, for both look at the epoch under the shard's lock.

use super::{Dispatcher, FAULT_PAUSE, Shared, steps};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::ids::{ReplicaId, ShardId};
use crate::error::{Error, Result};
use crate::store::leases::{Claimant, LEASE, Lease};
use crate::store::{self, Lane, leases};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often leases are renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// A renewal that was not answered by then is given up: the next one has another connection, and time enough.
const RENEW_TIMEOUT: Duration = Duration::from_secs(3);
/// No send begins with less than this left of a lease.
const SEND_MARGIN: Duration = Duration::from_secs(2);

const _: () = assert!(
    RENEW_INTERVAL.as_secs() + 2 * RENEW_TIMEOUT.as_secs() + SEND_MARGIN.as_secs()
        < LEASE.as_secs(),
    "a renewal may be lost without the lease",
);

/// What this process has claimed.
#[derive(Debug)]
pub(super) struct Claims {
    owner: ReplicaId,
    held: Mutex<HashMap<ShardId, Held>>,
}

#[derive(Clone, Copy, Debug)]
enum Held {
    /// Nobody else could.
    Alone,
    /// By a lease that lasts at least until then.
    Leased { epoch: i64, until: Instant },
}

/// A shard that nobody else may send to while this lives and its lease lasts.
pub(super) struct Claim {
    pub(super) dispatcher: Dispatcher,
    pub(super) shard: ShardId,
    /// That of the lease, where replicas share the database.
    pub(super) epoch: Option<i64>,
}

impl Default for Claims {
    fn default() -> Self {
        Claims { owner: ReplicaId::generate(), held: Mutex::default() }
    }
}

impl Claims {
    /// The map is whole after every statement, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<ShardId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shards(&self) -> Vec<ShardId> {
        self.lock().keys().copied().collect()
    }

    fn leases(&self) -> Vec<(ShardId, i64)> {
        let held = self.lock();
        let leased = held.iter().filter_map(|(shard, held)| match held {
            Held::Alone => None,
            Held::Leased { epoch, .. } => Some((*shard, *epoch)),
        });
        leased.collect()
    }

    fn claimant(&self) -> Claimant {
        Claimant { owner: self.owner, busy: self.shards() }
    }

    /// Those leases last longer; of the others nothing is known, so they last as long as they did.
    fn prolong(&self, renewed: &[(ShardId, i64)], until: Instant) {
        let mut all = self.lock();
        for (shard, renewed) in renewed {
            // The shard may have been claimed anew since.
            if let Some(Held::Leased { epoch, until: last }) = all.get_mut(shard)
                && epoch == renewed
            {
                *last = until;
            }
        }
    }
}

impl Claim {
    /// A send may begin: nobody else will for a while, and no later process would stamp what is older.
    pub(super) fn may_send(&self) -> bool {
        let Shared { clock, clock_mark_ms, .. } = &*self.dispatcher.shared;
        if !steps::may_stamp(Time(clock_mark_ms.load(Ordering::Relaxed)), clock.now()) {
            return false;
        }
        match self.dispatcher.shared.claims.lock().get(&self.shard) {
            Some(Held::Alone) => true,
            Some(Held::Leased { until, .. }) => Instant::now() + SEND_MARGIN <= *until,
            None => false,
        }
    }

    /// Gives a lease up that was not given up with the last write of its claim. Where that fails it runs out.
    pub(super) async fn release(&self) {
        let (shard, epoch) = (self.shard, self.epoch);
        if epoch.is_none() {
            return;
        }
        let store = &self.dispatcher.shared.store;
        let released =
            store.write(Lane::Settle, move |tx| Box::pin(steps::release(tx, shard, epoch))).await;
        if let Err(error) = released {
            tracing::warn!(%error, %shard, "a lease was not given up; it runs out");
        }
    }
}

impl Dispatcher {
    /// Claims at most so many shards that are due.
    pub(super) async fn claim_due(&self, limit: usize) -> Result<Vec<Claim>> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        if self.shared.store.is_shared() { self.lease(limit).await } else { self.take(limit).await }
    }

    async fn take(&self, limit: u64) -> Result<Vec<Claim>> {
        let (now, claimed) = (self.shared.clock.now(), self.shared.claims.shards());
        let due = store::shards::due_all_workspaces(self.reader(), now, limit, &claimed).await?;
        Ok(due.into_iter().map(|shard| self.hold(shard.id, Held::Alone)).collect())
    }

    async fn lease(&self, limit: u64) -> Result<Vec<Claim>> {
        let (now, claimant) = (self.shared.clock.now(), self.shared.claims.claimant());
        let next = leases::next_due(self.reader(), now, &claimant).await?;
        if next.is_none_or(|due_at| due_at > now) {
            return Ok(Vec::new());
        }
        // Counted from before the database was asked, so that it never ends later here than there.
        let until = Instant::now() + LEASE;
        let clock = self.shared.clock.clone();
        let claim = self.shared.store.write(Lane::Settle, move |tx| {
            let (clock, claimant) = (clock.clone(), claimant.clone());
            Box::pin(async move {
                let now = store::clock::now(tx, &clock).await?;
                Ok((now, leases::claim(tx, now, &claimant, limit).await?))
            })
        });
        let (now, leases): (Time, Vec<Lease>) = claim.await?;
        self.shared.clock.follow(now);
        let claims = leases.into_iter().map(|lease| {
            let held = Held::Leased { epoch: lease.epoch, until };
            self.hold(lease.shard.id, held)
        });
        Ok(claims.collect())
    }

    /// What is held was not asked for, and claims are made by one task.
    fn hold(&self, shard: ShardId, held: Held) -> Claim {
        let epoch = match held {
            Held::Alone => None,
            Held::Leased { epoch, .. } => Some(epoch),
        };
        self.shared.claims.lock().insert(shard, held);
        Claim { dispatcher: self.clone(), shard, epoch }
    }

    /// When the next shard is due that nobody has claimed.
    pub(super) async fn next_due(&self) -> Result<Option<Time>> {
        if self.shared.store.is_shared() {
            let claimant = self.shared.claims.claimant();
            return leases::next_due(self.reader(), self.shared.clock.now(), &claimant).await;
        }
        let claimed = self.shared.claims.shards();
        store::shards::next_due_all_workspaces(self.reader(), &claimed).await
    }

    /// Renews leases until the last shard is settled, where replicas share the database.
    pub(super) fn keep_leases(&self) {
        if !self.shared.store.is_shared() {
            return;
        }
        let dispatcher = self.clone();
        tokio::spawn(async move {
            let mut ticks = interval(RENEW_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let tasks = dispatcher.shared.tasks.clone();
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = tasks.wait() => return,
                }
                let renewed = timeout(RENEW_TIMEOUT, dispatcher.renew()).await;
                if let Err(error) = renewed.unwrap_or_else(|_| Err(no_answer())) {
                    tracing::warn!(%error, "leases were not renewed and will be tried again");
                    tokio::time::sleep(FAULT_PAUSE).await;
                    ticks.reset_immediately();
                }
            }
        });
    }

    async fn renew(&self) -> Result<()> {
        let held = self.shared.claims.leases();
        let until = Instant::now() + LEASE;
        let (clock, claims) = (self.shared.clock.clone(), held.clone());
        let renew = self.shared.store.write(Lane::Settle, move |tx| {
            let (clock, claims) = (clock.clone(), claims.clone());
            Box::pin(async move {
                let now = store::clock::now(tx, &clock).await?;
                Ok((now, leases::renew(tx, &claims, now).await?))
            })
        });
        let (now, renewed) = renew.await?;
        self.shared.clock.follow(now);
        let renewed = held.into_iter().filter(|(shard, _)| renewed.contains(shard));
        self.shared.claims.prolong(&renewed.collect::<Vec<_>>(), until);
        Ok(())
    }
}

fn no_answer() -> Error {
    Error::unavailable("The database did not answer in time.")
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.dispatcher.shared.claims.lock().remove(&self.shard);
        self.dispatcher.shared.bus.ring(Ring::Work);
    }
}
