//! The words of the send log.

use crate::domain::delivery::Status;
use crate::domain::outcome::Class;
use crate::proto::v1;

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
