//! How values of `domain` are stored: enums as small numbers, structures as JSON, digests as blobs.
//!
//! A number that was released keeps its meaning for ever. Both directions are matches without a wildcard over the
//! variants, so a new variant does not compile before it has its number.

use crate::domain::activity::{Origin, State as ActivityState};
use crate::domain::activity_type::Join;
use crate::domain::channel::{State as ChannelState, StoragePolicy};
use crate::domain::delivery::{Labels, Provider, Status};
use crate::domain::device::FormFactor;
use crate::domain::event::EventKind;
use crate::domain::expansion::Verb;
use crate::domain::fallback::Fallback;
use crate::domain::outcome::Class;
use crate::domain::platform::{DataKeys, Platform};
use crate::domain::push::{Environment, Operation, Priority};
use crate::domain::segment::SegmentKind;
use crate::domain::shard::Route;
use crate::domain::subscription::{Cause, ReportedState, State as SubscriptionState};
use crate::domain::token::TokenKind;
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// An enum that is stored as a small number.
pub(super) trait Code: Copy {
    /// Its number.
    fn code(self) -> i16;
    /// Reads a stored number.
    fn from_code(code: i16) -> Result<Self>;
}

macro_rules! codes {
    ($($name:ident { $($variant:ident = $number:literal),+ $(,)? })+) => {
        $(
            impl Code for $name {
                fn code(self) -> i16 {
                    match self {
                        $($name::$variant => $number,)+
                    }
                }

                fn from_code(code: i16) -> Result<Self> {
                    match code {
                        $($number => Ok($name::$variant),)+
                        _ => Err(corrupt(stringify!($name))),
                    }
                }
            }
        )+

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn every_code_is_read_back_and_an_unknown_one_is_a_fault() {
                $(
                    $(
                        let stored = $name::$variant.code();
                        assert_eq!($name::from_code(stored).unwrap(), $name::$variant);
                    )+
                    assert!($name::from_code(0).is_err());
                    assert!($name::from_code(i16::MAX).is_err());
                )+
            }
        }
    };
}

codes! {
    ActivityState { Active = 1, Ended = 2, Scheduled = 3, Expired = 4 }
    Origin { Backend = 1, App = 2 }
    Join { Audience = 1, Open = 2 }
    Status { Accepted = 1, Failed = 2, Unknown = 3, Skipped = 4 }
    FormFactor { Unspecified = 1, Phone = 2, Tablet = 3 }
    EventKind {
        ActivityStarted = 1,
        ActivityUpdated = 2,
        ActivityDispatched = 3,
        ActivityEnded = 4,
        SubscriptionPendingToken = 5,
        SubscriptionStarted = 6,
        SubscriptionDismissed = 7,
        SubscriptionEnded = 8,
        SubscriptionInvalidated = 9,
        SubscriptionUnreachable = 10,
        TokenRotated = 11,
        TokenInvalidated = 12,
        ActivityScheduled = 13,
        ActivityExpired = 14,
        CredentialFailing = 15,
        CredentialRecovered = 16,
    }
    Class {
        Retry = 1,
        ProviderToken = 2,
        Connection = 3,
        Token = 4,
        Configuration = 5,
        Request = 6,
        Device = 7,
    }
    ChannelState { Creating = 1, Active = 2, Deleting = 3, Failed = 4, Found = 5 }
    StoragePolicy { NoStorage = 1, MostRecent = 2 }
    Environment { Sandbox = 1, Production = 2 }
    Operation { Start = 1, Update = 2, End = 3, Fallback = 4 }
    Fallback { NotAsked = 1, Asked = 2, Waiting = 3, Begun = 4 }
    Labels { Tidings = 1, Dengage = 2, DengageDelivered = 3 }
    Provider { Apns = 1, Fcm = 2 }
    Priority { Normal = 5, High = 10 }
    Route { ApnsToken = 1, Fcm = 2 }
    Cause { Caller = 1, Device = 2, Provider = 3, Sweeper = 4 }
    ReportedState { Active = 1, Stale = 2, Dismissed = 3, Ended = 4 }
    SubscriptionState {
        PendingStart = 1,
        PendingToken = 2,
        Active = 3,
        Dismissed = 4,
        Ended = 5,
        Invalidated = 6,
        Unreachable = 7,
    }
    SegmentKind { ContactKeys = 1, DeviceIds = 2 }
    Verb { Start = 1, Join = 2, JoinAgain = 3, Leave = 4 }
    TokenKind { PushToStart = 1, Update = 2, ApnsDevice = 3, FcmToken = 4, FcmInstallationId = 5 }
    Platform { Ios = 1, Android = 2 }
    DataKeys { Tidings = 1, Sendora = 2 }
}

/// Reads a stored number that may be absent.
pub(super) fn optional<T: Code>(code: Option<i16>) -> Result<Option<T>> {
    code.map(T::from_code).transpose()
}

/// Writes a span, in milliseconds.
pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Reads one.
pub(super) fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Reads a stored digest.
pub(super) fn digest(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| corrupt("digest"))
}

/// Writes a structure.
pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

/// Reads a structure. The cause names no value, since it may be a caller's words.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| corrupt("JSON"))
}

/// What is stored is none of ours.
pub(super) fn corrupt(what: &str) -> Error {
    Error::internal(format!("a stored {what} cannot be read"))
}
