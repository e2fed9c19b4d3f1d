//! `AppService`; what it says of credentials is in `credentials.rs`.

use super::auth::authorized;
use super::convert::admin::{app, read_data_keys};
use super::convert::push::read_environment;
use super::validate::{ID_BYTES_MAX, Mask, Violations};
use super::{Edge, call, named};
use crate::domain::platform::{Build, DataKeys};
use crate::domain::push::Environment;
use crate::domain::tenant::Scope;
use crate::proto::v1::app_service_server::AppService;
use crate::proto::v1::{
    self, CreateAppRequest, CreateAppResponse, CreateCredentialRequest, CreateCredentialResponse,
    DeleteAppRequest, DeleteAppResponse, DeleteCredentialRequest, DeleteCredentialResponse,
    GetAppRequest, GetAppResponse, ListAppsRequest, ListAppsResponse, ListCredentialsRequest,
    ListCredentialsResponse, UpdateAppRequest, UpdateAppResponse, VerifyCredentialRequest,
    VerifyCredentialResponse,
};
use crate::service::apps::{self, AppChange, NewApp};
use std::mem::take;
use std::ops::RangeInclusive;
use tonic::{Request, Response, Result};

/// <https://developer.apple.com/documentation/bundleresources/information-property-list/cfbundleidentifier>
const BUNDLE_ID_BYTES_MAX: usize = 155;
/// What Google Play takes.
/// <https://developer.android.com/build/configure-app-module#set-application-id>
const PACKAGE_NAME_BYTES_MAX: usize = 255;
/// <https://cloud.google.com/resource-manager/docs/creating-managing-projects>
const PROJECT_ID_BYTES: RangeInclusive<usize> = 6..=30;
const _: () = assert!(BUNDLE_ID_BYTES_MAX < ID_BYTES_MAX);

/// The fields that a mask may name.
const CHANGEABLE: [&str; 3] = ["name", "default_environment", "fcm_data_keys"];

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
        let environment = read_given("default_environment", given.default_environment, &mask);
        let environment = environment.and_then(|value| {
            violations
                .known("app.default_environment", value)
                .map(|world| read_environment(world).unwrap_or(Environment::Production))
        });
        let data_keys = read_given("fcm_data_keys", given.fcm_data_keys, &mask);
        let data_keys = data_keys.and_then(|value| {
            violations
                .known("app.fcm_data_keys", value)
                .map(|keys| read_data_keys(keys).unwrap_or(DataKeys::Tidings))
        });
        violations.finish()?;
        let id = named(id, "app", &given.app_id)?;
        let change = AppChange {
            name: mask.when("name", given.name),
            default_environment: environment,
            fcm_data_keys: data_keys,
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

    async fn verify_credential(
        &self,
        request: Request<VerifyCredentialRequest>,
    ) -> Result<Response<VerifyCredentialResponse>> {
        Ok(Response::new(self.verify_credential_of(request).await?))
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
    let platform = violations.known("platform", request.platform);
    if platform == Some(v1::Platform::Unspecified) {
        violations.add("platform", "is missing");
    }
    let (world, data_keys) = (request.default_environment, request.fcm_data_keys);
    let of_ios =
        [("bundle_id", !request.bundle_id.is_empty()), ("default_environment", world != 0)];
    let of_android = [
        ("package_name", !request.package_name.is_empty()),
        ("fcm_project_id", !request.fcm_project_id.is_empty()),
        ("fcm_data_keys", data_keys != 0),
    ];
    let build = if platform == Some(v1::Platform::Android) {
        refuse(&of_ios, "is of iOS apps only", violations);
        check_package_name(&request.package_name, violations);
        check_project_id(&request.fcm_project_id, violations);
        let keys = violations.known("fcm_data_keys", data_keys).and_then(read_data_keys);
        Build::Android {
            package_name: request.package_name,
            fcm_project_id: request.fcm_project_id,
            fcm_data_keys: keys.unwrap_or(DataKeys::Tidings),
        }
    } else {
        refuse(&of_android, "is of Android apps only", violations);
        check_bundle_id(&request.bundle_id, violations);
        Build::Ios { bundle_id: request.bundle_id }
    };
    let world = violations.known("default_environment", world).and_then(read_environment);
    let default_environment = world.unwrap_or(Environment::Production);
    NewApp { name: request.name, build, default_environment }
}

/// The value of a field that changes: one that the mask names, or one that is given where no mask says which. An app of
/// the other platform does not have it.
fn read_given(field: &str, value: i32, mask: &Mask) -> Option<i32> {
    (mask.names(field) || mask.has(field) && value != 0).then_some(value)
}

/// Nothing that is given is ignored.
fn refuse(fields: &[(&str, bool)], why: &str, violations: &mut Violations) {
    for (field, _) in fields.iter().filter(|(_, given)| *given) {
        violations.add(*field, why);
    }
}

fn check_bundle_id(bundle_id: &str, violations: &mut Violations) {
    violations.length("bundle_id", bundle_id, 1..=BUNDLE_ID_BYTES_MAX);
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-');
    if !bundle_id.bytes().all(fits) {
        violations.add("bundle_id", "may have letters, digits, `.` and `-` only");
    }
}

fn check_package_name(name: &str, violations: &mut Violations) {
    violations.length("package_name", name, 1..=PACKAGE_NAME_BYTES_MAX);
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_');
    if !name.bytes().all(fits) {
        violations.add("package_name", "may have letters, digits, `_` and `.` only");
    }
}

fn check_project_id(id: &str, violations: &mut Violations) {
    violations.length("fcm_project_id", id, PROJECT_ID_BYTES);
    let fits =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    if !id.bytes().all(fits) {
        violations.add("fcm_project_id", "may have lower-case letters, digits and `-` only");
    }
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
