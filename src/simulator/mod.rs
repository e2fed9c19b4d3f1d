//! Apple, Google and the phones, simulated: APNs and FCM with their checks, devices that obey ActivityKit or Android
//! and talk to Tidings as an app does, and a gRPC API to act on them, to read their screens and to let things go wrong.
//!
//! May import `clock`, `proto` and external crates, nothing else of Tidings: it has its own copy of Apple's and
//! Google's rules, so that one mistake cannot hide in both. What APNs and FCM answer never depends on what a phone
//! makes of a push; why a screen did not change is in the phone's log.

mod apns;
mod channels;
mod control;
mod fault;
mod fcm;
mod google;
mod hub;
#[cfg(test)]
mod message_sender;
mod phone;
#[cfg(test)]
mod sender;
mod tls;

pub use apns::account::ProviderTokenScope;
pub use fcm::{Limits, ReservedKeys};
pub use phone::{Phone, Refusal};

use crate::clock::{Clock, Time};
use crate::proto::simulator_v1::{
    Credential, Fault, FaultStatus, ListPushesRequest, PhoneSpec, Push, World,
};
use anyhow::Context as _;
use hub::Hub;
use prost_types::Timestamp;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How often time passes on phones that nobody looks at.
const TICK: Duration = Duration::from_secs(1);

/// Where the simulator listens, and its limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// APNs for builds from Xcode. Port 0 takes a free one.
    pub sandbox_listen: SocketAddr,
    /// APNs for `TestFlight` and the App Store.
    pub production_listen: SocketAddr,
    /// FCM and Google's access tokens, with TLS and without on one port.
    pub fcm_listen: SocketAddr,
    /// Broadcasts in the sandbox, which its APNs takes too.
    pub sandbox_broadcast_listen: SocketAddr,
    /// Broadcasts in production, which its APNs takes too.
    pub production_broadcast_listen: SocketAddr,
    /// The management of the sandbox's channels.
    pub sandbox_manage_listen: SocketAddr,
    /// The management of production's channels.
    pub production_manage_listen: SocketAddr,
    /// The control API, without TLS.
    pub control_listen: SocketAddr,
    /// Bundle ids of the account besides those of phones.
    pub bundles: Vec<String>,
    /// Streams that a connection may open once a request of it succeeded.
    pub streams_max: u32,
    /// Connections to each world, and to FCM.
    pub connections_max: usize,
    /// Streams that a connection to FCM may open.
    pub fcm_streams_max: u32,
    /// How much FCM takes.
    pub fcm_quotas: Limits,
    /// Which keys of data FCM refuses.
    pub fcm_reserved_keys: ReservedKeys,
    /// How long an access token of Google's lives.
    pub access_token_life: Duration,
    /// How often a connection may change its provider token.
    pub provider_token_interval: Duration,
    /// Or a key.
    pub provider_token_scope: ProviderTokenScope,
    /// Phones.
    pub phones_max: usize,
    /// Channels of one app in one world.
    pub channels_max: usize,
    /// Tokens, dead ones included.
    pub tokens_max: usize,
    /// Records of pushes; the oldest are forgotten first.
    pub pushes_max: usize,
    /// How long the token of a closed card is still answered with 200.
    pub closed_token_life: Duration,
    /// Starts by push that a phone takes within the window.
    pub start_budget: usize,
    /// The window of the starts.
    pub start_budget_window: Duration,
    /// Living cards of one app on one phone.
    pub live_cards_max: usize,
    /// How long an app repeats a call that fails for a passing reason.
    pub call_retry_for: Duration,
    /// How long an app waits for one answer.
    pub call_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            sandbox_listen: free,
            production_listen: free,
            fcm_listen: free,
            sandbox_broadcast_listen: free,
            production_broadcast_listen: free,
            sandbox_manage_listen: free,
            production_manage_listen: free,
            control_listen: free,
            bundles: Vec::new(),
            streams_max: 1_000,
            connections_max: 1_000,
            fcm_streams_max: 100,
            fcm_quotas: Limits::default(),
            fcm_reserved_keys: ReservedKeys::default(),
            access_token_life: Duration::from_secs(3_599),
            provider_token_interval: Duration::from_mins(20),
            provider_token_scope: ProviderTokenScope::Connection,
            phones_max: 10_000,
            channels_max: 10_000,
            tokens_max: 1_000_000,
            pushes_max: 100_000,
            closed_token_life: Duration::from_mins(1),
            start_budget: 10,
            start_budget_window: Duration::from_hours(24),
            live_cards_max: 5,
            call_retry_for: Duration::from_mins(1),
            call_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// The same, and as strict as Apple was ever met.
    pub fn strict() -> Self {
        Self { provider_token_scope: ProviderTokenScope::Key, ..Self::default() }
    }
}

