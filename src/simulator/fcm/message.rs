//! A message as FCM takes it: its target, what it says, and how it may be kept.
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>
//!
//! May import `fcm::{fields, refusal, schema}`. Pure: a body in, its meaning or a refusal out.

use super::fields::{
    ANDROID, ANDROID_NOTIFICATION, ANDROID_V2, MESSAGE, NOTIFICATION, REMOTE_NOTIFICATION, TARGETS,
};
use super::refusal::Refusal;
use super::schema::Object;
use serde_json::Value;
use std::time::Duration;

/// What keys and values may have together.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 4_096;
/// The same for a topic.
const TOPIC_PAYLOAD_BYTES_MAX: usize = 2_048;
/// The longest and the default time for which FCM keeps a message.
const TTL_MAX: Duration = Duration::from_hours(4 * 7 * 24);
const TOPIC_BYTES_MAX: usize = 900;
const CONDITION_TOPICS_MAX: usize = 5;
const LABEL_BYTES_MAX: usize = 50;
/// A message that nothing is wrong with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// For whom it is.
    pub(crate) target: Target,
    /// It is only to be checked.
    pub(crate) validate_only: bool,
    /// What the app gets.
    pub(crate) data: Vec<(String, String)>,
    /// What the system shows itself.
    pub(crate) notice: Option<Notice>,
    /// How long it may be kept; zero is now or never.
    pub(crate) ttl: Duration,
    /// It wakes the phone.
    pub(crate) high_priority: bool,
    /// Only the last of those with the same key is kept.
    pub(crate) collapse_key: Option<String>,
    /// Only for the app of this name.
    pub(crate) package_name: Option<String>,
}

/// For whom a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One app on one phone.
    Registration { value: String, is_fid: bool },
    /// Everyone who follows a topic, or some of them.
    Topics,
}

/// What the system shows of a message that has a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) title: Said,
    pub(crate) body: Said,
    pub(crate) tag: String,
}

/// Words of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// As they are.
    Plain(String),
    /// By a key of the app's strings, with its arguments.
    ByKey(String, Vec<String>),
}

/// Which keys of `data` are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReservedKeys {
    /// Everything that begins with `google` or `gcm`, as one page of the documentation says.
    #[default]
    Strict,
    /// Only what begins with `google.` or `gcm.notification.`, as another page says.
    Lax,
}

