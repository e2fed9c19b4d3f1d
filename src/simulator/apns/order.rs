//! Requests about channels: what they want, what is wrong with them, and what comes of them.
//! <https://developer.apple.com/documentation/usernotifications/sending-channel-management-requests-to-apns>
//! <https://developer.apple.com/documentation/usernotifications/sending-broadcast-push-notification-requests-to-apns>
//!
//! May import `clock`, `proto` and the rest of `simulator`. The order of the checks is not documented; the provider
//! token is judged before anything that only the account knows.

use super::super::hub::Hub;
use super::super::phone::Delivery;
use super::channels::{Channel, Channels, Policy};
use super::reason::Refusal;
use super::registry::Kind;
use super::request::is_canonical;
use crate::clock::Time;
use crate::proto::simulator_v1::World;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// The largest broadcast.
pub(super) const BROADCAST_BYTES_MAX: usize = 5_120;
/// How long a stored message waits for a device at most.
const STORED_MAX: Duration = Duration::from_hours(8);
const MANAGED: &str = "/1/apps/";
const PUBLISHED: &str = "/4/broadcasts/apps/";
const LIVE_ACTIVITY: &str = "liveactivity";

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Pushes to devices, and broadcasts.
    Devices,
    /// Broadcasts alone.
    Broadcasts,
    /// The management of channels.
    Management,
}

/// What a request about channels wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Create,
    Read,
    Delete,
    List,
    Publish,
}

/// A request about channels whose path is in order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) wish: Wish,
    pub(super) bundle_id: String,
    pub(super) channel_id: String,
    expiration: i64,
    policy: Policy,
}

/// What a request was answered that nothing was wrong with.
#[derive(Clone, Debug)]
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) channel_id: Option<String>,
    pub(super) body: Bytes,
}

impl Default for Success {
    fn default() -> Self {
        Success { status: 200, channel_id: None, body: Bytes::new() }
    }
}

impl Door {
    /// Whether a path of this listener is about channels.
    pub(super) fn is_about_channels(self, path: &str) -> bool {
        self != Door::Devices || path.starts_with(PUBLISHED)
    }
}

/// The id of a request: the client's, or a new one. The second is true where the client's was malformed.
pub(super) fn request_id(headers: &HeaderMap) -> (String, bool) {
    let given = headers.get("apns-request-id");
    let canonical = given.and_then(|value| value.to_str().ok()).filter(|text| is_canonical(text));
    match canonical {
        Some(text) => (text.to_owned(), false),
        None => (Uuid::new_v4().to_string(), given.is_some()),
    }
}

impl Order {
    /// Checks everything but the provider token, the account and the payload.
    pub(super) fn read(door: Door, parts: &Parts) -> Result<Order, Refusal> {
        let headers = &parts.headers;
        if request_id(headers).1 {
            return Err(Refusal::new("BadMessageId"));
        }
        let (wish, bundle_id) = wish(door, parts)?;
        let mut order = Order {
            wish,
            bundle_id,
            channel_id: text(headers, "apns-channel-id"),
            expiration: 0,
            policy: Policy::None,
        };
        let names_one = !matches!(order.wish, Wish::Create | Wish::List);
        if names_one && order.channel_id.is_empty() {
            return Err(Refusal::new("MissingChannelId"));
        }
        if order.wish == Wish::Publish {
            order.expiration = check_publication(headers)?;
        }
        Ok(order)
    }

    /// Checks what the account knows, and the payload.
    pub(super) fn judge(
        mut self,
        (world, allowed): (World, bool),
        channels: &Channels,
        body: &[u8],
    ) -> Result<Order, Refusal> {
        if !allowed {
            return Err(Refusal::new("TopicMismatch"));
        }
        if !channels.has_capability(&self.bundle_id) {
            return Err(Refusal::new("FeatureNotEnabled"));
        }
        match self.wish {
            Wish::List => {}
            Wish::Create => {
                self.policy = check_config(body)?;
                if !channels.has_room(world, &self.bundle_id) {
                    return Err(Refusal::new("CannotCreateChannelConfig"));
                }
            }
            Wish::Read | Wish::Delete | Wish::Publish => {
                self.policy = channels.find(world, &self.bundle_id, &self.channel_id)?.policy;
            }
        }
        if self.wish == Wish::Publish {
            if self.policy == Policy::None && self.expiration != 0 {
                return Err(Refusal::new("BadExpirationDate"));
            }
            if body.is_empty() {
                return Err(Refusal::new("PayloadEmpty"));
            }
            if body.len() > BROADCAST_BYTES_MAX {
                return Err(Refusal::new("PayloadTooLarge"));
            }
        }
        Ok(self)
    }

