//! Instants: `google.protobuf.Timestamp` and milliseconds.

use crate::clock::Time;
use prost_types::Timestamp;

/// The beginning of the year 1, in seconds.
/// <https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp>
const SECONDS_MIN: i64 = -62_135_596_800;
/// The last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;
const NANOS_PER_SECOND: i32 = 1_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// Reads a timestamp, rounded down to milliseconds; none if it is outside the range that protobuf allows.
pub fn from_proto(timestamp: &Timestamp) -> Option<Time> {
    let Timestamp { seconds, nanos } = *timestamp;
    let valid =
        (SECONDS_MIN..=SECONDS_MAX).contains(&seconds) && (0..NANOS_PER_SECOND).contains(&nanos);
    valid.then(|| Time(seconds * 1_000 + i64::from(nanos) / NANOS_PER_MILLI))
}

/// Writes a timestamp.
pub fn to_proto(time: Time) -> Timestamp {
    let nanos = time.0.rem_euclid(1_000) * NANOS_PER_MILLI;
    Timestamp { seconds: time.seconds(), nanos: i32::try_from(nanos).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_back_on_both_sides_of_1970() {
        for millis in [0, 1, -1, -1_001, 1_795_000_000_123, SECONDS_MIN * 1_000] {
            assert_eq!(from_proto(&to_proto(Time(millis))), Some(Time(millis)));
        }
        assert_eq!(to_proto(Time(-1)), Timestamp { seconds: -1, nanos: 999_000_000 });
    }

    #[test]
    fn what_protobuf_does_not_allow_is_not_read() {
        for (seconds, nanos) in
            [(SECONDS_MIN - 1, 0), (SECONDS_MAX + 1, 0), (0, -1), (0, NANOS_PER_SECOND)]
        {
            assert_eq!(from_proto(&Timestamp { seconds, nanos }), None, "{seconds} {nanos}");
        }
        assert!(from_proto(&Timestamp { seconds: SECONDS_MAX, nanos: 999_999_999 }).is_some());
    }
}
