//! Apple's reasons as data, and our own words for pushes that Apple did not answer.
//!
//! The remedies reach the send log by way of it. The table has every reason of Apple's page; one that is not in it
//! is kept as it came and classified by its status, so a new word of Apple's never breaks anything.
//! <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>

use super::outcome::Class;

/// One reason of Apple's, what kind it is and what to do about it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The HTTP status that it comes with.
    pub status: u16,
    /// Apple's word.
    pub reason: &'static str,
    /// What kind of reason it is.
    pub class: Class,
    /// What to do about it, in a sentence.
    pub remedy: &'static str,
    /// Apple's page about it.
    pub link: &'static str,
}

/// A word of ours for a push without an answer, and what to do about it.
#[derive(Clone, Copy, Debug)]
pub struct OwnRow {
    /// Our word.
    pub reason: &'static str,
    /// What to do about it, in a sentence.
    pub remedy: &'static str,
}

/// A word of ours.
pub const NO_ANSWER: &str = "NO_ANSWER";
/// A word of ours.
pub const CREDENTIAL_MISSING: &str = "CREDENTIAL_MISSING";
/// A word of ours.
pub const TOKEN_UNREADABLE: &str = "TOKEN_UNREADABLE";
/// A word of ours.
pub const TIMEOUT: &str = "TIMEOUT";
/// A word of ours.
pub const CONNECTION_LOST: &str = "CONNECTION_LOST";
/// A word of ours.
pub const STREAM_RESET: &str = "STREAM_RESET";
/// A word of ours.
pub const CONNECT_FAILED: &str = "CONNECT_FAILED";
/// A word of ours.
pub const CONNECT_TIMEOUT: &str = "CONNECT_TIMEOUT";
/// A word of ours.
pub const TLS_FAILED: &str = "TLS_FAILED";
/// A word of ours.
pub const NO_STREAM: &str = "NO_STREAM";
/// A word of ours.
pub const GOAWAY: &str = "GOAWAY";
/// A word of ours.
pub const REFUSED_STREAM: &str = "REFUSED_STREAM";
/// A word of ours.
pub const INVALID_KEY: &str = "INVALID_KEY";
/// A word of ours.
pub const INVALID_TOKEN: &str = "INVALID_TOKEN";
/// A word of ours.
pub const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
/// Stands where Apple gave a status without a reason.
/// A word of ours.
pub const NO_REASON: &str = "NO_REASON";

/// What kind of reason one is that the table does not know.
pub fn class_of_status(status: u16) -> Class {
    match status {
        401 | 403 => Class::Configuration,
        410 => Class::Token,
        429 | 500..=599 => Class::Retry,
        _ => Class::Request,
    }
}

/// The row of a reason. A known word under a status of another hundred is not trusted to mean the same.
pub fn find(status: u16, reason: &str) -> Option<&'static Row> {
    REASONS.iter().find(|row| row.reason == reason && row.status / 100 == status / 100)
}

/// What to do about a reason, Apple's or ours, in a sentence.
pub fn remedy(status: u16, reason: &str) -> &'static str {
    if let Some(row) = find(status, reason) {
        return row.remedy;
    }
    if let Some(row) = OWN_REASONS.iter().find(|row| row.reason == reason) {
        return row.remedy;
    }
    match class_of_status(status) {
        Class::Retry => "Apple has a passing fault; the push is tried again.",
        Class::Token => "Apple says that the token is dead; a new one comes when the app opens.",
        Class::Configuration => "Check the key, its team, its environment and the bundle id.",
        _ => "Apple's reason is new to this version; look it up in Apple's documentation.",
    }
}

const RESPONSES: &str = "https://developer.apple.com/documentation/usernotifications/\
    handling-notification-responses-from-apns";
const REQUESTS: &str = "https://developer.apple.com/documentation/usernotifications/\
    sending-notification-requests-to-apns";
const TOKENS: &str = "https://developer.apple.com/documentation/usernotifications/\
    establishing-a-token-based-connection-to-apns";

const fn row(
    status: u16,
    reason: &'static str,
    class: Class,
    remedy: &'static str,
    link: &'static str,
) -> Row {
    Row { status, reason, class, remedy, link }
}

