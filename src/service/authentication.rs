//! Who calls: turns the text of an API key into a principal.
//!
//! The invariant: whatever is wrong with a key, the answer is the same, and a key that was deleted is refused within
//! 5 s on every replica, in streams that it has opened too.

use super::Service;
use crate::clock::Time;
use crate::domain::ids::{ApiKeyId, WorkspaceId};
use crate::domain::tenant::{ApiKey, Scope};
use crate::error::{Error, Reason, Result};
use crate::secrets::{self, KeyKind};
use crate::store;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How long a key is used without looking whether it is still there.
const CACHE_LIFE: Duration = Duration::from_secs(5);

/// How long a key is looked for: a call must not wait longer for a database that fell silent than its write would.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// More keys than this are looked up more often.
const CACHED_MAX: usize = 10_000;

/// Who calls.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The workspace that the key works in.
    pub workspace: WorkspaceId,
    /// The key.
    pub key: ApiKeyId,
    /// What it may do.
    pub scopes: Arc<[Scope]>,
}

/// Keys that were looked up in the last seconds.
#[derive(Debug, Default)]
pub struct KeyCache {
    keys: Mutex<HashMap<ApiKeyId, Cached>>,
}

#[derive(Clone, Debug)]
struct Cached {
    key: Arc<ApiKey>,
    read_at: Time,
}

impl Principal {
    /// Refuses the call unless the key may do this.
    pub fn require(&self, needed: Scope) -> Result<()> {
        if self.scopes.iter().any(|scope| scope.includes(needed)) {
            return Ok(());
        }
        let word = needed.word();
        let message = format!("The key lacks the scope \"{word}\".");
        Err(Error::new(Reason::ScopeMissing, message).with("scope", word))
    }
}

impl Service {
    /// Turns the text of a key into whoever holds it.
    pub async fn authenticate(&self, text: &str) -> Result<Principal> {
        let given = secrets::ApiKey::parse(text).map_err(|_| key_invalid())?;
        if given.kind != KeyKind::Secret {
            return Err(key_invalid());
        }
        let key = self.api_key(ApiKeyId(given.id)).await?.ok_or_else(key_invalid)?;
        if !given.matches(&key.digest) || !key.is_valid(self.clock.now()) {
            return Err(key_invalid());
        }
        let scopes = key.scopes.clone().into();
        Ok(Principal { workspace: key.workspace, key: key.id, scopes })
    }

    /// Refuses whoever's key was good when a stream was opened and is not any more. A stream must ask before each thing
    /// that it does or tells.
    pub async fn still_good(&self, principal: &Principal) -> Result<()> {
        let key = self.api_key(principal.key).await?;
        let good = key.filter(|key| key.is_valid(self.clock.now()));
        good.map(drop).ok_or_else(key_invalid)
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>> {
        // Before reading: the key may be deleted while it is read.
        let now = self.clock.now();
        if let Some(key) = self.keys.get(id, now) {
            return Ok(Some(key));
        }
        let found = store::api_keys::find_all_workspaces(self.store.reader(), id);
        let found = timeout(LOOK_TIMEOUT, found).await.map_err(|_| no_answer())??;
        let Some(key) = found.map(Arc::new) else { return Ok(None) };
        self.keys.put(Arc::clone(&key), now);
        Ok(Some(key))
    }
}

fn no_answer() -> Error {
    Error::unavailable("The database did not answer in time; nothing was changed.")
}

/// The one answer to every wrong key.
pub fn key_invalid() -> Error {
    Error::new(
        Reason::KeyInvalid,
        "A valid API key is needed: authorization: Bearer <key>, or x-api-key: <key>.",
    )
}

impl KeyCache {
    fn get(&self, id: ApiKeyId, now: Time) -> Option<Arc<ApiKey>> {
        let keys = self.lock();
        let cached = keys.get(&id).filter(|cached| cached.is_fresh(now))?;
        Some(Arc::clone(&cached.key))
    }

    fn put(&self, key: Arc<ApiKey>, read_at: Time) {
        let mut keys = self.lock();
        if keys.len() >= CACHED_MAX {
            keys.retain(|_, cached| cached.is_fresh(read_at));
        }
        if keys.len() >= CACHED_MAX {
            keys.clear();
        }
        keys.insert(key.id, Cached { key, read_at });
    }

    /// Looks again the next time.
    pub(crate) fn forget(&self, id: ApiKeyId) {
        self.lock().remove(&id);
    }

    /// Looks again the next time for every key of a workspace.
    pub(crate) fn forget_workspace(&self, id: WorkspaceId) {
        self.lock().retain(|_, cached| cached.key.workspace != id);
    }

    /// The map is whole after a panic too: it is changed by single calls alone.
    fn lock(&self) -> MutexGuard<'_, HashMap<ApiKeyId, Cached>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cached {
    fn is_fresh(&self, now: Time) -> bool {
        now.since(self.read_at) < CACHE_LIFE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Arc<ApiKey> {
        Arc::new(ApiKey {
            id: ApiKeyId::generate(),
            workspace: WorkspaceId::generate(),
            name: "backend".to_owned(),
            scopes: vec![Scope::ActivitiesWrite],
            digest: [0; 32],
            created_at: Time(0),
            expires_at: None,
        })
    }

    #[test]
    fn a_missing_scope_is_named() {
        let scopes = [Scope::ActivitiesRead].into();
        let (workspace, key) = (WorkspaceId::generate(), ApiKeyId::generate());
        let principal = Principal { workspace, key, scopes };
        assert!(principal.require(Scope::ActivitiesRead).is_ok());
        let refused = principal.require(Scope::ActivitiesWrite).expect_err("a missing scope");
        assert_eq!(refused.reason, Reason::ScopeMissing);
        assert_eq!(refused.metadata, [("scope", "activities:write".to_owned())]);
    }

    #[test]
    fn a_key_is_looked_up_again_after_five_seconds() {
        let (cache, key) = (KeyCache::default(), key());
        cache.put(Arc::clone(&key), Time(1_000));
        assert!(cache.get(key.id, Time(5_999)).is_some());
        assert!(cache.get(key.id, Time(6_000)).is_none());
        cache.forget(key.id);
        assert!(cache.get(key.id, Time(1_000)).is_none());
    }

    #[test]
    fn the_cache_does_not_grow_without_bound() {
        let cache = KeyCache::default();
        for _ in 0..=CACHED_MAX * 2 {
            cache.put(key(), Time(0));
        }
        assert!(cache.lock().len() <= CACHED_MAX);
    }
}
