//! One claimed shard from beginning to end: load, send slice by slice, settle each, finish. Streams that have no answer
//! within a second hold nobody up: they stay in flight, and their late answers still settle.

use super::breakers::Source;
use super::credentials::Signing;
use super::send::{self, UnderWay};
use super::settle;
use super::steps::{self, Answered, Loaded, Made, Place, Planned, Work};
use super::{Claim, Dispatcher, FAULT_PAUSE, UNSETTLED_MAX};
use crate::clock::Time;
use crate::domain::breaker::Gate;
use crate::domain::outcome::Outcome;
use crate::domain::reasons::NO_ANSWER;
use crate::domain::settle::Sent;
use crate::error::{Error, Result};
use crate::provider::Answer;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How many pushes are settled in one transaction.
const SLICE: usize = 250;
/// A slice settles this long after its last send, answered or not.
const SETTLE_AFTER: Duration = Duration::from_secs(1);
/// Why pushes are taken back. They were not made, so no send log says this.
const LEASE_LOST: &str = "LEASE_LOST";

const _: () = assert!(SLICE <= UNSETTLED_MAX, "a slice must fit into what may be unsettled");

/// Sends to the claimed shard whatever it needs. A fault leaves it due: it is claimed again after a pause.
pub(super) async fn run(claim: Claim) {
    if let Err(error) = deliver(&claim).await {
        tracing::error!(%error, shard = %claim.shard, "a shard was not sent to and will be again");
        tokio::select! {
            () = tokio::time::sleep(FAULT_PAUSE) => {}
            () = claim.dispatcher.shared.stop.cancelled() => {}
        }
        claim.release().await;
    }
}

async fn deliver(claim: &Claim) -> Result<()> {
    let present = claim.dispatcher.present();
    let mut work = match steps::load(claim.dispatcher.reader(), claim.shard, present).await? {
        Loaded::Work(work) => work,
        Loaded::Postponed(until) => return settle::postpone(claim, until).await,
        Loaded::Gone => {
            claim.release().await;
            return Ok(());
        }
    };
    let mut counted = Vec::new();
    let (mut complete, mut untouched) = (true, true);
    let mut fault = None;
    let mut planned = std::mem::take(&mut work.planned).into_iter().peekable();
    while complete && planned.peek().is_some() {
        match next_slice(claim, &work, &mut planned).await {
            Ok(Step::Made(delivered)) => counted.extend(delivered),
            Ok(Step::Shut(until)) if untouched => return settle::postpone(claim, until).await,
            Ok(Step::Shut(_) | Step::Stop) => complete = false,
            Err(error) => (complete, fault) = (false, Some(error)),
        }
        untouched = false;
    }
    // Who was answered keeps what it got, whatever became of the others.
    settle::finish(claim, &work, counted, complete).await?;
    fault.map_or(Ok(()), Err)
}

/// What came of one slice.
enum Step {
    /// It was sent; these pushes count as delivered.
    Made(Vec<Sent>),
    /// Nothing may be sent with the credential before this time.
    Shut(Time),
    /// The server stops, or the lease did not last.
    Stop,
}

/// Sends as much as may be sent at a time.
async fn next_slice(
    claim: &Claim,
    work: &Work,
    planned: &mut impl Iterator<Item = Planned>,
) -> Result<Step> {
    if claim.dispatcher.shared.stop.is_cancelled() || !claim.may_send() {
        return Ok(Step::Stop);
    }
    // What may fail comes before what cannot be taken back.
    let signing = send::signing(claim, work).await?;
    let source = Source::of(&signing, work.shard.workspace, work.shard.place.environment);
    let gate = source.map_or(Gate::Open, |source| claim.dispatcher.gate(source, &signing));
    let size = match gate {
        Gate::Open => SLICE,
        Gate::Try => 1,
        Gate::Shut(until) => return Ok(Step::Shut(until)),
    };
    let slice = planned.take(size).collect();
    deliver_slice(claim, work, slice, (signing, source)).await
}

