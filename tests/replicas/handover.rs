//! A replica that is told to end gives up what it has claimed, and the other goes on.

use crate::check::show_the_newest;
use crate::flight::{Crew, Step};
use crate::random::Random;
use crate::world::{END_MAX, PATIENCE, World};
use std::time::Duration;
use tidings::proto::simulator_v1::{self as sim, fault::Action};
use tokio::time::Instant;

const ROUNDS: usize = 3;
/// The other one continues within this: far sooner than a lease runs out, which has ten seconds left at least.
const CONTINUES_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked at the tables.
const LOOK: Duration = Duration::from_millis(20);
/// Shards that somebody has a lease of.
pub(crate) const LEASED: &str = "SELECT count(*) FROM shards WHERE lease_until > \
                                 (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_has_claimed_is_free_when_it_is_told_to_end() {
    let _shared = crate::MACHINE.read().await;
    let mut world = World::start().await;
    let crew = Crew::gather(&world, "crew", 2).await;
    let (mut flight, mut random) = (crew.flight(0), Random::new(1));
    for step in [Step::Start, Step::Update] {
        flight.ask(&world.clients(), step, &mut random).await;
        show_the_newest(&flight, &crew.phones).await;
    }
    for round in 0..ROUNDS {
        let (leaving, staying) = (round % 2, (round + 1) % 2);
        // So that it is the other one that claims.
        nothing_is_leased(&world).await;
        world.replicas[staying].stand_still();
        let held = hold_update(&world, &crew.phones[0].id());
        let client = world.replicas[leaving].client();
        flight.ask(&[client], Step::Update, &mut random).await;
        let holds = |s: &tidings::simulator::Simulator| {
            s.fault(held).is_some_and(|fault| fault.holding == 1)
        };
        assert!(world.simulator.wait_for(PATIENCE, holds).await, "the push is under way");
        let leased = world.postgres.count(LEASED).await;
        world.replicas[leaving].process.terminate();
        let told_at = Instant::now();
        world.replicas[staying].go_on();
        assert!(world.simulator.release_fault(Some(held)));
        assert_eq!(leased, 1, "there was a lease to be given up");
        let client = world.replicas[staying].client();
        flight.ask(&[client], Step::Update, &mut random).await;
        show_the_newest(&flight, &crew.phones).await;
        let took = told_at.elapsed();
        println!("the other one continued within {took:?}");
        assert!(took < CONTINUES_WITHIN, "{took:?}");
        let ended = world.replicas[leaving].process.ended(END_MAX).await;
        assert!(ended.status.success(), "{ended:?}");
        println!("it had ended after {:?}", told_at.elapsed());
        world.restart(leaving).await;
    }
    world.stop().await;
}

/// Waits until what was sent is settled.
pub(crate) async fn nothing_is_leased(world: &World) {
    let began = Instant::now();
    while world.postgres.count(LEASED).await > 0 {
        assert!(began.elapsed() < PATIENCE, "a lease that nobody gives up");
        crate::pass(LOOK).await;
    }
}

/// APNs does not answer the next update of that phone until it is told.
pub(crate) fn hold_update(world: &World, phone_id: &str) -> i64 {
    let held = world.simulator.set_fault(sim::Fault {
        phone_id: phone_id.to_owned(),
        event: "update".to_owned(),
        count: 1,
        action: Some(Action::Hold(sim::FaultHold {})),
        ..sim::Fault::default()
    });
    held.expect("room for a fault")
}
