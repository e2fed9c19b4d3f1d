//! Tenants and what they own: workspaces, apps, credentials, API keys.

use super::delivery::Labels;
use super::ids::{ApiKeyId, AppId, CredentialId, WorkspaceId};
use super::platform::{Build, Platform};
use super::push::Environment;
use crate::clock::Time;
use crate::secrets::Sealed;

/// At most this many credentials of an app are active, so that a rotation has no gap.
pub const CREDENTIALS_MAX: usize = 2;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of workspace.proto")]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    pub delivery_labels: Labels,
    pub created_at: Time,
    pub updated_at: Time,
}

/// One mobile app on one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of app.proto")]
pub struct App {
    pub id: AppId,
    pub workspace: WorkspaceId,
    pub name: String,
    /// Fixed when it is created, but for the names of an Android app's data keys.
    pub build: Build,
    /// The world of an iOS app's devices that do not say theirs; Android has one world.
    pub default_environment: Environment,
    pub created_at: Time,
    pub updated_at: Time,
}

/// What an app's pushes are signed with, sealed.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of app.proto")]
pub struct SealedCredential {
    pub id: CredentialId,
    pub workspace: WorkspaceId,
    pub app: AppId,
    pub signer: Signer,
    pub sealed: Sealed,
    pub created_at: Time,
    /// Since when and why it fails.
    pub failing: Option<(Time, String)>,
}

/// The part of a credential that is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of app.proto")]
pub enum Signer {
    /// A `.p8` key of Apple's.
    ApnsKey {
        key_id: String,
        team_id: String,
        /// The only world that the key is good for; both if absent.
        environment: Option<Environment>,
    },
    /// A service account of Google's.
    ServiceAccount { client_email: String, private_key_id: String },
}

impl Signer {
    /// The platform whose apps it signs for.
    pub fn platform(&self) -> Platform {
        match self {
            Signer::ApnsKey { .. } => Platform::Ios,
            Signer::ServiceAccount { .. } => Platform::Android,
        }
    }

    /// The provider's id of the key; a service account's file may be without one.
    pub fn key_id(&self) -> &str {
        match self {
            Signer::ApnsKey { key_id, .. } => key_id,
            Signer::ServiceAccount { client_email, private_key_id } => {
                if private_key_id.is_empty() { client_email } else { private_key_id }
            }
        }
    }
}

/// A secret key of a backend; only the digest of its value is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of api_key.proto")]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub digest: [u8; 32],
    pub created_at: Time,
    pub expires_at: Option<Time>,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their words say it")]
pub enum Scope {
    ActivitiesWrite,
    ActivitiesRead,
    DevicesWrite,
    DevicesRead,
    DeliveriesRead,
    SegmentsWrite,
    SegmentsRead,
    ChannelsWrite,
    ChannelsRead,
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 10] = [
        Scope::ActivitiesWrite,
        Scope::ActivitiesRead,
        Scope::DevicesWrite,
        Scope::DevicesRead,
        Scope::DeliveriesRead,
        Scope::SegmentsWrite,
        Scope::SegmentsRead,
        Scope::ChannelsWrite,
        Scope::ChannelsRead,
        Scope::Admin,
    ];

    /// The word of the contract.
    pub fn word(self) -> &'static str {
        match self {
            Scope::ActivitiesWrite => "activities:write",
            Scope::ActivitiesRead => "activities:read",
            Scope::DevicesWrite => "devices:write",
            Scope::DevicesRead => "devices:read",
            Scope::DeliveriesRead => "deliveries:read",
            Scope::SegmentsWrite => "segments:write",
            Scope::SegmentsRead => "segments:read",
            Scope::ChannelsWrite => "channels:write",
            Scope::ChannelsRead => "channels:read",
            Scope::Admin => "admin",
        }
    }

    /// Reads a word of the contract.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }

    /// Whoever has this scope may do what `needed` asks: writing includes reading, `admin` everything.
    pub fn includes(self, needed: Scope) -> bool {
        self == needed
            || self == Scope::Admin
            || (self == Scope::ActivitiesWrite && needed == Scope::ActivitiesRead)
            || (self == Scope::DevicesWrite && needed == Scope::DevicesRead)
            || (self == Scope::SegmentsWrite && needed == Scope::SegmentsRead)
            || (self == Scope::ChannelsWrite && needed == Scope::ChannelsRead)
    }
}

impl ApiKey {
    /// May do what `needed` asks.
    pub fn allows(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.includes(needed))
    }

    /// Not expired.
    pub fn is_valid(&self, now: Time) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }
}
