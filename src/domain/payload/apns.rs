//! The body of a Live Activity push to Apple.
//! <https://developer.apple.com/documentation/activitykit/starting-and-updating-live-activities-with-activitykit-push-notifications>
//!
//! May import `content` and `push`. The same code measures a push when a call is accepted and builds it when it is
//! sent, so what was accepted fits: content and attributes go into the body byte for byte.

use crate::clock::Time;
use crate::domain::content::Content;
use crate::domain::push::{Alert, Operation};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::fmt::{self, Write as _};

/// The most bytes of a body; also the most bytes of attributes and content together that `ActivityKit` keeps.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
pub const BODY_BYTES_MAX: usize = 4096;

/// What a push is for Apple: it decides about the token that it goes by and the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushType {
    /// It makes, changes or ends a card.
    LiveActivity,
    /// It is an ordinary notification.
    Alert,
}

impl PushType {
    /// `apns-push-type`.
    pub fn word(self) -> &'static str {
        match self {
            PushType::LiveActivity => "liveactivity",
            PushType::Alert => "alert",
        }
    }

    /// `apns-topic` of an app.
    pub fn topic(self, bundle_id: &str) -> String {
        match self {
            PushType::LiveActivity => format!("{bundle_id}.push-type.liveactivity"),
            PushType::Alert => bundle_id.to_owned(),
        }
    }
}

/// Everything that one body is made of.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// What the push is to do, with what only that takes.
    pub event: Event<'a>,
    /// The stamp by which a phone keeps the newest state; whole seconds count.
    pub timestamp: Time,
    /// What the phone is to show.
    pub content_state: &'a Content,
    /// What lights up the screen. A start must have one, with title and body.
    pub alert: Option<&'a Alert>,
    /// When the content counts as out of date.
    pub stale_time: Option<Time>,
    /// Which of an app's activities comes first; any finite number.
    pub relevance_score: Option<f64>,
}

/// What a push is to do, with what only that takes.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Make a card.
    Start {
        /// The bare name of the Swift struct.
        attributes_type: &'a str,
        /// The static data.
        attributes: &'a Content,
        /// Ask for an update token of the new card: iOS 18 and later give none otherwise, earlier ones do not know it.
        input_push_token: bool,
    },
    /// Change it.
    Update,
    /// End it.
    End {
        /// When it leaves the Lock Screen; a past one removes it at once, none leaves it for up to 4 hours.
        dismissal_time: Option<Time>,
    },
}

/// An ordinary notification, for a device that cannot show the activity.
/// <https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification>
#[derive(Clone, Copy, Debug)]
pub struct Notification<'a> {
    /// The caller's id of the activity: the app knows by it what was tapped, and the system groups by it.
    pub activity_id: &'a str,
    /// The run.
    pub run: i64,
    /// What it says.
    pub alert: &'a Alert,
}

/// The bytes of one body, by what they are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The static data; 0 where it does not ride.
    pub attributes: usize,
    /// The content.
    pub content_state: usize,
    /// The alert with its key; 0 where there is none.
    pub alert: usize,
    /// All that Apple's form costs: keys, timestamps, the type's name.
    pub envelope: usize,
    /// All together.
    pub total: usize,
}

/// Something is larger than Apple takes, in words for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// The push that does not fit; none where attributes and content do not fit together on the phone.
    pub operation: Option<Operation>,
    /// Its sizes.
    pub size: Size,
    /// The most that [`Size::total`] may be.
    pub limit: usize,
}

impl Event<'_> {
    /// The word without the data.
    pub fn operation(&self) -> Operation {
        match self {
            Event::Start { .. } => Operation::Start,
            Event::Update => Operation::Update,
            Event::End { .. } => Operation::End,
        }
    }
}

