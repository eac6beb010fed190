//! The judgement of a step: which clauses were checked, and the verdict on each.
//!
//! This is the only place that turns a deviation into a verdict. A clause of level MAY never deviates: both behaviours
//! conform. SHOULD and inferred clauses warn. A MUST that is documented or recorded fails, unless the check caps it
//! because the evidence accepts a set. The caller may set another confidence from which a MUST fails.
//!
//! Most checks hold, so a clause that held costs one bit, and facts are recorded only for a clause that did not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::facts::Mismatch;
use crate::contract::{Clause, ClauseId, Condition, Confidence, Level};
use crate::journal::{Choice, Expected, Finding, Judged, Observed};
use crate::verdict::Verdict;

/// The clauses of a contract in the order of their ids, with what a step judgement needs of them.
#[derive(Debug)]
pub(super) struct ClauseTable {
    lines: Vec<Line>,
    indices: HashMap<ClauseId, ClauseIndex>,
}

/// The position of a clause in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClauseIndex(usize);

/// A clause, and the verdicts on a deviation from it.
#[derive(Debug)]
struct Line {
    id: ClauseId,
    holds: bool,
    full: Verdict,
    advisory: Verdict,
}

/// The judgement of one step, with one entry per clause.
#[derive(Debug)]
pub(super) struct StepJudgement<'r> {
    clause_table: &'r ClauseTable,
    /// One bit per clause index, 64 bits per word.
    held: Vec<u64>,
    found: BTreeMap<ClauseIndex, Found>,
    circumstances: BTreeSet<Condition>,
    choices: BTreeSet<Choice>,
    /// The exchange that is being judged; see [`Finding::exchange`].
    exchange: Option<usize>,
}

#[derive(Debug)]
struct Found {
    verdict: Verdict,
    expected: Vec<Expected>,
    observed: Vec<Observed>,
    exchange: Option<usize>,
}

/// How severe a deviation can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// As severe as the clause's level and confidence say.
    Full,
    /// At most a warning: the evidence accepts a set, or knows the text from some years only.
    Advisory,
}

impl ClauseTable {
    /// Builds the table of these clauses. Clauses with less confidence than `least` do not fail.
    pub(super) fn new(clauses: &[Clause], least: Confidence) -> Self {
        let mut lines: Vec<Line> = clauses
            .iter()
            .map(|clause| Line {
                id: clause.id.clone(),
                holds: clause.holds,
                full: verdict_of(clause, Weight::Full, least),
                advisory: verdict_of(clause, Weight::Advisory, least),
            })
            .collect();
        lines.sort_by(|one, other| one.id.cmp(&other.id));
        let indices = lines
            .iter()
            .enumerate()
            .map(|(at, line)| (line.id.clone(), ClauseIndex(at)))
            .collect();
        ClauseTable { lines, indices }
    }

    /// The indices of the clauses with these ids.
    pub(super) fn indices(&self, ids: &[ClauseId]) -> Vec<ClauseIndex> {
        ids.iter()
            .filter_map(|id| self.indices.get(id).copied())
            .collect()
    }

    /// The ids of the clauses at these indices, without those that can have no finding.
    pub(super) fn ids(&self, indices: impl IntoIterator<Item = ClauseIndex>) -> Vec<ClauseId> {
        indices
            .into_iter()
            .map(|place| self.line(place))
            .filter(|line| line.holds && line.full != Verdict::Pass)
            .map(|line| line.id.clone())
            .collect()
    }

    fn line(&self, place: ClauseIndex) -> &Line {
        self.lines.get(place.0).expect("an index is one of this table")
    }
}

impl<'r> StepJudgement<'r> {
    /// Creates an empty judgement.
    pub(super) fn new(clause_table: &'r ClauseTable) -> Self {
        StepJudgement {
            clause_table,
            held: vec![0; clause_table.lines.len().div_ceil(64)],
            found: BTreeMap::new(),
            circumstances: BTreeSet::new(),
            choices: BTreeSet::new(),
            exchange: None,
        }
    }

    /// Sets the exchange that the following findings are about.
    pub(super) fn about(&mut self, exchange: Option<usize>) {
        self.exchange = exchange;
    }

    /// The exchange that findings are about now.
    pub(super) fn exchange(&self) -> Option<usize> {
        self.exchange
    }

    /// Records the code of a refusal for a condition that the contract allows to be answered in several ways.
    pub(super) fn choice(&mut self, condition: Condition, code: &str) {
        self.choices.insert(Choice {
            condition,
            code: code.to_owned(),
        });
    }

