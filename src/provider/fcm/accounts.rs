//! What is known of each service account: its access, how much its project may send, and whether it is paused.
//!
//! May import the rest of this folder. An account is what the text of its key says: who uploads another key under the
//! same project id gets an account of their own, and disturbs nobody.

use super::ServiceAccount;
use super::access::Access;
use super::brake::Brake;
use super::grant::{Endpoint, Signer};
use super::pacing::{Bucket, PROJECT_MINUTE};
use crate::domain::reasons::INVALID_KEY;
use crate::domain::service_account;
use reqwest::Url;
use ring::digest::{Context, SHA256};
use secrecy::ExposeSecret as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// An account without pushes for so long is forgotten; its app or its key may be gone.
const IDLE_MAX: Duration = Duration::from_hours(2);

/// How many are kept; the one that was used longest ago makes room.
const ACCOUNTS_MAX: usize = 10_000;

/// Every account of the process.
pub(super) struct Accounts {
    base: Url,
    endpoint: Endpoint,
    /// The most pushes of one account without an answer, so that one cannot take all lanes.
    share: usize,
    known: Mutex<HashMap<[u8; 32], Arc<Account>>>,
}

/// One service account towards one project.
pub(super) struct Account {
    pub(super) project_id: Arc<str>,
    /// Where its pushes go.
    pub(super) url: Url,
    pub(super) access: Arc<Access>,
    pub(super) room: Arc<Semaphore>,
    bucket: Mutex<Bucket>,
    brake: Mutex<Brake>,
    used_at: Mutex<Instant>,
}

impl Accounts {
    pub(super) fn new(base: Url, endpoint: Endpoint, share: usize) -> Accounts {
        Accounts { base, endpoint, share, known: Mutex::default() }
    }

    /// The account of a credential; an error where its key cannot sign or its project can be none.
    pub(super) fn account(
        &self,
        project_id: &Arc<str>,
        credential: &ServiceAccount,
    ) -> Result<Arc<Account>, &'static str> {
        let id = digest(project_id, credential);
        let now = Instant::now();
        let mut accounts = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(&id) {
            account.touch(now);
            return Ok(account.clone());
        }
        let account = self.make(project_id, credential, now).map_err(|cause| {
            tracing::warn!(credential = %credential.id, cause, "A service account is unusable.");
            INVALID_KEY
        })?;
        let account = Arc::new(account);
        accounts.retain(|_, account| now - account.used_at() < IDLE_MAX);
        if accounts.len() >= ACCOUNTS_MAX {
            let oldest = accounts.iter().min_by_key(|(_, account)| account.used_at());
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                accounts.remove(&oldest);
            }
        }
        accounts.insert(id, account.clone());
        Ok(account)
    }

    fn make(
        &self,
        project_id: &Arc<str>,
        credential: &ServiceAccount,
        now: Instant,
    ) -> Result<Account, String> {
        service_account::is_project_id(project_id)?;
        let key = service_account::read(credential.json.expose_secret()).map_err(|violations| {
            let told = violations.iter().map(|v| format!("{} {}", v.field, v.description));
            told.collect::<Vec<_>>().join(", ")
        })?;
        let signer = Signer::new(&key, &self.endpoint.audience).map_err(|e| e.to_string())?;
        let path = format!("v1/projects/{project_id}/messages:send");
        let mut url = self.base.clone();
        url.set_path(&path);
        Ok(Account {
            project_id: project_id.clone(),
            url,
            access: Access::new(signer, self.endpoint.clone()),
            room: Arc::new(Semaphore::new(self.share)),
            bucket: Mutex::new(Bucket::full(now)),
            brake: Mutex::default(),
            used_at: Mutex::new(now),
        })
    }
}

impl Account {
    /// Whether its pushes may go.
    pub(super) fn brake(&self) -> std::sync::MutexGuard<'_, Brake> {
        self.brake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one push and says how long to wait before it goes; an error where that would be longer than allowed.
    pub(super) fn reserve(&self, wait_max: Duration, now: Instant) -> Result<Duration, Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = bucket.wait(PROJECT_MINUTE, now);
        if wait > wait_max {
            return Err(wait);
        }
        bucket.take(PROJECT_MINUTE, now);
        Ok(wait)
    }

    fn touch(&self, now: Instant) {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn used_at(&self) -> Instant {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(project_id: &str, credential: &ServiceAccount) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(project_id.as_bytes());
    context.update(&[0]);
    context.update(credential.json.expose_secret().as_bytes());
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
