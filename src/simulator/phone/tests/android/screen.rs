//! What is on the screen.

use crate::proto::simulator_v1::{CardState, CloseCause, DropReason, Presentation, ShownBy};
use crate::simulator::Phone;
use crate::simulator::message_sender::{World, gates, reasons};
use serde_json::json;
use std::time::Duration;

fn presentation(phone: &Phone) -> Presentation {
    phone.snapshot().cards.last().expect("a card").presentation()
}

#[tokio::test]
async fn an_activity_is_a_live_update_from_android_16_on_and_an_ongoing_notification_before() {
    let world = World::new().await;
    for (api_level, os_version, expected) in [
        (36, "16", Presentation::LiveUpdate),
        (37, "17", Presentation::LiveUpdate),
        (35, "15", Presentation::OngoingNotification),
        (31, "12", Presentation::OngoingNotification),
    ] {
        let phone = world.android(api_level);
        world.say(&phone, &world.at(1, "start")).await;
        assert_eq!(presentation(&phone), expected, "{api_level}");
        assert_eq!(phone.snapshot().os_version, os_version);
    }
}

#[tokio::test]
async fn without_the_persons_leave_an_activity_is_an_ongoing_notification() {
    let world = World::new().await;
    let phone = world.android_with(36, |spec| spec.activities_enabled = Some(false));
    world.say(&phone, &world.data()).await;
    assert_eq!(presentation(&phone), Presentation::OngoingNotification);
    phone.set_activities_enabled(true);
    assert_eq!(presentation(&phone), Presentation::LiveUpdate);
    phone.set_activities_enabled(false);
    assert_eq!(presentation(&phone), Presentation::OngoingNotification);
    assert!(phone.snapshot().cards[0].on_screen, "it stays");
}

#[tokio::test]
async fn a_state_is_shown_with_what_came_with_it() {
    let world = World::new().await;
    let phone = world.android(36);
    let mut data = world.at(1, "start");
    data["tidings_alert"] = json!(r#"{"title":"TK1983","body":"Boarding"}"#);
    world.say(&phone, &data).await;
    world.say(&phone, &world.at(3, "update")).await;
    let card = phone.snapshot().cards.remove(0);
    assert_eq!((card.activity_id.as_str(), card.run, card.revision), ("FLIGHT_1711", 2, 3));
    assert_eq!(card.attributes_json, r#"{"activityId":"FLIGHT_1711","from":"IST"}"#);
    assert_eq!(card.content_json, r#"{"gate":"B3","seat":1}"#);
    let [first, second] = card.shown.as_slice() else { panic!("{:?}", card.shown) };
    assert_eq!((first.by(), first.alerted, first.revision), (ShownBy::Start, true, 1));
    assert_eq!((first.alert_title.as_str(), first.alert_body.as_str()), ("TK1983", "Boarding"));
    assert_eq!((second.by(), second.alerted), (ShownBy::Update, false));
    assert!(second.message_id.starts_with("0:") && second.apns_id.is_empty());
}

#[tokio::test]
async fn what_is_older_than_what_is_shown_changes_nothing() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.at(5, "start")).await;
    for (revision, run, reason) in [
        (5, "2", DropReason::Duplicate),
        (4, "2", DropReason::RevisionOlder),
        (9, "1", DropReason::RevisionOlder),
    ] {
        for event in ["start", "update"] {
            let mut data = world.at(revision, event);
            data["tidings_run"] = json!(run);
            world.say(&phone, &data).await;
            assert_eq!(reasons(&phone).last(), Some(&reason), "{revision} of {run}");
        }
    }
    for (revision, run) in [(4, "2"), (9, "1")] {
        let mut data = world.at(revision, "end");
        data["tidings_run"] = json!(run);
        world.say(&phone, &data).await;
        assert_eq!(reasons(&phone).last(), Some(&DropReason::RevisionOlder), "the end of {run}");
    }
    assert_eq!(gates(&phone), ["B5"]);
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Active);
}

#[tokio::test]
async fn an_update_shows_what_was_not_started() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.at(3, "update")).await;
    world.say(&phone, &world.at(1, "start")).await;
    assert_eq!(
        (gates(&phone), reasons(&phone)),
        (vec!["B3".into()], vec![DropReason::RevisionOlder])
    );
}

#[tokio::test]
async fn a_later_run_takes_the_place_of_an_earlier_one() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.data()).await;
    let mut data = world.at(6, "start");
    data["tidings_run"] = json!("3");
    world.say(&phone, &data).await;
    let cards = phone.snapshot().cards;
    assert_eq!(cards.len(), 2);
    assert_eq!((cards[0].on_screen, cards[0].close_cause()), (false, CloseCause::LaterRun));
    assert_eq!((cards[1].on_screen, cards[1].run), (true, 3));
    world.say(&phone, &world.at(7, "update")).await;
    assert_eq!(reasons(&phone), [DropReason::RevisionOlder]);
}

