//! A subscription: one activity run on one device, and how it differs from its shard.

use super::device::Obstacle;
use super::fallback::Fallback;
use super::ids::{DeviceKey, ShardId, SubscriptionId, TokenId, WorkspaceId};
use super::revision::{Number, Revision};
use super::shard::{Place, Shard};
use super::targeted::Targeted;
use crate::clock::Time;
use std::time::Duration;

/// How long a card is kept: iOS ends it after eight hours, and ignores every push after that.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
pub const CARD_LIFE: Duration = Duration::from_mins(8 * 60 - 10);

/// One activity run on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Ours.
    pub id: SubscriptionId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Where its pushes go.
    pub place: Place,
    /// The shard that it is a member of.
    pub shard: ShardId,
    /// The device.
    pub device: DeviceKey,
    /// The contact through whom the device is in the audience; empty where the device itself was named or joined.
    pub contact_key: String,
    /// Where it is in its life.
    pub state: State,
    /// Why, where the state does not say it all.
    pub reason: Option<Reason>,
    /// Who caused the latest transition.
    pub cause: Cause,
    /// Counts the writes outside settle. What was loaded at another version does not count as delivered.
    pub version: i64,
    /// Since when it is to be started: when it was made, or made anew, or when a way to start it opened.
    pub asked_at: Time,
    /// How many starts were begun and not refused.
    pub starts_begun: i32,
    /// The latest begun start has no answer; it is not repeated before this.
    pub start_doubt_until: Option<Time>,
    /// The card that it follows.
    pub card: Card,
    /// Another card of this run on this device, to be ended.
    pub second: Option<Card>,
    /// `ActivityKit`'s id of a second card whose end was accepted.
    pub closed_card: Option<String>,
    /// How it differs from its shard.
    pub exception: Option<Exception>,
    /// When it is to be looked at on its own account; if absent, not before its shard has something new.
    pub look_at: Option<Time>,
    /// What was asked of it beside what is asked of everyone.
    pub targeted: Targeted,
    /// The newest revision whose alert this device had.
    pub alerted: Number,
    /// The ordinary notification that it gets where it cannot show the activity.
    pub fallback: Fallback,
    /// The device has another owner now, left the audience or was deleted: whatever is on its screen is ended.
    pub closing: bool,
    /// What the app last said about its card, and when.
    pub report: Option<(ReportedState, Time)>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// A card on a screen. Before its token is registered there is only the hope of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// The token that updates it.
    pub token: Option<TokenId>,
    /// `ActivityKit`'s id of it, where the app has said it.
    pub device_activity_id: Option<String>,
    /// When it may have come to the screen first.
    pub shown_since: Option<Time>,
}

/// How a subscription differs from its shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// What it was delivered.
    pub delivered: Number,
    /// The newest timestamp, in seconds, of a push to it.
    pub last_stamp: i64,
    /// A push without an answer, and when its answer will no longer come.
    pub in_flight: Option<(Number, Time)>,
    /// The newest revision that was tried in vain.
    pub failed: Number,
    /// How often in a row.
    pub attempts: i32,
    /// When to try it again: ours, overruled by newer content. Absent after a refusal that the same push would meet
    /// again.
    pub retry_at: Option<Time>,
    /// Not before this: the provider's, overruled by nothing.
    pub not_before: Option<Time>,
}

/// Where a subscription is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A start is to be made, or was begun and not answered.
    PendingStart,
    /// Started; the app has not registered its update token yet.
    PendingToken,
    /// It is updated.
    Active,
    /// Closed by the person.
    Dismissed,
    /// Its end was accepted, or there was nothing to end.
    Ended,
    /// The provider rejected its token.
    Invalidated,
    /// There is no way to start it.
    Unreachable,
}

/// Who caused a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A call of the backend.
    Caller,
    /// The app, or the person who holds the device.
    Device,
    /// An answer of Apple or Google.
    Provider,
    /// Time passed.
    Sweeper,
}

/// Why a subscription is in its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// What stands in the way of a start.
    Obstacle(Obstacle),
    /// Two starts were begun and none was answered; only the device can tell.
    StartUnknown,
    /// It could not be started as long as that was worth it.
    StartTooLate,
    /// It was started, and the app has not registered an update token for as long as its start was kept for it.
    NoUpdateToken,
    /// iOS would have ended its card soon, and ignores what comes after that.
    CardTooOld,
    /// The run ended before this device was started.
    NotStarted,
    /// The device has another owner now.
    ContactChanged,
    /// The device is not in the audience any more.
    Removed,
    /// The device was deleted.
    DeviceDeleted,
    /// The app revoked the token.
    TokenRevoked,
    /// The token was registered by another device.
    TokenMoved,
    /// Apple's or Google's word for a dead token.
    TokenDead(String),
}

/// What an app says about its card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of live_activity.proto")]
pub enum ReportedState {
    Active,
    Stale,
    Dismissed,
    Ended,
}

impl Subscription {
    /// What this device was delivered.
    pub fn delivered(&self, shard: &Shard) -> Number {
        self.exception.map_or(shard.delivered, |exception| exception.delivered)
    }

    /// The newest timestamp of a push to this device.
    pub fn last_stamp(&self, shard: &Shard) -> i64 {
        self.exception.map_or(shard.last_stamp, |exception| exception.last_stamp)
    }

