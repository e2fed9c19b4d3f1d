//! What apps on Android say to Tidings.

use super::super::tidings::{Said, Tidings};
use crate::proto::simulator_v1::{
    self as sim, AndroidSpec, DropReason, RotateTokenRequest, StartActivityRequest, TokenProgress,
};
use crate::proto::v1::{
    ApnsEnvironment, CardAction, MissingCard, Platform, ReportedState, Subscription,
    SubscriptionState, SyncDeviceResponse, SyncedCard, TokenKind, TokenResult,
};
use crate::simulator::Phone;
use crate::simulator::message_sender::{World, gates, reasons, registration};
use crate::simulator::sender::PATIENCE;
use serde_json::json;
use tonic::Code;

async fn phone(world: &World, tidings: &Tidings) -> Phone {
    let phone = world.android_with(36, |spec| tidings.known_to(spec));
    tidings.heard(2).await;
    phone
}

fn start() -> StartActivityRequest {
    StartActivityRequest {
        activity_type: "flight_status".into(),
        attributes_json: "{\"activityId\": \"mine\"}".into(),
        content_json: "{\"gate\":\"A1\",\"seat\":3}".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_launched_app_registers_its_device_and_then_its_registration() {
    let world = World::new().await;
    for (installation_id, kind) in
        [(false, TokenKind::FcmToken), (true, TokenKind::FcmInstallationId)]
    {
        let tidings = Tidings::start().await;
        let phone = world.android_with(31, |spec| {
            tidings.known_to(spec);
            spec.contact_key = Some("ada".into());
            spec.android = Some(AndroidSpec { installation_id, ..AndroidSpec::default() });
        });
        let said = tidings.heard(2).await;
        let device = said[0].device();
        assert_eq!((device.platform(), device.os_version.as_str()), (Platform::Android, "12"));
        assert_eq!(device.environment(), ApnsEnvironment::Unspecified);
        assert_eq!(
            (device.notifications_permission, device.activities_enabled),
            (Some(true), None)
        );
        assert_eq!(device.contact_key.as_deref(), Some("ada"));
        let token = said[1].token();
        assert_eq!((token.kind(), &token.token), (kind, &registration(&phone)));
        assert_eq!((token.activity_type.as_str(), token.activity_id.as_str()), ("", ""));
        assert_eq!(token.environment(), ApnsEnvironment::Unspecified);
    }
}

#[tokio::test]
async fn an_app_reports_what_it_shows_what_was_closed_and_what_ended() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    world.say(&phone, &world.at(1, "start")).await;
    tidings.heard(3).await;
    world.say(&phone, &world.at(2, "update")).await;
    phone.dismiss("").unwrap();
    tidings.heard(4).await;
    let mut data = world.at(3, "start");
    data["tidings_run"] = json!("3");
    world.say(&phone, &data).await;
    tidings.heard(5).await;
    data["tidings_event"] = json!("end");
    world.say(&phone, &data).await;
    let said = tidings.heard(6).await;
    let reports: Vec<_> =
        said[2..].iter().map(|said| (said.report().state(), said.report().run)).collect();
    let expected = [
        (ReportedState::Active, Some(2)),
        (ReportedState::Dismissed, Some(2)),
        (ReportedState::Active, Some(3)),
        (ReportedState::Ended, Some(3)),
    ];
    assert_eq!(reports, expected);
    let report = said[2].report();
    assert_eq!(
        (report.activity_id.as_str(), report.device_activity_id.as_str()),
        ("FLIGHT_1711", "")
    );
}

#[tokio::test]
async fn a_new_registration_is_told_with_the_old_one_if_the_app_names_it() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    let first = registration(&phone);
    let second = phone.rotate_token(&RotateTokenRequest::default()).unwrap();
    assert_eq!(tidings.heard(3).await[2].token().replaces, "");
    let body = |token: &str| json!({"message": {"token": token}});
    assert_eq!(world.send(&body(&first)).await.code(), "UNREGISTERED");

    let to_fid = RotateTokenRequest {
        to_installation_id: true,
        old_stays_accepted: true,
        name_replaced: true,
        ..RotateTokenRequest::default()
    };
    let third = phone.rotate_token(&to_fid).unwrap();
    let said = tidings.heard(4).await;
    assert_eq!(said[3].token().kind(), TokenKind::FcmInstallationId);
    assert_eq!((&said[3].token().token, &said[3].token().replaces), (&third, &second));
    assert!(second.starts_with(&third), "a token begins with the id of its installation");
    for token in [&second, &third] {
        let mut message = body(token);
        message["message"]["data"] = world.data();
        assert_eq!(world.send(&message).await.status, 200);
    }
    assert_eq!(gates(&phone), ["B5"]);
    assert_eq!(reasons(&phone), [DropReason::Duplicate], "both are good: it came twice");
    let fourth = phone.rotate_token(&RotateTokenRequest::default()).unwrap();
    assert_ne!(third, fourth);
}

