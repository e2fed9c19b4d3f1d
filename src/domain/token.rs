//! Tokens: what they are good for, and when a provider's word that one is dead counts.

use super::ids::{AppId, DeviceKey, SubscriptionId, TokenId, WorkspaceId};
use super::platform::Platform;
use super::push::{Environment, Operation};
use crate::clock::Time;
use crate::secrets::Sealed;
use std::time::Duration;

/// After a first verdict that was too old to count, a second one counts if it comes this much later.
pub const SECOND_VERDICT: Duration = Duration::from_hours(1);

/// A token of a device. Its value is sealed; `fingerprint` finds it.
#[derive(Clone, Debug)]
pub struct Token {
    /// Ours.
    pub id: TokenId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Whose it is.
    pub device: DeviceKey,
    /// The app.
    pub app: AppId,
    /// What it is good for.
    pub kind: TokenKind,
    /// The world it belongs to; Android has one.
    pub environment: Environment,
    /// A keyed digest of its value.
    pub fingerprint: [u8; 32],
    /// Its value.
    pub sealed: Sealed,
    /// The type that a push-to-start token starts; empty for others.
    pub activity_type: String,
    /// The subscription that an update token serves.
    pub subscription: Option<SubscriptionId>,
    /// When the device got it, never after it was registered.
    pub token_time: Time,
    /// When it was registered last.
    pub registered_at: Time,
    /// When a verdict that was too old to count first came.
    pub doubted_at: Option<Time>,
    /// When and why it was found to be dead.
    pub invalid: Option<(Time, String)>,
}

/// A push that a provider accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedPush {
    /// Of which run on which device.
    pub subscription: SubscriptionId,
    /// What it was to do.
    pub operation: Operation,
    /// The type of its activity; empty where that is gone.
    pub activity_type: String,
    /// When it was sent.
    pub sent_at: Time,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Starts activities of one type.
    PushToStart,
    /// Updates and ends one card.
    Update,
    /// Takes ordinary notifications of an iOS app.
    ApnsDevice,
    /// Reaches an Android app with everything.
    FcmToken,
    /// The same; where a device has both, this one is used.
    FcmInstallationId,
}

impl TokenKind {
    /// Those that serve all activities of an Android device.
    pub const FCM: [TokenKind; 2] = [TokenKind::FcmToken, TokenKind::FcmInstallationId];

    /// It serves all activities of its device.
    pub fn is_fcm(self) -> bool {
        Self::FCM.contains(&self)
    }

    /// The platform whose devices have such tokens.
    pub fn platform(self) -> Platform {
        match self {
            TokenKind::PushToStart | TokenKind::Update | TokenKind::ApnsDevice => Platform::Ios,
            TokenKind::FcmToken | TokenKind::FcmInstallationId => Platform::Android,
        }
    }
}

/// What a provider's 410 means for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is dead.
    Dead,
    /// The verdict is older than what we know; ask again no sooner than this.
    Doubted(Time),
}

impl Token {
    /// It has not been found to be dead.
    pub fn is_good(&self) -> bool {
        self.invalid.is_none()
    }

    /// Of a device's good tokens for the same purpose, the one of the highest rank is used: an installation id before a
    /// token that it takes the place of, then the newest.
    pub fn rank(&self) -> (bool, Time, TokenId) {
        (self.kind == TokenKind::FcmInstallationId, self.registered_at, self.id)
    }

    /// When it was last known to be good: the app registered it, or a provider accepted a push by it. `others` are all
    /// tokens of its device, `pushes` what was accepted for it.
    pub fn confirmed_at(&self, others: &[Token], pushes: &[AcceptedPush]) -> Time {
        let is_used = self.is_good() && !others.iter().any(|other| self.gives_way_to(other));
        let by_it = pushes
            .iter()
            .filter(|push| is_used && push.sent_at >= self.token_time && self.carries(push));
        by_it.map(|push| push.sent_at).max().unwrap_or(self.registered_at).max(self.registered_at)
    }

    /// Another good one of the same purpose is used.
    fn gives_way_to(&self, other: &Token) -> bool {
        let same = match self.kind {
            TokenKind::FcmToken | TokenKind::FcmInstallationId => other.kind.is_fcm(),
            TokenKind::Update => false,
            TokenKind::PushToStart | TokenKind::ApnsDevice => {
                other.kind == self.kind && other.activity_type == self.activity_type
            }
        };
        same && other.is_good() && other.rank() > self.rank()
    }

    /// Pushes like this one go by such a token.
    fn carries(&self, push: &AcceptedPush) -> bool {
        match self.kind {
            TokenKind::PushToStart => {
                push.operation == Operation::Start && push.activity_type == self.activity_type
            }
            TokenKind::Update => {
                let is_of_card = matches!(push.operation, Operation::Update | Operation::End);
                is_of_card && Some(push.subscription) == self.subscription
            }
            TokenKind::ApnsDevice => push.operation == Operation::Fallback,
            TokenKind::FcmToken | TokenKind::FcmInstallationId => true,
        }
    }

    /// Weighs a 410. It counts against the later of the token's own time and our receipt of its last registration, and
    /// is dated when its request was sent where it has no time of its own. A second one [`SECOND_VERDICT`] later counts
    /// in any case.
    pub fn weigh(&self, dead_since: Option<Time>, sent_at: Time, now: Time) -> Verdict {
        let verdict_at = dead_since.unwrap_or(sent_at);
        let known_good_at = self.token_time.min(now).max(self.registered_at);
        let doubted_at = self.doubted_at.unwrap_or(now);
        if verdict_at >= known_good_at || now.since(doubted_at) >= SECOND_VERDICT {
            Verdict::Dead
        } else {
            Verdict::Doubted(doubted_at + SECOND_VERDICT)
        }
    }
}

#[cfg(test)]
mod tests;
