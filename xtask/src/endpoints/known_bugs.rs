//! Verifies that known bugs of real endpoints are found in the version that has them, and not in the fixed version.
//!
//! The table is `xtask/known-bugs.toml`. Each version in it is played once, with the cases that its bugs name. A bug that
//! is not found in the fixed version proves something only if its clauses were judged there, so that is verified too.
//!
//! ```text
//! found in moto 5.0.28, not in 5.1.0: PRO-01  stop protection is ignored
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::play::{Kind, Play, ReportDestination};
use crate::shell::TaskOutcome;
use crate::tools;
use crate::workspace::Workspace;

const TABLE: &str = "xtask/known-bugs.toml";

#[derive(Default, clap::Args)]
pub(super) struct KnownBugsArgs {
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    stopcheck: Option<PathBuf>,
}

pub(super) fn run(args: &KnownBugsArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let text =
        fs::read_to_string(workspace.path(TABLE)).with_context(|| format!("could not read {TABLE}"))?;
    let table = Table::parse(&text).with_context(|| format!("could not read {TABLE}"))?;
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let mut reports = BTreeMap::new();
    for (version, cases) in table.versions() {
        // Old versions of moto load their tables with the first request, which takes a while on a busy machine.
        let mut run_args = ["--phase=scenarios", "--request-timeout=60"]
            .map(str::to_owned)
            .to_vec();
        run_args.extend(cases.iter().map(|case| format!("--case={case}")));
        let play = Play {
            stopcheck: &stopcheck,
            kind: version.kind,
            version: &version.version,
            port: None,
            run_args: &run_args,
            page: ReportDestination::File,
        };
        let (_, report) = play.run(workspace)?;
        let report: Report = serde_json::from_str(&report)
            .with_context(|| format!("could not read the report on {}", play.name()))?;
        reports.insert(version, report);
    }
    let mut all_well = true;
    for bug in &table.bugs {
        let trouble = bug.trouble(&reports)?;
        all_well &= trouble.is_empty();
        println!("{}", bug.describe(&trouble));
    }
    for other in &table.not_played {
        println!("not played: {} ({})", other.what, other.reason);
    }
    Ok(TaskOutcome::bad_if(!all_well))
}

/// The table after validation.
#[derive(Debug)]
struct Table {
    bugs: Vec<Bug>,
    not_played: Vec<NotPlayed>,
}

#[derive(Debug)]
struct Bug {
    what: String,
    broken: EndpointVersion,
    /// The first version without the bug; `None` if there is none yet.
    mended: Option<EndpointVersion>,
    cases: Vec<String>,
    told: Told,
}

/// One version of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct EndpointVersion {
    kind: Kind,
    version: String,
}

/// The evidence of a bug.
#[derive(Debug)]
enum Told {
    /// Findings under each of these clauses, with this text.
    Clauses {
        clauses: Vec<String>,
        observed: Option<String>,
    },
    /// None of these cases can be played, for a reason that contains this text.
    Unsupported(String),
}

impl Table {
    fn parse(text: &str) -> Result<Table> {
        let file: TableFile = toml::from_str(text)?;
        Ok(Table {
            bugs: file.bug.into_iter().map(Bug::parse).collect::<Result<_>>()?,
            not_played: file.not_played,
        })
    }

    /// Every version that is played, with its cases.
    fn versions(&self) -> BTreeMap<EndpointVersion, BTreeSet<&str>> {
        let mut versions: BTreeMap<EndpointVersion, BTreeSet<&str>> = BTreeMap::new();
        for bug in &self.bugs {
            for version in std::iter::once(&bug.broken).chain(&bug.mended) {
                let cases = versions.entry(version.clone()).or_default();
                cases.extend(bug.cases.iter().map(String::as_str));
            }
        }
        versions
    }
}

impl Bug {
    fn parse(line: BugLine) -> Result<Bug> {
        let told = match (line.clauses.is_empty(), line.unsupported, line.observed) {
            (false, None, observed) => Told::Clauses {
                clauses: line.clauses,
                observed,
            },
            (true, Some(reason), None) => Told::Unsupported(reason),
            (false, Some(_), _) | (true, None, _) | (true, Some(_), Some(_)) => bail!(
                "{:?} needs either clauses, perhaps with what was observed, or unsupported",
                line.what
            ),
        };
        if line.cases.is_empty() {
            bail!("{:?} names no case", line.what);
        }
        if line.mended.as_deref() == Some(line.broken.as_str()) {
            bail!("{:?} is mended in the version that has it", line.what);
        }
        let version = |version| EndpointVersion {
            kind: line.endpoint,
            version,
        };
        Ok(Bug {
            broken: version(line.broken),
            mended: line.mended.map(version),
            what: line.what,
            cases: line.cases,
            told,
        })
    }