    /// What faults know it by.
    pub(super) fn word(&self) -> &'static str {
        match self.wish {
            Wish::Create => "create",
            Wish::Read => "read",
            Wish::Delete => "delete",
            Wish::List => "list",
            Wish::Publish => "publish",
        }
    }

    /// Does what is wanted. Also says how many phones had a card that follows the channel.
    pub(super) fn carry_out(
        &self,
        world: World,
        (request_id, body): (&str, &Bytes),
        hub: &Hub,
    ) -> (Success, i64) {
        let done = Success::default();
        match self.wish {
            Wish::Create => {
                let (bundle_id, policy) = (self.bundle_id.clone(), self.policy);
                let channel_id = hub.channels().create(Channel { world, bundle_id, policy });
                (Success { status: 201, channel_id: Some(channel_id), ..done }, 0)
            }
            Wish::Read => {
                let policy = self.policy.number();
                let body = serde_json::json!({
                    "message-storage-policy": policy, "push-type": "LiveActivity"
                });
                (Success { body: body.to_string().into(), ..done }, 0)
            }
            Wish::Delete => {
                hub.channels().delete(&self.channel_id);
                (Success { status: 204, ..done }, 0)
            }
            Wish::List => {
                let ids = hub.channels().ids(world, &self.bundle_id);
                let body = serde_json::json!({ "channels": ids });
                (Success { body: body.to_string().into(), ..done }, 0)
            }
            Wish::Publish => {
                let delivery = self.delivery(request_id, body, hub.clock.now());
                let phones: Vec<_> = hub.phones().values().cloned().collect();
                let heard = phones.iter().filter(|phone| phone.hear(&delivery, world)).count();
                (done, i64::try_from(heard).unwrap_or(i64::MAX))
            }
        }
    }

    fn delivery(&self, request_id: &str, body: &Bytes, now: Time) -> Delivery {
        let longest = (now + STORED_MAX).seconds();
        let expiration = match self.policy {
            Policy::None => 0,
            Policy::MostRecent => self.expiration.min(longest),
        };
        Delivery {
            apns_id: request_id.to_owned(),
            expiration: Some(expiration),
            kind: Kind::Channel { channel_id: self.channel_id.clone() },
            replaced: false,
            is_alert: false,
            body: body.clone(),
        }
    }
}

fn wish(door: Door, parts: &Parts) -> Result<(Wish, String), Refusal> {
    let bad_path = || Refusal::new("BadPath");
    let path = parts.uri.path();
    let (bundle_id, wishes): (&str, &[(Method, Wish)]) = match path.strip_prefix(PUBLISHED) {
        Some(bundle_id) if door != Door::Management => {
            (bundle_id, &[(Method::POST, Wish::Publish)])
        }
        _ if door != Door::Management => return Err(bad_path()),
        _ => {
            let rest = path.strip_prefix(MANAGED).and_then(|rest| rest.split_once('/'));
            match rest.ok_or_else(bad_path)? {
                (bundle_id, "channels") => (
                    bundle_id,
                    &[
                        (Method::POST, Wish::Create),
                        (Method::GET, Wish::Read),
                        (Method::DELETE, Wish::Delete),
                    ],
                ),
                (bundle_id, "all-channels") => (bundle_id, &[(Method::GET, Wish::List)]),
                _ => return Err(bad_path()),
            }
        }
    };
    let wish = wishes.iter().find(|(method, _)| *method == parts.method);
    let (_, wish) = wish.ok_or_else(|| Refusal::new("MethodNotAllowed"))?;
    if bundle_id.is_empty() || bundle_id.contains('/') {
        return Err(bad_path());
    }
    if bundle_id.ends_with(".push-type.liveactivity") {
        return Err(Refusal::new("TopicDisallowed"));
    }
    Ok((wish.clone(), bundle_id.to_owned()))
}

/// Checks the headers of a broadcast, and returns when it expires.
fn check_publication(headers: &HeaderMap) -> Result<i64, Refusal> {
    let push_type = text(headers, "apns-push-type");
    if push_type.is_empty() {
        return Err(Refusal::new("MissingPushType"));
    }
    // Apple's page spells it in three ways.
    if !push_type.eq_ignore_ascii_case(LIVE_ACTIVITY) {
        return Err(Refusal::new("InvalidPushType"));
    }
    let expiration = text(headers, "apns-expiration").parse::<i64>().ok();
    let expiration = expiration.filter(|seconds| *seconds >= 0);
    let expiration = expiration.ok_or_else(|| Refusal::new("BadExpirationDate"))?;
    if !matches!(text(headers, "apns-priority").as_str(), "10" | "5" | "1") {
        return Err(Refusal::new("BadPriority"));
    }
    Ok(expiration)
}

/// Checks the body of a new channel, and returns its policy.
fn check_config(body: &[u8]) -> Result<Policy, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new("PayloadEmpty"));
    }
    let config: Value =
        serde_json::from_slice(body).map_err(|_| Refusal::new("BadRequestPayload"))?;
    let Value::Object(config) = config else { return Err(Refusal::new("BadRequestPayload")) };
    let is_known = |key: &String| matches!(key.as_str(), "message-storage-policy" | "push-type");
    if !config.keys().all(is_known) {
        return Err(Refusal::new("BadRequestParams"));
    }
    let push_type = config.get("push-type").and_then(Value::as_str);
    let push_type = push_type.ok_or_else(|| Refusal::new("MissingPushType"))?;
    if !push_type.eq_ignore_ascii_case(LIVE_ACTIVITY) {
        return Err(Refusal::new("InvalidPushType"));
    }
    // Apple documents no word for this one; that is the one that is seen.
    let policy = config.get("message-storage-policy").and_then(Value::as_i64);
    policy.and_then(Policy::read).ok_or_else(|| Refusal::new("MissingChannelQueueSize"))
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
