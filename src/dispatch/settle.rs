//! Has answers recorded, and closes claims.

use super::steps::{self, Answered, Closing, Place, Slice, Work};
use super::{Claim, Dispatcher, UNSETTLED_MAX};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::delivery::Provider;
use crate::domain::ids::TokenId;
use crate::domain::outcome::Outcome;
use crate::domain::settle::Sent;
use crate::error::Result;
use crate::store::Lane;
use std::sync::Arc;
use std::time::Duration;

/// Settles one slice and returns the pushes that count as delivered.
pub(super) async fn slice(
    claim: &Claim,
    work: &Work,
    answered: Vec<Answered>,
    in_flight: Vec<Sent>,
) -> Result<Vec<Sent>> {
    let shared = &claim.dispatcher.shared;
    let answer_max = match work.shard.place.route.provider() {
        Provider::Apns => shared.apns.answer_max(),
        Provider::Fcm => shared.fcm.answer_max(),
    };
    let slice = Arc::new(Slice { place: Place::of(work), answered, in_flight, answer_max });
    write_slice(&claim.dispatcher, slice).await
}

/// Settles answers that came after their shard was settled. A fault is logged: the subscription stays in flight until
/// that times out, and is then sent to again.
pub(super) async fn late(dispatcher: &Dispatcher, place: Place, answered: Vec<Answered>) {
    if answered.is_empty() {
        return;
    }
    let slice = Slice { place, answered, in_flight: Vec::new(), answer_max: Duration::ZERO };
    let slice = Arc::new(slice);
    match write_slice(dispatcher, slice).await {
        Ok(_) => dispatcher.shared.bus.ring(Ring::Work),
        Err(error) => {
            tracing::error!(%error, shard = %place.shard, "late answers were not settled");
        }
    }
    dispatcher.shared.bus.ring(Ring::Activity(place.place.activity));
}

async fn write_slice(dispatcher: &Dispatcher, slice: Arc<Slice>) -> Result<Vec<Sent>> {
    let now = dispatcher.shared.clock.now();
    let store = &dispatcher.shared.store;
    let dead: Arc<[TokenId]> = dead_tokens(&slice).into();
    let counted = store
        .write(Lane::Settle, move |tx| {
            let slice = Arc::clone(&slice);
            Box::pin(async move { steps::settle_slice(tx, &slice, now).await })
        })
        .await?;
    if !dead.is_empty() {
        store
            .write(Lane::Settle, move |tx| {
                let dead = Arc::clone(&dead);
                Box::pin(async move { steps::lose_tokens(tx, &dead, now).await })
            })
            .await?;
    }
    Ok(counted)
}

/// The tokens that served all of their devices, and are dead.
fn dead_tokens(slice: &Slice) -> Vec<TokenId> {
    if !slice.place.place.route.shares_token() {
        return Vec::new();
    }
    let is_dead = |answered: &&Answered| match &answered.outcome {
        Outcome::Rejected(rejection) => rejection.is_about_a_dead_token(),
        _ => false,
    };
    let dead = slice.answered.iter().filter(is_dead);
    dead.filter_map(|answered| answered.made.sent.plan.token).collect()
}

/// Closes the claim. `complete`: no slice was left out.
pub(super) async fn finish(
    claim: &Claim,
    work: &Work,
    counted: Vec<Sent>,
    complete: bool,
) -> Result<()> {
    let dispatcher = &claim.dispatcher;
    let closing = Arc::new(Closing {
        shard: work.shard.id,
        lease: claim.epoch,
        goal: work.goal,
        counted,
        complete,
        lost: work.lost.clone(),
    });
    let present = dispatcher.present();
    dispatcher
        .shared
        .store
        .write(Lane::Settle, move |tx| {
            let closing = Arc::clone(&closing);
            Box::pin(async move { steps::close_claim(tx, &closing, present).await })
        })
        .await?;
    dispatcher.shared.bus.ring(Ring::Activity(work.activity.key));
    Ok(())
}

/// Leaves the shard until then.
pub(super) async fn postpone(claim: &Claim, until: Time) -> Result<()> {
    let claimed = (claim.shard, claim.epoch);
    let store = &claim.dispatcher.shared.store;
    store.write(Lane::Settle, move |tx| Box::pin(steps::postpone(tx, claimed, until))).await
}

const _: () = assert!(UNSETTLED_MAX <= 20_000, "the bound that ARCHITECTURE.md names");
