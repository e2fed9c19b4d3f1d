//! Our own ids: a prefix that says what it is, and a UUID version 7, so that ids sort by the time of their making.

use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, later than those made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

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
id!(
    /// A delivery.
    DeliveryId, "dlv"
);
id!(
    /// One process of the server, from its start to its end.
    ReplicaId, "rep"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_another_kind_is_refused() {
        let id = SubscriptionId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<ShardId>(), Err(MalformedId));
    }
}
