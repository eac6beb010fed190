//! Causes: a few steps that show all violations, since one wrong answer may violate many clauses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Key, Tally};
use crate::contract::ClauseId;
use crate::verdict::Verdict;

/// A step that violates clauses, with the clauses that no earlier cause violates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevealingStep {
    /// The case.
    pub case: Arc<str>,
    /// The step.
    pub step: usize,
    /// The clauses that this step violates and no earlier cause does, sorted.
    pub clauses: Vec<ClauseId>,
}

impl Tally {
    /// A few steps that together violate every violated clause. The first violates the most clauses, the next the most
    /// of the remaining ones, and so on; of equals, the first in the plan is chosen.
    pub fn causes(&self, decides: impl Fn(Verdict) -> bool) -> Vec<RevealingStep> {
        let mut steps: BTreeMap<(&Key, usize), BTreeSet<&ClauseId>> = BTreeMap::new();
        for (key, case) in &self.cases {
            for found in case.findings.iter().filter(|found| decides(found.verdict)) {
                steps.entry((key, found.step)).or_default().insert(&found.clause);
            }
        }
        let mut causes = Vec::new();
        loop {
            // `max_by_key` returns the last of equals, hence `rev`.
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
