//! A world: one activity, its devices and cards, the pushes under way, and what a process holds in memory. The tables
//! are real; what a crash takes is here. The invariant: whatever is decided by chance is decided by the world's own.

use crate::caller::Caller;
use crate::check::History;
use crate::database::{BEGIN, Database};
use crate::random::Random;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tidings::clock::{Clock, Time};
use tidings::dispatch::steps::{Answered, Made, Place, Planned, Work};
use tidings::domain::activity::Activity;
use tidings::domain::ids::{ActivityKey, DeviceKey, ShardId, SubscriptionId, TokenId};
use tidings::domain::plan::Present;
use tidings::domain::revision::{Number, Run};
use tidings::domain::settle::Sent;
use tidings::domain::shard::Shard;
use tidings::domain::subscription::{ReportedState, Subscription};
use tidings::service::{Call, Service};
use tidings::store;

/// Everything there is.
pub(crate) struct World<'a> {
    pub(crate) database: &'a Database,
    pub(crate) random: Random,
    pub(crate) seed: u64,
    pub(crate) budget: Budget,
    /// Apps say which run a card belongs to. They need not where there are neither faults nor two runs.
    pub(crate) names_run: bool,
    /// How often time goes on: in some worlds much happens within a second.
    pub(crate) tick_weight: usize,
    /// How many pushes a slice has at most.
    pub(crate) slice: usize,
    pub(crate) service: Service,
    pub(crate) clock: Clock,
    pub(crate) process_start_s: i64,
    pub(crate) mark: Time,
    pub(crate) key: Option<ActivityKey>,
    pub(crate) devices: Vec<Device>,
    pub(crate) cards: Vec<Card>,
    pub(crate) tokens: HashMap<TokenId, Owner>,
    pub(crate) caller: Caller,
    pub(crate) claims: Vec<Claim>,
    pub(crate) pushes: Vec<Push>,
    /// Runs whose audience is still being expanded.
    pub(crate) expanding: Vec<Run>,
    pub(crate) rows: Rows,
    /// The present step may have changed the tables.
    pub(crate) has_written: bool,
    pub(crate) history: History,
    pub(crate) trace: Vec<String>,
}

/// How much of each kind of fault may happen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    pub(crate) crashes: u8,
    pub(crate) losses: u8,
    pub(crate) slow: u8,
    pub(crate) refusals: u8,
    pub(crate) rotations: u8,
    pub(crate) dismissals: u8,
    pub(crate) doubles: u8,
    pub(crate) app_starts: u8,
    pub(crate) contacts: u8,
}

/// A phone with the app.
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) key: DeviceKey,
    pub(crate) contact: String,
    pub(crate) os: (u16, u16),
    /// The push-to-start token: its number, and the number that Tidings has.
    pub(crate) start_token: Option<(u8, Option<u8>)>,
    pub(crate) start_rotated_at: Time,
    /// Another person holds it than in the beginning.
    pub(crate) left: bool,
}

/// A card on a screen, or one that was there.
pub(crate) struct Card {
    pub(crate) device: usize,
    /// Unknown for one that the app started, until it is registered.
    pub(crate) run: Option<Run>,
    pub(crate) revision: Number,
    pub(crate) stamp: i64,
    /// The number of its token, and of the one that Tidings was told.
    pub(crate) rotation: u8,
    pub(crate) reported: Option<u8>,
    pub(crate) token_time: Time,
    pub(crate) open: bool,
    pub(crate) closed_at: Time,
    /// What the app has still to say about its closing.
    pub(crate) to_say: Option<ReportedState>,
    pub(crate) said_active: bool,
}

/// Whose a token is, with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Card(usize, u8),
    Start(usize, u8),
    Notifications,
}

/// A shard that is being sent to.
pub(crate) struct Claim {
    pub(crate) shard: ShardId,
    pub(crate) work: Work,
    pub(crate) slices: Vec<Vec<Planned>>,
    pub(crate) counted: Vec<Sent>,
    pub(crate) stage: Stage,
}

