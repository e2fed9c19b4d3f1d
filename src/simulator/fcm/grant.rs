//! The grant by which a service account gets an access token: a JWT that it signed itself.
//! <https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>
//!
//! May import `clock` and `fcm::accounts`. Takes what widespread clients send: no `kid`, padded base64, an empty `sub`.

use super::accounts::Accounts;
use crate::clock::Time;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";
/// Either of these allows sending.
const SCOPES: [&str; 2] = ["firebase.messaging", "cloud-platform"];
/// How long a JWT may be good.
const JWT_LIFE_MAX: Duration = Duration::from_hours(1);
/// How far the clocks may be apart.
const SKEW: Duration = Duration::from_mins(5);
const JWT_BYTES_MAX: usize = 8_192;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A grant that was found good.
#[derive(Debug)]
pub(crate) struct Grant {
    /// Who asks.
    pub(crate) client_email: String,
    /// The scopes allow sending.
    pub(crate) may_send: bool,
}

/// Why there is no access token.
#[derive(Debug)]
pub(crate) struct Denial {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The word of `OAuth`.
    pub(crate) error: String,
    description: String,
}

/// What a good grant must say.
pub(crate) struct Terms<'a> {
    /// The addresses under which the endpoint is known.
    pub(crate) audiences: &'a [String],
    /// The present.
    pub(crate) now: Time,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    scope: Option<String>,
    aud: Option<String>,
    iat: Option<i64>,
    exp: Option<i64>,
}

impl Denial {
    /// A denial with one of the words of `OAuth`.
    pub(crate) fn new(error: &str, description: &str) -> Self {
        let status = if error == "unauthorized_client" { 401 } else { 400 };
        Self { status, error: error.to_owned(), description: description.to_owned() }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The JSON of the answer.
    pub(crate) fn body(&self) -> String {
        json!({"error": self.error, "error_description": self.description}).to_string()
    }
}

/// Judges the form of a request.
pub(crate) fn judge(form: &[u8], accounts: &Accounts, terms: &Terms<'_>) -> Result<Grant, Denial> {
    let field = |name: &str| field(form, name);
    if field("grant_type").as_deref() != Some(GRANT_TYPE) {
        return Err(Denial::new("unsupported_grant_type", "Invalid grant_type"));
    }
    let assertion = field("assertion").filter(|text| text.len() <= JWT_BYTES_MAX);
    let missing = || Denial::new("invalid_request", "Missing parameter: assertion");
    let claims = verify(&assertion.ok_or_else(missing)?, accounts)?;
    let invalid = |description: &str| Err(Denial::new("invalid_grant", description));
    if !claims.aud.as_ref().is_some_and(|aud| terms.audiences.contains(aud)) {
        return invalid("Failed audience check.");
    }
    if !in_time(&claims, terms.now) {
        return invalid(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
             timeframe. Check your iat and exp values in the JWT claim.",
        );
    }
    let client_email = claims.iss.unwrap_or_default();
    if claims.sub.is_some_and(|sub| sub != client_email) {
        return Err(Denial::new("unauthorized_client", "The client may not act for others."));
    }
    let scopes = claims.scope.unwrap_or_default();
    let scopes: Option<Vec<&str>> =
        scopes.split_whitespace().map(|scope| scope.strip_prefix(SCOPE_PREFIX)).collect();
    match scopes {
        Some(scopes) if !scopes.is_empty() => {
            let may_send = scopes.iter().any(|scope| SCOPES.contains(scope));
            Ok(Grant { client_email, may_send })
        }
        _ => {
            Err(Denial::new("invalid_scope", "Invalid OAuth scope or ID token audience provided."))
        }
    }
}

fn verify(jwt: &str, accounts: &Accounts) -> Result<Claims, Denial> {
    let invalid = |description: &str| Denial::new("invalid_grant", description);
    let malformed = || invalid("Invalid JWT: it is malformed.");
    let (signed, signature) = jwt.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let header: Header = decode(header).ok_or_else(malformed)?;
    let claims: Claims = decode(claims).ok_or_else(malformed)?;
    let account = claims.iss.as_ref().and_then(|iss| accounts.find(iss));
    let account = account.ok_or_else(|| invalid("Invalid grant: account not found"))?;
    let wrong = || invalid("Invalid JWT Signature.");
    if header.alg != "RS256" || header.kid.is_some_and(|kid| kid != account.key_id) {
        return Err(wrong());
    }
    let signature = BASE64.decode(signature).map_err(|_| wrong())?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &account.public_key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| wrong())?;
    Ok(claims)
}

fn in_time(claims: &Claims, now: Time) -> bool {
    let (Some(iat), Some(exp)) = (claims.iat, claims.exp) else { return false };
    let (iat, exp) = (Time::from_seconds(iat), Time::from_seconds(exp));
    iat <= now + SKEW && exp + SKEW > now && exp > iat && exp.since(iat) <= JWT_LIFE_MAX
}

fn decode<T: for<'a> Deserialize<'a>>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}

/// One field of a form, the last one of that name.
fn field(form: &[u8], name: &str) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?;
    let mut pairs = form.rsplit('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| unescape(key).as_deref() == Some(name))?;
    unescape(value)
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}
