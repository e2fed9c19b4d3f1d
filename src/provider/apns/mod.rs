//! Apple's push service over TLS and HTTP/2, on the crate `h2`.
//!
//! May import `domain` and the leaves. A batch goes in and an answer for each of its pushes comes out, exactly one,
//! within the two timeouts of the configuration; nothing is tried twice here where Apple may have seen it, for that is
//! the sender's decision. `docs/adr/0001-apns-transport.md` says why the transport is our own.

mod channels;
mod config;
mod connection;
mod pool;
mod request;
mod response;
mod sending;
mod skew;
mod token;
mod window;

pub use channels::{ChannelCall, Done};
pub use config::Config;
pub use token::{ProviderToken, Signer, signer_id, validate_key};

use self::config::Door;
use self::pool::{Pool, Setup};
use self::request::Address;
use self::sending::Sending;
use self::skew::Skew;
use super::reply::{Reply, refuse};
use super::{Answer, Batch, Push, tls};
use crate::clock::Clock;
use crate::domain::payload::apns::PushType;
use crate::domain::provider_token::SignerId;
use crate::domain::push::Environment;
use crate::domain::reasons::{CONNECT_FAILED, INVALID_TOKEN, SHUTTING_DOWN};
use crate::error::Violation;
use http::HeaderValue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

/// A pool without pushes for so long closes its connections; its app or its key may be gone.
const POOL_IDLE_MAX: Duration = Duration::from_hours(1);

/// What an answer may take beside the timeouts.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// The longest that connections may take to say goodbye.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Apple's push service. Clones share connections.
#[derive(Clone)]
pub struct Apns {
    shared: Arc<Shared>,
}

/// Connections belong to one key and lead to one host.
type Pools = HashMap<(Door, Environment, SignerId), Arc<Pool>>;

struct Shared {
    config: Config,
    clock: Clock,
    tls: TlsConnector,
    skew: Arc<Skew>,
    pools: Mutex<Pools>,
    pushes: TaskTracker,
    connections: TaskTracker,
}

impl Apns {
    /// A provider that has not connected yet. The error has everything that is wrong with the configuration.
    pub fn new(config: Config, clock: Clock) -> Result<Apns, Vec<Violation>> {
        let mut violations = config.validate();
        let tls = match tls::client(config.ca_file.as_deref(), &["h2"]) {
            Ok(tls) if violations.is_empty() => TlsConnector::from(Arc::new(tls)),
            Ok(_) => return Err(violations),
            Err(violation) => {
                violations.push(violation);
                return Err(violations);
            }
        };
        let shared = Shared {
            skew: Arc::default(),
            config,
            clock,
            tls,
            pools: Mutex::default(),
            pushes: TaskTracker::new(),
            connections: TaskTracker::new(),
        };
        Ok(Apns { shared: Arc::new(shared) })
    }

    /// How long after a push was handed over its answer may come: both timeouts, and a second for the way back.
    pub fn answer_max(&self) -> Duration {
        let config = &self.shared.config;
        config.connect_timeout() + config.request_timeout() + ANSWER_MARGIN
    }

    /// Sends a batch, and returns at once. Each push gets exactly one answer, in any order, within the sum of both
    /// timeouts. Who drops the receiver loses the answers, not the pushes. Must be called inside a tokio runtime.
    pub fn send(&self, batch: Batch) -> mpsc::Receiver<Answer> {
        let (answers, receiver) = mpsc::channel(batch.pushes.len().max(1));
        let Batch { environment, bundle_id, credential, token, pushes } = batch;
        let clock = &self.shared.clock;
        let replies: Vec<(Reply, Push)> = pushes
            .into_iter()
            .map(|push| (Reply::new(answers.clone(), clock.clone(), push.index), push))
            .collect();
        if self.shared.pushes.is_closed() {
            refuse(replies, SHUTTING_DOWN);
            return receiver;
        }
        match self.prepare((Door::Push, environment, signer_id(&credential)), &bundle_id, &token) {
            Ok(sending) => {
                let tasks = self.shared.pushes.clone();
                tasks.clone().spawn(Arc::new(sending).run(replies, tasks));
            }
            Err(reason) => refuse(replies, reason),
        }
        receiver
    }

    /// Takes no more batches, waits for the answers of those under way, and closes the connections. Takes at most a
    /// second longer than both timeouts together.
    pub async fn drain(&self) {
        self.shared.pushes.close();
        self.shared.pushes.wait().await;
        for (_, pool) in self.lock_pools().drain() {
            pool.close();
        }
        self.shared.connections.close();
        if timeout(GOODBYE_MAX, self.shared.connections.wait()).await.is_err() {
            tracing::debug!("A connection to Apple was cut off without a goodbye.");
        }
    }

    fn prepare(
        &self,
        key: (Door, Environment, SignerId),
        bundle_id: &str,
        token: &Arc<ProviderToken>,
    ) -> Result<Sending, &'static str> {
        let config = &self.shared.config;
        let topic =
            |of: PushType| HeaderValue::from_str(&of.topic(bundle_id)).map_err(|_| INVALID_TOKEN);
        let (live_activities, alerts) = (topic(PushType::LiveActivity)?, topic(PushType::Alert)?);
        let pool = self.pool(key, token)?;
        Ok(Sending {
            address: Address { endpoint: pool.endpoint().clone(), live_activities, alerts },
            pool,
            clock: self.shared.clock.clone(),
            skew: self.shared.skew.clone(),
            request_timeout: config.request_timeout(),
            deadline: Instant::now() + config.connect_timeout(),
        })
    }

    fn pool(
        &self,
        key: (Door, Environment, SignerId),
        token: &Arc<ProviderToken>,
    ) -> Result<Arc<Pool>, &'static str> {
        let Shared { config, tls, connections, .. } = &*self.shared;
        let mut pools = self.lock_pools();
        pools.retain(|_, pool| pool.used_at().elapsed() < POOL_IDLE_MAX);
        if let Some(pool) = pools.get(&key) {
            pool.bring(token);
            return Ok(pool.clone());
        }
        let setup = Setup {
            endpoint: config.endpoint(key.0, key.1).map_err(|_| CONNECT_FAILED)?,
            tls: tls.clone(),
            connect_timeout: config.connect_timeout(),
            pulse: config.pulse(),
            connections_max: config.connections_max,
            in_flight_max: config.in_flight_max,
            tasks: connections.clone(),
        };
        let pool = Pool::new(setup, token.clone());
        pools.insert(key, pool.clone());
        Ok(pool)
    }

    fn lock_pools(&self) -> std::sync::MutexGuard<'_, Pools> {
        self.shared.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Apns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Apns").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests;
