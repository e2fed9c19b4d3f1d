//! Checks the fields of a request and collects every violation, so that the caller mends all of them at once.
//!
//! May import `clock`, `error` and well-known protobuf types. The invariant: a check that fails adds a violation and
//! returns a harmless value; nothing of a request is used before [`Violations::finish`] has said that all is well.

use crate::clock::Time;
use crate::error::{Error, Reason, Result, Violation};
use crate::grpc::convert::time;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// The most bytes of an id or a name.
pub const ID_BYTES_MAX: usize = 256;
/// The most entries of a list; larger audiences are no lists.
pub const LIST_MAX: usize = 1_000;
/// The entries of a page, where the caller does not say.
pub const PAGE_SIZE_DEFAULT: u32 = 50;
/// The most entries of a page.
pub const PAGE_SIZE_MAX: u32 = 1_000;

/// What is wrong with a request, so far.
#[derive(Debug, Default)]
pub struct Violations {
    list: Vec<(Reason, Violation)>,
}

impl Violations {
    /// Nothing is wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A field is wrong.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.add_as(Reason::InvalidRequest, field, description);
    }

    /// A field is wrong in a way that has a reason of its own. The call is refused with that reason where nothing else
    /// is wrong.
    pub fn add_as(
        &mut self,
        reason: Reason,
        field: impl Into<String>,
        description: impl Into<String>,
    ) {
        let violation = Violation { field: field.into(), description: description.into() };
        self.list.push((reason, violation));
    }

    /// Takes over what was found elsewhere; an error that is about more than fields ends the checks at once.
    pub fn add_all(&mut self, error: Error) -> Result<()> {
        if error.violations.is_empty() {
            return Err(error);
        }
        let reason = error.reason;
        self.list.extend(error.violations.into_iter().map(|violation| (reason, violation)));
        Ok(())
    }

    /// The same, for what was found within a field.
    pub fn add_all_within(&mut self, field: &str, mut error: Error) -> Result<()> {
        for violation in &mut error.violations {
            violation.field = format!("{field}.{}", violation.field);
        }
        self.add_all(error)
    }

    /// Nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How much is wrong so far.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Refuses the request if anything is wrong with it.
    pub fn finish(self) -> Result<()> {
        let Some(&(first, _)) = self.list.first() else { return Ok(()) };
        let alike = self.list.iter().all(|(reason, _)| *reason == first);
        let reason = if alike { first } else { Reason::InvalidRequest };
        let violations = self.list.into_iter().map(|(_, violation)| violation).collect();
        Err(Error { reason, ..Error::invalid(violations) })
    }

    /// An id or name of the caller's: 1 to 256 bytes without control characters.
    pub fn id(&mut self, field: &str, value: &str) {
        self.text(field, value, 1..=ID_BYTES_MAX);
    }

    /// The same, or nothing.
    pub fn optional_id(&mut self, field: &str, value: &str) {
        self.text(field, value, 0..=ID_BYTES_MAX);
    }

    /// A list of ids of the caller's.
    pub fn ids(&mut self, field: &str, values: &[String]) {
        self.list_size(field, values.len());
        for (index, value) in values.iter().take(LIST_MAX).enumerate() {
            self.text(&format!("{field}[{index}]"), value, 1..=ID_BYTES_MAX);
        }
    }

    /// A list of at most [`LIST_MAX`] entries.
    pub fn list_size(&mut self, field: &str, size: usize) {
        if size > LIST_MAX {
            self.add(field, format!("has {size} entries; at most {LIST_MAX} are allowed"));
        }
    }

    /// A text of one line.
    pub fn text(&mut self, field: &str, value: &str, bytes: RangeInclusive<usize>) {
        self.length(field, value, bytes);
        if value.chars().any(char::is_control) {
            self.add(field, "must not contain control characters");
        }
    }

    /// A text that may have lines.
    pub fn length(&mut self, field: &str, value: &str, bytes: RangeInclusive<usize>) {
        let (min, max) = bytes.into_inner();
        if value.is_empty() && min > 0 {
            self.add(field, "is missing");
        } else if value.len() < min || value.len() > max {
            let size = value.len();
            self.add(field, format!("is {size} bytes; {min} to {max} are allowed"));
        }
    }

    /// An id of ours. One that is malformed names nothing, and so is looked up in vain rather than refused.
    pub fn our_id<I: FromStr>(&mut self, field: &str, value: &str) -> Option<I> {
        self.text(field, value, 1..=ID_BYTES_MAX);
        value.parse().ok()
    }

    /// A value of an enum that this server knows.
    pub fn known<E: TryFrom<i32>>(&mut self, field: &str, value: i32) -> Option<E> {
        let known = E::try_from(value).ok();
        if known.is_none() {
            self.add(field, format!("has the value {value}, which this server does not know"));
        }
        known
    }

    /// A point in time between the years 1 and 9999.
    pub fn time(&mut self, field: &str, value: Option<&prost_types::Timestamp>) -> Option<Time> {
        let value = value?;
        let time = time::from_proto(value);
        if time.is_none() {
            self.add(field, "must be a time between the years 1 and 9999, with nanos below 10^9");
        }
        time
    }

    /// A span that is not negative.
    pub fn span(&mut self, field: &str, value: Option<&prost_types::Duration>) -> Option<Duration> {
        let value = value?;
        let span = Duration::try_from(*value).ok();
        if span.is_none() {
            self.add(field, "must be a span that is not negative");
        }
        span
    }

    /// A number that is not negative, such as a revision.
    pub fn not_negative(&mut self, field: &str, value: i64) {
        if value < 0 {
            self.add(field, "must not be negative");
        }
    }

    /// At most one of these fields, each with whether it is given. Returns whether one is.
    pub fn at_most_one(&mut self, fields: &[(&str, bool)]) -> bool {
        let given: Vec<&str> =
            fields.iter().filter(|(_, given)| *given).map(|(field, _)| *field).collect();
        for field in given.iter().skip(1) {
            self.add(*field, format!("is given beside {}; only one may be", given.join(" and ")));
        }
        !given.is_empty()
    }

    /// How many entries a page has.
    pub fn page_size(&mut self, value: i32) -> u32 {
        match u32::try_from(value) {
            Ok(0) => PAGE_SIZE_DEFAULT,
            Ok(size) if size <= PAGE_SIZE_MAX => size,
            _ => {
                self.add("page_size", format!("must be 0 (the default) to {PAGE_SIZE_MAX}"));
                PAGE_SIZE_DEFAULT
            }
        }
    }

    /// Which of the changeable fields a mask names; all of them if it is empty or absent.
    pub fn mask(&mut self, mask: Option<&prost_types::FieldMask>, changeable: &[&str]) -> Mask {
        let paths = mask.map_or(&[][..], |mask| &mask.paths);
        if paths.len() > LIST_MAX {
            self.list_size("update_mask.paths", paths.len());
            return Mask { paths: Vec::new() };
        }
        for (index, path) in paths.iter().enumerate() {
            if !changeable.contains(&path.as_str()) {
                let description = format!("must be one of {}", changeable.join(", "));
                self.add(format!("update_mask.paths[{index}]"), description);
            }
        }
        Mask { paths: paths.to_vec() }
    }
}

