//! Live audiences: whoever comes is started with the newest state, whoever leaves is ended.

use super::*;
use crate::calls::{for_contacts, for_devices, refused};
use crate::segments::{contacts as members, devices as device_members, for_segment, leaving};
use tidings::proto::v1::{DevicePreference, SegmentKind};

const LIVE: AudienceMode = AudienceMode::Live;
const ACTIVE: [SubscriptionState; 1] = [SubscriptionState::Active];

fn everyone() -> Audience {
    Audience { all_devices: true, ..Audience::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_registers_later_is_started_with_the_newest_state() {
    for (audience, later) in [
        (for_contacts(&["ada"]), "later-ada"),
        (for_devices(&["later-by-id"]), "later-by-id"),
        (everyone(), "later-any"),
    ] {
        let world = World::start().await;
        world.start_flight_for(audience, LIVE).await;
        world.show("Boarding").await;
        let phone = world.phone_of(later, "ada").await;
        follows(&world, &phone, "Boarding").await;
        world.rests().await;
        assert_eq!(starts(&phone), 1, "{later}");
        world.show("In Air").await;
        follows(&world, &phone, "In Air").await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_later_to_a_fixed_audience_is_not_started() {
    let world = World::start().await;
    world.start_flight_for(for_contacts(&["ada"]), AudienceMode::Fixed).await;
    world.settled(FLIGHT).await;
    let phone = world.phone_of("later", "ada").await;
    world.rests().await;
    assert!(world.subscriptions(FLIGHT, None).await.is_empty());
    assert_eq!(starts(&phone), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_that_logs_in_is_started_and_one_that_logs_out_is_ended() {
    let world = World::start().await;
    let phone = world.phone_of("phone", "eve").await;
    world.start_flight_for(for_contacts(&["ada", "bob"]), LIVE).await;
    world.settled(FLIGHT).await;
    assert_eq!(starts(&phone), 0);
    phone.set_contact("ada");
    follows(&world, &phone, "Scheduled").await;
    assert_eq!(world.comes_to("phone", SubscriptionState::Active).await.contact_key, "ada");
    phone.set_contact("");
    is_ended(&phone).await;
    let row = world.comes_to("phone", SubscriptionState::Ended).await;
    assert_eq!(row.reason, "CONTACT_CHANGED");
    world.show("Boarding").await;
    phone.set_contact("bob");
    wait(&phone, "has a second card", |phone| phone.cards.len() == 2).await;
    follows(&world, &phone, "Boarding").await;
    // Another one of the audience takes the phone over: the card of the first is ended, its own is started.
    phone.set_contact("ada");
    wait(&phone, "has a third card, and no other", |phone| {
        let on_screen =
            phone.cards.iter().filter(|card| card.close_cause() != sim::CloseCause::Push);
        phone.cards.len() == 3 && on_screen.count() == 1
    })
    .await;
    world.show("In Air").await;
    wait(&phone, "shows it on the third card", |phone| {
        crate::harness::status_of(&phone.cards[2].content_json) == "In Air"
    })
    .await;
    assert_eq!(world.comes_to("phone", SubscriptionState::Active).await.contact_key, "ada");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_is_followed() {
    let world = World::start().await;
    let caller = world.caller();
    let ada = world.phone_of("ada-1", "ada").await;
    let bob = world.phone_of("bob-1", "bob").await;
    let cyd = world.phone_of("cyd-1", "cyd").await;
    caller.segment("gold", SegmentKind::ContactKeys).await;
    caller.add(vec![members("gold", &["ada"])]).await;
    world.start_flight_for(for_segment("gold"), LIVE).await;
    follows(&world, &ada, "Scheduled").await;
    world.show("Boarding").await;
    caller.add(vec![members("gold", &["bob", "cyd"])]).await;
    follows(&world, &bob, "Boarding").await;
    follows(&world, &cyd, "Boarding").await;
    caller.remove(vec![leaving("gold", &["ada", "cyd"])]).await;
    is_ended(&ada).await;
    is_ended(&cyd).await;
    assert_eq!(world.comes_to("ada-1", SubscriptionState::Ended).await.reason, "REMOVED");
    let in_use = refused(caller.delete_segment("gold").await);
    assert_eq!((in_use.code, in_use.reason.as_str()), (tonic::Code::FailedPrecondition, "IN_USE"));
    caller.add(vec![members("gold", &["ada"])]).await;
    wait(&ada, "has a second card", |phone| phone.cards.len() == 2).await;
    let later = world.phone_of("bob-2", "bob").await;
    follows(&world, &later, "Boarding").await;
    world.rests().await;
    assert_eq!([&ada, &bob, &cyd, &later].map(starts), [2, 1, 1, 1]);
    caller.ended(FLIGHT).await;
    is_ended(&bob).await;
    world.rests().await;
    caller.add(vec![members("gold", &["cyd"])]).await;
    caller.delete_segment("gold").await.expect("the end has let it go");
    world.rests().await;
    assert_eq!(starts(&cyd), 1, "nobody joins what has ended");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_while_the_audience_is_found_are_started_exactly_once() {
    let world = World::start().await;
    let caller = world.caller();
    caller.segment("phones", SegmentKind::DeviceIds).await;
    let names: Vec<String> = (0..40).map(|number| format!("phone-{number:02}")).collect();
    let mut phones = Vec::new();
    for name in &names {
        phones.push(world.phone_of(name, "").await);
    }
    // Members that are nobody's device make the audience long.
    let strangers: Vec<String> = (0..5_000).map(|number| format!("q-{number}")).collect();
    for batch in strangers.chunks(1_000) {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        caller.add(vec![device_members("phones", &batch)]).await;
    }
    let half: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
    caller.add(vec![device_members("phones", &half)]).await;
    world.start_flight_for(for_segment("phones"), LIVE).await;
    for name in names.iter().skip(20) {
        caller.add(vec![device_members("phones", &[name])]).await;
    }
    let gone = tidings::proto::v1::RemoveMembersRequest {
        device_ids: strings(&["phone-00"]),
        ..leaving("phones", &[])
    };
    caller.remove(vec![gone]).await;
    for phone in &phones[1..] {
        follows(&world, phone, "Scheduled").await;
    }
    world.rests().await;
    assert!(phones[1..].iter().all(|phone| starts(phone) == 1), "exactly once");
    assert_eq!(world.devices_in(&ACTIVE).await, names[1..]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recipients_of_a_live_run_are_live_too() {
    let world = World::start().await;
    world.start_flight_for(for_contacts(&["ada"]), LIVE).await;
    world.adds(contacts(&["bob"])).await;
    world.settled(FLIGHT).await;
    let bob = world.phone_of("bob-1", "bob").await;
    follows(&world, &bob, "Scheduled").await;
    world.removes(contacts(&["bob"])).await;
    is_ended(&bob).await;
    let later = world.phone_of("bob-2", "bob").await;
    world.rests().await;
    assert_eq!(starts(&later), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_is_one_device_of_a_contact_also_when_others_come_later() {
    let world = World::start().await;
    let first = world.phone_of("first", "ada").await;
    let request = StartActivityRequest {
        audience: Some(for_contacts(&["ada", "bob"])),
        audience_mode: LIVE.into(),
        device_preference: DevicePreference::Latest.into(),
        ..start(FLIGHT)
    };
    world.activities().start_activity(request).await.expect("started");
    follows(&world, &first, "Scheduled").await;
    let second = world.phone_of("second", "ada").await;
    let bobs = world.phone_of("bobs", "bob").await;
    follows(&world, &bobs, "Scheduled").await;
    world.rests().await;
    assert_eq!(world.devices_in(&ACTIVE).await, ["bobs", "first"]);
    world.adds(contacts(&["ada"])).await;
    world.rests().await;
    assert_eq!([&first, &second].map(starts), [1, 0], "the contact has it already");
    world.adds(devices(&["second"])).await;
    follows(&world, &second, "Scheduled").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_server_finds_whoever_came_meanwhile() {
    let world = World::start().await;
    let caller = world.caller();
    caller.segment("gold", SegmentKind::ContactKeys).await;
    let ada = world.phone_of("ada-1", "ada").await;
    world.start_flight_for(for_segment("gold"), LIVE).await;
    caller.add(vec![members("gold", &["ada"])]).await;
    let world = world.restart().await;
    shows(&ada, 1, "Scheduled").await;
    world.rests().await;
    assert_eq!(starts(&ada), 1);
    world.stop().await;
}
