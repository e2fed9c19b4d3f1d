//! Rest: no more faults, everything that is under way arrives, time goes on until nothing is due. Then L1 holds: each
//! subscription and each screen shows what was asked, on one card, or is over for a reason. And rest comes (L2):
//! retries end, and the number of pushes is bounded.

use crate::acts::Act;
use crate::world::{Budget, World};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tidings::domain::lifetime::DELIVER_FOR;
use tidings::domain::plan::STARTS_MAX;
use tidings::domain::subscription::{Reason, State, Subscription};

/// A world that has not come to rest after so many steps never will.
const STEPS_MAX: usize = 600;
/// What is due only later is the age of cards, which ends them however well all goes.
const OLD_AGE: Duration = Duration::from_hours(6);

impl World<'_> {
    /// Lets everything arrive, and checks L1 and L2.
    pub(crate) async fn come_to_rest(&mut self) -> Result<()> {
        self.note("no more faults");
        self.budget = Budget::default();
        for _ in 0..STEPS_MAX {
            match self.pending() {
                Some(act) => self.perform(act).await?,
                None => return self.check_rest(),
            }
        }
        anyhow::bail!("L2 no rest after {STEPS_MAX} steps")
    }

    /// The next thing that happens where nothing goes wrong.
    fn pending(&mut self) -> Option<Act> {
        let mut acts = Vec::new();
        for (index, push) in self.pushes.iter().enumerate() {
            if push.copies > 0 {
                acts.push(Act::Take(index));
            }
            if push.awaited {
                acts.push(Act::Accept(index));
            }
        }
        for (index, card) in self.cards.iter().enumerate() {
            if card.to_say.is_some() {
                acts.push(Act::Say(index));
            } else if card.open && card.reported != Some(card.rotation) {
                acts.push(Act::ReportToken(index));
            }
        }
        for (index, device) in self.devices.iter().enumerate() {
            if device.start_token.is_some_and(|(number, reported)| reported != Some(number)) {
                acts.push(Act::ReportStart(index));
            }
        }
        let activity = self.rows.activity.as_ref();
        if activity.is_some_and(|activity| activity.marked_revision < activity.revision) {
            acts.push(Act::Mark);
        }
        acts.extend(self.expanding.iter().map(|run| Act::Expand(*run)));
        acts.extend((0..self.claims.len()).filter(|claim| self.is_ready(*claim)).map(Act::Advance));
        acts.extend((0..self.claimable().len()).map(Act::Claim));
        if !acts.is_empty() {
            return Some(self.random.pick(&acts));
        }
        let is_behind = self
            .rows
            .shards
            .values()
            .any(|shard| shard.due_at.is_none() && shard.delivered < shard.wanted);
        if is_behind {
            return Some(Act::Sweep);
        }
        let due_at = self.rows.shards.values().filter_map(|shard| shard.due_at).min()?;
        let wait = due_at.since(self.now());
        (wait < OLD_AGE).then_some(Act::Tick(wait))
    }

    fn check_rest(&self) -> Result<()> {
        ensure!(self.claims.is_empty(), "L1 a claim is stuck");
        let bound = 40 * self.devices.len();
        ensure!(self.history.pushes <= bound, "L2 {} pushes", self.history.pushes);
        for row in self.rows.subscriptions.values() {
            let device = self.device_of(row.device);
            let what = || format!("L1 device {device} in run {}: {row:?}", row.place.run);
            self.check_row(row, device).with_context(what)?;
        }
        let known = |run, device| self.subscription(run, device).is_some();
        for (index, card) in self.cards.iter().enumerate().filter(|(_, card)| card.open) {
            let known = card.run.is_some_and(|run| known(run, card.device));
            ensure!(known, "L1 card {index} belongs to nobody");
        }
        Ok(())
    }

    fn check_row(&self, row: &Subscription, device: usize) -> Result<()> {
        let run = row.place.run;
        let of_row = |card: &&crate::world::Card| card.device == device && card.run == Some(run);
        let open: Vec<_> = self.cards.iter().filter(of_row).filter(|card| card.open).collect();
        let shard = self.rows.shards.get(&row.shard).context("a subscription has a shard")?;
        let wanted = self.caller.wanted(run, device, i64::MAX).context("a run wants something")?;
        let is_over = wanted.ends || row.closing;
        ensure!(row.second.is_none(), "a second card is still there");
        if row.state == State::Active {
            ensure!(!is_over, "active after its end");
            let delivered = row.delivered(shard);
            ensure!(delivered == wanted.revision, "{delivered} of {} delivered", wanted.revision);
            ensure!(open.len() == 1, "{} cards", open.len());
            let shows = open[0].revision;
            ensure!(shows == wanted.revision, "shows {shows} of {}", wanted.revision);
            return Ok(());
        }
        ensure!(open.is_empty(), "{} cards, the first shows {}", open.len(), open[0].revision);
        match row.state {
            State::PendingStart => {
                ensure!(is_over || row.starts_begun == STARTS_MAX, "never started");
            }
            State::Unreachable => {
                let able = self.devices[device].os >= (17, 2);
                let reachable = able && self.devices[device].start_token.is_some();
                // An old verdict about its token is asked about again after an hour: then a start is worth nothing.
                let in_vain = row.reason == Some(Reason::StartTooLate) && row.starts_begun == 0;
                let too_late = in_vain && self.now() >= row.asked_at + DELIVER_FOR;
                let known_why = is_over || too_late;
                ensure!(known_why || !reachable, "unreachable with a push-to-start token");
            }
            State::Ended => {
                let closed_here = row.report.is_some();
                let closed = wanted.ends || row.closing || closed_here;
                ensure!(closed, "ended although nobody asked");
            }
            // Taken and never shown, closed by the person, or closed before it was told so: no card is open.
            State::PendingToken | State::Dismissed | State::Invalidated | State::Active => {}
        }
        Ok(())
    }
}
