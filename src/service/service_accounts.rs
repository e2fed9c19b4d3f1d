//! Reads the JSON file of a service account of Google's, as far as a credential shows it.
//!
//! May import nothing of ours. The invariant: what is wrong with a file is said without any of its text.

use serde::Deserialize;

/// What is no secret in a service account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the words of the file")]
pub struct ServiceAccount {
    #[serde(rename = "type")]
    kind: String,
    pub project_id: String,
    pub client_email: String,
    pub private_key_id: String,
    #[serde(rename = "private_key")]
    private_key: PrivateKey,
}

/// Whether there is one; it is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PrivateKey(bool);

impl<'de> Deserialize<'de> for PrivateKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(PrivateKey(text.contains("PRIVATE KEY")))
    }
}

/// Reads the text of a file, or says what is wrong with it.
pub fn read(json: &str) -> Result<ServiceAccount, &'static str> {
    let read: ServiceAccount = serde_json::from_str(json).map_err(|_| {
        "must be the JSON file of a service account, with type, project_id, client_email, \
         private_key_id and private_key"
    })?;
    if read.kind != "service_account" {
        return Err("is of another kind than \"service_account\"");
    }
    if !read.private_key.0 {
        return Err("has no private key in PEM");
    }
    Ok(read)
}
