//! What differs by the way in which a device is reached. Rules ask here, so that no platform is named elsewhere.
//!
//! On Apple's route a start makes a card that is updated by a token of its own, and a second start makes a second card.
//! On Google's route one token of the device serves all of its activities, and the app drops what is not newer by run
//! and revision: a start that is repeated does no harm.

use super::delivery::Provider;
use super::ids::TokenId;
use super::platform::Platform;
use super::subscription::{State, Subscription};

/// How a device is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// Apple's push service, one push per device by its own token.
    ApnsToken,
    /// Google's push service, one message per device by the token that serves all of its activities.
    Fcm,
}

impl Route {
    /// How devices of a platform are reached.
    pub fn of(platform: Platform) -> Self {
        match platform {
            Platform::Ios => Route::ApnsToken,
            Platform::Android => Route::Fcm,
        }
    }

    /// The service that its pushes go through.
    pub fn provider(self) -> Provider {
        match self {
            Route::ApnsToken => Provider::Apns,
            Route::Fcm => Provider::Fcm,
        }
    }

    /// A start may be repeated without harm: one without an answer is simply tried again, and what was begun and then
    /// is to end gets its end, for it may have arrived.
    pub fn repeats_starts(self) -> bool {
        match self {
            Route::ApnsToken => false,
            Route::Fcm => true,
        }
    }

    /// One token of the device serves all of its subscriptions.
    pub fn shares_token(self) -> bool {
        match self {
            Route::ApnsToken => false,
            Route::Fcm => true,
        }
    }

    /// Where a start leads that arrived: a card needs its own token to be updated.
    pub fn started(self) -> State {
        match self {
            Route::ApnsToken => State::PendingToken,
            Route::Fcm => State::Active,
        }
    }
}

impl Subscription {
    /// What goes by this token is about what the subscription follows: its card, or all that its device shows.
    pub fn goes_by(&self, token: Option<TokenId>) -> bool {
        self.place.route.shares_token() || self.card.token == token
    }

    /// It may be on the device's screen: a start was sent and not refused, or the app said so.
    pub fn may_show(&self) -> bool {
        self.starts_begun > 0 || self.card.token.is_some() || self.has_evidence()
    }
}