/// Which fields a call changes.
#[derive(Debug)]
pub struct Mask {
    paths: Vec<String>,
}

impl Mask {
    /// This field changes.
    pub fn has(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|named| named == path)
    }

    /// This field changes, for it is named.
    pub fn names(&self, path: &str) -> bool {
        self.paths.iter().any(|named| named == path)
    }

    /// The value, if its field changes.
    pub fn when<T>(&self, path: &str, value: T) -> Option<T> {
        self.has(path).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1;

    fn fields(violations: Violations) -> Vec<String> {
        let error = violations.finish().expect_err("violations");
        assert_eq!(error.reason, Reason::InvalidRequest);
        error.violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn every_violation_is_reported_and_nothing_that_is_right() {
        let mut violations = Violations::new();
        violations.id("right", "FLIGHT 1711 ✈ a@b.example");
        violations.id("right", &"x".repeat(256));
        violations.id("empty", "");
        violations.id("long", &"x".repeat(257));
        violations.id("control", "a\u{0}b");
        violations.id("c1", "a\u{85}b");
        violations.optional_id("right", "");
        violations.ids("list", &["a".to_owned(), String::new()]);
        violations.ids("lists", &vec!["a".to_owned(); 1_001]);
        violations.not_negative("revision", -1);
        assert_eq!(
            fields(violations),
            ["empty", "long", "control", "c1", "list[1]", "lists", "revision"]
        );
    }

    #[test]
    fn nothing_wrong_is_no_error() {
        assert!(Violations::new().finish().is_ok());
    }

    #[test]
    fn a_reason_of_its_own_stands_only_where_nothing_else_is_wrong() {
        let mut alone = Violations::new();
        alone.add_as(Reason::StartAlertRequired, "alert.title", "is missing");
        alone.add_as(Reason::StartAlertRequired, "alert.body", "is missing");
        assert_eq!(alone.finish().expect_err("violations").reason, Reason::StartAlertRequired);
        let mut mixed = Violations::new();
        mixed.add_as(Reason::StartAlertRequired, "alert.title", "is missing");
        mixed.add("activity_type", "is missing");
        assert_eq!(fields(mixed), ["alert.title", "activity_type"]);
    }

    #[test]
    fn an_error_that_is_not_about_fields_is_not_swallowed() {
        let mut violations = Violations::new();
        let error = violations.add_all(Error::not_found("app", "app_1")).expect_err("an error");
        assert_eq!(error.reason, Reason::NotFound);
        assert!(violations.add_all(Error::invalid_field("name", "is missing")).is_ok());
        assert_eq!(fields(violations), ["name"]);
    }

    #[test]
    fn a_page_has_50_entries_by_default_and_1000_at_most() {
        let mut violations = Violations::new();
        assert_eq!([0, 1, 1_000].map(|size| violations.page_size(size)), [50, 1, 1_000]);
        assert!(violations.is_empty());
        violations.page_size(-1);
        violations.page_size(1_001);
        assert_eq!(fields(violations), ["page_size", "page_size"]);
    }

    #[test]
    fn an_unknown_value_of_an_enum_is_refused() {
        let mut violations = Violations::new();
        let known = violations.known::<v1::Priority>("priority", 2);
        assert_eq!(known, Some(v1::Priority::High));
        assert_eq!(violations.known::<v1::Priority>("priority", 3), None);
        assert_eq!(fields(violations), ["priority"]);
    }

    #[test]
    fn times_and_spans_outside_their_range_are_refused() {
        let mut violations = Violations::new();
        let timestamp = |seconds, nanos| prost_types::Timestamp { seconds, nanos };
        let span = |seconds, nanos| prost_types::Duration { seconds, nanos };
        assert_eq!(violations.time("right", Some(&timestamp(1, 0))), Some(Time(1_000)));
        assert_eq!(violations.time("right", None), None);
        violations.time("nanos", Some(&timestamp(1, 1_000_000_000)));
        violations.time("late", Some(&timestamp(253_402_300_800, 0)));
        assert_eq!(
            violations.span("right", Some(&span(1, 500_000_000))),
            Some(Duration::from_millis(1_500))
        );
        violations.span("negative", Some(&span(-1, 0)));
        assert_eq!(fields(violations), ["nanos", "late", "negative"]);
    }

    #[test]
    fn only_one_of_several_forms_may_be_given() {
        let mut violations = Violations::new();
        assert!(!violations.at_most_one(&[("a", false), ("b", false)]));
        assert!(violations.at_most_one(&[("a", false), ("b", true)]));
        assert!(violations.is_empty());
        assert!(violations.at_most_one(&[("a", true), ("b", true), ("c", true)]));
        assert_eq!(fields(violations), ["b", "c"]);
    }

    #[test]
    fn an_empty_mask_means_every_field_and_an_unknown_path_is_refused() {
        let mut violations = Violations::new();
        assert!(violations.mask(None, &["name"]).has("name"));
        let paths = vec!["name".to_owned(), "bundle_id".to_owned()];
        let mask = violations.mask(Some(&prost_types::FieldMask { paths }), &["name", "other"]);
        assert_eq!((mask.when("name", 1), mask.when("other", 2)), (Some(1), None));
        assert_eq!(fields(violations), ["update_mask.paths[1]"]);
    }
}
