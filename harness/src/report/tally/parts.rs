//! The parts of a tally: cases, findings, groups, counts.

use super::*;
use crate::contract::Condition;

/// One case of the run.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name.
    pub name: Arc<str>,
    /// Its position in the plan.
    pub index: usize,
    /// The phase it belongs to.
    pub phase: Phase,
    /// What it is meant to show.
    pub purpose: Arc<str>,
    /// The clauses it tests.
    pub clauses: Arc<[ClauseId]>,
    /// How it ended; `None` if it did not.
    pub outcome: Option<Outcome>,
    /// The findings, in the order they were made.
    pub findings: Vec<Found>,
    /// The clauses that held, sorted.
    pub held: Arc<[ClauseId]>,
    /// Its instances; kept only for cases with findings.
    pub fixtures: Vec<FixtureReady>,
    /// When its first request was sent, milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub began_ms: Option<u64>,
    /// The time from its first request to its last answer, in milliseconds.
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
    /// The verdict.
    pub verdict: Verdict,
    /// What was allowed.
    pub expected: Arc<[Expected]>,
    /// What was observed.
    pub observed: Arc<[Observed]>,
    /// See [`Finding::circumstances`](crate::journal::Finding::circumstances).
    pub circumstances: Box<[Condition]>,
    /// See [`Finding::exchange`](crate::journal::Finding::exchange).
    pub exchange: Option<usize>,
    /// The number of generated cases in which it was seen; 0 if they were not counted.
    pub seen: u64,
    /// For a finding of overlapping calls: how many times it occurred, and how many times its case was played.
    pub plays: Option<(usize, usize)>,
    /// The exchange that shows it; kept for the first findings of a group.
    pub evidence: Option<Box<Evidence>>,
    /// The position of the known deviation that covers it, in [`KnownReview::entries`].
    pub known: Option<usize>,
    pub(super) group: usize,
}

/// The exchange that shows a finding, and how to reproduce it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Method, path and body of the request, not yet escaped for display.
    pub request: String,
    /// The status and the beginning of the answer, not yet escaped for display.
    pub answer: String,
    /// How to reproduce the finding.
    pub repeat: Repeat,
}

/// Findings that are the same in several cases.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The clause.
    pub clause: &'a ClauseId,
    /// The verdict.
    pub verdict: Verdict,
    /// The number of findings.
    pub findings: usize,
    /// The names of the cases, in the order of the plan, each once.
    pub cases: Vec<&'a str>,
    /// The case of the first finding.
    pub case: &'a Case,
    /// The first finding.
    pub first: &'a Found,
}

/// The status of a clause after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseStatus {
    /// The clause.
    pub id: ClauseId,
    /// Its requirement level.
    pub level: Level,
    /// How well it is known.
    pub confidence: Confidence,
    /// The status.
    pub status: Status,
}

/// The status of a clause; part of [`ClauseStatus`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The clause does not hold in the edition of the run.
    NotInEdition,
    /// The clause cannot be tested through the API.
    Untested {
        /// Why.
        reason: String,
    },
    /// No case of the run judged the clause.
    Unreached {
        /// Why, as far as is known.
        reason: String,
    },
    /// The clause was judged and never violated.
    Held {
        /// The first cases in which it held.
        by: Vec<String>,
        /// The number of cases in which it held.
        cases: usize,
    },
    /// The clause has findings: it was violated, or could not be decided.
    Found {
        /// The worst verdict.
        verdict: Verdict,
        /// The number of findings, with any verdict.
        findings: usize,
        /// The first cases that have findings with the worst verdict.
        by: Vec<String>,
        /// The number of cases with findings.
        cases: usize,
        /// Whether it deviates only as is known. The verdict is that of the known findings then, and of the new ones
        /// otherwise.
        known: bool,
    },
}

/// The counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases, by their worst verdict.
    pub cases: ByVerdict,
    /// Cases that deviate only as is known; they are not in `cases`.
    pub known: usize,
    /// Unsupported cases: the endpoint lacks something they need.
    pub unsupported: usize,
    /// Cases that ended with an error of the harness.
    pub errors: usize,
    /// Cases that started and did not end.
    pub unfinished: usize,
    /// Cases of the plan that an interrupted run did not start.
    pub not_begun: usize,
    /// Cases excluded by a filter.
    pub left_out: usize,
    /// New findings, by verdict; no finding is a pass.
    pub findings: ByVerdict,
    /// Generated cases that were played; only those with findings are reported.
    pub scripts: u64,
    /// The judged steps of generated cases.
    pub steps: usize,
    /// Generated cases that ended early because the endpoint lacks something.
    pub cut_short: usize,
    /// StopInstances calls of other clients that were judged; only those with findings are cases.
    pub watched: u64,
    /// Requests sent, in any role.
    pub requests: u64,
    /// The duration of the run, in milliseconds.
    pub took_ms: u64,
}

/// A count for each verdict.
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

/// The number of clauses with each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClauseCounts {
    /// All clauses of the contract.
    pub all: usize,
    /// Judged and never violated.
    pub held: usize,
    /// Violated, and the violation fails the run.
    pub failed: usize,
    /// Violated, but the violation does not fail the run.
    pub warned: usize,
    /// Violated only as is known.
    pub known: usize,
    /// Not decided: the answers can be explained either way.
    pub inconclusive: usize,
    /// Not judged by any case of the run.
    pub unreached: usize,
    /// Cannot be tested through the API.
    pub untested: usize,
    /// Not in the edition.
    pub not_in_edition: usize,
}

impl Case {
    /// The verdict without what is known; `None` if the case deviates only as is known.
    pub(super) fn verdict_of_news(&self, verdict: Verdict) -> Option<Verdict> {
        let (known, new): (Vec<_>, Vec<_>) = self.findings.iter().partition(|found| found.known.is_some());
        if known.is_empty() {
            return Some(verdict);
        }
        let worst = new.iter().map(|found| found.verdict).max();
        worst.filter(|worst| worst.is_deviation())
    }
}

impl Found {
    /// The fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(&self.clause, self.verdict, &self.observed)
    }
}

impl Group<'_> {
    /// How to reproduce the first finding.
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

    /// The sum of all counts.
    pub fn all(self) -> usize {
        self.pass + self.warn + self.inconclusive + self.fail
    }
}
