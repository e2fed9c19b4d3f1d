//! Content: from a `Struct` or from JSON text, of which a caller gives one; and back to a `Struct` for those who read.
//!
//! The invariant: text is kept byte for byte, and integral numbers of a `Struct` are written as integers.

use crate::domain::content::{Content, DEPTH_MAX, write_number};
use crate::grpc::validate::Violations;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use std::fmt::Write as _;

/// The two forms in which a request gives the same thing, and the names of their fields.
#[derive(Debug)]
pub struct Forms<'a> {
    /// The field of the `Struct`; the text's field has `_json` behind it.
    pub field: &'a str,
    /// Easy to type.
    pub structure: Option<&'a Struct>,
    /// Exact.
    pub json: Option<&'a str>,
}

/// Reads content that is given in at most one of its two forms; none where it is absent, or wrong.
pub fn read(forms: &Forms<'_>, violations: &mut Violations) -> Option<Content> {
    let json_field = format!("{}_json", forms.field);
    match (forms.structure, forms.json) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            violations.add(json_field, format!("is given beside {}; give one", forms.field));
            None
        }
        (Some(structure), None) => {
            let before = violations.count();
            let mut path = forms.field.to_owned();
            let mut text = String::new();
            write_struct(structure, &mut Walk { text: &mut text, violations }, &mut path, 1);
            // What is wrong with a value has been said; the text is not whole.
            if violations.count() > before {
                return None;
            }
            parse(forms.field, &text, violations)
        }
        (None, Some(text)) => parse(&json_field, text, violations),
    }
}

/// Writes content for those who would rather have a `Struct`. A `Struct` has doubles alone: integers beyond 2^53 are
/// exact in the text only.
pub fn to_struct(content: &Content) -> Struct {
    match serde_json::from_str(content.as_str()) {
        Ok(serde_json::Value::Object(fields)) => structure(fields),
        _ => Struct::default(),
    }
}

fn parse(field: &str, text: &str, violations: &mut Violations) -> Option<Content> {
    Content::parse(text).map_err(|error| violations.add(field, error.to_string())).ok()
}

struct Walk<'a> {
    text: &'a mut String,
    violations: &'a mut Violations,
}

fn write_struct(structure: &Struct, walk: &mut Walk<'_>, path: &mut String, depth: usize) {
    if !fits(walk, path, depth) {
        return;
    }
    walk.text.push('{');
    for (index, (key, value)) in structure.fields.iter().enumerate() {
        if index > 0 {
            walk.text.push(',');
        }
        write_text(key, walk.text);
        walk.text.push(':');
        let length = path.len();
        path.push('.');
        path.push_str(key);
        write_value(value, walk, path, depth);
        path.truncate(length);
    }
    walk.text.push('}');
}

fn write_list(list: &ListValue, walk: &mut Walk<'_>, path: &mut String, depth: usize) {
    if !fits(walk, path, depth) {
        return;
    }
    walk.text.push('[');
    for (index, value) in list.values.iter().enumerate() {
        if index > 0 {
            walk.text.push(',');
        }
        let length = path.len();
        // Writing to a string does not fail.
        let _ = write!(path, "[{index}]");
        write_value(value, walk, path, depth);
        path.truncate(length);
    }
    walk.text.push(']');
}

fn write_value(value: &Value, walk: &mut Walk<'_>, path: &mut String, depth: usize) {
    match &value.kind {
        Some(Kind::NullValue(_)) => walk.text.push_str("null"),
        Some(Kind::BoolValue(value)) => walk.text.push_str(if *value { "true" } else { "false" }),
        Some(Kind::NumberValue(number)) => {
            if let Err(error) = write_number(*number, walk.text) {
                walk.violations.add(path.as_str(), error.to_string());
            }
        }
        Some(Kind::StringValue(text)) => write_text(text, walk.text),
        Some(Kind::StructValue(structure)) => write_struct(structure, walk, path, depth + 1),
        Some(Kind::ListValue(list)) => write_list(list, walk, path, depth + 1),
        None => walk.violations.add(path.as_str(), "has no value"),
    }
}

