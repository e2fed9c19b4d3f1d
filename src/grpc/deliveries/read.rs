//! What is asked of the send log.

use crate::clock::Time;
use crate::domain::delivery::COUNTED_BY;
use crate::error::Result;
use crate::grpc::convert::delivery::{read_provider, read_status};
use crate::grpc::convert::push::read_operation;
use crate::grpc::validate::{ID_BYTES_MAX, Violations};
use crate::proto::v1::{self, GetDeliveryStatsRequest, ListDeliveriesRequest};
use crate::service::deliveries::{Counted, DeliveryFilter};
use std::time::Duration;

/// The longest time that is counted at once.
const COUNTED_MAX: Duration = Duration::from_hours(31 * 24);

/// The filters; nothing where the app that is named cannot exist, so that no row fits.
pub(super) fn filter(
    request: &ListDeliveriesRequest,
    violations: &mut Violations,
) -> Option<DeliveryFilter> {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    violations.optional_id("activity_id", &request.activity_id);
    violations.not_negative("run", request.run.unwrap_or(0));
    violations.not_negative("revision", request.revision.unwrap_or(0));
    let operation: Option<v1::Operation> = violations.known("operation", request.operation);
    violations.optional_id("device_id", &request.device_id);
    violations.optional_id("contact_key", &request.contact_key);
    violations.optional_id("app_id", &request.app_id);
    let status: Option<v1::DeliveryStatus> = violations.known("status", request.status);
    violations.text("reason", &request.reason, 0..=ID_BYTES_MAX);
    let sent_after = violations.time("sent_after", request.sent_after.as_ref());
    let sent_before = violations.time("sent_before", request.sent_before.as_ref());
    let provider: Option<v1::Provider> = violations.known("provider", request.provider);
    let app = given(&request.app_id).map(|text| text.parse().ok());
    if app == Some(None) {
        return None;
    }
    Some(DeliveryFilter {
        activity_id: given(&request.activity_id),
        run: request.run,
        revision: request.revision,
        operation: operation.and_then(read_operation),
        device_id: given(&request.device_id),
        contact_key: given(&request.contact_key),
        app: app.flatten(),
        provider: provider.and_then(read_provider),
        status: status.and_then(read_status),
        reason: given(&request.reason),
        sent_after,
        sent_before,
    })
}

/// What is to be counted.
pub(super) fn counted(request: &GetDeliveryStatsRequest) -> Result<Counted> {
    let mut violations = Violations::new();
    violations.optional_id("activity_id", &request.activity_id);
    violations.not_negative("run", request.run.unwrap_or(0));
    let sent_after = violations.time("sent_after", request.sent_after.as_ref());
    let sent_before = violations.time("sent_before", request.sent_before.as_ref());
    let counted = if request.activity_id.is_empty() {
        if request.run.is_some() {
            violations.add("run", "is of an activity; activity_id is missing");
        }
        span(request, (sent_after, sent_before), &mut violations)
    } else {
        let beside = "is given beside activity_id; only one may be";
        if request.sent_after.is_some() {
            violations.add("sent_after", beside);
        }
        if request.sent_before.is_some() {
            violations.add("sent_before", beside);
        }
        Counted::Activity(request.activity_id.clone(), request.run)
    };
    violations.finish()?;
    Ok(counted)
}

/// A time that is counted.
fn span(
    request: &GetDeliveryStatsRequest,
    (sent_after, sent_before): (Option<Time>, Option<Time>),
    violations: &mut Violations,
) -> Counted {
    let given = [
        ("sent_after", request.sent_after.is_some(), sent_after),
        ("sent_before", request.sent_before.is_some(), sent_before),
    ];
    if given.iter().all(|(_, given, _)| !given) {
        violations.add("activity_id", "is missing; or give sent_after and sent_before");
        return Counted::Time(Time::default(), Time::default());
    }
    for (field, given, time) in given {
        if !given {
            violations.add(field, "is missing");
        }
        if time.is_some_and(|time| !begins_a_quarter(time)) {
            violations.add(field, "must begin a quarter of an hour: minute 0, 15, 30 or 45");
        }
    }
    let (from, to) = (sent_after.unwrap_or_default(), sent_before.unwrap_or_default());
    if sent_after.is_some() && sent_before.is_some() {
        if to <= from {
            violations.add("sent_before", "must be after sent_after");
        } else if to.since(from) > COUNTED_MAX {
            violations.add("sent_before", "must be at most 31 days after sent_after");
        }
    }
    Counted::Time(from, to)
}

fn begins_a_quarter(time: Time) -> bool {
    i64::try_from(COUNTED_BY.as_millis()).is_ok_and(|quarter| time.0.rem_euclid(quarter) == 0)
}
