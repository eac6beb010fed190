//! Known deviations in a run: which findings they cover, and which of them are outdated.

use super::*;
use crate::plan::matches;
use crate::report::known::{Deviation, KnownDeviations, KnownEntry, KnownTarget, NewKnown, cases_of};
use crate::report::text::{one_line, with_short_ids};

/// How much of an observation is written above a new entry, in characters.
const OBSERVED_SHOWN: usize = 160;

/// What became of the known deviations in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownReview {
    /// Every entry that applies to the endpoint, in the order of the files.
    pub entries: Vec<ReviewedEntry>,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewedEntry {
    /// The entry.
    pub entry: KnownEntry,
    /// Whether what it covers still deviates.
    pub standing: Standing,
    /// Whether its last day is over.
    pub expired: bool,
    /// The number of findings that it covers, or would cover if it had not expired.
    pub findings: usize,
}

/// Whether what an entry covers still deviates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has findings.
    Deviates,
    /// It has none, although all that shows it was played and judged.
    Gone,
    /// It has none, and something that shows it was not played or not judged.
    NotJudged,
}

/// The known part of the findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownCounts {
    /// Known failures.
    pub failures: usize,
    /// Known warnings.
    pub warnings: usize,
    /// Clauses whose deviations are all known.
    pub clauses: usize,
    /// Cases whose deviations are all known.
    pub cases: usize,
}

impl Standing {
    /// The word in machine-readable reports.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Deviates => "deviates",
            Standing::Gone => "gone",
            Standing::NotJudged => "not-judged",
        }
    }
}

impl ReviewedEntry {
    /// Whether the entry must be deleted or corrected, which fails the run.
    pub fn is_outdated(&self) -> bool {
        self.expired || self.standing == Standing::Gone
    }
}

impl KnownReview {
    /// The entries that fail the run.
    pub fn outdated(&self) -> impl Iterator<Item = &ReviewedEntry> {
        self.entries.iter().filter(|reviewed| reviewed.is_outdated())
    }
}

/// Known deviations.
impl Tally {
    /// Marks the findings that are known on this day, after the last event.
    pub fn set_known(&mut self, known: &KnownDeviations, contract: &Contract, today: &str) {
        let causes = self.causes();
        let deviations: Vec<Deviation<'_>> = causes.findings().map(deviation_of).collect();
        let entries = known.entries().iter().map(|entry| {
            let covered = deviations.iter().filter(|one| known.covers(entry, **one));
            let findings = covered.count();
            let standing = match findings {
                0 if self.is_gone(entry, &deviations, contract) => Standing::Gone,
                0 => Standing::NotJudged,
                _ => Standing::Deviates,
            };
            ReviewedEntry {
                entry: entry.clone(),
                standing,
                expired: entry.is_expired(today),
                findings,
            }
        });
        let entries = entries.collect();
        let marks: Vec<Option<usize>> = deviations.iter().map(|one| known.find(*one, today)).collect();
        let findings = self.cases.values_mut().flat_map(|case| &mut case.findings);
        for (found, mark) in findings.zip(marks) {
            found.known = mark;
        }
        self.known = Some(KnownReview { entries });
    }

    /// What became of the known deviations, if there are any.
    pub fn known(&self) -> Option<&KnownReview> {
        self.known.as_ref()
    }

    /// The entry that covers a finding.
    pub fn known_as(&self, found: &Found) -> Option<&KnownEntry> {
        let review = self.known.as_ref()?;
        Some(&review.entries.get(found.known?)?.entry)
    }

    /// The findings that fail the run.
    pub fn deciding(&self, policy: Policy) -> impl Iterator<Item = (&Case, &Found)> {
        self.findings()
            .filter(move |(_, found)| found.known.is_none() && policy.decides(found.verdict))
    }

    /// The known part of the findings.
    pub fn known_counts(&self) -> KnownCounts {
        let mut counts = KnownCounts {
            clauses: self.clause_counts().known,
            cases: self.counts().known,
            ..KnownCounts::default()
        };
        for (_, found) in self.findings().filter(|(_, found)| found.known.is_some()) {
            match found.verdict {
                Verdict::Fail => counts.failures += 1,
                Verdict::Warn => counts.warnings += 1,
                Verdict::Pass | Verdict::Inconclusive => {}
            }
        }
        counts
    }

