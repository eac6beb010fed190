//! Recorded answers of the real service.
//!
//! The files are `specs/recorded/*.toml`, one for each number of the evidence, `R…` or `C…`; they are tables of the
//! contract like any other.
//!
//! They show that the contract forbids nothing that Amazon does: the tests judge every one of them, and none may fail.
//! They are also printed as the evidence for a clause.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CallTemplate, FixtureKind, State};

/// One recorded answer, and its call.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its name, which begins with the number of its source, for instance `r16-shutting-down`.
    pub name: String,
    /// The key of its source, for instance `R16`; see [`Contract::source`](super::Contract::source).
    pub source: String,
    /// The quality of the record.
    pub grade: Grade,
    /// How much of the body is original.
    pub framing: Framing,
    /// The date of the answer, or the range of years, as far as it is known.
    pub when: Option<String>,
    /// The time at which the call was sent, if it was recorded.
    pub at: Option<Moment>,
    /// A remark for the reader.
    pub note: Option<String>,
    /// The instances that the call names, with their recorded ids.
    pub fixtures: Vec<RecordedFixture>,
    /// Ids in the call that belong to no instance, by the names that the call uses for them.
    pub decoys: Vec<(String, String)>,
    /// The call. If only the answer was recorded, a call that has this answer.
    pub call: CallTemplate,
    /// The status code.
    pub status: u16,
    /// The recorded header fields, in their recorded order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The descriptions of the first instance after the call, in chronological order.
    pub seen: Vec<RecordedLook>,
    /// Why the embedded reference answers the same call differently, if it does.
    pub elsewhere: Option<String>,
}

/// One description of the instance after a recorded call. It has only what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLook {
    /// The time at which the description was received.
    pub at: Moment,
    /// `instanceState`.
    pub state: State,
    /// `reason`; empty if it was empty or not recorded.
    pub reason: String,
    /// The message of `stateReason`, which begins with its code; `None` if the description has no `stateReason`.
    pub state_reason: Option<String>,
    /// `ipAddress`; `None` if it was not recorded.
    pub public_ip: Option<String>,
    /// `privateIpAddress`; `None` if it was not recorded.
    pub private_ip: Option<String>,
}

/// A time in UTC, with millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    text: String,
    unix_ms: u64,
}

impl Moment {
    /// Parses `2026-09-25T20:59:05Z`, with up to three decimals of the seconds. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Moment> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let (time, decimals) = match time.split_once('.') {
            Some((time, decimals)) => (time, Some(decimals)),
            None => (time, None),
        };
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let ms = match decimals {
            None => 0,
            Some(decimals) if (1..=3).contains(&decimals.len()) => {
                let [value] = numbers(decimals, '.', [decimals.len()])?;
                value * [100_u64, 10, 1].get(decimals.len() - 1)?
            }
            Some(_) => return None,
        };
        let valid = year >= 1970
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !valid {
            return None;
        }
        let years: u64 = (1970..year)
            .map(|year| if is_leap(year) { 366 } else { 365 })
            .sum();
        let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
        let days = years + months + day - 1;
        Some(Moment {
            text: text.to_owned(),
            unix_ms: (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms,
        })
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses numbers with the given numbers of digits.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut out = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in out.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}

fn is_leap(year: u64) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// An instance in a recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFixture {
    /// The short name that the call uses.
    pub name: String,
    /// Its properties.
    pub kind: FixtureKind,
    /// Its recorded id.
    pub id: String,
}

/// The quality of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Grade {
    /// Captured on the wire.
    A,
    /// Parsed by an SDK from a real exchange: values are exact, framing is lost.
    B,
    /// Code and message quoted by a person or in a log.
    C,
}

/// How much of the body of a recorded answer is original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// All of it, byte for byte.
    Captured,
    /// The values; the layout is that of captured answers of the same years.
    Rebuilt,
    /// Code and message; the envelope and its request id come from R14, and the status from other records of the same
    /// code.
    Quoted,
}

impl Grade {
    /// Returns the letter of the grade.
    pub fn letter(self) -> char {
        match self {
            Grade::A => 'A',
            Grade::B => 'B',
            Grade::C => 'C',
        }
    }
}

impl Framing {
    /// Describes which part of a body is original; continues "grade A, …".
    pub fn in_words(self) -> &'static str {
        match self {
            Framing::Captured => "byte for byte",
            Framing::Rebuilt => "the values; the layout is that of captured answers",
            Framing::Quoted => "code and message; the envelope is that of R14",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_to_the_millisecond() {
        for (text, unix_ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("2017-07-15T14:02:41Z", 1_500_127_361_000),
            ("2024-02-29T00:00:00.25Z", 1_709_164_800_250),
            ("2026-09-25T20:59:26.874Z", 1_790_369_966_874),
        ] {
            let moment = Moment::parse(text).expect(text);
            assert_eq!(moment.unix_ms(), unix_ms, "{text}");
            assert_eq!(moment.to_string(), text);
        }
    }

    #[test]
    fn what_no_calendar_or_clock_has_is_not_a_moment() {
        for text in [
            "",
            "2026-09-25",
            "2026-09-25T20:59:26",
            "2026-09-25 20:59:26Z",
            "2026-9-25T20:59:26Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-09-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-09-25T24:00:00Z",
            "2026-09-25T20:60:00Z",
            "2026-09-25T20:59:60Z",
            "2026-09-25T20:59:26.Z",
            "2026-09-25T20:59:26.1234Z",
            "2026-09-25T20:59:26+00:00",
            "2026-09-25T20:59Z",
        ] {
            assert!(Moment::parse(text).is_none(), "{text}");
        }
    }
}
