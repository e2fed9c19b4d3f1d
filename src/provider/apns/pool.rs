//! The connections of one key to one of Apple's worlds.
//!
//! May import `connection`. Connections are opened when somebody waits for one, one at a time, up to a bound: another
//! one only when all have proven themselves and are full. What is in flight over all of them is bounded too.

use super::config::{Endpoint, Pulse};
use super::connection::{self, Connection};
use super::token::ProviderToken;
use super::window::Window;
use crate::domain::reasons::{CONNECT_TIMEOUT, NO_STREAM, SHUTTING_DOWN};
use crate::provider::Outcome;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

/// After a failed connect the next one waits so long: Apple takes hasty ones for an attack.
const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// How a pool is set up.
pub(super) struct Setup {
    pub(super) endpoint: Endpoint,
    pub(super) tls: TlsConnector,
    pub(super) connect_timeout: Duration,
    pub(super) pulse: Pulse,
    pub(super) connections_max: usize,
    pub(super) in_flight_max: usize,
    /// Runs the connections.
    pub(super) tasks: TaskTracker,
}

/// The connections of one key to one world.
pub(super) struct Pool {
    setup: Setup,
    state: Mutex<State>,
    changed: Arc<Notify>,
}

struct State {
    connections: Vec<Arc<Connection>>,
    connecting: bool,
    closed: bool,
    in_flight: usize,
    window: Window,
    failures: u64,
    failure: Option<(Instant, &'static str)>,
    used_at: Instant,
    /// The newest provider token that anybody brought: on a connection no older one may follow a newer one.
    token: Arc<ProviderToken>,
}

/// Why there is no room for a push.
#[derive(Clone, Copy, Debug)]
pub(super) enum NoRoom {
    /// It is not sent, for this reason.
    Failed(&'static str),
    /// Apple wants no provider token of the team for so long.
    Parked(Duration),
}

/// Room for one push on one connection, given back when dropped.
pub(super) struct Slot {
    pool: Arc<Pool>,
    pub(super) connection: Arc<Connection>,
}

/// A connection with the future that runs it, or the reason and the cause why there is none.
type Opened<D> = Result<(Connection, D), (&'static str, String)>;

enum Look {
    Found(Slot),
    None(NoRoom),
    Wait,
}

impl Pool {
    pub(super) fn new(setup: Setup, token: Arc<ProviderToken>) -> Arc<Self> {
        let state = State {
            connections: Vec::new(),
            connecting: false,
            closed: false,
            in_flight: 0,
            window: Window::new(setup.in_flight_max),
            failures: 0,
            failure: None,
            used_at: Instant::now(),
            token,
        };
        Arc::new(Pool { setup, state: Mutex::new(state), changed: Arc::new(Notify::new()) })
    }

    /// Uses this provider token from now on, unless it has a newer one.
    pub(super) fn bring(&self, token: &Arc<ProviderToken>) {
        let mut state = self.lock();
        if token.minted_at() > state.token.minted_at() {
            state.token = token.clone();
        }
    }

    /// Takes note of an answer, for how much Apple is given at a time.
    pub(super) fn hear(&self, outcome: &Outcome) {
        self.lock().window.hear(outcome, Instant::now());
    }

    /// The provider token to use.
    pub(super) fn token(&self) -> Arc<ProviderToken> {
        self.lock().token.clone()
    }

    /// Waits for room for one push, opening connections as needed. An error says why there is none.
    pub(super) async fn slot(self: &Arc<Self>, deadline: Instant) -> Result<Slot, NoRoom> {
        let failures = self.lock().failures;
        loop {
            let changed = self.changed.notified();
            match self.look(failures) {
                Look::Found(slot) => return Ok(slot),
                Look::None(why) => return Err(why),
                Look::Wait => {}
            }
            if timeout_at(deadline, changed).await.is_err() {
                let connected = !self.lock().connections.is_empty();
                let reason = if connected { NO_STREAM } else { CONNECT_TIMEOUT };
                return Err(NoRoom::Failed(reason));
            }
        }
    }

    fn look(self: &Arc<Self>, failures_before: u64) -> Look {
        let mut state = self.lock();
        state.used_at = Instant::now();
        if state.closed {
            return Look::None(NoRoom::Failed(SHUTTING_DOWN));
        }
        state.connections.retain(|connection| !connection.is_retired());
        if state.in_flight >= state.window.size() {
            return Look::Wait;
        }
        let with_room = state.connections.iter().filter(|connection| connection.room().is_some());
        if let Some(connection) = with_room.min_by_key(|connection| connection.room()).cloned() {
            connection.enter();
            state.in_flight += 1;
            return Look::Found(Slot { pool: self.clone(), connection });
        }
        let failed_lately = state.failure.filter(|(at, _)| at.elapsed() < CONNECT_PAUSE);
        if let Some((_, reason)) = state.failure
            && state.connections.is_empty()
            && (failed_lately.is_some() || state.failures > failures_before)
        {
            return Look::None(NoRoom::Failed(reason));
        }
        if let Some(rest) = self.parked_for(&state) {
            return Look::None(NoRoom::Parked(rest));
        }
        let is_settled =
            |known: &Arc<Connection>| known.is_proven() || known.parked_for().is_some();
        let may_open = state.connections.len() < self.setup.connections_max
            && state.connections.iter().all(is_settled);
        if may_open && !state.connecting && failed_lately.is_none() {
            state.connecting = true;
            self.setup.tasks.spawn(self.clone().connect());
        }
        Look::Wait
    }

    /// How long there is no room, where there may be no other connections than those that are parked.
    fn parked_for(&self, state: &State) -> Option<Duration> {
        if state.connections.len() < self.setup.connections_max {
            return None;
        }
        let parked = state.connections.iter().map(|connection| connection.parked_for());
        parked.min_by_key(|parked| parked.unwrap_or_default()).flatten()
    }

    /// Opens one connection, and then runs it until it ends. The pool does not live on for the sake of connections that
    /// only the pool keeps alive.
    async fn connect(self: Arc<Self>) {
        let opened = self.open().await;
        let driver = self.keep(opened);
        drop(self);
        if let Some(driver) = driver {
            driver.await;
        }
    }

    async fn open(&self) -> Opened<impl Future<Output = ()> + Send + use<>> {
        let Setup { endpoint, tls, connect_timeout, pulse, .. } = &self.setup;
        let opening = connection::open(endpoint, tls, *pulse, self.changed.clone());
        let opened = timeout(*connect_timeout, opening).await;
        opened.unwrap_or_else(|_| Err((CONNECT_TIMEOUT, "no answer in time".into())))
    }

    fn keep<D>(&self, opened: Opened<D>) -> Option<D> {
        let mut state = self.lock();
        state.connecting = false;
        let driver = match opened {
            Ok((connection, driver)) => {
                if !state.closed {
                    state.connections.push(Arc::new(connection));
                }
                Some(driver)
            }
            Err((reason, cause)) => {
                state.failures += 1;
                state.failure = Some((Instant::now(), reason));
                let host = self.setup.endpoint.host.as_str();
                tracing::warn!(host, reason, cause, "Apple could not be reached.");
                None
            }
        };
        drop(state);
        self.changed.notify_waiters();
        driver
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.setup.endpoint
    }

    /// When it was last asked for room.
    pub(super) fn used_at(&self) -> Instant {
        self.lock().used_at
    }

    /// Gives no more room. Pushes on the wire still get their answers.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.connections.clear();
        drop(state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connection.leave();
        self.pool.lock().in_flight -= 1;
        self.pool.changed.notify_one();
    }
}
