//! The calls of `AppService` that are about credentials.

use super::auth::authorized;
use super::convert::{
    admin::credential,
    push::{environment, read_environment},
};
use super::validate::Violations;
use super::{Edge, call, named};
use crate::domain::service_account::{self, Inspected, JSON_BYTES_MAX};
use crate::domain::tenant::{Scope, Signer};
use crate::error::{Result, Violation};
use crate::proto::v1::{
    self, CreateCredentialRequest, CreateCredentialResponse, DeleteCredentialRequest,
    DeleteCredentialResponse, ListCredentialsRequest, ListCredentialsResponse,
    VerifyCredentialRequest, VerifyCredentialResponse,
};
use crate::service::credentials::{self, NewCredential};
use secrecy::{ExposeSecret, SecretString};
use std::mem::take;
use tonic::Request;

/// A key on P-256 takes some 260 bytes.
const KEY_BYTES_MAX: usize = 4_096;

/// Apple's ids of keys and teams.
/// <https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns>
const APPLE_ID_LETTERS: usize = 10;

impl Edge {
    pub(super) async fn create_credential_of(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Result<CreateCredentialResponse> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "CreateCredential"), request_id, &request, &mut violations);
        let key_p8 = SecretString::from(take(&mut request.apns_key_p8));
        let account = SecretString::from(take(&mut request.service_account_json));
        let app = violations.our_id("app_id", &request.app_id);
        let (secret, signer, project_id) = if account.expose_secret().is_empty() {
            let signer = self.read_apns_key(&key_p8, &request, &mut violations);
            (key_p8, signer, None)
        } else {
            let is_there = !key_p8.expose_secret().is_empty();
            refuse_apns_fields(is_there, &request, &mut violations);
            let (signer, project_id) = read_service_account(&account, &mut violations);
            (account, signer, Some(project_id))
        };
        violations.finish()?;
        let app = named(app, "app", &request.app_id)?;
        let new = NewCredential { app, secret, signer, project_id };
        let done = credentials::create(&self.service, &call, new).await?;
        let credential = Some(credential(&done.answer));
        Ok(CreateCredentialResponse { credential, replayed: done.replayed })
    }

    pub(super) async fn list_credentials_of(
        &self,
        request: Request<ListCredentialsRequest>,
    ) -> Result<ListCredentialsResponse> {
        let (principal, request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let app = violations.our_id("app_id", &request.app_id);
        violations.finish()?;
        let app = named(app, "app", &request.app_id)?;
        let found = credentials::list(&self.service, principal.workspace, app).await?;
        Ok(ListCredentialsResponse { credentials: found.iter().map(credential).collect() })
    }

    pub(super) async fn verify_credential_of(
        &self,
        request: Request<VerifyCredentialRequest>,
    ) -> Result<VerifyCredentialResponse> {
        let (principal, request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let id = violations.our_id("credential_id", &request.credential_id);
        let world = violations.known("environment", request.environment).and_then(read_environment);
        violations.finish()?;
        let id = named(id, "credential", &request.credential_id)?;
        let (world, found) =
            credentials::verify(&self.service, principal.workspace, (id, world)).await?;
        Ok(VerifyCredentialResponse {
            verified: found.verified,
            environment: world.map_or(v1::ApnsEnvironment::Unspecified, environment).into(),
            http_status: found.status.into(),
            reason: found.reason,
            remedy: found.remedy.to_owned(),
        })
    }

    pub(super) async fn delete_credential_of(
        &self,
        request: Request<DeleteCredentialRequest>,
    ) -> Result<DeleteCredentialResponse> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "DeleteCredential"), request_id, &request, &mut violations);
        let id = violations.our_id("credential_id", &request.credential_id);
        violations.finish()?;
        let id = named(id, "credential", &request.credential_id)?;
        let done = credentials::delete(&self.service, &call, id).await?;
        Ok(DeleteCredentialResponse { replayed: done.replayed })
    }

    fn read_apns_key(
        &self,
        key_p8: &SecretString,
        request: &CreateCredentialRequest,
        violations: &mut Violations,
    ) -> Signer {
        self.check_key_p8(key_p8, violations);
        apple_id("key_id", &request.key_id, violations);
        apple_id("team_id", &request.team_id, violations);
        let environment =
            violations.known("environment", request.environment).and_then(read_environment);
        let (key_id, team_id) = (request.key_id.clone(), request.team_id.clone());
        Signer::ApnsKey { key_id, team_id, environment }
    }

    fn check_key_p8(&self, key_p8: &SecretString, violations: &mut Violations) {
        let text = key_p8.expose_secret();
        let before = violations.count();
        violations.length("apns_key_p8", text, 1..=KEY_BYTES_MAX);
        if violations.count() > before {
            return;
        }
        if let Err(problem) = credentials::check_key(&self.service, text) {
            violations.add("apns_key_p8", problem);
        }
    }
}

/// What belongs to a `.p8` key means nothing beside a service account, and is not ignored.
fn refuse_apns_fields(
    has_key: bool,
    request: &CreateCredentialRequest,
    violations: &mut Violations,
) {
    let given = [
        ("apns_key_p8", has_key),
        ("key_id", !request.key_id.is_empty()),
        ("team_id", !request.team_id.is_empty()),
        ("environment", request.environment != 0),
    ];
    for (field, _) in given.iter().filter(|(_, given)| *given) {
        violations.add(*field, "is given beside service_account_json; only one kind may be");
    }
}

/// The account with its project.
fn read_service_account(json: &SecretString, violations: &mut Violations) -> (Signer, String) {
    let text = json.expose_secret();
    let before = violations.count();
    violations.length("service_account_json", text, 1..=JSON_BYTES_MAX);
    let blank =
        || Signer::ServiceAccount { client_email: String::new(), private_key_id: String::new() };
    if violations.count() > before {
        return (blank(), String::new());
    }
    match service_account::inspect(text) {
        Ok(Inspected { project_id, client_email, private_key_id }) => {
            (Signer::ServiceAccount { client_email, private_key_id }, project_id)
        }
        Err(problems) => {
            for Violation { field: member, description } in problems {
                let field = "service_account_json";
                let member = if member.is_empty() { member } else { format!(".{member}") };
                violations.add(format!("{field}{member}"), description);
            }
            (blank(), String::new())
        }
    }
}

fn apple_id(field: &str, value: &str, violations: &mut Violations) {
    let letters = value.bytes().all(|letter| letter.is_ascii_alphanumeric());
    if value.len() != APPLE_ID_LETTERS || !letters {
        let description = format!("must be Apple's id of {APPLE_ID_LETTERS} letters and digits");
        violations.add(field, description);
    }
}
