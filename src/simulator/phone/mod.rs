//! Phones: virtual devices that take pushes as ActivityKit or Android does and talk to Tidings as an app does.
//!
//! May import `clock`, `proto` and the rest of `simulator`. A phone changes only under its own lock, and everyone who
//! watches it hears of every change.

mod actions;
mod activity_kit;
mod android;
mod app;
mod card;
mod client;
mod notification;
mod payload;
mod state;
mod template;
#[cfg(test)]
mod tests;
mod words;

use super::apns::registry::Kind;
use super::hub::{Hub, lock};
use crate::clock::Time;
use crate::proto::simulator_v1::{self as proto, DropReason, PhoneSpec, StartToken};
pub(crate) use android::Parcel;
use app::Call;
use bytes::Bytes;
use state::{State, Version};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How many calls an app may have waiting.
const CALLS_MAX: usize = 1_000;
/// How many activities an app can draw.
const TEMPLATES_MAX: usize = 100;
/// How many properties a template has.
const FIELDS_MAX: usize = 1_000;

/// A phone. Clones are the same phone.
#[derive(Clone)]
pub struct Phone {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Arc<Hub>,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    calls: mpsc::Sender<Call>,
}

/// A push that APNs took for a phone.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) apns_id: String,
    /// Seconds since 1970; 0 is not to be stored, none is for as long as APNs likes.
    pub(crate) expiration: Option<i64>,
    pub(crate) kind: Kind,
    pub(crate) replaced: bool,
    /// Its push type is `alert`.
    pub(crate) is_alert: bool,
    pub(crate) body: Bytes,
}

/// Why a phone does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field is wrong.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// There is one already.
    #[error("there is a phone of that name already")]
    Exists,
    /// A limit was reached.
    #[error("the simulator's limit of {0} is reached")]
    Limit(&'static str),
    /// The phone's rules forbid it.
    #[error("{0}")]
    Forbidden(String),
}

impl Phone {
    /// Makes a phone and launches its app.
    pub(super) fn create(mut spec: PhoneSpec, hub: &Arc<Hub>) -> Result<Self, Refusal> {
        let version = check(&spec)?;
        if spec.os_version.is_empty() {
            spec.os_version = version.0.to_string();
        }
        let name = if spec.phone_id.is_empty() { &spec.device_id } else { &spec.phone_id };
        let name = name.clone();
        if spec.android.is_none() && !hub.account().add_bundle(&spec.bundle_id) {
            return Err(Refusal::Limit("bundle ids"));
        }
        let client = client::of_app(&spec, hub).map_err(|_| invalid("server_url or api_key"))?;
        let (calls, waiting) = mpsc::channel(CALLS_MAX);
        let mut phones = hub.phones();
        if phones.contains_key(&name) {
            return Err(Refusal::Exists);
        }
        if phones.len() >= hub.config.phones_max {
            return Err(Refusal::Limit("phones"));
        }
        let state = Mutex::new(State::new(&name, spec, version));
        let changes = watch::Sender::new(0);
        let phone =
            Phone { shared: Arc::new(Shared { hub: Arc::clone(hub), state, changes, calls }) };
        phones.insert(name, phone.clone());
        drop(phones);
        tokio::spawn(app::run(phone.clone(), waiting, client));
        phone.launch();
        Ok(phone)
    }

    /// The phone's name.
    pub fn id(&self) -> String {
        lock(&self.shared.state).phone_id.to_string()
    }

    /// The phone as it is now, for who holds it, with what its log says.
    pub fn snapshot(&self) -> proto::Phone {
        let now = self.shared.hub.clock.now();
        let view = self.look(|state| (state.age(now, &self.shared.hub), state.view()));
        view.1
    }

