//! Leases of shards: one claim at a time, and a newer one fences an older one off.

use crate::world::{NOW, World, at, shard, transact};
use std::collections::BTreeSet;
use tidings::clock::{Clock, Time};
use tidings::domain::change::Change;
use tidings::domain::ids::{ReplicaId, ShardId};
use tidings::store::clock;
use tidings::store::leases::{self, Claimant, LEASE, Lease};

impl World {
    /// Shards of one activity that are due at these seconds.
    async fn due(&self, seconds: &[i64]) -> Vec<ShardId> {
        let activity = self.activity("FLIGHT_1");
        let mut rows: Vec<_> = seconds.iter().map(|_| shard(&activity, self.app)).collect();
        for (row, seconds) in rows.iter_mut().zip(seconds) {
            row.due_at = Some(at(*seconds));
        }
        let ids = rows.iter().map(|row| row.id).collect();
        self.apply(move || Change {
            activities: vec![activity.clone()],
            shards: rows.clone(),
            ..Change::default()
        })
        .await
        .unwrap();
        ids
    }

    /// By a replica that has none yet.
    async fn claim(&self, seconds: i64, limit: u64) -> Vec<Lease> {
        self.claim_for(&idle(), seconds, limit).await
    }

    async fn claim_for(&self, claimant: &Claimant, seconds: i64, limit: u64) -> Vec<Lease> {
        let claimant = claimant.clone();
        transact!(self, |tx, claimant| leases::claim(tx, at(seconds), &claimant, limit).await)
            .unwrap()
    }

    async fn next_due(&self, claimant: &Claimant, seconds: i64) -> Option<Time> {
        leases::next_due(self.store.reader(), at(seconds), claimant).await.unwrap()
    }

    async fn holds(&self, id: ShardId, epoch: i64) -> bool {
        transact!(self, |tx| leases::holds(tx, id, epoch).await).unwrap()
    }
}

fn idle() -> Claimant {
    Claimant { owner: ReplicaId::generate(), busy: Vec::new() }
}

fn claimed(leases: &[Lease]) -> Vec<(ShardId, i64)> {
    leases.iter().map(|lease| (lease.shard.id, lease.epoch)).collect()
}

pub(crate) async fn a_due_shard_is_claimed_once_until_its_lease_is_over(world: World) {
    let ids = world.due(&[-1, -3, 5]).await;
    let first = world.claim(0, 10).await;
    assert_eq!(claimed(&first), [(ids[1], 1), (ids[0], 1)], "the longest due first");
    assert_eq!(first[0].until, NOW + LEASE);
    assert_eq!(world.claim(1, 10).await, []);
    let over = i64::try_from(LEASE.as_secs()).unwrap();
    let again = world.claim(over, 1).await;
    assert_eq!(claimed(&again), [(ids[1], 2)]);
    assert_eq!(claimed(&world.claim(over, 10).await), [(ids[0], 2), (ids[2], 1)]);
}

pub(crate) async fn a_newer_claim_fences_an_older_one_off(world: World) {
    let id = world.due(&[0]).await[0];
    let over = i64::try_from(LEASE.as_secs()).unwrap();
    assert!(!world.holds(id, 1).await);
    world.claim(0, 1).await;
    assert!(world.holds(id, 1).await);
    world.claim(over, 1).await;
    assert!(!world.holds(id, 1).await);
    assert!(world.holds(id, 2).await);
    let renewed = transact!(world, |tx| leases::renew(tx, &[(id, 1)], at(over)).await).unwrap();
    assert_eq!(renewed, []);
    transact!(world, |tx| leases::release(tx, id, 1).await).unwrap();
    assert_eq!(world.claim(over + 1, 1).await, [], "the older claim gives up nothing");
}

