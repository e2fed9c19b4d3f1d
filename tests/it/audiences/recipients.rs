//! Joining and leaving a running activity by calls.

use super::*;
use crate::calls::{end, for_contacts, for_devices};
use crate::segments::{contacts as members, for_segment};
use tidings::proto::v1::{EndActivityRequest, SegmentKind, Target};

const FIXED: AudienceMode = AudienceMode::Unspecified;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_is_started_with_the_newest_state_and_who_leaves_is_ended() {
    let world = World::start().await;
    let ada = world.phone_of("ada-1", "ada").await;
    let bob = world.phone_of("bob-1", "bob").await;
    let cyd = world.phone_of("cyd-1", "cyd").await;
    world.start_flight_for(for_contacts(&["ada"]), FIXED).await;
    follows(&world, &ada, "Scheduled").await;
    world.show("Boarding").await;
    let added = world.adds(contacts(&["ada", "bob"])).await;
    assert_eq!((added.run, added.added, added.already_there), (1, 1, 1));
    assert_eq!(world.adds(devices(&["cyd-1"])).await.added, 1);
    follows(&world, &bob, "Boarding").await;
    follows(&world, &cyd, "Boarding").await;
    assert_eq!([&ada, &bob, &cyd].map(starts), [1, 1, 1], "nobody is started twice");
    assert_eq!(world.comes_to("bob-1", SubscriptionState::Active).await.contact_key, "bob");
    let removed = world.removes(contacts(&["bob", "nobody"])).await;
    assert_eq!((removed.removed, removed.not_there), (1, 1));
    let seen = is_ended(&bob).await;
    assert!(!seen.cards[0].shown.last().expect("shown").alerted, "silently");
    let row = world.comes_to("bob-1", SubscriptionState::Ended).await;
    assert_eq!(row.reason, "REMOVED");
    world.show("In Air").await;
    follows(&world, &ada, "In Air").await;
    follows(&world, &cyd, "In Air").await;
    world.rests().await;
    assert_eq!(bob.snapshot().cards.len(), 1);
    world.caller().ended(FLIGHT).await;
    is_ended(&ada).await;
    is_ended(&cyd).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_stays_as_long_as_another_recipient_leads_to_it() {
    let world = World::start().await;
    let caller = world.caller();
    let both = world.phone_of("both", "ada").await;
    let by_contact = world.phone_of("by-contact", "ada").await;
    caller.segment("gold", SegmentKind::ContactKeys).await;
    caller.add(vec![members("gold", &["ada"])]).await;
    world.start_flight_for(for_contacts(&["ada"]), FIXED).await;
    world.adds(devices(&["both"])).await;
    world.adds(segment("gold")).await;
    follows(&world, &both, "Scheduled").await;
    follows(&world, &by_contact, "Scheduled").await;
    world.removes(contacts(&["ada"])).await;
    world.rests().await;
    let active = [SubscriptionState::Active];
    assert_eq!(world.devices_in(&active).await, ["both", "by-contact"], "the segment has both");
    world.removes(segment("gold")).await;
    is_ended(&by_contact).await;
    world.rests().await;
    assert_eq!(world.devices_in(&active).await, ["both"], "it was named itself");
    // What is left is no way through the contact.
    both.set_contact("eve");
    world.said_everything(&both).await;
    world.show("Boarding").await;
    follows(&world, &both, "Boarding").await;
    world.removes(devices(&["both"])).await;
    is_ended(&both).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_and_joins_again_gets_a_new_card_with_the_newest_state() {
    let world = World::start().await;
    let phone = world.phone_of("phone", "ada").await;
    world.start_flight_for(for_contacts(&["ada"]), FIXED).await;
    follows(&world, &phone, "Scheduled").await;
    world.removes(contacts(&["ada"])).await;
    is_ended(&phone).await;
    world.comes_to("phone", SubscriptionState::Ended).await;
    world.show("Boarding").await;
    world.adds(contacts(&["ada"])).await;
    follows(&world, &phone, "Boarding").await;
    assert_eq!(starts(&phone), 2);
    world.show("In Air").await;
    follows(&world, &phone, "In Air").await;
    let seen = phone.snapshot();
    assert_eq!(seen.cards[0].close_cause(), sim::CloseCause::Push);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_person_has_closed_starts_again_only_where_the_call_says_so() {
    let world = World::start().await;
    let phone = world.phone_of("phone", "ada").await;
    world.start_flight_for(for_contacts(&["ada"]), FIXED).await;
    follows(&world, &phone, "Scheduled").await;
    let card = phone.snapshot().cards[0].card_id.clone();
    phone.dismiss(&card).expect("closed");
    world.comes_to("phone", SubscriptionState::Dismissed).await;
    world.adds(contacts(&["ada"])).await;
    world.rests().await;
    world.comes_to("phone", SubscriptionState::Dismissed).await;
    assert_eq!(starts(&phone), 1);
    world.adds_with(contacts(&["ada"]), true).await;
    wait(&phone, "has a second card", |phone| phone.cards.len() == 2).await;
    world.comes_to("phone", SubscriptionState::Active).await;
    world.show("Boarding").await;
    wait(&phone, "shows it on the second card", |phone| {
        crate::harness::status_of(&phone.cards[1].content_json) == "Boarding"
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_for_one_device_holds_until_it_is_added_again() {
    let world = World::start().await;
    let phone = world.phone_of("phone", "ada").await;
    world.start_flight_for(for_contacts(&["ada"]), FIXED).await;
    follows(&world, &phone, "Scheduled").await;
    let target = Target { contact_keys: strings(&["ada"]), ..Target::default() };
    let request = EndActivityRequest { target: Some(target), ..end(FLIGHT) };
    world.activities().end_activity(request).await.expect("ended there");
    is_ended(&phone).await;
    world.comes_to("phone", SubscriptionState::Ended).await;
    world.show("Boarding").await;
    world.adds(contacts(&["ada"])).await;
    follows(&world, &phone, "Boarding").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_repeated_has_one_effect() {
    let world = World::start().await;
    let phone = world.phone_of("phone", "ada").await;
    world.start_flight_for(for_devices(&["nothing"]), FIXED).await;
    let add = AddRecipientsRequest {
        request_id: "add-1".to_owned(),
        activity_id: FLIGHT.to_owned(),
        run: Some(1),
        recipients: Some(contacts(&["ada"])),
        restart_dismissed: false,
    };
    let mut activities = world.activities();
    let first = activities.add_recipients(add.clone()).await.expect("added").into_inner();
    assert_eq!((first.added, first.replayed), (1, false));
    follows(&world, &phone, "Scheduled").await;
    let remove = RemoveRecipientsRequest {
        request_id: "remove-1".to_owned(),
        activity_id: FLIGHT.to_owned(),
        run: None,
        recipients: Some(contacts(&["ada"])),
    };
    activities.remove_recipients(remove.clone()).await.expect("removed");
    is_ended(&phone).await;
    let again = activities.add_recipients(add).await.expect("answered").into_inner();
    assert_eq!(again, AddRecipientsResponse { replayed: true, ..first });
    let again = activities.remove_recipients(remove).await.expect("answered").into_inner();
    assert_eq!((again.removed, again.replayed), (1, true));
    world.rests().await;
    assert_eq!(starts(&phone), 1, "a repeat adds nobody");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_joins_and_leaves_before_anything_was_sent_sees_nothing() {
    let world = World::start().await;
    let phone = world.phone_of("phone", "ada").await;
    world.start_flight_for(for_devices(&["nothing"]), FIXED).await;
    world.settled(FLIGHT).await;
    let (add, remove) = (world.adds(contacts(&["ada"])), world.removes(contacts(&["ada"])));
    let (added, _) = tokio::join!(add, remove);
    assert_eq!(added.added, 1);
    world.rests().await;
    let states = world.subscriptions(FLIGHT, None).await;
    let may_be = |row: &Subscription| {
        // Both calls are under way at once: either may come first.
        matches!(row.state(), SubscriptionState::Ended | SubscriptionState::Active)
    };
    assert!(states.iter().all(may_be), "{states:?}");
    world.removes(contacts(&["ada"])).await;
    world.rests().await;
    assert_eq!(world.devices_in(&[SubscriptionState::Active]).await, [""; 0]);
    assert!(phone.snapshot().cards.iter().all(|card| card.close_cause() == sim::CloseCause::Push));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_joins_with_all_its_members_and_leaves_with_them() {
    let world = World::start().await;
    let caller = world.caller();
    let ada = world.phone_of("ada-1", "ada").await;
    let bob = world.phone_of("bob-1", "bob").await;
    caller.segment("gold", SegmentKind::ContactKeys).await;
    caller.add(vec![members("gold", &["ada", "bob"])]).await;
    caller.segment("none", SegmentKind::DeviceIds).await;
    world.start_flight_for(for_segment("none"), FIXED).await;
    world.adds(segment("gold")).await;
    follows(&world, &ada, "Scheduled").await;
    follows(&world, &bob, "Scheduled").await;
    world.adds(contacts(&["bob"])).await;
    let removed = world.removes(segment("gold")).await;
    assert_eq!((removed.removed, removed.not_there), (1, 0));
    is_ended(&ada).await;
    world.rests().await;
    assert_eq!(world.devices_in(&[SubscriptionState::Active]).await, ["bob-1"]);
    world.stop().await;
}
