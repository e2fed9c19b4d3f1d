//! What an app says when it comes to the front, devices that are deleted, and permissions that are given later.

use crate::bad_input::{Bench, DEVICE};
use crate::calls::{
    CONTACT, TYPE, content, device, for_devices, refused, start, token, update, update_token,
};
use crate::harness::{PATIENCE, World, shows, wait};
use crate::tables::{at_rest, count};
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    CardAction, DeleteDeviceRequest, EndActivityRequest, GetDeviceRequest, RegisterDeviceRequest,
    RegisterTokenRequest, ReportedState, ScreenCard, StartActivityRequest, SubscriptionState,
    SyncDeviceRequest, SyncDeviceResponse, TokenKind, TokenResult,
};
use tidings::simulator::Phone;
use tonic::Code;

fn sync(device_id: &str, cards: Vec<ScreenCard>) -> SyncDeviceRequest {
    SyncDeviceRequest { device_id: device_id.to_owned(), cards, ..SyncDeviceRequest::default() }
}

fn on_screen(card: &sim::Card, revision: Option<i64>) -> ScreenCard {
    ScreenCard {
        activity_id: card.activity_id.clone(),
        run: Some(card.run),
        revision,
        device_activity_id: card.card_id.clone(),
    }
}

impl World {
    async fn synced(&self, request: SyncDeviceRequest) -> SyncDeviceResponse {
        self.caller().devices().sync_device(request).await.expect("synced").into_inner()
    }

    /// A phone that shows run 1 of an activity, with its token registered.
    async fn showing(&self, device_id: &str, activity_id: &str) -> Phone {
        let phone = self.phone(device_id, "18.2", CONTACT);
        self.said_everything(&phone).await;
        self.caller().started(activity_id).await;
        shows(&phone, 1, "Scheduled").await;
        wait(&phone, "has its token registered", |phone| {
            let done = sim::TokenProgress::Registered;
            phone.cards.iter().all(|card| card.token_progress() == done)
        })
        .await;
        at_rest(self.database()).await;
        phone
    }