    /// Waits until a phone is as asked; its last state if that took too long. `timeout` is real time, whatever the
    /// simulator's clock says.
    pub async fn wait_for(
        &self,
        timeout: Duration,
        is_as_asked: impl Fn(&proto::Phone) -> bool,
    ) -> Result<proto::Phone, Box<proto::Phone>> {
        let mut changes = self.changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let phone = self.snapshot();
                if is_as_asked(&phone) || changes.changed().await.is_err() {
                    return phone;
                }
            }
        };
        match tokio::time::timeout(timeout, waiting).await {
            Ok(phone) => Ok(phone),
            Err(_) => Err(Box::new(self.snapshot())),
        }
    }

    /// Rises with every change.
    pub fn version(&self) -> i64 {
        i64::try_from(*self.shared.changes.borrow()).unwrap_or(i64::MAX)
    }

    /// Hears of every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Takes a push from APNs, or stores it in the one place that APNs has for this app while the phone is offline.
    pub(crate) fn deliver(&self, delivery: Delivery) {
        self.act(|state, now, hub| {
            if state.online {
                return state.take(&delivery, now, hub);
            }
            let expired = delivery.expiration.is_some_and(|at| Time::from_seconds(at) <= now);
            if expired {
                let reason = DropReason::OfflineNotStored;
                let dropped = activity_kit::describe(&delivery);
                return state.drop_push(dropped, reason, now);
            }
            if let Some(older) = state.keep(delivery) {
                let dropped = activity_kit::describe(&older);
                state.drop_push(dropped, DropReason::OfflineOverwritten, now);
            }
        });
    }

    /// Takes what was published to a channel, if a card that lives follows it; says whether one does.
    pub(crate) fn hear(&self, delivery: &Delivery, world: proto::World) -> bool {
        let Kind::Channel { channel_id } = &delivery.kind else { return false };
        let follows =
            |state: &State| state.world() == world && !state.followers(channel_id).is_empty();
        let (_, follows) = self.look(|state| (false, follows(state)));
        if follows {
            self.deliver(delivery.clone());
        }
        follows
    }

    /// How many of its cards follow a channel.
    pub(crate) fn followers(&self, channel_id: &str) -> usize {
        self.look(|state| (false, state.followers(channel_id).len())).1
    }

    /// Lets time pass on the phone.
    pub(super) fn age(&self) {
        let now = self.shared.hub.clock.now();
        self.look(|state| (state.age(now, &self.shared.hub), ()));
    }

    /// Changes the phone, sends what its app has to say, and tells who watches.
    fn act<T>(&self, change: impl FnOnce(&mut State, Time, &Hub) -> T) -> T {
        let hub = &self.shared.hub;
        let now = hub.clock.now();
        let (_, result) = self.look(|state| {
            state.age(now, hub);
            (true, change(state, now, hub))
        });
        result
    }

    fn look<T>(&self, look: impl FnOnce(&mut State) -> (bool, T)) -> (bool, T) {
        let mut state = lock(&self.shared.state);
        let (changed, result) = look(&mut state);
        if !changed {
            return (false, result);
        }
        state.changes += 1;
        let version = state.changes;
        for call in std::mem::take(&mut state.outbox) {
            if !state.running || state.spec.server_url.is_empty() {
                continue;
            }
            if self.shared.calls.try_send(call).is_ok() {
                state.calls_waiting += 1;
            } else {
                tracing::warn!("an app of the simulator has too many calls waiting");
            }
        }
        drop(state);
        self.shared.changes.send_replace(version);
        self.shared.hub.changed();
        (true, result)
    }
}

fn check(spec: &PhoneSpec) -> Result<Version, Refusal> {
    if spec.device_id.is_empty() {
        return Err(invalid("device_id"));
    }
    if spec.bundle_id.is_empty() {
        return Err(invalid("bundle_id"));
    }
    let fields = |template: &proto::Template| template.attributes.len() + template.content.len();
    if spec.templates.len() > TEMPLATES_MAX
        || spec.templates.iter().any(|template| fields(template) > FIELDS_MAX)
    {
        return Err(Refusal::Limit("templates or their fields"));
    }
    if let Some(version) = android::check(spec)? {
        return Ok(version);
    }
    Version::read(&spec.os_version).ok_or_else(|| invalid("os_version"))
}

fn invalid(field: &str) -> Refusal {
    Refusal::Invalid(format!("`{field}` is missing or malformed"))
}

impl State {
    /// Tokens that an app gets when it is launched first.
    fn give_first_tokens(&mut self, hub: &Hub) {
        if self.device_token.is_empty() {
            self.device_token = self.issue(Kind::Device, hub).unwrap_or_default();
        }
        if !self.can_start_by_push() || !self.enabled {
            return;
        }
        for template in self.spec.templates.clone() {
            let attributes_type = template::attributes_type(&template).to_owned();
            if self.start_tokens.iter().any(|known| known.attributes_type == attributes_type) {
                continue;
            }
            let kind = Kind::PushToStart { attributes_type: attributes_type.clone() };
            if let Some(token) = self.issue(kind, hub) {
                self.start_tokens.push(StartToken { attributes_type, token });
            }
        }
    }
}
