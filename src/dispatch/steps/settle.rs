//! Settles one slice of pushes.

use super::load::{Planned, Work};
use crate::clock::Time;
use crate::domain::asked;
use crate::domain::change::Change;
use crate::domain::delivery::{Delivery, Provider, Status};
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{DeliveryId, ShardId, SubscriptionId, TokenId};
use crate::domain::outcome::Outcome;
use crate::domain::plan::Kind;
use crate::domain::reasons::own_class;
use crate::domain::settle::{self, Answer, Sent};
use crate::domain::shard;
use crate::domain::subscription::Cause;
use crate::domain::token::Token;
use crate::error::Result;
use crate::store::{self, Tx};
use std::collections::HashMap;
use std::time::Duration;

/// A push that was handed to the provider.
#[derive(Clone, Debug)]
pub struct Made {
    /// As it was decided, with the rows of the claim.
    pub planned: Planned,
    /// As it was sent.
    pub sent: Sent,
}

/// A push with its outcome.
#[derive(Debug)]
pub struct Answered {
    /// The push.
    pub made: Made,
    /// What the provider said.
    pub outcome: Outcome,
    /// When it said so.
    pub answered_at: Time,
}

/// Which shard pushes belong to, for those that are answered after it was settled.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The shard.
    pub shard: ShardId,
    /// Where its pushes go.
    pub place: shard::Place,
}

/// What one settle transaction is given; it may run more than once.
#[derive(Debug)]
pub struct Slice {
    /// Whose pushes these are.
    pub place: Place,
    /// Those with an outcome.
    pub answered: Vec<Answered>,
    /// Those without one yet.
    pub in_flight: Vec<Sent>,
    /// How long after its sending an answer may come; one that has not come by then will not come.
    pub answer_max: Duration,
}

impl Answered {
    fn is_postponed(&self) -> bool {
        matches!(self.outcome, Outcome::Postponed { .. })
    }
}

impl Place {
    /// That of a claim.
    pub fn of(work: &Work) -> Self {
        Place { shard: work.shard.id, place: work.shard.place }
    }
}

/// Records the answers of pushes, and which have none yet; returns those that count as delivered.
pub async fn settle_slice(tx: &Tx, slice: &Slice, now: Time) -> Result<Vec<Sent>> {
    let mut change = Change::default();
    dispatched(tx, slice, &mut change, now).await?;
    let Some(shard) = store::shards::find(tx, slice.place.shard).await? else {
        return Ok(Vec::new());
    };
    let sents = slice.answered.iter().map(|a| &a.made.sent).chain(&slice.in_flight);
    let ids: Vec<SubscriptionId> = sents.map(|sent| sent.plan.subscription).collect();
    let rows = store::subscriptions::of_held_shard(tx, shard.id, &ids).await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let tokens = rejected_tokens(tx, slice).await?;
    let mut counted = Vec::new();
    let mut changed = Vec::new();
    let answers = slice.answered.iter().map(|a| (&a.made.sent, Answer::Is(&a.outcome)));
    let in_flight =
        slice.in_flight.iter().map(|s| (s, Answer::InFlight(s.sent_at + slice.answer_max)));
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
    store::apply(tx, change).await?;
    Ok(counted)
}

/// The tokens that an answer says something about.
async fn rejected_tokens(tx: &Tx, slice: &Slice) -> Result<HashMap<TokenId, Token>> {
    let about_token = |answered: &&Answered| match &answered.outcome {
        Outcome::Rejected(rejection) => rejection.is_about_a_dead_token(),
        _ => false,
    };
    let rejected = slice.answered.iter().filter(about_token);
    let ids: Vec<TokenId> = rejected.filter_map(|a| a.made.sent.plan.token).collect();
    let tokens =
        if ids.is_empty() { Vec::new() } else { store::tokens::get_many(tx, &ids).await? };
    Ok(tokens.into_iter().map(|token| (token.id, token)).collect())
}

/// `activity.dispatched`, once per revision, with its first push. It is noted before the shard is held, for activities
/// are held before shards; and only once, for every slice of a crowd asks.
async fn dispatched(tx: &Tx, slice: &Slice, change: &mut Change, now: Time) -> Result<()> {
    let made = slice.answered.iter().filter(|a| !a.is_postponed());
    let sents = made.map(|a| &a.made.sent).chain(&slice.in_flight);
    let of_activity = sents.filter(|sent| sent.plan.kind != Kind::Fallback);
    let newest = of_activity.map(|sent| sent.plan.revision).max().unwrap_or(0);
    let key = slice.place.place.activity;
    let Some(activity) = store::activities::by_key(&tx.glance(), key).await? else { return Ok(()) };
    let is_first = newest > activity.dispatched_revision
        && store::activities::dispatch(tx, key, newest).await?;
    if !is_first {
        return Ok(());
    }
    let event = asked::event(&activity, EventKind::ActivityDispatched, Cause::Provider, now);
    let run = Some(slice.place.place.run);
    change.events.push(Event { revision: Some(newest), run, ..event });
    Ok(())
}

/// The row of the send log; none for a push that was only postponed.
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
            (Status::Failed, (*reason).to_owned(), Some(own_class(reason)), 0, None)
        }
        Outcome::Postponed { .. } => return None,
    };
    let delivered = plan.delivered;
    let first_revision = if delivered == 0 { plan.revision } else { delivered + 1 };
    Some(Delivery {
        id: DeliveryId::at(made.sent.sent_at),
        workspace: subscription.workspace,
        activity: place.place.activity,
        run: place.place.run,
        subscription: plan.subscription,
        device: subscription.device,
        contact_key: subscription.contact_key.clone(),
        app: place.place.app,
        provider: place.place.route.provider(),
        environment: place.place.environment,
        operation: plan.kind.operation(),
        first_revision: first_revision.min(plan.revision),
        revision: plan.revision,
        alert_revision: plan.alert,
        status,
        reason,
        class,
        http_status,
        attempt: plan.attempt,
        apns_id: (place.place.route.provider() == Provider::Apns)
            .then(|| plan.apns_id(place.place.run)),
        provider_message_id: unique_id,
        sent_at: made.sent.sent_at,
        answered_at: (status != Status::Unknown).then_some(*answered_at),
    })
}
