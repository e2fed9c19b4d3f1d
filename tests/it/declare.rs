//! Saying how an activity should be, and deleting it, up to the phone's screen.

use crate::calls::update_token;
use crate::calls::{CONTACT, TYPE, alert, content, end, for_contacts, refused, start, update};
use crate::harness::{World, shows, wait};
use crate::tables::{at_rest, count};
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    ActivityOrigin, ApplyAction, ApplyActivityRequest, ApplyActivityResponse, Audience,
    DeleteActivityRequest, ListActivitiesRequest, ListSubscriptionsRequest, RegisterTokenRequest,
    ReportActivityStateRequest, StartActivityRequest,
};
use tonic::Code;

pub(crate) fn apply(activity_id: &str, status: &str) -> ApplyActivityRequest {
    ApplyActivityRequest {
        activity_id: activity_id.to_owned(),
        activity_type: TYPE.to_owned(),
        attributes_json: Some(r#"{"flight":"TK1983"}"#.to_owned()),
        content_state_json: Some(content(status)),
        audience: Some(for_contacts(&[CONTACT])),
        alert: Some(alert()),
        ..ApplyActivityRequest::default()
    }
}

impl World {
    async fn applied(&self, request: ApplyActivityRequest) -> ApplyActivityResponse {
        let answer = self.caller().activities().apply_activity(request).await;
        answer.expect("applied").into_inner()
    }

    async fn deleted(&self, activity_id: &str) {
        let request = DeleteActivityRequest {
            activity_id: activity_id.to_owned(),
            ..DeleteActivityRequest::default()
        };
        self.caller().activities().delete_activity(request).await.expect("deleted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_it_should_be_is_started_updated_or_so_already() {
    let world = World::start().await;
    let phone = world.phone("iphone", "18.2", CONTACT);
    world.said_everything(&phone).await;
    let started = world.applied(apply("A", "Scheduled")).await;
    assert_eq!(started.action(), ApplyAction::Started);
    shows(&phone, 1, "Scheduled").await;
    world.said_everything(&phone).await;
    at_rest(world.database()).await;
    let pushes = world.simulator.pushes_received();
    let again = world.applied(apply("A", "Scheduled")).await;
    assert_eq!(again.action(), ApplyAction::Unchanged);
    assert_eq!(again.activity.as_ref().map(|activity| activity.revision), Some(1));
    at_rest(world.database()).await;
    assert_eq!(world.simulator.pushes_received(), pushes, "nothing is sent");
    let updated = world.applied(apply("A", "In Air")).await;
    assert_eq!(updated.action(), ApplyAction::Updated);
    assert_eq!(updated.activity.expect("one").revision, 2);
    shows(&phone, 1, "In Air").await;
    let other = ApplyActivityRequest {
        external_id: "other".to_owned(),
        audience: Some(Audience { all_devices: true, ..Audience::default() }),
        ..apply("A", "In Air")
    };
    let result = world.caller().activities().apply_activity(other).await;
    let other = refused(result);
    assert_eq!((other.code, other.reason.as_str()), (Code::AlreadyExists, "ACTIVITY_ACTIVE"));
    assert_eq!(other.metadata["fields"], "external_id,audience");
    world.caller().ended("A").await;
    let next = world.applied(apply("A", "Scheduled")).await;
    assert_eq!(next.action(), ApplyAction::Started);
    assert_eq!(next.activity.expect("one").run, 2);
    shows(&phone, 2, "Scheduled").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_app_has_started_is_adopted_by_saying_how_it_should_be() {
    let world = World::start().await;
    world.caller().registered(&world.app_id, "d").await;
    let token = update_token("d", "A");
    world.caller().devices().register_token(token).await.expect("registered");
    let done = world.applied(apply("A", "In Air")).await;
    assert_eq!((done.action(), done.adopted), (ApplyAction::Started, true));
    let activity = done.activity.expect("one");
    assert_eq!((activity.run, activity.origin()), (1, ActivityOrigin::Backend));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_answer_tells_of_everyone_though_a_target_was_shown_more_since() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("A").await;
    let target = tidings::proto::v1::Target {
        device_ids: vec!["d".to_owned()],
        ..tidings::proto::v1::Target::default()
    };
    let some = tidings::proto::v1::UpdateActivityRequest {
        target: Some(target),
        ..update("A", "Seat 3A")
    };
    caller.activities().update_activity(some).await.expect("updated");
    let request = ApplyActivityRequest { request_id: "once".to_owned(), ..apply("A", "Scheduled") };
    let first = world.applied(request.clone()).await;
    assert_eq!(first.action(), ApplyAction::Unchanged, "everyone is shown it");
    caller.activities().update_activity(update("A", "In Air")).await.expect("updated");
    let again = world.applied(request).await;
    assert!(again.replayed);
    assert_eq!(again.activity.expect("one").content_state_json, content("Scheduled"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_activity_is_gone_and_its_id_keeps_type_run_and_revision() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.shows_it("A").await;
    let delete = DeleteActivityRequest { activity_id: "A".to_owned(), ..Default::default() };
    let active = refused(caller.activities().delete_activity(delete.clone()).await);
    assert_eq!((active.code, active.reason.as_str()), (Code::FailedPrecondition, "IN_USE"));
    caller.ended("A").await;
    world.deleted("A").await;
    assert_eq!(refused(caller.find("A").await).reason, "NOT_FOUND");
    let again = refused(caller.activities().delete_activity(delete).await);
    assert_eq!(again.reason, "NOT_FOUND");
    for result in [
        caller.activities().update_activity(update("A", "x")).await.map(|_| ()),
        caller.activities().end_activity(end("A")).await.map(|_| ()),
    ] {
        assert_eq!(refused(result).reason, "NOT_FOUND");
    }
    let request = ListSubscriptionsRequest { activity_id: "A".to_owned(), ..Default::default() };
    assert_eq!(refused(caller.activities().list_subscriptions(request).await).reason, "NOT_FOUND");
    let listed = caller.activities().list_activities(ListActivitiesRequest::default()).await;
    assert!(listed.expect("a list").into_inner().activities.is_empty());
    // Who had not had the end yet gets it before the rows go.
    shows(&phone, 1, "Landed").await;
    let tables = at_rest(world.database()).await;
    for table in ["subscriptions", "shards", "revisions", "expansions"] {
        assert!(tables.rows(table).is_empty(), "{table}: {:?}", tables.rows(table));
    }
    assert!(tables.holding("Landed").is_empty() && tables.holding("TK1983").is_empty());
    assert_eq!(count(world.database(), "SELECT count(*) FROM tokens WHERE kind = 2").await, 0);
    assert!(!world.deliveries("A").await.is_empty(), "the send log stays");
    let other = StartActivityRequest { activity_type: "other".to_owned(), ..start("A") };
    let other = refused(caller.activities().start_activity(other).await);
    assert_eq!(other.reason, "ACTIVITY_TYPE_MISMATCH");
    let next = caller.started("A").await;
    assert_eq!((next.run, next.revision), (2, 3));
    shows(&phone, 2, "Scheduled").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_for_a_deleted_run_is_told_so_and_makes_nothing() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.phone("iphone", "18.2", CONTACT);
    world.said_everything(&phone).await;
    phone.hold_tokens();
    caller.started("A").await;
    shows(&phone, 1, "Scheduled").await;
    caller.ended("A").await;
    world.deleted("A").await;
    let card = phone.snapshot().cards[0].clone();
    let late = RegisterTokenRequest {
        device_id: "iphone".to_owned(),
        kind: 2,
        token: card.update_token.clone(),
        activity_id: "A".to_owned(),
        run: Some(1),
        device_activity_id: card.card_id.clone(),
        ..RegisterTokenRequest::default()
    };
    let closing = ReportActivityStateRequest {
        device_id: "iphone".to_owned(),
        activity_id: "A".to_owned(),
        run: Some(1),
        device_activity_id: card.card_id.clone(),
        state: 3,
        ..ReportActivityStateRequest::default()
    };
    // Before the rows are gone, and afterwards.
    for _ in 0..2 {
        let before = count(world.database(), "SELECT count(*) FROM tokens").await;
        let told = refused(caller.devices().register_token(late.clone()).await);
        assert_eq!((told.code, told.reason.as_str()), (Code::FailedPrecondition, "ACTIVITY_ENDED"));
        let told = refused(caller.devices().report_activity_state(closing.clone()).await);
        assert_eq!(told.reason, "NOT_FOUND");
        assert_eq!(count(world.database(), "SELECT count(*) FROM tokens").await, before);
        at_rest(world.database()).await;
    }
    caller.started("A").await;
    let told = refused(caller.devices().register_token(late).await);
    assert_eq!((told.reason.as_str(), told.metadata["run"].as_str()), ("RUN_MISMATCH", "2"));
    assert_eq!(refused(caller.devices().report_activity_state(closing).await).reason, "NOT_FOUND");
    phone.release_tokens();
    wait(&phone, "has the card of the next run", |phone: &sim::Phone| {
        phone.cards.iter().any(|card| card.run == 2)
    })
    .await;
    world.stop().await;
}