const OURS: &str = "A fault of Tidings; please report it.";
const NEW_CONNECTION: &str = "Apple closes the connection; the push goes over a new one.";
const OTHER_ENVIRONMENT: &str = "The key is made for the other environment only; \
    upload a key for this one, or correct the environment of the tokens.";
const NO_CERTIFICATES: &str =
    "Live Activities take keys, not certificates; upload a .p8 key for this app.";

/// Every reason of Apple's for a push to a device.
pub static REASONS: &[Row] = &[
    row(400, "BadCollapseId", Class::Request, OURS, REQUESTS),
    row(
        400,
        "BadDeviceToken",
        Class::Token,
        "The token is mistyped or belongs to the other environment: builds from Xcode have sandbox \
         tokens, TestFlight and the App Store have production ones. Check what the app registers.",
        RESPONSES,
    ),
    row(400, "BadExpirationDate", Class::Request, OURS, REQUESTS),
    row(400, "BadMessageId", Class::Request, OURS, REQUESTS),
    row(400, "BadPriority", Class::Request, OURS, REQUESTS),
    row(
        400,
        "BadTopic",
        Class::Configuration,
        "Apple does not know the bundle id; correct it in the app's settings.",
        REQUESTS,
    ),
    row(
        400,
        "DeviceTokenNotForTopic",
        Class::Token,
        "The token is of another app or of another kind, such as that of ordinary notifications; \
         check which token the app registers, and the app's bundle id.",
        RESPONSES,
    ),
    row(400, "DuplicateHeaders", Class::Request, OURS, REQUESTS),
    row(400, "IdleTimeout", Class::Connection, NEW_CONNECTION, RESPONSES),
    row(400, "InvalidPushType", Class::Request, OURS, REQUESTS),
    row(400, "MissingDeviceToken", Class::Request, OURS, REQUESTS),
    row(400, "MissingTopic", Class::Request, OURS, REQUESTS),
    row(400, "PayloadEmpty", Class::Request, OURS, RESPONSES),
    row(
        400,
        "TopicDisallowed",
        Class::Configuration,
        "The key may not push to this app: it is of another team, or is limited to other topics.",
        RESPONSES,
    ),
    row(403, "BadCertificate", Class::Configuration, NO_CERTIFICATES, RESPONSES),
    row(403, "BadCertificateEnvironment", Class::Configuration, NO_CERTIFICATES, RESPONSES),
    row(
        403,
        "ExpiredProviderToken",
        Class::ProviderToken,
        "A new provider token is signed by itself; if this stays, set this machine's clock.",
        TOKENS,
    ),
    row(
        403,
        "Forbidden",
        Class::Configuration,
        "Apple does not allow this; check in the developer account that the app may push.",
        RESPONSES,
    ),
    row(
        403,
        "InvalidProviderToken",
        Class::Configuration,
        "Apple does not accept the signature; check that the key id and the team id belong to the \
         .p8 file, and that the key was not revoked.",
        TOKENS,
    ),
    row(403, "MissingProviderToken", Class::Request, OURS, TOKENS),
    row(
        403,
        "UnrelatedKeyIdInToken",
        Class::Connection,
        "Apple saw another key on the same connection; the push goes over a new one.",
        TOKENS,
    ),
    row(403, "BadEnvironmentKeyIdInToken", Class::Configuration, OTHER_ENVIRONMENT, TOKENS),
    // What Apple really sends, whatever its page says.
    row(403, "BadEnvironmentKeyInToken", Class::Configuration, OTHER_ENVIRONMENT, TOKENS),
    row(404, "BadPath", Class::Request, OURS, REQUESTS),
    row(405, "MethodNotAllowed", Class::Request, OURS, REQUESTS),
    row(
        410,
        "Unregistered",
        Class::Token,
        "The app was removed or the card is gone; a new token comes when the app opens.",
        RESPONSES,
    ),
    row(
        410,
        "ExpiredToken",
        Class::Token,
        "The token is over, as after the end of its activity; a new one comes from the app.",
        RESPONSES,
    ),
    row(
        413,
        "PayloadTooLarge",
        Class::Request,
        "Attributes, content and alert are too large together; make them smaller.",
        RESPONSES,
    ),
    row(
        429,
        "TooManyProviderTokenUpdates",
        Class::Retry,
        "Another sender signs tokens for the same team; give each a key of its own, or stop one.",
        TOKENS,
    ),
    row(
        429,
        "TooManyRequests",
        Class::Retry,
        "Too many pushes for this one device; the newest content goes out later.",
        RESPONSES,
    ),
    row(
        500,
        "InternalServerError",
        Class::Retry,
        "Apple has a passing fault; the push is tried again.",
        RESPONSES,
    ),
    row(
        503,
        "ServiceUnavailable",
        Class::Retry,
        "Apple is not available for the moment; the push is tried again.",
        RESPONSES,
    ),
    row(503, "Shutdown", Class::Connection, NEW_CONNECTION, RESPONSES),
];