/// A running simulator. It ends when it is shut down or dropped.
pub struct Simulator {
    hub: Arc<Hub>,
    sandbox: Doors,
    production: Doors,
    fcm: SocketAddr,
    control: SocketAddr,
    ca_pem: String,
    credential: Credential,
    service_account: String,
    tasks: JoinSet<()>,
}

/// Where one world of APNs listens.
#[derive(Clone, Copy)]
struct Doors {
    devices: SocketAddr,
    broadcasts: SocketAddr,
    management: SocketAddr,
}

/// Starts APNs, FCM, the control API and the passing of time.
pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Simulator> {
    let identity = tls::Identity::generate().context("the simulator's certificates")?;
    let sandbox = apns::Sockets::bind(World::Sandbox, &config).await?;
    let production = apns::Sockets::bind(World::Production, &config).await?;
    let fcm = listen(config.fcm_listen).await?;
    let control = listen(config.control_listen).await?;
    let hub = Arc::new(Hub::new(config, clock));
    let credential = hub.account().create_key(None)?;
    let fcm_address = fcm.local_addr()?;
    let service_account =
        hub.google.accounts().create(google::FIRST_PROJECT, &google::token_url(fcm_address))?;
    let mut simulator = Simulator {
        hub: Arc::clone(&hub),
        sandbox: sandbox.addresses()?,
        production: production.addresses()?,
        fcm: fcm_address,
        control: control.local_addr()?,
        ca_pem: identity.ca_pem,
        credential,
        service_account,
        tasks: JoinSet::new(),
    };
    let connections = Arc::new(AtomicI64::new(0));
    for sockets in [sandbox, production] {
        for listener in sockets.listeners(&identity.acceptor, &hub, &connections) {
            simulator.tasks.spawn(listener.serve());
        }
    }
    let (acceptor, address) = (identity.any_acceptor, fcm_address);
    let listener = fcm::Listener { socket: fcm, address, acceptor, hub: Arc::clone(&hub) };
    simulator.tasks.spawn(listener.serve());
    simulator.tasks.spawn(control::serve(control, simulator.info(), Arc::clone(&hub)));
    simulator.tasks.spawn(pass_time(hub));
    Ok(simulator)
}

impl Simulator {
    /// Where APNs listens for builds from Xcode.
    pub fn sandbox_url(&self) -> String {
        format!("https://{}", self.sandbox.devices)
    }

    /// Where APNs listens for `TestFlight` and the App Store.
    pub fn production_url(&self) -> String {
        format!("https://{}", self.production.devices)
    }

    /// Where the sandbox's channels are managed.
    pub fn sandbox_manage_url(&self) -> String {
        format!("https://{}", self.sandbox.management)
    }

    /// Where production's channels are managed.
    pub fn production_manage_url(&self) -> String {
        format!("https://{}", self.production.management)
    }

    /// Where channels are managed: the sandbox's, and production's.
    pub fn manage_urls(&self) -> (String, String) {
        (self.sandbox_manage_url(), self.production_manage_url())
    }

    /// Where the control API listens, without TLS.
    pub fn control_address(&self) -> SocketAddr {
        self.control
    }

    /// The certificate to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The account's first key.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Makes another key of the same team.
    pub fn create_credential(&self) -> anyhow::Result<Credential> {
        self.hub.account().create_key(None)
    }

    /// Makes a key of the same team that is good for one world alone.
    pub fn create_credential_for(&self, world: World) -> anyhow::Result<Credential> {
        self.hub.account().create_key(Some(world))
    }

