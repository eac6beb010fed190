//! What a tally has to tell: cases, findings, groups, counts.

use super::*;

/// One case of the run.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name.
    pub name: Arc<str>,
    /// Its position in the plan.
    pub index: usize,
    /// The phase it belongs to.
    pub phase: Phase,
    /// What it shows.
    pub purpose: Arc<str>,
    /// The clauses it is there for.
    pub clauses: Arc<[ClauseId]>,
    /// How it ended; `None` if it did not.
    pub outcome: Option<Outcome>,
    /// The findings, in the order in which they were made.
    pub findings: Vec<Found>,
    /// The clauses that held, sorted.
    pub held: Arc<[ClauseId]>,
    /// The instances it had; kept of cases with findings.
    pub fixtures: Vec<FixtureReady>,
    /// When its first request was sent, milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub began_ms: Option<u64>,
    /// From its first request to its last answer, milliseconds.
    pub took_ms: u64,
    /// How many requests it sent.
    pub requests: usize,
}

/// One finding of a case.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id in the run.
    pub id: Box<str>,
    /// The step.
    pub step: usize,
    /// The clause.
    pub clause: ClauseId,
    /// How bad.
    pub verdict: Verdict,
    /// What was allowed.
    pub allowed: Arc<str>,
    /// What was observed.
    pub observed: Arc<str>,
    /// In how many generated cases it was seen; 0 if nobody counted.
    pub seen: u64,
    /// What was on the wire; kept for the first findings of a group.
    pub evidence: Option<Box<Evidence>>,
    pub(super) group: usize,
}

/// What was on the wire, and how to have it there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Method, path and body of the request, not sanitised.
    pub request: String,
    /// The status and the beginning of the answer, not sanitised.
    pub answer: String,
    /// How to see it again.
    pub repeat: Repeat,
}

/// Findings that say the same thing of several cases.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The clause.
    pub clause: &'a ClauseId,
    /// How bad.
    pub verdict: Verdict,
    /// How many findings.
    pub findings: usize,
    /// The names of the cases, in the order of the plan, each once.
    pub cases: Vec<&'a str>,
    /// The case of the first finding.
    pub case: &'a Case,
    /// The first finding.
    pub first: &'a Found,
}

/// What the run says of a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseStatus {
    /// The clause.
    pub id: ClauseId,
    /// How binding it is.
    pub level: Level,
    /// How well it is known.
    pub confidence: Confidence,
    /// What the run says.
    pub status: Status,
}

/// See [`ClauseStatus`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The clause does not hold in the edition of the run.
    NotInEdition,
    /// The clause cannot be tested through the API.
    Untested {
        /// Why.
        reason: String,
    },
    /// No case of the run judged it.
    Unreached {
        /// Why, as far as it can be seen.
        reason: String,
    },
    /// It was judged and never violated.
    Held {
        /// The first of the cases.
        by: Vec<String>,
        /// How many cases.
        cases: usize,
    },
    /// It was violated, or could not be told.
    Found {
        /// The worst verdict.
        verdict: Verdict,
        /// How many findings of any verdict.
        findings: usize,
        /// The first of the cases with findings of the worst verdict.
        by: Vec<String>,
        /// How many cases have findings.
        cases: usize,
    },
}

/// How much of what there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases by their worst verdict.
    pub cases: ByVerdict,
    /// Cases for which the endpoint lacks something.
    pub unsupported: usize,
    /// Cases on which the harness failed.
    pub errors: usize,
    /// Cases that began and did not end.
    pub unfinished: usize,
    /// Cases of the plan that an interrupted run did not come to.
    pub not_begun: usize,
    /// Cases left out by a filter.
    pub left_out: usize,
    /// Findings by verdict; none is a pass.
    pub findings: ByVerdict,
    /// Generated cases that were played on the way, and told only where they found something.
    pub scripts: u64,
    /// Their steps.
    pub steps: usize,
    /// Those of them that ended early because the endpoint lacks something.
    pub cut_short: usize,
    /// Requests sent, of any role.
    pub requests: u64,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// A number for each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByVerdict {
    /// [`Verdict::Pass`].
    pub pass: usize,
    /// [`Verdict::Warn`].
    pub warn: usize,
    /// [`Verdict::Inconclusive`].
    pub inconclusive: usize,
    /// [`Verdict::Fail`].
    pub fail: usize,
}

/// How many clauses have which status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClauseCounts {
    /// All clauses of the contract.
    pub all: usize,
    /// Judged and never violated.
    pub held: usize,
    /// Violated, and the violation decides the run.
    pub failed: usize,
    /// Violated without deciding the run.
    pub warned: usize,
    /// It could not be told.
    pub inconclusive: usize,
    /// Not judged by any case of the run.
    pub unreached: usize,
    /// Cannot be tested through the API.
    pub untested: usize,
    /// Not in the edition.
    pub not_in_edition: usize,
}

impl Group<'_> {
    /// The first finding with its reproduction.
    pub fn repeat(&self) -> Option<&Repeat> {
        self.first.evidence.as_ref().map(|evidence| &evidence.repeat)
    }
}

impl ByVerdict {
    pub(super) fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Warn => &mut self.warn,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Fail => &mut self.fail,
        } += 1;
    }

    /// All of them.
    pub fn all(self) -> usize {
        self.pass + self.warn + self.inconclusive + self.fail
    }
}
