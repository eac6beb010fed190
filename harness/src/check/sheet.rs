//! The sheet of a step: which clauses were looked at, and what became of them.
//!
//! This is the one place where a deviation becomes a verdict. A clause of level MAY never deviates: both behaviours
//! conform. SHOULD and inferred clauses warn. A MUST that is documented or recorded fails, unless the check caps it
//! because the evidence accepts a set; how well it must be known is the caller's to lower.

use std::collections::BTreeMap;

use crate::contract::{Clause, ClauseId, Confidence, Level};
use crate::journal::Finding;
use crate::verdict::Verdict;

/// The judgements of one step, one entry a clause.
#[derive(Debug)]
pub(super) struct Sheet {
    least: Confidence,
    entries: BTreeMap<ClauseId, Entry>,
}

#[derive(Debug)]
enum Entry {
    Held,
    Found {
        verdict: Verdict,
        allowed: Vec<String>,
        observed: Vec<String>,
    },
}

/// How far a deviation can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// As far as the clause's level and confidence say.
    Full,
    /// No further than a warning: the evidence accepts a set, or knows the text only from some years.
    Advisory,
}

impl Sheet {
    /// An empty sheet. Clauses known worse than `least` do not fail.
    pub(super) fn new(least: Confidence) -> Self {
        Sheet {
            least,
            entries: BTreeMap::new(),
        }
    }

    /// Clauses that were looked at and held.
    pub(super) fn held<'a>(&mut self, clauses: impl IntoIterator<Item = &'a Clause>) {
        for clause in clauses.into_iter().filter(|clause| clause.holds) {
            self.entries.entry(clause.id.clone()).or_insert(Entry::Held);
        }
    }

    /// Clauses that the endpoint deviates from.
    pub(super) fn deviates<'a>(
        &mut self,
        clauses: impl IntoIterator<Item = &'a Clause>,
        weight: Weight,
        allowed: &str,
        observed: &str,
    ) {
        for clause in clauses {
            match verdict_of(clause, weight, self.least) {
                Verdict::Pass => self.held([clause]),
                verdict => self.find(clause, verdict, allowed, observed),
            }
        }
    }

    /// Clauses that could not be told.
    pub(super) fn unknown<'a>(
        &mut self,
        clauses: impl IntoIterator<Item = &'a Clause>,
        allowed: &str,
        why: &str,
    ) {
        for clause in clauses.into_iter().filter(|clause| clause.level != Level::May) {
            self.find(clause, Verdict::Inconclusive, allowed, why);
        }
    }

    fn find(&mut self, clause: &Clause, verdict: Verdict, allowed: &str, observed: &str) {
        if !clause.holds {
            return;
        }
        let entry = self.entries.entry(clause.id.clone()).or_insert(Entry::Held);
        match entry {
            Entry::Held => {
                *entry = Entry::Found {
                    verdict,
                    allowed: vec![allowed.to_owned()],
                    observed: vec![observed.to_owned()],
                };
            }
            // What is known to deviate says more than what could not be told.
            Entry::Found { verdict: old, .. }
                if (*old == Verdict::Inconclusive) != (verdict == Verdict::Inconclusive) =>
            {
                if *old == Verdict::Inconclusive {
                    *entry = Entry::Found {
                        verdict,
                        allowed: vec![allowed.to_owned()],
                        observed: vec![observed.to_owned()],
                    };
                }
            }
            Entry::Found {
                verdict: old,
                allowed: all_allowed,
                observed: all_observed,
            } => {
                *old = (*old).max(verdict);
                push_new(all_allowed, allowed);
                push_new(all_observed, observed);
            }
        }
    }

    /// The clauses that held, and the findings, in the order of the clause ids.
    pub(super) fn close(self, case: &str, step: usize) -> (Vec<ClauseId>, Vec<Finding>) {
        let mut held = Vec::new();
        let mut findings = Vec::new();
        for (clause, entry) in self.entries {
            match entry {
                Entry::Held => held.push(clause),
                Entry::Found {
                    verdict,
                    allowed,
                    observed,
                } => findings.push(Finding {
                    id: format!("{case}#{step}/{clause}"),
                    clause,
                    verdict,
                    allowed: allowed.join("; "),
                    observed: observed.join("; "),
                }),
            }
        }
        (held, findings)
    }
}

/// What a deviation from this clause amounts to.
pub(super) fn verdict_of(clause: &Clause, weight: Weight, least: Confidence) -> Verdict {
    match (clause.level, weight) {
        (Level::May, _) => Verdict::Pass,
        (Level::Must | Level::MustNot, Weight::Full) if clause.confidence >= least => Verdict::Fail,
        (Level::Must | Level::MustNot | Level::Should, _) => Verdict::Warn,
    }
}

fn push_new(texts: &mut Vec<String>, text: &str) {
    if !texts.iter().any(|known| known == text) {
        texts.push(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(id: &str, level: Level, confidence: Confidence) -> Clause {
        Clause {
            id: id.into(),
            group: String::new(),
            level,
            confidence,
            holds: true,
            range: String::new(),
            statement: String::new(),
            sources: Vec::new(),
            note: None,
            checks: Vec::new(),
            untested: None,
        }
    }

    #[test]
    fn only_a_must_that_is_documented_or_recorded_fails() {
        let table = [
            (Level::Must, Confidence::Recorded, Weight::Full, Verdict::Fail),
            (
                Level::MustNot,
                Confidence::Documented,
                Weight::Full,
                Verdict::Fail,
            ),
            (
                Level::Must,
                Confidence::DocumentedSibling,
                Weight::Full,
                Verdict::Fail,
            ),
            (Level::Must, Confidence::Recorded, Weight::Advisory, Verdict::Warn),
            (Level::Must, Confidence::Inferred, Weight::Full, Verdict::Warn),
            (Level::Must, Confidence::Contradicted, Weight::Full, Verdict::Warn),
            (
                Level::Should,
                Confidence::DocumentedAndRecorded,
                Weight::Full,
                Verdict::Warn,
            ),
            (
                Level::May,
                Confidence::DocumentedAndRecorded,
                Weight::Full,
                Verdict::Pass,
            ),
        ];
        for (level, confidence, weight, verdict) in table {
            assert_eq!(
                verdict_of(&clause("X-01", level, confidence), weight, Confidence::default()),
                verdict,
                "{level:?} {confidence:?}"
            );
        }
    }

    #[test]
    fn a_deviation_replaces_what_held_and_what_could_not_be_told() {
        let must = clause("X-01", Level::Must, Confidence::Recorded);
        let mut sheet = Sheet::new(Confidence::DocumentedSibling);
        sheet.held([&must]);
        sheet.unknown([&must], "a", "no idea");
        sheet.deviates([&must], Weight::Full, "a", "b");
        sheet.held([&must]);
        sheet.unknown([&must], "a", "no idea");
        let (held, findings) = sheet.close("case", 1);
        assert!(held.is_empty());
        let seen: Vec<_> = findings
            .iter()
            .map(|f| (f.id.as_str(), f.verdict, f.observed.as_str()))
            .collect();
        assert_eq!(seen, [("case#1/X-01", Verdict::Fail, "b")]);
    }

    #[test]
    fn a_clause_that_does_not_hold_in_the_edition_is_never_judged() {
        let mut later = clause("X-01", Level::Must, Confidence::Recorded);
        later.holds = false;
        let mut sheet = Sheet::new(Confidence::DocumentedSibling);
        sheet.held([&later]);
        sheet.deviates([&later], Weight::Full, "a", "b");
        let (held, findings) = sheet.close("case", 1);
        assert!(held.is_empty() && findings.is_empty());
    }
}
