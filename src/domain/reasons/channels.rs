//! Apple's reasons about broadcast channels: for managing them, and for what is published to them.
//! <https://developer.apple.com/documentation/usernotifications/handling-error-responses-from-apns>
//!
//! Some of them are also words about pushes to devices and mean the same with another remedy, so the two tables are
//! apart. A word that is in neither is kept as it came and classified by its status.

use super::{Row, TOKENS, row};
use crate::domain::outcome::Class;

const ERRORS: &str = "https://developer.apple.com/documentation/usernotifications/\
    handling-error-responses-from-apns";
const MANAGING: &str = "https://developer.apple.com/documentation/usernotifications/\
    sending-channel-management-requests-to-apns";
const CAPABILITY: &str = "https://developer.apple.com/documentation/usernotifications/\
    setting-up-broadcast-push-notifications";

const OURS: &str = "A fault of Tidings; please report it.";
const PASSING: &str = "Apple has a passing fault; it is tried again.";
const NEW_CONNECTION: &str = "Apple closes the connection; it is tried again over a new one.";
const NO_CERTIFICATES: &str = "Live Activities take keys, not certificates; upload a .p8 key.";
const UNREACHABLE: &str = "Apple could not be reached or did not answer; it is tried again. Check \
    name resolution, and that a firewall lets the ports 2195 (sandbox) and 2196 (production) \
    through.";

/// Apple's word for a channel that it does not have.
pub const NOT_REGISTERED: &str = "ChannelNotRegistered";

/// Every reason of Apple's about channels.
pub static REASONS: &[Row] = &[
    row(
        400,
        "FeatureNotEnabled",
        Class::Configuration,
        "Broadcasts are not enabled for the app: switch on Broadcast Capability under Push \
         Notifications of its identifier in the developer account, then create the channel again.",
        CAPABILITY,
    ),
    row(400, "MissingChannelId", Class::Request, OURS, ERRORS),
    row(
        400,
        "BadChannelId",
        Class::Request,
        "Apple cannot read the channel's id; delete the channel and create another one.",
        ERRORS,
    ),
    row(
        400,
        NOT_REGISTERED,
        Class::Configuration,
        "Apple has no such channel in this environment: it was deleted, there or with the app's \
         broadcast capability. Create another one and start its activities again.",
        ERRORS,
    ),
    row(400, "BadRequestParams", Class::Request, OURS, ERRORS),
    row(400, "BadRequestPayload", Class::Request, OURS, ERRORS),
    // Not on Apple's page; seen where the storage policy is missing.
    row(400, "MissingChannelQueueSize", Class::Request, OURS, MANAGING),
    row(400, "PayloadEmpty", Class::Request, OURS, ERRORS),
    row(400, "BadMessageId", Class::Request, OURS, ERRORS),
    row(400, "MissingPushType", Class::Request, OURS, ERRORS),
    row(400, "InvalidPushType", Class::Request, OURS, ERRORS),
    row(
        400,
        "CannotCreateChannelConfig",
        Class::Configuration,
        "Apple creates no more channels for the app in this environment, where it may have 10,000; \
         delete those that are over, also those in the state FOUND.",
        MANAGING,
    ),
    row(400, "BadExpirationDate", Class::Request, OURS, ERRORS),
    row(
        400,
        "TopicDisallowed",
        Class::Configuration,
        "The key may not use this app: it is of another team, or limited to other topics.",
        ERRORS,
    ),
    row(400, "BadPriority", Class::Request, OURS, ERRORS),
    row(403, "BadCertificate", Class::Configuration, NO_CERTIFICATES, ERRORS),
    row(403, "BadCertificateEnvironment", Class::Configuration, NO_CERTIFICATES, ERRORS),
    row(
        403,
        "TopicMismatch",
        Class::Configuration,
        "The key does not belong to the app's bundle id: check the team of the key, and to which \
         topics it is limited.",
        ERRORS,
    ),
    row(403, "MissingProviderToken", Class::Request, OURS, TOKENS),
    row(
        403,
        "ExpiredProviderToken",
        Class::ProviderToken,
        "A new provider token is signed by itself; if this stays, set this machine's clock.",
        TOKENS,
    ),
    row(
        403,
        "InvalidProviderToken",
        Class::Configuration,
        "Apple does not accept the signature; check that the key id and the team id belong to the \
         .p8 file, and that the key was not revoked.",
        TOKENS,
    ),
    row(404, "BadPath", Class::Request, OURS, ERRORS),
    row(405, "MethodNotAllowed", Class::Request, OURS, ERRORS),
    row(
        413,
        "PayloadTooLarge",
        Class::Request,
        "A broadcast has at most 5,120 bytes, attributes and content 4,096; make the content \
         smaller.",
        ERRORS,
    ),
    row(
        429,
        "TooManyRequests",
        Class::Retry,
        "Too many requests about the app's channels; it is tried again later.",
        ERRORS,
    ),
    row(
        429,
        "TooManyProviderTokenUpdates",
        Class::Retry,
        "Another sender signs tokens for the same team; give each a key of its own, or stop one.",
        TOKENS,
    ),
    row(500, "InternalServerError", Class::Retry, PASSING, ERRORS),
    // As Apple's page prints it, and as it prints it everywhere else.
    row(503, "Service Unavailable", Class::Retry, PASSING, ERRORS),
    row(503, "ServiceUnavailable", Class::Retry, PASSING, ERRORS),
    row(503, "Shutdown", Class::Connection, NEW_CONNECTION, ERRORS),
];

