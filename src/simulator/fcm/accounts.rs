//! Firebase projects, their service accounts, and the access tokens that were given out.
//! <https://developers.google.com/identity/protocols/oauth2/service-account>
//!
//! May import `clock`. The private keys are fixed test data that guard nothing: making a pair of RSA takes longer than
//! most tests. Accounts are told apart by their address and the id of their key.

use crate::clock::Time;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rsa::KeyPair;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use uuid::Uuid;

/// Keys of RSA with 2,048 bits, in PKCS#8. One account after the other gets them in turn.
const KEYS: [&str; 2] = [include_str!("keys/first.pem"), include_str!("keys/second.pem")];
const ACCOUNTS_MAX: usize = 1_000;
/// Access tokens that are remembered; the oldest are forgotten first.
const ACCESS_TOKENS_MAX: usize = 10_000;

/// Everything that can be signed in with.
#[derive(Default)]
pub(crate) struct Accounts {
    /// By address.
    known: BTreeMap<String, Account>,
    access_tokens: VecDeque<(String, AccessToken)>,
    made: usize,
}

/// A service account, as Google knows it.
#[derive(Clone)]
pub(crate) struct Account {
    /// Its project.
    pub(crate) project_id: String,
    /// The id of its key.
    pub(crate) key_id: String,
    /// The public half of its key: `RSAPublicKey` in DER.
    pub(crate) public_key: Vec<u8>,
    disabled: bool,
}

/// What an access token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessToken {
    /// The account that it was given to.
    pub(crate) client_email: String,
    /// The project of that account.
    pub(crate) project_id: String,
    /// Its scopes allow sending.
    pub(crate) may_send: bool,
    expires_at: Time,
}

impl Accounts {
    /// Makes an account and returns its key file.
    pub(crate) fn create(&mut self, project_id: &str, token_url: &str) -> anyhow::Result<String> {
        anyhow::ensure!(self.known.len() < ACCOUNTS_MAX, "there are {ACCOUNTS_MAX} accounts");
        anyhow::ensure!(!project_id.is_empty(), "the project has no name");
        let pem = KEYS.get(self.made % KEYS.len()).copied().unwrap_or_default();
        self.made += 1;
        let number = self.made;
        let client_email = format!("sender-{number}@{project_id}.iam.gserviceaccount.com");
        let key_id = Uuid::new_v4().simple().to_string();
        let account = Account {
            project_id: project_id.to_owned(),
            key_id: key_id.clone(),
            public_key: public_key(pem)?,
            disabled: false,
        };
        self.known.insert(client_email.clone(), account);
        let file = json!({
            "type": "service_account",
            "project_id": project_id,
            "private_key_id": key_id,
            "private_key": pem,
            "client_email": client_email,
            "client_id": format!("{:021}", number),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_url,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "universe_domain": "googleapis.com",
        });
        Ok(serde_json::to_string_pretty(&file)?)
    }

    /// Gives an account no access any more; false if there is none.
    pub(crate) fn disable(&mut self, client_email: &str) -> bool {
        self.known.get_mut(client_email).map(|account| account.disabled = true).is_some()
    }

    /// The account of an address, unless it is disabled.
    pub(crate) fn find(&self, client_email: &str) -> Option<&Account> {
        self.known.get(client_email).filter(|account| !account.disabled)
    }

    /// Gives out an access token.
    pub(crate) fn issue(
        &mut self,
        client_email: &str,
        may_send: bool,
        (now, life): (Time, Duration),
    ) -> Option<String> {
        let project_id = self.find(client_email)?.project_id.clone();
        let value = format!("ya29.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let client_email = client_email.to_owned();
        let token = AccessToken { client_email, project_id, may_send, expires_at: now + life };
        if self.access_tokens.len() >= ACCESS_TOKENS_MAX {
            self.access_tokens.pop_front();
        }
        self.access_tokens.push_back((value.clone(), token));
        Some(value)
    }

    /// What a bearer may do; an error says as what Google refuses it.
    pub(crate) fn judge(&self, bearer: &str, now: Time) -> Result<AccessToken, &'static str> {
        let mut newest_first = self.access_tokens.iter().rev();
        let found = newest_first.find(|(value, _)| value == bearer);
        let (_, token) = found.ok_or("ACCESS_TOKEN_TYPE_UNSUPPORTED")?;
        if token.expires_at <= now {
            return Err("ACCESS_TOKEN_EXPIRED");
        }
        if self.find(&token.client_email).is_none() {
            return Err("ACCOUNT_STATE_INVALID");
        }
        Ok(token.clone())
    }

    /// Ends the life of all access tokens.
    pub(crate) fn expire_all(&mut self, now: Time) {
        for (_, token) in &mut self.access_tokens {
            token.expires_at = token.expires_at.min(now);
        }
    }
}

fn public_key(pem: &str) -> anyhow::Result<Vec<u8>> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = KeyPair::from_pkcs8(&BASE64_STANDARD.decode(base64)?).map_err(anyhow::Error::msg)?;
    Ok(pair.public().as_ref().to_vec())
}