#[tokio::test]
async fn an_activity_that_the_app_started_is_registered_with_its_data() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    let card_id = phone.start_activity(&start()).unwrap();
    let said = tidings.heard(3).await;
    let token = said[2].token();
    assert_eq!((token.kind(), &token.token), (TokenKind::FcmToken, &registration(&phone)));
    assert_eq!(token.device_activity_id, card_id);
    assert_eq!(token.attributes_json.as_ref(), Some(&start().attributes_json));
    assert_eq!(token.content_state_json.as_ref(), Some(&start().content_json));
    let registered =
        |phone: &sim::Phone| phone.cards[0].token_progress() == TokenProgress::Registered;
    let card = phone.wait_for(PATIENCE, registered).await.unwrap().cards.remove(0);
    assert!(card.started_by_app && card.update_token.is_empty());
    assert_eq!(card.run, 7, "as Tidings answered");

    let mut data = world.at(2, "update");
    data["tidings_activity_id"] = json!(card.activity_id);
    data["tidings_run"] = json!("7");
    world.say(&phone, &data).await;
    assert_eq!(gates(&phone), ["A1", "B2"]);
    phone.dismiss("").unwrap();
    let said = tidings.heard(4).await;
    assert_eq!(said[3].report().device_activity_id, card_id);
}

#[tokio::test]
async fn a_message_may_come_before_the_app_knows_the_id_of_what_it_started() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    tidings.refuse(&[Code::InvalidArgument]);
    let mut request = start();
    request.attributes_json = r#"{"activityId":""}"#.into();
    phone.start_activity(&request).unwrap();
    tidings.heard(3).await;
    world.say(&phone, &world.data()).await;
    let cards = phone.snapshot().cards;
    assert_eq!((cards.len(), cards[0].activity_id.as_str()), (1, "FLIGHT_1711"));
    assert_eq!(gates(&phone), ["A1", "B5"]);
}

#[tokio::test]
async fn what_was_closed_before_tidings_named_it_is_not_shown_again() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    phone.set_online(false);
    let card_id = phone.start_activity(&start()).unwrap();
    phone.dismiss(&card_id).unwrap();
    phone.set_online(true);
    tidings.heard(4).await;
    let known = |phone: &sim::Phone| phone.calls_waiting == 0;
    let card = phone.wait_for(PATIENCE, known).await.unwrap().cards.remove(0);
    let mut data = world.at(2, "update");
    data["tidings_activity_id"] = json!(card.activity_id);
    data["tidings_run"] = json!(card.run.to_string());
    world.say(&phone, &data).await;
    assert_eq!(reasons(&phone), [DropReason::Dismissed]);
}

#[tokio::test]
async fn an_app_starts_what_the_person_allows_and_ends_what_has_ended_for_tidings() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    tidings.answer(TokenResult::CardEnded);
    phone.start_activity(&start()).unwrap();
    let ended = |phone: &sim::Phone| !phone.cards[0].on_screen;
    assert!(phone.wait_for(PATIENCE, ended).await.is_ok());
    phone.set_notifications_enabled(false);
    assert!(phone.start_activity(&start()).is_err());
    let said = tidings.heard(5).await;
    assert!(said.iter().any(|said| matches!(said, Said::Device(device)
        if device.notifications_permission == Some(false))));
}

#[tokio::test]
async fn a_registration_that_is_held_back_comes_with_what_the_app_started() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = world.android_with(36, |spec| {
        tidings.known_to(spec);
        spec.hold_tokens = true;
    });
    phone.start_activity(&start()).unwrap();
    tidings.heard(1).await;
    assert_eq!(phone.snapshot().cards[0].token_progress(), TokenProgress::Held);
    phone.release_tokens();
    let said = tidings.heard(3).await;
    assert_eq!((said.len(), said[1].token().activity_type.as_str()), (3, ""));
    assert_eq!(said[2].token().activity_type, "flight_status");
}

