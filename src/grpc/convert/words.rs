//! Words for people, plain or by a key of the app's strings.

use crate::domain::words::Words;
use crate::grpc::validate::Violations;

const KEY_BYTES_MAX: usize = 128;
const ARGS_MAX: usize = 16;
const ARG_BYTES_MAX: usize = 256;

/// Words as a request gives them.
pub(super) struct Given<'a> {
    /// The name of the plain field; those of the others begin with it.
    pub(super) field: String,
    /// The plain text, and how many bytes it may have.
    pub(super) text: (&'a str, usize),
    /// The key.
    pub(super) key: &'a str,
    /// Its arguments.
    pub(super) args: &'a [String],
}

impl Given<'_> {
    /// Reads one of both forms.
    pub(super) fn read(self, violations: &mut Violations) -> Words {
        let Given { field, text: (text, bytes_max), key, args } = self;
        let (key_field, args_field) = (format!("{field}_loc_key"), format!("{field}_loc_args"));
        violations.length(&field, text, 0..=bytes_max);
        violations.text(&key_field, key, 0..=KEY_BYTES_MAX);
        if args.len() > ARGS_MAX {
            let problem = format!("has {} entries; at most {ARGS_MAX} are allowed", args.len());
            violations.add(&args_field, problem);
        }
        for (index, arg) in args.iter().enumerate().take(ARGS_MAX) {
            violations.length(&format!("{args_field}[{index}]"), arg, 0..=ARG_BYTES_MAX);
        }
        if key.is_empty() && !args.is_empty() {
            violations.add(&args_field, "is given without the key that takes them");
        }
        if key.is_empty() {
            return text.into();
        }
        if !text.is_empty() {
            violations.add(&key_field, "is given beside the plain text; give one of both");
        }
        Words::Localized { key: key.to_owned(), args: args.to_vec() }
    }
}

/// The plain text, the key, its arguments.
pub(super) fn parts(words: Words) -> (String, String, Vec<String>) {
    match words {
        Words::Plain(text) => (text, String::new(), Vec::new()),
        Words::Localized { key, args } => (String::new(), key, args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, key: &str, args: &[String]) -> (Words, Vec<String>) {
        let mut violations = Violations::new();
        let given = Given { field: "alert.title".to_owned(), text: (text, 256), key, args };
        let words = given.read(&mut violations);
        let refused = violations.finish().err().map(|error| error.violations).unwrap_or_default();
        (words, refused.into_iter().map(|violation| violation.field).collect())
    }

    #[test]
    fn words_are_plain_or_by_a_key_and_never_both() {
        let args = ["B12".to_owned()];
        assert_eq!(read("Gate", "", &[]), ("Gate".into(), Vec::new()));
        let localized = Words::Localized { key: "GATE".to_owned(), args: args.to_vec() };
        assert_eq!(read("", "GATE", &args), (localized.clone(), Vec::new()));
        assert_eq!(parts(localized), (String::new(), "GATE".to_owned(), args.to_vec()));
        assert_eq!(read("Gate", "GATE", &[]).1, ["alert.title_loc_key"]);
        assert_eq!(read("Gate", "", &args).1, ["alert.title_loc_args"]);
    }

    #[test]
    fn keys_and_arguments_have_limits() {
        assert_eq!(read("", &"k".repeat(129), &[]).1, ["alert.title_loc_key"]);
        assert_eq!(read("", "a\nb", &[]).1, ["alert.title_loc_key"]);
        assert_eq!(read("", "K", &vec![String::new(); 17]).1, ["alert.title_loc_args"]);
        assert_eq!(read("", "K", &["x".repeat(257)]).1, ["alert.title_loc_args[0]"]);
    }
}