impl Message {
    /// Reads the body of a request.
    pub(crate) fn read(body: &[u8], reserved: ReservedKeys) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|_| Refusal::unreadable("", "Unexpected end of string or token."))?;
        let whole = Object::read(&value, "", &["message", "validate_only"])?;
        let validate_only = whole.boolean("validate_only")?;
        let missing = || Refusal::invalid("message", "Recipient of the message is not set.");
        let message = whole.object("message", &MESSAGE)?.ok_or_else(missing)?;
        let target = read_target(&message)?;
        let mut read = Self {
            target,
            validate_only,
            data: message.strings("data")?,
            notice: None,
            ttl: TTL_MAX,
            high_priority: false,
            collapse_key: None,
            package_name: None,
        };
        read.notice =
            message.object("notification", &NOTIFICATION)?.as_ref().map(notice).transpose()?;
        label(&message)?;
        read.read_others(&message)?;
        read.check(reserved)?;
        Ok(read)
    }

    /// What differs between the systems.
    fn read_others(&mut self, message: &Object<'_>) -> Result<(), Refusal> {
        let apns = ["headers", "payload", "fcm_options", "live_activity_token"];
        message.object("apns", &apns)?;
        message.object("webpush", &["headers", "data", "notification", "fcm_options"])?;
        let android = message.object("android", &ANDROID)?;
        let android_v2 = message.object("android_v2", &ANDROID_V2)?;
        match (android, android_v2) {
            (Some(_), Some(_)) => {
                let description = "Only one of `android` and `android_v2` may be set.";
                Err(Refusal::invalid("message.android_v2", description))
            }
            (Some(android), None) => {
                self.high_priority = priority(&android)?;
                let own = android.object("notification", &ANDROID_NOTIFICATION)?;
                self.overlay(own.as_ref())?;
                self.read_android(&android)
            }
            (None, Some(android)) => {
                let sync = android.object("background_sync", &[])?;
                let remote = android.object("remote_notification", &REMOTE_NOTIFICATION)?;
                if sync.is_some() && remote.is_some() {
                    let description = "Only one kind of message may be set.";
                    return Err(Refusal::invalid("message.android_v2", description));
                }
                self.high_priority = remote.is_some();
                if let Some(remote) = remote {
                    let own = remote.object("notification", &ANDROID_NOTIFICATION)?;
                    // The apps here have an older library, for which this turns a notification into data.
                    if !remote.boolean("use_as_v1_data_message")? {
                        self.overlay(own.as_ref())?;
                    }
                }
                self.read_android(&android)
            }
            (None, None) => Ok(()),
        }
    }

    fn read_android(&mut self, android: &Object<'_>) -> Result<(), Refusal> {
        self.collapse_key = android.string("collapse_key")?.filter(|key| !key.is_empty());
        self.package_name =
            android.string("restricted_package_name")?.filter(|name| !name.is_empty());
        for flag in ["direct_boot_ok", "bandwidth_constrained_ok", "restricted_satellite_ok"] {
            android.boolean(flag)?;
        }
        label(android)?;
        if let Some(ttl) = android.seconds("ttl")? {
            if ttl > TTL_MAX {
                let description = "Invalid TTL: it must be between 0 and 2419200 seconds.";
                return Err(Refusal::invalid(&android.path("ttl"), description));
            }
            self.ttl = ttl;
        }
        if android.has("data") {
            self.data = android.strings("data")?;
        }
        Ok(())
    }

    /// What a notification for Android says takes the place of what the one for all says.
    fn overlay(&mut self, own: Option<&Object<'_>>) -> Result<(), Refusal> {
        let Some(own) = own.map(notice).transpose()? else { return Ok(()) };
        let all = self.notice.get_or_insert_default();
        for (old, new) in [(&mut all.title, own.title), (&mut all.body, own.body)] {
            if new.bytes() > 0 {
                *old = new;
            }
        }
        if !own.tag.is_empty() {
            all.tag = own.tag;
        }
        Ok(())
    }

    fn check(&self, reserved: ReservedKeys) -> Result<(), Refusal> {
        if let Some((key, _)) = self.data.iter().find(|(key, _)| is_reserved(key, reserved)) {
            let description = format!("Invalid data payload key: {key}");
            return Err(Refusal::invalid("message.data", &description));
        }
        let data: usize = self.data.iter().map(|(key, value)| key.len() + value.len()).sum();
        let notice = self.notice.as_ref();
        let notice = notice.map_or(0, |notice| notice.title.bytes() + notice.body.bytes());
        let max = match self.target {
            Target::Registration { .. } => PAYLOAD_BYTES_MAX,
            Target::Topics => TOPIC_PAYLOAD_BYTES_MAX,
        };
        if data + notice > max {
            return Err(Refusal::invalid("message", "Android message is too big"));
        }
        Ok(())
    }
}

/// The target of a request as it was sent, and its name; empty where there is not exactly one.
pub(crate) fn target_of(body: &[u8]) -> (&'static str, String) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| body.pointer(&format!("/message/{name}")).and_then(Value::as_str);
    let mut found = TARGETS.iter().filter_map(|name| Some((*name, field(name)?.to_owned())));
    match (found.next(), found.next()) {
        (Some(only), None) => only,
        _ => ("", String::new()),
    }
}

