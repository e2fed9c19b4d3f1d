//! Apple's reasons as data, Google's in `fcm`, and our own words for pushes that neither answered.
//!
//! The remedies reach the send log by way of it. The table has every reason of Apple's page; one that is not in it
//! is kept as it came and classified by its status, so a new word of Apple's never breaks anything.
//! <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>

mod own;

pub mod channels;
pub mod fcm;

pub use own::*;

use super::outcome::Class;

/// One reason of a provider's, what kind it is and what to do about it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The HTTP status that it comes with.
    pub status: u16,
    /// Its word.
    pub reason: &'static str,
    /// What kind of reason it is.
    pub class: Class,
    /// What to do about it, in a sentence.
    pub remedy: &'static str,
    /// Its page about it.
    pub link: &'static str,
}

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

/// What to do about a reason, Apple's, Google's or ours, in a sentence. Apple's words and Google's are never alike.
pub fn remedy(status: u16, reason: &str) -> &'static str {
    if let Some(row) = find(status, reason).or_else(|| fcm::find(status, reason)) {
        return row.remedy;
    }
    if let Some(row) = OWN_REASONS.iter().find(|row| row.reason == reason) {
        return row.remedy;
    }
    match class_of_status(status) {
        Class::Retry => "The provider has a passing fault; the push is tried again.",
        Class::Token => "Apple says that the token is dead; a new one comes when the app opens.",
        Class::Configuration => {
            "Check the app's credential, and that it is of the team and environment or of the \
             project that the app belongs to."
        }
        _ => "The reason is new to this version; look it up in the provider's documentation.",
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
        "Apple's clock and this machine's differ, or the token had become old: such a one is \
         replaced by itself. If this stays, set this machine's clock.",
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
        let rows: Vec<&Row> = REASONS.iter().chain(fcm::REASONS).collect();
        for (index, row) in rows.iter().enumerate() {
            assert!(rows[index + 1..].iter().all(|other| other.reason != row.reason), "{row:?}");
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
