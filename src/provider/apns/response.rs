//! What Apple answered, as an outcome.
//! <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>
//!
//! May import the table of reasons. Nothing that a peer sends makes this panic or grow: bodies are cut off before they
//! come here, words are cut off here.

use crate::clock::Time;
use crate::domain::reasons::{self, NO_REASON};
use crate::provider::{Class, Outcome, Rejection};
use http::HeaderMap;
use std::time::{Duration, UNIX_EPOCH};

/// The most of a body that is read.
pub(super) const BODY_BYTES_MAX: usize = 4096;

/// The longest word of a peer that is kept: a reason, an id.
const WORD_BYTES_MAX: usize = 64;

/// The longest that a provider may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Reads an answer.
pub(super) fn outcome(status: u16, headers: &HeaderMap, body: &[u8]) -> Outcome {
    if status == 200 {
        let unique_id = headers.get("apns-unique-id").and_then(|value| value.to_str().ok());
        return Outcome::Accepted { unique_id: unique_id.map(word) };
    }
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let reason = body.get("reason").and_then(|reason| reason.as_str()).map(word);
    let reason = reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| NO_REASON.into());
    let row = reasons::find(status, &reason);
    let class = row.map_or_else(|| reasons::class_of_status(status), |row| row.class);
    let dead_since = match class {
        Class::Token => body.get("timestamp").and_then(serde_json::Value::as_i64).map(Time),
        _ => None,
    };
    Outcome::Rejected(Rejection {
        status,
        reason,
        class,
        dead_since,
        retry_after: retry_after(headers),
    })
}

/// When Apple says that it answered.
pub(super) fn date(headers: &HeaderMap) -> Option<Time> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let since_epoch = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Time(0) + since_epoch)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn word(text: &str) -> String {
    let is_kept = |letter: &char| letter.is_ascii_graphic() || *letter == ' ';
    text.chars().filter(is_kept).take(WORD_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(status: u16, body: &str) -> Rejection {
        match outcome(status, &HeaderMap::new(), body.as_bytes()) {
            Outcome::Rejected(rejection) => rejection,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_row_of_the_table_is_read_from_the_wire() {
        for row in reasons::REASONS {
            let read = rejection(row.status, &format!("{{\"reason\":\"{}\"}}", row.reason));
            assert_eq!((read.reason.as_str(), read.class), (row.reason, row.class));
        }
    }

    #[test]
    fn an_unknown_reason_is_kept_and_classified_by_its_status() {
        let classes = [
            (400, Class::Request),
            (403, Class::Configuration),
            (410, Class::Token),
            (418, Class::Request),
            (429, Class::Retry),
            (507, Class::Retry),
            (302, Class::Request),
        ];
        for (status, class) in classes {
            let read = rejection(status, r#"{"reason":"BrandNewReason"}"#);
            assert_eq!((read.reason.as_str(), read.class), ("BrandNewReason", class));
        }
    }

    #[test]
    fn a_body_that_is_no_reason_is_no_panic() {
        for body in ["", "<html>", "{}", "[]", "{\"reason\":7}", "{\"reason\":\"\"}", "\u{0}"] {
            let read = rejection(502, body);
            assert_eq!((read.reason.as_str(), read.class), (NO_REASON, Class::Retry), "{body}");
        }
        let long = rejection(400, &format!("{{\"reason\":\"{}\\n\\u0007\"}}", "x".repeat(1000)));
        assert_eq!(long.reason, "x".repeat(WORD_BYTES_MAX));
    }

    #[test]
    fn a_410_says_since_when_in_milliseconds() {
        let read = rejection(410, r#"{"reason":"Unregistered","timestamp":1790000000123}"#);
        assert_eq!(read.dead_since, Some(Time(1_790_000_000_123)));
        for body in [r#"{"reason":"Unregistered"}"#, r#"{"reason":"Unregistered","timestamp":"x"}"#]
        {
            assert_eq!(rejection(410, body).dead_since, None);
        }
    }

    #[test]
    fn the_wish_to_be_left_alone_is_read_and_bounded() {
        let headers = |value: &str| {
            HeaderMap::from_iter([(http::header::RETRY_AFTER, value.parse().unwrap())])
        };
        assert_eq!(retry_after(&headers("120")), Some(Duration::from_mins(2)));
        assert_eq!(retry_after(&headers("99999999999")), Some(RETRY_AFTER_MAX));
        assert_eq!(retry_after(&headers("tomorrow")), None);
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let headers =
            |value: &str| HeaderMap::from_iter([(http::header::DATE, value.parse().unwrap())]);
        let read = date(&headers("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(read, Some(Time::from_seconds(784_111_777)));
        assert_eq!((date(&headers("today")), date(&HeaderMap::new())), (None, None));
    }
}
