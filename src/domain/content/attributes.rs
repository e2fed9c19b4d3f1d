//! Attributes: content that the app finds its own activity by.
//!
//! May import `content`. The id and the run are written into the caller's object without touching its other bytes; a
//! caller that has written them already must have written the same.

use super::{BYTES_MAX, Content};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A value that we write into attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeValue<'a> {
    /// A string, such as the activity's id.
    Text(&'a str),
    /// An integer, such as the run.
    Integer(i64),
}

/// Why attributes could not be completed, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The caller wrote another value.
    #[error("has \"{name}\" with another value than {wanted}; leave it out and it is filled in")]
    Conflict {
        /// The attribute.
        name: String,
        /// What it has to be, as JSON.
        wanted: String,
    },
    /// The attributes fitted, but do not with what is added.
    #[error("is {bytes} bytes with the activity's id and run; at most {BYTES_MAX} are allowed")]
    TooLarge {
        /// The size with everything added.
        bytes: usize,
    },
}

impl Content {
    /// The same object with these attributes: appended where absent, kept where they are there with the same value.
    pub fn with_attributes(
        &self,
        attributes: &[(&str, AttributeValue<'_>)],
    ) -> Result<Content, AttributeError> {
        let mut text = self.as_str().to_owned();
        for (name, value) in attributes {
            insert(&mut text, name, *value)?;
        }
        if text.len() > BYTES_MAX {
            return Err(AttributeError::TooLarge { bytes: text.len() });
        }
        Ok(Content { text: text.into() })
    }
}

impl AttributeValue<'_> {
    fn is(self, json: &RawValue) -> bool {
        match self {
            AttributeValue::Text(text) => {
                serde_json::from_str::<String>(json.get()).is_ok_and(|found| found == text)
            }
            AttributeValue::Integer(integer) => json.get().parse() == Ok(integer),
        }
    }
}

impl fmt::Display for AttributeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeValue::Text(text) => write!(f, "{}", serde_json::Value::from(*text)),
            AttributeValue::Integer(integer) => write!(f, "{integer}"),
        }
    }
}

/// Keys may be written with escapes, so they are compared decoded.
#[derive(PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::borrow::Borrow<str> for Key<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn members(object: &str) -> HashMap<Key<'_>, &RawValue> {
    serde_json::from_str(object).unwrap_or_default()
}

fn insert(
    object: &mut String,
    name: &str,
    value: AttributeValue<'_>,
) -> Result<(), AttributeError> {
    let members = members(object);
    if let Some(found) = members.get(name) {
        if value.is(found) {
            return Ok(());
        }
        return Err(AttributeError::Conflict { name: name.to_owned(), wanted: value.to_string() });
    }
    let comma = if members.is_empty() { "" } else { "," };
    let member = format!("{comma}{}:{value}", AttributeValue::Text(name));
    if let Some(end) = object.rfind('}') {
        object.insert_str(end, &member);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use AttributeValue::{Integer, Text};

    fn completed(text: &str) -> Result<String, AttributeError> {
        let attributes = [("activityId", Text("FLIGHT_1711")), ("activityRun", Integer(2))];
        let content = Content::parse(text).unwrap().with_attributes(&attributes)?;
        assert!(Content::parse(content.as_str()).is_ok(), "{}", content.as_str());
        Ok(content.as_str().to_owned())
    }

    #[test]
    fn absent_attributes_are_appended_and_the_rest_keeps_its_bytes() {
        let cases = [
            ("{}", r#"{"activityId":"FLIGHT_1711","activityRun":2}"#),
            (" { } ", r#" { "activityId":"FLIGHT_1711","activityRun":2} "#),
            (
                "{\"n\" : 1.0,\n \"x\":\"}\"\n}\n",
                "{\"n\" : 1.0,\n \"x\":\"}\"\n,\"activityId\":\"FLIGHT_1711\",\"activityRun\":2}\n",
            ),
        ];
        for (given, wanted) in cases {
            assert_eq!(completed(given).unwrap(), wanted);
        }
    }

    #[test]
    fn the_same_value_is_kept_as_it_was_written() {
        let given = r#"{ "activityRun": 2, "\u0061ctivityId":"\u0046LIGHT_1711" }"#;
        assert_eq!(completed(given).unwrap(), given);
        let given = r#"{"activityId":"FLIGHT_1711"}"#;
        assert_eq!(completed(given).unwrap(), r#"{"activityId":"FLIGHT_1711","activityRun":2}"#);
    }

    #[test]
    fn another_value_is_refused_and_named() {
        let cases = [
            (r#"{"activityId":"FLIGHT_1712"}"#, "activityId"),
            (r#"{"activityId":null}"#, "activityId"),
            (r#"{"activityRun":1}"#, "activityRun"),
            (r#"{"activityRun":"2"}"#, "activityRun"),
            (r#"{"activityRun":2.0}"#, "activityRun"),
        ];
        for (given, attribute) in cases {
            match completed(given) {
                Err(AttributeError::Conflict { name, .. }) => assert_eq!(name, attribute),
                other => panic!("{given}: {other:?}"),
            }
        }
    }

    #[test]
    fn names_and_values_are_escaped() {
        let content = Content::empty().with_attributes(&[("a\"b", Text("c\\d\n"))]).unwrap();
        assert_eq!(content.as_str(), r#"{"a\"b":"c\\d\n"}"#);
    }

    #[test]
    fn one_name_for_both_is_a_conflict() {
        let attributes = [("same", Text("FLIGHT_1711")), ("same", Integer(1))];
        let refusal = Content::empty().with_attributes(&attributes).unwrap_err();
        assert!(matches!(refusal, AttributeError::Conflict { .. }), "{refusal}");
    }

    #[test]
    fn what_no_longer_fits_is_refused_with_the_size() {
        let full = format!("{{\"a\":\"{}\"}}", "x".repeat(BYTES_MAX - 8));
        assert_eq!(completed(&full), Err(AttributeError::TooLarge { bytes: BYTES_MAX + 43 }));
    }
}
