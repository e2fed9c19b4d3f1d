//! The words of the send log.

use super::push::{environment, operation};
use super::time;
use crate::domain::delivery::{Labels, Provider, Status};
use crate::domain::outcome::Class;
use crate::domain::reasons;
use crate::domain::subscription::Reason;
use crate::proto::v1;
use crate::service::deliveries::{DeliveryCount, LoggedDelivery};

/// What became of a push.
pub fn status(status: Status) -> v1::DeliveryStatus {
    match status {
        Status::Accepted => v1::DeliveryStatus::Accepted,
        Status::Failed => v1::DeliveryStatus::Failed,
        Status::Unknown => v1::DeliveryStatus::Unknown,
        Status::Skipped => v1::DeliveryStatus::Skipped,
    }
}

/// None is any.
pub fn read_status(status: v1::DeliveryStatus) -> Option<Status> {
    match status {
        v1::DeliveryStatus::Unspecified => None,
        v1::DeliveryStatus::Accepted => Some(Status::Accepted),
        v1::DeliveryStatus::Failed => Some(Status::Failed),
        v1::DeliveryStatus::Unknown => Some(Status::Unknown),
        v1::DeliveryStatus::Skipped => Some(Status::Skipped),
    }
}

/// None is any.
pub fn read_provider(provider: v1::Provider) -> Option<Provider> {
    match provider {
        v1::Provider::Unspecified => None,
        v1::Provider::Apns => Some(Provider::Apns),
        v1::Provider::Fcm => Some(Provider::Fcm),
    }
}

/// The service that a push was sent through.
pub fn provider(provider: Provider) -> v1::Provider {
    match provider {
        Provider::Apns => v1::Provider::Apns,
        Provider::Fcm => v1::Provider::Fcm,
    }
}

/// What kind of reason a refusal has.
pub fn class(class: Option<Class>) -> v1::ReasonClass {
    match class {
        None => v1::ReasonClass::Unspecified,
        Some(Class::Retry) => v1::ReasonClass::Retry,
        Some(Class::ProviderToken) => v1::ReasonClass::ProviderToken,
        Some(Class::Connection) => v1::ReasonClass::Connection,
        Some(Class::Token) => v1::ReasonClass::Token,
        Some(Class::Configuration) => v1::ReasonClass::Configuration,
        Some(Class::Request) => v1::ReasonClass::Request,
        Some(Class::Device) => v1::ReasonClass::Device,
    }
}

/// A row of the send log.
pub fn delivery(logged: &LoggedDelivery, labels: Labels) -> v1::Delivery {
    let row = &logged.delivery;
    let remedy = match (row.status, Reason::from_word(&row.reason)) {
        (Status::Accepted, _) => "",
        (Status::Skipped, Some(reason)) => reason.sentence(),
        _ => reasons::remedy(row.http_status, &row.reason),
    };
    let id = row.provider_message_id.clone().unwrap_or_default();
    let of = |provider| if row.provider == provider { id.clone() } else { String::new() };
    v1::Delivery {
        delivery_id: row.id.to_string(),
        activity_id: logged.activity_id.clone(),
        run: row.run,
        device_id: logged.device_id.clone(),
        contact_key: row.contact_key.clone(),
        app_id: row.app.to_string(),
        operation: operation(row.operation).into(),
        revision: row.revision,
        first_revision: row.first_revision,
        status: status(row.status).into(),
        reason: row.reason.clone(),
        reason_class: class(row.class).into(),
        remedy: remedy.to_owned(),
        http_status: i32::from(row.http_status),
        attempt: row.attempt,
        apns_id: row.apns_id.map_or_else(String::new, |id| id.to_string()),
        apns_unique_id: of(Provider::Apns),
        fcm_message_id: of(Provider::Fcm),
        environment: environment(row.environment).into(),
        alert_revision: row.alert_revision,
        send_time: Some(time::to_proto(row.sent_at)),
        answer_time: row.answered_at.map(time::to_proto),
        provider: provider(row.provider).into(),
        label: labels.label(row.status).to_owned(),
    }
}

/// How many pushes had the same outcome.
pub fn count(count: &DeliveryCount, labels: Labels) -> v1::DeliveryCount {
    v1::DeliveryCount {
        operation: operation(count.operation).into(),
        provider: provider(count.provider).into(),
        status: status(count.status).into(),
        reason: count.reason.clone(),
        reason_class: class(count.class).into(),
        pushes: count.pushes,
        label: labels.label(count.status).to_owned(),
    }
}
