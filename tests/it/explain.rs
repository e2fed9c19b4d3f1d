//! `ExplainDelivery` through the real server, Apple's and Google's rules and phones: what a support engineer reads.

use crate::calls::{CONTACT, alert, end, for_contacts, refused, start, update};
use crate::harness::{PATIENCE, World, shows, wait};
use crate::tables::at_rest;
use std::time::Duration;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    CreateWorkspaceRequest, DeliveryStatus, DeviceExplanation, ExplainDeliveryRequest,
    ExplainDeliveryResponse, Finding, FindingCode as Code, FindingWeight, NextAction, Operation,
    Platform, Recipients, RemoveRecipientsRequest, StartActivityRequest, SubscriptionState,
};
use tidings::simulator::Phone;

const FLIGHT: &str = "FLIGHT_1711";
/// How often a fact is looked at that nothing announces.
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn of_device(device_id: &str) -> ExplainDeliveryRequest {
    ExplainDeliveryRequest {
        activity_id: FLIGHT.to_owned(),
        device_id: device_id.to_owned(),
        ..ExplainDeliveryRequest::default()
    }
}

impl World {
    async fn explained(&self, request: ExplainDeliveryRequest) -> ExplainDeliveryResponse {
        let answer = self.activities().explain_delivery(request).await;
        answer.expect("explained").into_inner()
    }

    async fn explain(&self, device_id: &str) -> DeviceExplanation {
        let mut explained = self.explained(of_device(device_id)).await;
        assert_eq!(explained.devices.len(), 1);
        explained.devices.remove(0)
    }

