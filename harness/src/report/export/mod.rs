//! Exports of one finding: as a scenario, a Rust test, a boto3 script, or the text of an issue.
//!
//! The input is what a journal has of the finding and its case, the output is text; no request is sent. Each format has
//! its own file, with an example of the output in the module doc. Text from an endpoint is escaped before it is written
//! into a comment.

use crate::contract::{Contract, Scenario};
use crate::journal::{Event, Finding, FixtureReady, Intent, RunStarted};
use crate::report::repeat::{Sent, Story};
use crate::report::text::{fold, visible};
use crate::words::{English, Words as _};

mod boto3;
mod markdown;
mod rust;
pub mod scenario;

/// An export format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// A file for `--scenarios`, or for `specs/`.
    Scenario,
    /// A Rust test that uses this library.
    Rust,
    /// A Python script that uses boto3.
    Boto3,
    /// The text of an issue.
    Markdown,
}

/// Everything recorded about a finding.
#[derive(Debug, Clone)]
pub struct Material {
    /// The journal as named on the command line, for the command that replays the finding.
    pub journal: String,
    /// The event that started the run.
    pub run: RunStarted,
    /// The case that was played.
    pub case: Scenario,
    /// The finding.
    pub finding: Finding,
    /// The instances of the case.
    pub fixtures: Vec<FixtureReady>,
    /// What each step was meant to do, with the step number.
    pub steps: Vec<(usize, Intent)>,
    /// Its exchanges, in order.
    pub sent: Vec<Sent>,
}

impl ExportKind {
    /// All export formats.
    pub const ALL: [ExportKind; 4] = [
        ExportKind::Scenario,
        ExportKind::Rust,
        ExportKind::Boto3,
        ExportKind::Markdown,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ExportKind::Scenario => "scenario",
            ExportKind::Rust => "rust",
            ExportKind::Boto3 => "boto3",
            ExportKind::Markdown => "markdown",
        }
    }
}

/// Exports the finding in this format, or returns the reason why the format cannot express it.
pub fn export(kind: ExportKind, material: &Material, contract: &Contract) -> Result<String, String> {
    match kind {
        ExportKind::Scenario => scenario::export(material, contract),
        ExportKind::Rust => rust::export(material, contract),
        ExportKind::Boto3 => boto3::export(material, contract),
        ExportKind::Markdown => Ok(markdown::export(material, contract)),
    }
}

impl Material {
    /// Collects the material from the events of the case.
    pub fn new<'a>(
        journal: String,
        run: RunStarted,
        case: Scenario,
        finding: Finding,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Self {
        let mut material = Material {
            journal,
            run,
            case,
            finding,
            fixtures: Vec::new(),
            steps: Vec::new(),
            sent: Vec::new(),
        };
        for event in events {
            match event {
                Event::FixtureReady(ready) => material.fixtures.push(ready.clone()),
                Event::StepStarted(step) => material.steps.push((step.step, step.intent.clone())),
                Event::Exchanged(exchanged) => material.sent.push(Sent::of(exchanged)),
                Event::RunStarted(_)
                | Event::CaseStarted(_)
                | Event::LaunchDeviated(_)
                | Event::Judged(_)
                | Event::CaseEnded(_)
                | Event::Noted(_)
                | Event::Explored(_)
                | Event::Recurred(_)
                | Event::Flaky(_)
                | Event::Reproduced(_)
                | Event::RunEnded(_) => {}
            }
        }
        material
    }

    /// The case in the form that reproductions are made from.
    pub fn story(&self) -> Story<'_> {
        Story {
            run: &self.run,
            case: &self.case.name,
            fixtures: &self.fixtures,
            steps: &self.steps,
            sent: &self.sent,
        }
    }

    /// The shell command that replays the finding.
    fn command(&self) -> String {
        let name = format!("{}#{}", self.journal, self.finding.id());
        let mut out = format!("stopcheck replay {}", super::repeat::quote(&name));
        if self.run.endpoint != "reference" {
            out.push_str(" --endpoint-url ");
            out.push_str(&super::repeat::quote(&self.run.endpoint));
        }
        out
    }

    /// What was allowed, in words.
    fn expected_text(&self) -> String {
        English.all_expected(&self.finding.expected)
    }

    /// What was observed, in words.
    fn observed_text(&self) -> String {
        English.all_observed(&self.finding.observed)
    }

    /// The statement of the clause, and what was allowed and observed, as lines of a comment.
    fn summary(&self, contract: &Contract) -> Vec<String> {
        const WIDTH: usize = 112;
        let finding = &self.finding;
        let statement = contract
            .clause(&finding.clause)
            .map(|clause| clause.statement.as_str())
            .unwrap_or_default();
        let clause = format!("{}: {statement}", finding.clause);
        let mut lines = fold(&visible(&clause), WIDTH);
        for (label, text) in [
            ("Allowed", self.expected_text()),
            ("Observed", self.observed_text()),
        ] {
            lines.push(String::new());
            lines.extend(fold(&visible(&format!("{label}: {text}")), WIDTH));
        }
        lines
    }
}

/// Puts a comment marker before each line.
fn commented(mark: &str, lines: &[String]) -> String {
    lines
        .iter()
        .map(|line| format!("{mark} {line}").trim_end().to_owned() + "\n")
        .collect()
}

/// A case of a few steps with one finding, for the tests of all formats.
#[cfg(test)]
pub(crate) fn sample(case: Scenario) -> Material {
    use crate::report::sample;
    use crate::verdict::Verdict;

    let (fixtures, steps, sent) = sample::dry_run_story();
    Material {
        journal: "run.ndjson".into(),
        run: sample::run(),
        finding: sample::finding(
            &case.name,
            "DRY-04",
            Verdict::Fail,
            sample::stays_running("a"),
            sample::seen("a", "stopping"),
        ),
        case,
        fixtures,
        steps,
        sent,
    }
}
