//! What Google answered, as an outcome.
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>
//!
//! May import the table of reasons. Read in this order: the detail of FCM's own, the detail of Google's, the status in
//! the body, the status of HTTP. Only FCM's own detail can say that a token is dead. Nothing that a peer sends makes
//! this panic or grow.

use crate::clock::Time;
use crate::domain::reasons::fcm::{self, INVALID_REGISTRATION};
use crate::domain::reasons::{
    ANSWER_UNREADABLE, CONNECT_FAILED, CONNECT_TIMEOUT, CONNECTION_LOST, GOAWAY, NO_REASON,
    REFUSED_STREAM, STREAM_RESET, TIMEOUT, TLS_FAILED,
};
use crate::provider::{Class, Outcome, Rejection};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde_json::Value;
use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

/// Google wants no retry sooner.
/// <https://firebase.google.com/docs/cloud-messaging/scale-fcm>
const REST_MIN: Duration = Duration::from_secs(10);
/// How long Google wants to be left alone that says only that it is too much.
const REST_AFTER_429: Duration = Duration::from_mins(1);
/// The longest that it may ask for.
const REST_MAX: Duration = Duration::from_hours(24);

/// The longest word of a peer that is kept: a reason, the name of a message.
const WORD_BYTES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 256;

/// How Google says that what was registered is no token at all; nothing but the text tells it from a bad request.
const NO_TOKEN: &str = "not a valid FCM registration token";

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) outcome: Outcome,
    /// It says that the project's quota is used up.
    pub(super) of_project: bool,
}

/// The words of an answer that is not 200.
#[derive(Default)]
struct Words {
    /// Of FCM's own detail.
    of_fcm: Option<String>,
    /// Of Google's detail.
    of_google: Option<String>,
    /// The status in the body.
    status: Option<String>,
    is_no_token: bool,
    names_project: bool,
}

/// Reads an answer.
pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8], now: Time) -> Reading {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    if status == 200 {
        return Reading { outcome: taken(parsed.as_ref(), body), of_project: false };
    }
    let words = parsed.as_ref().map(words).unwrap_or_default();
    let (reason, is_of_fcm) = match &words {
        Words { of_fcm: Some(word), is_no_token: true, .. }
            if status == 400 && word == "INVALID_ARGUMENT" =>
        {
            (INVALID_REGISTRATION.to_owned(), true)
        }
        Words { of_fcm: Some(word), .. } => (word.clone(), true),
        Words { of_google, status, .. } => {
            let word = of_google.as_ref().or(status.as_ref());
            (word.cloned().unwrap_or_else(|| NO_REASON.to_owned()), false)
        }
    };
    let row = fcm::find(status, &reason).filter(|row| is_of_fcm || row.class != Class::Token);
    let class = row.map_or_else(|| fcm::class_of_status(status), |row| row.class);
    let retry_after = rest(class, status, headers, now);
    let of_project = status == 429 && words.names_project;
    let rejection = Rejection { status, reason, class, dead_since: None, retry_after };
    Reading { outcome: Outcome::Rejected(rejection), of_project }
}

/// What became of a push that was not answered.
pub(super) fn of_error(error: &reqwest::Error) -> Outcome {
    if error.is_connect() {
        let reason = if error.is_timeout() {
            CONNECT_TIMEOUT
        } else if causes(error).any(is_of_tls) {
            TLS_FAILED
        } else {
            CONNECT_FAILED
        };
        return Outcome::NotSent { reason };
    }
    if error.is_timeout() {
        return Outcome::Unknown { reason: TIMEOUT };
    }
    match causes(error).find_map(|cause| cause.downcast_ref::<h2::Error>()) {
        Some(error) if error.reason() == Some(h2::Reason::REFUSED_STREAM) => {
            Outcome::NotSent { reason: REFUSED_STREAM }
        }
        Some(error)
            if error.is_go_away()
                && error.is_remote()
                && error.reason() == Some(h2::Reason::NO_ERROR) =>
        {
            Outcome::NotSent { reason: GOAWAY }
        }
        Some(error) if error.is_reset() => Outcome::Unknown { reason: STREAM_RESET },
        _ => Outcome::Unknown { reason: CONNECTION_LOST },
    }
}