    /// Refuses what a key signs from now on; false if there is no such key.
    pub fn revoke_credential(&self, key_id: &str) -> bool {
        self.hub.account().revoke_key(key_id)
    }

    /// Allows the topics of a bundle id; false if there are too many. Making a phone allows those of its app.
    pub fn add_bundle(&self, bundle_id: &str) -> bool {
        self.hub.account().add_bundle(bundle_id)
    }

    /// Makes a phone and launches its app.
    pub fn create_phone(&self, spec: PhoneSpec) -> Result<Phone, Refusal> {
        Phone::create(spec, &self.hub)
    }

    /// A phone by its name.
    pub fn phone(&self, phone_id: &str) -> Option<Phone> {
        self.hub.phone(phone_id)
    }

    /// All phones in the order of their names.
    pub fn phones(&self) -> Vec<Phone> {
        self.hub.phones().values().cloned().collect()
    }

    /// Has APNs answer a token with 410 from now on, or FCM a registration with `UNREGISTERED`; false if there is
    /// neither.
    pub fn kill_token(&self, token: &str) -> bool {
        self.hub.kill_token(token)
    }

    /// Lets something go wrong at APNs or FCM; returns the fault's number, or none if there are too many.
    pub fn set_fault(&self, fault: Fault) -> Option<i64> {
        self.hub.faults().set(fault)
    }

    /// A fault and what it has done.
    pub fn fault(&self, fault_id: i64) -> Option<FaultStatus> {
        self.hub.faults().status(fault_id)
    }

    /// Ends a fault and answers what it held; every fault if none is named. False if there is no such fault.
    pub fn release_fault(&self, fault_id: Option<i64>) -> bool {
        self.hub.release_fault(fault_id)
    }

    /// The requests that APNs received, oldest first, a page of them.
    pub fn pushes(&self, request: &ListPushesRequest) -> Vec<Push> {
        self.hub.record().list(request)
    }

    /// How many requests APNs received.
    pub fn pushes_received(&self) -> i64 {
        self.hub.record().received()
    }

    /// Waits until the simulator is as asked; false if that took too long. `timeout` is real time, whatever the
    /// simulator's clock says.
    pub async fn wait_for(&self, timeout: Duration, is_as_asked: impl Fn(&Self) -> bool) -> bool {
        let is_as_asked = || is_as_asked(self);
        self.hub.wait_for(timeout, is_as_asked).await
    }

    /// Ends every listener, connection and phone.
    pub async fn shutdown(mut self) {
        self.hub.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    fn info(&self) -> crate::proto::simulator_v1::GetInfoResponse {
        crate::proto::simulator_v1::GetInfoResponse {
            sandbox_url: self.sandbox_url(),
            production_url: self.production_url(),
            ca_pem: self.ca_pem.clone(),
            credential: Some(self.credential.clone()),
            fcm_url: self.fcm_url(),
            fcm_plain_url: self.fcm_plain_url(),
            fcm_token_url: self.fcm_token_url(),
            service_account_json: self.service_account.clone(),
            project_id: self.project_id().to_owned(),
            sandbox_broadcast_url: format!("https://{}", self.sandbox.broadcasts),
            production_broadcast_url: format!("https://{}", self.production.broadcasts),
            sandbox_manage_url: self.sandbox_manage_url(),
            production_manage_url: self.production_manage_url(),
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.hub.shutdown.cancel();
        self.hub.phones().clear();
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))
}

/// Looks at every phone now and then, so that what time does to cards is also reported by apps nobody watches.
async fn pass_time(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = hub.shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let phones: Vec<Phone> = hub.phones().values().cloned().collect();
        for phone in phones {
            phone.age();
        }
    }
}

/// An instant as protobuf has it.
fn stamp(time: Time) -> Timestamp {
    let nanos = time.0.rem_euclid(1_000) * 1_000_000;
    Timestamp { seconds: time.seconds(), nanos: i32::try_from(nanos).unwrap_or(0) }
}

/// An instant of protobuf.
fn time(stamp: &Timestamp) -> Time {
    Time(Time::from_seconds(stamp.seconds).0.saturating_add(i64::from(stamp.nanos) / 1_000_000))
}
