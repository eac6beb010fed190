//! The results of a run: verdicts about the endpoint, and outcomes of cases.
//!
//! A verdict is about the endpoint. `Unsupported` (the endpoint lacks what a case needs) and `Error` (something failed
//! on our side) are counted separately and never mixed with verdicts.

use serde::{Deserialize, Serialize};

/// A verdict about the endpoint, ordered from best to worst; the worst of several wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything observed is allowed.
    Pass,
    /// A deviation that does not decide the run, because the clause is a SHOULD or inferred, or the answer is one of an
    /// accepted set.
    Warn,
    /// Undecidable; the finding says why.
    Inconclusive,
    /// A deviation from a MUST that is documented or recorded.
    Fail,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "outcome")]
pub enum Outcome {
    /// The case was played and judged.
    Judged {
        /// The worst verdict of its steps.
        verdict: Verdict,
    },
    /// The endpoint lacks what the case needs; nothing is concluded.
    Unsupported {
        /// What is missing, and how that was detected.
        reason: String,
    },
    /// The harness failed: transport, request budget, or a bug of ours; nothing is concluded.
    Error {
        /// What failed, and what to do.
        what: String,
    },
}

impl Verdict {
    /// Returns the word for the terminal report, `PASS` to `FAIL`.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "PASS",
            Verdict::Warn => "WARN",
            Verdict::Inconclusive => "INCONCLUSIVE",
            Verdict::Fail => "FAIL",
        }
    }

    /// Returns the lower-case name for machine-readable reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Fail => "fail",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_only_worsen() {
        let order = [Verdict::Pass, Verdict::Warn, Verdict::Inconclusive, Verdict::Fail];
        assert!(order.is_sorted());
        assert_eq!(Verdict::Warn.max(Verdict::Pass), Verdict::Warn);
    }
}
