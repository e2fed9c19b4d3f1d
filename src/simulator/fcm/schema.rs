//! JSON as Google's API reads it into protobuf: known fields only, in snake or camel case, each with its type.
//!
//! May import `fcm::refusal`. The first mistake is the answer. Of a field that is there twice the last one counts.

use super::refusal::Refusal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// An object whose fields are all known.
pub(super) struct Object<'a> {
    at: String,
    fields: BTreeMap<String, &'a Value>,
}

impl<'a> Object<'a> {
    /// Reads an object that may have these fields; `at` is where it is, empty for the whole body.
    pub(super) fn read(value: &'a Value, at: &str, known: &[&str]) -> Result<Self, Refusal> {
        let Value::Object(members) = value else {
            return Err(Refusal::mistyped(at, "an object", value));
        };
        let mut fields = BTreeMap::new();
        for (name, value) in members {
            let snake = snake_case(name);
            if !known.contains(&snake.as_str()) {
                let place = if at.is_empty() { String::new() } else { format!(" at '{at}'") };
                let description = format!("Unknown name \"{name}\"{place}: Cannot find field.");
                return Err(Refusal::unreadable(at, &description));
            }
            if !value.is_null() {
                fields.insert(snake, value);
            }
        }
        Ok(Self { at: at.to_owned(), fields })
    }

    /// Where a field is.
    pub(super) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The names of the given fields that are there.
    pub(super) fn present<'n>(&self, names: &[&'n str]) -> Vec<&'n str> {
        names.iter().copied().filter(|name| self.has(name)).collect()
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).copied()
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(Refusal::mistyped(&self.path(name), "TYPE_STRING", other)),
        }
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, Refusal> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(Refusal::mistyped(&self.path(name), "TYPE_BOOL", other)),
        }
    }

    pub(super) fn object(&self, name: &str, known: &[&str]) -> Result<Option<Self>, Refusal> {
        self.value(name).map(|value| Object::read(value, &self.path(name), known)).transpose()
    }

    /// A list of strings.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let path = self.path(name);
        let members = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(members)) => members,
            Some(other) => return Err(Refusal::mistyped(&path, "TYPE_STRING", other)),
        };
        let texts = members.iter().enumerate().map(|(index, value)| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(Refusal::mistyped(&format!("{path}[{index}]"), "TYPE_STRING", other)),
        });
        texts.collect()
    }

    /// A map of strings, in the order in which it was sent.
    pub(super) fn strings(&self, name: &str) -> Result<Vec<(String, String)>, Refusal> {
        let path = self.path(name);
        let members = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Object(members)) => members,
            Some(other) => return Err(Refusal::mistyped(&path, "Map", other)),
        };
        let mut strings = Vec::new();
        for (index, (key, value)) in members.iter().enumerate() {
            let Value::String(text) = value else {
                let field = format!("{path}[{index}].value");
                return Err(Refusal::mistyped(&field, "TYPE_STRING", value));
            };
            strings.push((key.clone(), text.clone()));
        }
        Ok(strings)
    }

    /// A span such as `3.5s`, floored to whole seconds; an error where it is no span or below zero.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<Duration>, Refusal> {
        const DURATION: &str = "type.googleapis.com/google.protobuf.Duration";
        let Some(value) = self.value(name) else { return Ok(None) };
        let read = value.as_str().and_then(whole_seconds);
        match read {
            Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
            None => Err(Refusal::mistyped(&self.path(name), DURATION, value)),
        }
    }
}

fn whole_seconds(text: &str) -> Option<u64> {
    let number = text.strip_suffix('s')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction) && fraction.len() <= 9).then(|| whole.parse().ok())?
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
