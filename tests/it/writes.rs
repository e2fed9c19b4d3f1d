//! How writes behave, seen from outside. (What the writer does by itself is tested where it is.)

use crate::bad_input::{ACTIVE, Bench};
use crate::calls::{content, end, refused, start, update};
use crate::harness::World;
use crate::tables::{Tables, count};
use futures::future::join_all;
use tidings::proto::v1::{StartActivityRequest, UpdateActivityRequest};
use tonic::Code;

fn once(activity_id: &str, status: &str) -> UpdateActivityRequest {
    UpdateActivityRequest { request_id: "once".to_owned(), ..update(activity_id, status) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_judged_before_any_state() {
    let bench = Bench::new().await;
    let mut activities = bench.caller.activities();
    let first = activities.update_activity(once(ACTIVE, "In Air")).await.expect("done");
    let first = first.into_inner();
    let mut ending = end(ACTIVE);
    ending.request_id = "once".to_owned();
    let ended = activities.end_activity(ending.clone()).await.expect("done").into_inner();
    // By now an update is refused, and so is an end; the repeats are answered as at first.
    let again = activities.update_activity(once(ACTIVE, "In Air")).await.expect("replayed");
    let again = again.into_inner();
    assert_eq!((again.revision, again.run, again.replayed), (first.revision, first.run, true));
    let again = activities.end_activity(ending).await.expect("replayed").into_inner();
    assert_eq!((again.revision, again.dismiss_time), (ended.revision, ended.dismiss_time));
    assert!(again.replayed);
    // Another body is refused for its id, not for the state.
    let other = refused(activities.update_activity(once(ACTIVE, "Other")).await);
    assert_eq!((other.code, other.reason.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    let absent = refused(activities.update_activity(once("NEVER", "In Air")).await);
    assert_eq!(absent.reason, "REQUEST_ID_REUSED");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_successes_are_kept() {
    let bench = Bench::new().await;
    let refused = bench.caller.activities().update_activity(once("LATER", "x")).await;
    let refused = bench.nothing_done("a refused update", refused).await;
    assert_eq!(refused.reason, "NOT_FOUND");
    bench.caller.started("LATER").await;
    let now = bench.caller.activities().update_activity(once("LATER", "x")).await;
    assert!(!now.expect("done").into_inner().replayed);
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_row_of_a_request_id_keeps_ids_and_revision_and_never_content() {
    let world = World::start().await;
    let request = StartActivityRequest { request_id: "once".to_owned(), ..start("A") };
    world.caller().activities().start_activity(request).await.expect("started");
    let tables = Tables::read(world.database()).await;
    let [row] = tables.rows("request_ids") else { panic!("one call was made with an id") };
    assert!(row.contains("\"revision\":1") && row.contains("\"activity\""), "{row}");
    for kept in ["status", "Scheduled", "TK1983", "Istanbul", crate::calls::CONTACT] {
        assert!(!row.contains(kept), "{row}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_with_one_request_id_have_one_effect() {
    let bench = Bench::new().await;
    let calls = (0..50).map(|_| {
        let mut activities = bench.caller.activities();
        async move { activities.update_activity(once(ACTIVE, "In Air")).await }
    });
    let answers = join_all(calls).await.into_iter().map(|answer| answer.expect("answered"));
    let answers: Vec<_> = answers.map(tonic::Response::into_inner).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.revision == 2), "{answers:?}");
    assert_eq!(bench.caller.activity(ACTIVE).await.revision, 2);
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_starts_at_once_one_starts() {
    let world = World::start().await;
    let calls = (0..50).map(|_| {
        let mut activities = world.caller().activities();
        async move { activities.start_activity(start("A")).await }
    });
    let answers = join_all(calls).await;
    let lost = answers.iter().filter_map(|answer| answer.as_ref().err());
    let lost: Vec<_> = lost.map(|status| refused::<()>(Err(status.clone())).reason).collect();
    assert_eq!(lost, vec!["ACTIVITY_ACTIVE"; 49]);
    assert_eq!(world.caller().activity("A").await.revision, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_at_once_and_after_a_restart() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("A").await;
    for revision in 2..30 {
        let status = format!("{revision}");
        let answer = caller.activities().update_activity(update("A", &status)).await;
        assert_eq!(answer.expect("updated").into_inner().revision, revision);
        let seen = caller.activity("A").await;
        assert_eq!((seen.revision, seen.content_state_json), (revision, content(&status)));
    }
    let world = world.restart().await;
    assert_eq!(world.caller().activity("A").await.revision, 29);
    let revisions = "SELECT count(*) FROM revisions";
    assert_eq!(count(world.database(), revisions).await, 29, "each exactly once");
    world.stop().await;
}
