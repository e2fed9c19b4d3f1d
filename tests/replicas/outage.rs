//! PostgreSQL goes away under load and comes back.

use crate::check::{self, Disturbance};
use crate::flight::Flight;
use crate::random::Random;
use crate::traffic::Traffic;
use crate::world::World;
use std::time::Duration;
use tokio::time::Instant;

const CREWS: usize = 3;
const WORKS: Duration = Duration::from_secs(2);
const AWAY: Duration = Duration::from_secs(5);
/// So soon an error must come, with what the machine may take on top of that.
const SOON: Duration = Duration::from_millis(2_500);
/// So soon calls are accepted again when it is back.
const BACK_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_gone_errors_come_soon_and_then_everything_arrives() {
    let _alone = crate::MACHINE.write().await;
    let mut random = Random::new(crate::seed());
    let world = World::start().await;
    let traffic = Traffic::begin(&world, CREWS, &mut random).await;
    crate::pass(WORKS).await;
    let disturbance = Disturbance::begins();
    world.postgres.stop_at_once();
    crate::pass(AWAY).await;
    world.postgres.start_again();
    let began = Instant::now();
    let disturbance = disturbance.over();
    traffic.is_answered().await;
    let took = began.elapsed();
    println!("calls were accepted again {took:?} after the database was back");
    assert!(took < BACK_WITHIN, "{took:?}");
    crate::pass(WORKS).await;
    let flown = traffic.end().await;
    let flights = || flown.iter().flat_map(|flown| &flown.flights);
    let failed: usize = flights().map(|flight: &Flight| flight.failed).sum();
    let slowest = flights().map(|flight| flight.slowest_failure).max().unwrap_or_default();
    println!("{failed} calls failed, the slowest after {slowest:?}");
    assert!(failed >= CREWS, "every crew was refused");
    assert!(slowest < SOON, "{slowest:?}");
    let phones: Vec<_> = flown.iter().flat_map(|flown| flown.crew.phones.clone()).collect();
    check::everything_arrives(&world, flown, &[disturbance]).await;
    check::no_timestamp_was_used_twice(&phones);
    world.stop().await;
}
