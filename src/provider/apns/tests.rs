//! The transport against small servers of our own, over real sockets, TLS and HTTP/2.

mod answers;
mod breaks;
mod channels;
mod connections;
mod provider_tokens;
pub(in crate::provider) mod server;

use super::*;
use crate::clock::Time;
use crate::domain::ids::CredentialId;
use crate::domain::payload::apns::PushType;
use crate::domain::push::Priority;
use crate::provider::{Class, Credential, Outcome, Rejection};
use bytes::Bytes;
use secrecy::SecretString;
use server::Trust;
use uuid::Uuid;

const NOW: Time = Time(1_790_000_000_000);

/// A device token of the length that Live Activities have.
fn device_token(number: usize) -> String {
    format!("80{number:0158x}")
}

fn credential() -> Arc<Credential> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    Arc::new(Credential {
        id: CredentialId::generate(),
        key_id: "ABC123DEFG".into(),
        team_id: "DEF123GHIJ".into(),
        key_p8: SecretString::from(key.serialize_pem()),
    })
}

fn push(index: usize) -> Push {
    Push {
        index,
        token: SecretString::from(device_token(index)),
        apns_id: Uuid::from_u128(index as u128),
        push_type: PushType::LiveActivity,
        priority: Priority::High,
        expiration: NOW + Duration::from_mins(10),
        body: Bytes::from_static(br#"{"aps":{}}"#),
    }
}

/// Signed once, so that the same key has the same token.
fn token(minted_at: Time) -> Arc<ProviderToken> {
    let jwt = SecretString::from(format!("eyJ.{}", minted_at.0));
    Arc::new(ProviderToken::new(&jwt, minted_at).unwrap())
}

fn batch(credential: &Arc<Credential>, pushes: impl IntoIterator<Item = usize>) -> Batch {
    Batch {
        environment: Environment::Production,
        bundle_id: "com.example.app".into(),
        credential: credential.clone(),
        token: token(NOW),
        pushes: pushes.into_iter().map(push).collect(),
    }
}

impl Batch {
    /// The same with indexes from 0, for device tokens that do not begin there.
    fn renumbered(mut self) -> Batch {
        self.pushes.iter_mut().enumerate().for_each(|(index, push)| push.index = index);
        self
    }
}

fn config(url: &str, trust: &Trust) -> Config {
    Config {
        production_url: url.to_owned(),
        sandbox_url: url.to_owned(),
        production_manage_url: url.to_owned(),
        sandbox_manage_url: url.to_owned(),
        ca_file: Some(trust.ca_file.path().to_owned()),
        ..Config::default()
    }
}

fn apns(config: Config) -> Apns {
    Apns::new(config, Clock::manual(NOW)).unwrap()
}

/// Fails instead of waiting for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(25), what).await.expect("nothing came in 25 seconds")
}

/// Every answer, in the order of the pushes. Fails where one is missing or comes twice.
async fn outcomes(mut answers: mpsc::Receiver<Answer>, count: usize) -> Vec<Outcome> {
    let mut outcomes = vec![None; count];
    while let Some(answer) = soon(answers.recv()).await {
        let before = outcomes[answer.index].replace(answer.outcome);
        assert_eq!(before, None, "push {} has two answers", answer.index);
    }
    outcomes.into_iter().map(|outcome| outcome.expect("an answer is missing")).collect()
}

async fn outcome(apns: &Apns, credential: &Arc<Credential>) -> Outcome {
    outcomes(apns.send(batch(credential, [0])), 1).await.remove(0)
}

fn accepted() -> Outcome {
    Outcome::Accepted { unique_id: None }
}
