//! The way from FCM to the phone.

use crate::proto::simulator_v1::{CloseCause, DropReason, ReleaseMessagesRequest};
use crate::simulator::Phone;
use crate::simulator::message_sender::{World, gates, reasons};
use serde_json::{Value, json};
use std::time::Duration;

fn pending(phone: &Phone) -> i32 {
    phone.snapshot().android.unwrap().pending
}

fn high(ttl: &str) -> Value {
    json!({"priority": "HIGH", "ttl": ttl})
}

#[tokio::test]
async fn what_is_kept_arrives_in_order_when_there_is_a_network() {
    let world = World::new().await;
    let phone = world.android(36);
    phone.set_online(false);
    for revision in 1..=3 {
        world.say(&phone, &world.at(revision, "update")).await;
    }
    assert_eq!((pending(&phone), phone.snapshot().pushes_taken), (3, 0));
    phone.set_online(true);
    assert_eq!(gates(&phone), ["B1", "B2", "B3"]);
    assert_eq!((pending(&phone), phone.snapshot().pushes_taken), (0, 3));
}

#[tokio::test]
async fn a_message_is_kept_as_long_as_its_ttl_says() {
    let world = World::new().await;
    let phone = world.android(36);
    phone.set_online(false);
    for (revision, ttl) in [(1, "0s"), (2, "60s"), (3, "61.5s")] {
        world.say_with(&phone, &world.at(revision, "update"), high(ttl)).await;
    }
    world.say_with(&phone, &world.at(4, "update"), json!({})).await;
    world.clock.advance(Duration::from_mins(1));
    phone.set_online(true);
    assert_eq!(gates(&phone), ["B3", "B4"], "without a ttl it is four weeks");
    assert_eq!(reasons(&phone), [DropReason::OfflineNotStored, DropReason::OfflineExpired]);
    world.say_with(&phone, &world.at(5, "update"), high("0s")).await;
    assert_eq!(gates(&phone), ["B3", "B4", "B5"], "now is soon enough");
}

#[tokio::test]
async fn of_those_with_a_collapse_key_the_newest_is_kept_for_four_keys() {
    let world = World::new().await;
    let phone = world.android(36);
    phone.set_online(false);
    for (revision, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "d"), (6, "e")] {
        world.say_with(&phone, &world.at(revision, "update"), json!({"collapse_key": key})).await;
    }
    assert_eq!(reasons(&phone), [DropReason::OfflineOverwritten; 2]);
    phone.set_online(true);
    assert_eq!(gates(&phone), ["B3", "B4", "B5", "B6"]);
}

#[tokio::test]
async fn of_more_than_a_hundred_all_are_lost() {
    let world = World::new().await;
    let phone = world.android(36);
    phone.set_online(false);
    for revision in 1..=100 {
        world.say(&phone, &world.at(revision, "update")).await;
    }
    assert_eq!(pending(&phone), 100);
    world.say(&phone, &world.at(101, "update")).await;
    assert_eq!(pending(&phone), 0);
    assert_eq!(reasons(&phone), [DropReason::TooManyPending; 101]);
    world.say(&phone, &world.at(102, "update")).await;
    phone.set_online(true);
    assert_eq!(gates(&phone), ["B102"], "what comes after that is kept");
    assert_eq!(phone.snapshot().android.unwrap().deleted_messages, 1);
    phone.set_online(false);
    phone.set_online(true);
    assert_eq!(phone.snapshot().android.unwrap().deleted_messages, 1, "it is told once");
}

#[tokio::test]
async fn an_app_stopped_by_force_shows_nothing_and_gets_nothing_until_it_is_opened() {
    let world = World::new().await;
    let phone = world.android(36);
    world.say(&phone, &world.at(1, "start")).await;
    phone.force_quit();
    let card = phone.snapshot().cards.remove(0);
    assert_eq!((card.on_screen, card.close_cause()), (false, CloseCause::ForceStop));
    world.say(&phone, &world.at(2, "update")).await;
    assert_eq!(reasons(&phone), [DropReason::AppForceStopped]);
    phone.set_online(false);
    world.say(&phone, &world.at(3, "update")).await;
    phone.set_online(true);
    assert_eq!(reasons(&phone), [DropReason::AppForceStopped; 2], "nobody keeps it");
    phone.launch();
    assert_eq!(gates(&phone), ["B1"], "it does not come later");
    world.say(&phone, &world.at(4, "update")).await;
    assert_eq!(gates(&phone), ["B4"], "it was not closed, so the next state shows it again");
    assert_eq!(phone.snapshot().cards.len(), 2);
}

#[tokio::test]
async fn what_is_held_arrives_in_any_order_and_more_than_once() {
    let world = World::new().await;
    for (reversed, doubled, expected, dropped) in [
        (false, false, vec!["B1", "B2", "B3"], vec![]),
        (true, false, vec!["B3"], vec![DropReason::RevisionOlder; 2]),
        (false, true, vec!["B1", "B2", "B3"], vec![DropReason::Duplicate; 3]),
    ] {
        let phone = world.android(36);
        phone.hold_messages().unwrap();
        for revision in 1..=3 {
            world.say(&phone, &world.at(revision, "update")).await;
        }
        assert_eq!(phone.snapshot().android.unwrap().held, 3);
        assert!(phone.snapshot().cards.is_empty());
        let release = ReleaseMessagesRequest { reversed, doubled, ..Default::default() };
        phone.release_messages(&release).unwrap();
        assert_eq!(
            (gates(&phone), reasons(&phone)),
            (expected.iter().map(ToString::to_string).collect(), dropped)
        );
        world.say(&phone, &world.at(4, "update")).await;
        assert_eq!(gates(&phone).last().unwrap(), "B4", "nothing is held any more");
    }
}
