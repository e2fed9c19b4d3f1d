//! The composition root: builds every part, serves, and drains.
//!
//! May import everything; nobody imports it but `main`.

mod keys;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Config;
use crate::dispatch::retention::Retention;
use crate::dispatch::{self, Dispatcher};
use crate::error::Error;
use crate::grpc::page::PageTokens;
use crate::grpc::{self, Edge};
use crate::http;
use crate::provider::apns::{Apns, validate_key};
use crate::provider::fcm::Fcm;
use crate::service::{self, Service, api_keys};
use crate::store::{self, Store};
use anyhow::{Context, anyhow};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long open calls may finish after the drain began.
const CALLS_DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long pushes under way may be answered and settled after that.
const PUSHES_DRAIN_MAX: Duration = Duration::from_secs(15);
/// How often the database is asked whether it still answers.
const READINESS_INTERVAL: Duration = Duration::from_secs(2);

/// A running server.
pub struct Server {
    grpc_address: SocketAddr,
    http_address: SocketAddr,
    first_key: Option<SecretString>,
    store: Store,
    dispatcher: Dispatcher,
    apns: Apns,
    fcm: Fcm,
    ready: watch::Sender<bool>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Builds everything, and listens when it returns.
pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Server> {
    let store = Store::open(&config.database).await.context("the database was not opened")?;
    let applied = store.migrate().await.context("the schema was not brought up to date")?;
    if !applied.is_empty() {
        tracing::info!(migrations = applied.len(), "the schema was brought up to date");
    }
    let embedded = config.database.path().map(Path::new);
    let keys = keys::load(&store, &config.security, embedded).await?;
    if store.is_shared() {
        clock.follow(store::clock::now(store.reader(), &clock).await?);
    } else if let Some(mark) = store::clock::load(store.reader()).await? {
        clock.go_on_from(mark);
    }
    let bus = Bus::new();
    let apns = Apns::new(config.apns.clone(), clock.clone()).map_err(refused)?;
    let fcm = Fcm::new(config.fcm.clone(), clock.clone()).map_err(refused)?;
    let dispatcher = Dispatcher::new(dispatch::Parts {
        store: store.clone(),
        apns: apns.clone(),
        fcm: fcm.clone(),
        keyring: Arc::clone(&keys.keyring),
        clock: clock.clone(),
        bus: bus.clone(),
    });
    let service = Service::new(service::Parts {
        store: store.clone(),
        keyring: Arc::clone(&keys.keyring),
        fingerprints: Arc::clone(&keys.fingerprints),
        clock: clock.clone(),
        bus,
        check_apns_key: validate_key,
        config: config.activities.clone(),
        verify: {
            let dispatcher = dispatcher.clone();
            Arc::new(move |question| {
                let dispatcher = dispatcher.clone();
                Box::pin(async move { dispatcher.verify(question).await })
            })
        },
    });
    let first_key = api_keys::bootstrap(&service, config.security.bootstrap_key.as_ref()).await?;
    let stop = CancellationToken::new();
    let retention = config.retention.clone();
    let retention = Retention::new(store.clone(), clock.clone(), retention, stop.clone());
    let edge = Edge::new(service.clone(), PageTokens::new(&keys.page_key), stop.clone());
    let listeners = Listeners::bind(&config).await?;
    let (ready, readiness) = watch::channel(true);
    let mut server = Server {
        grpc_address: listeners.grpc.local_addr()?,
        http_address: listeners.http.local_addr()?,
        first_key,
        store,
        dispatcher,
        apns,
        fcm,
        ready,
        stop,
        tasks: Vec::new(),
    };
    server.serve(listeners, &config.grpc, (edge, service), readiness);
    server.tasks.push(tokio::spawn(async move { retention.run().await }));
    Ok(server)
}

struct Listeners {
    grpc: TcpListener,
    http: TcpListener,
}

impl Listeners {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = async |key: &str, address: SocketAddr| {
            let listener = TcpListener::bind(address).await;
            listener.with_context(|| format!("{key} cannot listen on {address}"))
        };
        Ok(Listeners {
            grpc: bind("grpc.listen", config.grpc.listen).await?,
            http: bind("http.listen", config.http.listen).await?,
        })
    }
}

impl Server {
    fn serve(
        &mut self,
        listeners: Listeners,
        config: &grpc::Config,
        (edge, service): (Edge, Service),
        readiness: watch::Receiver<bool>,
    ) {
        let stop = self.stop.clone();
        let grpc = grpc::serve(listeners.grpc, config.clone(), (edge, service), stop);
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = grpc.await {
                tracing::error!(%error, "the gRPC server ended");
            }
        }));
        let stopped = self.stop.clone().cancelled_owned();
        let http = http::serve(listeners.http, http::router(readiness), stopped);
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = http.await {
                tracing::error!(%error, "the HTTP server ended");
            }
        }));
        let dispatcher = self.dispatcher.clone();
        self.tasks.push(tokio::spawn(async move { dispatcher.run().await }));
        let probe = probe(self.store.clone(), self.ready.clone(), self.stop.clone());
        self.tasks.push(tokio::spawn(probe));
    }

    /// Where gRPC listens.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where HTTP listens.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// The key that was made for an empty database, once.
    pub fn take_first_key(&mut self) -> Option<SecretString> {
        self.first_key.take()
    }

    /// The database, for tests that look into it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Drains: says that it is not ready, lets open calls finish, then pushes under way, then closes the database.
    pub async fn stop(self) {
        self.ready.send_replace(false);
        self.stop.cancel();
        if tokio::time::timeout(PUSHES_DRAIN_MAX, self.dispatcher.stop()).await.is_err() {
            tracing::warn!("pushes were under way at the end of the drain; they are made up for");
        }
        for mut task in self.tasks {
            if tokio::time::timeout(CALLS_DRAIN_MAX, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.apns.drain().await;
        self.fcm.drain().await;
        self.store.close().await;
    }
}

/// Readiness depends on the database alone, never on Apple.
async fn probe(store: Store, ready: watch::Sender<bool>, stop: CancellationToken) {
    let first = store::Page { size: 1, after: None };
    loop {
        tokio::select! {
            () = tokio::time::sleep(READINESS_INTERVAL) => {}
            () = stop.cancelled() => return,
        }
        let answers = store::workspaces::list(store.reader(), first).await.is_ok();
        ready.send_if_modified(|ready| std::mem::replace(ready, answers) != answers);
    }
}

fn refused(violations: Vec<crate::error::Violation>) -> anyhow::Error {
    anyhow!(Error::invalid(violations))
}

/// Where the master key is unless the configuration says otherwise: beside the database, under its name.
fn default_key_file(database: &Path) -> PathBuf {
    database.with_extension("key")
}
