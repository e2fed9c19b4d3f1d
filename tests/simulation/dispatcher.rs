//! A dispatcher without tasks and timers: the server's own steps, one at a time, in any order.

use crate::world::{Claim, Push, Stage, World};
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::time::Duration;
use tidings::clock::{Clock, Time};
use tidings::dispatch::steps::{
    self, Answered, Closing, Loaded, Made, Place, Planned, Slice, Work,
};
use tidings::domain::ids::ShardId;
use tidings::domain::outcome::Outcome;
use tidings::domain::revision::Run;
use tidings::domain::settle::Sent;
use tidings::store::{self, Lane};

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(21);

impl World<'_> {
    pub(crate) async fn mark(&mut self) -> Result<()> {
        self.has_written = true;
        let Some(key) = self.key else { return Ok(()) };
        let now = self.now();
        let store = &self.database.store;
        Ok(store.write(Lane::Settle, move |tx| Box::pin(steps::mark(tx, key, now))).await?)
    }

    pub(crate) async fn expand(&mut self, run: Run) -> Result<()> {
        self.has_written = true;
        let Some(key) = self.key else { return Ok(()) };
        let (store, now) = (&self.database.store, self.now());
        if let Some(expansion) = store::expansions::find(store.reader(), key, run).await? {
            let batch = expansion.clone();
            store
                .write(Lane::Settle, move |tx| {
                    Box::pin(steps::expand_batch(tx, batch.clone(), now))
                })
                .await?;
            let after = store::expansions::find(store.reader(), key, run).await?;
            if !after.is_some_and(|expansion| expansion.done) {
                return Ok(());
            }
        }
        self.expanding.retain(|expanding| *expanding != run);
        Ok(())
    }

    pub(crate) async fn sweep(&mut self) -> Result<()> {
        self.keep_mark().await?;
        let (store, now) = (&self.database.store, self.now());
        let behind = store::shards::behind_all_workspaces(store.reader(), 256).await?;
        let ours =
            behind.iter().map(|shard| shard.id).filter(|id| self.rows.shards.contains_key(id));
        let ours: Vec<ShardId> = ours.collect();
        if !ours.is_empty() {
            self.has_written = true;
            store
                .write(Lane::Settle, move |tx| {
                    let ours = ours.clone();
                    Box::pin(async move { steps::wake(tx, &ours, now).await })
                })
                .await?;
        }
        Ok(())
    }

    /// Every look of the dispatcher begins with it, and nothing is sent without.
    async fn keep_mark(&mut self) -> Result<()> {
        if let Some(mark) = steps::new_mark(self.mark, self.now()) {
            let store = &self.database.store;
            store.write(Lane::Settle, move |tx| Box::pin(store::clock::save(tx, mark))).await?;
            self.mark = mark;
        }
        Ok(())
    }

    /// Shards that may be claimed.
    pub(crate) fn claimable(&self) -> Vec<ShardId> {
        let now = self.now();
        let is_free = |id: &ShardId| self.claims.iter().all(|claim| claim.shard != *id);
        let due =
            self.rows.shards.values().filter(|shard| shard.due_at.is_some_and(|at| at <= now));
        due.map(|shard| shard.id).filter(is_free).collect()
    }

    pub(crate) async fn claim(&mut self, shard: ShardId) -> Result<()> {
        let (store, present) = (&self.database.store, self.present());
        match steps::load(store.reader(), shard, present).await? {
            Loaded::Gone => anyhow::bail!("a shard is gone"),
            Loaded::Postponed(until) => {
                self.has_written = true;
                store
                    .write(Lane::Settle, move |tx| {
                        Box::pin(steps::postpone(tx, (shard, None), until))
                    })
                    .await?;
            }
            Loaded::Work(work) => {
                let mut work = *work;
                self.check_planned(&work)?;
                let planned = std::mem::take(&mut work.planned);
                let mut slices: Vec<Vec<Planned>> =
                    planned.chunks(self.slice).map(<[Planned]>::to_vec).collect();
                slices.reverse();
                let stage = Stage::Between;
                self.claims.push(Claim { shard, work, slices, counted: Vec::new(), stage });
            }
        }
        Ok(())
    }

    /// The claim can go on without an answer from Apple.
    pub(crate) fn is_ready(&self, claim: usize) -> bool {
        !matches!(&self.claims[claim].stage, Stage::Sent(waiting, _) if !waiting.is_empty())
    }

    /// One step of a claim. A slice whose answers are missing is settled without them.
    pub(crate) async fn advance(&mut self, index: usize) -> Result<()> {
        let mut claim = self.claims.remove(index);
        match std::mem::replace(&mut claim.stage, Stage::Between) {
            Stage::Between => match claim.slices.pop() {
                Some(slice) => {
                    claim.stage = Stage::Begun(self.begin_starts(&claim.work, slice).await?);
                }
                None => return self.close(claim).await,
            },
            Stage::Begun(slice) => {
                self.keep_mark().await?;
                claim.stage = Stage::Sent(self.send(&claim.work, slice)?, vec![]);
            }
            Stage::Sent(waiting, answered) => {
                let in_flight = waiting.iter().map(|push| self.pushes[*push].made.sent.clone());
                let in_flight: Vec<Sent> = in_flight.collect();
                for push in waiting {
                    self.pushes[push].late = true;
                }
                if !(answered.is_empty() && in_flight.is_empty()) {
                    let counted = self.settle(Place::of(&claim.work), answered, in_flight).await?;
                    claim.counted.extend(counted);
                }
            }
        }
        self.claims.insert(index, claim);
        Ok(())
    }

    async fn begin_starts(&mut self, work: &Work, slice: Vec<Planned>) -> Result<Vec<Planned>> {
        let (starts, mut rest): (Vec<_>, Vec<_>) =
            slice.into_iter().partition(|planned| planned.plan.kind.is_written_ahead());
        if !starts.is_empty() {
            self.has_written = true;
            let (shard, now) = (work.shard.id, self.now());
            let store = &self.database.store;
            let begun = store
                .write(Lane::Settle, move |tx| {
                    Box::pin(steps::begin(tx, (shard, None), starts.clone(), now))
                })
                .await?;
            self.check_begun(work, &begun)?;
            rest.extend(begun);
        }
        Ok(rest)
    }

    /// Hands a slice over to Apple; one reading of the clock stamps it.
    fn send(&mut self, work: &Work, slice: Vec<Planned>) -> Result<Vec<usize>> {
        let (now, run) = (self.now(), work.shard.place.run);
        ensure!(steps::may_stamp(self.mark, now), "a stamp that the durable mark does not cover");
        let mut numbers = Vec::new();
        for planned in slice {
            let spread = u16::try_from(self.random.below(1_000))?;
            let sent = Sent { spread, ..Sent::new(planned.plan.clone(), now) };
            let device = self.device_of(planned.subscription.device);
            let what =
                format!("{:?} of {} alert {}", sent.plan.kind, sent.plan.revision, sent.plan.alert);
            self.note(&format!("     push {} to {device}: {what}", self.pushes.len()));
            ensure!(sent.stamp >= self.process_start_s, "S7 a stamp before the process");
            self.check_sent(&sent, device)?;
            numbers.push(self.pushes.len());
            let made = Made { planned, sent };
            self.pushes.push(Push {
                made,
                place: Place::of(work),
                device,
                run,
                late: false,
                awaited: true,
                decided: false,
                copies: 0,
                early: false,
            });
        }
        Ok(numbers)
    }

    async fn settle(
        &mut self,
        place: Place,
        answered: Vec<Answered>,
        in_flight: Vec<Sent>,
    ) -> Result<Vec<Sent>> {
        self.has_written = true;
        let slice = Arc::new(Slice { place, answered, in_flight, answer_max: ANSWER_MAX });
        let now = self.now();
        let settled = self.database.store.write(Lane::Settle, move |tx| {
            let slice = Arc::clone(&slice);
            Box::pin(async move { steps::settle_slice(tx, &slice, now).await })
        });
        Ok(settled.await?)
    }

    async fn close(&mut self, claim: Claim) -> Result<()> {
        self.has_written = true;
        let closing = Arc::new(Closing {
            shard: claim.shard,
            lease: None,
            goal: claim.work.goal,
            counted: claim.counted,
            complete: true,
            lost: claim.work.lost,
        });
        let present = self.present();
        let closed = self.database.store.write(Lane::Settle, move |tx| {
            let closing = Arc::clone(&closing);
            Box::pin(async move { steps::close_claim(tx, &closing, present).await })
        });
        Ok(closed.await?)
    }

    /// The process learns what became of a push. Where its shard is settled already, that is settled late.
    pub(crate) async fn learn(&mut self, push: usize, outcome: Outcome) -> Result<()> {
        if !std::mem::replace(&mut self.pushes[push].awaited, false) {
            return Ok(());
        }
        let (made, now) = (self.pushes[push].made.clone(), self.now());
        if matches!(outcome, Outcome::Accepted { .. }) {
            self.history.note_accepted(&self.rows, &made.sent);
        }
        let answered = Answered { made, outcome, answered_at: now };
        for claim in &mut self.claims {
            if let Stage::Sent(waiting, answers) = &mut claim.stage
                && let Some(at) = waiting.iter().position(|number| *number == push)
            {
                waiting.remove(at);
                answers.push(answered);
                return Ok(());
            }
        }
        let place = self.pushes[push].place;
        self.settle(place, vec![answered], Vec::new()).await.map(drop)
    }

    /// Everything in memory is gone; the next process begins at once, perhaps with a wall clock that went back.
    pub(crate) async fn crash(&mut self, back: Duration) -> Result<()> {
        self.history.disturbed |= !self.claims.is_empty();
        self.claims.clear();
        for push in 0..self.pushes.len() {
            if !std::mem::replace(&mut self.pushes[push].awaited, false) {
                continue;
            }
            self.history.disturbed = true;
            if !self.pushes[push].decided {
                let arrives = self.random.percent(70);
                self.decide(push, arrives);
            }
        }
        let wall = Time(self.now().0) - back;
        self.clock = Clock::manual(wall);
        let reader = self.database.store.reader();
        if let Some(mark) = store::clock::load(reader).await? {
            self.clock.go_on_from(mark);
        }
        self.mark = Time(i64::MIN / 2);
        self.service = self.database.service(self.clock.clone());
        self.process_start_s = self.now().seconds();
        Ok(())
    }
}
