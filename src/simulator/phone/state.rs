//! What a phone is and has: the data that rules, actions and the app work on.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Every list is bounded.

use super::super::apns::registry::{Entry, Kind};
use super::super::hub::Hub;
use super::super::stamp;
use super::android::Android;
use super::app::Call;
use super::card::{Card, Closing};
use super::{Delivery, template};
use crate::clock::Time;
use crate::proto::simulator_v1::{
    self as proto, CardState, CloseCause, Drop, DropReason, Notification, Phone, PhoneSpec,
    StartToken, Template, World,
};
use crate::proto::v1::ReportedState;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How many cards, drops and calls a phone remembers.
const MEMORY_MAX: usize = 1_000;
/// How long a card lives at most.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
const LIFE_MAX: Duration = Duration::from_hours(8);
/// How long an ended card stays on the Lock Screen at most.
pub(super) const AFTERLIFE_MAX: Duration = Duration::from_hours(4);
const FIRST_WITH_PUSH_TO_START: Version = Version(17, 2);
const FIRST_WITH_CHANNELS: Version = Version(18, 0);

/// Major and minor version of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

/// A phone.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with one another"
)]
pub(super) struct State {
    pub(super) phone_id: Arc<str>,
    pub(super) bundle_id: Arc<str>,
    pub(super) spec: PhoneSpec,
    pub(super) version: Version,
    pub(super) online: bool,
    pub(super) running: bool,
    pub(super) enabled: bool,
    pub(super) holding: bool,
    pub(super) notifications_enabled: bool,
    /// The app has asked the person, so it tells Tidings.
    pub(super) asked_for_notifications: bool,
    pub(super) notifications: VecDeque<Notification>,
    /// What only a phone with Android has.
    pub(super) android: Option<Android>,
    pub(super) cards: Vec<Card>,
    pub(super) drops: VecDeque<Drop>,
    pub(super) calls: VecDeque<proto::AppCall>,
    pub(super) start_tokens: Vec<StartToken>,
    pub(super) device_token: String,
    /// The one place where APNs keeps a push for this app while the phone is offline.
    pub(super) stored: Option<Delivery>,
    /// The same for each channel that a card follows.
    pub(super) stored_broadcasts: BTreeMap<String, Delivery>,
    /// When starts by push were taken, within the window of the budget.
    pub(super) starts: VecDeque<Time>,
    pub(super) pushes_taken: i64,
    pub(super) calls_waiting: i64,
    pub(super) changes: u64,
    /// Calls that the app is to make; sent to it when the lock is given back.
    pub(super) outbox: Vec<Call>,
}

impl Version {
    /// Reads `18.2` or `18`; anything after the minor version is dropped.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::parse);
        let major = parts.next()?.ok()?;
        let minor = parts.next().unwrap_or(Ok(0)).ok()?;
        Some(Self(major, minor))
    }
}

impl State {
    /// A phone that has not been switched on.
    pub(super) fn new(phone_id: &str, spec: PhoneSpec, version: Version) -> Self {
        let android = Android::new(&spec);
        let allowed = spec.notifications_enabled;
        Self {
            phone_id: Arc::from(phone_id),
            bundle_id: Arc::from(spec.bundle_id.as_str()),
            version,
            online: !spec.offline,
            running: false,
            enabled: spec.activities_enabled.unwrap_or(true),
            holding: spec.hold_tokens,
            notifications_enabled: allowed.unwrap_or(android.is_some()),
            asked_for_notifications: allowed.is_some() || android.is_some(),
            notifications: VecDeque::new(),
            android,
            cards: Vec::new(),
            drops: VecDeque::new(),
            calls: VecDeque::new(),
            start_tokens: Vec::new(),
            device_token: String::new(),
            stored: None,
            stored_broadcasts: BTreeMap::new(),
            starts: VecDeque::new(),
            pushes_taken: 0,
            calls_waiting: 0,
            changes: 0,
            outbox: Vec::new(),
            spec,
        }
    }

    pub(super) fn world(&self) -> World {
        match self.spec.world() {
            World::Unspecified => World::Sandbox,
            world => world,
        }
    }

    pub(super) fn can_start_by_push(&self) -> bool {
        self.version >= FIRST_WITH_PUSH_TO_START
    }

    pub(super) fn knows_channels(&self) -> bool {
        self.version >= FIRST_WITH_CHANNELS
    }

    pub(super) fn template_of(&self, name: &str) -> Option<&Template> {
        self.spec.templates.iter().find(|known| template::attributes_type(known) == name)
    }

    pub(super) fn issue(&self, kind: Kind, hub: &Hub) -> Option<String> {
        hub.registry().issue(Entry {
            world: self.world(),
            bundle_id: Arc::clone(&self.bundle_id),
            phone_id: Arc::clone(&self.phone_id),
            kind,
            replaced: false,
            death: None,
        })
    }

    /// Keeps a push for the time when there is a network again; returns what it takes the place of.
    pub(super) fn keep(&mut self, delivery: Delivery) -> Option<Delivery> {
        match delivery.kind.clone() {
            Kind::Channel { channel_id } => self.stored_broadcasts.insert(channel_id, delivery),
            _ => self.stored.replace(delivery),
        }
    }

