//! Ranges of months, which determine the editions in which a row of the specs holds.

use std::fmt;

use super::Edition;

/// A month of Amazon's documentation, ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month {
    year: u16,
    month: u8,
}

/// The months from `since` on and before `until`; an absent end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Range {
    /// The first month in which it holds.
    pub(super) since: Option<Month>,
    /// The first month in which it no longer holds.
    pub(super) until: Option<Month>,
}

impl Month {
    /// Parses `YYYY-MM`.
    pub(super) fn parse(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-')?;
        let digits = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        let month = Month {
            year: year.parse().ok()?,
            month: month.parse().ok()?,
        };
        (1..=12).contains(&month.month).then_some(month)
    }
}

impl Range {
    /// Whether this range includes the edition.
    pub(super) fn holds_in(self, edition: Edition) -> bool {
        match edition {
            Edition::October2017 => {
                let month = Month {
                    year: 2017,
                    month: 10,
                };
                self.since.is_none_or(|since| since <= month) && self.until.is_none_or(|until| month < until)
            }
            // The current edition is later than any month in a specs file.
            Edition::Current => self.until.is_none(),
        }
    }

    /// Whether the two ranges overlap.
    pub(super) fn meets(self, other: Range) -> bool {
        let starts_before_end = |a: Range, b: Range| match (a.since, b.until) {
            (Some(since), Some(until)) => since < until,
            (None, _) | (_, None) => true,
        };
        starts_before_end(self, other) && starts_before_end(other, self)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.until) {
            (None, None) => f.write_str("always"),
            (Some(since), None) => write!(f, "since {since}"),
            (None, Some(until)) => write!(f, "until {until}"),
            (Some(since), Some(until)) => write!(f, "since {since}, until {until}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(since: &str, until: &str) -> Range {
        Range {
            since: Month::parse(since),
            until: Month::parse(until),
        }
    }

    #[test]
    fn a_month_is_four_digits_a_dash_and_a_month_of_the_year() {
        for good in ["2017-01", "2017-12", "0000-10"] {
            assert_eq!(
                Month::parse(good).map(|month| month.to_string()).as_deref(),
                Some(good)
            );
        }
        for bad in [
            "2017-00",
            "2017-13",
            "2017-1",
            "17-01",
            "2017-+1",
            "2017",
            "",
            "2017-10-03",
        ] {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_first_month_is_in_the_range_and_the_last_is_not() {
        assert!(range("2017-10", "").holds_in(Edition::October2017));
        assert!(!range("2017-11", "").holds_in(Edition::October2017));
        assert!(range("", "2017-11").holds_in(Edition::October2017));
        assert!(!range("", "2017-10").holds_in(Edition::October2017));
    }

    #[test]
    fn what_has_ended_does_not_hold_today_and_what_has_begun_does() {
        assert!(range("2025-07", "").holds_in(Edition::Current));
        assert!(!range("", "2020-02").holds_in(Edition::Current));
        assert!(Range::default().holds_in(Edition::Current));
    }

    #[test]
    fn ranges_that_only_touch_do_not_meet() {
        assert!(range("2020-01", "").meets(range("", "2020-02")));
        assert!(!range("2020-02", "").meets(range("", "2020-02")));
        assert!(!range("", "2020-02").meets(range("2020-02", "")));
        assert!(Range::default().meets(range("2020-02", "")));
    }

    #[test]
    fn a_range_is_written_for_people() {
        assert_eq!(Range::default().to_string(), "always");
        assert_eq!(range("2018-11", "").to_string(), "since 2018-11");
        assert_eq!(range("", "2020-02").to_string(), "until 2020-02");
        assert_eq!(
            range("2018-11", "2020-02").to_string(),
            "since 2018-11, until 2020-02"
        );
    }
}
