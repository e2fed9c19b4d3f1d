//! What an app does when it comes to the front, in one transaction: it says which tokens it has, what it may do and
//! which cards are on its screen, and is told what to do with each.

mod told;

pub use told::{Missing, SyncedCard, SyncedToken};

use super::existing;
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::activity::{Activity, State};
use crate::domain::change::Change;
use crate::domain::device::Device;
use crate::domain::ids::{ActivityKey, WorkspaceId};
use crate::domain::register::TokenResult;
use crate::domain::report;
use crate::domain::revision::{Number, Run};
use crate::domain::shard::Shard;
use crate::domain::subscription::{ReportedState, Subscription};
use crate::domain::sync::{self as rules, Newest, OnScreen, Verdict};
use crate::error::{Reason, Result};
use crate::service::tokens::{self, TokenAsked};
use crate::service::{Answered, Call, Service};
use crate::store::{self, Tx};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use uuid::Uuid;

/// How many cards that are missing from a screen are told.
const MISSING_MAX: usize = 64;

/// What an app says, checked for form.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of device_service.proto")]
pub struct SyncAsked {
    pub device_id: String,
    pub activities_enabled: Option<bool>,
    pub frequent_pushes_enabled: Option<bool>,
    pub notifications_permission: Option<bool>,
    pub tokens: Vec<TokenAsked>,
    pub cards: Vec<CardAsked>,
}

/// A card on the screen.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of device_service.proto")]
pub struct CardAsked {
    pub activity_id: String,
    pub run: Option<Run>,
    pub revision: Option<Number>,
    pub device_activity_id: Option<String>,
}

/// What an app is told: an answer per token and per card, in their order, and what should be on the screen and is not.
#[derive(Debug)]
#[expect(missing_docs, reason = "each type says what it is")]
pub struct Synced {
    pub tokens: Vec<SyncedToken>,
    pub cards: Vec<SyncedCard>,
    pub missing: Vec<Missing>,
}