    pub(super) fn drop_push(&mut self, dropped: Drop, reason: DropReason, now: Time) {
        let dropped = Drop { time: Some(stamp(now)), reason: reason.into(), ..dropped };
        remember(&mut self.drops, dropped);
    }

    pub(super) fn note_call(&mut self, call: proto::AppCall) {
        remember(&mut self.calls, call);
    }

    pub(super) fn card(&mut self, card_id: &str) -> Option<&mut Card> {
        self.cards.iter_mut().find(|card| card.seen.card_id == card_id)
    }

    pub(super) fn add_card(&mut self, card: Card) {
        if self.cards.len() >= MEMORY_MAX {
            let oldest_closed = self.cards.iter().position(|card| !card.on_screen());
            self.cards.remove(oldest_closed.unwrap_or(0));
        }
        self.cards.push(card);
    }

    /// Ends a card's life; its token dies a little later. The app hears of it.
    pub(super) fn close(&mut self, card_id: &str, closing: &Closing, now: Time, hub: &Hub) {
        let life = match self.spec.closed_token_life {
            Some(life) => Duration::try_from(life).unwrap_or_default(),
            None => hub.config.closed_token_life,
        };
        let Some(card) = self.card(card_id) else { return };
        card.seen.set_state(closing.state);
        card.seen.set_close_cause(closing.cause);
        card.seen.end_time.get_or_insert_with(|| stamp(now));
        card.gone_at = Some(closing.gone_at);
        hub.registry().kill(&card.seen.update_token, now + life, "ExpiredToken");
        card.told = false;
        let (activity_id, run) = (card.seen.activity_id.clone(), card.seen.run);
        if let Some(android) = &mut self.android {
            android.closed(&activity_id, run, closing.cause);
        }
        self.report_closed(card_id);
    }

    /// Has the app say that a card has ended or was closed.
    pub(super) fn report_closed(&mut self, card_id: &str) {
        let running = self.running;
        let Some(card) = self.card(card_id).filter(|card| !card.told) else { return };
        card.told = running;
        let state = match card.seen.state() {
            CardState::Dismissed => ReportedState::Dismissed,
            _ => ReportedState::Ended,
        };
        // Lost if the app does not run.
        self.outbox.push(Call::Report { card_id: card_id.to_owned(), state });
    }

    /// Lets time pass: content becomes stale, lives end, cards leave the screen. True if anything changed.
    pub(super) fn age(&mut self, now: Time, hub: &Hub) -> bool {
        // A life ends first, so that a card that is long overdue also leaves the screen at once.
        let ended = self.android.is_none() && self.end_overdue(now, hub);
        let mut reports = Vec::new();
        for card in &mut self.cards {
            let passed = |at: Option<Time>| at.is_some_and(|at| at <= now);
            let (state, report) = match card.seen.state() {
                CardState::Active if passed(card.stale_at) => {
                    (CardState::Stale, ReportedState::Stale)
                }
                CardState::Ended if passed(card.gone_at) => {
                    (CardState::Gone, ReportedState::Dismissed)
                }
                _ => continue,
            };
            card.seen.set_state(state);
            reports.push((card.seen.card_id.clone(), report));
        }
        let changed = ended || !reports.is_empty();
        // No callback of Android's tells an app of either.
        for (card_id, state) in reports.into_iter().filter(|_| self.android.is_none()) {
            self.outbox.push(Call::Report { card_id, state });
        }
        changed
    }

    fn end_overdue(&mut self, now: Time, hub: &Hub) -> bool {
        let overdue = |card: &&Card| card.lives() && now.since(card.started_at) >= LIFE_MAX;
        let overdue: Vec<(String, Time)> = self
            .cards
            .iter()
            .filter(overdue)
            .map(|card| (card.seen.card_id.clone(), card.started_at + LIFE_MAX))
            .collect();
        for (card_id, ended_at) in &overdue {
            let gone_at = *ended_at + AFTERLIFE_MAX;
            let closing = Closing { cause: CloseCause::System, state: CardState::Ended, gone_at };
            self.close(card_id, &closing, *ended_at, hub);
        }
        !overdue.is_empty()
    }

    /// What can be seen from outside.
    pub(super) fn view(&self) -> Phone {
        Phone {
            phone_id: self.phone_id.to_string(),
            device_id: self.spec.device_id.clone(),
            bundle_id: self.bundle_id.to_string(),
            form_factor: self.spec.form_factor,
            os_version: self.spec.os_version.clone(),
            world: self.world().into(),
            online: self.online,
            app_running: self.running,
            activities_enabled: self.enabled,
            holds_tokens: self.holding,
            cards: self.cards.iter().map(Card::view).collect(),
            drops: self.drops.iter().cloned().collect(),
            calls: self.calls.iter().cloned().collect(),
            start_tokens: self.start_tokens.clone(),
            device_token: self.device_token.clone(),
            pushes_taken: self.pushes_taken,
            calls_waiting: self.calls_waiting,
            version: i64::try_from(self.changes).unwrap_or(i64::MAX),
            notifications_enabled: self.notifications_enabled,
            notifications: self.notifications.iter().cloned().collect(),
            android: self.android.as_ref().map(Android::view),
        }
    }
}

/// Keeps the newest.
pub(super) fn remember<T>(memory: &mut VecDeque<T>, item: T) {
    if memory.len() >= MEMORY_MAX {
        memory.pop_front();
    }
    memory.push_back(item);
}
