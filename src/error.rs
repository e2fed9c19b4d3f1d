//! The one error of the crate: a reason in the caller's words, and a private cause that never leaves the process.
//!
//! Wording lives here, in the constructor functions. `grpc/status.rs` is the one place that turns an error into a
//! status, `store/error.rs` the one place that turns a database's error into this one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What a call answers when it does not do what was asked.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a fault.
#[derive(Debug)]
pub struct Error {
    /// Stable, for programs.
    pub reason: Reason,
    /// For people; may be shown to the caller.
    pub message: String,
    /// Every wrong field of an invalid request.
    pub violations: Vec<Violation>,
    /// Facts that a program may want, such as the present revision.
    pub metadata: Vec<(&'static str, String)>,
    /// The object that the error is about, as kind and name.
    pub resource: Option<(&'static str, String)>,
    /// When a retry may succeed.
    pub retry_after: Option<Duration>,
    /// Private: logged where the error is handled, never sent.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its path in the request, such as `audience.contact_keys[3]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// Why a call was refused; the words of `error_reason.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is described in error_reason.proto")]
pub enum Reason {
    InvalidRequest,
    KeyInvalid,
    ScopeMissing,
    NotFound,
    AlreadyExists,
    RequestIdReused,
    RequestInProgress,
    RevisionMismatch,
    RunMismatch,
    RunRequired,
    ActivityTypeMismatch,
    ActivityActive,
    ActivityEnded,
    ActivityExpired,
    StartAlertRequired,
    JoinNotAllowed,
    AppMayNotStart,
    InUse,
    LimitReached,
    Unavailable,
    Internal,
}

impl Error {
    /// An error with a reason and a message.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Error {
            reason,
            message: message.into(),
            violations: Vec::new(),
            metadata: Vec::new(),
            resource: None,
            retry_after: None,
            cause: None,
        }
    }

    /// The same with a fact for programs.
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.metadata.push((key, value.to_string()));
        self
    }

    /// The same with its private cause.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// One or more fields are wrong.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        let message = format!("The request is invalid in: {}.", fields.join(", "));
        Error { violations, ..Self::new(Reason::InvalidRequest, message) }
    }

    /// One field is wrong.
    pub fn invalid_field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::invalid(vec![Violation { field: field.into(), description: description.into() }])
    }

    /// There is no such object in this workspace.
    pub fn not_found(kind: &'static str, name: impl Into<String>) -> Self {
        let name = name.into();
        let message = format!("There is no {kind} \"{name}\".");
        Error { resource: Some((kind, name)), ..Self::new(Reason::NotFound, message) }
    }

    /// An object of that name is there already.
    pub fn already_exists(kind: &'static str, name: impl Into<String>) -> Self {
        let name = name.into();
        let message = format!("There is a {kind} \"{name}\" already.");
        Error { resource: Some((kind, name)), ..Self::new(Reason::AlreadyExists, message) }
    }

    /// Nothing was done; a retry may succeed.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let retry_after = Some(Duration::from_secs(1));
        Error { retry_after, ..Self::new(Reason::Unavailable, message) }
    }

    /// The server is going away; another one, or the same in a moment, goes on with what is asked.
    pub fn draining() -> Self {
        Self::unavailable("The server is stopping. Ask again: another one, or the next, answers.")
    }

    /// A fault of the server.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Reason::Internal, "The server failed; its log has the cause.").caused_by(cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}