/// How far the present slice of a claim is.
pub(crate) enum Stage {
    Between,
    Begun(Vec<Planned>),
    /// Pushes by number that have no answer, and those that have.
    Sent(Vec<usize>, Vec<Answered>),
}

/// A push on its way.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of its own")]
pub(crate) struct Push {
    pub(crate) made: Made,
    pub(crate) place: Place,
    pub(crate) device: usize,
    pub(crate) run: Run,
    /// Its shard was settled without it: its answer will be settled late.
    pub(crate) late: bool,
    /// A process waits for its answer.
    pub(crate) awaited: bool,
    /// Apple has taken or refused it, or it was lost.
    pub(crate) decided: bool,
    /// Copies on the way to the phone.
    pub(crate) copies: u8,
    /// The phone had it before its sender had the answer.
    pub(crate) early: bool,
}

/// What the tables hold.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) activity: Option<Activity>,
    pub(crate) subscriptions: BTreeMap<SubscriptionId, Subscription>,
    pub(crate) shards: BTreeMap<ShardId, Shard>,
}

impl World<'_> {
    /// Looks at the tables.
    pub(crate) async fn read(&self) -> anyhow::Result<Rows> {
        let mut rows = Rows::default();
        let Some(key) = self.key else { return Ok(rows) };
        let reader = self.database.store.reader();
        rows.activity = store::activities::by_key(reader, key).await?;
        let runs = rows.activity.as_ref().map_or(0, |activity| activity.run);
        let devices: Vec<DeviceKey> = self.devices.iter().map(|device| device.key).collect();
        for run in 1..=runs {
            let shards = store::shards::of_run(reader, key, run).await?;
            rows.shards.extend(shards.into_iter().map(|shard| (shard.id, shard)));
            let found = store::subscriptions::of_devices_in_run(reader, key, run, &devices).await?;
            rows.subscriptions.extend(found.into_iter().map(|row| (row.id, row)));
        }
        Ok(rows)
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn present(&self) -> Present {
        Present { now: self.now(), process_start_s: self.process_start_s }
    }

    /// Time since the world began, for people.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now().since(BEGIN)
    }

    pub(crate) fn note(&mut self, what: &str) {
        let at = self.elapsed().as_secs_f64();
        self.trace.push(format!("{at:>9.1} {what}"));
    }

    /// A call of this world; without a `request_id` unless one is given.
    pub(crate) fn call(&self, method: &'static str, request_id: String) -> Call {
        let workspace = self.database.workspace;
        Call { workspace, method, request_id, digest: [0; 32] }
    }

    pub(crate) fn activity_id(&self) -> String {
        format!("flight-{}-{}", self.seed, self.history.attempt)
    }

    pub(crate) fn device_of(&self, key: DeviceKey) -> usize {
        let found = self.devices.iter().position(|device| device.key == key);
        found.expect("a device of this world")
    }

    /// `ActivityKit`'s id of a card.
    pub(crate) fn card_id(&self, card: usize) -> String {
        format!("{}-card-{card}", self.activity_id())
    }

    /// The token is the one that its phone goes by now.
    pub(crate) fn is_valid(&self, token: Option<TokenId>) -> bool {
        match token.and_then(|id| self.tokens.get(&id)) {
            Some(Owner::Card(card, rotation)) => self.cards[*card].rotation == *rotation,
            Some(Owner::Start(device, number)) => {
                self.devices[*device].start_token.is_some_and(|(current, _)| current == *number)
            }
            Some(Owner::Notifications) => true,
            None => false,
        }
    }

    /// The subscription of a device in a run.
    pub(crate) fn subscription(&self, run: Run, device: usize) -> Option<&Subscription> {
        let key = self.devices[device].key;
        self.rows.subscriptions.values().find(|row| row.place.run == run && row.device == key)
    }
}