/// Every word of ours.
pub static OWN_REASONS: &[OwnRow] = &[
    OwnRow {
        reason: TIMEOUT,
        remedy: "Apple did not answer in time; the device may have the push. It is tried again.",
    },
    OwnRow {
        reason: CONNECTION_LOST,
        remedy: "The connection broke before the answer; the device may have the push.",
    },
    OwnRow {
        reason: STREAM_RESET,
        remedy: "Apple broke off without an answer; the device may have the push.",
    },
    OwnRow {
        reason: CONNECT_FAILED,
        remedy: "Apple could not be reached; check name resolution and that port 443 is open.",
    },
    OwnRow {
        reason: CONNECT_TIMEOUT,
        remedy: "Connecting to Apple took too long; check that a firewall lets port 443 through.",
    },
    OwnRow {
        reason: TLS_FAILED,
        remedy: "The TLS handshake with Apple failed; check for a proxy, and apns.ca_file.",
    },
    OwnRow {
        reason: NO_STREAM,
        remedy: "Apple allows too few pushes at a time just now; the push is tried again.",
    },
    OwnRow { reason: GOAWAY, remedy: NEW_CONNECTION },
    OwnRow { reason: REFUSED_STREAM, remedy: "Apple did not look at the push; it is tried again." },
    OwnRow {
        reason: INVALID_KEY,
        remedy: "The .p8 text of the credential cannot be read; upload it again.",
    },
    OwnRow {
        reason: INVALID_TOKEN,
        remedy: "The device token cannot be written into an address; check what the app registers.",
    },
    OwnRow { reason: SHUTTING_DOWN, remedy: "The server stops; the push is made after its start." },
    OwnRow {
        reason: NO_ANSWER,
        remedy: "No answer came; the device may have the push. It is tried again.",
    },
    OwnRow {
        reason: CREDENTIAL_MISSING,
        remedy: "The app has no .p8 key for this environment; add one with CreateCredential.",
    },
    OwnRow {
        reason: TOKEN_UNREADABLE,
        remedy: "The stored token cannot be opened; check that the master key is the right one.",
    },
    OwnRow {
        reason: NO_REASON,
        remedy: "The answer had no reason of Apple's; check for a proxy in between.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_the_wrong_environment_are_known() {
        for reason in ["BadEnvironmentKeyInToken", "BadEnvironmentKeyIdInToken"] {
            assert_eq!(find(403, reason).unwrap().class, Class::Configuration);
        }
    }

    #[test]
    fn no_reason_has_two_rows_and_every_one_has_a_remedy_and_a_page() {
        for (index, row) in REASONS.iter().enumerate() {
            assert!(REASONS[index + 1..].iter().all(|other| other.reason != row.reason));
            assert!(row.remedy.ends_with('.') && row.link.starts_with("https://"), "{row:?}");
            assert_eq!(remedy(row.status, row.reason), row.remedy);
        }
        for row in OWN_REASONS {
            assert_eq!(remedy(0, row.reason), row.remedy);
        }
    }

    #[test]
    fn a_known_word_under_a_foreign_status_is_classified_by_the_status() {
        assert!(find(503, "Unregistered").is_none());
        assert_eq!(class_of_status(503), Class::Retry);
    }
}
