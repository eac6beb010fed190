//! Parses and formats points in time. This is the only file of the harness that uses `jiff`.

use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// The time in `User initiated (2017-05-20 19:44:54 GMT)`.
pub(super) fn transition_time(reason: &str) -> Option<DateTime> {
    let text = reason.strip_prefix("User initiated (")?.strip_suffix(" GMT)")?;
    // The parser is more lenient than the recorded form.
    if text.len() != "2017-05-20 19:44:54".len() || text.as_bytes().get(10) != Some(&b' ') {
        return None;
    }
    DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()
}

/// The time in a `Date` header.
pub(super) fn http_date(text: &str) -> Option<DateTime> {
    rfc2822::parse(text)
        .ok()
        .map(|zoned| zoned.with_time_zone(TimeZone::UTC).datetime())
}

/// The day of a moment, as `2017-05-20`; `None` for a moment out of the calendar's range.
pub fn day(unix_ms: u64) -> Option<String> {
    let ms = i64::try_from(unix_ms).ok()?;
    let moment = jiff::Timestamp::from_millisecond(ms).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).date().to_string())
}

/// The milliseconds since 1970-01-01 UTC of a moment with its offset, as `2017-05-20T19:44:54.123+02:00`.
pub fn unix_ms(text: &str) -> Option<u64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok()
}

/// Whether a text is a day of the calendar, as `2017-05-20`.
pub fn is_day(text: &str) -> bool {
    // The parser is more lenient than this form.
    text.parse::<Date>().is_ok_and(|day| day.to_string() == text)
}

/// A moment to the second, as `2017-05-20T19:44:54Z`; `None` for a moment out of the calendar's range.
pub fn moment(unix_ms: u64) -> Option<String> {
    let seconds = i64::try_from(unix_ms / 1000).ok()?;
    let moment = jiff::Timestamp::from_second(seconds).ok()?;
    Some(moment.to_string())
}

/// The milliseconds of a moment in the form of [`moment()`]; `None` for any other text.
pub fn moment_ms(text: &str) -> Option<u64> {
    let parsed: jiff::Timestamp = text.parse().ok()?;
    let ms = u64::try_from(parsed.as_millisecond()).ok()?;
    // The parser is more lenient than this form.
    (moment(ms)? == text).then_some(ms)
}

/// A length of time, as `90m`, `2h 30m` or `7d`; a day has 24 hours.
pub fn length(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_reason_is_read_in_the_recorded_form_only() {
        assert!(transition_time("User initiated (2017-05-20 19:44:54 GMT)").is_some());
        for wrong in [
            "",
            "User initiated",
            "User initiated (2017-05-20T19:44:54 GMT)",
            "User initiated (2017-05-20 9:44:54 GMT)",
            "User initiated (2017-05-20 19:44:54 UTC)",
            "User initiated (2017-13-20 19:44:54 GMT)",
            "user initiated (2017-05-20 19:44:54 GMT)",
        ] {
            assert!(transition_time(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_http_date_is_read_as_universal_time() {
        let date = http_date("Sat, 15 Jul 2017 14:02:41 GMT").expect("a date in RFC 9110's form");
        assert_eq!(date, jiff::civil::date(2017, 7, 15).at(14, 2, 41, 0));
    }

    #[test]
    fn a_moment_has_a_day_unless_no_calendar_holds_it() {
        assert_eq!(day(0).as_deref(), Some("1970-01-01"));
        assert_eq!(day(1_500_127_361_999).as_deref(), Some("2017-07-15"));
        assert_eq!(day(u64::MAX), None);
        assert_eq!(moment(1_500_127_361_999).as_deref(), Some("2017-07-15T14:02:41Z"));
        assert_eq!(moment(u64::MAX), None);
    }

    #[test]
    fn a_moment_is_read_in_one_form_only() {
        assert_eq!(moment_ms("2017-07-15T14:02:41Z"), Some(1_500_127_361_000));
        for wrong in [
            "",
            "2017-07-15",
            "2017-07-15T14:02:41.5Z",
            "2017-07-15T14:02:41+00:00",
            "2017-07-15t14:02:41z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(moment_ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_length_of_time_has_units() {
        let length = |text| length(text).map(|length| length.as_secs());
        for (text, seconds) in [("0s", 0), ("90m", 5_400), ("2h", 7_200), ("7d", 604_800)] {
            assert_eq!(length(text), Some(seconds), "{text}");
        }
        for wrong in ["", "7", "x", "-2h", "2h ago", "1 month"] {
            assert_eq!(length(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_is_one_of_the_calendar_in_one_form() {
        assert!(is_day("2017-05-20") && is_day("2024-02-29"));
        for wrong in [
            "",
            "2017-05",
            "2017-5-20",
            "20170520",
            "2023-02-29",
            "2017-05-20 ",
            "2017-05-20T00:00:00",
        ] {
            assert!(!is_day(wrong), "{wrong}");
        }
    }
}
