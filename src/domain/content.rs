//! Content: a JSON object as text, kept byte for byte.
//!
//! `ActivityKit` decodes strictly and fails silently, so what a backend wrote is what a phone gets: nothing is
//! parsed and printed again, integers stay integers. May import nothing of ours. The invariant: a [`Content`] is
//! one valid JSON object of at most [`BYTES_MAX`] bytes and [`DEPTH_MAX`] levels, without doubled keys. It is never
//! printed by `Debug`.

mod attributes;
mod number;
mod syntax;

pub use attributes::{AttributeError, AttributeValue};
pub use number::{NumberError, write_number};

use std::fmt;
use std::sync::Arc;

/// The most bytes of one content or one set of attributes: no push of Apple's carries more.
pub const BYTES_MAX: usize = 4096;

/// The most levels of objects and arrays, counting the outermost.
pub const DEPTH_MAX: usize = 32;

/// A JSON object as text, byte for byte as it was given.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    text: Arc<str>,
}

/// Why a text is not content, in words for the caller. It never quotes the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// More bytes than any push carries.
    #[error("is {bytes} bytes; at most {BYTES_MAX} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON: bad syntax, a bad escape, half a surrogate pair, or something after the value.
    #[error("is not valid JSON: {problem}")]
    NotJson {
        /// What is wrong, and where.
        problem: String,
    },
    /// JSON, but a list or a bare value.
    #[error("must be a JSON object, such as {{\"gate\":\"B12\"}}")]
    NotAnObject,
    /// Too many levels.
    #[error("is nested deeper than {DEPTH_MAX} levels at line {line} column {column}")]
    TooDeep {
        /// Where the first level too many begins.
        line: usize,
        /// The column there.
        column: usize,
    },
    /// A key twice in one object: which of the values a phone would take is not defined.
    #[error("has a key twice in one object, the second time at line {line} column {column}")]
    DuplicateKey {
        /// Where the key is the second time.
        line: usize,
        /// The column there.
        column: usize,
    },
}

impl Content {
    /// Takes a text that is one valid JSON object, and keeps it as it is.
    pub fn parse(text: &str) -> Result<Content, ContentError> {
        if text.len() > BYTES_MAX {
            return Err(ContentError::TooLarge { bytes: text.len() });
        }
        syntax::check(text)?;
        Ok(Content { text: text.into() })
    }

    /// A text that was content when it was stored.
    pub fn from_stored(text: String) -> Content {
        Content { text: text.into() }
    }

    /// `{}`.
    pub fn empty() -> Content {
        Content { text: "{}".into() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its size in bytes, which is never zero.
    #[expect(clippy::len_without_is_empty, reason = "the shortest content is `{}`")]
    pub fn len(&self) -> usize {
        self.text.len()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn text_is_kept_byte_for_byte() {
        let text = " {\"n\" : 1.0, \"big\":9007199254740993,\t\"\\u00e9\":[1e2,-0,null,true]}\n";
        assert_eq!(Content::parse(text).unwrap().as_str(), text);
    }

    #[test]
    fn debug_does_not_print_the_text() {
        let content = Content::parse(r#"{"seat":"14C"}"#).unwrap();
        assert_eq!(format!("{content:?}"), "Content(14 bytes)");
    }

    #[test]
    fn what_is_json_but_no_object_is_refused() {
        for text in ["[]", "1", "\"text\"", "null", " [{}]"] {
            assert_eq!(Content::parse(text), Err(ContentError::NotAnObject), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let texts = [
            "",
            "   ",
            "{",
            "gate",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":NaN}",
            "{\"a\":01}",
            "{\"a\":1} {}",
            "{\"a\":1}x",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\"}",
            "{\"\\ud800\":1}",
            "{\"a\":\"\\ud800\\u0041\"}",
            "{\"a\":\"line\nbreak\"}",
            "{\"a\":1e999}",
            "\u{feff}{}",
        ];
        for text in texts {
            let refusal = Content::parse(text).unwrap_err();
            assert!(matches!(refusal, ContentError::NotJson { .. }), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_whole_surrogate_pair_is_taken() {
        assert!(Content::parse(r#"{"a":"\ud83d\ude80"}"#).is_ok());
    }

    #[test]
    fn refusals_do_not_quote_the_text() {
        for text in ["{\"seat\":14C}", "{\"seat\":1,\"seat\":2}", "[\"seat\"]", "{\"seat\":1}seat"]
        {
            let refusal = Content::parse(text).unwrap_err().to_string();
            assert!(!refusal.contains("seat"), "{refusal}");
        }
    }

    #[test]
    fn thirty_two_levels_are_taken_and_one_more_is_refused() {
        assert!(Content::parse(&nested(32)).is_ok());
        let refusal = Content::parse(&nested(33)).unwrap_err();
        assert!(matches!(refusal, ContentError::TooDeep { line: 1, .. }), "{refusal}");
        let list = format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32));
        assert!(matches!(Content::parse(&list), Err(ContentError::TooDeep { .. })));
    }

    #[test]
    fn the_deepest_text_of_any_size_does_not_overflow_the_stack() {
        let bytes = 200_000;
        let refusal = Content::parse(&"[".repeat(bytes)).unwrap_err();
        assert_eq!(refusal, ContentError::TooLarge { bytes });
        assert!(matches!(syntax::check(&"[".repeat(bytes)), Err(ContentError::TooDeep { .. })));
        let objects = "{\"a\":".repeat(100_000);
        assert!(matches!(syntax::check(&objects), Err(ContentError::TooDeep { .. })));
    }

    #[test]
    fn a_doubled_key_is_refused_however_it_is_written() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"b":[{"a":1,"a":2}]}"#] {
            let refusal = Content::parse(text).unwrap_err();
            assert!(matches!(refusal, ContentError::DuplicateKey { .. }), "{text}: {refusal}");
        }
        assert!(Content::parse(r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn exactly_4096_bytes_are_taken_and_the_size_of_more_is_said() {
        let text = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert_eq!(Content::parse(&text(4096)).unwrap().len(), 4096);
        let refusal = Content::parse(&text(4097)).unwrap_err();
        assert_eq!(refusal.to_string(), "is 4097 bytes; at most 4096 are allowed");
    }
}
