//! A replica stands still in the middle of sending, for longer than its lease, and goes on as if nothing had happened.

use crate::check::{self, Disturbance, show_the_newest};
use crate::flight::{Crew, Step};
use crate::handover::{LEASED, hold_update, nothing_is_leased};
use crate::random::Random;
use crate::traffic::Flown;
use crate::world::{PATIENCE, World};
use std::time::Duration;
use tokio::time::Instant;

/// The other one takes over within this: a lease, and some time to see that it has run out.
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(20);
const UPDATES_AFTER: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_stood_still_takes_nothing_back_that_the_other_did() {
    let _shared = crate::MACHINE.read().await;
    let world = World::start().await;
    let crew = Crew::gather(&world, "crew", 3).await;
    let (mut flight, mut random) = (crew.flight(0), Random::new(1));
    for step in [Step::Start, Step::Update] {
        flight.ask(&world.clients(), step, &mut random).await;
        show_the_newest(&flight, &crew.phones).await;
    }
    let (still, other) = (0, 1);
    nothing_is_leased(&world).await;
    world.replicas[other].stand_still();
    let held = hold_update(&world, &crew.phones[0].id());
    flight.ask(&[world.replicas[still].client()], Step::Update, &mut random).await;
    let holds =
        |s: &tidings::simulator::Simulator| s.fault(held).is_some_and(|fault| fault.holding == 1);
    assert!(world.simulator.wait_for(PATIENCE, holds).await, "the push is under way");
    let disturbance = Disturbance::begins();
    world.replicas[still].stand_still();
    let began = Instant::now();
    world.replicas[other].go_on();
    assert_eq!(world.postgres.count(LEASED).await, 1, "it stands still with a lease");

    let client = world.replicas[other].client();
    flight.ask(&[client], Step::Update, &mut random).await;
    show_the_newest(&flight, &crew.phones).await;
    let took = began.elapsed();
    println!("the other one took over after {took:?}");
    assert!(took < TAKES_OVER_WITHIN, "{took:?}");

    world.replicas[still].go_on();
    assert!(world.simulator.release_fault(Some(held)));
    for _ in 0..UPDATES_AFTER {
        flight.ask(&world.clients(), Step::Update, &mut random).await;
        show_the_newest(&flight, &crew.phones).await;
    }
    let phones = crew.phones.clone();
    let flown = Flown { crew, flights: vec![flight], watchers: Vec::new() };
    check::everything_arrives(&world, vec![flown], &[disturbance.over()]).await;
    // What it had in hand when it stood still is old when it arrives, and refused; nothing else.
    let drops: usize = phones.iter().map(|phone| phone.snapshot().drops.len()).sum();
    println!("{drops} pushes came too late");
    world.stop().await;
}
