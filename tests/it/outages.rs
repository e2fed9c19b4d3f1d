//! PostgreSQL goes away, falls silent, or does not say whether it committed: an error comes soon, success only where it
//! is true, and a repeat of the request finds out.

use crate::calls::{CONTACT, start, update};
use crate::databases::TestDatabase;
use crate::harness::{World, shows, status_of};
use crate::tables::count;
use crate::wire::Wire;
use std::time::{Duration, Instant};
use tidings::proto::v1::{StartActivityRequest, UpdateActivityRequest, UpdateActivityResponse};
use tonic::Code;

/// Updates whose commits suffer, times the scale.
const UPDATES: usize = 200;
/// So soon an error must come.
const SOON: Duration = Duration::from_secs(2);
/// What the machine may take on top of that.
const ON_TOP: Duration = Duration::from_millis(500);
/// So long the database says nothing at all.
const SILENCE: Duration = Duration::from_secs(30);
/// So soon after that everything has arrived: what was being written when it began is given up with it.
const ARRIVES_WITHIN: Duration = Duration::from_secs(20);
/// How often one request is repeated at most.
const REPEATS_MAX: usize = 50;

fn scale() -> usize {
    let scale = std::env::var_os("TIDINGS_TEST_SCALE");
    scale.and_then(|scale| scale.to_str()?.parse().ok()).unwrap_or(1)
}

fn counted(count: usize) -> i64 {
    i64::try_from(count).expect("a count")
}

fn numbered(number: usize) -> UpdateActivityRequest {
    let request_id = format!("update-{number}");
    UpdateActivityRequest { request_id, ..update("FLIGHT_1", &number.to_string()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_commit_nobody_answered_has_one_effect() {
    let database = TestDatabase::postgres().await;
    let wire = Wire::to(database.url()).await;
    let world = World::start_on(database, |url| wire.url(url)).await;
    world.caller().started("FLIGHT_1").await;
    let updates = UPDATES * scale();
    wire.let_commits_suffer(true);
    let mut repeats = 0;
    for number in 1..=updates {
        let mut answer = world.activities().update_activity(numbered(number)).await;
        for _ in 0..REPEATS_MAX {
            let Err(status) = &answer else { break };
            assert!(matches!(status.code(), Code::Unavailable | Code::Aborted), "{status:?}");
            repeats += 1;
            answer = world.activities().update_activity(numbered(number)).await;
        }
        let answer = answer.expect("answered in the end").into_inner();
        assert_eq!(answer.revision, counted(number) + 1, "each request is one revision");
    }
    wire.let_commits_suffer(false);
    println!(
        "{updates} updates had one effect each, {} commits cut, {repeats} repeats",
        wire.cut()
    );
    assert!(wire.cut() > updates / 3, "{} commits were cut", wire.cut());
    assert!(repeats > updates / 3, "{repeats} repeats");
    let revisions = count(world.database(), "SELECT count(*) FROM revisions").await;
    assert_eq!(revisions, counted(updates) + 1);
    let events = "SELECT count(*) FROM events WHERE kind = 2";
    assert_eq!(
        count(world.database(), events).await,
        counted(updates),
        "one event for each update"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_comes_soon_when_the_database_is_gone_or_silent() {
    for silent in [false, true] {
        let database = TestDatabase::postgres().await;
        let wire = Wire::to(database.url()).await;
        let world = World::start_on(database, |url| wire.url(url)).await;
        world.caller().started("FLIGHT_1").await;
        if silent {
            wire.fall_silent();
        } else {
            wire.take_down();
        }
        for number in 1..=3 {
            let began = Instant::now();
            let answer = world.activities().update_activity(numbered(number)).await;
            let status = answer.expect_err("no false success");
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
            assert!(began.elapsed() < SOON + ON_TOP, "silent {silent}: {:?}", began.elapsed());
        }
        drop(wire);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_half_a_minute_of_silence_everything_arrives() {
    let database = TestDatabase::postgres().await;
    let wire = Wire::to(database.url()).await;
    let world = World::start_on(database, |url| wire.url(url)).await;
    let caller = world.caller();
    let phones = ["iphone", "ipad"].map(|device_id| world.phone(device_id, "18.2", CONTACT));
    for phone in &phones {
        world.said_everything(phone).await;
    }
    caller.started("FLIGHT_1").await;
    for phone in &phones {
        shows(phone, 1, "Scheduled").await;
    }
    // Something is under way when silence falls.
    caller.activities().update_activity(numbered(1)).await.expect("accepted");
    wire.fall_silent();
    let fell_at = Instant::now();
    let (mut asked, mut slowest) = (1, Duration::ZERO);
    let second = StartActivityRequest { request_id: "start".to_owned(), ..start("FLIGHT_2") };
    while fell_at.elapsed() < SILENCE {
        asked += 1;
        let began = Instant::now();
        let answer = caller.activities().update_activity(numbered(asked)).await.map(drop);
        let began_start = Instant::now();
        let started = caller.activities().start_activity(second.clone()).await.map(drop);
        slowest = slowest.max(began_start - began).max(began_start.elapsed());
        for status in [answer, started].map(|answer| answer.expect_err("no false success")) {
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        }
    }
    println!("{} calls failed, the slowest after {slowest:?}", 2 * (asked - 1));
    assert!(slowest < SOON + ON_TOP, "{slowest:?}");

    wire.speak_again();
    let spoke_at = Instant::now();
    for number in 2..=asked {
        let answer = repeated(&world, numbered(number)).await;
        assert_eq!(answer.revision, counted(number) + 1, "each request is one revision");
    }
    caller.activities().start_activity(second).await.expect("started");
    println!("everything was accepted {:?} after it spoke again", spoke_at.elapsed());
    for phone in &phones {
        let newest = asked.to_string();
        let arrived = phone.wait_for(ARRIVES_WITHIN, |phone| {
            let cards =
                |activity_id| phone.cards.iter().filter(move |c| c.activity_id == activity_id);
            let shows_newest = cards("FLIGHT_1").all(|c| status_of(&c.content_json) == newest);
            (cards("FLIGHT_1").count(), cards("FLIGHT_2").count()) == (1, 1) && shows_newest
        });
        let phone = arrived.await.unwrap_or_else(|last| panic!("not all of it arrived: {last:#?}"));
        for card in &phone.cards {
            let stamps: Vec<i64> = card.shown.iter().map(|shown| shown.timestamp).collect();
            assert!(stamps.is_sorted(), "{card:#?}");
        }
        assert!(phone.drops.is_empty(), "nothing old came late: {:#?}", phone.drops);
    }
    println!("everything had arrived {:?} after it spoke again", spoke_at.elapsed());
    drop(wire);
    world.stop().await;
}

/// Asks until there is an answer.
async fn repeated(world: &World, request: UpdateActivityRequest) -> UpdateActivityResponse {
    for _ in 0..REPEATS_MAX {
        match world.activities().update_activity(request.clone()).await {
            Ok(answer) => return answer.into_inner(),
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
        }
    }
    panic!("{} was not answered {REPEATS_MAX} times", request.request_id);
}
