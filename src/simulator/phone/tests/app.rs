//! What apps say to Tidings.

use super::tidings::Tidings;
use crate::proto::simulator_v1::{
    CardState, CloseCause, RotateTokenRequest, StartActivityRequest, TokenProgress,
};
use crate::proto::v1::{ApnsEnvironment, FormFactor, ReportedState, TokenKind, TokenResult};
use crate::simulator::Phone;
use crate::simulator::sender::{PATIENCE, World, start_token};
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::Code;

async fn phone(world: &World, tidings: &Tidings) -> Phone {
    let phone = world.phone_with("18.2", |spec| tidings.known_to(spec));
    tidings.heard(2).await;
    phone
}

async fn start(world: &World, phone: &Phone) {
    let post = world.post(&start_token(phone), &world.start());
    assert_eq!(world.sandbox().await.send(&post).await.status, 200);
}

async fn progress(phone: &Phone, progress: TokenProgress) {
    let is_there = |phone: &crate::proto::simulator_v1::Phone| {
        phone.cards.last().is_some_and(|card| card.token_progress() == progress)
    };
    assert!(phone.wait_for(PATIENCE, is_there).await.is_ok());
}

#[tokio::test]
async fn a_launched_app_registers_its_device_and_then_its_push_to_start_token() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = world.phone_with("18.2", |spec| {
        tidings.known_to(spec);
        spec.contact_key = Some("ada".into());
        spec.set_form_factor(crate::proto::simulator_v1::FormFactor::Tablet);
    });
    let said = tidings.heard(2).await;
    let device = said[0].device();
    assert_eq!(device.contact_key.as_deref(), Some("ada"));
    assert_eq!((device.app_id.as_str(), device.os_version.as_str()), ("flights", "18.2"));
    assert_eq!(device.form_factor(), FormFactor::Tablet);
    assert_eq!(device.environment(), ApnsEnvironment::Sandbox);
    let token = said[1].token();
    assert_eq!(token.kind(), TokenKind::PushToStart);
    assert_eq!(token.activity_type, "flight_status");
    assert_eq!(token.token, start_token(&phone));
}

#[tokio::test]
async fn an_app_on_ios_16_registers_no_token_that_starts() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = world.phone_with("16.4", |spec| tidings.known_to(spec));
    assert!(phone.wait_for(PATIENCE, |phone| phone.calls.len() == 1).await.is_ok());
    let seen = phone.snapshot();
    assert_eq!((seen.calls_waiting, seen.calls[0].method.as_str()), (0, "RegisterDevice"));
}

#[tokio::test]
async fn a_card_started_by_push_is_registered_with_what_its_attributes_say() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    start(&world, &phone).await;
    let said = tidings.heard(3).await;
    let (token, card) = (said[2].token(), phone.snapshot().cards.remove(0));
    assert_eq!(token.kind(), TokenKind::Update);
    assert_eq!(token.token, card.update_token);
    assert_eq!((token.activity_id.as_str(), token.run), ("FLIGHT_1711", Some(2)));
    assert_eq!(token.device_activity_id, card.card_id);
    assert_eq!(token.token_time.unwrap().seconds, world.seconds());
    assert_eq!((&token.attributes_json, &token.content_state_json), (&None, &None));
    progress(&phone, TokenProgress::Registered).await;
    assert_eq!(phone.snapshot().cards[0].run, 2, "the attributes are right, not the answer");
}

#[tokio::test]
async fn an_activity_that_the_app_started_is_registered_with_its_data() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = world.phone_with("16.4", |spec| {
        tidings.known_to(spec);
        spec.templates[0].attributes.clear();
    });
    let request = StartActivityRequest {
        activity_type: "flight_status".into(),
        attributes_json: "{\"from\": \"IST\"}".into(),
        content_json: "{\"gate\":\"B1\",\"seat\":3}".into(),
        ..Default::default()
    };
    let card_id = phone.start_activity(&request).unwrap();
    let said = tidings.heard(2).await;
    let token = said[1].token();
    assert_eq!(token.device_activity_id, card_id);
    assert_eq!((token.activity_type.as_str(), token.run), ("flight_status", None));
    assert_eq!(token.attributes_json.as_ref(), Some(&request.attributes_json));
    assert_eq!(token.content_state_json.as_ref(), Some(&request.content_json));
    progress(&phone, TokenProgress::Registered).await;
    let card = phone.snapshot().cards.remove(0);
    assert_eq!((card.activity_id.as_str(), card.run), ("act_given", 7), "the answer named it");

    let rotation = RotateTokenRequest { name_replaced: true, ..Default::default() };
    let rotated = phone.rotate_token(&rotation).unwrap();
    let said = tidings.heard(3).await;
    let token = said[2].token();
    assert_eq!((&token.token, &token.replaces), (&rotated, &card.update_token));
    assert_eq!((token.activity_id.as_str(), token.run), ("act_given", Some(7)));
    assert_eq!(token.attributes_json, None, "it is known");
}

#[tokio::test]
async fn tokens_that_are_held_back_are_registered_when_they_are_released() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    phone.hold_tokens();
    start(&world, &phone).await;
    assert_eq!(phone.snapshot().cards[0].token_progress(), TokenProgress::Held);
    assert_eq!(phone.snapshot().calls_waiting, 0);
    phone.release_tokens();
    let said = tidings.heard(3).await;
    assert_eq!(said[2].token().token, phone.snapshot().cards[0].update_token);
}

