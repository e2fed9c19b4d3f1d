//! Page tokens: opaque, and good only for the tenant, the method and the filters that they were made for.
//!
//! May import `domain` for ids, and `error`. The invariant: a cursor that comes back is one that we gave out, in this
//! place; anything else is a violation of `page_token`.

use crate::domain::ids::WorkspaceId;
use crate::grpc::validate::Violations;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::fmt;

/// The layout of a token: this byte, the code, the cursor.
const FORMAT: u8 = 1;
const CODE_BYTES: usize = 32;
/// A cursor holds at most a caller's id and an id or a time of ours.
const TOKEN_BYTES_MAX: usize = 1024;

/// Makes and reads page tokens.
#[derive(Clone)]
pub struct PageTokens {
    key: hmac::Key,
}

/// Where a token is good.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The method.
    pub method: &'a str,
    /// The digest of the filters.
    pub filters: [u8; 32],
}

impl PageTokens {
    /// With a key that every replica has.
    pub fn new(key: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The token for the page after a cursor; empty where there is none.
    pub fn encode(&self, place: Place<'_>, cursor: Option<&str>) -> String {
        let Some(cursor) = cursor else { return String::new() };
        let code = hmac::sign(&self.key, &message(place, cursor));
        URL_SAFE_NO_PAD.encode([&[FORMAT], code.as_ref(), cursor.as_bytes()].concat())
    }

    /// The cursor in a token; none where the token is empty, and so on the first page.
    pub fn decode(
        &self,
        place: Place<'_>,
        token: &str,
        violations: &mut Violations,
    ) -> Option<String> {
        self.decode_as("page_token", place, token, violations)
    }

    /// The same of another field.
    pub fn decode_as(
        &self,
        field: &str,
        place: Place<'_>,
        token: &str,
        violations: &mut Violations,
    ) -> Option<String> {
        if token.is_empty() {
            return None;
        }
        let cursor = self.cursor(place, token);
        if cursor.is_none() {
            violations.add(
                field,
                "must come from the answer before, to the same method with the same filters",
            );
        }
        cursor
    }

    fn cursor(&self, place: Place<'_>, token: &str) -> Option<String> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&format, rest) = bytes.split_first()?;
        let (code, cursor) = rest.split_at_checked(CODE_BYTES)?;
        let cursor = std::str::from_utf8(cursor).ok()?;
        hmac::verify(&self.key, &message(place, cursor), code).ok()?;
        (format == FORMAT).then(|| cursor.to_owned())
    }
}

/// What is authenticated: every part but the last has a length, so that no two places give the same bytes.
fn message(place: Place<'_>, cursor: &str) -> Vec<u8> {
    let mut message = vec![FORMAT];
    message.extend(place.workspace.0.as_bytes());
    message.extend(place.filters);
    message.extend((place.method.len() as u64).to_be_bytes());
    message.extend(place.method.as_bytes());
    message.extend(cursor.as_bytes());
    message
}

impl fmt::Debug for PageTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageTokens([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tokens: &PageTokens, place: Place<'_>, token: &str) -> Result<Option<String>, ()> {
        let mut violations = Violations::new();
        let cursor = tokens.decode(place, token, &mut violations);
        violations.finish().map(|()| cursor).map_err(|error| {
            assert_eq!(error.violations[0].field, "page_token");
        })
    }

    fn place() -> Place<'static> {
        Place { workspace: WorkspaceId::generate(), method: "ListApps", filters: [1; 32] }
    }

    #[test]
    fn a_token_is_read_back_where_it_was_made() {
        let (tokens, place) = (PageTokens::new(b"key"), place());
        let token = tokens.encode(place, Some("app_17"));
        assert_eq!(read(&tokens, place, &token), Ok(Some("app_17".to_owned())));
        assert_eq!(tokens.encode(place, None), "");
        assert_eq!(read(&tokens, place, ""), Ok(None));
    }

    #[test]
    fn a_token_of_another_tenant_method_filter_or_server_is_refused() {
        let (tokens, here) = (PageTokens::new(b"key"), place());
        let token = tokens.encode(here, Some("app_17"));
        for elsewhere in [
            place(),
            Place { method: "ListWorkspaces", ..here },
            Place { filters: [2; 32], ..here },
        ] {
            assert_eq!(read(&tokens, elsewhere, &token), Err(()));
        }
        assert_eq!(read(&PageTokens::new(b"other"), here, &token), Err(()));
    }

    #[test]
    fn a_changed_token_is_refused() {
        let (tokens, place) = (PageTokens::new(b"key"), place());
        let bytes = URL_SAFE_NO_PAD.decode(tokens.encode(place, Some("app_17"))).expect("base64");
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let token = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(read(&tokens, place, &token), Err(()), "byte {index}");
        }
        for nonsense in ["x", "not base64!", "AQ", &"A".repeat(5_000)] {
            assert_eq!(read(&tokens, place, nonsense), Err(()));
        }
    }
}
