//! Two cards of one run on one phone, and cards that the person closes.

use super::*;
use crate::harness::wait;
use tidings::proto::v1::{RevokeTokenRequest, TokenResult};

/// The app itself starts a card of the running flight.
fn another_card(phone: &Phone) -> String {
    let start = sim::StartActivityRequest {
        activity_type: "flight_status".to_owned(),
        attributes_json: format!(
            "{{\"flight\":\"TK1\",\"activityId\":\"{FLIGHT}\",\"activityRun\":1}}"
        ),
        content_json: content("By the app"),
        ..sim::StartActivityRequest::default()
    };
    phone.start_activity(&start).expect("a card")
}

fn is_closed_by_push(phone: &sim::Phone, card_id: &str) -> bool {
    let closed =
        |card: &sim::Card| card.card_id == card_id && card.close_cause() == sim::CloseCause::Push;
    phone.cards.iter().any(closed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_cards_the_first_is_ended_and_stays_so() {
    let (world, phone) = World::flying().await;
    let first = phone.snapshot().cards[0].clone();
    let second = another_card(&phone);
    let seen =
        wait(&phone, "ends the first card", |phone| is_closed_by_push(phone, &first.card_id)).await;
    let newest = seen.cards.iter().find(|card| card.card_id == second).expect("it stays");
    assert!(newest.on_screen && newest.close_cause() == sim::CloseCause::Unspecified);
    shows(&phone, 1, "Scheduled").await;
    world
        .eventually(async || {
            let again = world.register("phone", &first).await;
            (again.result() == TokenResult::CardEnded).then_some(())
        })
        .await;
    world.update("Gate").await;
    let seen = shows(&phone, 1, "Gate").await;
    let showing = seen.cards.iter().find(|card| card.card_id == second).expect("it stays");
    assert_eq!(showing.content_json, content("Gate"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_shows_up_after_a_dismissal_is_ended() {
    let (world, phone) = World::flying().await;
    phone.dismiss("").expect("a card on the screen");
    world.becomes("phone", SubscriptionState::Dismissed).await;
    let card = another_card(&phone);
    wait(&phone, "ends the new card", |phone| is_closed_by_push(phone, &card)).await;
    let row = world.subscription(FLIGHT, "phone").await;
    assert_eq!(row.state(), SubscriptionState::Dismissed);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_gets_no_push_until_the_app_registers_one() {
    let (world, phone) = World::flying().await;
    let card = phone.snapshot().cards[0].clone();
    let revoke = RevokeTokenRequest {
        device_id: "phone".to_owned(),
        token: card.update_token.clone(),
        ..RevokeTokenRequest::default()
    };
    world.devices().revoke_token(revoke).await.expect("revoked");
    let row = world.subscription(FLIGHT, "phone").await;
    assert_eq!(row.state(), SubscriptionState::Invalidated);
    assert_eq!(row.reason, "TOKEN_REVOKED");
    world.update("Gate").await;
    world.settled(FLIGHT).await;
    assert!(world.rows("phone", Operation::Update).await.is_empty());
    world.register("phone", &card).await;
    shows(&phone, 1, "Gate").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_brings_its_token_after_the_end_gets_the_end() {
    let world = World::start().await;
    let phone = world.ready_phone("phone", "ada").await;
    phone.hold_tokens();
    world.start_flight(&["ada"]).await;
    shows(&phone, 1, "Scheduled").await;
    world.end("Landed", &[]).await;
    world.settled(FLIGHT).await;
    assert!(world.rows("phone", Operation::End).await.is_empty());
    phone.release_tokens();
    let seen = shows(&phone, 1, "Landed").await;
    assert_eq!(seen.cards[0].state(), sim::CardState::Ended);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_for_one_device_right_after_the_start_reaches_only_it() {
    let world = World::start().await;
    let named = world.ready_phone("named", "ada").await;
    let other = world.ready_phone("other", "ada").await;
    world.start_flight(&["ada"]).await;
    world.end("Off", &["named"]).await;
    world.becomes("named", SubscriptionState::Ended).await;
    shows(&other, 1, "Scheduled").await;
    world.update("Gate").await;
    shows(&other, 1, "Gate").await;
    world.settled(FLIGHT).await;
    let cards = named.snapshot().cards;
    let lives = |card: &sim::Card| card.close_cause() == sim::CloseCause::Unspecified;
    assert!(!cards.iter().any(lives), "never started, or ended: {cards:?}");
    world.stop().await;
}
