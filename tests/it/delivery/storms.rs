//! Storms: connections that Apple closes in the middle, and verdicts that race with registrations. Nothing is lost,
//! nothing is started twice, and no good token dies.

use super::*;
use crate::harness::scale;
use futures::future::join_all;
use std::collections::BTreeSet;

const PHONES: usize = 12;
/// How often Apple closes a connection while so many updates are under way.
const CLOSINGS: usize = 8;
/// Each phone's part of the races.
const RACERS: usize = 20;
/// Races at scale 1, and at any scale from 5 on.
const RACES: usize = 100;
const RACES_IN_FULL: usize = 1_000;

/// Apple closes a connection, for both of its reasons.
fn closing(number: usize) -> sim::fault::Action {
    let reason = if number.is_multiple_of(2) { "Shutdown" } else { "IdleTimeout" }.to_owned();
    sim::fault::Action::GoAway(sim::FaultGoAway { reason })
}

/// A connection is closed in the middle of what is under way. Of what Apple did not look at it says so; of what it took
/// it says nothing.
fn closes_amidst(world: &World, number: usize) -> i64 {
    let fault = sim::Fault {
        event: "update".to_owned(),
        skip: i64::try_from(number % 4).expect("small"),
        count: 1,
        take: number.is_multiple_of(3),
        action: Some(closing(number)),
        ..sim::Fault::default()
    };
    world.simulator.set_fault(fault).expect("room for a fault")
}

async fn crowd(world: &World, count: usize) -> Vec<Phone> {
    let phones = (0..count).map(|number| world.phone(&format!("phone-{number}"), "18.2", "ada"));
    let phones: Vec<Phone> = phones.collect();
    for phone in &phones {
        world.said_everything(phone).await;
    }
    phones
}

/// One card on every phone, for one start that Apple took.
fn nothing_was_started_twice(world: &World, phones: &[Phone]) {
    let pushes = world.simulator.pushes(&sim::ListPushesRequest::default());
    for phone in phones {
        assert_eq!(phone.snapshot().cards.len(), 1, "{}", phone.id());
        let is_start = |push: &&sim::Push| {
            push.phone_id == phone.id() && String::from_utf8_lossy(&push.body).contains("\"start\"")
        };
        let taken = pushes.iter().filter(is_start).filter(|push| push.taken).count();
        assert_eq!(taken, 1, "{}", phone.id());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_apple_closes_lose_nothing() {
    let world = World::start().await;
    let phones = crowd(&world, PHONES).await;
    world.start_flight(&["ada"]).await;
    for phone in &phones {
        world.following(phone).await;
    }
    let mut status = String::new();
    for round in 0..CLOSINGS * scale() {
        let fault = closes_amidst(&world, round);
        status = format!("Gate {round}");
        world.update(&status).await;
        world.has_hit(fault).await;
    }
    // The last closing is made up for by trying again, those before it by newer content.
    for phone in &phones {
        shows(phone, 1, &status).await;
    }
    nothing_was_started_twice(&world, &phones);
    let connections = world.simulator.pushes(&sim::ListPushesRequest::default());
    let connections: BTreeSet<i64> = connections.iter().map(|push| push.connection).collect();
    assert!(connections.len() > CLOSINGS / 2, "Apple did close connections: {connections:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_connection_that_apple_closes_is_made_once_whether_it_was_taken_or_not() {
    let world = World::start().await;
    let mut phones = Vec::new();
    for number in 0..4_usize {
        let name = format!("phone-{number}");
        let phone = world.ready_phone(&name, &name).await;
        let fault = world.simulator.set_fault(sim::Fault {
            phone_id: phone.id(),
            count: 1,
            take: number.is_multiple_of(2),
            action: Some(closing(number)),
            ..sim::Fault::default()
        });
        world.flies_for(&name, &name).await;
        world.has_hit(fault.expect("room for a fault")).await;
        phones.push(phone);
    }
    for phone in &phones {
        shows(phone, 1, "Scheduled").await;
    }
    nothing_was_started_twice(&world, &phones);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verdicts_that_race_with_registrations_kill_no_good_token() {
    let races = if scale() >= 5 { RACES_IN_FULL } else { RACES * scale() };
    let world = World::start().await;
    let phones = crowd(&world, RACERS).await;
    world.start_flight(&["ada"]).await;
    for phone in &phones {
        world.following(phone).await;
    }
    for round in 0..races.div_ceil(RACERS) {
        let status = format!("Gate {round}");
        // The old token is dead from now on, and its successor is registered while a push to the old one is under way.
        let rotations = phones.iter().map(async |phone| {
            phone.rotate_token(&sim::RotateTokenRequest::default()).expect("a live card");
        });
        tokio::join!(world.update(&status), join_all(rotations));
        for phone in &phones {
            shows(phone, 1, &status).await;
        }
    }
    let last = "Landed";
    world.update(last).await;
    for phone in &phones {
        shows(phone, 1, last).await;
        world.becomes(&phone.snapshot().device_id, SubscriptionState::Active).await;
    }
    nothing_was_started_twice(&world, &phones);
    world.stop().await;
}
