//! The unsealed credential of an app, kept for a short time so that a fan-out does not open it for every batch.

use super::Dispatcher;
use crate::clock::Time;
use crate::domain::ids::AppId;
use crate::domain::push::Environment;
use crate::domain::reasons::CREDENTIAL_MISSING;
use crate::domain::tenant::{SealedCredential, Signer};
use crate::error::{Error, Result};
use crate::provider::Credential;
use crate::provider::apns::ProviderToken;
use crate::provider::fcm::ServiceAccount;
use crate::secrets::Context;
use crate::store;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A new or deleted credential is noticed after this.
const LIFE: Duration = Duration::from_secs(5);
/// How many are kept.
const ENTRIES_MAX: usize = 10_000;

/// When a credential was read, and that it was there.
type Entry = (Time, Option<Opened>);

/// The credential of an app.
#[derive(Clone, Debug)]
enum Opened {
    /// A key of Apple's, and whether it failed when it was read.
    Apns(Arc<Credential>, bool),
    /// A service account of Google's.
    Google(Arc<ServiceAccount>),
}

/// A key of Apple's with what it has signed.
#[derive(Clone, Debug)]
pub(super) struct ApnsKey {
    pub(super) credential: Arc<Credential>,
    pub(super) token: Arc<ProviderToken>,
    /// It failed when it was read.
    pub(super) was_failing: bool,
}

/// What proves that the pushes of an app are its own.
#[derive(Clone, Debug)]
pub(super) enum Signing {
    /// A key of Apple's.
    Apns(ApnsKey),
    /// A service account of Google's.
    Google(Arc<ServiceAccount>),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// Credentials by app and world.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: Mutex<HashMap<(AppId, Environment), Entry>>,
}

impl Dispatcher {
    /// What goes with the pushes of the app.
    pub(super) async fn signing(&self, app: AppId, environment: Environment) -> Result<Signing> {
        match self.opened(app, environment).await? {
            None => Ok(Signing::Nothing(CREDENTIAL_MISSING)),
            Some(opened) => self.proof(opened).await,
        }
    }

    /// What this credential signs, whether pushes use it or not.
    pub(super) async fn signing_of(&self, sealed: SealedCredential) -> Result<Signing> {
        let opened = self.open_credential(sealed)?;
        self.proof(opened).await
    }

    async fn proof(&self, opened: Opened) -> Result<Signing> {
        Ok(match opened {
            Opened::Google(account) => Signing::Google(account),
            Opened::Apns(credential, was_failing) => {
                match self.provider_token(&credential).await? {
                    Ok(token) => Signing::Apns(ApnsKey { credential, token, was_failing }),
                    Err(reason) => Signing::Nothing(reason),
                }
            }
        })
    }

    fn open_credential(&self, sealed: SealedCredential) -> Result<Opened> {
        let (workspace, row) = (sealed.workspace.to_string(), sealed.id.to_string());
        let context = Context::credential(&workspace, &row);
        let secret = self.shared.keyring.open_text(&sealed.sealed, context);
        let secret = secret.map_err(Error::internal)?;
        let id = sealed.id;
        Ok(match sealed.signer {
            Signer::ApnsKey { key_id, team_id, .. } => {
                let key = Credential { id, key_id, team_id, key_p8: secret };
                Opened::Apns(Arc::new(key), sealed.failing.is_some())
            }
            Signer::ServiceAccount { .. } => {
                Opened::Google(Arc::new(ServiceAccount { id, json: secret }))
            }
        })
    }

    async fn opened(&self, app: AppId, environment: Environment) -> Result<Option<Opened>> {
        let now = self.shared.clock.now();
        if let Some(kept) = self.kept(app, environment, now) {
            return Ok(kept);
        }
        let sealed = store::credentials::newest_for(self.reader(), app, environment).await?;
        let credential = sealed.map(|sealed| self.open_credential(sealed)).transpose()?;
        let mut entries = self.entries();
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        entries.insert((app, environment), (now, credential.clone()));
        Ok(credential)
    }

    #[expect(clippy::option_option, reason = "not kept, or kept that there is none")]
    fn kept(&self, app: AppId, environment: Environment, now: Time) -> Option<Option<Opened>> {
        let entries = self.entries();
        let (since, credential) = entries.get(&(app, environment))?;
        (now.since(*since) < LIFE).then(|| credential.clone())
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<(AppId, Environment), Entry>> {
        self.shared.credentials.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
