//! Times as people read them: the date and the time of day in UTC, and how long ago that was.

use crate::clock::Time;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// No later year is written; what lies behind it is a mistake, whatever it is called.
const YEAR_MAX: i64 = 9999;

/// Such as `2026-11-22T09:30:00Z (3 min ago)`.
pub(super) fn when(time: Time, now: Time) -> String {
    format!("{} ({})", utc(time), relative(time, now))
}

/// Such as `3 min ago`, or `in 40 s`.
fn relative(time: Time, now: Time) -> String {
    if time > now {
        return format!("in {}", span(time.seconds() - now.seconds()));
    }
    match now.seconds() - time.seconds() {
        0 => "now".to_owned(),
        seconds => format!("{} ago", span(seconds)),
    }
}

/// In the largest unit of which there are two.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / SECONDS_PER_DAY),
    }
}

/// Such as `2026-11-22T09:30:00Z`.
fn utc(time: Time) -> String {
    let seconds = time.seconds().max(0);
    let (mut year, mut days) = (1970, seconds / SECONDS_PER_DAY);
    while year < YEAR_MAX && days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let mut month = 1;
    for length in MONTHS {
        let length = if month == 2 { length + leap_days_of(year) } else { length };
        if days < length || month == 12 {
            break;
        }
        days -= length;
        month += 1;
    }
    let of_day = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

fn days_of(year: i64) -> i64 {
    365 + leap_days_of(year)
}

fn leap_days_of(year: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    i64::from(is_leap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, date) in dates {
            assert_eq!(utc(Time::from_seconds(seconds)), date);
        }
    }

    #[test]
    fn how_long_ago_is_said_in_a_unit_that_people_count_in() {
        let now = Time::from_seconds(1_000_000);
        let said = |seconds: i64| relative(Time::from_seconds(1_000_000 + seconds), now);
        assert_eq!(
            [said(0), said(-40), said(40), said(-180), said(-7_300), said(-864_000)],
            ["now", "40 s ago", "in 40 s", "3 min ago", "2 h ago", "10 days ago"]
        );
    }
}