    /// What would have to be known for the run to pass: one entry for each cause. What an expired entry covers is left to
    /// the person who let it expire.
    pub fn unknown(&self, known: &KnownDeviations, contract: &Contract, policy: Policy) -> Vec<NewKnown> {
        let causes = self.causes();
        let reviewed = self.known.iter().flat_map(|review| &review.entries);
        let expired: Vec<&KnownEntry> = reviewed
            .filter(|reviewed| reviewed.expired)
            .map(|reviewed| &reviewed.entry)
            .collect();
        let mut of_cause: BTreeMap<&ClauseId, Vec<(&Case, &Found)>> = BTreeMap::new();
        for (case, found, by) in causes.findings() {
            let deviation = deviation_of((case, found, by));
            let decides = found.known.is_none() && policy.decides(found.verdict);
            if decides && !expired.iter().any(|entry| known.covers(entry, deviation)) {
                let new_cause = by.map(|(by, _)| by).filter(|by| by.known.is_none());
                let cause = new_cause.map_or(&found.clause, |by| &by.clause);
                of_cause.entry(cause).or_default().push((case, found));
            }
        }
        let clauses = contract.clauses.iter();
        clauses
            .filter_map(|clause| Some((clause, of_cause.get(&clause.id)?)))
            .filter_map(|(clause, findings)| {
                let own = findings.iter().filter(|(_, found)| found.clause == clause.id);
                let (case, found) = own.min_by_key(|(case, _)| rank(case.phase))?;
                let has_named_case = |one: &Heading| one.id == clause.id && !one.scenarios.is_empty();
                let usual = match self.clauses.iter().any(has_named_case) {
                    true => Phase::Scenarios,
                    false => Phase::Wire,
                };
                let observed = self.observed_text(found);
                let comment = format!("{} in {}: {observed}", found.verdict.word(), case.name);
                Some(NewKnown {
                    cause: clause.id.clone(),
                    warnings_only: clause.decides()
                        && findings.iter().all(|(_, found)| found.verdict == Verdict::Warn),
                    phase: (case.phase != usual).then_some(case.phase),
                    comment: one_line(&with_short_ids(&comment), OBSERVED_SHOWN),
                })
            })
            .collect()
    }

    /// Whether an entry that covers nothing is outdated: all that shows the deviation was played, and judged.
    fn is_gone(&self, entry: &KnownEntry, deviations: &[Deviation<'_>], contract: &Contract) -> bool {
        match &entry.target {
            KnownTarget::Case(pattern) => self.are_judged(&cases_matching(pattern, contract)),
            KnownTarget::Clause(clause) | KnownTarget::Cause(clause) => {
                // What was found and is not covered: a failure where warnings are known, or what is inconclusive.
                let found = deviations.iter().any(|one| {
                    one.clause == clause || (entry.target.key() == "cause" && one.cause == Some(clause))
                });
                !found && self.has_held(clause) && self.is_played(entry.phase, clause, contract)
            }
        }
    }

    fn has_held(&self, clause: &ClauseId) -> bool {
        self.folded.held.contains(clause) || self.cases().any(|case| self.held_by(case).contains(clause))
    }

    /// Whether all cases of a phase were played, and those that list the clause were judged.
    fn is_played(&self, phase: Phase, clause: &ClauseId, contract: &Contract) -> bool {
        let cases = cases_of(phase, contract);
        let outcomes = self.outcomes();
        let mut lists = false;
        let played = cases.iter().all(|(name, clauses)| {
            let is_listed = clauses.contains(clause);
            lists |= is_listed;
            match outcomes.get(name.as_str()) {
                Some(Outcome::Judged { .. }) => true,
                Some(Outcome::Unsupported { .. }) => !is_listed,
                Some(Outcome::Error { .. }) | None => false,
            }
        });
        played && lists
    }

    /// Whether there are cases, and all of them were judged without a doubt.
    fn are_judged(&self, names: &[String]) -> bool {
        let outcomes = self.outcomes();
        !names.is_empty()
            && names.iter().all(|name| {
                matches!(
                    outcomes.get(name.as_str()),
                    Some(Outcome::Judged {
                        verdict: Verdict::Pass
                    })
                )
            })
    }

    /// How the cases ended, by name.
    fn outcomes(&self) -> HashMap<&str, &Outcome> {
        let cases = self
            .cases()
            .filter_map(|case| Some((case.name.as_ref(), case.outcome.as_ref()?)));
        cases.collect()
    }
}

/// What entries are compared with.
fn deviation_of<'a>(
    (case, found, by): (&'a Case, &'a Found, Option<(&'a Found, Relation)>),
) -> Deviation<'a> {
    Deviation {
        case: &case.name,
        clause: &found.clause,
        verdict: found.verdict,
        cause: by.map(|(by, _)| &by.clause),
    }
}

/// The names of the cases that a pattern stands for. Cases that come from a seed are endless: then there are none.
fn cases_matching(pattern: &str, contract: &Contract) -> Vec<String> {
    let seeded = ["concurrent/0", "random/0"];
    if seeded.iter().any(|name| matches(pattern, name))
        && !contract.scenarios.iter().any(|case| case.name == pattern)
    {
        return Vec::new();
    }
    [Phase::Scenarios, Phase::Wire, Phase::Coverage]
        .into_iter()
        .flat_map(|phase| cases_of(phase, contract))
        .map(|(name, _)| name)
        .filter(|name| matches(pattern, name))
        .collect()
}

/// The order in which a phase is named for a new entry: first what is the same in every run.
fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::Scenarios => 0,
        Phase::Wire => 1,
        Phase::Coverage => 2,
        Phase::Concurrent => 3,
        Phase::Random | Phase::Replay | Phase::Traffic => 4,
    }
}

#[cfg(test)]
mod tests;
