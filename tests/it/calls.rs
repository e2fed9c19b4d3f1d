//! The calls of these tests, as short as they can be, and what a refusal says.

use crate::harness::{Keyed, World, shows};
use std::collections::HashMap;
use std::fmt::Debug;
use tidings::proto::v1::activity_type_service_client::ActivityTypeServiceClient;
use tidings::proto::v1::api_key_service_client::ApiKeyServiceClient;
use tidings::proto::v1::app_service_client::AppServiceClient;
use tidings::proto::v1::channel_service_client::ChannelServiceClient;
use tidings::proto::v1::delivery_service_client::DeliveryServiceClient;
use tidings::proto::v1::device_service_client::DeviceServiceClient;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::segment_service_client::SegmentServiceClient;
use tidings::proto::v1::workspace_service_client::WorkspaceServiceClient;
use tidings::proto::v1::{
    Activity, Alert, Audience, CreateApiKeyRequest, EndActivityRequest, GetActivityRequest,
    Platform, RegisterDeviceRequest, RegisterTokenRequest, StartActivityRequest, TokenKind,
    UpdateActivityRequest,
};
use tidings::simulator::Phone;
use tonic::Code;
use tonic_types::{ErrorDetails, StatusExt};

pub(crate) const TYPE: &str = "flight_status";
pub(crate) const CONTACT: &str = "ayse";

/// Somebody with a key.
#[derive(Clone)]
pub(crate) struct Caller(Keyed);

impl Caller {
    pub(crate) fn activities(&self) -> LiveActivityServiceClient<Keyed> {
        LiveActivityServiceClient::new(self.0.clone())
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Keyed> {
        DeviceServiceClient::new(self.0.clone())
    }

    pub(crate) fn log(&self) -> DeliveryServiceClient<Keyed> {
        DeliveryServiceClient::new(self.0.clone())
    }

    pub(crate) fn types(&self) -> ActivityTypeServiceClient<Keyed> {
        ActivityTypeServiceClient::new(self.0.clone())
    }

    pub(crate) fn segments(&self) -> SegmentServiceClient<Keyed> {
        SegmentServiceClient::new(self.0.clone())
    }

    pub(crate) fn channels(&self) -> ChannelServiceClient<Keyed> {
        ChannelServiceClient::new(self.0.clone())
    }

    pub(crate) fn apps(&self) -> AppServiceClient<Keyed> {
        AppServiceClient::new(self.0.clone())
    }

    pub(crate) fn workspaces(&self) -> WorkspaceServiceClient<Keyed> {
        WorkspaceServiceClient::new(self.0.clone())
    }

    pub(crate) fn keys(&self) -> ApiKeyServiceClient<Keyed> {
        ApiKeyServiceClient::new(self.0.clone())
    }

    /// A key of that workspace, of the caller's own if none is named: its id and its secret.
    pub(crate) async fn new_key(&self, workspace_id: &str, scopes: &[&str]) -> (String, String) {
        let request = CreateApiKeyRequest {
            workspace_id: workspace_id.to_owned(),
            name: "of a test".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..CreateApiKeyRequest::default()
        };
        let made = self.keys().create_api_key(request).await.expect("a key").into_inner();
        (made.api_key.expect("a key").api_key_id, made.secret)
    }

    pub(crate) async fn find(&self, activity_id: &str) -> tonic::Result<Activity> {
        let request = GetActivityRequest { activity_id: activity_id.to_owned() };
        let found = self.activities().get_activity(request).await?.into_inner();
        Ok(found.activity.expect("an activity"))
    }

    pub(crate) async fn activity(&self, activity_id: &str) -> Activity {
        self.find(activity_id).await.expect("found")
    }

    /// Starts it for the contact and returns it.
    pub(crate) async fn started(&self, activity_id: &str) -> Activity {
        let started = self.activities().start_activity(start(activity_id)).await;
        started.expect("started").into_inner().activity.expect("an activity")
    }

    pub(crate) async fn ended(&self, activity_id: &str) {
        self.activities().end_activity(end(activity_id)).await.expect("ended");
    }

    /// A device of the contact, and of nobody's phone.
    pub(crate) async fn registered(&self, app_id: &str, device_id: &str) {
        self.devices().register_device(device(app_id, device_id)).await.expect("registered");
    }
}

impl World {
    /// A phone of the contact that shows the activity, started by its backend, and has said so.
    pub(crate) async fn shows_it(&self, activity_id: &str) -> Phone {
        let phone = self.phone("iphone", "18.2", CONTACT);
        self.said_everything(&phone).await;
        self.caller().started(activity_id).await;
        shows(&phone, 1, "Scheduled").await;
        self.said_everything(&phone).await;
        phone
    }