pub(crate) async fn a_renewed_lease_holds_and_a_released_one_is_free(world: World) {
    let ids = world.due(&[0, 0]).await;
    let claims = claimed(&world.claim(0, 2).await);
    let renewed = transact!(world, |tx, claims| leases::renew(tx, &claims, at(10)).await).unwrap();
    assert_eq!(renewed, ids);
    assert_eq!(world.claim(20, 2).await, []);
    let id = ids[0];
    transact!(world, |tx| leases::release(tx, id, 1).await).unwrap();
    assert_eq!(claimed(&world.claim(20, 2).await), [(id, 2)]);
}

pub(crate) async fn a_renewal_after_the_release_leaves_the_shard_free(world: World) {
    let id = world.due(&[0]).await[0];
    let claims = claimed(&world.claim(0, 1).await);
    transact!(world, |tx| leases::release(tx, id, 1).await).unwrap();
    let renewed = transact!(world, |tx, claims| leases::renew(tx, &claims, at(0)).await).unwrap();
    assert_eq!(renewed, []);
    assert_eq!(claimed(&world.claim(1, 1).await), [(id, 2)]);
}

pub(crate) async fn a_replica_claims_anew_what_it_does_not_know_that_it_has(world: World) {
    let id = world.due(&[0]).await[0];
    let claimant = idle();
    assert_eq!(claimed(&world.claim_for(&claimant, 0, 1).await), [(id, 1)]);
    assert_eq!(world.next_due(&idle(), 1).await, None, "not for another replica");
    assert_eq!(world.claim(1, 1).await, []);
    assert_eq!(world.next_due(&claimant, 1).await, Some(at(0)));
    assert_eq!(claimed(&world.claim_for(&claimant, 1, 1).await), [(id, 2)]);
    assert!(!world.holds(id, 1).await, "whatever became of the claim that it did not know of");
}

pub(crate) async fn a_replica_does_not_claim_again_what_it_is_busy_with(world: World) {
    let id = world.due(&[0]).await[0];
    let mut claimant = idle();
    world.claim_for(&claimant, 0, 1).await;
    claimant.busy.push(id);
    let over = i64::try_from(LEASE.as_secs()).unwrap();
    for seconds in [1, over] {
        assert_eq!(world.next_due(&claimant, seconds).await, None);
        assert_eq!(world.claim_for(&claimant, seconds, 1).await, []);
    }
    assert!(world.holds(id, 1).await, "its claim is still the newest");
    assert_eq!(claimed(&world.claim(over, 1).await), [(id, 2)], "another replica may");
}

pub(crate) async fn what_a_shard_is_written_with_leaves_its_lease_alone(world: World) {
    let id = world.due(&[0]).await[0];
    let lease = world.claim(0, 1).await.remove(0);
    let row = lease.shard.clone();
    world.apply(move || Change { shards: vec![row.clone()], ..Change::default() }).await.unwrap();
    assert!(world.holds(id, lease.epoch).await);
    assert_eq!(world.claim(1, 1).await, []);
}

pub(crate) async fn claims_at_the_same_time_share_the_shards_out(world: World) {
    let ids = world.due(&[0; 40]).await;
    let claims = futures::future::join_all((0..8).map(|_| world.claim(0, 10))).await;
    let all: Vec<ShardId> = claims.iter().flatten().map(|lease| lease.shard.id).collect();
    let distinct: BTreeSet<ShardId> = all.iter().copied().collect();
    assert_eq!(all.len(), distinct.len(), "no shard is claimed twice");
    assert!(distinct.iter().all(|id| ids.contains(id)));
    let mut left = ids.len() - all.len();
    while left > 0 {
        let more = world.claim(0, 10).await;
        assert!(!more.is_empty(), "what was passed over is claimed later");
        left -= more.len();
    }
}

pub(crate) async fn the_present_is_told_by_the_database_or_by_the_only_process(world: World) {
    let machine = Clock::system();
    let told = clock::now(world.store.reader(), &machine).await.unwrap();
    assert!(machine.now().since(told).as_secs() < 60 && told.since(machine.now()).as_secs() < 60);
}