    /// Records the conditions that hold for the call of this step.
    pub(super) fn circumstances(&mut self, conditions: impl IntoIterator<Item = Condition>) {
        self.circumstances.extend(conditions);
    }

    /// Records clauses that were checked and held.
    pub(super) fn held(&mut self, indices: &[ClauseIndex]) {
        for place in indices {
            if let Some(word) = self.held.get_mut(place.0 / 64) {
                *word |= 1 << (place.0 % 64);
            }
        }
    }

    /// Records clauses that the endpoint deviates from.
    pub(super) fn deviates(&mut self, indices: &[ClauseIndex], weight: Weight, mismatch: &Mismatch) {
        for place in indices {
            let line = self.clause_table.line(*place);
            let verdict = match weight {
                Weight::Full => line.full,
                Weight::Advisory => line.advisory,
            };
            match verdict {
                Verdict::Pass => self.held(&[*place]),
                verdict => self.find(*place, verdict, mismatch),
            }
        }
    }

    /// Records clauses that could not be decided. What was observed says why.
    pub(super) fn unknown(&mut self, indices: &[ClauseIndex], mismatch: &Mismatch) {
        for place in indices {
            // A clause of level MAY is never a finding.
            if self.clause_table.line(*place).full != Verdict::Pass {
                self.find(*place, Verdict::Inconclusive, mismatch);
            }
        }
    }

    /// Removes the inconclusive findings of clauses that are decided now.
    pub(super) fn clear_unknown(&mut self, indices: &[ClauseIndex]) {
        for place in indices {
            let unknown = |found: &Found| found.verdict == Verdict::Inconclusive;
            if self.found.get(place).is_some_and(unknown) {
                self.found.remove(place);
            }
        }
    }

    fn find(&mut self, place: ClauseIndex, verdict: Verdict, mismatch: &Mismatch) {
        if !self.clause_table.line(place).holds {
            return;
        }
        let exchange = self.exchange;
        let new = || Found {
            verdict,
            expected: vec![mismatch.expected.clone()],
            observed: mismatch.observed.clone(),
            exchange,
        };
        match self.found.get_mut(&place) {
            None => {
                self.found.insert(place, new());
            }
            // A known deviation takes precedence over an inconclusive result.
            Some(old) if (old.verdict == Verdict::Inconclusive) != (verdict == Verdict::Inconclusive) => {
                if old.verdict == Verdict::Inconclusive {
                    *old = new();
                }
            }
            Some(old) => {
                old.verdict = old.verdict.max(verdict);
                push_new(&mut old.expected, &mismatch.expected);
                for observed in &mismatch.observed {
                    push_new(&mut old.observed, observed);
                }
            }
        }
    }

    /// The clauses that the endpoint deviates from.
    pub(super) fn violated(&self) -> BTreeSet<ClauseIndex> {
        let found = self.found.iter();
        let decided = found.filter(|(_, found)| found.verdict != Verdict::Inconclusive);
        decided.map(|(place, _)| *place).collect()
    }

