//! The refusals of FCM: `google.rpc.Status` as JSON, with the details that Google puts beside it.
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>
//!
//! May import external crates only. A code of FCM has one status, whoever gives it.

use serde_json::{Value, json};

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";
const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const QUOTA_FAILURE: &str = "type.googleapis.com/google.rpc.QuotaFailure";

/// An answer that is not 200.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// FCM's code; empty where it has none for this.
    pub(crate) code: String,
    message: String,
    details: Vec<Value>,
    /// The header `retry-after`, in seconds or as a date.
    pub(crate) retry_after: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: &str) -> Self {
        let (code, message) = (code.to_owned(), message.to_owned());
        let mut details = Vec::new();
        if !code.is_empty() {
            details.push(json!({"@type": FCM_ERROR, "errorCode": code}));
        }
        Self { status, code, message, details, retry_after: None }
    }

    fn with(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    /// One of FCM's codes with the status that it always has, or another status without a code.
    pub(crate) fn of_code(status: u16, code: &str) -> Self {
        let status = match code {
            "INVALID_ARGUMENT" => 400,
            "THIRD_PARTY_AUTH_ERROR" => 401,
            "SENDER_ID_MISMATCH" => 403,
            "UNREGISTERED" => 404,
            "QUOTA_EXCEEDED" => 429,
            "INTERNAL" => 500,
            "UNAVAILABLE" => 503,
            _ => status,
        };
        let message = match code {
            "SENDER_ID_MISMATCH" => "SenderId mismatch",
            "UNREGISTERED" => "Requested entity was not found.",
            "INVALID_ARGUMENT" => "Request contains an invalid argument.",
            "INTERNAL" => "Internal error encountered.",
            "UNAVAILABLE" => "The service is currently unavailable.",
            "QUOTA_EXCEEDED" => "Resource has been exhausted (e.g. check quota).",
            _ => "The request failed.",
        };
        Self::new(status, code, message)
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The bearer is missing or no good.
    pub(crate) fn unauthenticated(reason: &str) -> Self {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access \
                       token, login cookie or other valid authentication credential.";
        Self::new(401, "", message).with(error_info(reason))
    }

    /// The bearer is good, but not for this.
    pub(crate) fn forbidden(reason: &str, message: &str) -> Self {
        Self::new(403, "", message).with(error_info(reason))
    }

    /// Nothing is served there.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "", "Requested entity was not found.")
    }

    /// The registration is none.
    pub(crate) fn not_a_registration() -> Self {
        let message = "The registration token is not a valid FCM registration token";
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    /// The JSON does not fit the message's fields; nothing of FCM has looked at it.
    pub(crate) fn unreadable(field: &str, description: &str) -> Self {
        let message = format!("Invalid JSON payload received. {description}");
        let violation = json!({"field": field, "description": message});
        let violation = json!({"@type": BAD_REQUEST, "fieldViolations": [violation]});
        Self::new(400, "", &message).with(violation)
    }

    /// A value has the wrong type.
    pub(crate) fn mistyped(field: &str, wanted: &str, value: &Value) -> Self {
        let message = format!("Invalid value at '{field}' ({wanted}), {value}");
        let violation = json!({"field": field, "description": message});
        let violation = json!({"@type": BAD_REQUEST, "fieldViolations": [violation]});
        Self::new(400, "", &message).with(violation)
    }

    /// FCM does not like a field.
    pub(crate) fn invalid(field: &str, description: &str) -> Self {
        let violation = json!({"field": field, "description": description});
        let violation = json!({"@type": BAD_REQUEST, "fieldViolations": [violation]});
        Self::new(400, "INVALID_ARGUMENT", description).with(violation)
    }

    /// Too much of something.
    pub(crate) fn quota(subject: &str, description: &str) -> Self {
        let violation = json!({"subject": subject, "description": description});
        Self::new(429, "QUOTA_EXCEEDED", &format!("Quota exceeded. {description}"))
            .with(json!({"@type": QUOTA_FAILURE, "violations": [violation]}))
    }

    /// Google's word for the status.
    pub(crate) fn word(&self) -> &'static str {
        match self.status {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            500 => "INTERNAL",
            503 => "UNAVAILABLE",
            _ => "UNKNOWN",
        }
    }

    /// FCM's code, or else Google's word.
    pub(crate) fn reason(&self) -> &str {
        if self.code.is_empty() { self.word() } else { &self.code }
    }

    /// The JSON of the answer.
    pub(crate) fn body(&self) -> String {
        let mut error =
            json!({"code": self.status, "message": self.message, "status": self.word()});
        if let (Some(error), false) = (error.as_object_mut(), self.details.is_empty()) {
            error.insert("details".to_owned(), Value::Array(self.details.clone()));
        }
        json!({ "error": error }).to_string()
    }
}

fn error_info(reason: &str) -> Value {
    let service = "fcm.googleapis.com";
    let method = "google.firebase.fcm.v1.FcmService.SendMessage";
    let metadata = json!({"service": service, "method": method});
    json!({"@type": ERROR_INFO, "reason": reason, "domain": "googleapis.com", "metadata": metadata})
}
