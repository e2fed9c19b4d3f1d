//! `ActivityTypeService`.

use super::auth::authorized;
use super::convert::admin::{activity_type, read_join};
use super::convert::push::read_alert;
use super::validate::{Mask, Violations};
use super::{Edge, call};
use crate::domain::activity_type::{ID_ATTRIBUTE, RUN_ATTRIBUTE};
use crate::domain::tenant::Scope;
use crate::proto::v1::activity_type_service_server::ActivityTypeService;
use crate::proto::v1::{
    self, CreateActivityTypeRequest, CreateActivityTypeResponse, DeleteActivityTypeRequest,
    DeleteActivityTypeResponse, GetActivityTypeRequest, GetActivityTypeResponse,
    ListActivityTypesRequest, ListActivityTypesResponse, UpdateActivityTypeRequest,
    UpdateActivityTypeResponse,
};
use crate::service::activity_types::{self, Settings};
use std::mem::take;
use tonic::{Request, Response, Result};

/// The fields that a mask may name.
const CHANGEABLE: [&str; 6] = [
    "ios_attributes_type",
    "id_attribute",
    "run_attribute",
    "default_alert",
    "join",
    "app_may_start",
];

#[tonic::async_trait]
impl ActivityTypeService for Edge {
    async fn create_activity_type(
        &self,
        request: Request<CreateActivityTypeRequest>,
    ) -> Result<Response<CreateActivityTypeResponse>> {
        let (principal, mut request) = authorized(request, Scope::ActivitiesWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "CreateActivityType"), request_id, &request, &mut violations);
        let given = request.activity_type.unwrap_or_default();
        violations.id("activity_type.activity_type", &given.activity_type);
        let all = violations.mask(None, &CHANGEABLE);
        let settings = read_settings(&given, &all, &mut violations);
        violations.finish()?;
        let name = given.activity_type;
        let done = activity_types::create(&self.service, &call, name, settings).await?;
        let activity_type = Some(activity_type(&done.answer));
        Ok(Response::new(CreateActivityTypeResponse { activity_type, replayed: done.replayed }))
    }

    async fn get_activity_type(
        &self,
        request: Request<GetActivityTypeRequest>,
    ) -> Result<Response<GetActivityTypeResponse>> {
        let (principal, request) = authorized(request, Scope::ActivitiesRead)?;
        let mut violations = Violations::new();
        violations.id("activity_type", &request.activity_type);
        violations.finish()?;
        let name = request.activity_type;
        let found = activity_types::get(&self.service, principal.workspace, &name).await?;
        let activity_type = Some(activity_type(&found));
        Ok(Response::new(GetActivityTypeResponse { activity_type }))
    }

    async fn list_activity_types(
        &self,
        request: Request<ListActivityTypesRequest>,
    ) -> Result<Response<ListActivityTypesResponse>> {
        let (principal, mut request) = authorized(request, Scope::ActivitiesRead)?;
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (&principal, "ListActivityTypes");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.finish()?;
        let found = activity_types::list(&self.service, principal.workspace, &listing.page).await?;
        Ok(Response::new(ListActivityTypesResponse {
            activity_types: found.items.iter().map(activity_type).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        }))
    }

    async fn update_activity_type(
        &self,
        request: Request<UpdateActivityTypeRequest>,
    ) -> Result<Response<UpdateActivityTypeResponse>> {
        let (principal, mut request) = authorized(request, Scope::ActivitiesWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "UpdateActivityType"), request_id, &request, &mut violations);
        let given = request.activity_type.unwrap_or_default();
        violations.id("activity_type.activity_type", &given.activity_type);
        let mask = violations.mask(request.update_mask.as_ref(), &CHANGEABLE);
        let settings = read_settings(&given, &mask, &mut violations);
        violations.finish()?;
        let name = given.activity_type;
        let done = activity_types::update(&self.service, &call, name, settings).await?;
        let activity_type = Some(activity_type(&done.answer));
        Ok(Response::new(UpdateActivityTypeResponse { activity_type, replayed: done.replayed }))
    }

    async fn delete_activity_type(
        &self,
        request: Request<DeleteActivityTypeRequest>,
    ) -> Result<Response<DeleteActivityTypeResponse>> {
        let (principal, mut request) = authorized(request, Scope::ActivitiesWrite)?;
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((&principal, "DeleteActivityType"), request_id, &request, &mut violations);
        violations.id("activity_type", &request.activity_type);
        violations.finish()?;
        let name = request.activity_type;
        let done = activity_types::delete(&self.service, &call, name).await?;
        Ok(Response::new(DeleteActivityTypeResponse { replayed: done.replayed }))
    }
}

/// The settings that the mask names. One that is named and empty gets its default back.
fn read_settings(given: &v1::ActivityType, mask: &Mask, violations: &mut Violations) -> Settings {
    let mut text = |field: &str, value: &str, default: &str| {
        violations.optional_id(&format!("activity_type.{field}"), value);
        let value = if value.is_empty() { default } else { value };
        mask.when(field, value.to_owned())
    };
    let ios_attributes_type =
        text("ios_attributes_type", &given.ios_attributes_type, &given.activity_type);
    let id_attribute = text("id_attribute", &given.id_attribute, ID_ATTRIBUTE);
    let run_attribute = text("run_attribute", &given.run_attribute, RUN_ATTRIBUTE);
    let alert = given.default_alert.clone().unwrap_or_default();
    let alert = read_alert("activity_type.default_alert", &alert, violations);
    let join = violations.known("activity_type.join", given.join).unwrap_or_default();
    Settings {
        ios_attributes_type,
        id_attribute,
        run_attribute,
        default_alert: mask.when("default_alert", alert),
        join: mask.when("join", read_join(join)),
        app_may_start: mask.when("app_may_start", given.app_may_start.unwrap_or(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activity_type::Join;
    use crate::grpc::validate::ID_BYTES_MAX;

    #[test]
    fn what_the_mask_does_not_name_is_not_changed_and_what_is_empty_is_the_default() {
        let mut violations = Violations::new();
        let given = v1::ActivityType {
            activity_type: "flight_status".to_owned(),
            join: v1::JoinRule::Open.into(),
            app_may_start: Some(false),
            ..v1::ActivityType::default()
        };
        let paths = vec!["join".to_owned(), "ios_attributes_type".to_owned()];
        let mask = violations.mask(Some(&prost_types::FieldMask { paths }), &CHANGEABLE);
        let settings = read_settings(&given, &mask, &mut violations);
        assert_eq!(settings.join, Some(Join::Open));
        assert_eq!(settings.ios_attributes_type.as_deref(), Some("flight_status"));
        assert_eq!((settings.app_may_start, settings.id_attribute), (None, None));
        assert!(violations.is_empty());
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let mut violations = Violations::new();
        let given = v1::ActivityType {
            ios_attributes_type: "x".repeat(ID_BYTES_MAX + 1),
            default_alert: Some(v1::Alert { title: "x".repeat(257), ..v1::Alert::default() }),
            join: 9,
            ..v1::ActivityType::default()
        };
        let all = violations.mask(None, &CHANGEABLE);
        read_settings(&given, &all, &mut violations);
        let error = violations.finish().expect_err("violations");
        let fields: Vec<&str> = error.violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "activity_type.ios_attributes_type",
                "activity_type.default_alert.title",
                "activity_type.join"
            ]
        );
    }
}
