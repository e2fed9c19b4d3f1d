//! The same of how an activity should be.

use super::*;
use crate::bad_input::{ACTIVE, Bench};
use crate::declare::apply;
use crate::tables::Tables;
use tidings::proto::v1::{ApplyAction, ApplyActivityRequest, ApplyActivityResponse};

impl World {
    async fn tries_to_apply(&self, request: &ApplyActivityRequest) -> ApplyActivityResponse {
        let request = ApplyActivityRequest { validate_only: true, ..request.clone() };
        self.activities().apply_activity(request).await.expect("it is right").into_inner()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_it_should_be_is_tried_out_and_nothing_of_it_is_kept_or_sent() {
    let world = World::start().await;
    world.keeps_a_crowd().await;
    let before = Tables::read(world.database()).await;
    let pushes = world.simulator.pushes_received() + world.simulator.fcm_sends_received();
    let request = ApplyActivityRequest {
        request_id: "once".to_owned(),
        audience: Some(for_contacts(&["ada"])),
        ..apply(FLIGHT, "Scheduled")
    };
    let tried = world.tries_to_apply(&request).await;
    assert_eq!(
        (tried.action(), tried.adopted, tried.ignored),
        (ApplyAction::Started, false, false)
    );
    assert_eq!(tried.activity.map(|activity| (activity.revision, activity.run)), Some((1, 1)));
    let dry_run = tried.dry_run.expect("what would be sent");
    assert_eq!(routes(&dry_run), by_route(1, 1));
    let sent: Vec<_> =
        dry_run.pushes.iter().map(|push| (push.provider(), push.operation())).collect();
    assert_eq!(sent, [(Provider::Apns, Operation::Start), (Provider::Fcm, Operation::Start)]);
    assert!(dry_run.pushes.iter().all(|push| push.bytes > 0 && push.bytes <= push.bytes_max));
    before.assert_unchanged(&Tables::read(world.database()).await, "a start tried out");

    let done = world.activities().apply_activity(request.clone()).await.expect("applied");
    let done = done.into_inner();
    assert_eq!((done.action(), done.replayed), (ApplyAction::Started, false), "its id was free");
    assert_eq!(done.dry_run, None);
    assert_eq!(world.really(FLIGHT).await, by_route(1, 1));
    let before = Tables::read(world.database()).await;
    let same = world.tries_to_apply(&request).await;
    assert_eq!(same.action(), ApplyAction::Unchanged);
    assert_eq!(same.dry_run, Some(DryRun::default()), "nothing would be sent");
    let other = ApplyActivityRequest { content_state_json: Some(content("Gate")), ..request };
    let other = world.tries_to_apply(&other).await;
    assert_eq!(
        (other.action(), other.activity.map(|a| a.revision)),
        (ApplyAction::Updated, Some(2))
    );
    let dry_run = other.dry_run.expect("what would be sent");
    assert_eq!((routes(&dry_run), dry_run.pushes.len()), (by_route(1, 1), 4));
    before.assert_unchanged(&Tables::read(world.database()).await, "an update tried out");
    let now = world.simulator.pushes_received() + world.simulator.fcm_sends_received();
    assert_eq!(now - pushes, 2, "only the start was sent");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_refused_as_well_where_it_is_only_tried_out() {
    let bench = Bench::new().await;
    let try_out = async |request: ApplyActivityRequest| {
        let request = ApplyActivityRequest { validate_only: true, ..request };
        bench.caller.activities().apply_activity(request).await
    };
    let empty = try_out(ApplyActivityRequest::default()).await;
    bench.wrong(&["activity_id", "activity_type", "audience"], empty).await;
    let apps = ApplyActivityRequest { app_ids: strings(&["app_x"]), ..apply("NEW", "x") };
    bench.wrong(&["app_ids[0]"], try_out(apps).await).await;
    let long = ApplyActivityRequest {
        content_state_json: Some(content(&"x".repeat(4_070))),
        ..apply("NEW", "x")
    };
    bench.wrong(&["content_state"], try_out(long).await).await;
    let stale = ApplyActivityRequest { expected_revision: Some(7), ..apply("NEW", "x") };
    let stale = bench.nothing_done("a wrong revision", try_out(stale).await).await;
    assert_eq!(stale.reason, "REVISION_MISMATCH");
    let segment = ApplyActivityRequest { audience: Some(for_segment("none")), ..apply("NEW", "x") };
    let segment = bench.nothing_done("no segment", try_out(segment).await).await;
    assert_eq!(segment.reason, "NOT_FOUND");
    let active = ApplyActivityRequest { external_id: "another".to_owned(), ..apply(ACTIVE, "x") };
    let active = bench.nothing_done("another run's", try_out(active).await).await;
    assert_eq!(active.reason, "ACTIVITY_ACTIVE");
    bench.world.stop().await;
}
