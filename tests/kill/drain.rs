//! How the process ends when it is told to: what it had accepted arrives after it comes back.

use crate::check;
use crate::flight::{Flight, Step};
use crate::random::Random;
use crate::remains::Remains;
use crate::world::{END_MAX, World};
use futures::future::join_all;
use std::time::Duration;
use tidings::proto::v1::WatchActivityRequest;
use tokio::time::{Instant, timeout};

const FLIGHTS: usize = 6;
/// How long it works before it is told to end.
const WORKS: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_end_under_load_loses_nothing() {
    let mut world = World::start().await;
    let mut random = Random::new(1);
    let mut flights = Vec::new();
    for index in 0..FLIGHTS {
        let mut flight = Flight::board(&world, &format!("D{index}"), &mut random).await;
        assert!(flight.ask(&mut world.activities(), Step::Start).await);
        flights.push(flight);
    }
    // A stream that its caller never ends must not keep the server.
    let request = WatchActivityRequest { activity_id: flights[0].id.clone() };
    let watched = world.activities().watch_activity(request).await.expect("a watch");

    let hurries = flights.iter_mut().map(|flight| {
        let mut client = world.activities();
        async move { while flight.ask(&mut client, Step::Update { alerts: false }).await {} }
    });
    let process = &world.process;
    let ending = async {
        timeout(WORKS, std::future::pending::<()>()).await.ok();
        process.terminate();
        Instant::now()
    };
    let (_, told_at) = tokio::join!(join_all(hurries), ending);
    drop(watched);
    let ended = world.process.ended(END_MAX).await;
    println!("the server ended {:?} after it was told", told_at.elapsed());
    assert!(ended.status.success(), "{ended:?}");

    let remains = Remains::read(world.folder.path()).await;
    let accepted: usize = flights.iter().map(|flight| flight.accepted.len()).sum();
    println!("{accepted} calls were accepted before");
    for flight in &flights {
        let left = remains.revisions[&flight.id];
        let accepted = flight.newest_revision();
        assert!(left >= accepted, "revision {accepted} of {} was accepted and lost", flight.id);
    }
    world.restart().await;
    for flight in &mut flights {
        flight.ask_again(&mut world.activities()).await;
    }
    check::everything_arrives(&world, &mut flights).await;
    world.stop().await;
}