#[tokio::test]
async fn an_app_whose_messages_were_deleted_asks_what_it_has_missed_and_obeys() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    for (activity_id, revision) in [("old", 1), ("over", 2), ("kept", 3)] {
        let mut data = world.at(revision, "start");
        data["tidings_activity_id"] = json!(activity_id);
        world.say(&phone, &data).await;
    }
    tidings.heard(5).await;
    tidings.answer_sync(missed());
    phone.set_online(false);
    for revision in 2..=102 {
        world.say(&phone, &world.at(revision, "update")).await;
    }
    phone.set_online(true);
    let said = tidings.heard(6).await;
    let Said::Sync(sync) = &said[5] else { panic!("{said:?}") };
    assert_eq!(sync.tokens[0].token, registration(&phone));
    let cards: Vec<_> = sync.cards.iter().map(|card| (card.run, card.revision)).collect();
    assert_eq!(cards, [(Some(2), Some(1)), (Some(2), Some(2)), (Some(2), Some(3))]);
    let obeyed = |phone: &sim::Phone| phone.cards.len() == 4;
    let seen = phone.wait_for(PATIENCE, obeyed).await.unwrap();
    let now: Vec<_> = seen.cards.iter().map(|card| (card.on_screen, card.revision)).collect();
    assert_eq!(now, [(true, 7), (false, 2), (true, 3), (true, 9)]);
    assert_eq!(seen.cards[3].activity_id, "missing");
    let mut data = world.at(7, "update");
    data["tidings_activity_id"] = json!("old");
    world.say(&phone, &data).await;
    assert_eq!(reasons(&phone).last(), Some(&DropReason::Duplicate));
}

fn missed() -> SyncDeviceResponse {
    let card = |activity_id: &str, action: CardAction, revision: i64| SyncedCard {
        activity_id: activity_id.into(),
        run: 2,
        action: action.into(),
        revision,
        content_state_json: r#"{"gate":"C7","seat":1}"#.into(),
        ..SyncedCard::default()
    };
    let missing = |activity_id: &str, state: SubscriptionState| MissingCard {
        subscription: Some(Subscription {
            activity_id: activity_id.into(),
            run: 2,
            wanted_revision: 9,
            state: state.into(),
            ..Subscription::default()
        }),
        activity_type: "flight_status".into(),
        content_state_json: r#"{"gate":"C9","seat":1}"#.into(),
        ..MissingCard::default()
    };
    SyncDeviceResponse {
        cards: vec![
            card("old", CardAction::Update, 7),
            card("over", CardAction::End, 2),
            card("kept", CardAction::Keep, 8),
            card("unknown", CardAction::Update, 7),
        ],
        missing: vec![
            missing("missing", SubscriptionState::Active),
            missing("on-its-way", SubscriptionState::PendingStart),
            missing("kept", SubscriptionState::Active),
        ],
        ..SyncDeviceResponse::default()
    }
}

#[tokio::test]
async fn an_app_that_was_stopped_by_force_asks_when_it_is_opened() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    phone.launch();
    assert_eq!(tidings.heard(4).await.len(), 4, "there is nothing to ask");
    phone.force_quit();
    phone.launch();
    let said = tidings.heard(7).await;
    assert!(matches!(&said[6], Said::Sync(sync) if sync.cards.is_empty()), "{said:?}");
}

#[tokio::test]
async fn a_new_install_has_a_new_registration_and_remembers_nothing() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    world.say(&phone, &world.data()).await;
    tidings.heard(3).await;
    let old = registration(&phone);
    phone.reinstall("another").unwrap();
    let said = tidings.heard(5).await;
    assert_eq!(said[3].device().device_id, "another");
    assert_eq!(said[4].token().token, registration(&phone));
    assert_eq!(world.send(&json!({"message": {"token": old}})).await.code(), "UNREGISTERED");
    world.say(&phone, &world.data()).await;
    assert_eq!((gates(&phone), phone.snapshot().cards.len()), (vec!["B5".to_owned()], 2));
}
