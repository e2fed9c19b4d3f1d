//! Updates, ends, and the life of a card.

use crate::proto::simulator_v1::{Card, CardState, CloseCause, Drop, DropReason, Phone, ShownBy};
use crate::simulator::sender::{BUNDLE, Sender, World, provider_token, start_token};
use serde_json::{Value, json};
use std::time::Duration;

fn reasons(phone: &Phone) -> Vec<DropReason> {
    phone.drops.iter().map(Drop::reason).collect()
}

fn gates(card: &Card) -> Vec<String> {
    let gate = |json: &str| {
        let content: Value = serde_json::from_str(json).unwrap();
        content["gate"].as_str().unwrap().to_owned()
    };
    card.shown.iter().map(|shown| gate(&shown.content_json)).collect()
}

async fn push(world: &World, sender: &mut Sender, token: &str, aps: Value) {
    let mut post = world.post(token, &aps);
    let fresh = provider_token(world.simulator.credential(), world.seconds());
    post.set("authorization", &format!("bearer {fresh}"));
    // A connection may not change its provider token often, so a moved clock means a new one.
    let mut fresh = world.sandbox().await;
    std::mem::swap(sender, &mut fresh);
    assert_eq!(sender.send(&post).await.status, 200);
}

#[tokio::test]
async fn only_a_strictly_newer_timestamp_changes_the_card() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    let eight_hours = 8 * 3_600;
    for (later, gate) in
        [(0, "same"), (-1, "older"), (1, "C1"), (1, "again"), (eight_hours + 1, "ahead"), (3, "C2")]
    {
        push(&world, &mut sender, &token, world.update(later, gate)).await;
    }
    let seen = phone.snapshot();
    assert_eq!(gates(&seen.cards[0]), ["B12", "C1", "C2"]);
    assert_eq!(
        reasons(&seen),
        [
            DropReason::TimestampNotNewer,
            DropReason::TimestampNotNewer,
            DropReason::TimestampNotNewer,
            DropReason::TimestampAhead,
        ]
    );
    assert_eq!(seen.drops[0].card_id, seen.cards[0].card_id);
    assert_eq!(
        (seen.drops[0].event.as_str(), seen.drops[0].timestamp),
        ("update", world.seconds())
    );
    push(&world, &mut sender, &token, world.update(eight_hours, "edge")).await;
    assert_eq!(phone.snapshot().cards[0].shown.len(), 4, "exactly eight hours are fine");
}

#[tokio::test]
async fn an_update_that_does_not_decode_leaves_the_card_and_its_timestamp() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    let contents = [
        json!({"gate": "C1"}),
        json!({"gate": 1, "seat": 1}),
        json!({"gate": "C1", "seat": "1"}),
        json!({"gate": "C1", "seat": 1, "boards": "2026-11-22"}),
        json!([]),
    ];
    for content in contents {
        let mut aps = world.update(5, "C1");
        aps["content-state"] = content;
        push(&world, &mut sender, &token, aps).await;
    }
    let mut aps = world.update(5, "C1");
    aps.as_object_mut().unwrap().remove("content-state");
    push(&world, &mut sender, &token, aps).await;
    assert_eq!(reasons(&phone.snapshot()), [DropReason::ContentUndecodable; 6]);
    push(&world, &mut sender, &token, world.update(1, "C2")).await;
    assert_eq!(gates(&phone.snapshot().cards[0]), ["B12", "C2"]);
}

#[tokio::test]
async fn attributes_and_content_together_have_four_kilobytes() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let phone = world.phone("18.2");
    let mut aps = world.start();
    aps["attributes"]["padding"] = json!("p".repeat(3_000));
    push(&world, &mut sender, &start_token(&phone), aps).await;
    let token = phone.snapshot().cards[0].update_token.clone();
    push(&world, &mut sender, &token, world.update(1, &"g".repeat(1_200))).await;
    assert_eq!(reasons(&phone.snapshot()), [DropReason::TooLarge]);
    push(&world, &mut sender, &token, world.update(1, &"g".repeat(900))).await;
    assert_eq!(phone.snapshot().cards[0].shown.len(), 2);
}

#[tokio::test]
async fn an_update_belongs_to_the_card_of_its_token() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, first) = world.started(&mut sender).await;
    push(&world, &mut sender, &start_token(&phone), world.start()).await;
    push(&world, &mut sender, &first, world.update(1, "C1")).await;
    push(&world, &mut sender, &first, world.start()).await;
    let seen = phone.snapshot();
    assert_eq!(gates(&seen.cards[0]), ["B12", "C1"]);
    assert_eq!(gates(&seen.cards[1]), ["B12"]);
    assert_eq!(reasons(&seen), [DropReason::WrongTokenKind]);
}

#[tokio::test]
async fn alerts_are_noted_with_the_state_that_brought_them() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    let mut aps = world.update(1, "C1");
    aps["alert"] = json!({"title": "Boarding", "body": "Gate C1", "sound": "default"});
    push(&world, &mut sender, &token, aps).await;
    push(&world, &mut sender, &token, world.update(2, "C2")).await;
    let shown = phone.snapshot().cards.remove(0).shown;
    let alerts: Vec<&str> = shown.iter().map(|shown| shown.alert_title.as_str()).collect();
    assert_eq!(alerts, ["TK1983", "Boarding", ""]);
    assert_eq!((shown[1].by(), shown[1].alerted, shown[2].alerted), (ShownBy::Update, true, false));
}

