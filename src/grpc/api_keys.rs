//! `ApiKeyService`.

use super::auth::authorized;
use super::convert::admin::api_key;
use super::validate::Violations;
use super::{Edge, call, named, workspace_or_own};
use crate::domain::tenant::Scope;
use crate::proto::v1::api_key_service_server::ApiKeyService;
use crate::proto::v1::{
    CreateApiKeyRequest, CreateApiKeyResponse, DeleteApiKeyRequest, DeleteApiKeyResponse,
    ListApiKeysRequest, ListApiKeysResponse,
};
use crate::service::api_keys::{self, NewApiKey};
use secrecy::ExposeSecret;
use std::mem::take;
use tonic::{Request, Response, Result};

#[tonic::async_trait]
impl ApiKeyService for Edge {
    async fn create_api_key(
        &self,
        request: Request<CreateApiKeyRequest>,
    ) -> Result<Response<CreateApiKeyResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "CreateApiKey"), request_id, &request, &mut violations);
        let workspace = workspace_or_own(&principal, &request.workspace_id, &mut violations);
        violations.id("name", &request.name);
        let scopes = read_scopes(&request.scopes, &mut violations);
        let expires_at = violations.time("expire_time", request.expire_time.as_ref());
        violations.finish()?;
        let workspace = named(workspace, "workspace", &request.workspace_id)?;
        let new = NewApiKey { workspace, name: request.name, scopes, expires_at };
        let done = api_keys::create(&self.service, &call, new).await?;
        let text = done.answer.text.as_ref().map(|text| text.expose_secret().to_owned());
        Ok(Response::new(CreateApiKeyResponse {
            api_key: Some(api_key(&done.answer.key)),
            secret: text.unwrap_or_default(),
            replayed: done.replayed,
        }))
    }

    async fn list_api_keys(
        &self,
        request: Request<ListApiKeysRequest>,
    ) -> Result<Response<ListApiKeysResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListApiKeys");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        let workspace = workspace_or_own(&principal, &request.workspace_id, &mut violations);
        violations.finish()?;
        let workspace = named(workspace, "workspace", &request.workspace_id)?;
        let found = api_keys::list(&self.service, workspace, &listing.page).await?;
        Ok(Response::new(ListApiKeysResponse {
            api_keys: found.items.iter().map(api_key).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }

    async fn delete_api_key(
        &self,
        request: Request<DeleteApiKeyRequest>,
    ) -> Result<Response<DeleteApiKeyResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "DeleteApiKey"), request_id, &request, &mut violations);
        let id = violations.our_id("api_key_id", &request.api_key_id);
        violations.finish()?;
        let id = named(id, "API key", &request.api_key_id)?;
        let done = api_keys::delete(&self.service, &call, id).await?;
        Ok(Response::new(DeleteApiKeyResponse { replayed: done.replayed }))
    }
}

/// Each once, in the order of the contract.
fn read_scopes(words: &[String], violations: &mut Violations) -> Vec<Scope> {
    if words.is_empty() {
        violations.add("scopes", "is missing");
    }
    violations.list_size("scopes", words.len());
    let known = Scope::ALL.map(Scope::word).join(", ");
    for (index, word) in words.iter().enumerate() {
        if Scope::from_word(word).is_none() {
            violations.add(format!("scopes[{index}]"), format!("must be one of {known}"));
        }
    }
    let named = |scope: &Scope| words.iter().any(|word| word == scope.word());
    Scope::ALL.into_iter().filter(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_once_each_and_unknown_ones_are_named() {
        let read = |words: &[&str]| {
            let mut violations = Violations::new();
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let scopes = read_scopes(&words, &mut violations);
            violations.finish().map(|()| scopes)
        };
        let twice = read(&["admin", "devices:read", "admin"]).expect("good scopes");
        assert_eq!(twice, [Scope::DevicesRead, Scope::Admin]);
        let error = read(&["admin", "root", "Admin"]).expect_err("violations");
        let fields: Vec<&str> = error.violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["scopes[1]", "scopes[2]"]);
        assert_eq!(read(&[]).expect_err("violations").violations[0].field, "scopes");
    }
}