fn fits(walk: &mut Walk<'_>, path: &str, depth: usize) -> bool {
    if depth > DEPTH_MAX {
        let description = format!("is nested deeper than {DEPTH_MAX} levels");
        walk.violations.add(path, description);
    }
    depth <= DEPTH_MAX
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn structure(fields: serde_json::Map<String, serde_json::Value>) -> Struct {
    Struct { fields: fields.into_iter().map(|(key, json)| (key, value(json))).collect() }
}

fn value(json: serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(list) => {
            Kind::ListValue(ListValue { values: list.into_iter().map(value).collect() })
        }
        serde_json::Value::Object(fields) => Kind::StructValue(structure(fields)),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Struct {
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Struct { fields }
    }

    fn read_struct(structure: &Struct) -> Result<String, Vec<(String, String)>> {
        let mut violations = Violations::new();
        let forms = Forms { field: "content_state", structure: Some(structure), json: None };
        let content = read(&forms, &mut violations);
        match violations.finish() {
            Ok(()) => Ok(content.expect("content").as_str().to_owned()),
            Err(error) => {
                Err(error.violations.into_iter().map(|v| (v.field, v.description)).collect())
            }
        }
    }

    fn nested(levels: usize) -> Struct {
        let mut inner = object([]);
        for _ in 1..levels {
            inner = object([("a", of(Kind::StructValue(inner)))]);
        }
        inner
    }

    fn of(kind: Kind) -> Value {
        Value { kind: Some(kind) }
    }

    #[test]
    fn integral_numbers_are_written_as_integers_and_keys_in_order() {
        let list = Kind::ListValue(ListValue { values: vec![Value::from(1.5), Value::from(true)] });
        let given = object([
            ("gate", Value::from("B\"12\"\n")),
            ("delay", Value::from(20.0)),
            ("list", of(list)),
            ("none", of(Kind::NullValue(0))),
        ]);
        let text = read_struct(&given).expect("content");
        assert_eq!(text, r#"{"delay":20,"gate":"B\"12\"\n","list":[1.5,true],"none":null}"#);
        assert_eq!(to_struct(&Content::parse(&text).expect("content")), given);
    }

    #[test]
    fn every_wrong_value_is_named_with_its_path() {
        let list = ListValue { values: vec![Value::from(1.0), Value { kind: None }] };
        let given = object([
            ("a", Value::from(f64::NAN)),
            ("b", of(Kind::ListValue(list))),
            ("c", Value::from(9_007_199_254_740_992.0)),
        ]);
        let violations = read_struct(&given).expect_err("violations");
        let fields: Vec<&str> = violations.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["content_state.a", "content_state.b[1]", "content_state.c"]);
    }

    #[test]
    fn thirty_two_levels_are_taken_and_one_more_is_refused() {
        assert!(read_struct(&nested(32)).is_ok());
        let violations = read_struct(&nested(33)).expect_err("violations");
        assert!(violations[0].1.contains("32 levels"), "{violations:?}");
    }

    #[test]
    fn both_forms_at_once_are_refused_and_none_is_absent() {
        let mut violations = Violations::new();
        let (structure, json) = (object([]), "{}");
        let absent = Forms { field: "attributes", structure: None, json: None };
        assert!(read(&absent, &mut violations).is_none() && violations.is_empty());
        let both = Forms { structure: Some(&structure), json: Some(json), ..absent };
        assert!(read(&both, &mut violations).is_none());
        let error = violations.finish().expect_err("violations");
        assert_eq!(error.violations[0].field, "attributes_json");
    }

    #[test]
    fn text_is_kept_byte_for_byte_and_a_refusal_names_its_field() {
        let mut violations = Violations::new();
        let text = "{ \"b\":1.0,\"a\":9007199254740993 }";
        let forms = |json| Forms { field: "content_state", structure: None, json: Some(json) };
        let content = read(&forms(text), &mut violations).expect("content");
        assert_eq!(content.as_str(), text);
        assert!(read(&forms("[]"), &mut violations).is_none());
        let error = violations.finish().expect_err("violations");
        assert_eq!(error.violations[0].field, "content_state_json");
    }
}
