//! The properties S1 to S8, and what they have to remember of the past. S1 is looked at where a phone takes a push.
//!
//! S1 no card shows a lower revision after a higher one, nor another run's content. S2 one start undisturbed, at most
//! two else (refused ones do not count); none begun once evidence is in the tables. S3 what counts as delivered was
//! accepted for the token we hold. S4 no start begun after the end was accepted. S5 what is sent is what is wanted, and
//! after an end nothing but ends. S6 an alert at most once where nothing was lost, and none of others. S7 stamps never
//! fall, and rise for a newer revision. S8 at most one notification per device and run that was not refused, and only
//! for a device that cannot be started.
//!
//! Beyond the model: 410s, retries and alerts that expire. A refusal is no disturbance: its push certainly did nothing.

use crate::world::{Rows, World};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use tidings::clock::Time;
use tidings::dispatch::steps::{Planned, Work};
use tidings::domain::ids::SubscriptionId;
use tidings::domain::plan::Kind;
use tidings::domain::register::TokenResult;
use tidings::domain::revision::Number;
use tidings::domain::settle::Sent;
use tidings::domain::subscription::{State, Subscription};

/// Of a rotation this long after the latest push nothing has to be sent again.
const ROTATION_MARGIN_S: i64 = 15;

/// What was.
#[derive(Default)]
pub(crate) struct History {
    /// How often this seed was run: names must be new in each world of a database.
    pub(crate) attempt: u64,
    /// Something was lost: an answer, a push, a process.
    pub(crate) disturbed: bool,
    /// The newest revision accepted for the card that a subscription follows.
    accepted: HashMap<SubscriptionId, Number>,
    /// The newest revision and stamp sent.
    sent: HashMap<SubscriptionId, (Number, i64)>,
    /// Starts sent and not refused.
    starts: HashMap<SubscriptionId, u8>,
    /// Notifications sent and not refused.
    notifications: HashMap<SubscriptionId, u8>,
    /// How often each alert lit up a device.
    alerts: HashMap<(usize, Number), u8>,
    /// How many pushes were made.
    pub(crate) pushes: usize,
}

impl History {
    /// Nothing has happened.
    pub(crate) fn new(attempt: u64) -> Self {
        History { attempt, ..History::default() }
    }

    /// A sender has heard that a push was accepted.
    pub(crate) fn note_accepted(&mut self, rows: &Rows, sent: &Sent) {
        let plan = &sent.plan;
        let Some(row) = rows.subscriptions.get(&plan.subscription) else { return };
        let counts = match plan.kind {
            Kind::Start => true,
            Kind::Update | Kind::End => plan.token == row.card.token,
            Kind::CloseSecond | Kind::Fallback => false,
        };
        if counts {
            let accepted = self.accepted.entry(row.id).or_default();
            *accepted = plan.revision.max(*accepted);
        }
    }

    /// The push certainly did nothing.
    pub(crate) fn note_refused(&mut self, kind: Kind, subscription: SubscriptionId) {
        let counted = match kind {
            Kind::Start => self.starts.get_mut(&subscription),
            Kind::Fallback => self.notifications.get_mut(&subscription),
            Kind::Update | Kind::End | Kind::CloseSecond => None,
        };
        if let Some(counted) = counted {
            *counted -= 1;
        }
    }

    /// A token was registered: what was accepted for another one does not count for it, unless it is of the same card
    /// and too new to have swallowed anything. `before` are the rows before, `row` is the one after.
    pub(crate) fn token_taken(
        &mut self,
        before: &Rows,
        row: &Subscription,
        (result, by_app): (TokenResult, bool),
        token_time: Time,
    ) {
        let old = before.subscriptions.get(&row.id);
        let accepted = self.accepted.entry(row.id).or_default();
        let Some(old) = old else {
            // The app began this run: its card shows the first revision.
            *accepted = row.exception.map_or(0, |exception| exception.delivered);
            return;
        };
        let last = before.shards.get(&old.shard).map_or(0, |shard| old.last_stamp(shard));
        let anew = match result {
            TokenResult::Registered => row.starts_begun > 1 || by_app && row.starts_begun > 0,
            TokenResult::SecondCard => true,
            TokenResult::Rotated => {
                let revived = matches!(old.state, State::Ended | State::Invalidated);
                revived || last + ROTATION_MARGIN_S >= token_time.seconds()
            }
            _ => false,
        };
        if anew {
            *accepted = 0;
        } else if let (TokenResult::Rotated, Some(shard)) = (result, before.shards.get(&old.shard))
        {
            // What is accepted for the old token from now on is not for this one.
            *accepted = (*accepted).min(old.delivered(shard));
        }
    }

