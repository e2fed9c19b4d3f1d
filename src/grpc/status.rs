//! The one place that turns an error into a gRPC status, with the typed details of `google.rpc`.
//!
//! May import `error` and `proto`. The invariant: a private cause never leaves the process; it is logged here, once,
//! with the incident that the caller is told. Everything is cut to a size that fits the headers of every client.

use crate::error::{Error, Reason, Violation};
use crate::proto::v1::ErrorReason;
use prost::Message;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};
use uuid::Uuid;

/// The domain of every reason.
pub const DOMAIN: &str = "tidings";

/// Clients refuse headers of more than 8,192 bytes, and a status is sent as headers: its message twice, once within the
/// details, which are a third longer as base64.
const HEADER_BYTES_MAX: usize = 8 * 1024;
const MESSAGE_BYTES_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 256;
const VIOLATIONS_BYTES_MAX: usize = 3 * 1024;
/// What protobuf and the fixed words add to one violation.
const VIOLATION_FRAME_BYTES: usize = 8;
const REST_BYTES_MAX: usize = 512;
const _: () = assert!(
    // A message outside ASCII is percent-encoded to three times its size.
    3 * MESSAGE_BYTES_MAX
        + (MESSAGE_BYTES_MAX + NAME_BYTES_MAX + VIOLATIONS_BYTES_MAX + REST_BYTES_MAX) * 4 / 3
        < HEADER_BYTES_MAX
);

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let incident = log(&error);
        let message = clipped(&error.message, MESSAGE_BYTES_MAX);
        let details = details(&error, &message, incident);
        Status::with_error_details(code(error.reason), message, details)
    }
}

