//! What people, apps and the system do to a phone.

use crate::proto::simulator_v1::{CardState, CloseCause, PhoneSpec, StartActivityRequest};
use crate::simulator::sender::{BUNDLE, World, start_token};
use crate::simulator::{Config, Refusal};

fn local(content_json: &str) -> StartActivityRequest {
    StartActivityRequest {
        activity_type: "flight_status".into(),
        attributes_json: r#"{"activityId":"FLIGHT_1711"}"#.into(),
        content_json: content_json.into(),
        ..Default::default()
    }
}

const CONTENT: &str = r#"{"gate":"B1","seat":3}"#;

#[tokio::test]
async fn an_app_starts_an_activity_that_pushes_of_the_same_second_update() {
    let world = World::new().await;
    let phone = world.phone("16.4");
    phone.start_activity(&local(CONTENT)).unwrap();
    let card = phone.snapshot().cards.remove(0);
    assert!(card.started_by_app);
    assert_eq!((card.content_json.as_str(), card.activity_id.as_str()), (CONTENT, "FLIGHT_1711"));
    let post = world.post(&card.update_token, &world.update(0, "C1"));
    assert_eq!(world.sandbox().await.send(&post).await.status, 200);
    assert_eq!(phone.snapshot().cards[0].shown.len(), 2);
}

#[tokio::test]
async fn an_app_cannot_start_what_the_system_forbids() {
    let world = World::with(Config { live_cards_max: 1, ..Config::default() }).await;
    let phone = world.phone("18.2");
    let invalid = |refused| matches!(refused, Err(Refusal::Invalid(_)));
    assert!(invalid(phone.start_activity(&local(r#"{"gate":"B1"}"#))));
    let mut request = local(CONTENT);
    request.attributes_json = "{}".into();
    assert!(invalid(phone.start_activity(&request)));
    request.activity_type = "taxi".into();
    assert!(matches!(phone.start_activity(&request), Err(Refusal::NotFound(_))));

    phone.force_quit();
    assert!(matches!(phone.start_activity(&local(CONTENT)), Err(Refusal::Forbidden(_))));
    phone.launch();
    phone.start_activity(&local(CONTENT)).unwrap();
    assert!(matches!(phone.start_activity(&local(CONTENT)), Err(Refusal::Limit(_))));
    phone.set_activities_enabled(false);
    assert_eq!(phone.snapshot().cards[0].state(), CardState::Dismissed);
    assert!(matches!(phone.start_activity(&local(CONTENT)), Err(Refusal::Forbidden(_))));
}

#[tokio::test]
async fn a_person_dismisses_the_newest_card_or_the_named_one_once() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let first = phone.start_activity(&local(CONTENT)).unwrap();
    let second = phone.start_activity(&local(CONTENT)).unwrap();
    assert_eq!(phone.dismiss(""), Ok(second.clone()));
    assert!(matches!(phone.dismiss(&second), Err(Refusal::NotFound(_))));
    assert_eq!(phone.dismiss(&first), Ok(first));
    let card = phone.snapshot().cards.remove(0);
    assert_eq!((card.on_screen, card.close_cause()), (false, CloseCause::Person));
}

#[tokio::test]
async fn a_reinstalled_app_has_other_tokens_and_no_cards() {
    let world = World::new().await;
    let mut sender = world.sandbox().await;
    let (phone, update) = world.started(&mut sender).await;
    let before = start_token(&phone);
    phone.reinstall("device-new").unwrap();
    let seen = phone.snapshot();
    assert_eq!(seen.device_id, "device-new");
    assert_eq!(seen.cards[0].state(), CardState::Gone);
    assert_ne!(start_token(&phone), before);
    for token in [before, update] {
        let answer = sender.send(&world.post(&token, &world.start())).await;
        assert_eq!(answer.verdict(), (410, "Unregistered".to_owned()));
    }
}

#[tokio::test]
async fn a_phone_that_makes_no_sense_is_not_made() {
    let world = World::with(Config { phones_max: 1, ..Config::default() }).await;
    let good = PhoneSpec {
        device_id: "device-1".into(),
        bundle_id: BUNDLE.into(),
        os_version: "18.2".into(),
        ..Default::default()
    };
    let bad = [
        PhoneSpec { device_id: String::new(), ..good.clone() },
        PhoneSpec { bundle_id: String::new(), ..good.clone() },
        PhoneSpec { os_version: "iOS 18".into(), ..good.clone() },
        PhoneSpec { server_url: "not a url".into(), ..good.clone() },
        PhoneSpec { server_url: "http://a".into(), api_key: "\n".into(), ..good.clone() },
    ];
    for spec in bad {
        let refused = world.simulator.create_phone(spec).err();
        assert!(matches!(refused, Some(Refusal::Invalid(_))), "{refused:?}");
    }
    world.simulator.create_phone(good.clone()).unwrap();
    assert_eq!(world.simulator.create_phone(good.clone()).err(), Some(Refusal::Exists));
    let other = PhoneSpec { device_id: "device-2".into(), ..good };
    assert_eq!(world.simulator.create_phone(other).err(), Some(Refusal::Limit("phones")));
}
