//! The known deviations of an endpoint, and their comparison with a report. Pure: text in, text out.
//!
//! ```toml
//! [[deviation]]
//! clause = "STT-07"
//! verdict = "fail"
//! reason = "a terminated instance becomes stopped"
//! ```
//!
//! Failures decide; warnings are listed, so that changes are visible. Inconclusive results depend on timing and are not
//! compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

const NO_REASON: &str = "not explained yet";

/// The compared part of a report.
pub(super) type ReportedDeviations = BTreeSet<Deviation>;

/// A clause that an endpoint violates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deviation {
    clause: String,
    verdict: Verdict,
}

/// The verdicts that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Fail,
    Warn,
}

/// The known deviations, each with its reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KnownDeviations(BTreeMap<Deviation, String>);

/// The differences between a report and the known deviations.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    new: ReportedDeviations,
    vanished: BTreeMap<Deviation, String>,
    known: usize,
}

/// The deviations in a JSON report.
pub(super) fn observed(report: &str) -> Result<ReportedDeviations> {
    let report: Report = serde_json::from_str(report)?;
    report
        .findings
        .into_iter()
        .filter_map(|finding| {
            let verdict = match finding.verdict.as_str() {
                "fail" => Verdict::Fail,
                "warn" => Verdict::Warn,
                "inconclusive" | "pass" => return None,
                other => {
                    return Some(Err(anyhow::anyhow!(
                        "unknown verdict {other:?} of {}",
                        finding.clause
                    )));
                }
            };
            Some(Ok(Deviation {
                clause: finding.clause,
                verdict,
            }))
        })
        .collect()
}

impl KnownDeviations {
    /// Parses the file of known deviations.
    pub(super) fn parse(text: &str) -> Result<KnownDeviations> {
        let file: ExpectedFile = toml::from_str(text).context("it is no list of deviations")?;
        let mut known = BTreeMap::new();
        for line in file.deviation {
            let deviation = Deviation {
                clause: line.clause,
                verdict: line.verdict,
            };
            if known.contains_key(&deviation) {
                bail!("{} is listed twice", deviation.clause);
            }
            known.insert(deviation, line.reason);
        }
        Ok(KnownDeviations(known))
    }

    /// Returns the new and the vanished deviations.
    pub(super) fn compare(&self, observed: &ReportedDeviations) -> Difference {
        Difference {
            new: observed
                .iter()
                .filter(|deviation| !self.0.contains_key(*deviation))
                .cloned()
                .collect(),
            vanished: self
                .0
                .iter()
                .filter(|(deviation, _)| !observed.contains(*deviation))
                .map(|(deviation, reason)| (deviation.clone(), reason.clone()))
                .collect(),
            known: self.0.len(),
        }
    }

    /// The updated list of deviations after this report, with the known reasons kept.
    pub(super) fn blessed(&self, observed: &ReportedDeviations) -> KnownDeviations {
        let reason =
            |deviation: &Deviation| self.0.get(deviation).map_or(NO_REASON, String::as_str).to_owned();
        KnownDeviations(
            observed
                .iter()
                .map(|deviation| (deviation.clone(), reason(deviation)))
                .collect(),
        )
    }

    /// The text of the file: failures first, each with its reason.
    pub(super) fn render(&self) -> String {
        let mut text = String::from(
            "# Known deviations, written by `cargo xtask endpoints … --bless`; the reasons are written by hand.\n",
        );
        for verdict in [Verdict::Fail, Verdict::Warn] {
            for (deviation, reason) in self
                .0
                .iter()
                .filter(|(deviation, _)| deviation.verdict == verdict)
            {
                let _ = write!(
                    text,
                    "\n[[deviation]]\nclause = {}\nverdict = \"{}\"\nreason = {}\n",
                    toml::Value::from(deviation.clause.as_str()),
                    verdict.word(),
                    toml::Value::from(reason.as_str()),
                );
            }
        }
        text
    }
}

impl Difference {
    /// Whether a failure is new or has vanished.
    pub(super) fn decides(&self) -> bool {
        self.new
            .iter()
            .chain(self.vanished.keys())
            .any(|deviation| deviation.verdict == Verdict::Fail)
    }

