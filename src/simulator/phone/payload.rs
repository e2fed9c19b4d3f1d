//! The body of a Live Activity push, as a phone reads it.
//! <https://developer.apple.com/documentation/activitykit/starting-and-updating-live-activities-with-activitykit-push-notifications>
//!
//! May import `clock`. Content and attributes stay the very text that was sent.

use super::words::{self, Strings};
use crate::clock::Time;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A push that could be read.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) event: Event,
    /// Seconds since 1970.
    pub(super) timestamp: Option<i64>,
    pub(super) content: Option<String>,
    pub(super) attributes: Option<String>,
    pub(super) attributes_type: Option<String>,
    pub(super) alert: Option<Alert>,
    pub(super) stale_at: Option<Time>,
    pub(super) dismiss_at: Option<Time>,
    pub(super) wants_token: bool,
    /// The channel that a start names; what is no text names none that there is.
    pub(super) channel_id: Option<String>,
}

/// What a push is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    Update,
    End,
}

/// What lights up the screen.
#[derive(Debug, Default)]
pub(super) struct Alert {
    pub(super) title: String,
    pub(super) body: String,
}

/// Why a push could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Json(String),
    NotALiveActivity,
    Event(String),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    aps: Aps<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Aps<'a> {
    event: Option<String>,
    timestamp: Option<Value>,
    #[serde(borrow)]
    content_state: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
    attributes_type: Option<String>,
    alert: Option<Value>,
    stale_date: Option<Value>,
    dismissal_date: Option<Value>,
    input_push_token: Option<Value>,
    input_push_channel: Option<Value>,
}

impl Payload {
    /// Reads a body, the words of its alert as the app has them.
    pub(super) fn read(body: &[u8], strings: &Strings) -> Result<Self, Unreadable> {
        let body: Body<'_> = serde_json::from_slice(body)
            .map_err(|error| Unreadable::Json(format!("{:?} error", error.classify())))?;
        let aps = body.aps;
        let event = match aps.event.as_deref() {
            Some("start") => Event::Start,
            Some("update") => Event::Update,
            Some("end") => Event::End,
            Some(other) => return Err(Unreadable::Event(other.to_owned())),
            None => return Err(Unreadable::NotALiveActivity),
        };
        let text = |raw: &RawValue| raw.get().to_owned();
        Ok(Self {
            event,
            timestamp: aps.timestamp.as_ref().and_then(Value::as_i64),
            content: aps.content_state.map(text),
            attributes: aps.attributes.map(text),
            attributes_type: aps.attributes_type,
            alert: aps.alert.as_ref().and_then(|value| alert(value, strings)),
            stale_at: aps.stale_date.as_ref().and_then(instant),
            dismiss_at: aps.dismissal_date.as_ref().and_then(instant),
            wants_token: aps.input_push_token.is_some_and(|value| value.as_i64() == Some(1)),
            channel_id: aps.input_push_channel.as_ref().map(channel),
        })
    }
}

impl Event {
    /// Apple's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Event::Start => "start",
            Event::Update => "update",
            Event::End => "end",
        }
    }
}

fn instant(value: &Value) -> Option<Time> {
    let seconds = value.as_i64();
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second is dropped")]
    let seconds = seconds.or_else(|| value.as_f64().map(|seconds| seconds as i64));
    seconds.map(Time::from_seconds)
}

fn channel(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An alert with title and body: plain strings, or localisation keys. None without both.
fn alert(value: &Value, strings: &Strings) -> Option<Alert> {
    let text =
        |name: &str| words::of_activity(value.get(name)?, strings).filter(|text| !text.is_empty());
    Some(Alert { title: text("title")?, body: text("body")? })
}
