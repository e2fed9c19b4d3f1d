//! How much FCM takes.

use crate::simulator::message_sender::{World, message};
use crate::simulator::{Config, Limits};
use serde_json::json;
use std::time::Duration;

async fn world(limits: Limits) -> World {
    let access_token_life = Duration::from_hours(2);
    World::with(Config { fcm_quotas: limits, access_token_life, ..Config::default() }).await
}

#[tokio::test]
async fn a_project_has_a_minute_that_begins_with_its_first_message_and_counts_refusals() {
    let world = world(Limits { project_minute: 3, ..Limits::default() }).await;
    let body = message(&world.token());
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.send(&body).await.status, 200);
    for _ in 0..2 {
        assert_eq!(world.send(&json!({})).await.status, 400);
    }
    world.clock.advance(Duration::from_secs(40));
    let over = world.send(&body).await;
    assert_eq!((over.status, over.code().as_str()), (429, "QUOTA_EXCEEDED"));
    assert_eq!(over.headers["retry-after"], "20");
    let error = over.json()["error"].take();
    assert_eq!(error["status"], "RESOURCE_EXHAUSTED");
    assert!(error["details"][1]["violations"][0]["subject"].as_str().unwrap().contains("project"));
    world.clock.advance(Duration::from_secs(19));
    assert_eq!(world.send(&body).await.status, 429);
    world.clock.advance(Duration::from_secs(1));
    for status in [200, 200, 200, 429] {
        assert_eq!(world.send(&body).await.status, status, "it refills as a whole");
    }
}

#[tokio::test]
async fn a_device_has_a_minute_and_an_hour_of_its_own() {
    let limits = Limits { device_minute: 2, device_hour: 3, ..Limits::default() };
    let world = world(limits).await;
    let (body, other) = (message(&world.token()), message(&world.token()));
    for status in [200, 200, 429] {
        assert_eq!(world.send(&body).await.status, status);
    }
    let over = world.send(&body).await;
    assert_eq!(over.code(), "QUOTA_EXCEEDED");
    assert!(!over.headers.contains_key("retry-after"), "Google says nothing of when");
    assert_eq!(over.json()["error"]["details"][1]["violations"][0]["subject"], "device");
    assert_eq!(world.send(&other).await.status, 200);
    world.clock.advance(Duration::from_mins(1));
    for status in [200, 429] {
        assert_eq!(world.send(&body).await.status, status, "the hour");
    }
    world.clock.advance(Duration::from_mins(59));
    assert_eq!(world.send(&body).await.status, 200);
}

#[test]
fn the_limits_are_those_of_the_documentation() {
    let Limits { project_minute, device_minute, device_hour } = Limits::default();
    assert_eq!((project_minute, device_minute, device_hour), (600_000, 240, 5_000));
}
