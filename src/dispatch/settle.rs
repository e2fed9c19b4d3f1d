//! Records what came of pushes: delivery rows in bulk, exceptions, tokens and events, and at the end the shard.
//!
//! Every transaction here reads the rows anew under the shard's lock (embedded: the one writer) and lets `domain`
//! decide. A shard's delivered revision moves with the last slice only.

use super::claim::{self, Work};
use super::send::Made;
use super::{Claim, Dispatcher, UNSETTLED_MAX};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::asked;
use crate::domain::change::Change;
use crate::domain::close::{self, Lost};
use crate::domain::delivery::{Delivery, Status};
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{DeliveryId, ShardId, SubscriptionId, TokenId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::plan::{self, Kind};
use crate::domain::push::Operation;
use crate::domain::revision::Number;
use crate::domain::settle::{self, Answer, Sent};
use crate::domain::shard::{self, Shard};
use crate::domain::subscription::{Cause, Subscription};
use crate::domain::token::Token;
use crate::error::{Error, Result};
use crate::store::{self, Lane, Tx};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// An answer that has not come by then will not come: the provider's connect and request timeouts together.
const IN_FLIGHT_MAX: Duration = Duration::from_secs(21);

/// A push with its outcome.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) made: Made,
    pub(super) outcome: Outcome,
    pub(super) answered_at: Time,
}

/// Which shard pushes belong to, for those that are answered after it was settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    shard: ShardId,
    place: shard::Place,
}

/// What one settle transaction is given; it may run more than once.
#[derive(Debug)]
struct Slice {
    place: Place,
    answered: Vec<Answered>,
    in_flight: Vec<Sent>,
}

impl Place {
    pub(super) fn of(work: &Work) -> Self {
        Place { shard: work.shard.id, place: work.shard.place }
    }
}

/// Settles one slice and returns the pushes that count as delivered.
pub(super) async fn slice(
    claim: &Claim,
    work: &Work,
    answered: Vec<Answered>,
    in_flight: Vec<Sent>,
) -> Result<Vec<Sent>> {
    let slice = Arc::new(Slice { place: Place::of(work), answered, in_flight });
    write_slice(&claim.dispatcher, slice).await
}

/// Settles answers that came after their shard was settled. A fault is logged: the subscription stays in flight until
/// that times out, and is then sent to again.
pub(super) async fn late(dispatcher: &Dispatcher, place: Place, answered: Vec<Answered>) {
    if answered.is_empty() {
        return;
    }
    let slice = Arc::new(Slice { place, answered, in_flight: Vec::new() });
    match write_slice(dispatcher, slice).await {
        Ok(_) => dispatcher.shared.bus.ring(Ring::Work),
        Err(error) => {
            tracing::error!(%error, shard = %place.shard, "late answers were not settled")
        }
    }
    dispatcher.shared.bus.ring(Ring::Activity(place.place.activity));
}

async fn write_slice(dispatcher: &Dispatcher, slice: Arc<Slice>) -> Result<Vec<Sent>> {
    let now = dispatcher.shared.clock.now();
    dispatcher
        .shared
        .store
        .write(Lane::Settle, move |tx| {
            let slice = Arc::clone(&slice);
            Box::pin(async move { settle_slice(tx, &slice, now).await })
        })
        .await
}

async fn settle_slice(tx: &Tx, slice: &Slice, now: Time) -> Result<Vec<Sent>> {
    let Some(shard) = store::shards::find(tx, slice.place.shard).await? else {
        return Ok(Vec::new());
    };
    let sents = slice.answered.iter().map(|a| &a.made.sent).chain(&slice.in_flight);
    let ids: Vec<SubscriptionId> = sents.map(|sent| sent.plan.subscription).collect();
    let rows = store::subscriptions::by_ids(tx, &ids).await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let tokens = rejected_tokens(tx, slice).await?;
    let mut change = Change::default();
    let mut counted = Vec::new();
    let mut changed = Vec::new();
    let answers = slice.answered.iter().map(|a| (&a.made.sent, Answer::Is(&a.outcome)));
    let in_flight =
        slice.in_flight.iter().map(|s| (s, Answer::InFlight(s.sent_at + IN_FLIGHT_MAX)));
    for (sent, answer) in answers.chain(in_flight) {
        let Some(row) = rows.get_mut(&sent.plan.subscription) else { continue };
        let token = sent.plan.token.and_then(|id| tokens.get(&id));
        let settled = settle::settle(row, &shard, token, (sent, answer), now);
        if settled.counts {
            counted.push(sent.clone());
        }
        if settled.changed {
            changed.push(row.id);
        }
        change.tokens.extend(settled.token);
        change.events.extend(settled.events);
    }
    change.subscriptions = changed.iter().filter_map(|id| rows.remove(id)).collect();
    change.deliveries = slice.answered.iter().filter_map(|a| delivery(slice.place, a)).collect();
    change.due.push((shard.id, now));
    dispatched(tx, slice, &mut change, now).await?;
    store::apply(tx, change).await?;
    Ok(counted)
}