    /// The judgement: what held, and the findings, in the order of the clause ids.
    pub(super) fn close(self, case: &str, step: usize) -> Judged {
        let mut held = Vec::with_capacity(self.held.iter().map(|word| word.count_ones() as usize).sum());
        for (at, word) in self.held.iter().enumerate() {
            let mut bits = *word;
            while bits != 0 {
                let place = ClauseIndex(at * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
                let line = self.clause_table.line(place);
                if line.holds && !self.found.contains_key(&place) {
                    held.push(line.id.clone());
                }
            }
        }
        // In alphabetical order, which is not the order of the vocabulary.
        let mut circumstances: Vec<Condition> = self.circumstances.into_iter().collect();
        circumstances.sort_unstable_by_key(|condition| condition.word());
        let findings = self
            .found
            .into_iter()
            .map(|(place, found)| Finding {
                case: case.to_owned(),
                step,
                clause: self.clause_table.line(place).id.clone(),
                verdict: found.verdict,
                expected: found.expected,
                observed: found.observed,
                circumstances: circumstances.clone(),
                exchange: found.exchange,
            })
            .collect();
        Judged {
            case: case.to_owned(),
            step,
            held,
            findings,
            choices: self.choices.into_iter().collect(),
        }
    }
}

/// The verdict on a deviation from this clause.
fn verdict_of(clause: &Clause, weight: Weight, least: Confidence) -> Verdict {
    match (clause.level, weight) {
        (Level::May, _) => Verdict::Pass,
        (Level::Must | Level::MustNot, Weight::Full) if clause.confidence >= least => Verdict::Fail,
        (Level::Must | Level::MustNot | Level::Should, _) => Verdict::Warn,
    }
}

fn push_new<T: Clone + PartialEq>(facts: &mut Vec<T>, fact: &T) {
    if !facts.contains(fact) {
        facts.push(fact.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule;
    use super::*;
    use crate::journal::Doubt;

    fn wrong_status(status: u16) -> Mismatch {
        Mismatch::rule(rule::STATUS_CLASS, Observed::Status { status })
    }

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
            explained_by: None,
            confirmed: None,
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
            (Level::Must, Confidence::Sibling, Weight::Full, Verdict::Warn),
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

    fn clause_table(clauses: &[Clause]) -> ClauseTable {
        ClauseTable::new(clauses, Confidence::default())
    }

    #[test]
    fn a_deviation_replaces_what_held_and_what_could_not_be_told() {
        let clause_table = clause_table(&[clause("X-01", Level::Must, Confidence::Recorded)]);
        let must = clause_table.indices(&["X-01".into()]);
        let mut judgement = StepJudgement::new(&clause_table);
        let unknown = Mismatch::rule(rule::STATUS_CLASS, Doubt::NoAnswer);
        judgement.held(&must);
        judgement.unknown(&must, &unknown);
        judgement.about(Some(3));
        judgement.deviates(&must, Weight::Full, &wrong_status(500));
        judgement.held(&must);
        judgement.about(Some(4));
        judgement.unknown(&must, &unknown);
        let Judged { held, findings, .. } = judgement.close("case", 1);
        assert!(held.is_empty());
        let seen: Vec<_> = findings
            .iter()
            .map(|f| (f.id(), f.verdict, f.observed.clone(), f.exchange))
            .collect();
        let observed = vec![Observed::Status { status: 500 }];
        assert_eq!(
            seen,
            [("case#1/X-01".to_owned(), Verdict::Fail, observed, Some(3))]
        );
    }

    #[test]
    fn a_clause_that_does_not_hold_in_the_edition_is_never_judged() {
        let mut later = clause("X-01", Level::Must, Confidence::Recorded);
        later.holds = false;
        let clause_table = clause_table(&[later]);
        let later = clause_table.indices(&["X-01".into()]);
        let mut judgement = StepJudgement::new(&clause_table);
        judgement.held(&later);
        judgement.deviates(&later, Weight::Full, &wrong_status(500));
        let Judged { held, findings, .. } = judgement.close("case", 1);
        assert!(held.is_empty() && findings.is_empty());
    }

    #[test]
    fn what_held_and_what_was_found_comes_in_the_order_of_the_ids() {
        let ids: Vec<String> = (0..130).rev().map(|n| format!("X-{n:03}")).collect();
        let clauses: Vec<Clause> = ids
            .iter()
            .map(|id| clause(id, Level::Must, Confidence::Recorded))
            .collect();
        let clause_table = clause_table(&clauses);
        let indices = |wanted: &[&str]| {
            clause_table.indices(&wanted.iter().map(|id| (*id).into()).collect::<Vec<ClauseId>>())
        };
        let mut judgement = StepJudgement::new(&clause_table);
        judgement.held(&indices(&["X-129", "X-064", "X-000", "X-063"]));
        judgement.deviates(
            &indices(&["X-100", "X-064", "X-001"]),
            Weight::Full,
            &wrong_status(500),
        );
        let Judged { held, findings, .. } = judgement.close("case", 1);
        let held: Vec<&str> = held.iter().map(ClauseId::as_str).collect();
        assert_eq!(held, ["X-000", "X-063", "X-129"]);
        let found: Vec<&str> = findings.iter().map(|finding| finding.clause.as_str()).collect();
        assert_eq!(found, ["X-001", "X-064", "X-100"]);
    }

    #[test]
    fn a_finding_carries_the_circumstances_of_its_step_each_once_and_in_order() {
        let clause_table = clause_table(&[clause("X-01", Level::Must, Confidence::Recorded)]);
        let mut judgement = StepJudgement::new(&clause_table);
        judgement.deviates(
            &clause_table.indices(&["X-01".into()]),
            Weight::Full,
            &wrong_status(500),
        );
        judgement.circumstances([Condition::Unsigned, Condition::DryRun, Condition::Unsigned]);
        let Judged { findings, .. } = judgement.close("case", 1);
        let circumstances: Vec<_> = findings.iter().flat_map(|f| f.circumstances.clone()).collect();
        assert_eq!(circumstances, [Condition::DryRun, Condition::Unsigned]);
    }
}
