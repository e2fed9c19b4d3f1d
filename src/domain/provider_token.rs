//! Provider tokens: when one is signed, and what it means that Apple calls one expired.
//! <https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns>
//!
//! May import `clock` and `secrets`. One token per key serves all who share the database, over restarts too: it is
//! replaced after [`REPLACE_AFTER`], and never twice within [`MINT_EVERY`], whatever Apple says of it, for Apple
//! punishes that for the whole team.

use crate::clock::Time;
use crate::secrets::Sealed;
use std::fmt::Write as _;
use std::time::Duration;

/// Apple refuses a token that is older than an hour.
pub const REPLACE_AFTER: Duration = Duration::from_mins(50);

/// Apple refuses tokens that are replaced more often.
pub const MINT_EVERY: Duration = Duration::from_mins(20);

/// A token that is older than this is no good to anybody, and says nothing about when the next one may be signed.
pub const FORGET_AFTER: Duration = Duration::from_hours(2);

const _: () = assert!(MINT_EVERY.as_secs() < REPLACE_AFTER.as_secs());
const _: () = assert!(REPLACE_AFTER.as_secs() < FORGET_AFTER.as_secs());

/// Which key signs. The text of the key counts too: who uploads another text under the same ids has a token of their
/// own, and disturbs nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignerId {
    /// Apple's id of the team.
    pub team_id: String,
    /// Apple's id of the key.
    pub key_id: String,
    /// A digest of the key's text.
    pub key_digest: [u8; 32],
}

/// A provider token as it is kept for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// Who signed it.
    pub signer: SignerId,
    /// The token.
    pub sealed: Sealed,
    /// When it was signed.
    pub minted_at: Time,
}

impl SignerId {
    /// How the row of its token is called where that is sealed for it.
    pub fn row(&self) -> String {
        let SignerId { team_id, key_id, key_digest } = self;
        let digest = key_digest.iter().fold(String::new(), |mut text, byte| {
            // A string takes everything.
            let _ = write!(text, "{byte:02x}");
            text
        });
        format!("{team_id}/{key_id}/{digest}")
    }
}

/// Whether a token may be used that was signed then. `refused`: when the one was signed that Apple has called expired.
/// A token from the future was signed by a clock that was wrong.
pub fn is_good(minted_at: Time, refused: Option<Time>, now: Time) -> bool {
    let age_max = if refused == Some(minted_at) { MINT_EVERY } else { REPLACE_AFTER };
    now.since(minted_at) < age_max && minted_at.since(now) < REPLACE_AFTER
}

/// Whether it must be our clock that is wrong where Apple calls a token expired: nobody may sign another one so soon.
pub fn is_fresh(minted_at: Time, now: Time) -> bool {
    now.since(minted_at) < MINT_EVERY
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_790_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_token_is_replaced_after_50_minutes() {
        assert!(is_good(NOW, None, NOW + REPLACE_AFTER - SECOND));
        assert!(!is_good(NOW, None, NOW + REPLACE_AFTER));
    }

    #[test]
    fn a_token_that_apple_calls_expired_is_not_replaced_within_20_minutes() {
        assert!(is_good(NOW, Some(NOW), NOW + MINT_EVERY - SECOND));
        assert!(!is_good(NOW, Some(NOW), NOW + MINT_EVERY));
        assert!(is_good(NOW + SECOND, Some(NOW), NOW + MINT_EVERY + SECOND), "another has come");
    }

    #[test]
    fn a_token_that_is_called_expired_before_another_may_be_signed_says_that_the_clock_is_wrong() {
        assert!(is_fresh(NOW, NOW + MINT_EVERY - SECOND));
        assert!(!is_fresh(NOW, NOW + MINT_EVERY));
    }

    #[test]
    fn a_token_from_the_future_is_replaced() {
        assert!(is_good(NOW, None, NOW - REPLACE_AFTER + SECOND));
        assert!(!is_good(NOW, None, NOW - REPLACE_AFTER));
    }
}