/// The row of a reason about channels; that about devices where there is none.
pub fn find(status: u16, reason: &str) -> Option<&'static Row> {
    let row = REASONS.iter().find(|row| row.reason == reason && row.status / 100 == status / 100);
    row.or_else(|| super::find(status, reason))
}

/// What to do about a reason, Apple's or ours, in a sentence.
pub fn remedy(reason: &str, class: Class) -> &'static str {
    if let Some(row) = REASONS.iter().chain(super::REASONS).find(|row| row.reason == reason) {
        return row.remedy;
    }
    match class {
        Class::Connection => UNREACHABLE,
        Class::Retry | Class::ProviderToken => PASSING,
        Class::Configuration | Class::Token | Class::Request | Class::Device => {
            super::remedy(0, reason)
        }
    }
}

/// Apple's page about a reason; empty for a word of ours.
pub fn link(reason: &str) -> &'static str {
    let row = REASONS.iter().chain(super::REASONS).find(|row| row.reason == reason);
    row.map_or("", |row| row.link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reasons::{CHANNEL_GONE, CONNECT_FAILED};

    #[test]
    fn no_reason_has_two_rows_and_every_one_has_a_remedy_and_a_page() {
        for (index, row) in REASONS.iter().enumerate() {
            let others = &REASONS[index + 1..];
            assert!(others.iter().all(|other| other.reason != row.reason), "{row:?}");
            assert!(row.remedy.ends_with('.') && row.link.starts_with("https://"), "{row:?}");
            assert_eq!(remedy(row.reason, row.class), row.remedy);
            assert_eq!(link(row.reason), row.link);
        }
    }

    #[test]
    fn both_spellings_of_service_unavailable_pass_and_words_about_devices_are_known() {
        for reason in ["Service Unavailable", "ServiceUnavailable"] {
            assert_eq!(find(503, reason).unwrap().class, Class::Retry);
        }
        let wrong_world = find(403, "BadEnvironmentKeyInToken").unwrap();
        assert_eq!(wrong_world.class, Class::Configuration);
        assert!(find(503, "BadPriority").is_none(), "another status means something else");
    }

    #[test]
    fn words_of_ours_have_a_remedy_about_channels() {
        assert!(remedy(CONNECT_FAILED, Class::Connection).contains("2196"));
        assert!(remedy(CHANNEL_GONE, Class::Configuration).contains("channel"));
        assert_eq!(link(CONNECT_FAILED), "");
    }
}
