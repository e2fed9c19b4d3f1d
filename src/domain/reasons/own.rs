//! Our own words for pushes that a provider did not answer, or that were not made.
//!
//! May import `outcome`. Every word has a kind and a remedy, and none is a provider's.

use crate::domain::outcome::Class;

/// A word of ours, what kind of reason it is, and what to do about it.
#[derive(Clone, Copy, Debug)]
pub struct OwnRow {
    /// Our word.
    pub reason: &'static str,
    /// What kind of reason it is where the push was not sent.
    pub class: Class,
    /// What to do about it, in a sentence.
    pub remedy: &'static str,
}

macro_rules! words {
    ($($word:ident $class:ident $remedy:literal)*) => {
        $(
            #[doc = concat!("A word of ours. ", $remedy)]
            pub const $word: &str = stringify!($word);
        )*

        /// Every word of ours.
        pub static OWN_REASONS: &[OwnRow] = &[
            $(OwnRow { reason: $word, class: Class::$class, remedy: $remedy },)*
        ];
    };
}

words! {
    TIMEOUT Connection
        "The provider did not answer in time; the device may have the push. It is tried again."
    CONNECTION_LOST Connection
        "The connection broke before the answer; the device may have the push."
    STREAM_RESET Connection
        "The provider broke off without an answer; the device may have the push."
    CONNECT_FAILED Connection
        "The provider could not be reached; check name resolution and that port 443 is open."
    CONNECT_TIMEOUT Connection
        "Connecting to the provider took too long; check that a firewall lets port 443 through."
    TLS_FAILED Connection
        "The TLS handshake failed; check for a proxy in between, and apns.ca_file or fcm.ca_file."
    NO_STREAM Connection
        "The provider allows too few pushes at a time just now; the push is tried again."
    GOAWAY Connection
        "The provider closes the connection; the push goes over a new one."
    REFUSED_STREAM Connection
        "The provider did not look at the push; it is tried again."
    INVALID_KEY Configuration
        "The stored credential cannot be read as a key; upload it again."
    INVALID_TOKEN Token
        "The device token cannot be part of a request; check what the app registers."
    SHUTTING_DOWN Connection
        "The server stops; the push is made after its start."
    NO_ANSWER Connection
        "No answer came; the device may have the push. It is tried again."
    ANSWER_UNREADABLE Connection
        "The answer was none of Google's; check fcm.base_url, and for a proxy in between."
    CREDENTIAL_MISSING Configuration
        "The app has no credential for this environment; add one with CreateCredential."
    TOKEN_UNREADABLE Configuration
        "The stored token cannot be opened; check that the master key is the right one."
    ACCESS_REFUSED Configuration
        "Google gives no access for this service account: check that its key was not deleted, that \
         the account is not disabled, and that this machine's clock is right."
    ACCESS_FAILED Connection
        "Google's token endpoint could not be used; check fcm.token_url and the way to it. It is \
         tried again."
    DEVICE_PACED Retry
        "The device had as many pushes as Google allows; the newest content goes out later."
    PROJECT_PACED Retry
        "The project had as many pushes as Google allows in a minute; this one goes out later."
    PROJECT_PAUSED Retry
        "Google refuses the project's pushes at present; see the refusals before, and the log."
    CHANNEL_GONE Configuration
        "Apple has the channel no more: it was deleted elsewhere, or with the app's broadcast \
         capability. Create another one and start its activities again."
    CHANNEL_ANSWER_UNREADABLE Connection
        "The answer was none of Apple's; check apns.production_manage_url and \
         apns.sandbox_manage_url, and for a proxy in between."
    CREDENTIAL_PAUSED Configuration
        "The credential was refused, or the provider was not reached, several times in a row: its \
         pushes wait, and one of them tries now and then whether things are well again."
    WRONG_ENVIRONMENT Configuration
        "Most tokens are refused as foreign. Wrong environment? Builds from Xcode have sandbox \
         tokens, TestFlight and the App Store have production ones; check default_environment, \
         what the app registers, and its bundle id."
    PROVIDER_TOKENS_PAUSED Retry
        "Apple refuses provider tokens of the team for some minutes, because another sender signs \
         too many; give each sender a key of its own, or stop one."
    NO_REASON Request
        "The answer had no reason of the provider's; check for a proxy in between."
}

/// What kind of reason a word of ours is for a push that was not sent.
pub fn own_class(reason: &str) -> Class {
    let row = OWN_REASONS.iter().find(|row| row.reason == reason);
    row.map_or(Class::Connection, |row| row.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_credential_is_a_matter_of_configuration_and_a_lost_connection_is_not() {
        assert_eq!(own_class(CREDENTIAL_MISSING), Class::Configuration);
        assert_eq!(own_class(ACCESS_REFUSED), Class::Configuration);
        assert_eq!(own_class(CONNECT_FAILED), Class::Connection);
    }
}
