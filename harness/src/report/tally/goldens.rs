//! What the goldens of a run came to, as far as reports tell it.

use serde::Serialize;

/// The comparison of a run with the reviewed answers of its endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Goldens {
    /// The name of the set.
    pub set: String,
    /// Whether what differs was recorded to be reviewed; it then decides nothing.
    pub recorded: bool,
    /// How many are as they were reviewed.
    pub same: usize,
    /// Those that are not.
    pub changed: Vec<ChangedGolden>,
    /// Why they are not.
    pub causes: Vec<GoldenCause>,
    /// Cases without a golden.
    pub new: Vec<String>,
    /// Goldens that belong to no case.
    pub orphans: Vec<String>,
}

/// A golden that is not as it was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedGolden {
    /// The case.
    pub case: String,
    /// What differs, line by line.
    pub diff: String,
}

/// Changes that go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoldenCause {
    /// `newly-violated`, `fixed`, `fixed-and-newly-violated` or `different`.
    pub turn: &'static str,
    /// The clauses that turned; with `different` those that were looked at there.
    pub clauses: Vec<String>,
    /// The cases.
    pub cases: Vec<String>,
    /// In how many steps.
    pub steps: usize,
    /// What differs, line by line.
    pub diff: String,
}

impl Goldens {
    /// Whether a change of them decides the run.
    pub fn decide(&self) -> bool {
        !self.recorded && !self.changed.is_empty()
    }
}
