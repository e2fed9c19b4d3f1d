//! Answers as they go over the wire: whole ones and such that break off.
//!
//! May import `proto`, `fcm::{grant, refusal}` and external crates.

use super::super::time;
use super::grant::Denial;
use super::refusal::Refusal;
use crate::proto::simulator_v1::FaultAnswer;
use bytes::Bytes;
use futures::stream::{self, Iter};
use http::Response;
use http_body_util::StreamBody;
use hyper::body::Frame;
use std::time::{Duration, UNIX_EPOCH};
use std::vec::IntoIter;

/// The body of an answer.
pub(super) type Body = StreamBody<Iter<IntoIter<Result<Frame<Bytes>, Broken>>>>;

/// Why there is no answer, or only half of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The connection ends here.
    #[error("the connection is cut")]
    Cut,
    /// The stream is reset with a code; without streams, the connection ends.
    #[error("the stream is reset")]
    Reset(#[source] h2::Error),
}

/// All of it.
fn whole(bytes: Bytes) -> Body {
    StreamBody::new(stream::iter(vec![Ok(Frame::data(bytes))]))
}

/// The first half of it, and then nothing more.
fn half(bytes: &Bytes) -> Body {
    let begin = bytes.slice(..bytes.len() / 2);
    StreamBody::new(stream::iter(vec![Ok(Frame::data(begin)), Err(Broken::Cut)]))
}

/// JSON with a status; only the first half of it where that was asked for.
pub(super) fn respond(status: u16, json: String, is_half: bool) -> Response<Body> {
    let bytes = Bytes::from(json);
    let length = bytes.len();
    let body = if is_half { half(&bytes) } else { whole(bytes) };
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    let json = http::HeaderValue::from_static("application/json; charset=UTF-8");
    headers.insert(http::header::CONTENT_TYPE, json);
    headers.insert(http::header::CONTENT_LENGTH, length.into());
    response
}

/// No access token.
pub(super) fn deny(denial: &Denial) -> Response<Body> {
    respond(denial.status, denial.body(), false)
}

/// A refusal of FCM.
pub(super) fn refuse(refusal: &Refusal) -> Response<Body> {
    let mut response = respond(refusal.status, refusal.body(), false);
    set(&mut response, "retry-after", refusal.retry_after.as_deref().unwrap_or_default());
    response
}

/// What a fault asked for: the status with the body that belongs to it, or with one of its own.
pub(super) fn told(answer: &FaultAnswer, status: u16, body: String) -> Response<Body> {
    let mut response = respond(status, answer.body.clone().unwrap_or(body), false);
    set(&mut response, "content-type", &answer.content_type);
    if answer.retry_after > 0 {
        set(&mut response, "retry-after", &answer.retry_after.to_string());
    }
    if let Some(at) = &answer.retry_after_time {
        let seconds = u64::try_from(time(at).seconds()).unwrap_or(0);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        set(&mut response, "retry-after", &date);
    }
    response
}

/// Sets a header, unless there is nothing to set or it is none.
fn set(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let (false, Ok(value)) = (value.is_empty(), value.parse()) {
        response.headers_mut().insert(name, value);
    }
}
