//! What the parts of the simulator share: clock, limits, accounts, tokens, phones, faults, the records of pushes.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Locks are taken in the order phone, then any one of these;
//! none of these is held while a phone is called.

use super::Config;
use super::apns::account::Account;
use super::apns::channels::Channels;
use super::apns::record::Record;
use super::apns::registry::Registry;
use super::fault::Faults;
use super::fcm::Google;
use super::phone::Phone;
use crate::clock::Clock;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// How many Tidings servers the phones of one simulator may talk to.
const SERVERS_MAX: usize = 100;

/// The shared state.
pub(crate) struct Hub {
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) shutdown: CancellationToken,
    pub(crate) google: Google,
    account: Mutex<Account>,
    registry: Mutex<Registry>,
    channels: Mutex<Channels>,
    faults: Mutex<Faults>,
    record: Mutex<Record>,
    phones: Mutex<BTreeMap<String, Phone>>,
    servers: Mutex<BTreeMap<String, Channel>>,
    changes: watch::Sender<u64>,
}

impl Hub {
    /// No phones, no pushes.
    pub(crate) fn new(config: Config, clock: Clock) -> Self {
        Self {
            clock,
            shutdown: CancellationToken::new(),
            google: Google::new(&config),
            account: Mutex::new(Account::new(config.bundles.clone())),
            registry: Mutex::new(Registry::new(config.tokens_max)),
            channels: Mutex::new(Channels::new(config.channels_max, config.pushes_max)),
            faults: Mutex::default(),
            record: Mutex::new(Record::new(config.pushes_max)),
            phones: Mutex::default(),
            servers: Mutex::default(),
            changes: watch::Sender::new(0),
            config,
        }
    }

    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }

    pub(crate) fn channels(&self) -> MutexGuard<'_, Channels> {
        lock(&self.channels)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    pub(crate) fn phones(&self) -> MutexGuard<'_, BTreeMap<String, Phone>> {
        lock(&self.phones)
    }

    /// A phone by its name.
    pub(crate) fn phone(&self, phone_id: &str) -> Option<Phone> {
        self.phones().get(phone_id).cloned()
    }

    /// The connection to a Tidings server, shared by all phones; made when it is first used.
    pub(crate) fn server(&self, url: &str) -> anyhow::Result<Channel> {
        let mut servers = lock(&self.servers);
        if let Some(channel) = servers.get(url) {
            return Ok(channel.clone());
        }
        anyhow::ensure!(
            servers.len() < SERVERS_MAX,
            "phones talk to {SERVERS_MAX} servers already"
        );
        let endpoint = Endpoint::from_shared(url.to_owned())?
            .connect_timeout(self.config.call_timeout)
            .timeout(self.config.call_timeout);
        let channel = endpoint.connect_lazy();
        servers.insert(url.to_owned(), channel.clone());
        Ok(channel)
    }

    /// Kills a token of APNs or a registration of FCM; false if there is no such token.
    pub(crate) fn kill_token(&self, token: &str) -> bool {
        let now = self.clock.now();
        self.registry().kill(token, now, "Unregistered") || self.google.registry().kill(token)
    }

    /// Ends a fault and answers what it held.
    pub(crate) fn release_fault(&self, fault_id: Option<i64>) -> bool {
        let found = self.faults().release(fault_id);
        self.changed();
        found
    }

    /// Waits for something; false if that took too long.
    pub(crate) async fn wait_for(&self, timeout: Duration, is_so: impl Fn() -> bool) -> bool {
        let mut changes = self.changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                if is_so() || changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(timeout, waiting).await.is_ok() || is_so()
    }

    /// Says that something changed.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// Hears of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// Locks. A panic elsewhere does not make the state unusable: tests want to read it then more than ever.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
