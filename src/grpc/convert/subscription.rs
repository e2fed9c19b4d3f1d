//! The words of subscriptions.

use super::time;
use crate::domain::shard::Route;
use crate::domain::subscription::{Cause, ReportedState, State};
use crate::proto::v1;
use crate::service::subscriptions::{Progress, Seen};

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
        Route::Fcm => v1::Route::Fcm,
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

/// A subscription as its caller sees it.
pub fn subscription(seen: &Seen) -> v1::Subscription {
    let row = &seen.subscription;
    let (reported, report_time) = match row.report {
        Some((state, at)) => (reported_state(state), Some(time::to_proto(at))),
        None => (v1::ReportedState::Unspecified, None),
    };
    let reason = row.reason.as_ref();
    let device_activity_id = row.card.device_activity_id.clone().unwrap_or_default();
    v1::Subscription {
        subscription_id: row.id.to_string(),
        activity_id: seen.activity_id.clone(),
        run: row.place.run,
        device_id: seen.device_id.clone(),
        contact_key: row.contact_key.clone(),
        app_id: row.place.app.to_string(),
        route: route(row.place.route).into(),
        state: state(row.state).into(),
        reason: reason.map_or_else(String::new, |reason| reason.word().to_owned()),
        reason_text: reason.map_or_else(String::new, |reason| reason.sentence().to_owned()),
        cause: cause(row.cause).into(),
        wanted_revision: seen.wanted,
        delivered_revision: seen.delivered,
        device_activity_id,
        reported_state: reported.into(),
        report_time,
        retry_time: row.exception.and_then(|e| e.retry_at).map(time::to_proto),
        create_time: Some(time::to_proto(row.created_at)),
        update_time: Some(time::to_proto(row.updated_at)),
        token_register_time: seen.token.map(|token| time::to_proto(token.registered_at)),
        token_confirm_time: seen.token.map(|token| time::to_proto(token.confirmed_at)),
    }
}

/// How far a revision has come.
pub fn progress(progress: &Progress, revision: i64) -> v1::Progress {
    let routes = progress.routes.iter().map(|counts| v1::RouteProgress {
        route: route(counts.route).into(),
        pending: counts.pending,
        accepted: counts.accepted,
        pending_token: counts.pending_token,
        failed: counts.failed,
        dismissed: counts.dismissed,
        unreachable: counts.unreachable,
        ended: counts.ended,
    });
    v1::Progress { revision, expanding: progress.expanding, routes: routes.collect() }
}
