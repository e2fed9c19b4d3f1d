//! The transport against a small server of our own, over real sockets, TLS and HTTP/2 or plain HTTP/1.1.

mod access;
mod limits;
mod server;
mod transport;

use super::*;
use crate::clock::Time;
use crate::provider::{Class, Outcome, Rejection};
use server::{Act, Seen, Server};
use std::time::Duration;
use tokio::time::timeout;

const NOW: Time = Time(1_790_000_000_000);
const PROJECT: &str = "my-app-12345";
const KEY: &str = include_str!("../../domain/service_account/tests/rsa_2048.pem");

fn account_json() -> serde_json::Value {
    serde_json::json!({
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0123456789abcdef",
        "private_key": KEY,
        "client_email": "tidings@my-app-12345.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

fn credential_of(json: &str) -> Arc<ServiceAccount> {
    Arc::new(ServiceAccount { id: CredentialId::generate(), json: SecretString::from(json) })
}

fn credential() -> Arc<ServiceAccount> {
    credential_of(&account_json().to_string())
}

fn push(index: usize) -> Push {
    Push {
        index,
        device: DeviceKey::generate(),
        target: Target::Token(SecretString::from(format!("token-{index}"))),
        message: Bytes::from_static(br#"{"data":{"tidings_event":"update"}}"#),
    }
}

fn batch(credential: &Arc<ServiceAccount>, count: usize) -> Batch {
    Batch {
        project_id: PROJECT.into(),
        credential: credential.clone(),
        pushes: (0..count).map(push).collect(),
    }
}

/// Google at a server of ours.
fn config(server: &Server) -> Config {
    Config {
        base_url: server.url.clone(),
        token_url: format!("{}/token", server.url),
        ca_file: server.trust.as_ref().map(|trust| trust.ca_file.path().to_owned()),
        ..Config::default()
    }
}

/// Takes also what an operator may not configure, such as time limits that a test can wait for.
fn fcm(config: Config) -> Fcm {
    Fcm::build(config, Clock::manual(NOW)).unwrap()
}

fn token(name: &str, expires_in: u64) -> Act {
    let answer = serde_json::json!({
        "access_token": name, "expires_in": expires_in, "token_type": "Bearer",
    });
    Act::Answer(200, answer.to_string())
}

fn taken() -> Act {
    Act::Answer(200, format!("{{\"name\":\"projects/{PROJECT}/messages/1\"}}"))
}

/// Gives out tokens, and does with pushes what the rule says.
fn with_tokens(
    rule: impl Fn(&Seen) -> Act + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Act + Send + Sync + 'static {
    move |seen| if seen.is_for_token() { token("first", 3_600) } else { rule(seen) }
}

/// Fails instead of waiting for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_mins(1), what).await.expect("nothing came in a minute")
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

async fn send(fcm: &Fcm, credential: &Arc<ServiceAccount>, count: usize) -> Vec<Outcome> {
    outcomes(fcm.send(batch(credential, count)), count).await
}

async fn send_one(fcm: &Fcm, credential: &Arc<ServiceAccount>) -> Outcome {
    send(fcm, credential, 1).await.remove(0)
}

fn accepted() -> Outcome {
    Outcome::Accepted { unique_id: Some(format!("projects/{PROJECT}/messages/1")) }
}

fn rejection(outcome: &Outcome) -> &Rejection {
    match outcome {
        Outcome::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

/// Lets time pass without waiting for it. Nothing may be under way meanwhile.
async fn later(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}
