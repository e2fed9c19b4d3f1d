//! The key of a Google service account, as the file that Google's console gives.
//!
//! May import `error` for its types. Pure: says what is in the file and what is wrong with it, and never quotes it.
//! What the file says about addresses is not even read: where tokens come from is the operator's to say.
//! <https://docs.cloud.google.com/iam/docs/keys-create-delete>

use crate::error::Violation;
use ring::signature::RsaKeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use std::fmt;

/// The largest file that is read; Google's have some 2,400 bytes.
pub const JSON_BYTES_MAX: usize = 16 * 1024;

/// The longest project id; Google's have 30 characters, and old ones a domain before them.
const PROJECT_ID_BYTES_MAX: usize = 100;

/// The longest e-mail address and key id that are taken.
const WORD_BYTES_MAX: usize = 200;

/// What may be shown of a service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The project that it belongs to.
    pub project_id: String,
    /// Its name.
    pub client_email: String,
    /// Which of its keys this is; empty where the file does not say.
    pub private_key_id: String,
}

/// A service account that can sign. `Debug` does not print its key.
#[derive(Clone)]
pub struct ServiceAccountKey {
    /// What may be shown.
    pub inspected: Inspected,
    /// The RSA key, in PEM.
    pub private_key: SecretString,
}

/// Says what is in the file. The field of a violation is the member of the file, empty for the file as a whole.
pub fn inspect(json: &str) -> Result<Inspected, Vec<Violation>> {
    read(json).map(|account| account.inspected)
}

/// Reads the file with its key.
pub fn read(json: &str) -> Result<ServiceAccountKey, Vec<Violation>> {
    let members = members(json).map_err(|description| vec![violation("", description)])?;
    let mut violations = Vec::new();
    if members.get("type").is_some_and(|kind| kind != "service_account") {
        let wrong = "must be service_account: other kinds of credentials hold no key";
        violations.push(violation("type", wrong));
    }
    let project_id = text(&members, "project_id", is_project_id, &mut violations);
    let client_email = text(&members, "client_email", is_email, &mut violations);
    let private_key = text(&members, "private_key", check_key, &mut violations);
    let private_key_id = match members.get("private_key_id") {
        None => String::new(),
        Some(_) => text(&members, "private_key_id", is_word, &mut violations),
    };
    if !violations.is_empty() {
        return Err(violations);
    }
    let inspected = Inspected { project_id, client_email, private_key_id };
    Ok(ServiceAccountKey { inspected, private_key: SecretString::from(private_key) })
}

/// Whether a text can be a project's id or number, and so part of an address.
pub fn is_project_id(text: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    let begins_well = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if begins_well && text.len() <= PROJECT_ID_BYTES_MAX && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err("must be the id of a Google Cloud project, such as my-app-12345")
    }
}

fn members(json: &str) -> Result<Map<String, Value>, &'static str> {
    if json.len() > JSON_BYTES_MAX {
        return Err("is larger than 16 KiB, as no key of a service account is");
    }
    let value: Value = serde_json::from_str(json).map_err(|_| "is not valid JSON")?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("must be the JSON file of a service account's key"),
    }
}

fn text(
    members: &Map<String, Value>,
    key: &str,
    check: impl Fn(&str) -> Result<(), &'static str>,
    violations: &mut Vec<Violation>,
) -> String {
    let found = members.get(key).ok_or("is missing").and_then(|value| {
        let text = value.as_str().ok_or("must be a string")?;
        check(text).map(|()| text.to_owned())
    });
    found.unwrap_or_else(|description| {
        violations.push(violation(key, description));
        String::new()
    })
}

fn is_word(text: &str) -> Result<(), &'static str> {
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    if graphic && text.len() <= WORD_BYTES_MAX { Ok(()) } else { Err("must be the id of a key") }
}

fn is_email(text: &str) -> Result<(), &'static str> {
    let wrong = "must be the e-mail address of the service account";
    is_word(text).map_err(|_| wrong)?;
    let parts = text.split_once('@');
    let whole = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if whole { Ok(()) } else { Err(wrong) }
}

fn check_key(pem: &str) -> Result<(), &'static str> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "must be a key in PEM that begins with -----BEGIN PRIVATE KEY-----")?;
    RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
        .map(|_| ())
        .map_err(|_| "must be an RSA key of 2048 to 4096 bits, as Google's are")
}

fn violation(field: &str, description: &str) -> Violation {
    Violation { field: field.to_owned(), description: description.to_owned() }
}

impl ServiceAccountKey {
    /// The same file with nothing but what signing takes, and with tokens from where the operator says.
    pub fn to_json(&self, token_url: &str) -> SecretString {
        let json = serde_json::json!({
            "type": "service_account",
            "project_id": self.inspected.project_id,
            "client_email": self.inspected.client_email,
            "private_key": self.private_key.expose_secret(),
            "token_uri": token_url,
        });
        SecretString::from(json.to_string())
    }
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceAccountKey").field(&self.inspected).finish()
    }
}

#[cfg(test)]
mod tests;