/// The same status as a message, for an answer within a stream.
pub fn to_rpc_status(error: Error) -> tonic_types::Status {
    let status = Status::from(error);
    tonic_types::Status::decode(status.details()).unwrap_or_else(|_| tonic_types::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// The word of the contract, as `ErrorInfo.reason` has it.
pub fn word(reason: Reason) -> &'static str {
    let name = proto(reason).as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// The gRPC code that a reason comes with.
pub fn code(reason: Reason) -> Code {
    match reason {
        Reason::InvalidRequest | Reason::StartAlertRequired => Code::InvalidArgument,
        Reason::KeyInvalid => Code::Unauthenticated,
        Reason::ScopeMissing => Code::PermissionDenied,
        Reason::NotFound => Code::NotFound,
        Reason::AlreadyExists | Reason::RequestIdReused | Reason::ActivityActive => {
            Code::AlreadyExists
        }
        Reason::RequestInProgress | Reason::RevisionMismatch => Code::Aborted,
        Reason::RunMismatch
        | Reason::RunRequired
        | Reason::ActivityTypeMismatch
        | Reason::ActivityEnded
        | Reason::ActivityExpired
        | Reason::JoinNotAllowed
        | Reason::AppMayNotStart
        | Reason::InUse => Code::FailedPrecondition,
        Reason::LimitReached => Code::ResourceExhausted,
        Reason::Unavailable => Code::Unavailable,
        Reason::Internal => Code::Internal,
    }
}

fn proto(reason: Reason) -> ErrorReason {
    match reason {
        Reason::InvalidRequest => ErrorReason::InvalidRequest,
        Reason::KeyInvalid => ErrorReason::KeyInvalid,
        Reason::ScopeMissing => ErrorReason::ScopeMissing,
        Reason::NotFound => ErrorReason::NotFound,
        Reason::AlreadyExists => ErrorReason::AlreadyExists,
        Reason::RequestIdReused => ErrorReason::RequestIdReused,
        Reason::RequestInProgress => ErrorReason::RequestInProgress,
        Reason::RevisionMismatch => ErrorReason::RevisionMismatch,
        Reason::RunMismatch => ErrorReason::RunMismatch,
        Reason::RunRequired => ErrorReason::RunRequired,
        Reason::ActivityTypeMismatch => ErrorReason::ActivityTypeMismatch,
        Reason::ActivityActive => ErrorReason::ActivityActive,
        Reason::ActivityEnded => ErrorReason::ActivityEnded,
        Reason::ActivityExpired => ErrorReason::ActivityExpired,
        Reason::StartAlertRequired => ErrorReason::StartAlertRequired,
        Reason::JoinNotAllowed => ErrorReason::JoinNotAllowed,
        Reason::AppMayNotStart => ErrorReason::AppMayNotStart,
        Reason::InUse => ErrorReason::InUse,
        Reason::LimitReached => ErrorReason::LimitReached,
        Reason::Unavailable => ErrorReason::Unavailable,
        Reason::Internal => ErrorReason::Internal,
    }
}

/// Logs the private cause of a failure of ours; a refusal is no failure. Returns the incident that names the log line.
fn log(error: &Error) -> Option<Uuid> {
    let cause = error.cause.as_deref().map(chain).unwrap_or_default();
    match error.reason {
        Reason::Internal => {
            let incident = Uuid::new_v4();
            tracing::error!(%incident, cause, "A call failed: {}", error.message);
            Some(incident)
        }
        Reason::Unavailable => {
            tracing::warn!(cause, "A call was turned away: {}", error.message);
            None
        }
        _ => None,
    }
}

/// An error with the errors behind it.
fn chain(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn details(error: &Error, message: &str, incident: Option<Uuid>) -> ErrorDetails {
    let mut metadata: HashMap<String, String> =
        error.metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    if let Some(incident) = incident {
        metadata.insert("incident".to_owned(), incident.to_string());
    }
    let mut details = ErrorDetails::new();
    if !error.violations.is_empty() {
        let violations = field_violations(&error.violations);
        let omitted = error.violations.len() - violations.len();
        if omitted > 0 {
            metadata.insert("violations_omitted".to_owned(), omitted.to_string());
        }
        details.set_bad_request(violations);
    }
    let subject = error.resource.as_ref().map_or("", |(_, name)| name);
    let subject = clipped(subject, NAME_BYTES_MAX);
    match code(error.reason) {
        Code::FailedPrecondition => {
            details.add_precondition_failure_violation(word(error.reason), subject, message);
        }
        Code::ResourceExhausted => {
            details.add_quota_failure_violation(subject, message);
        }
        _ => {
            if let Some((kind, _)) = error.resource {
                details.set_resource_info(kind, subject, "", message);
            }
        }
    }
    if let Some(after) = error.retry_after {
        details.set_retry_info(Some(after));
    }
    details.set_error_info(word(error.reason), DOMAIN, metadata);
    details
}

/// As many as fit.
fn field_violations(violations: &[Violation]) -> Vec<FieldViolation> {
    let mut room = VIOLATIONS_BYTES_MAX;
    let mut fitting = Vec::new();
    for violation in violations {
        let field = clipped(&violation.field, NAME_BYTES_MAX);
        let bytes = field.len() + violation.description.len() + VIOLATION_FRAME_BYTES;
        let Some(left) = room.checked_sub(bytes) else { break };
        room = left;
        fitting.push(FieldViolation::new(field, &violation.description));
    }
    fitting
}

/// The beginning of a text, cut between characters.
fn clipped(text: &str, bytes_max: usize) -> String {
    const DOTS: &str = "…";
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(DOTS.len()));
    format!("{}{DOTS}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ALL: [Reason; 21] = [
        Reason::InvalidRequest,
        Reason::KeyInvalid,
        Reason::ScopeMissing,
        Reason::NotFound,
        Reason::AlreadyExists,
        Reason::RequestIdReused,
        Reason::RequestInProgress,
        Reason::RevisionMismatch,
        Reason::RunMismatch,
        Reason::RunRequired,
        Reason::ActivityTypeMismatch,
        Reason::ActivityActive,
        Reason::ActivityEnded,
        Reason::ActivityExpired,
        Reason::StartAlertRequired,
        Reason::JoinNotAllowed,
        Reason::AppMayNotStart,
        Reason::InUse,
        Reason::LimitReached,
        Reason::Unavailable,
        Reason::Internal,
    ];

    fn reason_of(status: &Status) -> String {
        status.get_details_error_info().expect("ErrorInfo").reason
    }

    /// `FailedPrecondition` as `FAILED_PRECONDITION`.
    fn code_word(code: Code) -> String {
        let mut word = String::new();
        for letter in format!("{code:?}").chars() {
            if letter.is_uppercase() && !word.is_empty() {
                word.push('_');
            }
            word.extend(letter.to_uppercase());
        }
        word
    }

    #[test]
    fn every_reason_of_the_proto_is_a_reason_of_ours_with_the_code_that_its_comment_names() {
        let proto = include_str!("../../proto/tidings/v1/error_reason.proto");
        let lines: Vec<&str> = proto.lines().map(str::trim).collect();
        assert_eq!(proto.matches("  ERROR_REASON_").count(), ALL.len() + 1);
        for reason in ALL {
            let value = format!("ERROR_REASON_{} = ", word(reason));
            let at = lines.iter().position(|line| line.starts_with(&value)).expect(&value);
            let comment = format!("// {}: ", code_word(code(reason)));
            let above = lines[..at].iter().rev().take_while(|line| line.starts_with("//"));
            assert!(above.last().is_some_and(|first| first.starts_with(&comment)), "{value}");
        }
    }

    #[test]
    fn every_reason_is_documented_with_its_code_an_example_and_a_remedy() {
        let page = include_str!("../../docs/ERRORS.md");
        let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
        for reason in ALL {
            let heading = format!("{}\n", word(reason));
            let section = sections.iter().find(|section| section.starts_with(&heading));
            let section = section.unwrap_or_else(|| panic!("no section {heading}"));
            assert!(section.contains(&format!("`{}`", code_word(code(reason)))), "{heading}");
            assert!(section.contains("Example:") && section.contains("Remedy:"), "{heading}");
        }
    }

    #[test]
    fn every_reason_is_sent_as_error_info() {
        for reason in ALL {
            let status = Status::from(Error::new(reason, "No.").with("revision", 7));
            let info = status.get_details_error_info().expect("ErrorInfo");
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (word(reason), "tidings"));
            assert_eq!(info.metadata["revision"], "7");
            assert_eq!(status.code(), code(reason));
        }
    }

    #[test]
    fn every_kind_of_detail_is_sent() {
        let error = Error::invalid(vec![
            Violation { field: "name".to_owned(), description: "is missing".to_owned() },
            Violation { field: "scopes[1]".to_owned(), description: "is unknown".to_owned() },
        ]);
        let bad = Status::from(error).get_details_bad_request().expect("BadRequest");
        let fields: Vec<&str> = bad.field_violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["name", "scopes[1]"]);

        let gone = Status::from(Error::not_found("app", "app_1"));
        let resource = gone.get_details_resource_info().expect("ResourceInfo");
        assert_eq!(
            (resource.resource_type, resource.resource_name),
            ("app".into(), "app_1".into())
        );

        let busy = Status::from(Error::unavailable("The server is draining."));
        let retry = busy.get_details_retry_info().expect("RetryInfo");
        assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));

        let used = Status::from(Error::new(Reason::InUse, "The app has devices."));
        let precondition = used.get_details_precondition_failure().expect("PreconditionFailure");
        assert_eq!(precondition.violations[0].r#type, "IN_USE");

        let full = Status::from(Error::new(Reason::LimitReached, "Two are enough."));
        let quota = full.get_details_quota_failure().expect("QuotaFailure");
        assert_eq!(quota.violations[0].description, "Two are enough.");
    }

    #[test]
    fn a_private_cause_is_not_sent_but_an_incident_is() {
        let status = Status::from(Error::internal("password is hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
        let info = status.get_details_error_info().expect("ErrorInfo");
        assert!(Uuid::try_parse(&info.metadata["incident"]).is_ok());
    }

    #[test]
    fn a_status_within_a_stream_is_the_same_as_that_of_a_call() {
        let error = || Error::not_found("activity", "FLIGHT_1711");
        let (status, within) = (Status::from(error()), to_rpc_status(error()));
        assert_eq!(within.code, i32::from(status.code()));
        assert_eq!(within.message, status.message());
        assert_eq!(within.details.len(), 2);
        assert_eq!(reason_of(&status), "NOT_FOUND");
    }

    #[test]
    fn the_longest_status_fits_the_headers_of_every_client() {
        let violation = |number| Violation {
            field: format!("audience.contact_keys[{number}]"),
            description: "must not contain control characters".to_owned(),
        };
        let status = Status::from(Error::invalid((0..1_000).map(violation).collect()));
        let bad = status.get_details_bad_request().expect("BadRequest");
        let info = status.get_details_error_info().expect("ErrorInfo");
        let omitted: usize = info.metadata["violations_omitted"].parse().expect("a number");
        assert_eq!(bad.field_violations.len() + omitted, 1_000);
        let bytes = |status: &Status| 3 * status.message().len() + status.details().len() * 4 / 3;
        assert!(bytes(&status) < HEADER_BYTES_MAX);
        let named = Status::from(Error::not_found("app", "ü".repeat(1_000_000)));
        assert!(bytes(&named) < HEADER_BYTES_MAX);
    }
}
