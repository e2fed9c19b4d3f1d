//! Provider tokens.

use crate::clock::Time;
use crate::proto::simulator_v1::ListPushesRequest;
use crate::simulator::Config;
use crate::simulator::sender::{Sender, World, provider_token, sign, start_token};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

async fn verdict(world: &World, sender: &mut Sender, authorization: &str) -> (u16, String) {
    let phone = world.simulator.phones()[0].clone();
    let mut post = world.post(&start_token(&phone), &world.start());
    post.set("authorization", authorization);
    sender.send(&post).await.verdict()
}

#[tokio::test]
async fn a_token_that_is_not_apples_is_invalid() {
    let world = World::new().await;
    world.phone("18.2");
    let mut sender = world.sandbox().await;
    let mine = world.simulator.credential().clone();
    let other = world.simulator.create_credential().unwrap();
    let now = world.seconds();
    let claims = json!({"iss": mine.team_id, "iat": now});
    let header = json!({"alg": "ES256", "kid": mine.key_id});
    let good = provider_token(&mine, now);
    let cases = [
        ("no scheme", good.clone()),
        ("another scheme", format!("basic {good}")),
        ("two parts", format!("bearer {}", good.rsplit_once('.').unwrap().0)),
        ("no JSON", "bearer YQ.YQ.YQ".to_owned()),
        ("another algorithm", bearer(&mine, &json!({"alg": "HS256", "kid": mine.key_id}), &claims)),
        ("an unknown key", bearer(&mine, &json!({"alg": "ES256", "kid": "NOBODYSKEY"}), &claims)),
        ("no key id", bearer(&mine, &json!({"alg": "ES256"}), &claims)),
        ("another team", bearer(&mine, &header, &json!({"iss": "STRANGERS1", "iat": now}))),
        ("no time", bearer(&mine, &header, &json!({"iss": mine.team_id}))),
        ("signed by another key", bearer(&other, &header, &claims)),
        ("much too long", format!("bearer {good}{}", "A".repeat(5_000))),
    ];
    for (mistake, authorization) in cases {
        let verdict = verdict(&world, &mut sender, &authorization).await;
        assert_eq!(verdict, (403, "InvalidProviderToken".to_owned()), "{mistake}");
    }
    assert_eq!(verdict(&world, &mut sender, &format!("bearer {good}")).await.0, 200);
}

fn bearer(
    credential: &crate::proto::simulator_v1::Credential,
    header: &serde_json::Value,
    claims: &serde_json::Value,
) -> String {
    format!("bearer {}", sign(credential, header, claims))
}

#[tokio::test]
async fn a_token_is_good_for_an_hour_either_way() {
    let world = World::new().await;
    world.phone("18.2");
    for (age, status) in [(3_600, 200), (3_601, 403), (-3_600, 200), (-3_601, 403)] {
        let mut sender = world.sandbox().await;
        let token = provider_token(world.simulator.credential(), world.seconds() - age);
        let verdict = verdict(&world, &mut sender, &format!("bearer {token}")).await;
        let reason = if status == 200 { "" } else { "ExpiredProviderToken" };
        assert_eq!(verdict, (status, reason.to_owned()), "{age} s old");
    }
}

#[tokio::test]
async fn a_token_that_was_good_expires_on_an_open_connection() {
    let world = World::new().await;
    world.phone("18.2");
    let mut sender = world.sandbox().await;
    let token = format!("bearer {}", world.provider_token());
    assert_eq!(verdict(&world, &mut sender, &token).await.0, 200);
    world.clock.advance(Duration::from_secs(3_601));
    let expired = verdict(&world, &mut sender, &token).await;
    assert_eq!(expired, (403, "ExpiredProviderToken".to_owned()));
    let token = format!("bearer {}", world.provider_token());
    assert_eq!(verdict(&world, &mut sender, &token).await.0, 200);
}

#[tokio::test]
async fn a_connection_that_changes_its_token_too_often_is_told_so() {
    let world = World::new().await;
    world.phone("18.2");
    let mut sender = world.sandbox().await;
    let first = format!("bearer {}", world.provider_token());
    assert_eq!(verdict(&world, &mut sender, &first).await.0, 200);
    world.clock.advance(Duration::from_secs(20 * 60 - 1));
    let second = format!("bearer {}", world.provider_token());
    let early = verdict(&world, &mut sender, &second).await;
    assert_eq!(early, (429, "TooManyProviderTokenUpdates".to_owned()));
    assert_eq!(verdict(&world, &mut sender, &first).await.0, 200, "the old one is still good");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(verdict(&world, &mut sender, &second).await.0, 200);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let world = World::with(Config { bundles: Vec::new(), ..Config::default() }).await;
    world.phone("18.2");
    let mut sender = world.sandbox().await;
    let token = format!("bearer {}", world.provider_token());
    assert_eq!(verdict(&world, &mut sender, &token).await.0, 200);
    assert!(world.simulator.revoke_credential(&world.simulator.credential().key_id));
    let revoked = verdict(&world, &mut sender, &token).await;
    assert_eq!(revoked, (403, "InvalidProviderToken".to_owned()));

    let next = world.simulator.create_credential().unwrap();
    let token = provider_token(&next, Time(world.clock.now().0).seconds());
    let mut sender = world.sandbox().await;
    assert_eq!(verdict(&world, &mut sender, &format!("bearer {token}")).await.0, 200);
}

#[tokio::test]
async fn where_it_is_strict_a_key_that_changes_its_token_too_often_is_told_so_on_any_connection() {
    let world = World::with(Config::strict()).await;
    world.phone("18.2");
    let first = format!("bearer {}", world.provider_token());
    assert_eq!(verdict(&world, &mut world.sandbox().await, &first).await.0, 200);
    world.clock.advance(Duration::from_secs(20 * 60 - 1));
    let second = format!("bearer {}", world.provider_token());
    let early = verdict(&world, &mut world.sandbox().await, &second).await;
    assert_eq!(early, (429, "TooManyProviderTokenUpdates".to_owned()));
    assert_eq!(verdict(&world, &mut world.sandbox().await, &first).await.0, 200);
    world.clock.advance(Duration::from_secs(1));
    for token in [&second, &first] {
        assert_eq!(verdict(&world, &mut world.sandbox().await, token).await.0, 200);
    }
    let digests = world.simulator.pushes(&ListPushesRequest::default());
    let digests: BTreeSet<String> = digests.into_iter().map(|push| push.provider_token).collect();
    assert_eq!(digests.len(), 2, "the record tells them apart");
}