    /// One line for each difference, and a summary line.
    pub(super) fn describe(&self, name: &str) -> String {
        let mut text = String::new();
        for deviation in &self.new {
            let _ = writeln!(
                text,
                "new       {:4}  {}",
                deviation.verdict.word(),
                deviation.clause
            );
        }
        for (deviation, reason) in &self.vanished {
            let _ = writeln!(
                text,
                "vanished  {:4}  {}  ({reason})",
                deviation.verdict.word(),
                deviation.clause
            );
        }
        let _ = writeln!(
            text,
            "{name}: {} known deviations, {} new, {} vanished",
            self.known,
            self.new.len(),
            self.vanished.len()
        );
        text
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Fail => "fail",
            Verdict::Warn => "warn",
        }
    }
}

/// The format of the file of known deviations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFile {
    #[serde(default)]
    deviation: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    clause: String,
    verdict: Verdict,
    reason: String,
}

/// The parts of the JSON report that are used.
#[derive(Debug, Deserialize)]
struct Report {
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    clause: String,
    verdict: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"summary": {"exit_code": 1}, "clauses": [], "findings": [
        {"id": "1", "clause": "STT-07", "verdict": "fail", "case": "a"},
        {"id": "2", "clause": "STT-07", "verdict": "fail", "case": "b"},
        {"id": "3", "clause": "MSG-01", "verdict": "warn", "case": "a"},
        {"id": "4", "clause": "CON-01", "verdict": "inconclusive", "case": "a"}]}"#;

    fn known(clauses: &[(&str, &str, &str)]) -> KnownDeviations {
        let text: String = clauses
            .iter()
            .map(|(clause, verdict, reason)| {
                format!(
                    "[[deviation]]\nclause = \"{clause}\"\nverdict = \"{verdict}\"\nreason = \"{reason}\"\n"
                )
            })
            .collect();
        KnownDeviations::parse(&text).expect("it is a list")
    }

    #[test]
    fn a_report_that_says_what_is_known_decides_nothing() {
        let known = known(&[("STT-07", "fail", "why"), ("MSG-01", "warn", "why")]);
        let difference = known.compare(&observed(REPORT).expect("it is a report"));
        assert!(!difference.decides());
        assert_eq!(
            difference.describe("moto"),
            "moto: 2 known deviations, 0 new, 0 vanished\n"
        );
    }

    #[test]
    fn a_new_failure_and_a_vanished_one_decide() {
        let observed = observed(REPORT).expect("it is a report");
        assert!(known(&[("MSG-01", "warn", "why")]).compare(&observed).decides());
        let more = known(&[
            ("STT-07", "fail", "a"),
            ("STT-08", "fail", "b"),
            ("MSG-01", "warn", "c"),
        ]);
        let difference = more.compare(&observed);
        assert!(difference.decides());
        assert_eq!(
            difference.describe("moto"),
            "vanished  fail  STT-08  (b)\nmoto: 3 known deviations, 0 new, 1 vanished\n"
        );
    }

    #[test]
    fn a_warning_that_moves_is_told_and_decides_nothing() {
        let difference =
            known(&[("STT-07", "fail", "why")]).compare(&observed(REPORT).expect("it is a report"));
        assert!(!difference.decides());
        assert!(
            difference
                .describe("moto")
                .starts_with("new       warn  MSG-01\n")
        );
    }

    #[test]
    fn blessing_keeps_the_reasons_and_reads_back() {
        let observed = observed(REPORT).expect("it is a report");
        let blessed = known(&[
            ("STT-07", "fail", "a \"quoted\" reason".replace('"', "'").as_str()),
            ("OLD-1", "fail", "x"),
        ])
        .blessed(&observed);
        let text = blessed.render();
        assert_eq!(KnownDeviations::parse(&text).expect("it reads back"), blessed);
        assert!(
            text.contains("a 'quoted' reason") && text.contains(NO_REASON) && !text.contains("OLD-1"),
            "{text}"
        );
    }

    #[test]
    fn a_verdict_that_we_do_not_know_is_an_error() {
        assert!(observed(r#"{"findings": [{"clause": "A", "verdict": "maybe"}]}"#).is_err());
    }
}
