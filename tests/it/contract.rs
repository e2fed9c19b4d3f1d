//! What the contract promises about content, order between callers, runs and times, up to the phone's screen.

use crate::calls::{CONTACT, TYPE, alert, content, end, refused, start, update};
use crate::harness::{World, shows, wait};
use prost_types::value::Kind;
use prost_types::{Struct, Timestamp, Value};
use tidings::clock::Clock;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    ActivityOrigin, ActivityType, CreateActivityTypeRequest, Dismissal, EndActivityRequest,
    StartActivityRequest, UpdateActivityRequest,
};
use tonic::Code;

fn number(value: f64) -> Value {
    Value { kind: Some(Kind::NumberValue(value)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expected_revision_and_run_are_compared_with_the_present_ones() {
    let world = World::start().await;
    let caller = world.caller();
    let mut activities = caller.activities();
    let expecting =
        |revision| StartActivityRequest { expected_revision: Some(revision), ..start("A") };
    let wrong = refused(activities.start_activity(expecting(1)).await);
    assert_eq!((wrong.code, wrong.reason.as_str()), (Code::Aborted, "REVISION_MISMATCH"));
    assert_eq!(wrong.metadata["revision"], "0");
    activities.start_activity(expecting(0)).await.expect("it does not exist yet");
    let updating = |revision, run| UpdateActivityRequest {
        expected_revision: revision,
        run,
        ..update("A", "x")
    };
    for revision in [0, 2, i64::MAX] {
        let wrong = refused(activities.update_activity(updating(Some(revision), None)).await);
        assert_eq!((wrong.code, wrong.reason.as_str()), (Code::Aborted, "REVISION_MISMATCH"));
        assert_eq!(wrong.metadata["revision"], "1");
    }
    for run in [0, 2, -1] {
        let wrong = refused(activities.update_activity(updating(Some(1), Some(run))).await);
        assert_eq!((wrong.code, wrong.reason.as_str()), (Code::FailedPrecondition, "RUN_MISMATCH"));
        assert_eq!(wrong.metadata["run"], "1");
        let ending = EndActivityRequest { run: Some(run), ..end("A") };
        assert_eq!(refused(activities.end_activity(ending).await).reason, "RUN_MISMATCH");
    }
    activities.update_activity(updating(Some(1), Some(1))).await.expect("as expected");
    let ending = EndActivityRequest { expected_revision: Some(1), ..end("A") };
    assert_eq!(refused(activities.end_activity(ending).await).reason, "REVISION_MISMATCH");
    let ending = EndActivityRequest { expected_revision: Some(2), run: Some(1), ..end("A") };
    activities.end_activity(ending).await.expect("as expected");
    let again = activities.start_activity(expecting(3)).await.expect("as expected").into_inner();
    assert_eq!(again.activity.expect("an activity").run, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_observation_is_ignored_and_the_answer_says_so() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("A").await;
    let observing = async |status: &str, seconds: Option<i64>| {
        let request = UpdateActivityRequest {
            observed_time: seconds.map(|seconds| Timestamp { seconds, nanos: 0 }),
            ..update("A", status)
        };
        let answer = caller.activities().update_activity(request).await.expect("answered");
        (answer.get_ref().revision, answer.get_ref().ignored)
    };
    assert_eq!(observing("first", Some(1_000)).await, (2, false));
    assert_eq!(observing("older", Some(999)).await, (2, true));
    assert_eq!(caller.activity("A").await.content_state_json, content("first"));
    assert_eq!(observing("same time", Some(1_000)).await, (3, false));
    assert_eq!(observing("no time", None).await, (4, false));
    assert_eq!(observing("still older", Some(999)).await, (4, true));
    assert_eq!(observing("newer", Some(1_001)).await, (5, false));
    caller.ended("A").await;
    caller.started("A").await;
    assert_eq!(observing("the next run", Some(5)).await, (8, false), "each run begins anew");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn integers_stay_integers_up_to_the_phone_and_text_is_kept_byte_for_byte() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.shows_it("A").await;
    let fields = [
        ("status", Value { kind: Some(Kind::StringValue("Delayed".to_owned())) }),
        ("delay_minutes", number(20.0)),
        ("large", number(9_007_199_254_740_991.0)),
        ("half", number(0.5)),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    let request = UpdateActivityRequest {
        activity_id: "A".to_owned(),
        content_state: Some(Struct { fields }),
        ..UpdateActivityRequest::default()
    };
    caller.activities().update_activity(request).await.expect("updated");
    let seen = shows(&phone, 1, "Delayed").await;
    let exact = r#"{"delay_minutes":20,"half":0.5,"large":9007199254740991,"status":"Delayed"}"#;
    assert_eq!(seen.cards[0].content_json, exact);

    let text = "{ \"status\" : \"\\u0041\\/é\",\"n\":9007199254740993, \"f\":2.0,\"e\":1E2 }";
    let request =
        UpdateActivityRequest { content_state_json: Some(text.to_owned()), ..update("A", "") };
    caller.activities().update_activity(request).await.expect("updated");
    shows(&phone, 1, "A/é").await;
    let pushes = world.simulator.pushes(&sim::ListPushesRequest::default());
    let body = String::from_utf8(pushes.last().expect("pushes").body.clone()).expect("text");
    assert!(body.contains(text), "{body}");
    assert_eq!(caller.activity("A").await.content_state_json, text);
    let request = UpdateActivityRequest { content_state_json: None, ..update("A", "") };
    caller.activities().update_activity(request).await.expect("updated");
    assert_eq!(caller.activity("A").await.content_state_json, text, "absent keeps it");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_reads_id_and_run_from_its_attributes() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.phone("iphone", "18.2", CONTACT);
    world.said_everything(&phone).await;
    for run in 1..=2 {
        caller.started("A").await;
        let seen = shows(&phone, run, "Scheduled").await;
        let card = seen.cards.iter().find(|card| card.run == run).expect("the card of the run");
        assert_eq!(card.activity_id, "A");
        let attributes = format!(r#"{{"flight":"TK1983","activityId":"A","activityRun":{run}}}"#);
        assert_eq!(card.attributes_json, attributes);
        world.said_everything(&phone).await;
        caller.ended("A").await;
        shows(&phone, run, "Landed").await;
    }
    let named = ActivityType {
        activity_type: "named".to_owned(),
        id_attribute: "order".to_owned(),
        run_attribute: "round".to_owned(),
        ..ActivityType::default()
    };
    let request = CreateActivityTypeRequest { activity_type: Some(named), ..Default::default() };
    caller.types().create_activity_type(request).await.expect("created");
    let request = StartActivityRequest {
        activity_type: "named".to_owned(),
        attributes_json: Some("{}".to_owned()),
        ..start("B")
    };
    caller.activities().start_activity(request).await.expect("started");
    assert_eq!(caller.activity("B").await.attributes_json, r#"{"order":"B","round":1}"#);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adoption_keeps_the_attributes_and_what_is_shown() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.phone("iphone", "18.2", CONTACT);
    world.said_everything(&phone).await;
    let request = sim::StartActivityRequest {
        activity_type: TYPE.to_owned(),
        attributes_json: r#"{"flight":"TK1","activityId":"A"}"#.to_owned(),
        content_json: content("Check-in"),
        ..sim::StartActivityRequest::default()
    };
    phone.start_activity(&request).expect("a card");
    world.said_everything(&phone).await;
    let request =
        StartActivityRequest { attributes_json: None, content_state_json: None, ..start("A") };
    let adopted = caller.activities().start_activity(request).await.expect("adopted").into_inner();
    assert!(adopted.adopted);
    let activity = adopted.activity.expect("an activity");
    assert_eq!((activity.run, activity.origin()), (1, ActivityOrigin::Backend));
    assert_eq!(activity.content_state_json, content("Check-in"));
    let attributes = r#"{"flight":"TK1","activityId":"A","activityRun":1}"#;
    assert_eq!(activity.attributes_json, attributes);
    caller.activities().update_activity(update("A", "In Air")).await.expect("updated");
    let seen = shows(&phone, 1, "In Air").await;
    assert_eq!(seen.cards.len(), 1, "updated, not started once more");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dismissal_comes_when_it_was_said_and_within_four_hours() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.phone("iphone", "18.2", CONTACT);
    world.said_everything(&phone).await;
    let now = Clock::system().now().seconds();
    let time =
        |seconds| Dismissal { time: Some(Timestamp { seconds, nanos: 0 }), ..Dismissal::default() };
    let after = |seconds| Dismissal {
        after: Some(prost_types::Duration { seconds, nanos: 0 }),
        ..Dismissal::default()
    };
    let immediate = Dismissal { immediate: true, ..Dismissal::default() };
    let four_hours = 4 * 3_600;
    let cases = [
        ("immediate", Some(immediate), Some(0)),
        ("past", Some(time(1)), Some(1 - now)),
        ("time", Some(time(now + 600)), Some(600)),
        ("late time", Some(time(now + 100_000)), Some(four_hours)),
        ("after", Some(after(900)), Some(900)),
        ("long after", Some(after(100_000)), Some(four_hours)),
        ("ages after", Some(after(i64::MAX)), Some(four_hours)),
        ("default", None, None),
    ];
    for (id, dismissal, left) in cases {
        caller.started(id).await;
        wait(&phone, "has the card's token registered", |phone| {
            phone.cards.iter().any(|card| {
                card.activity_id == id && card.token_progress() == sim::TokenProgress::Registered
            })
        })
        .await;
        let request = EndActivityRequest { dismissal, ..end(id) };
        let before = Clock::system().now().seconds();
        let ended = caller.activities().end_activity(request).await.expect("ended").into_inner();
        let after = Clock::system().now().seconds();
        let said = ended.dismiss_time.map(|time| time.seconds);
        assert_eq!(said.is_some(), left.is_some(), "{id}");
        // A time that was named is said again; a span counts from the moment of the call.
        let allowed = |left: i64| match id {
            "past" | "time" => now + left..=now + left,
            _ => before + left..=after + left,
        };
        assert!(said.zip(left).is_none_or(|(said, left)| allowed(left).contains(&said)), "{id}");
        let seen = wait(&phone, "has ended the card", |phone| {
            phone.cards.iter().any(|card| card.activity_id == id && card.end_time.is_some())
        })
        .await;
        let card = seen.cards.iter().find(|card| card.activity_id == id).expect("the card");
        let ended_at = card.end_time.map_or(0, |time| time.seconds);
        let gone = card.gone_time.map_or(0, |time| time.seconds);
        let wanted = said.unwrap_or(ended_at + four_hours).max(ended_at);
        assert!((gone - wanted).abs() <= 1, "{id}: gone at {gone}, not {wanted}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_have_the_heads_and_the_parts_that_apple_wants() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.phone("iphone", "18.2", CONTACT);
    world.said_everything(&phone).await;
    let request = StartActivityRequest { relevance_score: Some(75.0), ..start("A") };
    caller.activities().start_activity(request).await.expect("started");
    shows(&phone, 1, "Scheduled").await;
    world.said_everything(&phone).await;
    let stale = Some(Timestamp { seconds: 1_000, nanos: 0 });
    let updates = [
        UpdateActivityRequest { stale_time: stale, ..update("A", "silent") },
        UpdateActivityRequest { alert: Some(alert()), ..update("A", "alerted") },
        UpdateActivityRequest { priority: 2, ..update("A", "high") },
        UpdateActivityRequest { priority: 1, alert: Some(alert()), ..update("A", "normal") },
    ];
    for (request, status) in updates.into_iter().zip(["silent", "alerted", "high", "normal"]) {
        caller.activities().update_activity(request).await.expect("updated");
        shows(&phone, 1, status).await;
    }
    caller.ended("A").await;
    shows(&phone, 1, "Landed").await;
    let answered = |simulator: &tidings::simulator::Simulator| {
        let pushes = simulator.pushes(&sim::ListPushesRequest::default());
        pushes.len() == 6 && pushes.iter().all(|push| push.status > 0)
    };
    assert!(world.simulator.wait_for(crate::harness::PATIENCE, answered).await);
    let pushes = world.simulator.pushes(&sim::ListPushesRequest::default());
    let priorities: Vec<i32> = pushes.iter().map(|push| push.priority).collect();
    assert_eq!(priorities, [10, 5, 10, 10, 5, 10], "start, four updates, end");
    for push in &pushes {
        assert_eq!((push.status, push.push_type.as_str()), (200, "liveactivity"));
        assert_eq!(push.topic, "com.example.flights.push-type.liveactivity");
        assert!(push.expiration > 0 && push.collapse_id.is_empty());
        assert!(uuid::Uuid::try_parse(&push.apns_id).is_ok());
    }
    let body = |index: usize| -> serde_json::Value {
        serde_json::from_slice(&pushes[index].body).expect("JSON")
    };
    assert_eq!(body(0)["aps"]["relevance-score"], 75.0);
    assert_eq!(body(0)["aps"]["input-push-token"], 1);
    assert_eq!(body(1)["aps"]["stale-date"], 1_000, "a past time is passed on");
    assert_eq!(body(2)["aps"]["alert"]["title"], "TK1983");
    assert!(body(3)["aps"]["alert"].is_null() && body(3)["aps"]["stale-date"].is_null());
    world.stop().await;
}
