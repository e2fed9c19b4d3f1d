//! Google's side: access tokens for service accounts, and FCM, which checks messages as Google does and takes them for
//! phones.
//!
//! May import `clock`, `proto` and the rest of `simulator`. A 200 means that the message was taken, never that a screen
//! changed: what a phone makes of it is the phone's business.

pub(crate) mod accounts;
mod answer;
mod connection;
mod fields;
mod grant;
mod message;
pub(crate) mod quota;
pub(crate) mod record;
mod refusal;
pub(crate) mod registry;
mod schema;

#[cfg(test)]
mod tests;

pub use message::ReservedKeys;
pub(crate) use message::{Message, Notice, Said};
pub use quota::Limits;

use super::Config;
use super::hub::{Hub, lock};
use accounts::Accounts;
use quota::Quotas;
use record::Record;
use registry::Registry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// How long a peer may take for its first byte and the TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long to wait when the machine gives no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The first byte of a TLS handshake; no word of HTTP begins with it.
const TLS_HANDSHAKE: u8 = 22;
/// The path at which access tokens are given out.
pub(super) const TOKEN_PATH: &str = "/token";

/// What Google knows.
pub(crate) struct Google {
    accounts: Mutex<Accounts>,
    registry: Mutex<Registry>,
    quotas: Mutex<Quotas>,
    record: Mutex<Record>,
}

impl Google {
    /// No projects, no registrations.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            accounts: Mutex::default(),
            registry: Mutex::new(Registry::new(config.tokens_max)),
            quotas: Mutex::new(Quotas::new(config.fcm_quotas)),
            record: Mutex::new(Record::new(config.pushes_max)),
        }
    }

    pub(crate) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }

    pub(crate) fn quotas(&self) -> MutexGuard<'_, Quotas> {
        lock(&self.quotas)
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }
}

/// One port for everything: TLS and plain, HTTP/1.1 and HTTP/2, access tokens and messages.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) acceptor: TlsAcceptor,
    pub(super) hub: Arc<Hub>,
}

impl Listener {
    /// Serves until the simulator shuts down.
    pub(super) async fn serve(self) {
        let slots = Arc::new(Semaphore::new(self.hub.config.connections_max));
        let mut tasks = tokio::task::JoinSet::new();
        let mut connections = 0;
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = self.hub.shutdown.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            while tasks.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) => {
                    connections += 1;
                    let (acceptor, hub) = (self.acceptor.clone(), Arc::clone(&self.hub));
                    let place =
                        connection::Place { hub, address: self.address, number: connections };
                    tasks.spawn(async move {
                        serve_one(stream, &acceptor, place).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the simulator cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve_one(stream: TcpStream, acceptor: &TlsAcceptor, place: connection::Place) {
    stream.set_nodelay(true).ok();
    let mut first = [0];
    let peeked = tokio::time::timeout(HANDSHAKE_TIME, stream.peek(&mut first)).await;
    if !matches!(peeked, Ok(Ok(1))) {
        return;
    }
    if first == [TLS_HANDSHAKE] {
        let accepted = tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await;
        if let Ok(Ok(stream)) = accepted {
            connection::serve(stream, place).await;
        } else {
            tracing::debug!("a peer of the simulator's FCM did not finish the TLS handshake");
        }
    } else {
        connection::serve(stream, place).await;
    }
}