    /// Must precede any write outside settle: a push that is under way no longer counts as delivered, and what the
    /// subscription had becomes its own.
    pub fn touch(&mut self, shard: &Shard, now: Time) -> &mut Exception {
        self.version += 1;
        self.updated_at = now;
        self.look_at = Some(now);
        self.own_exception(shard)
    }

    /// The subscription's exception, made from what it had where there was none.
    pub fn own_exception(&mut self, shard: &Shard) -> &mut Exception {
        self.exception.get_or_insert(Exception {
            delivered: shard.delivered,
            last_stamp: shard.last_stamp,
            ..Exception::default()
        })
    }

    /// Notes a revision that targets it; says whether that changes anything.
    pub fn target(&mut self, shard: &Shard, revision: &Revision, now: Time) -> bool {
        let counts = self.targeted.note(revision);
        if counts {
            self.touch(shard, now);
        }
        counts
    }

    /// Moves to a state.
    pub fn turn(&mut self, state: State, reason: Option<Reason>, cause: Cause) {
        self.state = state;
        self.reason = reason;
        self.cause = cause;
    }

    /// When its card is to be ended, because iOS ends it soon after and ignores what comes then. An app that draws by
    /// itself keeps its card as long as it likes.
    pub fn card_ends_at(&self) -> Option<Time> {
        if self.place.route.repeats_starts() {
            return None;
        }
        self.card.shown_since.map(|since| since + CARD_LIFE)
    }

    /// Nothing more is to be done for it, whatever is asked, unless its device speaks up.
    pub fn is_over(&self) -> bool {
        use State::{Active, PendingStart};
        !matches!(self.state, PendingStart | Active) && self.second.is_none()
    }
}

impl ReportedState {
    /// There is a card on the screen.
    pub fn is_on_screen(self) -> bool {
        matches!(self, ReportedState::Active | ReportedState::Stale)
    }
}

impl Card {
    /// The same card, as far as is known: the same `ActivityKit` id, or none on one side.
    pub fn is(&self, device_activity_id: Option<&str>) -> bool {
        match (self.device_activity_id.as_deref(), device_activity_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        }
    }
}

impl Reason {
    /// The stable word of the contract.
    pub fn word(&self) -> &str {
        match self {
            Reason::Obstacle(obstacle) => obstacle.word(),
            Reason::StartUnknown => "START_UNKNOWN",
            Reason::StartTooLate => "START_TOO_LATE",
            Reason::NoUpdateToken => "NO_UPDATE_TOKEN",
            Reason::CardTooOld => "CARD_TOO_OLD",
            Reason::NotStarted => "NOT_STARTED",
            Reason::ContactChanged => "CONTACT_CHANGED",
            Reason::Removed => "REMOVED",
            Reason::DeviceDeleted => "DEVICE_DELETED",
            Reason::TokenRevoked => "TOKEN_REVOKED",
            Reason::TokenMoved => "TOKEN_MOVED",
            Reason::TokenDead(word) => word,
        }
    }

    /// The reason in a sentence, with what to do about it.
    pub fn sentence(&self) -> &'static str {
        match self {
            Reason::Obstacle(obstacle) => obstacle.sentence(),
            Reason::StartUnknown => {
                "Two starts were sent and none was answered; the app tells when it next runs."
            }
            Reason::StartTooLate => {
                "No start could be sent until `deliver_until`; it is started when its app brings a \
                 token, or by AddRecipients."
            }
            Reason::NoUpdateToken => {
                "It was started, but its app has brought no update token: the person has quit the \
                 app by force, has not allowed live activities of it yet, or the app does not \
                 observe `pushTokenUpdates` when it is woken. Updates wait for the token."
            }
            Reason::CardTooOld => {
                "iOS keeps a card active for eight hours; this one was sent its last state and its \
                 end shortly before."
            }
            Reason::NotStarted => "The run ended before the activity was started here.",
            Reason::ContactChanged => "Another person uses this device now.",
            Reason::Removed => "The device is not in the audience of this run any more.",
            Reason::DeviceDeleted => "The device was deleted.",
            Reason::TokenRevoked => "The app revoked its token; it registers another one.",
            Reason::TokenMoved => "The token was registered by another device: a new install.",
            Reason::TokenDead(_) => {
                "The token is dead; the activity goes on when the app registers another one."
            }
        }
    }

    /// Reads a stored word; one that is none of ours is a provider's.
    pub fn from_word(word: &str) -> Option<Self> {
        const OURS: [Reason; 16] = [
            Reason::Obstacle(Obstacle::OsCannotStartByPush),
            Reason::Obstacle(Obstacle::ActivitiesDisabled),
            Reason::Obstacle(Obstacle::NotificationsDisabled),
            Reason::Obstacle(Obstacle::NoFcmToken),
            Reason::Obstacle(Obstacle::NoPushToStartToken),
            Reason::Obstacle(Obstacle::PushToStartTokenRejected),
            Reason::StartUnknown,
            Reason::StartTooLate,
            Reason::NoUpdateToken,
            Reason::CardTooOld,
            Reason::NotStarted,
            Reason::ContactChanged,
            Reason::Removed,
            Reason::DeviceDeleted,
            Reason::TokenRevoked,
            Reason::TokenMoved,
        ];
        match word {
            "" => None,
            _ => OURS
                .into_iter()
                .find(|reason| reason.word() == word)
                .or_else(|| Some(Reason::TokenDead(word.to_owned()))),
        }
    }
}