    /// The unexpected results, one per line.
    fn trouble(&self, reports: &BTreeMap<EndpointVersion, Report>) -> Result<Vec<String>> {
        let report = |version: &EndpointVersion| {
            reports
                .get(version)
                .with_context(|| format!("{} was not played", version.name()))
        };
        let mut trouble = self.missing_in(report(&self.broken)?, &self.broken);
        if let Some(mended) = &self.mended {
            trouble.extend(self.left_in(report(mended)?, mended));
        }
        Ok(trouble)
    }

    /// The findings that are missing in the version with the bug.
    fn missing_in(&self, report: &Report, version: &EndpointVersion) -> Vec<String> {
        match &self.told {
            Told::Clauses { clauses, .. } => clauses
                .iter()
                .filter(|clause| !self.shows(report, clause))
                .map(|clause| format!("{clause} does not show it in {}", version.name()))
                .collect(),
            Told::Unsupported(reason) => self
                .cases
                .iter()
                .filter(|case| !report.lacks(case, reason))
                .map(|case| format!("{case} is not unsupported for this reason in {}", version.name()))
                .collect(),
        }
    }

    /// The findings that are left in the fixed version, and the clauses that were not judged there.
    fn left_in(&self, report: &Report, version: &EndpointVersion) -> Vec<String> {
        let mut left: Vec<String> = self
            .cases
            .iter()
            .filter(|case| !report.judged(case))
            .map(|case| format!("{case} was not judged in {}", version.name()))
            .collect();
        match &self.told {
            Told::Clauses { clauses, .. } => {
                for clause in clauses {
                    if self.shows(report, clause) {
                        left.push(format!("{clause} is found in {} too", version.name()));
                    } else if !report.looked_at(clause) {
                        left.push(format!("{clause} was not looked at in {}", version.name()));
                    }
                }
            }
            // A judged case is not unsupported.
            Told::Unsupported(_) => {}
        }
        left
    }

    /// Whether the findings under this clause show the bug.
    fn shows(&self, report: &Report, clause: &str) -> bool {
        let observed = match &self.told {
            Told::Clauses { observed, .. } => observed.as_deref().unwrap_or_default(),
            Told::Unsupported(_) => return false,
        };
        report.findings.iter().any(|finding| {
            finding.clause == clause
                && matches!(finding.verdict.as_str(), "fail" | "warn")
                && self.cases.contains(&finding.case)
                && finding.observed_text.contains(observed)
        })
    }

    fn describe(&self, trouble: &[String]) -> String {
        let by = match &self.told {
            Told::Clauses { clauses, .. } => clauses.join(", "),
            Told::Unsupported(_) => format!("no clause, but unsupported: {}", self.cases.join(", ")),
        };
        let broken = self.broken.name();
        match (trouble, &self.mended) {
            ([], Some(mended)) => {
                format!(
                    "found in {broken}, not in {}: {by}  {}",
                    mended.version, self.what
                )
            }
            ([], None) => format!("found in {broken}, mended in no version yet: {by}  {}", self.what),
            (trouble, _) => format!(
                "NOT as it should be: {}\n    {}",
                self.what,
                trouble.join("\n    ")
            ),
        }
    }
}

impl EndpointVersion {
    fn name(&self) -> String {
        format!("{} {}", self.kind.name(), self.version)
    }
}

impl Report {
    fn lacks(&self, name: &str, reason: &str) -> bool {
        self.cases
            .iter()
            .any(|case| case.name == name && case.outcome == "unsupported" && case.reason.contains(reason))
    }

    fn judged(&self, name: &str) -> bool {
        self.cases
            .iter()
            .any(|case| case.name == name && case.outcome == "judged")
    }

    fn looked_at(&self, id: &str) -> bool {
        self.clauses
            .iter()
            .any(|clause| clause.id == id && matches!(clause.status.as_str(), "held" | "found"))
    }
}

/// The format of the table on disk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    #[serde(default)]
    bug: Vec<BugLine>,
    #[serde(default)]
    not_played: Vec<NotPlayed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BugLine {
    what: String,
    endpoint: Kind,
    broken: String,
    mended: Option<String>,
    #[serde(default)]
    clauses: Vec<String>,
    cases: Vec<String>,
    observed: Option<String>,
    unsupported: Option<String>,
}

/// A bug that is known from a report only, or that the contract does not cover.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotPlayed {
    what: String,
    reason: String,
}

/// The parts of the JSON report that are used.
#[derive(Debug, Deserialize)]
struct Report {
    clauses: Vec<ReportClause>,
    cases: Vec<ReportCase>,
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct ReportClause {
    id: String,
    status: String,
}

#[derive(Debug, Deserialize)]
struct ReportCase {
    name: String,
    outcome: String,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Finding {
    clause: String,
    verdict: String,
    case: String,
    observed_text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE_TEXT: &str = r#"
        [[bug]]
        what = "stop protection is ignored"
        endpoint = "moto"
        broken = "1"
        mended = "2"
        clauses = ["PRO-01"]
        cases = ["protect/protected"]
        observed = "stopped"

        [[bug]]
        what = "no Spot"
        endpoint = "moto"
        broken = "1"
        mended = "2"
        cases = ["spot/one-time"]
        unsupported = "on-demand"
    "#;

    const BROKEN: &str = r#"{
        "clauses": [{"id": "PRO-01", "status": "found"}],
        "cases": [{"name": "protect/protected", "outcome": "judged"},
                  {"name": "spot/one-time", "outcome": "unsupported", "reason": "describes it with on-demand"}],
        "findings": [{"clause": "PRO-01", "verdict": "fail", "case": "protect/protected", "observed_text": "is stopped"}]}"#;

