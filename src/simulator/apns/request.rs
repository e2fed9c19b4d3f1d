//! What APNs checks in a request before it looks at the provider token, in its order.
//! <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>
//!
//! May import `apns::reason`. Pure: a request in, its meaning or a refusal out.

use super::reason::Refusal;
use http::request::Parts;
use http::{HeaderMap, Method};
use uuid::Uuid;

/// The largest payload of an ordinary or Live Activity push.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 4_096;
const COLLAPSE_ID_BYTES_MAX: usize = 64;
const DEVICE_PATH: &str = "/3/device/";
const LIVE_ACTIVITY_SUFFIX: &str = ".push-type.liveactivity";
const SINGLE_HEADERS: [&str; 7] = [
    "authorization",
    "apns-id",
    "apns-topic",
    "apns-push-type",
    "apns-priority",
    "apns-expiration",
    "apns-collapse-id",
];
const PUSH_TYPES: [&str; 11] = [
    "alert",
    "background",
    "complication",
    "controls",
    "fileprovider",
    "liveactivity",
    "location",
    "mdm",
    "pushtotalk",
    "voip",
    "widgets",
];

/// A request whose headers are in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The token of the path.
    pub(crate) token: String,
    /// The app of the topic.
    pub(crate) bundle_id: String,
    /// The topic is one of Live Activities.
    pub(crate) live_activity: bool,
    /// The push type is `alert`.
    pub(crate) is_alert: bool,
    /// `apns-expiration`, where it was given.
    pub(crate) expiration: Option<i64>,
}

/// The id of a request: the client's, or a new one. The second is true where the client's was malformed.
pub(crate) fn apns_id(headers: &HeaderMap) -> (String, bool) {
    let fresh = || Uuid::new_v4().to_string();
    match headers.get("apns-id") {
        None => (fresh(), false),
        Some(value) => match value.to_str().ok().filter(|text| is_canonical(text)) {
            Some(text) => (text.to_owned(), false),
            None => (fresh(), true),
        },
    }
}

/// Checks everything but the provider token, the device token and the payload.
pub(crate) fn check(parts: &Parts) -> Result<Request, Refusal> {
    let headers = &parts.headers;
    if apns_id(headers).1 {
        return Err(Refusal::new("BadMessageId"));
    }
    if parts.method != Method::POST {
        return Err(Refusal::new("MethodNotAllowed"));
    }
    let token = parts.uri.path().strip_prefix(DEVICE_PATH);
    let token = token.filter(|token| !token.contains('/'));
    let token = token.ok_or_else(|| Refusal::new("BadPath"))?;
    if token.is_empty() {
        return Err(Refusal::new("MissingDeviceToken"));
    }
    if SINGLE_HEADERS.iter().any(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        return Err(Refusal::new("DuplicateHeaders"));
    }
    let (bundle_id, live_activity) = topic(headers)?;
    let collapse_id_bytes = headers.get("apns-collapse-id").map_or(0, http::HeaderValue::len);
    if collapse_id_bytes > COLLAPSE_ID_BYTES_MAX {
        return Err(Refusal::new("BadCollapseId"));
    }
    priority(headers, live_activity)?;
    let expiration = expiration(headers)?;
    let is_alert = push_type(headers, live_activity)? == "alert";
    Ok(Request { token: token.to_owned(), bundle_id, live_activity, is_alert, expiration })
}

fn topic(headers: &HeaderMap) -> Result<(String, bool), Refusal> {
    let value = headers.get("apns-topic").filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| Refusal::new("MissingTopic"))?;
    let topic = value.to_str().unwrap_or_default();
    let (bundle_id, live_activity) = match topic.strip_suffix(LIVE_ACTIVITY_SUFFIX) {
        Some(bundle_id) => (bundle_id, true),
        None => (topic, false),
    };
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    if bundle_id.is_empty() || !bundle_id.chars().all(legal) {
        return Err(Refusal::new("BadTopic"));
    }
    Ok((bundle_id.to_owned(), live_activity))
}

/// For Live Activities Apple lists 5 and 10 only.
fn priority(headers: &HeaderMap, live_activity: bool) -> Result<(), Refusal> {
    match headers.get("apns-priority").map(http::HeaderValue::as_bytes) {
        None | Some(b"10" | b"5") => Ok(()),
        Some(b"1") if !live_activity => Ok(()),
        Some(_) => Err(Refusal::new("BadPriority")),
    }
}

fn expiration(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    let Some(value) = headers.get("apns-expiration") else {
        return Ok(None);
    };
    let seconds = value.to_str().ok().and_then(|text| text.parse::<i64>().ok());
    match seconds {
        Some(seconds) if seconds >= 0 => Ok(Some(seconds)),
        _ => Err(Refusal::new("BadExpirationDate")),
    }
}

fn push_type(headers: &HeaderMap, live_activity: bool) -> Result<&str, Refusal> {
    let value = headers.get("apns-push-type").and_then(|value| value.to_str().ok());
    let push_type = value.filter(|value| PUSH_TYPES.contains(value));
    match push_type {
        Some(push_type) if (push_type == "liveactivity") == live_activity => Ok(push_type),
        _ => Err(Refusal::new("InvalidPushType")),
    }
}

/// Lower-case hexadecimal in groups of 8, 4, 4, 4 and 12.
pub(super) fn is_canonical(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}