/// The tokens that an answer says something about.
async fn rejected_tokens(tx: &Tx, slice: &Slice) -> Result<HashMap<TokenId, Token>> {
    let about_token = |a: &&Answered| matches!(&a.outcome, Outcome::Rejected(rejection) if rejection.status == 410);
    let rejected = slice.answered.iter().filter(about_token);
    let ids: Vec<TokenId> = rejected.filter_map(|a| a.made.sent.plan.token).collect();
    let tokens =
        if ids.is_empty() { Vec::new() } else { store::tokens::get_many(tx, &ids).await? };
    Ok(tokens.into_iter().map(|token| (token.id, token)).collect())
}

/// `activity.dispatched`, once per revision, with its first push.
async fn dispatched(tx: &Tx, slice: &Slice, change: &mut Change, now: Time) -> Result<()> {
    let sents = slice.answered.iter().map(|a| &a.made.sent).chain(&slice.in_flight);
    let newest = sents.map(|sent| sent.plan.revision).max().unwrap_or(0);
    let key = slice.place.place.activity;
    let Some(mut activity) = store::activities::by_key(tx, key).await? else { return Ok(()) };
    if newest <= activity.dispatched_revision {
        return Ok(());
    }
    activity.dispatched_revision = newest;
    let event = asked::event(&activity, EventKind::ActivityDispatched, Cause::Provider, now);
    let run = Some(slice.place.place.run);
    change.events.push(Event { revision: Some(newest), run, ..event });
    change.activities.push(activity);
    Ok(())
}

fn delivery(place: Place, answered: &Answered) -> Option<Delivery> {
    let Answered { made, outcome, answered_at } = answered;
    let (plan, subscription) = (&made.sent.plan, &made.planned.subscription);
    let (status, reason, class, http_status, unique_id) = match outcome {
        Outcome::Accepted { unique_id } => {
            (Status::Accepted, String::new(), None, 200, unique_id.clone())
        }
        Outcome::Rejected(r) => (Status::Failed, r.reason.clone(), Some(r.class), r.status, None),
        Outcome::Unknown { reason } => (Status::Unknown, (*reason).to_owned(), None, 0, None),
        Outcome::NotSent { reason } => {
            (Status::Failed, (*reason).to_owned(), Some(Class::Connection), 0, None)
        }
    };
    let delivered = plan.delivered;
    let first_revision = if delivered == 0 { plan.revision } else { delivered + 1 };
    Some(Delivery {
        id: DeliveryId::generate(),
        workspace: subscription.workspace,
        activity: place.place.activity,
        run: place.place.run,
        subscription: plan.subscription,
        device: subscription.device,
        contact_key: subscription.contact_key.clone(),
        app: place.place.app,
        environment: place.place.environment,
        operation: match plan.kind {
            Kind::Start => Operation::Start,
            Kind::Update => Operation::Update,
            Kind::End | Kind::CloseSecond => Operation::End,
        },
        first_revision: first_revision.min(plan.revision),
        revision: plan.revision,
        alert_revision: plan.alert,
        status,
        reason,
        class,
        http_status,
        attempt: plan.attempt,
        apns_id: Some(plan.apns_id(place.place.run)),
        apns_unique_id: unique_id,
        sent_at: made.sent.sent_at,
        answered_at: (status != Status::Unknown).then_some(*answered_at),
    })
}

