//! Verdicts about the endpoint.
//!
//! Cases that are unsupported or ended with an error of ours have none: see [`Outcome`](crate::journal::Outcome).

use serde::{Deserialize, Serialize};

/// A verdict about the endpoint, ordered from best to worst; the worst of several wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

    /// Whether it is about a deviation, for certain or as a warning.
    pub fn is_deviation(self) -> bool {
        match self {
            Verdict::Fail | Verdict::Warn => true,
            Verdict::Pass | Verdict::Inconclusive => false,
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