/// A 200 with the name of the message. Its body may have been cut off; but a page of some proxy is not Google's yes.
fn taken(parsed: Option<&Value>, body: &[u8]) -> Outcome {
    let is_cut_off = body.is_empty() || body.trim_ascii_start().starts_with(b"{");
    match parsed {
        Some(Value::Object(members)) => {
            let name = members.get("name").and_then(Value::as_str);
            let name = name.map(|name| word(name, NAME_BYTES_MAX)).filter(|name| !name.is_empty());
            Outcome::Accepted { unique_id: name }
        }
        None if is_cut_off => Outcome::Accepted { unique_id: None },
        _ => Outcome::Unknown { reason: ANSWER_UNREADABLE },
    }
}

fn words(body: &Value) -> Words {
    // Google wraps errors of some methods into a list.
    let body = body.as_array().and_then(|list| list.first()).unwrap_or(body);
    let mut words = Words::default();
    let Some(error) = body.get("error") else { return words };
    words.status = text(error, "status");
    let message = error.get("message").and_then(Value::as_str);
    words.is_no_token = message.is_some_and(|message| message.contains(NO_TOKEN));
    let details = error.get("details").and_then(Value::as_array);
    for detail in details.into_iter().flatten() {
        let kind = detail.get("@type").and_then(Value::as_str).unwrap_or_default();
        match kind.rsplit('/').next() {
            Some("google.firebase.fcm.v1.FcmError") => {
                words.of_fcm = words.of_fcm.take().or_else(|| text(detail, "errorCode"));
            }
            Some("google.rpc.ErrorInfo") => {
                words.of_google = words.of_google.take().or_else(|| text(detail, "reason"));
            }
            Some("google.rpc.QuotaFailure") => words.names_project |= names_project(detail),
            _ => {}
        }
    }
    words
}

/// Whether a violated quota is one of the whole project. Where the subject is of another form than Google's general
/// one, `project:` and its id, the project is paused only after several refusals.
fn names_project(detail: &Value) -> bool {
    let violations = detail.get("violations").and_then(Value::as_array);
    violations.into_iter().flatten().any(|violation| {
        let subject = violation.get("subject").and_then(Value::as_str).unwrap_or_default();
        subject.to_ascii_lowercase().starts_with("project")
    })
}

fn text(value: &Value, member: &str) -> Option<String> {
    let text = value.get(member).and_then(Value::as_str);
    text.map(|text| word(text, WORD_BYTES_MAX)).filter(|text| !text.is_empty())
}

fn word(text: &str, bytes_max: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(bytes_max).collect()
}

/// How long to leave Google alone. What may be tried again is never tried at once.
fn rest(class: Class, status: u16, headers: &HeaderMap, now: Time) -> Option<Duration> {
    let asked_for = retry_after(headers, now);
    let usual = match class {
        Class::Retry if status == 429 => Some(REST_AFTER_429),
        Class::Retry | Class::ProviderToken | Class::Connection | Class::Configuration => {
            Some(REST_MIN)
        }
        Class::Token | Class::Request | Class::Device => None,
    };
    asked_for.or(usual).map(|rest| rest.clamp(REST_MIN, REST_MAX))
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).ok()?;
    Some((Time(0) + since_epoch).since(now))
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// Errors of TLS come wrapped into those of input and output, which name what they wrap only when asked like this.
fn is_of_tls(cause: &(dyn Error + 'static)) -> bool {
    let within = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    cause.is::<rustls::Error>() || within.is_some_and(|within| is_of_tls(within))
}

#[cfg(test)]
mod tests;
