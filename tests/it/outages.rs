//! PostgreSQL goes away, falls silent, or does not say whether it committed: an error comes soon, success only where it
//! is true, and a repeat of the request finds out.

use crate::calls::update;
use crate::databases::TestDatabase;
use crate::harness::World;
use crate::tables::count;
use crate::wire::Wire;
use std::time::{Duration, Instant};
use tidings::proto::v1::UpdateActivityRequest;
use tonic::Code;

/// Updates whose commits suffer, times the scale.
const UPDATES: usize = 200;
/// So soon an error must come.
const SOON: Duration = Duration::from_secs(2);
/// What the machine may take on top of that.
const ON_TOP: Duration = Duration::from_millis(500);
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
