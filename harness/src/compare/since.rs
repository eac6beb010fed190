//! Two runs of one endpoint: what changed between them.

use std::collections::BTreeSet;

use super::account::{Account, ComparedOutcome, Told};
use crate::contract::ClauseId;
use crate::verdict::Verdict;

/// What changed since earlier runs.
#[derive(Debug)]
pub struct Since {
    /// The names of the older runs.
    pub before: Vec<String>,
    /// The name of the newer run.
    pub now: String,
    /// One entry for each case and clause with a finding in any run, if the case was judged on both sides.
    pub moved: Vec<FindingChange>,
    /// Cases that only one side has; `true` if that is the newer side.
    pub unmatched: Vec<(String, bool)>,
    /// Cases that were not judged on both sides: how they ended, and whether that was on the newer side.
    pub unjudged: Vec<(String, ComparedOutcome, bool)>,
}

/// The movement of one finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingChange {
    /// How it moved.
    pub turn: FindingMovement,
    /// The case.
    pub case: String,
    /// The clause.
    pub clause: ClauseId,
    /// The worse of its verdicts before and now.
    pub verdict: Verdict,
}

/// How a finding moved, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingMovement {
    /// It is new, or worse than in the last earlier run, in which the case was judged.
    Broken,
    /// It is gone, or less severe than in the last earlier run.
    Fixed,
    /// It comes and goes: a run marks it as flaky, or the older runs disagree.
    Flaky,
    /// It has not changed.
    Same,
}

impl FindingMovement {
    /// The word that reports use.
    pub fn word(self) -> &'static str {
        match self {
            FindingMovement::Broken => "broken",
            FindingMovement::Fixed => "fixed",
            FindingMovement::Flaky => "flaky",
            FindingMovement::Same => "same",
        }
    }
}

impl Since {
    /// Compares a run with the last of the earlier ones; the others show which findings are flaky.
    pub fn of(before: &[Account], now: &Account) -> Since {
        let mut since = Since {
            before: before.iter().map(|account| account.name.clone()).collect(),
            now: now.name.clone(),
            moved: Vec::new(),
            unmatched: Vec::new(),
            unjudged: Vec::new(),
        };
        let Some(last) = before.last() else { return since };
        let names: BTreeSet<&String> = last.cases.keys().chain(now.cases.keys()).collect();
        for name in names {
            let (old, new) = match (last.cases.get(name), now.cases.get(name)) {
                (Some(old), Some(new)) => (old, new),
                (None, _) => {
                    since.unmatched.push((name.clone(), true));
                    continue;
                }
                (_, None) => {
                    since.unmatched.push((name.clone(), false));
                    continue;
                }
            };
            let ended = [(new, true), (old, false)];
            let mut unjudged = ended
                .into_iter()
                .filter(|(told, _)| told.outcome != ComparedOutcome::Judged);
            if let Some((told, newer)) = unjudged.next() {
                since.unjudged.push((name.clone(), told.outcome.clone(), newer));
                continue;
            }
            let older: Vec<&Told> = before
                .iter()
                .filter_map(|account| account.cases.get(name))
                .filter(|told| told.outcome == ComparedOutcome::Judged)
                .collect();
            since.case(name, &older, old, new);
        }
        since.moved.sort();
        since
    }

    fn case(&mut self, name: &str, older: &[&Told], old: &Told, new: &Told) {
        let clauses: BTreeSet<&ClauseId> = older
            .iter()
            .chain([&new])
            .flat_map(|told| told.findings.keys())
            .collect();
        for clause in clauses {
            let was = |told: &&Told| told.findings.get(clause).copied();
            let mut verdicts = older.iter().map(was);
            let first = verdicts.next().flatten();
            let wavers = verdicts.any(|verdict| verdict != first);
            let says_so = older.iter().chain([&new]).any(|told| told.flaky.contains(clause));
            let (before, after) = (was(&old), was(&new));
            let turn = if wavers || says_so {
                FindingMovement::Flaky
            } else {
                match before.cmp(&after) {
                    std::cmp::Ordering::Less => FindingMovement::Broken,
                    std::cmp::Ordering::Greater => FindingMovement::Fixed,
                    std::cmp::Ordering::Equal => FindingMovement::Same,
                }
            };
            let seen = older.iter().chain([&new]).filter_map(was);
            self.moved.push(FindingChange {
                turn,
                case: name.to_owned(),
                clause: clause.clone(),
                // A fixed finding is listed with the verdict it had.
                verdict: after.max(before).or(seen.max()).unwrap_or(Verdict::Pass),
            });
        }
    }

    /// The findings that moved in this way.
    pub fn of_turn(&self, turn: FindingMovement) -> impl Iterator<Item = &FindingChange> {
        self.moved.iter().filter(move |moved| moved.turn == turn)
    }

    /// Whether any deciding finding is [`FindingMovement::Broken`].
    pub fn is_worse(&self) -> bool {
        self.of_turn(FindingMovement::Broken)
            .any(|moved| moved.verdict == Verdict::Fail)
    }
}
