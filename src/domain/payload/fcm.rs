//! A message to an Android app by way of Google, without its target: it is shared by all devices that get the same.
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>
//!
//! May import `content`, `platform` and `push`. The same code measures a message when a call is accepted and builds it
//! when it is sent. Every message has the whole state and the attributes, for the app's process may have died and no
//! order is promised; it never has a collapse key, for Google lets through one such message in three minutes.

use crate::clock::Time;
use crate::domain::content::Content;
use crate::domain::platform::DataKeys;
use crate::domain::push::{Alert, Operation};
use crate::domain::words::Words;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

/// The most bytes of keys and values of the data.
/// <https://firebase.google.com/docs/cloud-messaging/error-codes>
pub const DATA_BYTES_MAX: usize = 4096;

/// How long Google keeps an update for a device that is offline: newer ones come, and at most 100 wait for an app.
pub const UPDATE_TTL: Duration = Duration::from_mins(30);
/// How long it keeps a start: a card that appears much later is a surprise.
pub const START_TTL: Duration = Duration::from_hours(1);
/// How long it keeps an end: nothing comes after it.
pub const END_TTL: Duration = Duration::from_hours(4);
/// The longest that Google keeps anything.
const TTL_MAX: Duration = Duration::from_hours(28 * 24);

/// The names of words: plain, by their key, and the arguments of that. Google's, which the app's alert has too.
const TITLE: [&str; 3] = ["title", "title_loc_key", "title_loc_args"];
const SUBTITLE: [&str; 3] = ["subtitle", "subtitle_loc_key", "subtitle_loc_args"];
const BODY: [&str; 3] = ["body", "body_loc_key", "body_loc_args"];

const _: () = assert!(UPDATE_TTL.as_secs() <= END_TTL.as_secs());
const _: () = assert!(DATA_BYTES_MAX == super::apns::BODY_BYTES_MAX, "one limit for both");

/// Everything that one message is made of.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Which keys.
    pub keys: DataKeys,
    /// The caller's id of the activity.
    pub activity_id: &'a str,
    /// The run.
    pub run: i64,
    /// What the app is to do.
    pub operation: Operation,
    /// The revision that it shows then.
    pub revision: i64,
    /// The name of the activity's type.
    pub activity_type: &'a str,
    /// The static data.
    pub attributes: &'a Content,
    /// What it is to show.
    pub content_state: &'a Content,
    /// The stamp by which an app keeps the newest state; whole seconds count.
    pub timestamp: Time,
    /// When the content counts as out of date.
    pub stale_time: Option<Time>,
    /// When an ended card is to go.
    pub dismiss_time: Option<Time>,
    /// What makes the device sound, where something does.
    pub alert: Option<&'a Alert>,
    /// The same for a resend, so that an app can tell what it had.
    pub message_id: &'a str,
    /// How long Google keeps it for a device that is offline.
    pub ttl: Duration,
}

/// An ordinary notification, for a device that cannot show the activity.
#[derive(Clone, Copy, Debug)]
pub struct Notification<'a> {
    /// The caller's id of the activity; a later notification of it replaces this one.
    pub activity_id: &'a str,
    /// The run.
    pub run: i64,
    /// What it says.
    pub alert: &'a Alert,
    /// The same for a resend.
    pub message_id: &'a str,
    /// How long Google keeps it for a device that is offline.
    pub ttl: Duration,
}

/// The bytes of the data of one message, keys and values, by what they are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The static data.
    pub attributes: usize,
    /// The content.
    pub content_state: usize,
    /// The alert with its key; 0 where there is none.
    pub alert: usize,
    /// All that the form costs: keys, ids, times.
    pub envelope: usize,
    /// All together.
    pub total: usize,
}

/// The data is larger than Google takes, in words for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// What does not fit.
    pub operation: Operation,
    /// Its sizes.
    pub size: Size,
}

/// How long Google is to keep a message: no longer than its content is good for. `until` is when it is outdated, or
/// until when a start is worth making.
pub fn ttl(operation: Operation, until: Option<Time>, now: Time) -> Duration {
    let until = until.filter(|until| *until > now).map(|until| until.since(now));
    match operation {
        Operation::Start => until.unwrap_or(START_TTL),
        Operation::Fallback => START_TTL,
        Operation::End => END_TTL,
        Operation::Update => until.map_or(UPDATE_TTL, |until| until.min(END_TTL)),
    }
}

