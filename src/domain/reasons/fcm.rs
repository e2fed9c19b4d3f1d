//! Google's reasons as data.
//!
//! May import `outcome` and what a row is. Only two words mean that a token is dead. A status without its word means
//! no such thing: a wrong project id answers `404` for every device there is.
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>

use super::{OURS, Row, row};
use crate::domain::outcome::Class;

/// The word of a token that is dead: the app was removed, or was not used for very long.
pub const UNREGISTERED: &str = "UNREGISTERED";
/// Our word for Google's `INVALID_ARGUMENT` about a token that is none, to tell it from a request that is wrong.
pub const INVALID_REGISTRATION: &str = "INVALID_REGISTRATION";

const CODES: &str = "https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode";
const CODES_EXPLAINED: &str = "https://firebase.google.com/docs/cloud-messaging/error-codes";
const SCALE: &str = "https://firebase.google.com/docs/cloud-messaging/scale-fcm";
const QUOTAS: &str = "https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas";
const TOKENS: &str = "https://firebase.google.com/docs/cloud-messaging/manage-tokens";
const ACCESS: &str = "https://firebase.google.com/docs/cloud-messaging/send/v1-api";
const GOOGLE: &str = "https://docs.cloud.google.com/apis/design/errors";

const NEW_ACCESS: &str = "A new access token is fetched by itself; if this stays, check this \
    machine's clock and that the service account is not disabled.";
const MAY_NOT: &str = "The service account may not send to this project; give it the role \
    Firebase Cloud Messaging API Admin, and check the project.";
const SWITCHED_OFF: &str =
    "The Firebase Cloud Messaging API is switched off in the project; enable it in the console.";
const OTHER_PROJECT: &str = "Google does not know the project; check the project id of the \
    service account, and fcm.base_url. No token is given up for this.";
const TOO_MANY: &str = "The project or the device has more pushes than Google allows; the newest \
    content goes out later.";
const OF_THE_PROJECT: &str = "A key of the Firebase project for Apple or the web is refused; it \
    does not concern Android devices, so check what kind of token the app registers.";

/// Every reason of Google's for a push to a device.
pub static REASONS: &[Row] = &[
    row(400, "INVALID_ARGUMENT", Class::Request, OURS, CODES_EXPLAINED),
    row(
        400,
        INVALID_REGISTRATION,
        Class::Token,
        "Google says that the token is none; check what the app registers, and that it is whole.",
        TOKENS,
    ),
    row(
        400,
        "FAILED_PRECONDITION",
        Class::Configuration,
        "Google refuses the project in its present state; look at it in the console.",
        GOOGLE,
    ),
    row(401, "ACCESS_TOKEN_EXPIRED", Class::ProviderToken, NEW_ACCESS, ACCESS),
    row(401, "CREDENTIALS_MISSING", Class::ProviderToken, NEW_ACCESS, ACCESS),
    row(401, "ACCESS_TOKEN_TYPE_UNSUPPORTED", Class::ProviderToken, NEW_ACCESS, ACCESS),
    row(401, "UNAUTHENTICATED", Class::ProviderToken, NEW_ACCESS, ACCESS),
    row(
        401,
        "ACCOUNT_STATE_INVALID",
        Class::Configuration,
        "The service account is disabled or deleted; enable it, or upload the key of another.",
        ACCESS,
    ),
    row(401, "THIRD_PARTY_AUTH_ERROR", Class::Configuration, OF_THE_PROJECT, CODES),
    row(401, "APNS_AUTH_ERROR", Class::Configuration, OF_THE_PROJECT, CODES),
    row(
        403,
        "SENDER_ID_MISMATCH",
        Class::Token,
        "The token belongs to another Firebase project than the service account; check the app's \
         google-services.json against the credential. The token is kept.",
        CODES,
    ),
    row(403, "SERVICE_DISABLED", Class::Configuration, SWITCHED_OFF, GOOGLE),
    row(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Class::Configuration, MAY_NOT, ACCESS),
    row(403, "IAM_PERMISSION_DENIED", Class::Configuration, MAY_NOT, ACCESS),
    row(403, "PERMISSION_DENIED", Class::Configuration, MAY_NOT, ACCESS),
    row(
        403,
        "BILLING_DISABLED",
        Class::Configuration,
        "The project's billing is switched off; look at it in the console.",
        GOOGLE,
    ),
    row(403, "CONSUMER_INVALID", Class::Configuration, OTHER_PROJECT, GOOGLE),
    row(
        404,
        UNREGISTERED,
        Class::Token,
        "The app was removed or not opened for very long; a new token comes when the app opens.",
        TOKENS,
    ),
    row(404, "NOT_FOUND", Class::Configuration, OTHER_PROJECT, CODES_EXPLAINED),
    row(429, "QUOTA_EXCEEDED", Class::Retry, TOO_MANY, QUOTAS),
    row(429, "RATE_LIMIT_EXCEEDED", Class::Retry, TOO_MANY, QUOTAS),
    row(429, "RESOURCE_EXHAUSTED", Class::Retry, TOO_MANY, QUOTAS),
    row(
        500,
        "INTERNAL",
        Class::Retry,
        "Google has a passing fault; the push is tried again.",
        SCALE,
    ),
    row(
        503,
        "UNAVAILABLE",
        Class::Retry,
        "Google is not available for the moment; the push is tried again.",
        SCALE,
    ),
    row(
        504,
        "DEADLINE_EXCEEDED",
        Class::Retry,
        "Google took too long; the push is tried again.",
        SCALE,
    ),
];

/// The row of a reason. A known word under another status is not trusted to mean the same.
pub fn find(status: u16, reason: &str) -> Option<&'static Row> {
    let same = |row: &&Row| row.reason == reason && (row.status == status || both_5xx(row, status));
    REASONS.iter().find(same)
}

fn both_5xx(row: &Row, status: u16) -> bool {
    row.status >= 500 && (500..=599).contains(&status)
}

/// What kind of reason one is that the table does not know. Never [`Class::Token`].
pub fn class_of_status(status: u16) -> Class {
    match status {
        401 => Class::ProviderToken,
        // A redirect is not followed: it is not Google that answers.
        300..=399 | 403 | 404 => Class::Configuration,
        408 | 425 | 429 | 500..=599 => Class::Retry,
        _ => Class::Request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_words_may_mean_a_dead_token_and_no_status_alone_does() {
        let of_tokens = REASONS.iter().filter(|row| row.class == Class::Token);
        let of_tokens: Vec<_> = of_tokens.map(|row| (row.status, row.reason)).collect();
        let wanted =
            [(400, INVALID_REGISTRATION), (403, "SENDER_ID_MISMATCH"), (404, UNREGISTERED)];
        assert_eq!(of_tokens, wanted);
        assert!((100..=599).all(|status| class_of_status(status) != Class::Token));
    }

    #[test]
    fn a_word_under_a_foreign_status_is_not_trusted() {
        assert!(find(403, UNREGISTERED).is_none());
        assert!(find(400, UNREGISTERED).is_none());
        assert_eq!(find(500, "UNAVAILABLE").unwrap().class, Class::Retry);
    }
}
