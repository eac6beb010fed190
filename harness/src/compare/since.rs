//! Two runs of one endpoint: what moved between them.

use std::collections::BTreeSet;

use super::account::{Account, ComparedOutcome, Told};
use crate::contract::ClauseId;
use crate::verdict::Verdict;

/// What moved since earlier runs.
#[derive(Debug)]
pub struct Since {
    /// What the older runs are called.
    pub before: Vec<String>,
    /// What the newer run is called.
    pub now: String,
    /// Every finding of any of them, by case and clause.
    pub moved: Vec<FindingChange>,
    /// Cases that only one side has, with the side that has them: the newer one if true.
    pub unmatched: Vec<(String, bool)>,
    /// Cases that were judged on one side and not on the other, with the reason.
    pub unjudged: Vec<(String, String)>,
}

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingChange {
    /// How it moved.
    pub turn: FindingMovement,
    /// The case.
    pub case: String,
    /// The clause.
    pub clause: ClauseId,
    /// How bad it is, or was.
    pub verdict: Verdict,
}

/// How a finding moved. The order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingMovement {
    /// It is there now, and was not in the last run before, in which the case was judged.
    Broken,
    /// It was in the last run before, and is not any more.
    Fixed,
    /// It comes and goes: a run says so itself, or the older runs do not agree.
    Flaky,
    /// It is there as it was.
    Same,
}

impl FindingMovement {
    /// The word of reports.
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
    /// Compares a run with earlier ones, the last of which is the one that it is held against.
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
            if let Some(why) = why_not(old, new) {
                since.unjudged.push((name.clone(), why));
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
                // What is fixed is as bad as it was.
                verdict: after.max(before).or(seen.max()).unwrap_or(Verdict::Pass),
            });
        }
    }

    /// What moved so.
    pub fn of_turn(&self, turn: FindingMovement) -> impl Iterator<Item = &FindingChange> {
        self.moved.iter().filter(move |moved| moved.turn == turn)
    }

    /// Whether something that decides a run is broken.
    pub fn is_worse(&self) -> bool {
        self.of_turn(FindingMovement::Broken)
            .any(|moved| moved.verdict == Verdict::Fail)
    }
}

/// Why two runs of a case say nothing of each other.
fn why_not(old: &Told, new: &Told) -> Option<String> {
    match (&old.outcome, &new.outcome) {
        (ComparedOutcome::Judged, ComparedOutcome::Judged) => None,
        (_, ComparedOutcome::Unsupported(why)) => Some(format!("unsupported now: {why}")),
        (_, ComparedOutcome::Error(why)) => Some(format!("not finished now: {why}")),
        (ComparedOutcome::Unsupported(why), ComparedOutcome::Judged) => {
            Some(format!("unsupported before: {why}"))
        }
        (ComparedOutcome::Error(why), ComparedOutcome::Judged) => Some(format!("not finished before: {why}")),
    }
}
