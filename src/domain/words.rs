//! Words for people: as they are, or by a key of the app's own table of strings, so that each phone shows them in its
//! own language.
//! <https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification>
//!
//! May import nothing. Stored and sent to Live Activities in the same form: a string, or an object with `loc-key`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Words, or where the app finds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Words {
    /// As they are; none if empty.
    Plain(String),
    /// By a key of the app's strings.
    Localized {
        /// The key.
        #[serde(rename = "loc-key")]
        key: String,
        /// What takes the places of its specifiers.
        #[serde(rename = "loc-args", default, skip_serializing_if = "Vec::is_empty")]
        args: Vec<String>,
    },
}

impl Words {
    /// There are none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Words::Plain(text) if text.is_empty())
    }

    /// As a Live Activity takes them.
    pub fn json(&self) -> Value {
        match self {
            Words::Plain(text) => text.as_str().into(),
            Words::Localized { key, args } => {
                let mut object = Map::from_iter([("loc-key".to_owned(), key.as_str().into())]);
                if !args.is_empty() {
                    object.insert("loc-args".to_owned(), args.clone().into());
                }
                Value::Object(object)
            }
        }
    }

    /// As members beside one another: by the first name where they are plain, else by the names of key and arguments.
    /// Nothing where there are none.
    pub fn members(&self, [plain, key_name, args_name]: [&str; 3]) -> Map<String, Value> {
        let mut members = Map::new();
        match self {
            Words::Plain(text) if text.is_empty() => {}
            Words::Plain(text) => {
                members.insert(plain.to_owned(), text.as_str().into());
            }
            Words::Localized { key, args } => {
                members.insert(key_name.to_owned(), key.as_str().into());
                if !args.is_empty() {
                    members.insert(args_name.to_owned(), args.clone().into());
                }
            }
        }
        members
    }
}

impl Default for Words {
    fn default() -> Self {
        Words::Plain(String::new())
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Words::Plain(text)
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Words::Plain(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stored_words_are_read_back_in_every_form() {
        let localized = |args: &[&str]| Words::Localized {
            key: "GATE".to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
        };
        for words in ["".into(), "Gate".into(), localized(&[]), localized(&["B12", ""])] {
            let text = serde_json::to_string(&words).unwrap();
            assert_eq!(serde_json::from_str::<Words>(&text).unwrap(), words, "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), words.json());
        }
    }

    #[test]
    fn members_have_the_names_of_their_form() {
        let names = ["title", "title_loc_key", "title_loc_args"];
        let of = |words: Words| Value::Object(words.members(names));
        assert_eq!(of("".into()), json!({}));
        assert_eq!(of("Gate".into()), json!({ "title": "Gate" }));
        let words = Words::Localized { key: "GATE".to_owned(), args: vec!["B12".to_owned()] };
        assert_eq!(of(words), json!({ "title_loc_key": "GATE", "title_loc_args": ["B12"] }));
    }
}
