//! The calls of `AppService` that are about credentials.

use super::auth::authorized;
use super::convert::{admin::credential, push::read_environment};
use super::validate::Violations;
use super::{Edge, call, named};
use crate::domain::tenant::Scope;
use crate::error::Result;
use crate::proto::v1::{
    CreateCredentialRequest, CreateCredentialResponse, DeleteCredentialRequest,
    DeleteCredentialResponse, ListCredentialsRequest, ListCredentialsResponse,
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
        self.check_key_p8(&key_p8, &mut violations);
        let app = violations.our_id("app_id", &request.app_id);
        apple_id("key_id", &request.key_id, &mut violations);
        apple_id("team_id", &request.team_id, &mut violations);
        let environment =
            violations.known("environment", request.environment).and_then(read_environment);
        violations.finish()?;
        let app = named(app, "app", &request.app_id)?;
        let CreateCredentialRequest { key_id, team_id, .. } = request;
        let new = NewCredential { app, key_p8, key_id, team_id, environment };
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

fn apple_id(field: &str, value: &str, violations: &mut Violations) {
    let letters = value.bytes().all(|letter| letter.is_ascii_alphanumeric());
    if value.len() != APPLE_ID_LETTERS || !letters {
        let description = format!("must be Apple's id of {APPLE_ID_LETTERS} letters and digits");
        violations.add(field, description);
    }
}
