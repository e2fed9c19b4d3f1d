//! The data of a message, as the app reads it: by Tidings' keys, or by Sendora's three.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Content and attributes stay the very text that was sent.

use super::super::activity_kit::Refused;
use super::super::words::{self, Strings};
use super::Parcel;
use crate::clock::Time;
use crate::proto::simulator_v1::{Drop, DropReason};
use serde_json::Value;

/// What a message says of an activity.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) activity_id: String,
    pub(super) event: Event,
    pub(super) content: String,
    /// What Sendora's keys do not say.
    pub(super) more: Option<More>,
}

/// What only Tidings' keys say.
#[derive(Debug)]
pub(super) struct More {
    pub(super) run: i64,
    pub(super) revision: i64,
    pub(super) activity_type: String,
    pub(super) attributes: String,
    pub(super) timestamp: i64,
    pub(super) stale_at: Option<Time>,
    pub(super) dismiss_at: Option<Time>,
    pub(super) alert: Option<Alert>,
}

/// What the app is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    Update,
    End,
}

/// What makes the phone sound.
#[derive(Debug)]
pub(super) struct Alert {
    pub(super) title: String,
    pub(super) body: String,
}

/// The data of a message.
struct Data<'a> {
    pairs: &'a [(String, String)],
    strings: &'a Strings,
}

impl Said {
    /// Reads the data of a message, the words of its alert as the app has them.
    pub(super) fn read(
        pairs: &[(String, String)],
        strings: &Strings,
        sendora_keys: bool,
    ) -> Result<Self, Refused> {
        let data = Data { pairs, strings };
        if sendora_keys { data.sendora() } else { data.tidings() }
    }
}

impl Data<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn tidings(&self) -> Result<Said, Refused> {
        let activity_id = self.id("tidings_activity_id")?;
        let event = match self.get("tidings_event") {
            Some("start") => Event::Start,
            Some("update") => Event::Update,
            Some("end") => Event::End,
            Some(other) => return Err(unknown_event(other)),
            None => return Err(malformed("tidings_event")),
        };
        let time = |key: &str| {
            let given = self.get(key).map(|_| self.number(key).map(Time::from_seconds));
            given.transpose()
        };
        let more = More {
            run: self.number("tidings_run")?,
            revision: self.number("tidings_revision")?,
            activity_type: self.text("tidings_activity_type")?,
            attributes: self.object("tidings_attributes")?,
            timestamp: self.number("tidings_timestamp")?,
            stale_at: time("tidings_stale_time")?,
            dismiss_at: time("tidings_dismiss_time")?,
            alert: self.alert()?,
        };
        let content = self.object("tidings_content_state")?;
        Ok(Said { activity_id, event, content, more: Some(more) })
    }

    fn sendora(&self) -> Result<Said, Refused> {
        let activity_id = self.id("sendoraLiveActivityId")?;
        let event = match self.get("sendoraLiveActivityEvent") {
            Some("update") => Event::Update,
            Some("end") => Event::End,
            Some(other) => return Err(unknown_event(other)),
            None => return Err(malformed("sendoraLiveActivityEvent")),
        };
        let content = self.object("sendoraContentState")?;
        Ok(Said { activity_id, event, content, more: None })
    }

    /// Whether the message is of an activity at all.
    fn id(&self, key: &str) -> Result<String, Refused> {
        let missing = || (DropReason::NotALiveActivity, format!("there is no `{key}`"));
        self.get(key).filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(missing)
    }

    fn text(&self, key: &str) -> Result<String, Refused> {
        let text = self.get(key).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| malformed(key))
    }

    fn number(&self, key: &str) -> Result<i64, Refused> {
        let number = self.get(key).and_then(|text| text.parse().ok());
        number.filter(|number| *number > 0).ok_or_else(|| malformed(key))
    }

    /// The text of a JSON object.
    fn object(&self, key: &str) -> Result<String, Refused> {
        let text = self.text(key)?;
        let value: Option<Value> = serde_json::from_str(&text).ok();
        if value.is_some_and(|value| value.is_object()) { Ok(text) } else { Err(malformed(key)) }
    }

    fn alert(&self) -> Result<Option<Alert>, Refused> {
        const KEY: &str = "tidings_alert";
        if self.get(KEY).is_none() {
            return Ok(None);
        }
        let value: Value = serde_json::from_str(&self.object(KEY)?).unwrap_or_default();
        let text = |names| words::beside(&value, names, self.strings);
        let title = text(["title", "title_loc_key", "title_loc_args"]);
        let body = text(["body", "body_loc_key", "body_loc_args"]);
        if title.is_none() && body.is_none() {
            return Err(malformed(KEY));
        }
        Ok(Some(Alert { title: title.unwrap_or_default(), body: body.unwrap_or_default() }))
    }
}

/// What the log says of a message before it is known what became of it.
pub(super) fn describe(parcel: &Parcel) -> Drop {
    let data = Data { pairs: &parcel.message.data, strings: &Strings::new() };
    let number = |key: &str| data.number(key).unwrap_or(0);
    let event = data.get("tidings_event").or_else(|| data.get("sendoraLiveActivityEvent"));
    Drop {
        message_id: parcel.id.clone(),
        event: event.unwrap_or_default().to_owned(),
        timestamp: number("tidings_timestamp"),
        run: number("tidings_run"),
        revision: number("tidings_revision"),
        ..Drop::default()
    }
}

fn malformed(key: &str) -> Refused {
    (DropReason::KeyMalformed, format!("`{key}` is missing or malformed"))
}

fn unknown_event(event: &str) -> Refused {
    (DropReason::EventUnknown, format!("the event is {} bytes long", event.len()))
}
