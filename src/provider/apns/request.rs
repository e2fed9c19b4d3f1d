//! The head of a push, as Apple wants it.
//! <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>
//!
//! May import the provider's types. What differs from push to push, and the provider token, is marked sensitive, so
//! that HPACK never indexes it: Apple asks for that, its table is small. (`h2` never indexes the path.)

use super::config::Endpoint;
use crate::domain::payload::apns::PushType;
use crate::domain::push::Priority;
use crate::provider::Push;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, Version};
use secrecy::ExposeSecret as _;

/// What all pushes of a batch have in common.
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// Where Live Activities go.
    pub(super) live_activities: HeaderValue,
    /// Where ordinary notifications go.
    pub(super) alerts: HeaderValue,
}

/// The head; none where the device token cannot be part of an address.
pub(super) fn head(
    address: &Address,
    push: &Push,
    authorization: HeaderValue,
) -> Option<Request<()>> {
    let token = push.token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut apns_id = HeaderValue::from_str(&push.apns_id.hyphenated().to_string()).ok()?;
    apns_id.set_sensitive(true);
    let priority = match push.priority {
        Priority::Normal => HeaderValue::from_static("5"),
        Priority::High => HeaderValue::from_static("10"),
    };
    let topic = match push.push_type {
        PushType::LiveActivity => &address.live_activities,
        PushType::Alert => &address.alerts,
    };
    Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("https://{}/3/device/{token}", address.endpoint.authority))
        .header(AUTHORIZATION, authorization)
        .header("apns-push-type", HeaderValue::from_static(push.push_type.word()))
        .header("apns-topic", topic.clone())
        .header("apns-priority", priority)
        .header("apns-expiration", HeaderValue::from(push.expiration.seconds().max(0)))
        .header("apns-id", apns_id)
        .body(())
        .ok()
}