async fn deliver_slice(
    claim: &Claim,
    work: &Work,
    slice: Vec<Planned>,
    (signing, source): (Signing, Option<Source>),
) -> Result<Step> {
    let slice = send::begin(claim, slice).await?;
    if slice.is_empty() {
        return Ok(Step::Made(Vec::new()));
    }
    let permits = u32::try_from(slice.len()).unwrap_or(u32::MAX);
    let unsettled = Arc::clone(&claim.dispatcher.shared.unsettled);
    let permit = unsettled.acquire_many_owned(permits).await.map_err(Error::internal)?;
    // All of this took its time, most of all where the database did.
    if !claim.may_send() {
        take_back(claim, work, slice).await?;
        return Ok(Step::Stop);
    }
    let mut under_way = send::send(claim, work, slice, signing);
    let answered = collect(&mut under_way, claim.dispatcher.shared.clock.now()).await;
    claim.dispatcher.hear(source, &answered).await;
    let in_flight: Vec<Sent> =
        under_way.made.iter().flatten().map(|made| made.sent.clone()).collect();
    let all_answered = in_flight.is_empty();
    let counted = settle::slice(claim, work, answered, in_flight).await?;
    if !all_answered {
        let dispatcher = claim.dispatcher.clone();
        let late = source.map(|source| (source, dispatcher.late(source)));
        let place = Place::of(work);
        let tasks = &claim.dispatcher.shared.tasks;
        tasks.spawn(async move {
            let source = late.as_ref().map(|(source, _)| *source);
            settle_late(&dispatcher, (place, source), under_way).await;
            drop((late, permit));
        });
    }
    Ok(Step::Made(counted))
}

/// What was written ahead is not made: whoever has the shard next may begin it anew.
async fn take_back(claim: &Claim, work: &Work, mut slice: Vec<Planned>) -> Result<()> {
    slice.retain(|planned| planned.plan.kind.is_written_ahead());
    if slice.is_empty() {
        return Ok(());
    }
    let now = claim.dispatcher.shared.clock.now();
    let answered = slice.into_iter().map(|planned| {
        let sent = Sent::new(planned.plan.clone(), now);
        let outcome = Outcome::Postponed { reason: LEASE_LOST, until: now };
        Answered { made: Made { planned, sent }, outcome, answered_at: now }
    });
    settle::slice(claim, work, answered.collect(), Vec::new()).await.map(drop)
}

/// Waits until all are answered or [`SETTLE_AFTER`] is over. What is still in flight keeps its slot.
async fn collect(under_way: &mut UnderWay, now: Time) -> Vec<Answered> {
    let deadline = Instant::now() + SETTLE_AFTER;
    let mut answered = Vec::with_capacity(under_way.made.len());
    for (index, outcome) in std::mem::take(&mut under_way.failed) {
        let made = under_way.take(index);
        answered.extend(made.map(|made| Answered { made, outcome, answered_at: now }));
    }
    while answered.len() < under_way.made.len() {
        let Ok(Some(answer)) = timeout_at(deadline, under_way.answers.recv()).await else { break };
        let made = under_way.take(answer.index);
        answered.extend(made.map(|made| Answered::new(made, answer)));
    }
    answered
}

/// Settles what comes after its shard was settled. The provider answers everything within its own timeouts; if it ever
/// does not, the answer is unknown.
async fn settle_late(
    dispatcher: &Dispatcher,
    (place, source): (Place, Option<Source>),
    mut under_way: UnderWay,
) {
    let mut answers = Vec::new();
    while under_way.answers.recv_many(&mut answers, SLICE).await > 0 {
        let answered: Vec<Answered> = answers
            .drain(..)
            .filter_map(|answer| Some(Answered::new(under_way.take(answer.index)?, answer)))
            .collect();
        dispatcher.hear(source, &answered).await;
        settle::late(dispatcher, place, answered).await;
    }
    let now = dispatcher.shared.clock.now();
    let unanswered = under_way.take_rest().into_iter().map(|made| Answered {
        made,
        outcome: Outcome::Unknown { reason: NO_ANSWER },
        answered_at: now,
    });
    settle::late(dispatcher, place, unanswered.collect()).await;
}

impl Answered {
    fn new(mut made: Made, answer: Answer) -> Self {
        made.sent.sent_at = answer.sent_at;
        Answered { made, outcome: answer.outcome, answered_at: answer.answered_at }
    }
}