impl Payload<'_> {
    /// The body.
    pub fn build(&self) -> Bytes {
        let mut out = String::with_capacity(self.content_state.len() + 512);
        let _ = write!(out, "{{\"aps\":{{\"timestamp\":{}", self.timestamp.seconds());
        let _ = write!(out, ",\"event\":\"{}\"", word(self.event.operation()));
        let _ = write!(out, ",\"content-state\":{}", self.content_state.as_str());
        if let Event::Start { attributes_type, attributes, input_push_token } = self.event {
            let _ = write!(out, ",\"attributes-type\":{}", quoted(attributes_type));
            let _ = write!(out, ",\"attributes\":{}", attributes.as_str());
            if input_push_token {
                out.push_str(",\"input-push-token\":1");
            }
        }
        if let Some(alert) = self.alert {
            write_alert(alert, &mut out);
        }
        if let Some(stale_time) = self.stale_time {
            let _ = write!(out, ",\"stale-date\":{}", stale_time.seconds());
        }
        if let Event::End { dismissal_time: Some(time) } = self.event {
            let _ = write!(out, ",\"dismissal-date\":{}", time.seconds());
        }
        if let Some(score) = self.relevance_score.filter(|score| score.is_finite()) {
            let _ = write!(out, ",\"relevance-score\":{score:?}");
        }
        out.push_str("}}");
        Bytes::from(out)
    }

    /// How large the body is, and on what the bytes are spent.
    pub fn size(&self) -> Size {
        let attributes = match self.event {
            Event::Start { attributes, .. } => attributes.len(),
            Event::Update | Event::End { .. } => 0,
        };
        let mut alert = String::new();
        if let Some(given) = self.alert {
            write_alert(given, &mut alert);
        }
        let (content_state, alert) = (self.content_state.len(), alert.len());
        let total = self.build().len();
        let envelope = total - attributes - content_state - alert;
        Size { attributes, content_state, alert, envelope, total }
    }
}

impl Notification<'_> {
    /// The body.
    pub fn build(&self) -> Bytes {
        let words = [
            (&self.alert.title, ["title", "title-loc-key", "title-loc-args"]),
            (&self.alert.subtitle, ["subtitle", "subtitle-loc-key", "subtitle-loc-args"]),
            (&self.alert.body, ["body", "loc-key", "loc-args"]),
        ];
        let alert: Map<String, Value> =
            words.into_iter().flat_map(|(words, names)| words.members(names)).collect();
        let sound = (!self.alert.sound.is_empty()).then_some(self.alert.sound.as_str());
        let aps = [
            ("alert", Some(Value::Object(alert))),
            ("thread-id", Some(self.activity_id.into())),
            ("sound", sound.map(Value::from)),
        ];
        let aps: Map<String, Value> =
            aps.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        let run = self.run.to_string();
        let body = json!({
            "aps": aps,
            "tidings_activity_id": self.activity_id,
            "tidings_run": run,
        });
        Bytes::from(body.to_string())
    }
}

/// Checks every push that a content can ride on, and that the phone can keep it beside the activity's attributes, which
/// do not ride on each. Of several that do not fit, the largest is reported.
pub fn check_size(payloads: &[Payload<'_>], attributes: &Content) -> Result<(), TooLarge> {
    let limit = BODY_BYTES_MAX;
    let bodies = payloads.iter().map(|payload| TooLarge {
        operation: Some(payload.event.operation()),
        size: payload.size(),
        limit,
    });
    let kept = payloads.iter().map(|payload| {
        let (attributes, content_state) = (attributes.len(), payload.content_state.len());
        let total = attributes + content_state;
        let size = Size { attributes, content_state, alert: 0, envelope: 0, total };
        TooLarge { operation: None, size, limit }
    });
    let largest = bodies.chain(kept).max_by_key(|candidate| candidate.size.total);
    match largest {
        Some(largest) if largest.size.total > limit => Err(largest),
        _ => Ok(()),
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { attributes, content_state, alert, envelope, total } = self.size;
        let limit = self.limit;
        match self.operation {
            Some(operation) => write!(
                f,
                "makes the {} push {total} bytes, and Apple takes {limit}: \
                 attributes {attributes}, content_state {content_state}, alert {alert}, \
                 envelope {envelope}",
                word(operation)
            ),
            None => write!(
                f,
                "is {total} bytes together with the attributes, and a phone keeps {limit}: \
                 attributes {attributes}, content_state {content_state}"
            ),
        }
    }
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Start => "start",
        Operation::Update => "update",
        Operation::End => "end",
        Operation::Fallback => "fallback",
    }
}

fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

/// Writes nothing for an alert without words: Apple's phones refuse an empty one. Localised words are an object in the
/// place of the text, otherwise than in an ordinary notification.
fn write_alert(alert: &Alert, out: &mut String) {
    let words = [("title", &alert.title), ("subtitle", &alert.subtitle), ("body", &alert.body)];
    let words = words.into_iter().filter(|(_, words)| !words.is_empty());
    let sound = (!alert.sound.is_empty()).then(|| ("sound", quoted(&alert.sound)));
    let mut separator = ",\"alert\":{";
    for (key, value) in words.map(|(key, words)| (key, words.json())).chain(sound) {
        let _ = write!(out, "{separator}\"{key}\":{value}");
        separator = ",";
    }
    if separator == "," {
        out.push('}');
    }
}

#[cfg(test)]
mod tests;
