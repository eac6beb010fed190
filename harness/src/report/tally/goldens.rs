//! The result of comparing the goldens of a run, in the form that reports show.

use serde::Serialize;

/// The comparison of a run with the goldens of its endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Goldens {
    /// The name of the set.
    pub set: String,
    /// Whether the differences were recorded for review; they then decide nothing.
    pub recorded: bool,
    /// How many goldens are unchanged.
    pub same: usize,
    /// The goldens that changed.
    pub changed: Vec<ChangedGolden>,
    /// The causes of the changes.
    pub causes: Vec<GoldenCause>,
    /// Cases without a golden.
    pub new: Vec<String>,
    /// Goldens without a case.
    pub orphans: Vec<String>,
}

/// A golden that differs from its reviewed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangedGolden {
    /// The case.
    pub case: String,
    /// The differences, line by line.
    pub diff: String,
}

/// Changes that have the same cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GoldenCause {
    /// `newly-violated`, `fixed`, `fixed-and-newly-violated` or `different`.
    #[cfg_attr(test, schemars(extend("enum" = ["newly-violated", "fixed", "fixed-and-newly-violated", "different"])))]
    pub turn: &'static str,
    /// The clauses whose verdict changed; for `different`, the clauses that were judged there.
    pub clauses: Vec<String>,
    /// The cases.
    pub cases: Vec<String>,
    /// How many steps changed.
    pub steps: usize,
    /// The differences, line by line.
    pub diff: String,
}

impl Goldens {
    /// Whether the changes fail the run.
    pub fn decide(&self) -> bool {
        !self.recorded && !self.changed.is_empty()
    }
}
