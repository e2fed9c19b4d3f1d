//! The use cases: each owns its write, and decides by asking the rules.
//!
//! May import `store`, `bus`, `domain` and the leaves; never `provider`: a caller never waits for Apple. The invariant:
//! what a call changes, and that its `request_id` was used, are one transaction; the bell rings after its commit.

pub mod activities;
pub mod activity_types;
pub mod api_keys;
pub mod apps;
mod authentication;
pub mod channels;
mod config;
pub mod credentials;
pub mod deliveries;
pub mod devices;
pub mod explanations;
pub mod recipients;
pub mod segment_members;
pub mod segments;
pub mod subscriptions;
pub mod tokens;
pub mod workspaces;

pub use authentication::{KeyCache, Principal, key_invalid};
pub use config::Config;

use crate::bus::Bus;
use crate::clock::{Clock, Time};
use crate::domain::ids::WorkspaceId;
use crate::domain::verification::{Question, Verification};
use crate::error::{Error, Result};
use crate::secrets::{Fingerprints, Keyring};
use crate::store::requests::{self, Claimed, RequestKey};
use crate::store::{self, Lane, Store, Tx};
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Says what is wrong with the text of a `.p8` key. Apple's rules are the provider's, which use cases do not see.
pub type CheckApnsKey = fn(&str) -> std::result::Result<(), &'static str>;

/// Asks a provider about a credential, which use cases cannot.
pub type Verify = Arc<dyn Fn(Question) -> BoxFuture<'static, Result<Verification>> + Send + Sync>;

/// What every use case needs. A clone is the same service.
#[derive(Clone)]
pub struct Service {
    pub(crate) store: Store,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) fingerprints: Arc<Fingerprints>,
    pub(crate) clock: Clock,
    pub(crate) bus: Bus,
    pub(crate) check_apns_key: CheckApnsKey,
    pub(crate) verify: Verify,
    pub(crate) keys: Arc<KeyCache>,
    /// How long a run lives where its caller does not say.
    pub(crate) lifetime: Duration,
}

/// What a service is put together from.
#[expect(missing_docs, reason = "each type says what it is")]
pub struct Parts {
    pub store: Store,
    pub keyring: Arc<Keyring>,
    pub fingerprints: Arc<Fingerprints>,
    pub clock: Clock,
    pub bus: Bus,
    pub check_apns_key: CheckApnsKey,
    pub config: Config,
    pub verify: Verify,
}

/// A call that changes something, and how a repeat of it is known.
#[derive(Clone, Debug)]
pub struct Call {
    /// The workspace of the key.
    pub workspace: WorkspaceId,
    /// The method; a `request_id` counts within it.
    pub method: &'static str,
    /// The caller's; empty where a repeat is not to be known.
    pub request_id: String,
    /// Of the whole request but its id.
    pub digest: [u8; 32],
}

/// What a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<A> {
    /// Ids and revisions.
    pub answer: A,
    /// The call was answered before and did nothing now.
    pub replayed: bool,
}

/// The answer of a call about one object: its id, by which a repeat finds it again.
#[derive(Serialize, Deserialize)]
pub(crate) struct Subject {
    id: String,
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// From the page before; none for the first one.
    pub cursor: Option<String>,
    /// How many entries at most.
    pub size: u32,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Leads to the next page; none on the last one.
    pub next: Option<String>,
}

impl Service {
    /// Puts the handles together.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, keyring, fingerprints, clock, bus, check_apns_key, verify, config } =
            parts;
        let (keys, lifetime) = (Arc::default(), config.lifetime());
        Self { store, keyring, fingerprints, clock, bus, check_apns_key, verify, keys, lifetime }
    }

    /// Decides and writes, once per `request_id`: a repeat gets the first answer and does nothing.
    ///
    /// The answer is kept beside the `request_id`, so it must hold ids and revisions only, never content or secrets.
    pub(crate) async fn mutate<A, F>(&self, call: &Call, decide: F) -> Result<Answered<A>>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        F: for<'a> Fn(&'a Tx, Time) -> BoxFuture<'a, Result<A>> + Send + Sync + 'static,
    {
        self.mutate_in(Lane::Accept, call, decide).await
    }

    /// The same in a lane of choice: what may wait while callers do not.
    pub(crate) async fn mutate_in<A, F>(
        &self,
        lane: Lane,
        call: &Call,
        decide: F,
    ) -> Result<Answered<A>>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        F: for<'a> Fn(&'a Tx, Time) -> BoxFuture<'a, Result<A>> + Send + Sync + 'static,
    {
        let clock = self.clock.clone();
        let (call, decide) = (Arc::new(call.clone()), Arc::new(decide));
        self.store
            .write(lane, move |tx| {
                let (call, decide, now) = (Arc::clone(&call), Arc::clone(&decide), clock.now());
                Box::pin(async move { once(tx, &call, now, &*decide).await })
            })
            .await
    }
}

async fn once<A, F>(tx: &Tx, call: &Call, now: Time, decide: &F) -> Result<Answered<A>>
where
    A: Serialize + DeserializeOwned,
    F: for<'a> Fn(&'a Tx, Time) -> BoxFuture<'a, Result<A>>,
{
    let Call { workspace, method, request_id, digest } = call;
    let key = RequestKey { workspace: *workspace, method, request_id };
    if request_id.is_empty() {
        return Ok(Answered { answer: decide(tx, now).await?, replayed: false });
    }
    match requests::claim(tx, key, digest, now).await? {
        Claimed::Replay(json) => {
            let answer = serde_json::from_str(&json).map_err(Error::internal)?;
            Ok(Answered { answer, replayed: true })
        }
        Claimed::New => {
            let answer = decide(tx, now).await?;
            let json = serde_json::to_string(&answer).map_err(Error::internal)?;
            requests::answer(tx, key, json).await?;
            Ok(Answered { answer, replayed: false })
        }
    }
}

impl<T> Page<T> {
    /// A page of what was read with [`PageRequest::rows`].
    pub(crate) fn of(
        mut items: Vec<T>,
        request: &PageRequest,
        cursor: impl Fn(&T) -> String,
    ) -> Self {
        let size = usize::try_from(request.size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(cursor);
        Page { items, next }
    }
}

impl PageRequest {
    /// What to read: one more than the page has, to see whether another one follows.
    pub(crate) fn rows<C: FromStr>(&self) -> Result<store::Page<C>> {
        Ok(store::Page { size: u64::from(self.size) + 1, after: self.after()? })
    }

    /// The entry that the page before ended with.
    pub(crate) fn after<C: FromStr>(&self) -> Result<Option<C>> {
        let after = self.cursor.as_deref().map(str::parse).transpose();
        after.map_err(|_| Error::invalid_field("page_token", "is not one of this list"))
    }
}

impl Subject {
    /// Names an object.
    pub(crate) fn of(id: impl fmt::Display) -> Self {
        Subject { id: id.to_string() }
    }

    /// The id, read again.
    pub(crate) fn id<I>(&self) -> Result<I>
    where
        I: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.id.parse().map_err(Error::internal)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_page_is_promised_only_where_there_is_one() {
        let request = PageRequest { cursor: None, size: 2 };
        let page = |items: &[u8]| Page::of(items.to_vec(), &request, ToString::to_string);
        assert_eq!(request.rows::<String>().expect("no cursor").size, 3);
        assert_eq!(page(&[]), Page { items: vec![], next: None });
        assert_eq!(page(&[1, 2]), Page { items: vec![1, 2], next: None });
        assert_eq!(page(&[1, 2, 3]), Page { items: vec![1, 2], next: Some("2".to_owned()) });
    }
}
