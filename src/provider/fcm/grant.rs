//! One request for an access token: a signed claim goes to the operator's token endpoint, a bearer token comes back.
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>
//!
//! May import `clock`, the service account and this folder's bodies. `gcp_auth` reads the key and signs; the request
//! is ours, for its own has no time limit, no bound, no way to trust the operator's certificates, and tries five times
//! what was refused (`docs/adr/0010-google-access-tokens.md`). Neither key, claim nor token is ever printed.

use super::body;
use crate::clock::{Clock, Time};
use crate::domain::service_account::{Inspected, ServiceAccountKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gcp_auth::CustomServiceAccount;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, DATE};
use reqwest::{Client, Response, Url};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// How long a claim is good for, the longest that Google takes.
const CLAIM_LIFE: Duration = Duration::from_hours(1);

/// A token is used for so long even where it is said to be good for less: else every push would ask for one.
pub(super) const LIFE_MIN: Duration = Duration::from_secs(10);
/// And no longer than this, whatever is said.
const LIFE_MAX: Duration = Duration::from_hours(12);

/// The longest token that is taken; Google's have some 1,000 bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The longest word of a peer that is logged.
const WORD_BYTES_MAX: usize = 200;

/// Further from Google's clock than this, a claim may be refused.
const SKEW_MAX: Duration = Duration::from_mins(1);

/// The operator's token endpoint.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) client: Client,
    pub(super) url: Url,
    /// As the operator wrote it, and as the claim names it.
    pub(super) audience: String,
    pub(super) timeout: Duration,
    pub(super) clock: Clock,
}

/// Signs for one service account.
pub(super) struct Signer {
    account: CustomServiceAccount,
    inspected: Inspected,
}

/// A token, ready to be sent.
pub(super) struct Granted {
    pub(super) authorization: HeaderValue,
    pub(super) life: Duration,
}

/// Why there is no token; the text is for the log.
#[derive(Debug)]
pub(super) enum Denied {
    /// The account, its key or the address is wrong: someone has to mend it.
    Refused(String),
    /// It passes.
    Failed(String),
}

impl Signer {
    /// What signs for the account; tokens come from the operator's endpoint, whatever its file says.
    pub(super) fn new(key: &ServiceAccountKey, audience: &str) -> Result<Signer, gcp_auth::Error> {
        let account = CustomServiceAccount::from_json(key.to_json(audience).expose_secret())?;
        Ok(Signer { account, inspected: key.inspected.clone() })
    }

    pub(super) fn inspected(&self) -> &Inspected {
        &self.inspected
    }

    fn claim(&self, audience: &str, now: Time) -> Result<String, gcp_auth::Error> {
        let header = match self.inspected.private_key_id.as_str() {
            "" => json!({ "alg": "RS256", "typ": "JWT" }),
            kid => json!({ "alg": "RS256", "typ": "JWT", "kid": kid }),
        };
        let claims = json!({
            "iss": self.inspected.client_email,
            "scope": SCOPE,
            "aud": audience,
            "iat": now.seconds(),
            "exp": (now + CLAIM_LIFE).seconds(),
        });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let signed = format!("{header}.{claims}");
        let signature = self.account.signer().sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Endpoint {
    /// Asks for a token, once.
    pub(super) async fn grant(&self, signer: &Signer) -> Result<Granted, Denied> {
        let claim = signer.claim(&self.audience, self.clock.now());
        let claim = claim.map_err(|error| Denied::Refused(error.to_string()))?;
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={claim}"
        );
        let request = self.client.post(self.url.clone()).timeout(self.timeout);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let response = request.send().await.map_err(|error| Denied::Failed(told(&error)))?;
        let status = response.status().as_u16();
        let skew = skew(&response, self.clock.now());
        let body = body::read(response).await;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == 200 {
            return granted(&body).ok_or_else(|| Denied::Failed("no token in the answer".into()));
        }
        let told = format!("status {status}{}{skew}", words(&body));
        match status {
            408 | 425 | 429 | 500.. => Err(Denied::Failed(told)),
            _ => Err(Denied::Refused(told)),
        }
    }
}

fn granted(body: &Value) -> Option<Granted> {
    let token = body.get("access_token")?.as_str()?;
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    authorization.set_sensitive(true);
    let seconds = body.get("expires_in").and_then(Value::as_u64).unwrap_or_default();
    let life = Duration::from_secs(seconds).clamp(LIFE_MIN, LIFE_MAX);
    Some(Granted { authorization, life })
}

/// What the endpoint says about its refusal, cut off.
fn words(body: &Value) -> String {
    let texts = ["error", "error_description"].iter().filter_map(|key| body.get(key)?.as_str());
    texts.fold(String::new(), |words, text| {
        let text: String = text.chars().filter(|c| !c.is_control()).take(WORD_BYTES_MAX).collect();
        format!("{words}, {text}")
    })
}

/// A remark on clocks that differ, which is why claims are refused that are right otherwise.
fn skew(response: &Response, now: Time) -> String {
    let date = response.headers().get(DATE).and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| httpdate::parse_http_date(text).ok());
    let Some(date) = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok()) else {
        return String::new();
    };
    let theirs = Time(0) + date;
    let skew = now.since(theirs).max(theirs.since(now));
    if skew > SKEW_MAX {
        format!(", this machine's clock is {} s from the peer's", skew.as_secs())
    } else {
        String::new()
    }
}

/// The error with its causes, without the address.
fn told(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    let kind = if error.is_timeout() { "timed out" } else { "failed" };
    causes.fold(kind.to_owned(), |told, cause| format!("{told}: {cause}"))
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("inspected", &self.inspected).finish_non_exhaustive()
    }
}