/// What is kept of an answer for a repeat of its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    tokens: Vec<KeptToken>,
    cards: Vec<KeptCard>,
    missing: Vec<Uuid>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum KeptToken {
    Taken(TokenResult, Option<Uuid>),
    Refused(Reason, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptCard {
    verdict: Verdict,
    /// None for a card that nothing is known of.
    activity: Option<Uuid>,
    run: Run,
    revision: Number,
}

/// Takes all that, and tells what to do.
pub async fn sync(service: &Service, call: &Call, asked: SyncAsked) -> Result<Answered<Synced>> {
    let (workspace, lifetime) = (call.workspace, service.lifetime);
    let said = asked.clone();
    let decided = service.mutate(call, move |tx, now| {
        let asked = (asked.clone(), lifetime);
        Box::pin(async move { sync_within(tx, workspace, asked, now).await })
    });
    let Answered { answer, replayed } = decided.await?;
    service.bus.ring(Ring::Work);
    for activity in answer.cards.iter().filter_map(|card| card.activity) {
        service.bus.ring(Ring::Activity(ActivityKey(activity)));
    }
    let answer = told::tell(service, &said, answer).await?;
    Ok(Answered { answer, replayed })
}

async fn sync_within(
    tx: &Tx,
    workspace: WorkspaceId,
    (asked, lifetime): (SyncAsked, Duration),
    now: Time,
) -> Result<Kept> {
    tokens::take_turns(tx, asked.tokens.iter().map(|token| token.fingerprint)).await?;
    let device = permit(tx, workspace, &asked, now).await?;
    let mut taken = Vec::with_capacity(asked.tokens.len());
    for token in asked.tokens {
        // A refusal has written nothing; what is no refusal undoes everything.
        taken.push(match tokens::register_within(tx, workspace, (token, lifetime), now).await {
            Ok(taken) => KeptToken::Taken(taken.result, taken.subscription.map(|row| row.id.0)),
            Err(error) if is_fault(error.reason) => return Err(error),
            Err(error) => KeptToken::Refused(error.reason, error.message),
        });
    }
    let mut screen = Screen::load(tx, &device, &asked.cards).await?;
    let mut cards = Vec::with_capacity(asked.cards.len());
    for card in &asked.cards {
        cards.push(screen.judge(card, &asked.cards, now));
    }
    let missing = screen.missing();
    screen.start_again(&missing, now);
    store::apply(tx, screen.change).await?;
    Ok(Kept { tokens: taken, cards, missing })
}

fn is_fault(reason: Reason) -> bool {
    matches!(reason, Reason::Internal | Reason::Unavailable | Reason::RequestInProgress)
}

/// Notes that the device was seen and what it may do; revives what that had kept from being started.
async fn permit(tx: &Tx, workspace: WorkspaceId, asked: &SyncAsked, now: Time) -> Result<Device> {
    let before = existing(tx, workspace, &asked.device_id).await?;
    let device = Device {
        activities_enabled: asked.activities_enabled.unwrap_or(before.activities_enabled),
        frequent_pushes_enabled: asked
            .frequent_pushes_enabled
            .unwrap_or(before.frequent_pushes_enabled),
        notifications_permission: asked
            .notifications_permission
            .unwrap_or(before.notifications_permission),
        last_seen_at: now,
        ..before.clone()
    };
    let mut change = Change { devices: vec![device.clone()], ..Change::default() };
    tokens::permitted(tx, &before, &device, &mut change, now).await?;
    store::apply(tx, change).await?;
    Ok(device)
}

/// Everything by which cards are judged.
struct Screen {
    activities: HashMap<String, Activity>,
    rows: Vec<(Subscription, Shard)>,
    newest: HashMap<(ActivityKey, Run), Newest>,
    /// Subscriptions that have a card on the screen.
    shown: HashSet<Uuid>,
    change: Change,
}

impl Screen {
    async fn load(tx: &Tx, device: &Device, cards: &[CardAsked]) -> Result<Self> {
        // What is asked of an activity meanwhile waits for the shard, and comes after this.
        let glance = tx.glance();
        let mut rows = store::subscriptions::open_of_device(tx, device.key).await?;
        let mut activities = HashMap::new();
        for card in cards {
            if activities.contains_key(&card.activity_id) {
                continue;
            }
            let found =
                store::activities::find(&glance, device.workspace, &card.activity_id).await?;
            let Some(activity) = found else { continue };
            let (key, device) = (activity.key, device.key);
            rows.extend(store::subscriptions::of_device_and_activity(tx, key, device).await?);
            activities.insert(card.activity_id.clone(), activity);
        }
        rows.sort_unstable_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        let rows = store::subscriptions::with_shards(tx, rows).await?;
        let known: HashSet<_> = activities.values().map(|activity| activity.key).collect();
        let mut others: Vec<_> = rows.iter().map(|(row, _)| row.place.activity).collect();
        others.retain(|key| !known.contains(key));
        for activity in store::activities::by_keys(&glance, &others).await? {
            activities.insert(activity.activity_id.clone(), activity);
        }
        let mut newest = HashMap::new();
        for (row, _) in &rows {
            let (key, run) = (row.place.activity, row.place.run);
            let activity = activities.values().find(|activity| activity.key == key);
            let Some(up_to) = activity.map(|activity| activity.marked_revision) else { continue };
            let revision = store::revisions::newest_for_everyone(tx, key, run, up_to).await?;
            let of = |number, ends| Newest { number, ends };
            let found = revision.map_or(of(0, false), |r| of(r.number, r.is_end()));
            newest.insert((key, run), found);
        }
        let (shown, change) = (HashSet::new(), Change::default());
        Ok(Screen { activities, rows, newest, shown, change })
    }

    /// What becomes of a card. One that stays was seen: that is noted as a report of the app.
    fn judge(&mut self, card: &CardAsked, all: &[CardAsked], now: Time) -> KeptCard {
        let id = card.device_activity_id.as_deref();
        let unknown = |verdict| {
            let run = card.run.unwrap_or_default();
            KeptCard { verdict, activity: None, run, revision: 0 }
        };
        let Some(activity) = self.activities.get(&card.activity_id) else {
            // A card with a run is of ours and its activity is gone; one without may be the app's own, not registered.
            return unknown(if card.run.is_some() { Verdict::End } else { Verdict::Keep });
        };
        let is_deleted = card.run.unwrap_or(activity.run) <= activity.deleted_run;
        let is_current = card.run.is_none_or(|run| run == activity.run);
        let is_over = is_deleted || !is_current || activity.state.is_over();
        let of_it = |row: &Subscription| {
            row.place.activity == activity.key
                && row.place.run > activity.deleted_run
                && card.run.is_none_or(|run| row.place.run == run)
        };
        let named = |row: &Subscription| id.is_some_and(|id| row.knows_card(id));
        let find = |fits: &dyn Fn(&Subscription) -> bool| {
            self.rows.iter().rposition(|(row, _)| of_it(row) && fits(row))
        };
        let Some(index) = find(&named).or_else(|| find(&|_| true)) else {
            return unknown(if is_over { Verdict::End } else { Verdict::Keep });
        };
        let Some((row, shard)) = self.rows.get_mut(index) else { return unknown(Verdict::Keep) };
        let place = (row.place.activity, row.place.run);
        let newest = self.newest.get(&place).copied().unwrap_or(Newest { number: 0, ends: false });
        let followed = row.card.device_activity_id.as_deref();
        let is_followed = |other: &CardAsked| other.device_activity_id.as_deref() == followed;
        let beside_the_followed = followed.is_some() && all.iter().any(is_followed);
        let on_screen =
            OnScreen { device_activity_id: id, revision: card.revision, beside_the_followed };
        let verdict = rules::judge(row, shard, newest, on_screen);
        if verdict != Verdict::End {
            let before = row.clone();
            let seen = (ReportedState::Active, id);
            self.change.events.extend(report::report(row, shard, seen, false, now));
            if *row != before {
                self.change.due.push((shard.id, now));
                self.change.subscriptions.retain(|written| written.id != row.id);
                self.change.subscriptions.push(row.clone());
            }
        }
        self.shown.insert(row.id.0);
        let revision = rules::wanted(row, newest).number;
        KeptCard { verdict, activity: Some(place.0.0), run: place.1, revision }
    }

    /// What is missing because its start was lost is started once more.
    fn start_again(&mut self, missing: &[Uuid], now: Time) {
        for (row, shard) in &mut self.rows {
            if missing.contains(&row.id.0) && rules::start_again(row, shard, now) {
                self.change.due.push((shard.id, now));
                self.change.subscriptions.retain(|written| written.id != row.id);
                self.change.subscriptions.push(row.clone());
            }
        }
    }

    /// What should be on the screen and is not: of active runs, and not ended for this device. The newest.
    fn missing(&self) -> Vec<Uuid> {
        let is_missing = |row: &Subscription| {
            let place = (row.place.activity, row.place.run);
            let activity = self.activities.values().find(|activity| activity.key == place.0);
            let is_active = activity.is_some_and(|a| a.run == place.1 && a.state == State::Active);
            let newest = self.newest.get(&place).copied();
            let is_wanted =
                newest.is_some_and(|newest| newest.number > 0 && !rules::wanted(row, newest).ends);
            let is_open = store::subscriptions::is_open(row) && !row.closing;
            is_active && is_wanted && is_open && !self.shown.contains(&row.id.0)
        };
        let rows = self.rows.iter().rev().map(|(row, _)| row);
        rows.filter(|row| is_missing(row)).take(MISSING_MAX).map(|row| row.id.0).collect()
    }
}