#[tokio::test]
async fn a_force_quit_app_says_nothing_until_it_is_launched() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    phone.force_quit();
    for _ in 0..2 {
        start(&world, &phone).await;
    }
    let cards = phone.snapshot().cards;
    assert_eq!(cards.len(), 2, "the system needs no app for a card");
    phone.dismiss(&cards[1].card_id).unwrap();
    assert_eq!(cards[0].token_progress(), TokenProgress::Held);
    assert_eq!(phone.snapshot().calls_waiting, 0);

    phone.launch();
    let said = tidings.heard(6).await;
    assert_eq!(said[2].device().device_id, phone.snapshot().device_id);
    assert_eq!(said[3].token().kind(), TokenKind::PushToStart);
    assert_eq!(said[4].token().device_activity_id, cards[0].card_id);
    assert_eq!(said[5].report().device_activity_id, cards[1].card_id);
}

#[tokio::test]
async fn an_app_reports_what_becomes_of_its_cards() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    start(&world, &phone).await;
    tidings.heard(3).await;
    let card = phone.snapshot().cards.remove(0);
    let mut aps = world.update(1, "C1");
    aps["stale-date"] = json!(world.seconds() + 10);
    let mut sender = world.sandbox().await;
    sender.send(&world.post(&card.update_token, &aps)).await;
    world.clock.advance(Duration::from_secs(10));
    phone.snapshot();
    let mut aps = world.update(1, "landed");
    aps["event"] = json!("end");
    aps["dismissal-date"] = json!(world.seconds() + 900);
    sender.send(&world.post(&card.update_token, &aps)).await;
    world.clock.advance(Duration::from_mins(15));
    // Nobody looks: time passes on the phone all the same.
    let said = tidings.heard(6).await;
    let states: Vec<_> = said[3..].iter().map(|said| said.report().state()).collect();
    assert_eq!(states, [ReportedState::Stale, ReportedState::Ended, ReportedState::Dismissed]);
    let report = said[5].report();
    assert_eq!((report.activity_id.as_str(), report.run), ("FLIGHT_1711", Some(2)));
    assert_eq!(report.device_activity_id, card.card_id);
}

#[tokio::test]
async fn a_swiped_card_is_reported_as_dismissed() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    start(&world, &phone).await;
    tidings.heard(3).await;
    phone.dismiss("").unwrap();
    assert_eq!(tidings.heard(4).await[3].report().state(), ReportedState::Dismissed);
}

#[tokio::test]
async fn an_app_ends_a_card_that_has_ended_for_tidings() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    tidings.answer(TokenResult::CardEnded);
    start(&world, &phone).await;
    let ended = |phone: &crate::proto::simulator_v1::Phone| {
        phone.cards.first().is_some_and(|card| card.state() == CardState::Gone)
    };
    let seen = phone.wait_for(PATIENCE, ended).await.expect("the card is gone");
    assert_eq!(seen.cards[0].close_cause(), CloseCause::App);
    let calls: Vec<_> = seen.calls.iter().map(|call| call.detail.as_str()).collect();
    assert_eq!(calls[2], "TOKEN_RESULT_CARD_ENDED");
}

#[tokio::test]
async fn a_call_is_repeated_with_the_same_request_id_until_it_is_taken() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    tidings.refuse(&[Code::Unavailable, Code::Aborted, Code::Ok, Code::InvalidArgument]);
    let phone = world.phone_with("18.2", |spec| tidings.known_to(spec));
    let seen = phone.wait_for(PATIENCE, |phone| phone.calls.len() == 2).await.unwrap();
    let said = tidings.said();
    let ids: Vec<_> = said[..3].iter().map(|said| said.device().request_id.clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]) && !ids[0].is_empty(), "{ids:?}");
    assert_eq!((seen.calls[0].attempts, seen.calls[0].code), (3, 0));
    assert_eq!(seen.calls[1].attempts, 1, "a wrong request is not repeated");
    assert_eq!(seen.calls[1].code, i32::from(Code::InvalidArgument));
    assert_eq!(said.len(), 4);
}

#[tokio::test]
async fn an_app_does_not_give_up_while_the_server_is_away() {
    let world = World::new().await;
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let phone = world.phone_with("18.2", |spec| {
        spec.server_url = format!("http://{address}");
        spec.api_key = super::tidings::KEY.into();
    });
    let waits = |phone: &crate::proto::simulator_v1::Phone| phone.calls_waiting == 2;
    assert!(phone.wait_for(PATIENCE, waits).await.is_ok());
    let tidings = Tidings::on(TcpListener::bind(address).await.unwrap());
    tidings.heard(2).await;
    assert!(phone.wait_for(PATIENCE, |phone| phone.calls_waiting == 0).await.is_ok());
}

#[tokio::test]
async fn an_app_without_a_network_calls_when_it_has_one() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = world.phone_with("18.2", |spec| {
        tidings.known_to(spec);
        spec.offline = true;
    });
    tokio::task::yield_now().await;
    assert_eq!((tidings.said().len(), phone.snapshot().calls_waiting), (0, 2));
    phone.set_online(true);
    tidings.heard(2).await;
}

#[tokio::test]
async fn an_app_says_who_logs_in_and_out() {
    let world = World::new().await;
    let tidings = Tidings::start().await;
    let phone = phone(&world, &tidings).await;
    phone.set_contact("ada");
    tidings.heard(3).await;
    phone.set_contact("");
    let said = tidings.heard(4).await;
    let contact = |call: usize| said[call].device().contact_key.clone();
    assert_eq!(
        (contact(0), contact(2), contact(3)),
        (None, Some("ada".into()), Some(String::new()))
    );
}