    pub(crate) fn caller(&self) -> Caller {
        self.caller_with(&self.key)
    }

    pub(crate) fn caller_with(&self, key: &str) -> Caller {
        Caller(self.intercepted(key))
    }
}

pub(crate) fn start(activity_id: &str) -> StartActivityRequest {
    StartActivityRequest {
        activity_id: activity_id.to_owned(),
        activity_type: TYPE.to_owned(),
        attributes_json: Some(r#"{"flight":"TK1983"}"#.to_owned()),
        content_state_json: Some(content("Scheduled")),
        audience: Some(for_contacts(&[CONTACT])),
        alert: Some(alert()),
        ..StartActivityRequest::default()
    }
}

pub(crate) fn update(activity_id: &str, status: &str) -> UpdateActivityRequest {
    UpdateActivityRequest {
        activity_id: activity_id.to_owned(),
        content_state_json: Some(content(status)),
        ..UpdateActivityRequest::default()
    }
}

pub(crate) fn end(activity_id: &str) -> EndActivityRequest {
    EndActivityRequest {
        activity_id: activity_id.to_owned(),
        content_state_json: Some(content("Landed")),
        ..EndActivityRequest::default()
    }
}

pub(crate) fn device(app_id: &str, device_id: &str) -> RegisterDeviceRequest {
    RegisterDeviceRequest {
        device_id: device_id.to_owned(),
        app_id: app_id.to_owned(),
        contact_key: Some(CONTACT.to_owned()),
        platform: Platform::Ios.into(),
        os_version: "18.2".to_owned(),
        ..RegisterDeviceRequest::default()
    }
}

pub(crate) fn update_token(device_id: &str, activity_id: &str) -> RegisterTokenRequest {
    RegisterTokenRequest {
        device_id: device_id.to_owned(),
        kind: TokenKind::Update.into(),
        token: token("11"),
        activity_type: TYPE.to_owned(),
        activity_id: activity_id.to_owned(),
        attributes_json: Some(r#"{"flight":"TK1983"}"#.to_owned()),
        content_state_json: Some(content("Check-in")),
        ..RegisterTokenRequest::default()
    }
}

/// 80 bytes, as Apple's are.
pub(crate) fn token(byte: &str) -> String {
    byte.repeat(80)
}

pub(crate) fn content(status: &str) -> String {
    format!("{{\"status\":\"{status}\"}}")
}

pub(crate) fn alert() -> Alert {
    Alert { title: "TK1983".to_owned(), body: "Istanbul to London".to_owned(), ..Alert::default() }
}

pub(crate) fn for_contacts(contact_keys: &[&str]) -> Audience {
    Audience { contact_keys: strings(contact_keys), ..Audience::default() }
}

pub(crate) fn for_devices(device_ids: &[&str]) -> Audience {
    Audience { device_ids: strings(device_ids), ..Audience::default() }
}

pub(crate) fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

/// What a refusal says.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) metadata: HashMap<String, String>,
    /// The wrong fields, in the order in which they are named, each with what is wrong.
    pub(crate) violations: Vec<(String, String)>,
    pub(crate) details: ErrorDetails,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn fields(&self) -> Vec<&str> {
        self.violations.iter().map(|(field, _)| field.as_str()).collect()
    }
}

/// The refusal of a call that must not have been done.
pub(crate) fn refused<T: Debug>(result: tonic::Result<T>) -> Refused {
    let status = result.expect_err("it was not refused");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "tidings");
    let bad = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    Refused {
        code: status.code(),
        reason: info.reason.clone(),
        metadata: info.metadata.clone(),
        violations: bad.into_iter().map(|wrong| (wrong.field, wrong.description)).collect(),
        message: status.message().to_owned(),
        details,
    }
}
