//! Replicas are killed, or told to end, in turn under load, and started again.

use crate::check::{self, Disturbance};
use crate::random::Random;
use crate::traffic::Traffic;
use crate::world::{PATIENCE, REPLICAS, World};
use std::time::Duration;
use tidings::proto::simulator_v1::{self as sim, fault::Action};
use tidings::simulator::Simulator;

const CREWS: usize = 4;
/// Kills, times the scale. All of them within the minute after which a start would be repeated.
const KILLS: u64 = 4;
const KILLS_MAX: u64 = 14;
/// So many updates are under way when a replica is killed, at most.
const HELD: i64 = 4;
/// The longest between two kills, and that a replica stays away.
const MILLISECONDS_MAX: usize = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_reversed_while_replicas_are_killed_in_turn() {
    let _shared = crate::MACHINE.read().await;
    let mut random = Random::new(crate::seed());
    let mut world = World::start().await;
    let traffic = Traffic::begin(&world, CREWS, &mut random).await;
    let mut disturbances = Vec::new();
    for number in 0..(KILLS * crate::scale()).min(KILLS_MAX) {
        crate::pass(some_time(&mut random)).await;
        let replica = random.below(REPLICAS);
        // One that is told to end leaves nothing unsaid, so it is no excuse.
        let kills = number == 0 || random.chance(70);
        if kills {
            let held = something_is_under_way(&world, &mut random).await;
            let disturbance = Disturbance::begins();
            world.replicas[replica].process.kill();
            disturbances.push(disturbance.over());
            println!("replica {replica} was killed, {held} pushes under way at either");
        } else {
            let took = world.end(replica).await;
            println!("replica {replica} ended within {took:?}");
        }
        crate::pass(some_time(&mut random)).await;
        let took = world.restart(replica).await;
        world.simulator.release_fault(None);
        println!("replica {replica} serves again after {took:?}");
    }
    crate::pass(some_time(&mut random)).await;
    let flown = traffic.end().await;
    let phones: Vec<_> = flown.iter().flat_map(|flown| flown.crew.phones.clone()).collect();
    check::everything_arrives(&world, flown, &disturbances).await;
    check::no_timestamp_was_used_twice(&phones);
    world.stop().await;
}

/// Waits until APNs has updates that it does not answer, and says how many. Each is of one replica or the other.
async fn something_is_under_way(world: &World, random: &mut Random) -> i64 {
    let held = world.simulator.set_fault(sim::Fault {
        event: "update".to_owned(),
        count: HELD,
        take: random.chance(50),
        action: Some(Action::Hold(sim::FaultHold {})),
        ..sim::Fault::default()
    });
    let held = held.expect("room for a fault");
    let holding = |s: &Simulator| s.fault(held).map_or(0, |fault| fault.holding);
    let came = world.simulator.wait_for(PATIENCE, |simulator| holding(simulator) > 0).await;
    assert!(came, "no push was made");
    holding(&world.simulator)
}

fn some_time(random: &mut Random) -> Duration {
    Duration::from_millis(u64::try_from(random.below(MILLISECONDS_MAX)).expect("small"))
}
