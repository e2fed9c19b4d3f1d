//! Alerts, priorities, environments, operations.

use super::words;
use crate::clock::Time;
use crate::domain::push::{Alert, Environment, Operation, Priority};
use crate::grpc::validate::Violations;
use crate::proto::v1;

const TITLE_BYTES_MAX: usize = 256;
const BODY_BYTES_MAX: usize = 1_024;
const SOUND_BYTES_MAX: usize = 128;

/// The words of an alert.
pub fn read_alert(field: &str, alert: &v1::Alert, violations: &mut Violations) -> Alert {
    let title = words::Given {
        field: format!("{field}.title"),
        text: (&alert.title, TITLE_BYTES_MAX),
        key: &alert.title_loc_key,
        args: &alert.title_loc_args,
    };
    let subtitle = words::Given {
        field: format!("{field}.subtitle"),
        text: (&alert.subtitle, TITLE_BYTES_MAX),
        key: &alert.subtitle_loc_key,
        args: &alert.subtitle_loc_args,
    };
    let body = words::Given {
        field: format!("{field}.body"),
        text: (&alert.body, BODY_BYTES_MAX),
        key: &alert.body_loc_key,
        args: &alert.body_loc_args,
    };
    let [title, subtitle, body] = [title, subtitle, body].map(|words| words.read(violations));
    violations.text(&format!("{field}.sound"), &alert.sound, 0..=SOUND_BYTES_MAX);
    Alert { title, subtitle, body, sound: alert.sound.clone() }
}

/// It has a title or a body, plain or by its key.
pub fn has_words(alert: &v1::Alert) -> bool {
    let words = [&alert.title, &alert.title_loc_key, &alert.body, &alert.body_loc_key];
    words.into_iter().any(|text| !text.is_empty())
}

/// The words of an ordinary notification.
pub fn read_fallback(words: &v1::Fallback, violations: &mut Violations) -> Alert {
    let words = words.clone();
    let alert = v1::Alert {
        title: words.title,
        title_loc_key: words.title_loc_key,
        title_loc_args: words.title_loc_args,
        body: words.body,
        body_loc_key: words.body_loc_key,
        body_loc_args: words.body_loc_args,
        sound: words.sound,
        ..v1::Alert::default()
    };
    read_alert("fallback", &alert, violations)
}

/// When an alert would only startle; the caller's default where it says nothing.
pub fn read_alert_expiry(
    field: &str,
    alert: &v1::Alert,
    violations: &mut Violations,
) -> Option<Time> {
    violations.time(&format!("{field}.expire_time"), alert.expire_time.as_ref())
}

/// An alert without an expiry, as a type has it; none where it says nothing.
pub fn alert(alert: &Alert) -> Option<v1::Alert> {
    if *alert == Alert::default() {
        return None;
    }
    let Alert { title, subtitle, body, sound } = alert.clone();
    let (title, title_loc_key, title_loc_args) = words::parts(title);
    let (subtitle, subtitle_loc_key, subtitle_loc_args) = words::parts(subtitle);
    let (body, body_loc_key, body_loc_args) = words::parts(body);
    Some(v1::Alert {
        title,
        subtitle,
        body,
        sound,
        expire_time: None,
        title_loc_key,
        title_loc_args,
        subtitle_loc_key,
        subtitle_loc_args,
        body_loc_key,
        body_loc_args,
    })
}

/// None is the default of the call.
pub fn read_priority(priority: v1::Priority) -> Option<Priority> {
    match priority {
        v1::Priority::Unspecified => None,
        v1::Priority::Normal => Some(Priority::Normal),
        v1::Priority::High => Some(Priority::High),
    }
}

/// None is the default of the app.
pub fn read_environment(environment: v1::ApnsEnvironment) -> Option<Environment> {
    match environment {
        v1::ApnsEnvironment::Unspecified => None,
        v1::ApnsEnvironment::Sandbox => Some(Environment::Sandbox),
        v1::ApnsEnvironment::Production => Some(Environment::Production),
    }
}

/// One of Apple's two worlds.
pub fn environment(environment: Environment) -> v1::ApnsEnvironment {
    match environment {
        Environment::Sandbox => v1::ApnsEnvironment::Sandbox,
        Environment::Production => v1::ApnsEnvironment::Production,
    }
}

/// None is any.
pub fn read_operation(operation: v1::Operation) -> Option<Operation> {
    match operation {
        v1::Operation::Unspecified => None,
        v1::Operation::Start => Some(Operation::Start),
        v1::Operation::Update => Some(Operation::Update),
        v1::Operation::End => Some(Operation::End),
        v1::Operation::Fallback => Some(Operation::Fallback),
    }
}

/// What a push is to do.
pub fn operation(operation: Operation) -> v1::Operation {
    match operation {
        Operation::Start => v1::Operation::Start,
        Operation::Update => v1::Operation::Update,
        Operation::End => v1::Operation::End,
        Operation::Fallback => v1::Operation::Fallback,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_may_have_lines_but_not_be_long() {
        let mut violations = Violations::new();
        let given = v1::Alert { body: "Gate\nB12".to_owned(), ..v1::Alert::default() };
        assert_eq!(alert(&read_alert("alert", &given, &mut violations)), Some(given));
        assert_eq!(alert(&Alert::default()), None);
        assert!(violations.is_empty());
        let long = v1::Alert {
            title: "x".repeat(257),
            body: "x".repeat(1_025),
            sound: "a\nb".to_owned(),
            ..v1::Alert::default()
        };
        read_alert("alert", &long, &mut violations);
        let error = violations.finish().expect_err("violations");
        let fields: Vec<&str> = error.violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["alert.title", "alert.body", "alert.sound"]);
    }
}
