//! APNs: two worlds of HTTP/2 over TLS that check what Apple checks, and take pushes for phones.
//!
//! May import `clock`, `proto` and the rest of `simulator`. A 200 means that the push was taken, never that a screen
//! changed: what a phone makes of it is the phone's business.

pub(crate) mod account;
pub(crate) mod channels;
mod connection;
pub(crate) mod order;
pub(crate) mod reason;
pub(crate) mod record;
pub(crate) mod registry;
mod request;
mod wire;

#[cfg(test)]
mod tests;

use super::hub::Hub;
use super::tls::ALPN;
use super::{Config, Doors};
use crate::proto::simulator_v1::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use order::Door;

/// How long a peer may take for the TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long to wait when the machine gives no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One world's listener.
pub(super) struct Listener {
    pub(super) world: World,
    pub(super) door: Door,
    pub(super) socket: TcpListener,
    pub(super) acceptor: TlsAcceptor,
    pub(super) hub: Arc<Hub>,
    pub(super) connections: Arc<AtomicI64>,
}

/// One world's sockets.
pub(super) struct Sockets {
    world: World,
    doors: [(Door, TcpListener); 3],
}

impl Sockets {
    /// Listens where the configuration says.
    pub(super) async fn bind(world: World, config: &Config) -> anyhow::Result<Self> {
        let (devices, broadcasts, management) = match world {
            World::Production => (
                config.production_listen,
                config.production_broadcast_listen,
                config.production_manage_listen,
            ),
            World::Sandbox | World::Unspecified => (
                config.sandbox_listen,
                config.sandbox_broadcast_listen,
                config.sandbox_manage_listen,
            ),
        };
        let doors = [
            (Door::Devices, super::listen(devices).await?),
            (Door::Broadcasts, super::listen(broadcasts).await?),
            (Door::Management, super::listen(management).await?),
        ];
        Ok(Self { world, doors })
    }

    /// Where they listen.
    pub(super) fn addresses(&self) -> std::io::Result<Doors> {
        let [(_, devices), (_, broadcasts), (_, management)] = &self.doors;
        Ok(Doors {
            devices: devices.local_addr()?,
            broadcasts: broadcasts.local_addr()?,
            management: management.local_addr()?,
        })
    }

    /// Who serves them.
    pub(super) fn listeners(
        self,
        acceptor: &TlsAcceptor,
        hub: &Arc<Hub>,
        connections: &Arc<AtomicI64>,
    ) -> impl Iterator<Item = Listener> {
        let world = self.world;
        self.doors.into_iter().map(move |(door, socket)| {
            let (acceptor, hub) = (acceptor.clone(), Arc::clone(hub));
            Listener { world, door, socket, acceptor, hub, connections: Arc::clone(connections) }
        })
    }
}

impl Listener {
    /// Serves until the simulator shuts down.
    pub(super) async fn serve(self) {
        let slots = Arc::new(Semaphore::new(self.hub.config.connections_max));
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = self.hub.shutdown.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            while tasks.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) => {
                    let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
                    let (acceptor, hub) = (self.acceptor.clone(), Arc::clone(&self.hub));
                    let (world, door) = (self.world, self.door);
                    tasks.spawn(async move {
                        serve_one(
                            stream,
                            &acceptor,
                            connection::Place { hub, world, door, number },
                        )
                        .await;
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
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await else {
        tracing::debug!("a peer of the simulator's APNs did not finish the TLS handshake");
        return;
    };
    if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        tracing::debug!("a peer of the simulator's APNs does not speak HTTP/2");
        return;
    }
    if let Err(error) = connection::serve(stream, place).await {
        tracing::debug!(%error, "a connection to the simulator's APNs broke");
    }
}