    pub(crate) fn alert_shown(&mut self, device: usize, alert: Number) -> Result<()> {
        if alert > 0 {
            let shown = self.alerts.entry((device, alert)).or_default();
            *shown += 1;
            ensure!(*shown == 1 || self.disturbed, "S6 alert {alert} shown {shown} times");
        }
        Ok(())
    }
}

/// The end of a second card is silent, whatever its plan says.
pub(crate) fn carries_alert(kind: Kind) -> bool {
    kind != Kind::CloseSecond
}

impl World<'_> {
    /// S5, at the claim: what is planned is the newest that is asked of that device.
    pub(crate) fn check_planned(&self, work: &Work) -> Result<()> {
        let (run, up_to) = (work.shard.place.run, work.activity.marked_revision);
        for Planned { plan, subscription, .. } in &work.planned {
            if plan.kind == Kind::CloseSecond {
                continue;
            }
            if subscription.closing {
                ensure!(plan.kind == Kind::End, "S5 not an end after the contact changed");
                continue;
            }
            let device = self.device_of(subscription.device);
            let wanted = self.caller.wanted(run, device, up_to).context("nothing is wanted")?;
            let (is, should) = (plan.revision, wanted.revision);
            ensure!(is == should, "S5 device {device} is sent revision {is} instead of {should}");
            ensure!((plan.kind == Kind::End) == wanted.ends, "S5 {:?} is no end", plan.kind);
            let is_for_it = self.caller.concerns(plan.alert, device);
            ensure!(is_for_it, "S6 device {device} has the alert {} of others", plan.alert);
        }
        Ok(())
    }

    /// S2 and S4, at the begin of starts.
    pub(crate) fn check_begun(&self, work: &Work, begun: &[Planned]) -> Result<()> {
        let run = work.shard.place.run;
        ensure!(begun.is_empty() || !self.caller.has_ended(run), "S4 a start begun after the end");
        for start in begun {
            let row = &self.rows.subscriptions[&start.plan.subscription];
            if start.plan.kind == Kind::Fallback {
                ensure!(row.state == State::Unreachable, "S8 a notification beside a card");
                continue;
            }
            let waits = row.state == State::PendingStart && row.card.token.is_none();
            ensure!(waits, "S2 a start begun although evidence had arrived");
        }
        Ok(())
    }

    /// S2 and S7, at each push.
    pub(crate) fn check_sent(&mut self, sent: &Sent, device: usize) -> Result<()> {
        self.history.pushes += 1;
        let (plan, stamp) = (&sent.plan, sent.stamp);
        match plan.kind {
            Kind::CloseSecond => return Ok(()),
            Kind::Fallback => {
                let sent = self.history.notifications.entry(plan.subscription).or_default();
                *sent += 1;
                ensure!(*sent == 1, "S8 device {device}: {sent} notifications sent");
                return Ok(());
            }
            Kind::Start | Kind::Update | Kind::End => {}
        }
        let (revision, last) = self.history.sent.entry(plan.subscription).or_default();
        let fits = stamp > *last || stamp == *last && plan.revision <= *revision;
        ensure!(fits, "S7 device {device}: stamp {stamp} for {} after {last}", plan.revision);
        let is_ahead = plan.revision > *revision && stamp > sent.sent_at.seconds();
        ensure!(!is_ahead, "S7 device {device}: stamp {stamp} ahead of the clock");
        (*revision, *last) = (plan.revision.max(*revision), stamp.max(*last));
        if plan.kind == Kind::Start {
            let starts = self.history.starts.entry(plan.subscription).or_default();
            *starts += 1;
            let bound = if self.history.disturbed { 2 } else { 1 };
            ensure!(*starts <= bound, "S2 device {device}: {starts} starts sent");
        }
        Ok(())
    }

    /// S3, after each step.
    pub(crate) fn check_rows(&self, rows: &Rows) -> Result<()> {
        for row in rows.subscriptions.values() {
            let counts = [State::PendingStart, State::PendingToken, State::Active, State::Ended];
            let Some(shard) = rows.shards.get(&row.shard) else { continue };
            let delivered = row.delivered(shard);
            let accepted = self.history.accepted.get(&row.id).copied().unwrap_or_default();
            if counts.contains(&row.state) && delivered > accepted {
                let device = self.device_of(row.device);
                anyhow::bail!("S3 device {device}: {delivered} delivered, {accepted} accepted");
            }
        }
        Ok(())
    }
}