fn end(world: &World, later: i64, dismissed_in: Option<i64>) -> Value {
    let mut aps = world.update(later, "landed");
    aps["event"] = json!("end");
    if let Some(seconds) = dismissed_in {
        aps["dismissal-date"] = json!(world.seconds() + seconds);
    }
    aps
}

#[tokio::test]
async fn an_ended_card_stays_as_long_as_asked_but_four_hours_at_most() {
    let hour = 3_600;
    for (dismissed_in, stays) in [
        (None, 4 * hour),
        (Some(900), 900),
        (Some(5 * hour), 4 * hour),
        (Some(-1), 0),
        (Some(0), 0),
    ] {
        let world = World::new().await;
        let mut sender = world.sandbox().await;
        let (phone, token) = world.started(&mut sender).await;
        push(&world, &mut sender, &token, end(&world, 1, dismissed_in)).await;
        if stays > 0 {
            world.clock.advance(Duration::from_secs(stays.unsigned_abs() - 1));
            let card = phone.snapshot().cards.remove(0);
            assert_eq!(
                (card.state(), card.on_screen),
                (CardState::Ended, true),
                "{dismissed_in:?}"
            );
            world.clock.advance(Duration::from_secs(1));
        }
        let card = phone.snapshot().cards.remove(0);
        assert_eq!((card.state(), card.on_screen), (CardState::Gone, false), "{dismissed_in:?}");
        assert_eq!(card.close_cause(), CloseCause::Push);
        assert_eq!(gates(&card), ["B12", "landed"]);
    }
}

#[tokio::test]
async fn after_the_end_nothing_changes_the_card() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    for aps in [end(&world, 1, None), world.update(2, "C1"), end(&world, 3, Some(-1))] {
        push(&world, &mut sender, &token, aps).await;
    }
    let seen = phone.snapshot();
    assert_eq!(gates(&seen.cards[0]), ["B12", "landed"]);
    assert_eq!(seen.cards[0].state(), CardState::Ended);
    assert_eq!(reasons(&seen), [DropReason::CardClosed, DropReason::CardClosed]);
}

#[tokio::test]
async fn an_old_end_ends_without_going_back_and_one_far_ahead_does_not() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    push(&world, &mut sender, &token, world.update(10, "C1")).await;
    push(&world, &mut sender, &token, end(&world, 8 * 3_600 + 1, None)).await;
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Active);
    push(&world, &mut sender, &token, end(&world, 5, None)).await;
    let seen = phone.snapshot();
    assert_eq!(seen.cards[0].state(), CardState::Ended);
    assert_eq!(gates(&seen.cards[0]), ["B12", "C1"], "older content is not shown");
    assert_eq!(reasons(&seen), [DropReason::TimestampAhead, DropReason::TimestampNotNewer]);
}

#[tokio::test]
async fn an_end_without_content_leaves_what_is_shown() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    let mut aps = end(&world, 1, None);
    aps.as_object_mut().unwrap().remove("content-state");
    push(&world, &mut sender, &token, aps).await;
    let card = phone.snapshot().cards.remove(0);
    assert_eq!((card.state(), gates(&card).len()), (CardState::Ended, 1));
}

#[tokio::test]
async fn content_becomes_stale_at_its_date_until_newer_content_comes() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    let mut aps = world.update(1, "C1");
    aps["stale-date"] = json!(world.seconds() + 60);
    push(&world, &mut sender, &token, aps).await;
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Active);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Stale);
    push(&world, &mut sender, &token, world.update(1, "C2")).await;
    world.clock.advance(Duration::from_mins(10));
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Active);
}

#[tokio::test]
async fn a_card_lives_eight_hours_and_stays_four_more() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, token) = world.started(&mut sender).await;
    world.clock.advance(Duration::from_secs(8 * 3_600 - 1));
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Active);
    world.clock.advance(Duration::from_secs(1));
    let card = phone.snapshot().cards.remove(0);
    assert_eq!((card.state(), card.close_cause()), (CardState::Ended, CloseCause::System));
    push(&world, &mut sender, &token, world.update(0, "late")).await;
    assert_eq!(reasons(&phone.snapshot()), [DropReason::CardClosed]);
    world.clock.advance(Duration::from_hours(4));
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Gone);
}

#[tokio::test]
async fn a_card_that_nobody_looked_at_for_a_day_is_gone_at_the_right_time() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, _) = world.started(&mut sender).await;
    let started = world.seconds();
    world.clock.advance(Duration::from_hours(24));
    let card = phone.snapshot().cards.remove(0);
    assert_eq!(card.state(), CardState::Gone);
    assert_eq!(card.end_time.unwrap().seconds, started + 8 * 3_600);
    assert_eq!(card.gone_time.unwrap().seconds, started + 12 * 3_600);
}

#[tokio::test]
async fn an_ordinary_push_is_no_live_activity() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut post = world.post(&phone.snapshot().device_token, &world.start());
    post.set("apns-topic", BUNDLE);
    post.set("apns-push-type", "background");
    assert_eq!(world.sandbox().await.send(&post).await.status, 200);
    assert_eq!(reasons(&phone.snapshot()), [DropReason::NotALiveActivity]);
}