    async fn device_deleted(&self, device_id: &str) {
        let request = DeleteDeviceRequest {
            device_id: device_id.to_owned(),
            ..DeleteDeviceRequest::default()
        };
        self.caller().devices().delete_device(request).await.expect("deleted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_card_is_kept_updated_or_ended_and_never_goes_back() {
    let world = World::start().await;
    let phone = world.showing("iphone", "A").await;
    let card = phone.snapshot().cards[0].clone();
    let judged = async |revision| {
        let answer = world.synced(sync("iphone", vec![on_screen(&card, revision)])).await;
        assert!(answer.missing.is_empty() && answer.cards.len() == 1, "{answer:?}");
        let card = answer.cards[0].clone();
        (card.action(), card.revision, card.content_state_json)
    };
    assert_eq!(judged(Some(1)).await, (CardAction::Keep, 1, String::new()));
    assert_eq!(judged(None).await, (CardAction::Keep, 1, String::new()));
    assert_eq!(judged(Some(9)).await.0, CardAction::Keep, "nothing older than it shows");
    world.caller().activities().update_activity(update("A", "In Air")).await.expect("updated");
    shows(&phone, 1, "In Air").await;
    at_rest(world.database()).await;
    assert_eq!(judged(Some(1)).await, (CardAction::Update, 2, content("In Air")));
    assert_eq!(judged(Some(2)).await.0, CardAction::Keep);
    let before = at_rest(world.database()).await;
    let pushes = world.simulator.pushes_received();
    assert_eq!(judged(Some(1)).await.0, CardAction::Update);
    let after = at_rest(world.database()).await;
    assert_eq!(after.rows("subscriptions"), before.rows("subscriptions"), "it was seen before");
    assert_eq!(world.simulator.pushes_received(), pushes);
    let other = ScreenCard { device_activity_id: "another".to_owned(), ..on_screen(&card, None) };
    let both = world.synced(sync("iphone", vec![other, on_screen(&card, Some(2))])).await;
    let actions: Vec<CardAction> =
        both.cards.iter().map(tidings::proto::v1::SyncedCard::action).collect();
    assert_eq!(actions, [CardAction::End, CardAction::Keep], "the one that is followed stays");
    world.caller().ended("A").await;
    at_rest(world.database()).await;
    assert_eq!(judged(Some(2)).await, (CardAction::End, 3, content("Landed")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_of_closed_gone_and_other_peoples_runs_are_ended() {
    let world = World::start().await;
    let phone = world.showing("iphone", "A").await;
    let card = phone.snapshot().cards[0].clone();
    let unknown =
        ScreenCard { activity_id: "GONE".to_owned(), run: Some(1), ..ScreenCard::default() };
    let by_app = ScreenCard { run: None, activity_id: "NEW".to_owned(), ..unknown.clone() };
    let answer = world.synced(sync("iphone", vec![unknown, by_app])).await;
    assert_eq!(answer.cards[0].action(), CardAction::End);
    assert_eq!(answer.cards[1].action(), CardAction::Keep, "the app's own, not registered yet");
    let missing: Vec<&str> =
        answer.missing.iter().map(|card| card.content_state_json.as_str()).collect();
    assert_eq!(missing, [content("Scheduled")], "it should be there");
    let report = tidings::proto::v1::ReportActivityStateRequest {
        device_id: "iphone".to_owned(),
        activity_id: "A".to_owned(),
        device_activity_id: card.card_id.clone(),
        state: ReportedState::Dismissed.into(),
        ..tidings::proto::v1::ReportActivityStateRequest::default()
    };
    world.caller().devices().report_activity_state(report).await.expect("reported");
    let answer = world.synced(sync("iphone", vec![on_screen(&card, None)])).await;
    assert_eq!(answer.cards[0].action(), CardAction::End, "the person closed it");
    world.caller().started("B").await;
    shows(&phone, 1, "Scheduled").await;
    let seen = wait(&phone, "shows both", |phone| phone.cards.len() == 2).await;
    let second = seen.cards.iter().find(|card| card.activity_id == "B").expect("a card").clone();
    let logout = RegisterDeviceRequest {
        contact_key: Some(String::new()),
        environment: tidings::proto::v1::ApnsEnvironment::Sandbox.into(),
        ..device(&world.app_id, "iphone")
    };
    world.caller().devices().register_device(logout).await.expect("registered");
    let answer = world.synced(sync("iphone", vec![on_screen(&second, None)])).await;
    assert_eq!(answer.cards[0].action(), CardAction::End, "another person has the device");
    assert!(answer.missing.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_registered_and_a_refused_one_holds_nothing_up() {
    let world = World::start().await;
    world.caller().registered(&world.app_id, "d").await;
    let bare = |request: RegisterTokenRequest| RegisterTokenRequest {
        device_id: String::new(),
        ..request
    };
    let start_token = RegisterTokenRequest {
        kind: TokenKind::PushToStart.into(),
        token: token("22"),
        activity_type: TYPE.to_owned(),
        ..RegisterTokenRequest::default()
    };
    let nowhere = RegisterTokenRequest {
        token: token("33"),
        activity_type: String::new(),
        ..bare(update_token("", "NOWHERE"))
    };
    let request = SyncDeviceRequest {
        request_id: "once".to_owned(),
        tokens: vec![start_token, nowhere, bare(update_token("", "A"))],
        ..sync("d", Vec::new())
    };
    let first = world.synced(request.clone()).await;
    let results: Vec<TokenResult> =
        first.tokens.iter().map(tidings::proto::v1::SyncedToken::result).collect();
    let registered = TokenResult::Registered;
    assert_eq!(results, [registered, TokenResult::Unspecified, registered]);
    assert_eq!(first.tokens[1].error.as_ref().expect("refused").code, Code::NotFound as i32);
    assert_eq!((first.tokens[2].activity_id.as_str(), first.tokens[2].run), ("A", 1));
    let before = at_rest(world.database()).await;
    let again = world.synced(request.clone()).await;
    before.assert_unchanged(&at_rest(world.database()).await, "a repeat");
    assert!(again.replayed && again.tokens == first.tokens);
    let other = SyncDeviceRequest { tokens: Vec::new(), ..request };
    let reused = refused(world.caller().devices().sync_device(other).await);
    assert_eq!(reused.reason, "REQUEST_ID_REUSED");
    let request = GetDeviceRequest { device_id: "d".to_owned() };
    let known = world.caller().devices().get_device(request).await.expect("found").into_inner();
    assert_eq!(known.device.expect("a device").tokens.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_names_every_wrong_field_and_a_deletion_its_own() {
    let bench = Bench::new().await;
    let wrong_token = RegisterTokenRequest {
        request_id: "x".to_owned(),
        device_id: DEVICE.to_owned(),
        kind: 99,
        token: "xyz".to_owned(),
        ..RegisterTokenRequest::default()
    };
    let wrong_card = ScreenCard {
        revision: Some(-1),
        device_activity_id: "\n".to_owned(),
        ..ScreenCard::default()
    };
    let request = SyncDeviceRequest {
        request_id: "\n".to_owned(),
        tokens: vec![update_token("", "A"), wrong_token],
        cards: vec![wrong_card],
        ..sync("", Vec::new())
    };
    let fields = [
        "request_id",
        "device_id",
        "tokens[1].request_id",
        "tokens[1].device_id",
        "tokens[1].kind",
        "tokens[1].token",
        "cards[0].activity_id",
        "cards[0].device_activity_id",
        "cards[0].revision",
    ];
    bench.wrong(&fields, bench.caller.devices().sync_device(request).await).await;
    let card = ScreenCard { activity_id: "A".to_owned(), ..ScreenCard::default() };
    let request = SyncDeviceRequest {
        tokens: vec![update_token("", "A"); 33],
        ..sync(DEVICE, vec![card; 65])
    };
    bench.wrong(&["tokens", "cards"], bench.caller.devices().sync_device(request).await).await;
    let result = bench.caller.devices().sync_device(sync("none", Vec::new())).await;
    assert_eq!(bench.nothing_done("no device", result).await.reason, "NOT_FOUND");
    let request = DeleteDeviceRequest { request_id: "\n".to_owned(), device_id: "a\nb".to_owned() };
    let result = bench.caller.devices().delete_device(request).await;
    bench.wrong(&["request_id", "device_id"], result).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_permission_kept_from_being_started_is_started_when_it_is_given() {
    let world = World::start().await;
    let phone = world.phone("iphone", "18.2", CONTACT);
    world.said_everything(&phone).await;
    let allowed = |activities_enabled| SyncDeviceRequest {
        activities_enabled: Some(activities_enabled),
        ..sync("iphone", Vec::new())
    };
    world.synced(allowed(false)).await;
    for activity_id in ["A", "OTHER"] {
        world.caller().started(activity_id).await;
    }
    at_rest(world.database()).await;
    let row = world.subscription("A", "iphone").await;
    assert_eq!(
        (row.state(), row.reason.as_str()),
        (SubscriptionState::Unreachable, "ACTIVITIES_DISABLED")
    );
    world.caller().ended("OTHER").await;
    let answer = world.synced(allowed(true)).await;
    assert_eq!(answer.missing.len(), 1, "that of the active run");
    shows(&phone, 1, "Scheduled").await;
    at_rest(world.database()).await;
    assert_eq!(phone.snapshot().cards.len(), 1, "the other one has ended");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_system_starts_what_the_old_one_could_not_or_says_what_it_lacks() {
    let world = World::start().await;
    let caller = world.caller();
    let on = |os_version: &str| RegisterDeviceRequest {
        os_version: os_version.to_owned(),
        ..device(&world.app_id, "d")
    };
    caller.devices().register_device(on("16.4")).await.expect("registered");
    caller.started("A").await;
    at_rest(world.database()).await;
    assert_eq!(world.subscription("A", "d").await.reason, "OS_CANNOT_START_BY_PUSH");
    caller.devices().register_device(on("18.2")).await.expect("registered");
    let row = world.subscription("A", "d").await;
    assert_eq!(row.reason, "NO_PUSH_TO_START_TOKEN", "it is the token that is missing now");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_device_is_gone_at_once_and_its_cards_are_ended() {
    let world = World::start().await;
    let phone = world.showing("iphone", "A").await;
    world.device_deleted("iphone").await;
    let absent = GetDeviceRequest { device_id: "iphone".to_owned() };
    let result = world.caller().devices().get_device(absent).await;
    assert_eq!(refused(result).reason, "NOT_FOUND");
    let again = DeleteDeviceRequest { device_id: "iphone".to_owned(), ..Default::default() };
    let again = refused(world.caller().devices().delete_device(again).await);
    assert_eq!((again.code, again.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    wait(&phone, "has its card ended", |phone| {
        phone.cards[0].close_cause() == sim::CloseCause::Push
    })
    .await;
    let tables = at_rest(world.database()).await;
    for table in ["devices", "tokens", "subscriptions"] {
        assert!(tables.rows(table).is_empty(), "{table}: {:?}", tables.rows(table));
    }
    assert!(tables.holding("iphone").is_empty(), "{:?}", tables.holding("iphone"));
    let log = world.deliveries("A").await;
    assert!(!log.is_empty() && log.iter().all(|row| row.device_id.is_empty()));
    // The id is free, for another install of another person.
    let other = RegisterDeviceRequest {
        contact_key: Some("bob".to_owned()),
        ..device(&world.app_id, "iphone")
    };
    let made = world.caller().devices().register_device(other).await.expect("registered");
    assert!(made.into_inner().created);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_device_is_in_no_audience_while_its_rows_wait() {
    let world = World::start().await;
    let phone = world.showing("iphone", "A").await;
    let fault = sim::Fault {
        phone_id: phone.id(),
        event: "end".to_owned(),
        count: 1,
        action: Some(sim::fault::Action::Answer(sim::FaultAnswer {
            status: 503,
            reason: "ServiceUnavailable".to_owned(),
            ..sim::FaultAnswer::default()
        })),
        ..sim::Fault::default()
    };
    let fault = world.simulator.set_fault(fault).expect("set");
    world.device_deleted("iphone").await;
    let hit = |simulator: &tidings::simulator::Simulator| {
        simulator.fault(fault).is_some_and(|status| status.hits > 0)
    };
    assert!(world.simulator.wait_for(PATIENCE, hit).await);
    let everyone = StartActivityRequest { audience: Some(for_devices(&["iphone"])), ..start("B") };
    world.caller().activities().start_activity(everyone).await.expect("started");
    world
        .caller()
        .activities()
        .end_activity(EndActivityRequest {
            activity_id: "B".to_owned(),
            ..EndActivityRequest::default()
        })
        .await
        .expect("ended");
    at_rest(world.database()).await;
    assert!(world.subscriptions("B", None).await.is_empty());
    let left = count(world.database(), "SELECT count(*) FROM devices").await;
    assert_eq!(left, 0, "after the retry its card is ended and its row is gone");
    world.stop().await;
}
