//! Our own ids: a prefix that says what it is, and a UUID version 7, so that ids sort by the time of their making.

use crate::clock::Time;
use std::fmt;
use std::str::FromStr;
use uuid::{Builder, Uuid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        id_of_a_moment!($(#[$doc])* $name, $prefix);

        impl $name {
            /// A new id, later than those made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }
    };
}

/// Without a way to make one: its time is not that of its making.
macro_rules! id_of_a_moment {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(MalformedId)?;
                Uuid::try_parse(digits).map(Self).map_err(|_| MalformedId)
            }
        }
    };
}

/// The text is not an id of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct MalformedId;

id!(
    /// A workspace.
    WorkspaceId, "ws"
);
id!(
    /// An app.
    AppId, "app"
);
id!(
    /// A credential.
    CredentialId, "crd"
);
id!(
    /// An API key.
    ApiKeyId, "key"
);
id!(
    /// A device, behind the caller's `device_id`.
    DeviceKey, "dev"
);
id!(
    /// A token.
    TokenId, "tok"
);
id!(
    /// An activity, behind the caller's `activity_id`.
    ActivityKey, "act"
);
id!(
    /// A subscription.
    SubscriptionId, "sub"
);
id!(
    /// A shard.
    ShardId, "shd"
);
id_of_a_moment!(
    /// A delivery. Its order is that of the moments at which pushes were sent, so a time is a range of ids.
    DeliveryId, "dlv"
);
id!(
    /// A segment, behind the caller's `segment_id`.
    SegmentKey, "seg"
);
id!(
    /// An expansion.
    ExpansionId, "exp"
);
id!(
    /// A broadcast channel; Apple has an id of its own for it.
    ChannelId, "chn"
);
id!(
    /// One process of the server, from its start to its end.
    ReplicaId, "rep"
);

impl DeliveryId {
    /// A new id of a push that was sent at that moment.
    pub fn at(sent_at: Time) -> Self {
        let random = Uuid::now_v7().into_bytes();
        Self::of(sent_at, random.last_chunk().copied().unwrap_or_default())
    }

    /// The lowest id that a push of that moment may have.
    pub fn first_at(sent_at: Time) -> Self {
        Self::of(sent_at, [0; 10])
    }

    fn of(sent_at: Time, rest: [u8; 10]) -> Self {
        let millis = u64::try_from(sent_at.0).unwrap_or(0);
        Self(Builder::from_unix_timestamp_millis(millis, &rest).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_another_kind_is_refused() {
        let id = SubscriptionId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<ShardId>(), Err(MalformedId));
    }

    #[test]
    fn deliveries_are_in_the_order_of_their_sending() {
        let (sent_at, later) = (Time(1_700_000_000_000), Time(1_700_000_000_001));
        let of_later = DeliveryId::at(later);
        let ids = [DeliveryId::at(sent_at), DeliveryId::at(sent_at)];
        assert_ne!(ids[0], ids[1]);
        for id in ids {
            assert!(DeliveryId::first_at(sent_at) <= id && id < DeliveryId::first_at(later));
            assert!(id < of_later);
        }
        assert!(DeliveryId::first_at(Time(-1)) <= DeliveryId::at(Time(0)));
    }
}