#[tokio::test]
async fn an_end_shows_its_content_and_goes_when_it_is_to_go() {
    let world = World::new().await;
    let now = world.clock.now().seconds();
    for (dismiss_time, stays) in [(Some(now + 900), 900), (None, 4 * 3_600), (Some(now - 1), 0)] {
        let phone = world.android(36);
        world.say(&phone, &world.at(1, "start")).await;
        let mut data = world.at(2, "end");
        if let Some(dismiss_time) = dismiss_time {
            data["tidings_dismiss_time"] = json!(dismiss_time.to_string());
        }
        world.say(&phone, &data).await;
        assert_eq!(gates(&phone), ["B1", "B2"]);
        let card = phone.snapshot().cards.remove(0);
        assert_eq!(card.close_cause(), CloseCause::Push);
        assert_eq!(card.gone_time.unwrap().seconds, now + stays);
        assert_eq!(card.on_screen, stays > 0, "{dismiss_time:?}");
    }
}

#[tokio::test]
async fn an_ended_card_goes_in_time_and_nothing_comes_after_it() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.at(1, "start")).await;
    let mut data = world.at(1, "end");
    data["tidings_dismiss_time"] = json!((world.clock.now().seconds() + 60).to_string());
    world.say(&phone, &data).await;
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Ended, "an end of what is shown ends");
    for event in ["update", "end", "start"] {
        world.say(&phone, &world.at(9, event)).await;
    }
    assert_eq!(reasons(&phone), [DropReason::CardClosed; 3]);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Gone);
}

#[tokio::test]
async fn the_end_of_what_was_never_shown_shows_nothing_and_is_remembered() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.at(4, "end")).await;
    world.say(&phone, &world.at(3, "update")).await;
    assert!(phone.snapshot().cards.is_empty());
    assert_eq!(reasons(&phone), [DropReason::CardClosed; 2]);
}

#[tokio::test]
async fn what_the_person_closed_is_not_shown_again_in_this_run() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.at(1, "start")).await;
    phone.dismiss("").unwrap();
    for event in ["update", "start", "end"] {
        world.say(&phone, &world.at(2, event)).await;
    }
    assert_eq!(reasons(&phone), [DropReason::Dismissed; 3]);
    let mut data = world.at(6, "start");
    data["tidings_run"] = json!("3");
    world.say(&phone, &data).await;
    assert_eq!(gates(&phone), ["B6"]);
}

#[tokio::test]
async fn content_grows_stale_and_is_fresh_again() {
    let world = World::new().await;
    let phone = world.android(36);
    let mut data = world.at(1, "start");
    data["tidings_stale_time"] = json!((world.clock.now().seconds() + 60).to_string());
    world.say(&phone, &data).await;
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Stale);
    world.say(&phone, &world.at(2, "update")).await;
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Active);
}

#[tokio::test]
async fn an_activity_lives_longer_than_on_a_phone_of_apples() {
    let mut world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.at(1, "start")).await;
    world.clock.advance(Duration::from_hours(13));
    world.access_token = world.sign_in(world.simulator.service_account_json()).await;
    world.say(&phone, &world.at(2, "update")).await;
    assert_eq!(gates(&phone), ["B1", "B2"]);
}

#[tokio::test]
async fn without_notifications_nothing_is_shown() {
    let world = World::new().await;
    let phone = world.android_with(36, |spec| spec.notifications_enabled = Some(false));
    world.say(&phone, &world.at(1, "start")).await;
    assert_eq!(reasons(&phone), [DropReason::NotificationsDisabled]);
    phone.set_notifications_enabled(true);
    world.say(&phone, &world.at(1, "start")).await;
    assert_eq!(gates(&phone), ["B1"]);
    phone.set_notifications_enabled(false);
    assert!(!phone.snapshot().cards[0].on_screen);
}

#[tokio::test]
async fn the_system_shows_fifty_notifications_of_an_app() {
    let world = World::new().await;
    let phone = world.android(36);
    for number in 0..51 {
        let mut data = world.data();
        data["tidings_activity_id"] = json!(format!("FLIGHT_{number}"));
        world.say(&phone, &data).await;
    }
    assert_eq!(phone.snapshot().cards.len(), 50);
    assert_eq!(reasons(&phone), [DropReason::TooManyCards]);
}
