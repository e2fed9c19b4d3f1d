//! One walk over a text: is it a JSON object, not too deep, without doubled keys?
//!
//! May import `content`'s errors. The walk descends no deeper than `DEPTH_MAX`, whatever the text, and builds nothing
//! but the set of keys of the objects that it is in.

use super::{ContentError, DEPTH_MAX};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

#[derive(Clone, Copy)]
enum Broken {
    Depth,
    Key,
}

/// Visits one value at a depth, and notes which of our own rules it broke.
#[derive(Clone, Copy)]
struct Walk<'a> {
    depth: usize,
    broken: &'a Cell<Option<Broken>>,
}

pub(super) fn check(text: &str) -> Result<(), ContentError> {
    let broken = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let walked = Walk { depth: 0, broken: &broken }.deserialize(&mut reader);
    if let Err(error) = walked.and_then(|()| reader.end()) {
        let (line, column) = (error.line(), error.column());
        return Err(match broken.get() {
            Some(Broken::Depth) => ContentError::TooDeep { line, column },
            Some(Broken::Key) => ContentError::DuplicateKey { line, column },
            None => ContentError::NotJson { problem: error.to_string() },
        });
    }
    if text.trim_start().starts_with('{') { Ok(()) } else { Err(ContentError::NotAnObject) }
}

impl Walk<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(self.refuse(Broken::Depth));
        }
        Ok(Walk { depth: self.depth + 1, ..self })
    }

    fn refuse<E: Error>(self, rule: Broken) -> E {
        self.broken.set(Some(rule));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        while list.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let mut keys = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            if !keys.insert(key) {
                return Err(self.refuse(Broken::Key));
            }
            object.next_value_seed(inside)?;
        }
        Ok(())
    }
}
