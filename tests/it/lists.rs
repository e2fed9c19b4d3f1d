//! Lists: what filters let through, and pages that neither lose nor repeat anything while others write.

use crate::calls::{CONTACT, Caller, TYPE, device, start, update};
use crate::harness::{World, shows};
use std::collections::BTreeSet;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    ActivityState, DeliveryStatus, ListActivitiesRequest, ListDeliveriesRequest,
    ListDevicesRequest, ListSubscriptionsRequest, Operation, StartActivityRequest,
    SubscriptionState,
};

async fn activities(caller: &Caller, request: ListActivitiesRequest) -> Vec<String> {
    let answer = caller.activities().list_activities(request).await.expect("a list");
    answer.into_inner().activities.into_iter().map(|activity| activity.activity_id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activities_are_filtered_by_state_type_contact_external_id_and_time() {
    let world = World::start().await;
    let caller = world.caller();
    caller.registered(&world.app_id, "device").await;
    caller.started("first").await;
    // An end before its audience is found would cancel the finding.
    world.settled("first").await;
    caller.ended("first").await;
    let other = StartActivityRequest {
        activity_type: "other".to_owned(),
        external_id: "TK1983".to_owned(),
        audience: Some(crate::calls::for_contacts(&["nobody"])),
        ..start("second")
    };
    caller.activities().start_activity(other).await.expect("started");
    world.settled("first").await;
    let all = ListActivitiesRequest::default;
    assert_eq!(activities(&caller, all()).await, ["second", "first"], "the newest first");
    let cases = [
        (ListActivitiesRequest { state: ActivityState::Active.into(), ..all() }, "second"),
        (ListActivitiesRequest { state: ActivityState::Ended.into(), ..all() }, "first"),
        (ListActivitiesRequest { activity_type: TYPE.to_owned(), ..all() }, "first"),
        (ListActivitiesRequest { external_id: "TK1983".to_owned(), ..all() }, "second"),
        (ListActivitiesRequest { contact_key: CONTACT.to_owned(), ..all() }, "first"),
    ];
    for (request, only) in cases {
        assert_eq!(activities(&caller, request.clone()).await, [only], "{request:?}");
    }
    let second = caller.activity("second").await.create_time;
    let after = ListActivitiesRequest { created_after: second, ..all() };
    assert_eq!(activities(&caller, after).await, ["second"], "at or after");
    let before = ListActivitiesRequest { created_before: second, ..all() };
    assert_eq!(activities(&caller, before).await, ["first"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_hold_every_device_once_while_others_come() {
    let world = World::start().await;
    let caller = world.caller();
    for number in 0..25 {
        caller.registered(&world.app_id, &format!("device-{number}")).await;
    }
    let mut seen = Vec::new();
    let mut request = ListDevicesRequest { page_size: 4, ..ListDevicesRequest::default() };
    loop {
        caller.registered(&world.app_id, &format!("late-{}", seen.len())).await;
        let answer = caller.devices().list_devices(request.clone()).await.expect("a page");
        let page = answer.into_inner();
        seen.extend(page.devices.into_iter().map(|device| device.device_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || seen.len() > 200 {
            break;
        }
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "nothing twice");
    assert!((0..25).all(|number| once.contains(&format!("device-{number}"))), "nothing is lost");
    let request = ListDevicesRequest { contact_key: "nobody".to_owned(), ..Default::default() };
    let none = caller.devices().list_devices(request).await.expect("a list").into_inner();
    assert!(none.devices.is_empty());
    let request = ListDevicesRequest {
        app_id: world.app_id.clone(),
        contact_key: CONTACT.to_owned(),
        page_size: 1_000,
        ..ListDevicesRequest::default()
    };
    let ours = caller.devices().list_devices(request).await.expect("a list").into_inner();
    assert_eq!(ours.devices.len(), once.len());
    world.stop().await;
}

async fn deliveries(caller: &Caller, request: ListDeliveriesRequest) -> usize {
    let answer = caller.log().list_deliveries(request).await.expect("a log");
    answer.into_inner().deliveries.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_and_the_subscriptions_are_filtered_and_paged() {
    let world = World::start().await;
    let caller = world.caller();
    // A token that comes before its start is settled would get the first state once more, and that its own row.
    let phone = world.phone_with(sim::PhoneSpec {
        device_id: "iphone".to_owned(),
        os_version: "18.2".to_owned(),
        contact_key: Some(CONTACT.to_owned()),
        hold_tokens: true,
        ..sim::PhoneSpec::default()
    });
    world.said_everything(&phone).await;
    let old = tidings::proto::v1::RegisterDeviceRequest {
        os_version: "16.4".to_owned(),
        ..device(&world.app_id, "old")
    };
    caller.devices().register_device(old).await.expect("registered");
    caller.started("A").await;
    shows(&phone, 1, "Scheduled").await;
    world.settled("A").await;
    phone.release_tokens();
    world.said_everything(&phone).await;
    for status in ["one", "two", "three"] {
        caller.activities().update_activity(update("A", status)).await.expect("updated");
        shows(&phone, 1, status).await;
        world.settled("A").await;
    }
    let of = |device_id: &str| ListDeliveriesRequest {
        activity_id: "A".to_owned(),
        device_id: device_id.to_owned(),
        ..ListDeliveriesRequest::default()
    };
    let all = || of("iphone");
    assert_eq!(deliveries(&caller, all()).await, 4);
    let status = |status: DeliveryStatus| status.into();
    let cases = [
        (ListDeliveriesRequest { operation: Operation::Update.into(), ..all() }, 3),
        (ListDeliveriesRequest { operation: Operation::End.into(), ..all() }, 0),
        (ListDeliveriesRequest { status: status(DeliveryStatus::Accepted), ..all() }, 4),
        (ListDeliveriesRequest { status: status(DeliveryStatus::Failed), ..all() }, 0),
        (ListDeliveriesRequest { status: status(DeliveryStatus::Skipped), ..of("old") }, 1),
        (ListDeliveriesRequest { revision: Some(2), ..all() }, 1),
        (ListDeliveriesRequest { run: Some(2), ..all() }, 0),
        (ListDeliveriesRequest { contact_key: CONTACT.to_owned(), ..all() }, 4),
        (ListDeliveriesRequest { app_id: world.app_id.clone(), ..all() }, 4),
        (ListDeliveriesRequest { reason: "Unregistered".to_owned(), ..all() }, 0),
    ];
    for (request, count) in cases {
        assert_eq!(deliveries(&caller, request.clone()).await, count, "{request:?}");
    }
    let mut revisions = Vec::new();
    let mut request = ListDeliveriesRequest { page_size: 1, ..all() };
    while revisions.len() < 10 {
        let page =
            caller.log().list_deliveries(request.clone()).await.expect("a page").into_inner();
        revisions.extend(page.deliveries.iter().map(|delivery| delivery.revision));
        caller.activities().update_activity(update("A", "more")).await.expect("updated");
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(revisions, [4, 3, 2, 1], "stable while more is sent");
    subscriptions_are_filtered(&caller).await;
    world.stop().await;
}

async fn subscriptions_are_filtered(caller: &Caller) {
    let having = |state: SubscriptionState| ListSubscriptionsRequest {
        activity_id: "A".to_owned(),
        states: vec![state.into()],
        ..ListSubscriptionsRequest::default()
    };
    let cases = [
        (having(SubscriptionState::Active), vec!["iphone"]),
        (having(SubscriptionState::Unreachable), vec!["old"]),
        (having(SubscriptionState::Ended), vec![]),
        (
            ListSubscriptionsRequest {
                device_id: "old".to_owned(),
                states: vec![],
                ..having(SubscriptionState::Active)
            },
            vec!["old"],
        ),
        (ListSubscriptionsRequest { run: Some(2), ..having(SubscriptionState::Active) }, vec![]),
    ];
    for (request, devices) in cases {
        let found = caller.activities().list_subscriptions(request).await.expect("a list");
        let found = found.into_inner().subscriptions.into_iter();
        assert_eq!(found.map(|one| one.device_id).collect::<Vec<_>>(), devices);
    }
}
