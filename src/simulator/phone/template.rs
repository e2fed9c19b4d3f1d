//! Whether JSON decodes into the Swift types of an app, as `JSONDecoder` reads it with its default strategies.
//! <https://developer.apple.com/documentation/activitykit/starting-and-updating-live-activities-with-activitykit-push-notifications>
//!
//! May import `proto`. Unknown keys are ignored; a missing or mistyped property fails the whole.

use crate::proto::simulator_v1::{Field, FieldKind, Template};
use serde_json::{Map, Value};

const ID_ATTRIBUTE: &str = "activityId";
const RUN_ATTRIBUTE: &str = "activityRun";

/// The name of the Swift struct.
pub(super) fn attributes_type(template: &Template) -> &str {
    non_empty(&template.attributes_type, &template.activity_type)
}

/// The id and the run that the attributes name.
pub(super) fn identity(template: &Template, attributes_json: &str) -> (String, i64) {
    let attributes: Map<String, Value> = serde_json::from_str(attributes_json).unwrap_or_default();
    let id = attributes.get(non_empty(&template.id_attribute, ID_ATTRIBUTE));
    let run = attributes.get(non_empty(&template.run_attribute, RUN_ATTRIBUTE));
    (
        id.and_then(Value::as_str).unwrap_or_default().to_owned(),
        run.and_then(Value::as_i64).unwrap_or(0),
    )
}

/// Decodes, or says what is wrong.
pub(super) fn decode(fields: &[Field], json: Option<&str>) -> Result<(), String> {
    let json = json.ok_or("it is missing")?;
    let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let object = value.as_object().ok_or("it is not an object")?;
    fields.iter().try_for_each(|field| {
        decode_field(field, object.get(&field.name))
            .map_err(|wrong| format!("the property `{}` {wrong}", field.name))
    })
}

fn decode_field(field: &Field, value: Option<&Value>) -> Result<(), &'static str> {
    let value = match value {
        None | Some(Value::Null) if field.optional => return Ok(()),
        None => return Err("is missing"),
        Some(Value::Null) => return Err("is null"),
        Some(value) => value,
    };
    let (fits, wrong) = match field.kind() {
        FieldKind::String => (value.is_string(), "is not a string"),
        // A number written as `2.0` or `2e0` is no integer to us: senders must not rely on leniency.
        FieldKind::Int => (value.is_i64(), "is not an integer"),
        FieldKind::Double => (value.is_number(), "is not a number"),
        FieldKind::Bool => (value.is_boolean(), "is not a boolean"),
        FieldKind::Date => (value.is_number(), "is not a date as seconds since 2001"),
        FieldKind::Any | FieldKind::Unspecified => (true, ""),
    };
    if fits { Ok(()) } else { Err(wrong) }
}

fn non_empty<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: FieldKind, optional: bool) -> Vec<Field> {
        vec![Field { name: "x".into(), kind: kind.into(), optional }]
    }

    #[test]
    fn a_property_takes_only_json_of_its_own_type() {
        let cases = [
            (FieldKind::String, r#"{"x":"a"}"#, r#"{"x":1}"#),
            (FieldKind::Int, r#"{"x":9007199254740993}"#, r#"{"x":1.5}"#),
            (FieldKind::Int, r#"{"x":-2}"#, r#"{"x":2.0}"#),
            (FieldKind::Int, r#"{"x":0}"#, r#"{"x":1e3}"#),
            (FieldKind::Double, r#"{"x":1}"#, r#"{"x":"1"}"#),
            (FieldKind::Bool, r#"{"x":true}"#, r#"{"x":1}"#),
            (FieldKind::Date, r#"{"x":800000000.5}"#, r#"{"x":"2026-11-22T00:00:00Z"}"#),
            (FieldKind::Any, r#"{"x":[{}]}"#, r#"{"x":null}"#),
        ];
        for (kind, good, bad) in cases {
            assert_eq!(decode(&field(kind, false), Some(good)), Ok(()), "{kind:?} {good}");
            assert!(decode(&field(kind, false), Some(bad)).is_err(), "{kind:?} {bad}");
            assert!(decode(&field(kind, true), Some(bad)).is_err() || bad.contains("null"));
        }
    }

    #[test]
    fn only_an_optional_property_may_be_absent_or_null() {
        for json in ["{}", r#"{"x":null}"#] {
            assert!(decode(&field(FieldKind::Int, false), Some(json)).is_err(), "{json}");
            assert_eq!(decode(&field(FieldKind::Int, true), Some(json)), Ok(()), "{json}");
        }
    }

    #[test]
    fn unknown_keys_are_ignored_and_what_is_no_object_fails() {
        assert_eq!(decode(&[], Some(r#"{"y":1}"#)), Ok(()));
        assert!(decode(&[], Some("[]")).is_err());
        assert!(decode(&[], None).is_err());
    }
}