    const MENDED: &str = r#"{
        "clauses": [{"id": "PRO-01", "status": "held"}],
        "cases": [{"name": "protect/protected", "outcome": "judged"}, {"name": "spot/one-time", "outcome": "judged"}],
        "findings": [{"clause": "PRO-01", "verdict": "inconclusive", "case": "protect/protected", "observed_text": "stopped"},
                     {"clause": "PRO-01", "verdict": "fail", "case": "other/case", "observed_text": "stopped"}]}"#;

    fn told(broken: &str, mended: &str) -> Vec<String> {
        let version = |version: &str| EndpointVersion {
            kind: Kind::Moto,
            version: version.to_owned(),
        };
        let reports = BTreeMap::from([
            (
                version("1"),
                serde_json::from_str(broken).expect("it is a report"),
            ),
            (
                version("2"),
                serde_json::from_str(mended).expect("it is a report"),
            ),
        ]);
        let table = Table::parse(TABLE_TEXT).expect("it is a table");
        table
            .bugs
            .iter()
            .map(|bug| bug.describe(&bug.trouble(&reports).expect("both were played")))
            .collect()
    }

    #[test]
    fn a_bug_is_found_where_it_is_and_not_where_it_is_mended() {
        assert_eq!(
            told(BROKEN, MENDED),
            [
                "found in moto 1, not in 2: PRO-01  stop protection is ignored",
                "found in moto 1, not in 2: no clause, but unsupported: spot/one-time  no Spot",
            ]
        );
    }

    #[test]
    fn a_bug_that_is_found_in_neither_or_in_both_is_told() {
        assert_eq!(
            told(MENDED, BROKEN),
            [
                "NOT as it should be: stop protection is ignored\n    PRO-01 does not show it in moto 1\n    \
                 PRO-01 is found in moto 2 too",
                "NOT as it should be: no Spot\n    spot/one-time is not unsupported for this reason in moto 1\n    \
                 spot/one-time was not judged in moto 2",
            ]
        );
    }

    #[test]
    fn a_finding_that_shows_something_else_does_not_tell_the_bug() {
        let other = BROKEN.replace("is stopped", "is running");
        let lines = told(&other, MENDED);
        assert!(
            lines
                .first()
                .is_some_and(|line| line.ends_with("PRO-01 does not show it in moto 1")),
            "{lines:?}"
        );
    }

    #[test]
    fn a_clause_that_was_not_looked_at_in_the_mended_version_proves_nothing() {
        let blind = MENDED.replace("held", "unreached");
        let lines = told(BROKEN, &blind);
        assert!(
            lines
                .first()
                .is_some_and(|line| line.ends_with("PRO-01 was not looked at in moto 2")),
            "{lines:?}"
        );
    }

    #[test]
    fn a_bug_that_nothing_tells_is_no_bug_of_the_table() {
        for (from, to) in [
            ("clauses = [\"PRO-01\"]", ""),
            ("unsupported = \"on-demand\"", ""),
            ("mended = \"2\"", "mended = \"1\""),
            ("cases = [\"spot/one-time\"]", "cases = []"),
        ] {
            let text = TABLE_TEXT.replace(from, to);
            assert!(Table::parse(&text).is_err(), "{to:?} for {from:?}");
        }
    }

    #[test]
    fn the_table_speaks_of_clauses_that_there_are_and_of_versions_that_are_pinned() {
        let workspace = Workspace::find().expect("we are in one");
        let read = |path: &str| fs::read_to_string(workspace.path(path)).expect("it is there");
        let table = Table::parse(&read(TABLE)).expect("it is a table");
        let specs: toml::Table = toml::from_str(&read("specs/clauses.toml")).expect("it is TOML");
        let known: Vec<&str> = specs
            .get("clause")
            .and_then(toml::Value::as_array)
            .expect("there are clauses")
            .iter()
            .filter_map(|clause| clause.get("id")?.as_str())
            .collect();
        for bug in &table.bugs {
            if let Told::Clauses { clauses, .. } = &bug.told {
                for clause in clauses {
                    assert!(known.contains(&clause.as_str()), "{clause}");
                }
            }
        }
        for version in table.versions().keys() {
            let pins = format!("xtask/pins/{}-{}.txt", version.kind.name(), version.version);
            assert!(workspace.path(&pins).is_file(), "{pins}");
        }
    }
}
