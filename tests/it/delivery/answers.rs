//! What Apple answers, late, never or with a refusal, and what becomes of it.

use super::*;
use crate::harness::status_of;
use prost_types::Timestamp;
use tidings::clock::Clock;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_was_offline_catches_up_with_one_push_of_the_newest() {
    let (world, phone) = World::flying().await;
    phone.set_online(false);
    for (count, status) in ["Gate", "Boarding", "In Air"].into_iter().enumerate() {
        world.update(status).await;
        let rows = world.logged("phone", Operation::Update, count + 1).await;
        assert!(statuses(&rows).iter().all(|status| *status == DeliveryStatus::Accepted));
    }
    phone.set_online(true);
    let seen = shows(&phone, 1, "In Air").await;
    let mut shown: Vec<String> =
        seen.cards[0].shown.iter().map(|shown| status_of(&shown.content_json)).collect();
    shown.dedup();
    assert_eq!(shown, ["Scheduled", "In Air"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_410_older_than_the_registration_does_not_kill_the_token() {
    let (world, phone) = World::flying().await;
    let hour_ago = Clock::system().now().seconds() - 3_600;
    let old = sim::FaultAnswer {
        status: 410,
        reason: "Unregistered".to_owned(),
        since: Some(Timestamp { seconds: hour_ago, nanos: 0 }),
        ..sim::FaultAnswer::default()
    };
    world.fault(&phone, "update", sim::fault::Action::Answer(old));
    world.update("Gate").await;
    let rows = world.logged("phone", Operation::Update, 1).await;
    assert_eq!((rows[0].http_status, rows[0].status()), (410, DeliveryStatus::Failed));
    let row = world.subscription(FLIGHT, "phone").await;
    assert_eq!(row.state(), SubscriptionState::Active);
    let ask_again = row.retry_time.expect("asked again").seconds - hour_ago;
    assert!((7_190..=7_220).contains(&ask_again), "in an hour: {ask_again}");
    world.update("Boarding").await;
    shows(&phone, 1, "Boarding").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_410_kills_the_token_and_the_next_token_revives_the_card() {
    let (world, phone) = World::flying().await;
    assert!(world.simulator.kill_token(&phone.snapshot().cards[0].update_token));
    world.update("Gate").await;
    let dead = world.becomes("phone", SubscriptionState::Invalidated).await;
    assert_eq!(dead.reason, "Unregistered");
    let rows = world.rows("phone", Operation::Update).await;
    assert_eq!(statuses(&rows), [DeliveryStatus::Failed]);
    world.update("Boarding").await;
    world.settled(FLIGHT).await;
    assert_eq!(world.rows("phone", Operation::Update).await.len(), 1, "no push to a dead token");
    phone.rotate_token(&sim::RotateTokenRequest::default()).expect("a live card");
    shows(&phone, 1, "Boarding").await;
    world.becomes("phone", SubscriptionState::Active).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_503_is_tried_again_after_five_seconds_by_the_same_apns_id() {
    let (world, phone) = World::flying().await;
    world.fault(&phone, "update", refusal(503, "ServiceUnavailable"));
    world.update("Gate").await;
    shows(&phone, 1, "Gate").await;
    let rows = world.logged("phone", Operation::Update, 2).await;
    assert_eq!(statuses(&rows), [DeliveryStatus::Failed, DeliveryStatus::Accepted]);
    assert_eq!((rows[0].attempt, rows[1].attempt), (1, 2));
    assert_eq!(rows[0].apns_id, rows[1].apns_id);
    let waited = sent_ms(&rows[1]) - sent_ms(&rows[0]);
    assert!((3_900..=7_500).contains(&waited), "{waited} ms");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_content_goes_at_once_though_a_retry_waits() {
    let (world, phone) = World::flying().await;
    world.fault(&phone, "update", refusal(503, "ServiceUnavailable"));
    world.update("Gate").await;
    world.logged("phone", Operation::Update, 1).await;
    world.update("Boarding").await;
    let seen = shows(&phone, 1, "Boarding").await;
    let was_shown = |shown: &sim::Shown| shown.content_json == content("Gate");
    assert!(!seen.cards[0].shown.iter().any(was_shown), "the refused state");
    let rows = world.logged("phone", Operation::Update, 2).await;
    assert!(sent_ms(&rows[1]) - sent_ms(&rows[0]) < 3_900, "it did not wait for the retry");
    assert_eq!((rows[1].attempt, rows[1].first_revision), (1, 2), "it covers the refused one");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unanswered_push_holds_nobody_up_and_its_late_answer_settles() {
    let world = World::start().await;
    let held = world.ready_phone("held", "ada").await;
    let other = world.ready_phone("other", "ada").await;
    world.start_flight(&["ada"]).await;
    world.following(&held).await;
    world.following(&other).await;
    let fault = world.fault(&held, "update", sim::fault::Action::Hold(sim::FaultHold {}));
    world.update("Gate").await;
    shows(&other, 1, "Gate").await;
    world.has_hit(fault).await;
    world.logged("other", Operation::Update, 1).await;
    world.update("Boarding").await;
    shows(&other, 1, "Boarding").await;
    shows(&held, 1, "Boarding").await;
    let rows = world.logged("held", Operation::Update, 1).await;
    assert_eq!(rows.len(), 1, "the first has no answer");
    world.simulator.release_fault(Some(fault));
    let rows = world.logged("held", Operation::Update, 2).await;
    assert_eq!(statuses(&rows), [DeliveryStatus::Accepted; 2]);
    world.settled(FLIGHT).await;
    let seen = held.snapshot();
    assert_eq!(status_of(&seen.cards[0].content_json), "Boarding", "it does not go back");
    let row = world.subscription(FLIGHT, "held").await;
    assert_eq!(row.delivered_revision, row.wanted_revision);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_whose_answer_is_lost_is_proven_by_its_token_and_not_repeated() {
    let world = World::start().await;
    let phone = world.ready_phone("phone", "ada").await;
    let lost = sim::Fault {
        phone_id: phone.id(),
        event: "start".to_owned(),
        count: 1,
        take: true,
        action: Some(sim::fault::Action::Reset(sim::FaultReset::default())),
        ..sim::Fault::default()
    };
    world.simulator.set_fault(lost).expect("set");
    world.start_flight(&["ada"]).await;
    world.becomes("phone", SubscriptionState::Active).await;
    world.update("Gate").await;
    let seen = shows(&phone, 1, "Gate").await;
    assert_eq!(seen.cards.len(), 1);
    let rows = world.logged("phone", Operation::Start, 1).await;
    assert_eq!(statuses(&rows), [DeliveryStatus::Unknown]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_push_has_one_row_and_a_phone_without_a_way_is_skipped_once() {
    let world = World::start().await;
    let phone = world.ready_phone("phone", "ada").await;
    let old = world.phone("old", "16.4", "ada");
    world.said_everything(&old).await;
    world.start_flight(&["ada"]).await;
    world.following(&phone).await;
    for status in ["Gate", "Boarding"] {
        world.update(status).await;
        shows(&phone, 1, status).await;
    }
    world.end("Landed", &[]).await;
    shows(&phone, 1, "Landed").await;
    world.logged("phone", Operation::End, 1).await;
    let log = world.deliveries(FLIGHT).await;
    let (skipped, pushes): (Vec<Delivery>, Vec<Delivery>) =
        log.into_iter().partition(|row| row.device_id == "old");
    assert_eq!(statuses(&skipped), [DeliveryStatus::Skipped]);
    assert_eq!(skipped[0].reason, "OS_CANNOT_START_BY_PUSH");
    let of_phone = sim::ListPushesRequest {
        phone_id: phone.id(),
        page_size: 100,
        ..sim::ListPushesRequest::default()
    };
    let received: Vec<String> =
        world.simulator.pushes(&of_phone).into_iter().map(|push| push.apns_id).collect();
    let logged: Vec<String> = pushes.iter().map(|row| row.apns_id.clone()).collect();
    assert_eq!(logged, received);
    let mut revisions: Vec<_> =
        pushes.iter().map(|row| (row.first_revision, row.revision)).collect();
    revisions.dedup();
    assert_eq!(revisions, [(1, 1), (2, 2), (3, 3), (4, 4)]);
    assert!(pushes.iter().all(|row| row.attempt == 1 && row.http_status == 200));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_updates_of_one_second_have_stamps_a_second_apart() {
    let (world, phone) = World::flying().await;
    for status in ["One", "Two", "Three"] {
        world.update(status).await;
        shows(&phone, 1, status).await;
    }
    let seen = phone.snapshot();
    let stamps: Vec<i64> = seen.cards[0].shown.iter().map(|shown| shown.timestamp).collect();
    assert!(stamps.windows(2).all(|pair| pair[1] > pair[0]), "{stamps:?}");
    assert!(seen.drops.is_empty());
    world.stop().await;
}
