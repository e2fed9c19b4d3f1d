//! The words of subscriptions.

use crate::domain::shard::Route;
use crate::domain::subscription::{Cause, ReportedState, State};
use crate::proto::v1;

/// Where a subscription is in its life.
pub fn state(state: State) -> v1::SubscriptionState {
    match state {
        State::PendingStart => v1::SubscriptionState::PendingStart,
        State::PendingToken => v1::SubscriptionState::PendingToken,
        State::Active => v1::SubscriptionState::Active,
        State::Dismissed => v1::SubscriptionState::Dismissed,
        State::Ended => v1::SubscriptionState::Ended,
        State::Invalidated => v1::SubscriptionState::Invalidated,
        State::Unreachable => v1::SubscriptionState::Unreachable,
    }
}

/// None where the caller did not say.
pub fn read_state(state: v1::SubscriptionState) -> Option<State> {
    match state {
        v1::SubscriptionState::Unspecified => None,
        v1::SubscriptionState::PendingStart => Some(State::PendingStart),
        v1::SubscriptionState::PendingToken => Some(State::PendingToken),
        v1::SubscriptionState::Active => Some(State::Active),
        v1::SubscriptionState::Dismissed => Some(State::Dismissed),
        v1::SubscriptionState::Ended => Some(State::Ended),
        v1::SubscriptionState::Invalidated => Some(State::Invalidated),
        v1::SubscriptionState::Unreachable => Some(State::Unreachable),
    }
}

/// How a device is reached.
pub fn route(route: Route) -> v1::Route {
    match route {
        Route::ApnsToken => v1::Route::ApnsToken,
    }
}

/// Who caused a transition.
pub fn cause(cause: Cause) -> v1::Cause {
    match cause {
        Cause::Caller => v1::Cause::Caller,
        Cause::Device => v1::Cause::Device,
        Cause::Provider => v1::Cause::Provider,
        Cause::Sweeper => v1::Cause::Sweeper,
    }
}

/// What an app says about its card.
pub fn reported_state(state: ReportedState) -> v1::ReportedState {
    match state {
        ReportedState::Active => v1::ReportedState::Active,
        ReportedState::Stale => v1::ReportedState::Stale,
        ReportedState::Dismissed => v1::ReportedState::Dismissed,
        ReportedState::Ended => v1::ReportedState::Ended,
    }
}

/// None where the caller did not say.
pub fn read_reported_state(state: v1::ReportedState) -> Option<ReportedState> {
    match state {
        v1::ReportedState::Unspecified => None,
        v1::ReportedState::Active => Some(ReportedState::Active),
        v1::ReportedState::Stale => Some(ReportedState::Stale),
        v1::ReportedState::Dismissed => Some(ReportedState::Dismissed),
        v1::ReportedState::Ended => Some(ReportedState::Ended),
    }
}
