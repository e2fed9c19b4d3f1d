//! Words of alerts: plain, or by a key of the app's table of strings, as the system of the phone fills them in.
//! <https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification>
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages#androidnotification>
//!
//! May import nothing of the product. A key that is not in the table is shown itself, as iOS does.

use serde_json::Value;
use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

/// The app's strings by their keys.
pub(super) type Strings = HashMap<String, String>;

/// The words of a Live Activity: a string, or an object with `loc-key`.
pub(super) fn of_activity(value: &Value, strings: &Strings) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => {
            let key = members.get("loc-key")?.as_str()?;
            Some(localized(strings, key, &texts(members.get("loc-args"))?))
        }
        _ => None,
    }
}

/// Words that stand beside their key: the key wins.
pub(super) fn beside(
    object: &Value,
    [plain, key, args]: [&str; 3],
    strings: &Strings,
) -> Option<String> {
    match object.get(key) {
        Some(key) => Some(localized(strings, key.as_str()?, &texts(object.get(args))?)),
        None => object.get(plain)?.as_str().map(str::to_owned),
    }
}

/// The string of that key with its arguments filled in; the key where there is none.
pub(super) fn localized(strings: &Strings, key: &str, args: &[String]) -> String {
    strings.get(key).map_or_else(|| key.to_owned(), |format| fill_in(format, args))
}

/// None where it is something else than a list of strings.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    match value {
        None => Some(Vec::new()),
        Some(value) => value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect(),
    }
}

/// `%@` and `%s` take the next argument, `%2$@` and `%2$s` the second, and `%%` is a percent sign. What takes an
/// argument that is not there is left empty.
fn fill_in(format: &str, args: &[String]) -> String {
    let mut filled = String::with_capacity(format.len());
    let mut letters = format.chars().peekable();
    let mut next = 0;
    while let Some(letter) = letters.next() {
        if letter != '%' {
            filled.push(letter);
            continue;
        }
        let position = position(&mut letters);
        match letters.next() {
            Some('@' | 's') => {
                let index = position.unwrap_or(next);
                next = index + 1;
                filled.push_str(args.get(index).map_or("", String::as_str));
            }
            Some(other) => filled.push(other),
            None => filled.push('%'),
        }
    }
    filled
}

/// The index of `2$`, after the percent sign.
fn position(letters: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let digit = letters.peek()?.to_digit(10)?;
    let mut ahead = letters.clone();
    ahead.next();
    if ahead.next() != Some('$') {
        return None;
    }
    *letters = ahead;
    usize::try_from(digit).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn strings() -> Strings {
        let strings = [("GATE", "Gate %@ from %@"), ("BACK", "%2$s, %1$s"), ("FULL", "100 %%")];
        strings.map(|(key, text)| (key.to_owned(), text.to_owned())).into()
    }

    fn said(value: &Value) -> Option<String> {
        of_activity(value, &strings())
    }

    #[test]
    fn strings_are_filled_in_and_a_missing_key_is_shown_itself() {
        let gate = json!({ "loc-key": "GATE", "loc-args": ["B12", "IST"] });
        assert_eq!(said(&gate).unwrap(), "Gate B12 from IST");
        let back = json!({ "loc-key": "BACK", "loc-args": ["one", "two"] });
        assert_eq!(said(&back).unwrap(), "two, one");
        assert_eq!(said(&json!({ "loc-key": "FULL" })).unwrap(), "100 %");
        assert_eq!(said(&json!({ "loc-key": "GATE" })).unwrap(), "Gate  from ");
        let missing = json!({ "loc-key": "NEW", "loc-args": ["x"] });
        assert_eq!(said(&missing).unwrap(), "NEW");
        assert_eq!(said(&json!("plain %@")).unwrap(), "plain %@");
    }

    #[test]
    fn what_is_no_text_is_none() {
        for wrong in [json!(1), json!({}), json!({ "loc-key": "GATE", "loc-args": [1] })] {
            assert_eq!(said(&wrong), None, "{wrong}");
        }
        let names = ["title", "title-loc-key", "title-loc-args"];
        let both = json!({ "title": "plain", "title-loc-key": "FULL" });
        assert_eq!(beside(&both, names, &strings()).unwrap(), "100 %");
        assert_eq!(beside(&json!({ "title": "plain" }), names, &strings()).unwrap(), "plain");
        assert_eq!(beside(&json!({}), names, &strings()), None);
    }
}
