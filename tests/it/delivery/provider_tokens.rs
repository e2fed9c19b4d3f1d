//! What proves to Apple that pushes are ours: one provider token for all, that outlives its process.

use super::*;
use std::collections::BTreeSet;

/// The provider tokens that Apple was shown.
fn shown_to_apple(world: &World) -> BTreeSet<String> {
    let all = world.simulator.pushes(&sim::ListPushesRequest::default());
    all.into_iter().map(|push| push.provider_token).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_signs_no_new_provider_token() {
    let (mut world, phone) = World::flying().await;
    for status in ["Gate", "Boarding", "In Air"] {
        world = world.restart().await;
        world.update(status).await;
        shows(&phone, 1, status).await;
    }
    let tokens = shown_to_apple(&world);
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_that_provider_tokens_change_too_often_keeps_its_own() {
    let (world, phone) = World::flying().await;
    world.fault(&phone, "update", refusal(429, "TooManyProviderTokenUpdates"));
    world.update("Gate").await;
    shows(&phone, 1, "Gate").await;
    let rows = world.logged("phone", Operation::Update, 2).await;
    assert_eq!(rows[0].reason, "TooManyProviderTokenUpdates");
    assert_eq!(shown_to_apple(&world).len(), 1);
    let pushes = world.simulator.pushes(&sim::ListPushesRequest::default());
    let refused = pushes.iter().find(|push| push.status == 429).expect("the fault was met");
    let later = pushes.iter().filter(|push| push.number > refused.number);
    assert!(later.clone().count() > 0);
    for push in later {
        assert_ne!(push.connection, refused.connection, "nothing goes over a parked connection");
    }
    world.stop().await;
}
