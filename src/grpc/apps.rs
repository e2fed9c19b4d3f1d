//! `AppService`; what it says of credentials is in `credentials.rs`.

use super::auth::authorized;
use super::convert::{admin::app, push::read_environment};
use super::validate::{ID_BYTES_MAX, Violations};
use super::{Edge, call, named};
use crate::domain::push::Environment;
use crate::domain::tenant::Scope;
use crate::proto::v1::app_service_server::AppService;
use crate::proto::v1::{
    self, CreateAppRequest, CreateAppResponse, CreateCredentialRequest, CreateCredentialResponse,
    DeleteAppRequest, DeleteAppResponse, DeleteCredentialRequest, DeleteCredentialResponse,
    GetAppRequest, GetAppResponse, ListAppsRequest, ListAppsResponse, ListCredentialsRequest,
    ListCredentialsResponse, UpdateAppRequest, UpdateAppResponse,
};
use crate::service::apps::{self, AppChange, NewApp};
use std::mem::take;
use tonic::{Request, Response, Result};

/// <https://developer.apple.com/documentation/bundleresources/information-property-list/cfbundleidentifier>
const BUNDLE_ID_BYTES_MAX: usize = 155;
const _: () = assert!(BUNDLE_ID_BYTES_MAX < ID_BYTES_MAX);

/// The fields that a mask may name.
const CHANGEABLE: [&str; 2] = ["name", "default_environment"];

#[tonic::async_trait]
impl AppService for Edge {
    async fn create_app(
        &self,
        request: Request<CreateAppRequest>,
    ) -> Result<Response<CreateAppResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "CreateApp"), request_id, &request, &mut violations);
        let new = read_app(request, &mut violations);
        violations.finish()?;
        let done = apps::create(&self.service, &call, new).await?;
        let app = Some(app(&done.answer));
        Ok(Response::new(CreateAppResponse { app, replayed: done.replayed }))
    }

    async fn get_app(&self, request: Request<GetAppRequest>) -> Result<Response<GetAppResponse>> {
        let (principal, request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let id = violations.our_id("app_id", &request.app_id);
        violations.finish()?;
        let id = named(id, "app", &request.app_id)?;
        let found = apps::get(&self.service, principal.workspace, id).await?;
        Ok(Response::new(GetAppResponse { app: Some(app(&found)) }))
    }

    async fn list_apps(
        &self,
        request: Request<ListAppsRequest>,
    ) -> Result<Response<ListAppsResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListApps");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.finish()?;
        let found = apps::list(&self.service, principal.workspace, &listing.page).await?;
        Ok(Response::new(ListAppsResponse {
            apps: found.items.iter().map(app).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }

    async fn update_app(
        &self,
        request: Request<UpdateAppRequest>,
    ) -> Result<Response<UpdateAppResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "UpdateApp"), request_id, &request, &mut violations);
        let given = request.app.unwrap_or_default();
        let id = violations.our_id("app.app_id", &given.app_id);
        let mask = violations.mask(request.update_mask.as_ref(), &CHANGEABLE);
        if mask.has("name") {
            violations.id("app.name", &given.name);
        }
        let environment = given.default_environment;
        let environment =
            default_environment("app.default_environment", environment, &mut violations);
        violations.finish()?;
        let id = named(id, "app", &given.app_id)?;
        let change = AppChange {
            name: mask.when("name", given.name),
            default_environment: mask.when("default_environment", environment),
        };
        let done = apps::update(&self.service, &call, id, change).await?;
        let app = Some(app(&done.answer));
        Ok(Response::new(UpdateAppResponse { app, replayed: done.replayed }))
    }

    async fn delete_app(
        &self,
        request: Request<DeleteAppRequest>,
    ) -> Result<Response<DeleteAppResponse>> {
        let (principal, mut request) = authorized(request, Scope::Admin)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "DeleteApp"), request_id, &request, &mut violations);
        let id = violations.our_id("app_id", &request.app_id);
        violations.finish()?;
        let id = named(id, "app", &request.app_id)?;
        let done = apps::delete(&self.service, &call, id).await?;
        Ok(Response::new(DeleteAppResponse { replayed: done.replayed }))
    }

    async fn create_credential(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Result<Response<CreateCredentialResponse>> {
        Ok(Response::new(self.create_credential_of(request).await?))
    }

    async fn list_credentials(
        &self,
        request: Request<ListCredentialsRequest>,
    ) -> Result<Response<ListCredentialsResponse>> {
        Ok(Response::new(self.list_credentials_of(request).await?))
    }

    async fn delete_credential(
        &self,
        request: Request<DeleteCredentialRequest>,
    ) -> Result<Response<DeleteCredentialResponse>> {
        Ok(Response::new(self.delete_credential_of(request).await?))
    }
}

fn read_app(request: CreateAppRequest, violations: &mut Violations) -> NewApp {
    violations.id("name", &request.name);
    if violations.known("platform", request.platform) == Some(v1::Platform::Unspecified) {
        violations.add("platform", "is missing");
    }
    violations.length("bundle_id", &request.bundle_id, 1..=BUNDLE_ID_BYTES_MAX);
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-');
    if !request.bundle_id.bytes().all(fits) {
        violations.add("bundle_id", "may have letters, digits, `.` and `-` only");
    }
    let environment = request.default_environment;
    let default_environment = default_environment("default_environment", environment, violations);
    NewApp { name: request.name, bundle_id: request.bundle_id, default_environment }
}

fn default_environment(field: &str, value: i32, violations: &mut Violations) -> Environment {
    let given = violations.known(field, value).and_then(read_environment);
    given.unwrap_or(Environment::Production)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_with_a_new_app_is_said_at_once() {
        let mut violations = Violations::new();
        let request = CreateAppRequest {
            bundle_id: "com.example.flights\n".to_owned(),
            default_environment: 7,
            ..CreateAppRequest::default()
        };
        read_app(request, &mut violations);
        let error = violations.finish().expect_err("violations");
        let fields: Vec<&str> = error.violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["name", "platform", "bundle_id", "default_environment"]);
    }
}
