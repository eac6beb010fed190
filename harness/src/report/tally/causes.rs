//! Causes: one wrong answer may violate many clauses, so few steps show them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Key, Tally};
use crate::contract::ClauseId;
use crate::verdict::Verdict;

/// A step that shows violations, and what it shows that no earlier one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevealingStep {
    /// The case.
    pub case: Arc<str>,
    /// The step.
    pub step: usize,
    /// The clauses that it violates and that no cause before it does, sorted.
    pub clauses: Vec<ClauseId>,
}

impl Tally {
    /// Few steps that together show every violated clause. The first shows the most of them, the next the most of
    /// the rest, and so on; of equals the first of the plan is taken.
    pub fn causes(&self, decides: impl Fn(Verdict) -> bool) -> Vec<RevealingStep> {
        let mut steps: BTreeMap<(&Key, usize), BTreeSet<&ClauseId>> = BTreeMap::new();
        for (key, case) in &self.cases {
            for found in case.findings.iter().filter(|found| decides(found.verdict)) {
                steps.entry((key, found.step)).or_default().insert(&found.clause);
            }
        }
        let mut causes = Vec::new();
        loop {
            // The last of equals is taken by `max_by_key`, hence the reversal.
            let next = steps
                .iter()
                .rev()
                .max_by_key(|(_, clauses)| clauses.len())
                .filter(|(_, clauses)| !clauses.is_empty())
                .map(|(place, clauses)| (*place, clauses.clone()));
            let Some(((key, step), clauses)) = next else {
                return causes;
            };
            for rest in steps.values_mut() {
                rest.retain(|clause| !clauses.contains(clause));
            }
            causes.push(RevealingStep {
                case: Arc::clone(&key.1),
                step,
                clauses: clauses.into_iter().cloned().collect(),
            });
        }
    }
}
