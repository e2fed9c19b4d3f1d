//! Numbers that arrive as doubles, written so that a phone reads what the backend meant.
//!
//! Imports nothing of ours. A `google.protobuf.Struct` has no integers, and Swift refuses `2.0` where it expects an
//! `Int`: integral doubles are written as integers, as long as it is certain which integer was meant.

use std::fmt::Write as _;

/// The largest integer that a double holds without another integer rounding to the same double. 2^53 itself is one
/// more: 2^53 + 1 becomes the very same double before it reaches us, so which of the two was meant cannot be told.
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// Why a double is not written, in words for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// JSON has neither.
    #[error("is NaN or infinite, which JSON cannot say")]
    NotFinite,
    /// The caller's integer may have been rounded on its way.
    #[error(
        "is an integer of 2^53 or more, which a double does not hold exactly; \
         use the JSON text form (content_state_json, attributes_json)"
    )]
    NotExact,
}

/// Appends a double as JSON: integral as an integer (`2`, never `2.0`; `-0` as `0`), else the shortest fraction that
/// reads back as the same double.
pub fn write_number(number: f64, out: &mut String) -> Result<(), NumberError> {
    if !number.is_finite() {
        return Err(NumberError::NotFinite);
    }
    if number.fract() != 0.0 {
        // `Debug` is the shortest text that reads back, with an exponent where that is shorter than zeros.
        let _ = write!(out, "{number:?}");
        return Ok(());
    }
    if number.abs() > INTEGER_MAX {
        return Err(NumberError::NotExact);
    }
    #[expect(clippy::cast_possible_truncation, reason = "integral and within 53 bits")]
    let integer = number as i64;
    let _ = write!(out, "{integer}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: f64) -> Result<String, NumberError> {
        let mut out = String::new();
        write_number(number, &mut out).map(|()| out)
    }

    #[test]
    fn integral_doubles_are_integers() {
        for (number, text) in
            [(2.0, "2"), (-7.0, "-7"), (0.0, "0"), (-0.0, "0"), (1e15, "1000000000000000")]
        {
            assert_eq!(written(number).unwrap(), text);
        }
    }

    #[test]
    fn fractions_are_the_shortest_that_read_back() {
        let numbers = [0.1, -2.5, 1.0 / 3.0, 1e-7, 5e-324, 123_456.789, 4_503_599_627_370_495.5];
        for number in numbers {
            let text = written(number).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
            assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap().is_f64(), "{text}");
            assert!(text.len() <= 20, "{text}");
        }
    }

    #[test]
    fn integers_are_taken_below_2_to_the_53_and_refused_from_there() {
        assert_eq!(written(9_007_199_254_740_991.0).unwrap(), "9007199254740991");
        assert_eq!(written(-9_007_199_254_740_991.0).unwrap(), "-9007199254740991");
        for number in [9_007_199_254_740_992.0, -9_007_199_254_740_992.0, 1e16, 1e300, f64::MAX] {
            assert_eq!(written(number), Err(NumberError::NotExact), "{number}");
        }
        assert!(NumberError::NotExact.to_string().contains("content_state_json"));
    }

    #[test]
    fn what_json_cannot_say_is_refused_and_leaves_nothing_behind() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut out = String::from("[");
            assert_eq!(write_number(number, &mut out), Err(NumberError::NotFinite));
            assert_eq!(out, "[");
        }
    }
}