/// Closes the claim: every member that was loaded is answered or has an exception, so the shard moves to the goal. Where
/// the claim stopped early (`complete` is false), those that were answered get an exception instead.
pub(super) async fn finish(
    claim: &Claim,
    work: &Work,
    counted: Vec<Sent>,
    complete: bool,
) -> Result<()> {
    let dispatcher = &claim.dispatcher;
    let closing = Arc::new(Closing {
        shard: work.shard.id,
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
            Box::pin(async move { close_claim(tx, &closing, present).await })
        })
        .await?;
    dispatcher.shared.bus.ring(Ring::Activity(work.activity.key));
    Ok(())
}

/// What the transaction that closes a claim is given.
#[derive(Debug)]
struct Closing {
    shard: ShardId,
    goal: Number,
    counted: Vec<Sent>,
    complete: bool,
    lost: Vec<(SubscriptionId, i64, Lost)>,
}

async fn close_claim(tx: &Tx, closing: &Closing, present: plan::Present) -> Result<()> {
    let Some(mut shard) = store::shards::find(tx, closing.shard).await? else { return Ok(()) };
    let activity = store::activities::by_key(tx, shard.place.activity).await?;
    let activity =
        activity.ok_or_else(|| Error::not_found("activity", shard.place.activity.to_string()))?;
    if closing.complete {
        shard.delivered = shard.delivered.max(closing.goal);
    }
    let stamps = closing.counted.iter().map(|sent| sent.stamp);
    shard.last_stamp = stamps.chain([shard.last_stamp]).max().unwrap_or_default();
    let mut change = Change::default();
    let mut rows = rows_to_close(tx, closing, &shard).await?;
    for sent in &closing.counted {
        if let Some(row) = rows.get_mut(&sent.plan.subscription) {
            if settle::finish(row, &shard, sent, closing.complete) {
                row.updated_at = present.now;
            }
        }
    }
    close::give_up(&mut rows, &closing.lost, (&mut change, present.now));
    change.subscriptions = rows.into_values().collect();
    store::apply(tx, change).await?;
    shard.due_at = due(tx, &shard, &activity, present).await?;
    store::apply(tx, Change { shards: vec![shard], ..Change::default() }).await
}

/// The rows that closing may change: those with an exception, those that the shard's move does not speak for, and those
/// that are given up.
async fn rows_to_close(
    tx: &Tx,
    closing: &Closing,
    shard: &Shard,
) -> Result<HashMap<SubscriptionId, Subscription>> {
    let spoken_for = |sent: &&Sent| closing.complete && sent.plan.revision == shard.delivered;
    let apart = closing.counted.iter().filter(|sent| !spoken_for(sent));
    let mut ids: Vec<SubscriptionId> = apart.map(|sent| sent.plan.subscription).collect();
    ids.extend(closing.lost.iter().map(|(id, ..)| *id));
    let counted: HashMap<_, _> =
        closing.counted.iter().map(|s| (s.plan.subscription, ())).collect();
    let exceptions = store::subscriptions::rows_with_exception(tx, shard.id).await?;
    let of_claim = exceptions.into_iter().filter(|row| counted.contains_key(&row.id));
    let mut rows: HashMap<_, _> = of_claim.map(|row| (row.id, row)).collect();
    ids.retain(|id| !rows.contains_key(id));
    let others = store::subscriptions::by_ids(tx, &ids).await?;
    rows.extend(others.into_iter().map(|row| (row.id, row)));
    Ok(rows)
}

async fn due(
    tx: &Tx,
    shard: &Shard,
    activity: &Activity,
    present: plan::Present,
) -> Result<Option<Time>> {
    let rows = store::subscriptions::rows_with_exception(tx, shard.id).await?;
    let members: Vec<&Subscription> = rows.iter().collect();
    let wanted = claim::wanted(tx, shard, activity, (&members, present.now)).await?;
    Ok(wanted.and_then(|wanted| plan::due(shard, &wanted, &rows, present)))
}

/// Leaves the shard until then.
pub(super) async fn postpone(claim: &Claim, until: Time) -> Result<()> {
    let id = claim.shard;
    claim
        .dispatcher
        .shared
        .store
        .write(Lane::Settle, move |tx| {
            Box::pin(async move {
                let Some(mut shard) = store::shards::find(tx, id).await? else { return Ok(()) };
                shard.due_at = Some(until);
                store::apply(tx, Change { shards: vec![shard], ..Change::default() }).await
            })
        })
        .await
}

const _: () = assert!(UNSETTLED_MAX <= 20_000, "the bound that ARCHITECTURE.md names");
