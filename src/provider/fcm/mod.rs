//! Google's push service, FCM's HTTP v1, on the crates `reqwest` and `gcp_auth`.
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>
//!
//! May import `domain` and the leaves. A batch goes in and an answer for each of its pushes comes out, exactly one,
//! within the timeouts of the configuration. Nothing is sent but to the operator's two addresses, whatever a service
//! account says. What is over Google's limits is put off, not sent. `docs/adr/0010-google-access-tokens.md` says what
//! the crates do here and what they do not.

mod access;
mod accounts;
mod body;
mod brake;
mod config;
mod grant;
mod lanes;
mod pacing;
mod request;
mod response;
mod sending;

pub use config::Config;

use self::accounts::Accounts;
use self::grant::Endpoint;
use self::lanes::{Lanes, STREAMS_MAX};
use self::pacing::Devices;
use self::sending::Sending;
use super::reply::{Reply, refuse};
use super::{Answer, tls};
use crate::clock::Clock;
use crate::domain::ids::{CredentialId, DeviceKey};
use crate::domain::reasons::SHUTTING_DOWN;
use crate::error::Violation;
use bytes::Bytes;
use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// What an answer may take beside the timeouts.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// Pushes that go the same way: to one project, by one service account.
#[derive(Debug)]
pub struct Batch {
    /// The Firebase project.
    pub project_id: Arc<str>,
    /// Who sends.
    pub credential: Arc<ServiceAccount>,
    /// Any number; the transport keeps to the streams that Google allows.
    pub pushes: Vec<Push>,
}

/// The key of a service account, unsealed.
#[derive(Debug)]
pub struct ServiceAccount {
    /// Ours.
    pub id: CredentialId,
    /// The file that Google's console gave.
    pub json: SecretString,
}

/// One push to one device. `Debug` prints neither its token nor its content.
pub struct Push {
    /// The sender's number of this push in its batch; the answer carries it.
    pub index: usize,
    /// The device, whose pushes are counted.
    pub device: DeviceKey,
    /// How Google knows it.
    pub target: Target,
    /// The object `message` without its target, which all devices that get the same share.
    pub message: Bytes,
}

/// How Google knows an app on a device.
#[derive(Clone, Debug)]
pub enum Target {
    /// By a registration token.
    Token(SecretString),
    /// By the id of its installation, which follows the tokens.
    InstallationId(SecretString),
}

/// Google's push service. Clones share connections, access tokens and what was counted.
#[derive(Clone)]
pub struct Fcm {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    clock: Clock,
    lanes: Arc<Lanes>,
    devices: Arc<Devices>,
    accounts: Accounts,
    pushes: TaskTracker,
}

impl Fcm {
    /// A provider that has not connected yet. The error has everything that is wrong with the configuration.
    pub fn new(config: Config, clock: Clock) -> Result<Fcm, Vec<Violation>> {
        let violations = config.validate();
        if violations.is_empty() {
            Fcm::build(config, clock).map_err(|violation| vec![violation])
        } else {
            Err(violations)
        }
    }

    fn build(config: Config, clock: Clock) -> Result<Fcm, Violation> {
        let tls = tls::client(config.ca_file.as_deref(), &["h2", "http/1.1"])?;
        let lanes = Lanes::new(&config, &tls)?;
        let endpoint = Endpoint {
            client: lanes::client(&config, tls)?,
            url: config.token()?,
            audience: config.token_url.clone(),
            timeout: config.token_timeout(),
            clock: clock.clone(),
        };
        // Half, so that a project whose answers are slow leaves room for the others.
        let share = (lanes.capacity() / 2).max(STREAMS_MAX);
        let shared = Shared {
            accounts: Accounts::new(config.base()?, endpoint, share),
            lanes: Arc::new(lanes),
            devices: Arc::new(Devices::new()),
            pushes: TaskTracker::new(),
            config,
            clock,
        };
        Ok(Fcm { shared: Arc::new(shared) })
    }

    /// How long after a push was handed over its answer may come: both timeouts, and a second for the way back.
    pub fn answer_max(&self) -> Duration {
        let Config { connect_timeout_ms, request_timeout_ms, .. } = self.shared.config;
        Duration::from_millis(connect_timeout_ms + request_timeout_ms) + ANSWER_MARGIN
    }

    /// Sends a batch, and returns at once. Each push gets exactly one answer, in any order, within the timeouts for
    /// connecting and for the request together. Who drops the receiver loses the answers, not the pushes. Must be
    /// called inside a tokio runtime.
    pub fn send(&self, batch: Batch) -> mpsc::Receiver<Answer> {
        let (answers, receiver) = mpsc::channel(batch.pushes.len().max(1));
        let Batch { project_id, credential, pushes } = batch;
        let Shared { config, clock, lanes, devices, accounts, .. } = &*self.shared;
        let replies: Vec<(Reply, Push)> = pushes
            .into_iter()
            .map(|push| (Reply::new(answers.clone(), clock.clone(), push.index), push))
            .collect();
        if self.shared.pushes.is_closed() {
            refuse(replies, SHUTTING_DOWN);
            return receiver;
        }
        match accounts.account(&project_id, &credential) {
            Ok(account) => {
                let sending = Sending {
                    account,
                    lanes: lanes.clone(),
                    devices: devices.clone(),
                    clock: clock.clone(),
                    deadline: Instant::now() + config.connect_timeout(),
                    request_timeout: config.request_timeout(),
                };
                let tasks = self.shared.pushes.clone();
                tasks.clone().spawn(Arc::new(sending).run(replies, tasks));
            }
            Err(reason) => refuse(replies, reason),
        }
        receiver
    }

    /// Takes no more batches, and waits for the answers of those under way.
    pub async fn drain(&self) {
        self.shared.pushes.close();
        self.shared.pushes.wait().await;
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("index", &self.index)
            .field("device", &self.device)
            .field("message_bytes", &self.message.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Fcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fcm").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
