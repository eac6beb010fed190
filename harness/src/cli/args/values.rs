//! The values of arguments: what may stand behind an option, and how it is read.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::check::time;
use crate::contract::{Confidence, Edition};
use crate::journal::{Slice, SliceError};
use crate::report::ReportKind;
use crate::report::export::ExportKind;
use crate::verdict::Verdict;

/// A form to write a finding down in, and where.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ExportArg {
    pub(in crate::cli) kind: ExportKind,
    pub(in crate::cli) path: Option<PathBuf>,
}

/// A report to write.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ReportArg {
    pub(in crate::cli) kind: ReportKind,
    pub(in crate::cli) path: PathBuf,
}

impl ReportArg {
    /// Whether the report goes to standard output.
    pub(in crate::cli) fn is_stdout(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

/// The name of an environment variable.
#[derive(Debug, Clone)]
pub(in crate::cli) struct VariableName(pub(in crate::cli) String);

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ShellArg {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum EditionArg {
    /// Today's service
    Current,
    /// The documentation of October 2017
    #[value(name = "2017-10")]
    October2017,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PhaseArg {
    /// The named cases
    Scenarios,
    /// Combinations of everything that may vary, and the borders of every value
    Coverage,
    /// Bytes on a raw socket that no HTTP library sends
    Wire,
    /// Several callers at the same time, from the seed
    Concurrent,
    /// Scripts from the seed, shrunk where they find something
    Random,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum VerdictArg {
    /// Fails the run
    Fail,
    /// Does not fail the run
    Warn,
    /// Could not be decided
    Inconclusive,
}

impl From<VerdictArg> for Verdict {
    fn from(arg: VerdictArg) -> Verdict {
        match arg {
            VerdictArg::Fail => Verdict::Fail,
            VerdictArg::Warn => Verdict::Warn,
            VerdictArg::Inconclusive => Verdict::Inconclusive,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ConfidenceArg {
    Contradicted,
    Inferred,
    Documented,
    Recorded,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum GoldenArg {
    /// Compare; a difference ends the run with exit code 1
    Check,
    /// Write what differs, or was never seen, for cargo insta review
    Record,
    /// Nothing
    Off,
}

/// Something that has a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SchemaArg {
    /// A configuration file
    Config,
    /// One event, which is one line, of a journal
    Journal,
    /// The report of --report json=FILE
    Report,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ColorArg {
    Auto,
    Always,
    Never,
}

impl From<EditionArg> for Edition {
    fn from(edition: EditionArg) -> Self {
        match edition {
            EditionArg::Current => Edition::Current,
            EditionArg::October2017 => Edition::October2017,
        }
    }
}

impl From<ConfidenceArg> for Confidence {
    fn from(confidence: ConfidenceArg) -> Self {
        match confidence {
            ConfidenceArg::Contradicted => Confidence::Contradicted,
            ConfidenceArg::Inferred => Confidence::Inferred,
            ConfidenceArg::Documented => Confidence::Documented,
            ConfidenceArg::Recorded => Confidence::Recorded,
        }
    }
}

/// A number of seconds; a trailing `s` is allowed.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds: f64 = number.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.001..=86_400.0).contains(&seconds) {
        return Err("a time between 0.001 and 86400 seconds is needed".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A limit of time, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct TimeLimitArg(pub(in crate::cli) Option<Duration>);

/// A number of seconds, or `none`.
pub(super) fn time_limit(text: &str) -> Result<TimeLimitArg, String> {
    match text {
        "none" => Ok(TimeLimitArg(None)),
        _ => seconds(text)
            .map(|limit| TimeLimitArg(Some(limit)))
            .map_err(|why| format!("{why}; `none` is no limit")),
    }
}

/// A limit of the rate of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct RateArg {
    /// The least time between two requests.
    pub(in crate::cli) spacing: Duration,
}

/// So many requests a second.
pub(super) fn rate(text: &str) -> Result<RateArg, String> {
    let number = text.strip_suffix("/s").and_then(|number| number.parse().ok());
    let per_second: f64 =
        number.ok_or("a number of requests a second is needed, for instance 10/s or 0.5/s")?;
    if !(0.01..=10_000.0).contains(&per_second) {
        return Err("a rate between 0.01/s and 10000/s is needed".to_owned());
    }
    Ok(RateArg {
        spacing: Duration::from_secs_f64(1.0 / per_second),
    })
}

/// What an access key id begins with.
const ACCESS_KEY_IDS: [&str; 2] = ["AKIA", "ASIA"];

/// The name of an environment variable. Most secrets have small letters or other characters; none is repeated.
pub(super) fn variable_name(text: &str) -> Result<VariableName, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    let is_plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_key = text.len() == 20 && ACCESS_KEY_IDS.iter().any(|prefix| text.starts_with(prefix));
    if !begins || !text.chars().all(is_plain) || is_key {
        return Err(
            "not the name of an environment variable (upper-case letters, digits, underscores): a secret is put into \
             a variable, and its name is given here"
                .to_owned(),
        );
    }
    Ok(VariableName(text.to_owned()))
}

pub(super) fn report(text: &str) -> Result<ReportArg, String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) => (name, path),
        // The runner reads annotations from the output of the step.
        None if text == ReportKind::Github.name() => (text, "-"),
        None => return Err("KIND=FILE is needed, for instance json=report.json".to_owned()),
    };
    let known = ReportKind::IN_FILES.map(ReportKind::name);
    let kind = ReportKind::IN_FILES
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| format!("unknown kind {name:?} (known: {})", known.join(", ")))?;
    if path.is_empty() {
        return Err("the file name is missing".to_owned());
    }
    Ok(ReportArg {
        kind,
        path: PathBuf::from(path),
    })
}

pub(super) fn export(text: &str) -> Result<ExportArg, String> {
    let (kind, path) = match text.split_once('=') {
        Some((_, "")) => return Err("the file name is missing".to_owned()),
        Some((kind, path)) => (kind, Some(PathBuf::from(path))),
        None => (text, None),
    };
    let known = ExportKind::ALL.map(ExportKind::name);
    let kind = ExportKind::ALL
        .into_iter()
        .find(|one| one.name() == kind)
        .ok_or_else(|| format!("unknown kind {kind:?} (known: {})", known.join(", ")))?;
    Ok(ExportArg { kind, path })
}

/// A length of time: a number of seconds, or with units.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let age = seconds.or_else(|| time::length(text));
    age.ok_or_else(|| "a number of seconds is needed, or for instance 90m, 2h or 7d".to_owned())
}

/// `slice:m/n`, as other test runners spell it.
pub(super) fn partition(text: &str) -> Result<Slice, String> {
    let slice = text
        .strip_prefix("slice:")
        .ok_or("slice:m/n is needed, for instance slice:1/4")?;
    slice.parse().map_err(|error: SliceError| error.to_string())
}

/// A phase whose cases are the same from run to run.
pub(super) fn comparable(text: &str) -> Result<PhaseArg, String> {
    match text {
        "scenarios" => Ok(PhaseArg::Scenarios),
        "coverage" => Ok(PhaseArg::Coverage),
        _ => Err("scenarios or coverage is needed: other cases differ from run to run".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_and_have_bounds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("30s"), Ok(Duration::from_secs(30)));
        for wrong in ["", "x", "0", "-1", "1e9", "NaN", "inf"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_limit_may_be_none() {
        assert_eq!(time_limit("none"), Ok(TimeLimitArg(None)));
        assert_eq!(time_limit("60s"), Ok(TimeLimitArg(Some(Duration::from_secs(60)))));
        assert_eq!(
            time_limit("never"),
            Err("not a number of seconds; `none` is no limit".to_owned())
        );
    }

    #[test]
    fn a_rate_may_have_a_fraction_and_has_bounds() {
        assert!(rate("10/s").is_ok_and(|rate| rate.spacing == Duration::from_millis(100)));
        assert!(rate("0.5/s").is_ok_and(|rate| rate.spacing == Duration::from_secs(2)));
        for wrong in [
            "", "10", "/s", "x/s", "10/m", "0/s", "-1/s", "1e9/s", "NaN/s", "inf/s",
        ] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_no_name_of_a_variable_and_is_not_repeated() {
        assert!(variable_name("MOCK_KEY_2").is_ok_and(|name| name.0 == "MOCK_KEY_2"));
        for wrong in [
            "",
            "2A",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "test",
        ] {
            let why = variable_name(wrong).expect_err("it is no name of a variable");
            assert!(wrong.is_empty() || !why.contains(wrong), "{why}");
        }
    }

    #[test]
    fn a_report_needs_a_known_kind_and_a_file() {
        assert!(report("json=a=b").is_ok_and(|report| report.path.ends_with("a=b")));
        assert!(report("github").is_ok_and(|report| report.is_stdout()));
        for wrong in ["json", "json=", "pdf=x", "terminal=x", "Github"] {
            assert!(report(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_partition_is_a_slice_of_so_many() {
        assert!(partition("slice:2/4").is_ok_and(|slice| slice.to_string() == "2/4"));
        for wrong in ["2/4", "count:2/4", "slice:", "slice:0/4", "slice:5/4"] {
            assert!(
                partition(wrong).is_err_and(|why| why.contains("m/n is needed")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_export_needs_a_known_kind_and_maybe_a_file() {
        assert!(export("rust").is_ok_and(|export| export.path.is_none()));
        assert!(
            export("boto3=a=b").is_ok_and(|export| export.path.is_some_and(|path| path.ends_with("a=b")))
        );
        for wrong in ["", "pdf", "=x", "rust="] {
            assert!(export(wrong).is_err(), "{wrong}");
        }
    }
}