fn read_target(message: &Object<'_>) -> Result<Target, Refusal> {
    let kind = match message.present(&TARGETS).as_slice() {
        [] => return Err(Refusal::invalid("message", "Recipient of the message is not set.")),
        [kind] => *kind,
        [first, second, ..] => {
            let description = format!(
                "Invalid value at 'message' (oneof), oneof field 'target' is already set to \
                 '{first}'. Cannot set '{second}'"
            );
            return Err(Refusal::unreadable("message", &description));
        }
    };
    let value = message.string(kind)?.unwrap_or_default();
    let path = message.path(kind);
    match kind {
        "topic" if !is_topic(&value) => Err(Refusal::invalid(&path, "Invalid topic name")),
        "condition" if !is_condition(&value) => {
            Err(Refusal::invalid(&path, "Invalid condition expression"))
        }
        "topic" | "condition" => Ok(Target::Topics),
        _ => Ok(Target::Registration { value, is_fid: kind == "fid" }),
    }
}

fn is_topic(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
    !name.is_empty() && name.len() <= TOPIC_BYTES_MAX && name.bytes().all(legal)
}

/// Up to five of `'name' in topics`, joined by operators.
fn is_condition(text: &str) -> bool {
    let parts: Vec<&str> = text.split('\'').collect();
    let names: Vec<&str> = parts.iter().skip(1).step_by(2).copied().collect();
    let between: String = parts.iter().step_by(2).copied().collect();
    let glue = between.replace("in topics", "").replace("&&", "").replace("||", "");
    let topics = between.matches("in topics").count();
    let balanced = glue.matches('(').count() == glue.matches(')').count();
    parts.len() % 2 == 1
        && topics == names.len()
        && (1..=CONDITION_TOPICS_MAX).contains(&topics)
        && names.iter().all(|name| is_topic(name))
        && glue.chars().all(|letter| " ()!".contains(letter))
        && balanced
}

fn notice(notification: &Object<'_>) -> Result<Notice, Refusal> {
    let text = |name: &str| notification.string(name).map(Option::unwrap_or_default);
    // Only a notification for Android has keys.
    let said = |plain: &str, key: &str, args: &str| {
        let args = notification.list(args)?;
        Ok(match notification.string(key)? {
            Some(key) if !key.is_empty() => Said::ByKey(key, args),
            _ => Said::Plain(text(plain)?),
        })
    };
    let title = said("title", "title_loc_key", "title_loc_args")?;
    let body = said("body", "body_loc_key", "body_loc_args")?;
    Ok(Notice { title, body, tag: text("tag")? })
}

impl Said {
    /// What counts against the limit.
    fn bytes(&self) -> usize {
        match self {
            Said::Plain(text) => text.len(),
            Said::ByKey(key, args) => key.len() + args.iter().map(String::len).sum::<usize>(),
        }
    }
}

impl Default for Said {
    fn default() -> Self {
        Said::Plain(String::new())
    }
}

/// True for a message that wakes the phone. Libraries send the word in lower case.
fn priority(android: &Object<'_>) -> Result<bool, Refusal> {
    const PRIORITY: &str =
        "type.googleapis.com/google.firebase.fcm.v1.AndroidConfig.AndroidMessagePriority";
    let Some(value) = android.value("priority") else { return Ok(false) };
    match value.as_str().map(str::to_ascii_uppercase).as_deref() {
        Some("HIGH") => Ok(true),
        Some("NORMAL") => Ok(false),
        _ => Err(Refusal::mistyped(&android.path("priority"), PRIORITY, value)),
    }
}

fn label(of: &Object<'_>) -> Result<(), Refusal> {
    let Some(options) = of.object("fcm_options", &["analytics_label"])? else { return Ok(()) };
    let Some(label) = options.string("analytics_label")? else { return Ok(()) };
    if is_topic(&label) && label.len() <= LABEL_BYTES_MAX {
        return Ok(());
    }
    Err(Refusal::invalid(&options.path("analytics_label"), "Invalid analytics label"))
}

fn is_reserved(key: &str, reserved: ReservedKeys) -> bool {
    let prefixes = match reserved {
        ReservedKeys::Strict => ["google", "gcm"],
        ReservedKeys::Lax => ["google.", "gcm.notification."],
    };
    matches!(key, "from" | "message_type") || prefixes.iter().any(|prefix| key.starts_with(prefix))
}
