//! An event: one fact, written in the transaction of the change that made it true. Thin: ids, run, revision, reason and
//! cause; never content, never a token.

use super::ids::{ActivityKey, CredentialId, DeviceKey, TokenId, WorkspaceId};
use super::revision::{Number, Run};
use super::subscription::{Cause, Subscription};
use crate::clock::Time;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// What happened.
    pub kind: EventKind,
    /// To which activity.
    pub activity: Option<ActivityKey>,
    /// In which run.
    pub run: Option<Run>,
    /// At which revision.
    pub revision: Option<Number>,
    /// On which device.
    pub device: Option<DeviceKey>,
    /// Which token.
    pub token: Option<TokenId>,
    /// Which credential.
    pub credential: Option<CredentialId>,
    /// Why, as a stable word.
    pub reason: String,
    /// Who caused it.
    pub cause: Cause,
    /// When.
    pub at: Time,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of the contract")]
pub enum EventKind {
    ActivityScheduled,
    ActivityStarted,
    ActivityUpdated,
    ActivityDispatched,
    ActivityEnded,
    ActivityExpired,
    SubscriptionPendingToken,
    SubscriptionStarted,
    SubscriptionDismissed,
    SubscriptionEnded,
    SubscriptionInvalidated,
    SubscriptionUnreachable,
    TokenRotated,
    TokenInvalidated,
    CredentialFailing,
    CredentialRecovered,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [EventKind; 16] = [
        EventKind::ActivityScheduled,
        EventKind::ActivityStarted,
        EventKind::ActivityUpdated,
        EventKind::ActivityDispatched,
        EventKind::ActivityEnded,
        EventKind::ActivityExpired,
        EventKind::SubscriptionPendingToken,
        EventKind::SubscriptionStarted,
        EventKind::SubscriptionDismissed,
        EventKind::SubscriptionEnded,
        EventKind::SubscriptionInvalidated,
        EventKind::SubscriptionUnreachable,
        EventKind::TokenRotated,
        EventKind::TokenInvalidated,
        EventKind::CredentialFailing,
        EventKind::CredentialRecovered,
    ];

    /// The word of the contract.
    pub fn word(self) -> &'static str {
        match self {
            EventKind::ActivityScheduled => "activity.scheduled",
            EventKind::ActivityStarted => "activity.started",
            EventKind::ActivityUpdated => "activity.updated",
            EventKind::ActivityDispatched => "activity.dispatched",
            EventKind::ActivityEnded => "activity.ended",
            EventKind::ActivityExpired => "activity.expired",
            EventKind::SubscriptionPendingToken => "subscription.pending_token",
            EventKind::SubscriptionStarted => "subscription.started",
            EventKind::SubscriptionDismissed => "subscription.dismissed",
            EventKind::SubscriptionEnded => "subscription.ended",
            EventKind::SubscriptionInvalidated => "subscription.invalidated",
            EventKind::SubscriptionUnreachable => "subscription.unreachable",
            EventKind::TokenRotated => "token.rotated",
            EventKind::TokenInvalidated => "token.invalidated",
            EventKind::CredentialFailing => "credential.failing",
            EventKind::CredentialRecovered => "credential.recovered",
        }
    }
}

impl Event {
    /// A credential fails for this reason, or works again.
    pub fn of_credential(
        workspace: WorkspaceId,
        credential: CredentialId,
        failing: Option<String>,
        at: Time,
    ) -> Self {
        let kind = match failing {
            Some(_) => EventKind::CredentialFailing,
            None => EventKind::CredentialRecovered,
        };
        Event {
            workspace,
            kind,
            activity: None,
            run: None,
            revision: None,
            device: None,
            token: None,
            credential: Some(credential),
            reason: failing.unwrap_or_default(),
            cause: Cause::Provider,
            at,
        }
    }

    /// A fact about a subscription, with its present reason and cause.
    pub fn of(subscription: &Subscription, kind: EventKind, at: Time) -> Self {
        Event {
            workspace: subscription.workspace,
            kind,
            activity: Some(subscription.place.activity),
            run: Some(subscription.place.run),
            revision: None,
            device: Some(subscription.device),
            token: None,
            credential: None,
            reason: subscription.reason.as_ref().map_or(String::new(), |r| r.word().to_owned()),
            cause: subscription.cause,
            at,
        }
    }
}
