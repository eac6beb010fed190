//! Timestamps in the formats of requests and answers. The only file that uses `jiff`.
//!
//! All functions use Unix milliseconds. Times beyond the range of the calendar are clamped to its end.

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822, tz::TimeZone};

/// `2020-02-14 22:03:45 GMT`, as in the `reason` of an instance.
pub(super) fn reason_date(ms: u64) -> String {
    written(ms, ["", "-", "-", " ", ":", ":", " GMT"])
}

/// `2020-02-14T22:03:45.000Z`, as in `launchTime`.
pub(super) fn iso_date(ms: u64) -> String {
    written(ms, ["", "-", "-", "T", ":", ":", ".000Z"])
}

/// `20200214T220345Z`, as in `X-Amz-Date`.
pub(super) fn basic_date(ms: u64) -> String {
    written(ms, ["", "", "", "T", "", "", "Z"])
}

/// `Fri, 14 Feb 2020 22:03:45 GMT`, as in the `Date` header.
pub(super) fn http_date(ms: u64) -> String {
    let t = civil(ms);
    let month = match t.month() {
        1 => " Jan ",
        2 => " Feb ",
        3 => " Mar ",
        4 => " Apr ",
        5 => " May ",
        6 => " Jun ",
        7 => " Jul ",
        8 => " Aug ",
        9 => " Sep ",
        10 => " Oct ",
        11 => " Nov ",
        _ => " Dec ",
    };
    let day = match t.weekday().to_monday_zero_offset() {
        0 => "Mon, ",
        1 => "Tue, ",
        2 => "Wed, ",
        3 => "Thu, ",
        4 => "Fri, ",
        5 => "Sat, ",
        _ => "Sun, ",
    };
    let mut text = String::with_capacity(32);
    text.push_str(day);
    push_two(&mut text, t.day());
    text.push_str(month);
    push_year(&mut text, t.year());
    for (mark, part) in [(" ", t.hour()), (":", t.minute()), (":", t.second())] {
        text.push_str(mark);
        push_two(&mut text, part);
    }
    text.push_str(" GMT");
    text
}

/// Year, month, day, hour, minute and second, each after its separator, and a final separator. Every answer carries at
/// least one date, and the general formatter would be the slowest part of many answers.
fn written(ms: u64, marks: [&str; 7]) -> String {
    let t = civil(ms);
    let [year, month, day, hour, minute, second, end] = marks;
    let mut text = String::with_capacity(32);
    text.push_str(year);
    push_year(&mut text, t.year());
    for (mark, part) in [
        (month, t.month()),
        (day, t.day()),
        (hour, t.hour()),
        (minute, t.minute()),
        (second, t.second()),
    ] {
        text.push_str(mark);
        push_two(&mut text, part);
    }
    text.push_str(end);
    text
}

fn push_year(text: &mut String, year: i16) {
    // A time after 1970 within the calendar has a four-digit year.
    let year = year.clamp(0, 9999).unsigned_abs();
    push_two(text, year / 100);
    push_two(text, year % 100);
}

fn push_two(text: &mut String, value: impl TryInto<u8>) {
    let value = value.try_into().unwrap_or_default();
    text.push(char::from(b'0' + value / 10 % 10));
    text.push(char::from(b'0' + value % 10));
}

/// Parses an `X-Amz-Date`, with a precision of one second.
pub(super) fn parse_basic_date(text: &str) -> Option<u64> {
    let stamp = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    // The parser accepts missing zeros; the format does not.
    (text.len() == "20200214T220345Z".len()).then_some(())?;
    millis(stamp.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Parses a `Date` header.
pub(super) fn parse_http_date(text: &str) -> Option<u64> {
    millis(rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?)
}

fn civil(ms: u64) -> DateTime {
    let stamp = i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX);
    TimeZone::UTC.to_datetime(stamp)
}

fn millis(stamp: Timestamp) -> Option<u64> {
    u64::try_from(stamp.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_has_four_spellings() {
        let ms = 1_581_717_825_000;
        assert_eq!(reason_date(ms), "2020-02-14 22:03:45 GMT");
        assert_eq!(iso_date(ms), "2020-02-14T22:03:45.000Z");
        assert_eq!(http_date(ms), "Fri, 14 Feb 2020 22:03:45 GMT");
        assert_eq!(basic_date(ms), "20200214T220345Z");
    }

    #[test]
    fn dates_are_read_back() {
        assert_eq!(parse_basic_date("20200214T220345Z"), Some(1_581_717_825_000));
        assert_eq!(
            parse_http_date("Fri, 14 Feb 2020 22:03:45 GMT"),
            Some(1_581_717_825_000)
        );
    }

    #[test]
    fn a_date_that_is_none_is_not_read() {
        for text in [
            "",
            "2020-02-14T22:03:45Z",
            "20201314T220345Z",
            "20200214T220345",
            "2020214T220345Z",
            "+2020214T22034Z",
        ] {
            assert_eq!(parse_basic_date(text), None, "{text}");
        }
    }

    #[test]
    fn the_end_of_time_is_still_a_date() {
        assert!(http_date(u64::MAX).ends_with("GMT"));
    }
}
