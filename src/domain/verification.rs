//! What a provider's answer to a push that nobody gets says about the credential that signed it.
//!
//! May import `outcome` and the reasons. The push goes to a token that nobody has: where the provider finds fault with
//! the token alone, it has accepted all the rest, for it judges the credential first.

use super::outcome::{Class, Outcome};
use super::push::Environment;
use super::reasons;
use super::tenant::{App, SealedCredential};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose pushes it is to sign.
    pub app: App,
    /// The credential.
    pub credential: SealedCredential,
    /// In which world; Android has one.
    pub environment: Environment,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The provider takes what it signs.
    pub verified: bool,
    /// The HTTP status; 0 where there was no answer.
    pub status: u16,
    /// The provider's word, or ours where it did not answer.
    pub reason: String,
    /// What to do about it; empty where all is well.
    pub remedy: &'static str,
}

impl Verification {
    /// What the answer says.
    pub fn of(outcome: &Outcome) -> Self {
        let (status, reason) = match outcome {
            Outcome::Accepted { .. } => (200, ""),
            Outcome::Rejected(rejection) => (rejection.status, rejection.reason.as_str()),
            Outcome::Unknown { reason }
            | Outcome::NotSent { reason }
            | Outcome::Postponed { reason, .. } => (0, *reason),
        };
        let verified = match outcome {
            Outcome::Accepted { .. } => true,
            Outcome::Rejected(rejection) => {
                rejection.class == Class::Token && rejection.reason != FOREIGN_PROJECT
            }
            _ => false,
        };
        let remedy = if verified { "" } else { reasons::remedy(status, reason) };
        Verification { verified, status, reason: reason.to_owned(), remedy }
    }
}

/// Google's word for a token of another project, which a token of nobody cannot be.
const FOREIGN_PROJECT: &str = "SENDER_ID_MISMATCH";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Rejection;

    fn of(status: u16, reason: &str, class: Class) -> Verification {
        let reason = reason.to_owned();
        let rejection = Rejection { status, reason, class, dead_since: None, retry_after: None };
        Verification::of(&Outcome::Rejected(rejection))
    }

    #[test]
    fn who_finds_fault_with_the_token_alone_takes_the_credential() {
        let good = of(400, "BadDeviceToken", Class::Token);
        assert_eq!(
            (good.verified, good.reason.as_str(), good.remedy),
            (true, "BadDeviceToken", "")
        );
        assert!(of(400, reasons::fcm::INVALID_REGISTRATION, Class::Token).verified);
        assert!(!of(403, FOREIGN_PROJECT, Class::Token).verified);
    }

    #[test]
    fn every_other_answer_comes_with_what_to_do_about_it() {
        for (status, reason, class) in [
            (403, "InvalidProviderToken", Class::Configuration),
            (403, "BadEnvironmentKeyInToken", Class::Configuration),
            (400, "TopicDisallowed", Class::Configuration),
            (429, "TooManyProviderTokenUpdates", Class::Retry),
            (503, "ServiceUnavailable", Class::Retry),
        ] {
            let found = of(status, reason, class);
            assert_eq!((found.verified, found.status), (false, status), "{reason}");
            assert_eq!(found.remedy, reasons::remedy(status, reason));
        }
        let silent = Verification::of(&Outcome::NotSent { reason: reasons::CONNECT_FAILED });
        assert!(!silent.verified && silent.remedy.contains("443"));
    }
}