    /// Waits until the explanation has that finding.
    async fn finds(&self, device_id: &str, code: Code) -> DeviceExplanation {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        let mut last = DeviceExplanation::default();
        let found = async {
            loop {
                tick.tick().await;
                last = self.explain(device_id).await;
                if finding(&last, code).is_some() {
                    return last.clone();
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("no {code:?} of {device_id}: {last:#?}"))
    }

    fn explained_phone(&self, device_id: &str, spec: sim::PhoneSpec) -> Phone {
        let os_version =
            if spec.os_version.is_empty() { "18.2".to_owned() } else { spec.os_version.clone() };
        self.phone_with(sim::PhoneSpec {
            device_id: device_id.to_owned(),
            os_version,
            contact_key: Some(CONTACT.to_owned()),
            ..spec
        })
    }

    async fn starts(&self, contact_keys: &[&str]) {
        let request =
            StartActivityRequest { audience: Some(for_contacts(contact_keys)), ..start(FLIGHT) };
        self.activities().start_activity(request).await.expect("started");
    }
}

fn finding(explained: &DeviceExplanation, code: Code) -> Option<&Finding> {
    explained.findings.iter().find(|found| found.code() == code)
}

fn found(explained: &DeviceExplanation, code: Code) -> &Finding {
    finding(explained, code).unwrap_or_else(|| panic!("no {code:?} in {explained:#?}"))
}

fn action(explained: &DeviceExplanation) -> NextAction {
    explained.now.as_ref().expect("a decision").action()
}

fn state(explained: &DeviceExplanation) -> SubscriptionState {
    explained.subscription.as_ref().expect("a subscription").state()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_shows_the_newest_is_explained_by_what_was_accepted_and_reported() {
    let world = World::start().await;
    let phone = world.shows_it(FLIGHT).await;
    world.activities().update_activity(update(FLIGHT, "Boarding")).await.expect("accepted");
    shows(&phone, 1, "Boarding").await;
    at_rest(world.database()).await;
    let explained = world.explained(of_device("iphone")).await;
    assert_eq!((explained.run, explained.findings.len()), (1, 0), "{:?}", explained.findings);
    assert_eq!(explained.activity.as_ref().expect("an activity").revision, 2);
    assert!(explained.explain_time.is_some() && !explained.has_more_devices);
    let device = &explained.devices[0];
    assert_eq!((state(device), action(device)), (SubscriptionState::Active, NextAction::Nothing));
    assert!(found(device, Code::UpToDate).text.contains("revision 2"));
    assert!(found(device, Code::InAudience).text.contains("by its contact ayse"));
    let displayed = found(device, Code::AcceptedIsNotDisplayed);
    assert!(displayed.text.contains("does not say that it is displayed"), "{}", displayed.text);
    let obstacle = |found: &&Finding| found.weight() == FindingWeight::Obstacle;
    assert_eq!(device.findings.iter().find(obstacle), None);
    let pushes: Vec<(Operation, DeliveryStatus)> =
        device.deliveries.iter().map(|row| (row.operation(), row.status())).collect();
    let accepted = DeliveryStatus::Accepted;
    assert_eq!(pushes.first(), Some(&(Operation::Update, accepted)));
    assert_eq!(pushes.last(), Some(&(Operation::Start, accepted)));
    let tokens = &device.device.as_ref().expect("a device").tokens;
    assert_eq!(tokens.len(), 2, "to start by, and to update by");
    let seconds = |time: &Option<prost_types::Timestamp>| {
        time.map(|time| (time.seconds, time.nanos)).expect("a time")
    };
    for (token, push) in tokens.iter().zip([device.deliveries.last(), device.deliveries.first()]) {
        let push = push.expect("a push");
        assert!(seconds(&token.confirm_time) >= seconds(&token.register_time));
        assert_eq!(seconds(&token.confirm_time), seconds(&push.send_time), "{token:?}");
    }
    let listed = world.subscription(FLIGHT, "iphone").await;
    assert_eq!(listed.token_register_time, tokens[1].register_time);
    assert_eq!(listed.token_confirm_time, tokens[1].confirm_time);
    assert_eq!(device.subscription, Some(listed), "both say the same");
    let until = found(device, Code::CardTakesPushesUntil);
    assert!(until.text.contains("(in 7 h)"), "{}", until.text);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_device_from_being_started_is_told_with_what_to_do() {
    let world = World::start().await;
    let off = world.explained_phone(
        "off",
        sim::PhoneSpec { activities_enabled: Some(false), ..sim::PhoneSpec::default() },
    );
    let old = world.explained_phone(
        "old",
        sim::PhoneSpec { os_version: "16.4".to_owned(), ..sim::PhoneSpec::default() },
    );
    let held =
        world.explained_phone("held", sim::PhoneSpec { hold_tokens: true, ..Default::default() });
    for phone in [&off, &old, &held] {
        world.said_everything(phone).await;
    }
    world.caller().registered(&world.app_id, "tokenless").await;
    world.starts(&[CONTACT]).await;
    world.settled(FLIGHT).await;
    for (device_id, code) in [
        ("off", Code::ActivitiesDisabled),
        ("old", Code::OsCannotStartByPush),
        ("tokenless", Code::NoPushToStartToken),
    ] {
        let device = world.finds(device_id, code).await;
        let told = found(&device, code);
        assert_eq!(told.weight(), FindingWeight::Obstacle);
        assert!(!told.remedy.is_empty() && device.findings[0].weight() == told.weight());
        assert_eq!(state(&device), SubscriptionState::Unreachable);
        assert_eq!(action(&device), NextAction::Nothing, "{:?}", device.now);
    }
    let tokenless = world.explain("tokenless").await;
    found(&tokenless, Code::NoTokens);
    let all = ExplainDeliveryRequest {
        activity_id: FLIGHT.to_owned(),
        contact_key: CONTACT.to_owned(),
        ..ExplainDeliveryRequest::default()
    };
    let all = world.explained(all).await;
    let device_id = |one: &DeviceExplanation| one.device.clone().expect("a device").device_id;
    let mut ids: Vec<String> = all.devices.iter().map(device_id).collect();
    assert_eq!(ids[0], "tokenless", "the newest first");
    ids.sort_unstable();
    assert_eq!(ids, ["held", "off", "old", "tokenless"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_card_without_a_token_and_one_whose_token_died_are_told_apart() {
    let world = World::start().await;
    let lost = world.explained_phone("lost", sim::PhoneSpec::default());
    let dead = world.explained_phone("dead", sim::PhoneSpec::default());
    for phone in [&lost, &dead] {
        world.said_everything(phone).await;
    }
    lost.hold_tokens();
    world.starts(&[CONTACT]).await;
    shows(&lost, 1, "Scheduled").await;
    shows(&dead, 1, "Scheduled").await;
    let device = world.finds("lost", Code::NoUpdateToken).await;
    assert_eq!(found(&device, Code::NoUpdateToken).weight(), FindingWeight::Wait, "not late yet");
    assert_eq!(state(&device), SubscriptionState::PendingToken);
    assert!(device.now.expect("a decision").text.contains("register its update token first"));
    world.finds("dead", Code::UpToDate).await;
    world.said_everything(&dead).await;
    assert!(world.simulator.kill_token(&dead.snapshot().cards[0].update_token));
    world.activities().update_activity(update(FLIGHT, "Gate")).await.expect("accepted");
    let device = world.finds("dead", Code::UpdateTokenDead).await;
    assert!(found(&device, Code::UpdateTokenDead).text.ends_with("Unregistered."));
    let push = found(&device, Code::LastPushFailed);
    assert!(push.text.contains("Unregistered, status 410"), "{}", push.text);
    assert_eq!(push.remedy, device.deliveries[0].remedy);
    assert_eq!(state(&device), SubscriptionState::Invalidated);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_closed_it_left_it_or_had_its_end_is_told() {
    let world = World::start().await;
    let phone = world.shows_it(FLIGHT).await;
    phone.dismiss("").expect("a card");
    let device = world.finds("iphone", Code::Dismissed).await;
    assert_eq!(action(&device), NextAction::Nothing);
    let another = world.phone("other", "18.2", "fatma");
    world.said_everything(&another).await;
    let device = world.explain("other").await;
    let told = found(&device, Code::NotInAudience);
    assert!(told.remedy.contains("AddRecipients") && told.weight() == FindingWeight::Obstacle);
    assert_eq!(action(&device), NextAction::NotSubscribed);
    assert!(device.subscription.is_none() && device.deliveries.is_empty());
    world.activities().end_activity(end(FLIGHT)).await.expect("ended");
    world.starts(&[CONTACT, "fatma"]).await;
    shows(&another, 2, "Scheduled").await;
    world.finds("other", Code::UpToDate).await;
    let recipients = Recipients { contact_keys: vec!["fatma".to_owned()], ..Recipients::default() };
    let request = RemoveRecipientsRequest {
        activity_id: FLIGHT.to_owned(),
        recipients: Some(recipients),
        ..RemoveRecipientsRequest::default()
    };
    world.activities().remove_recipients(request).await.expect("removed");
    let device = world.finds("other", Code::Ended).await;
    assert!(found(&device, Code::Ended).text.contains("not in the audience of this run any more"));
    shows(&phone, 2, "Scheduled").await;
    world.finds("iphone", Code::UpToDate).await;
    world.activities().end_activity(end(FLIGHT)).await.expect("ended");
    shows(&phone, 2, "Landed").await;
    let device = world.finds("iphone", Code::Ended).await;
    assert_eq!(state(&device), SubscriptionState::Ended);
    let run = world.explained(of_device("iphone")).await;
    assert_eq!(run.findings.iter().map(Finding::code).collect::<Vec<_>>(), [Code::RunEnded]);
    let first = ExplainDeliveryRequest { run: Some(1), ..of_device("iphone") };
    let first = world.explained(first).await;
    assert_eq!((first.run, first.findings[0].code()), (1, Code::RunNotCurrent));
    found(&first.devices[0], Code::Dismissed);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_an_android_app_was_force_stopped_is_said_to_be_unknowable() {
    let world = World::start().await;
    let app_id = world.create_android_app(crate::harness::BUNDLE).await;
    let spec = world.spec(sim::PhoneSpec {
        device_id: "pixel".to_owned(),
        contact_key: Some(CONTACT.to_owned()),
        android: Some(sim::AndroidSpec { api_level: 36, ..sim::AndroidSpec::default() }),
        ..sim::PhoneSpec::default()
    });
    let spec = sim::PhoneSpec { app_id, world: 0, ..spec };
    let phone = world.simulator.create_phone(spec).expect("a phone");
    world.said_everything(&phone).await;
    world.starts(&[CONTACT]).await;
    shows(&phone, 1, "Scheduled").await;
    world.said_everything(&phone).await;
    phone.force_quit();
    world.activities().update_activity(update(FLIGHT, "Boarding")).await.expect("accepted");
    world.settled(FLIGHT).await;
    let device = world.finds("pixel", Code::MayBeForceStopped).await;
    assert_eq!(found(&device, Code::MayBeForceStopped).weight(), FindingWeight::Doubt);
    found(&device, Code::UpToDate);
    assert_eq!(device.device.as_ref().expect("a device").platform(), Platform::Android);
    wait(&phone, "is stopped", |phone| {
        phone.cards.iter().all(|card| crate::harness::status_of(&card.content_json) != "Boarding")
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_sent_now_is_what_is_sent() {
    let world = World::start().await;
    let phone = world.shows_it(FLIGHT).await;
    let fault = sim::Fault {
        phone_id: phone.id(),
        event: "update".to_owned(),
        count: 1,
        action: Some(sim::fault::Action::Answer(sim::FaultAnswer {
            status: 503,
            reason: "ServiceUnavailable".to_owned(),
            ..sim::FaultAnswer::default()
        })),
        ..sim::Fault::default()
    };
    world.finds("iphone", Code::UpToDate).await;
    world.settled(FLIGHT).await;
    world.simulator.set_fault(fault).expect("set");
    let alerting = tidings::proto::v1::UpdateActivityRequest {
        alert: Some(alert()),
        ..update(FLIGHT, "Boarding")
    };
    world.activities().update_activity(alerting).await.expect("accepted");
    let device = world.finds("iphone", Code::RetryLater).await;
    let now = device.now.clone().expect("a decision");
    assert_eq!(now.action(), NextAction::Wait);
    assert_eq!(now.time, device.subscription.as_ref().expect("a subscription").retry_time);
    assert!(found(&device, Code::AlertPending).text.contains("revision 2"));
    assert!(found(&device, Code::Behind).text.contains("revision 2"));
    found(&device, Code::LastPushFailed);
    shows(&phone, 1, "Boarding").await;
    let device = world.finds("iphone", Code::UpToDate).await;
    assert_eq!(device.deliveries[0].attempt, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_begins_later_says_when_and_for_whom() {
    let world = World::start().await;
    world.caller().registered(&world.app_id, "iphone").await;
    let tomorrow = tidings::clock::Clock::system().now().seconds() + 24 * 3_600;
    let request = StartActivityRequest {
        start_time: Some(prost_types::Timestamp { seconds: tomorrow, nanos: 0 }),
        ..start(FLIGHT)
    };
    world.activities().start_activity(request).await.expect("scheduled");
    let explained = world.explained(of_device("iphone")).await;
    let codes: Vec<Code> = explained.findings.iter().map(Finding::code).collect();
    assert_eq!(codes, [Code::RunScheduled], "{:?}", explained.findings);
    let device = &explained.devices[0];
    assert_eq!(action(device), NextAction::NotSubscribed);
    assert!(found(device, Code::InAudience).text.contains("by its contact ayse"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unknown_or_another_workspaces_is_not_found() {
    let world = World::start().await;
    let caller = world.caller();
    caller.registered(&world.app_id, "iphone").await;
    caller.started(FLIGHT).await;
    let request =
        CreateWorkspaceRequest { name: "twin".to_owned(), ..CreateWorkspaceRequest::default() };
    let twin = caller.workspaces().create_workspace(request).await.expect("a workspace");
    let twin = twin.into_inner().workspace.expect("a workspace").workspace_id;
    let (_, key) = caller.new_key(&twin, &["activities:read"]).await;
    let twin = world.caller_with(&key);
    let theirs = refused(twin.activities().explain_delivery(of_device("iphone")).await);
    assert_eq!((theirs.code, theirs.reason.as_str()), (tonic::Code::NotFound, "NOT_FOUND"));
    let contact = |contact_key: &str| ExplainDeliveryRequest {
        device_id: String::new(),
        contact_key: contact_key.to_owned(),
        ..of_device("")
    };
    let unknown = [
        ExplainDeliveryRequest { activity_id: "NEVER".to_owned(), ..of_device("iphone") },
        ExplainDeliveryRequest { run: Some(2), ..of_device("iphone") },
        ExplainDeliveryRequest { run: Some(0), ..of_device("iphone") },
        of_device("unknown"),
        contact("nobody"),
    ];
    for request in unknown {
        let absent = refused(caller.activities().explain_delivery(request).await);
        assert_eq!((absent.code, absent.reason.as_str()), (tonic::Code::NotFound, "NOT_FOUND"));
    }
    world.explained(contact(CONTACT)).await;
    world.stop().await;
}
