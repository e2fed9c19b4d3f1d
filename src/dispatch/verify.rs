//! Asks a provider about a credential, by a push that nobody gets.

use super::Dispatcher;
use super::credentials::Signing;
use crate::domain::ids::DeviceKey;
use crate::domain::outcome::Outcome;
use crate::domain::payload::apns::PushType;
use crate::domain::platform::Build;
use crate::domain::push::Priority;
use crate::domain::reasons::NO_ANSWER;
use crate::domain::verification::{Question, Verification};
use crate::error::{Error, Result};
use crate::provider::{self, fcm};
use bytes::Bytes;
use secrecy::SecretString;
use std::sync::Arc;
use uuid::Uuid;

/// How many are asked about at a time: providers count refusals.
pub(super) const AT_ONCE: usize = 4;
/// An update token begins with this byte, in hexadecimal; the rest of this one is nobody's.
const TOKEN_BEGINS: &str = "80";
/// How many letters an update token has.
const TOKEN_LETTERS: usize = 160;
/// No registration token, which Google says of it.
const NO_REGISTRATION: &str = "tidings-asks-about-a-credential";

impl Dispatcher {
    /// Has the provider judge what the credential signs for the app. Waits for the answer, within its timeouts.
    pub async fn verify(&self, question: Question) -> Result<Verification> {
        let _turn = self.shared.verifications.acquire().await.map_err(Error::internal)?;
        let Question { app, credential, environment } = question;
        let signing = self.signing_of(credential).await?;
        let mut answers = match (signing, &app.build) {
            (Signing::Nothing(reason), _) => {
                return Ok(Verification::of(&Outcome::NotSent { reason }));
            }
            (Signing::Apns(key), build) => self.shared.apns.send(provider::Batch {
                environment,
                bundle_id: Arc::from(build.id()),
                credential: key.credential,
                token: key.token,
                pushes: vec![self.nobodys_push()],
            }),
            (Signing::Google(credential), build) => {
                let project_id = match build {
                    Build::Android { fcm_project_id, .. } => fcm_project_id.as_str(),
                    Build::Ios { .. } => "",
                };
                let push = fcm::Push {
                    index: 0,
                    device: DeviceKey::generate(),
                    target: fcm::Target::Token(SecretString::from(NO_REGISTRATION)),
                    message: Bytes::from_static(br#"{"data":{}}"#),
                };
                let project_id = Arc::from(project_id);
                self.shared.fcm.send(fcm::Batch { project_id, credential, pushes: vec![push] })
            }
        };
        let answer = answers.recv().await;
        let outcome = answer.map_or(Outcome::Unknown { reason: NO_ANSWER }, |a| a.outcome);
        Ok(Verification::of(&outcome))
    }

    fn nobodys_push(&self) -> provider::Push {
        let token = format!("{TOKEN_BEGINS:0<TOKEN_LETTERS$}");
        provider::Push {
            index: 0,
            token: SecretString::from(token),
            apns_id: Uuid::new_v4(),
            push_type: PushType::LiveActivity,
            priority: Priority::Normal,
            expiration: self.shared.clock.now(),
            body: Bytes::from_static(br#"{"aps":{}}"#),
        }
    }
}