impl Message<'_> {
    /// The object `message` without its target.
    pub fn build(&self) -> Bytes {
        let data: Map<String, Value> =
            self.data().into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        Bytes::from(json!({ "data": data, "android": android(self.ttl) }).to_string())
    }

    /// How large the data is, and on what the bytes are spent.
    pub fn size(&self) -> Size {
        let mut size = Size { attributes: 0, content_state: 0, alert: 0, envelope: 0, total: 0 };
        for (key, value) in self.data() {
            size.total += key.len() + value.len();
            match key {
                "tidings_attributes" => size.attributes = value.len(),
                "tidings_content_state" | "sendoraContentState" => size.content_state = value.len(),
                "tidings_alert" => size.alert = key.len() + value.len(),
                _ => {}
            }
        }
        size.envelope = size.total - size.attributes - size.content_state - size.alert;
        size
    }

    fn data(&self) -> Vec<(&'static str, String)> {
        match self.keys {
            DataKeys::Tidings => self.of_tidings(),
            DataKeys::Sendora => self.of_sendora(),
        }
    }

    fn of_tidings(&self) -> Vec<(&'static str, String)> {
        let mut data = vec![
            ("tidings_activity_id", self.activity_id.to_owned()),
            ("tidings_run", self.run.to_string()),
            ("tidings_event", word(self.operation).to_owned()),
            ("tidings_revision", self.revision.to_string()),
            ("tidings_activity_type", self.activity_type.to_owned()),
            ("tidings_attributes", self.attributes.as_str().to_owned()),
            ("tidings_content_state", self.content_state.as_str().to_owned()),
            ("tidings_timestamp", self.timestamp.seconds().to_string()),
            ("tidings_message_id", self.message_id.to_owned()),
        ];
        for (key, time) in
            [("tidings_stale_time", self.stale_time), ("tidings_dismiss_time", self.dismiss_time)]
        {
            data.extend(time.map(|time| (key, time.seconds().to_string())));
        }
        data.extend(self.alert.and_then(alert_json).map(|alert| ("tidings_alert", alert)));
        data
    }

    /// Its apps know no start: what they do not show yet, an update makes.
    fn of_sendora(&self) -> Vec<(&'static str, String)> {
        let event = match self.operation {
            Operation::Start | Operation::Update | Operation::Fallback => "update",
            Operation::End => "end",
        };
        vec![
            ("sendoraLiveActivityId", self.activity_id.to_owned()),
            ("sendoraLiveActivityEvent", event.to_owned()),
            ("sendoraContentState", self.content_state.as_str().to_owned()),
        ]
    }
}

impl Notification<'_> {
    /// The object `message` without its target.
    pub fn build(&self) -> Bytes {
        let mut android = android(self.ttl);
        let mut own = Map::from_iter([("tag".to_owned(), self.activity_id.into())]);
        if !self.alert.sound.is_empty() {
            own.insert("sound".into(), self.alert.sound.as_str().into());
        }
        // Keys are of Android alone, plain words of every system.
        let mut plain = Map::new();
        for (words, names) in [(&self.alert.title, TITLE), (&self.alert.body, BODY)] {
            let into = if matches!(words, Words::Plain(_)) { &mut plain } else { &mut own };
            into.extend(words.members(names));
        }
        android.insert("notification".into(), own.into());
        let data = json!({
            "tidings_activity_id": self.activity_id,
            "tidings_run": self.run.to_string(),
            "tidings_message_id": self.message_id,
        });
        let mut message = Map::new();
        if !plain.is_empty() {
            message.insert("notification".into(), plain.into());
        }
        message.insert("data".into(), data);
        message.insert("android".into(), android.into());
        Bytes::from(Value::Object(message).to_string())
    }
}

/// Checks every message that a content can ride on. Of several that do not fit, the largest is reported.
pub fn check_size(messages: &[Message<'_>]) -> Result<(), TooLarge> {
    let sized = messages.iter().map(|m| TooLarge { operation: m.operation, size: m.size() });
    match sized.max_by_key(|candidate| candidate.size.total) {
        Some(largest) if largest.size.total > DATA_BYTES_MAX => Err(largest),
        _ => Ok(()),
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { attributes, content_state, alert, envelope, total } = self.size;
        write!(
            f,
            "makes the {} message for Android {total} bytes, and Google takes {DATA_BYTES_MAX}: \
             attributes {attributes}, content_state {content_state}, alert {alert}, \
             envelope {envelope}",
            word(self.operation)
        )
    }
}

/// At once, whatever the device does: what a person looks at just now does not wait for the device to wake up.
fn android(ttl: Duration) -> Map<String, Value> {
    let ttl = format!("{}s", ttl.min(TTL_MAX).as_secs());
    Map::from_iter([("priority".into(), "HIGH".into()), ("ttl".into(), ttl.into())])
}

/// Nothing for an alert without words.
fn alert_json(alert: &Alert) -> Option<String> {
    let words = [(&alert.title, TITLE), (&alert.subtitle, SUBTITLE), (&alert.body, BODY)];
    let mut members: Map<String, Value> =
        words.into_iter().flat_map(|(words, names)| words.members(names)).collect();
    if !alert.sound.is_empty() {
        members.insert("sound".to_owned(), alert.sound.as_str().into());
    }
    (!members.is_empty()).then(|| Value::Object(members).to_string())
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Start => "start",
        Operation::Update => "update",
        Operation::End => "end",
        Operation::Fallback => "fallback",
    }
}

#[cfg(test)]
mod tests;
