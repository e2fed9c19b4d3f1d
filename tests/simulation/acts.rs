//! What may happen next in a world, and how likely that is.

use crate::apple::Refusal;
use crate::world::{Push, World};
use anyhow::Result;
use std::time::Duration;
use tidings::clock::Time;
use tidings::domain::ids::ShardId;
use tidings::domain::plan::Kind;
use tidings::domain::revision::Run;

/// An answer that has not come by then does not come: a process gives up before its rows do.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// One step of a world.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Call,
    CallAgain,
    Mark,
    Expand(Run),
    Sweep,
    /// The shard's place among those that may be claimed.
    Claim(usize),
    Advance(usize),
    Accept(usize),
    Lose(usize, bool),
    Refuse(usize, Refusal),
    Take(usize),
    Double(usize),
    ReportToken(usize),
    Say(usize),
    Rotate(usize),
    Dismiss(usize),
    OpenByApp(usize),
    RotateStart(usize),
    ReportStart(usize),
    ChangeContact(usize),
    Crash(Duration),
    Tick(Duration),
}

impl World<'_> {
    /// One step that chance picks, and the properties after it.
    pub(crate) async fn step(&mut self) -> Result<()> {
        let acts = self.possible();
        let total: usize = acts.iter().map(|(weight, _)| weight).sum();
        let mut at = self.random.below(total);
        for (weight, act) in acts {
            if at < weight {
                return self.perform(act).await;
            }
            at -= weight;
        }
        Ok(())
    }

    /// Does it, and checks what must always hold of the tables.
    pub(crate) async fn perform(&mut self, act: Act) -> Result<()> {
        self.note(&format!("{act:?}"));
        self.act(act).await?;
        // Most steps change what a process or the world holds, and no row.
        if std::mem::take(&mut self.has_written) {
            let rows = self.read().await?;
            self.check_rows(&rows)?;
            self.rows = rows;
        }
        Ok(())
    }

    async fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Call => self.call_next().await,
            Act::CallAgain => self.call_again().await,
            Act::Mark => self.mark().await,
            Act::Expand(run) => self.expand(run).await,
            Act::Sweep => self.sweep().await,
            Act::Claim(index) => self.claim(self.claimable()[index]).await,
            Act::Advance(claim) => {
                if !self.is_ready(claim) {
                    self.budget.slow -= 1;
                }
                self.advance(claim).await
            }
            Act::Accept(push) => self.accept(push).await,
            Act::Lose(push, arrives) => {
                self.budget.losses -= 1;
                self.lose(push, arrives).await
            }
            Act::Refuse(push, refusal) => {
                self.budget.refusals -= 1;
                self.refuse(push, refusal).await
            }
            Act::Take(push) => self.take(push),
            Act::Double(push) => {
                self.budget.doubles -= 1;
                self.history.disturbed = true;
                self.pushes[push].copies += 1;
                Ok(())
            }
            Act::ReportToken(card) => self.report_token(card).await,
            Act::Say(card) => self.say(card).await,
            Act::Rotate(card) => {
                self.rotate(card);
                Ok(())
            }
            Act::Dismiss(card) => {
                self.dismiss(card);
                Ok(())
            }
            Act::OpenByApp(device) => {
                self.budget.app_starts -= 1;
                // With a start under way there will be two cards, and each has the alert.
                self.history.disturbed = true;
                self.open_by_app(device);
                Ok(())
            }
            Act::RotateStart(device) => {
                self.rotate_start(device);
                Ok(())
            }
            Act::ReportStart(device) => self.report_start_token(device).await,
            Act::ChangeContact(device) => {
                self.budget.contacts -= 1;
                self.devices[device].left = true;
                let contact = format!("other-{}", self.devices[device].id);
                self.register_device(device, contact).await
            }
            Act::Crash(back) => {
                self.budget.crashes -= 1;
                self.crash(back).await
            }
            Act::Tick(span) => {
                self.clock.advance(span);
                Ok(())
            }
        }
    }

    fn possible(&mut self) -> Vec<(usize, Act)> {
        let mut acts = Vec::new();
        self.of_caller(&mut acts);
        self.of_dispatcher(&mut acts);
        self.of_network(&mut acts);
        self.of_phones(&mut acts);
        let ticks = [300, 1_000, 1_000, 2_000, 5_000, 16_000].map(Duration::from_millis);
        let tick = self.random.pick(&ticks);
        if self.now() + tick < self.patience() {
            acts.push((self.tick_weight, Act::Tick(tick)));
        }
        if self.budget.crashes > 0 {
            let back = self.random.pick(&[0, 0, 0, 100, 4_000].map(Duration::from_secs));
            let is_sending = self.pushes.iter().any(|push| push.awaited);
            acts.push((if is_sending { 4 } else { 1 }, Act::Crash(back)));
        }
        acts
    }

    /// The clock does not pass this before an answer that is waited for came or was given up.
    pub(crate) fn patience(&self) -> Time {
        let waits = self.pushes.iter().filter(|push| push.awaited);
        let until = waits.map(|push| push.made.sent.sent_at + ANSWER_MAX).min();
        until.unwrap_or(Time(i64::MAX))
    }

    fn of_caller(&self, acts: &mut Vec<(usize, Act)>) {
        let activity = self.rows.activity.as_ref();
        let may_start = activity.is_none_or(|activity| activity.run < self.caller.runs_max);
        let is_over = activity.is_none_or(|activity| self.caller.has_ended(activity.run));
        if self.caller.calls > 0 && (may_start || !is_over) {
            acts.push((3, Act::Call));
        }
        if self.caller.latest.is_some() {
            acts.push((1, Act::CallAgain));
        }
    }

    fn of_dispatcher(&self, acts: &mut Vec<(usize, Act)>) {
        if self.rows.activity.as_ref().is_some_and(|a| a.marked_revision < a.revision) {
            acts.push((6, Act::Mark));
        }
        acts.extend(self.expanding.iter().map(|run| (6, Act::Expand(*run))));
        acts.push((1, Act::Sweep));
        let claimable: Vec<ShardId> = self.claimable();
        acts.extend((0..claimable.len()).map(|index| (8, Act::Claim(index))));
        for claim in 0..self.claims.len() {
            let weight = if self.is_ready(claim) { 10 } else { usize::from(self.budget.slow > 0) };
            acts.push((weight, Act::Advance(claim)));
        }
    }

    fn of_network(&mut self, acts: &mut Vec<(usize, Act)>) {
        for index in 0..self.pushes.len() {
            let push = &self.pushes[index];
            if push.copies > 0 {
                acts.push((6, Act::Take(index)));
                if self.budget.doubles > 0 {
                    acts.push((1, Act::Double(index)));
                }
            }
            if !push.awaited {
                continue;
            }
            let (early, late, token) = (push.early, push.late, push.made.sent.plan.token);
            acts.push((if late { 2 } else { 8 }, Act::Accept(index)));
            if !early && self.is_valid(token) {
                acts.push((3, Act::Take(index)));
            }
            if self.budget.losses > 0 {
                let arrives = early || self.random.percent(50);
                acts.push((2, Act::Lose(index, arrives)));
            }
            if self.budget.refusals > 0 && !early {
                let refusals = self.refusals(index);
                acts.push((2, Act::Refuse(index, self.random.pick(&refusals))));
            }
        }
    }

    fn of_phones(&self, acts: &mut Vec<(usize, Act)>) {
        for (index, card) in self.cards.iter().enumerate() {
            if card.open && card.reported != Some(card.rotation) {
                acts.push((3, Act::ReportToken(index)));
            }
            if card.to_say.is_some() || card.open && card.run.is_some() && !card.said_active {
                acts.push((1 + 3 * usize::from(card.to_say.is_some()), Act::Say(index)));
            }
            let at_rest = card.open && card.reported == Some(card.rotation);
            if at_rest && self.budget.rotations > 0 {
                acts.push((2, Act::Rotate(index)));
            }
            if card.open && card.run.is_some() && self.budget.dismissals > 0 {
                acts.push((2, Act::Dismiss(index)));
            }
        }
        for (index, device) in self.devices.iter().enumerate() {
            if let Some((number, reported)) = device.start_token {
                if reported != Some(number) {
                    acts.push((3, Act::ReportStart(index)));
                } else if self.budget.rotations > 0 {
                    // The hard case: while a start goes by the token.
                    let by_it = |push: &Push| {
                        push.awaited
                            && push.device == index
                            && push.made.sent.plan.kind == Kind::Start
                    };
                    let is_used = self.pushes.iter().any(by_it);
                    acts.push((if is_used { 6 } else { 1 }, Act::RotateStart(index)));
                }
            }
            if self.budget.contacts > 0 && !device.left {
                acts.push((1, Act::ChangeContact(index)));
            }
            if self.budget.app_starts > 0 && self.app_may_open(index) {
                acts.push((1, Act::OpenByApp(index)));
            }
        }
    }

    /// An app opens a card for what is going on and not ended for it, where it shows none yet.
    fn app_may_open(&self, device: usize) -> bool {
        let Some(activity) = &self.rows.activity else { return false };
        let run = activity.run;
        let wanted = self.caller.wanted(run, device, activity.revision);
        let ends = wanted.is_none_or(|wanted| wanted.ends);
        let shows = self.cards.iter().any(|card| card.device == device && card.open);
        let known = self.subscription(run, device).is_some();
        !ends && !shows && known && !self.devices[device].left
    }
}
