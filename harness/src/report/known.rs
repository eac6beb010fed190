//! Known deviations: what is accepted of an endpoint for now, each with its reason (`--known FILE`).
//!
//! [`load`] reads files and reports all mistakes at once. A [`KnownDeviations`] in hand is checked: each entry names a
//! clause or cases that exist and has a reason. The tally marks the findings that an entry covers
//! ([`Tally::set_known`](super::Tally::set_known)); from then on they decide nothing and are counted separately.
//!
//! An entry covers findings one by one, never a whole case or run because of another finding in it:
//!
//! | entry | covers |
//! |---|---|
//! | `clause = "ERR-09"` | the deviations of this clause, in any case |
//! | `case = "stop/*"` | the deviations in these cases, of any clause |
//! | `cause = "ERR-09"` | the deviations of this clause, and those of other clauses that only follow from it |
//!
//! A deviation is a failure or a warning. What could not be decided is never known, and decides nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::contract::{ClauseId, Contract};
use crate::journal::{Finding, Phase};
use crate::plan::{coverage, matches, wire};
use crate::verdict::Verdict;

mod file;
mod manual;
mod packs;

pub use file::{KnownFile, KnownMistake, KnownUpdate, MissingReasons, NewKnown, load, update};
pub use manual::explain;
pub use packs::{KnownPack, PACKS, pack};

/// The entries of all files that apply to the endpoint.
#[derive(Debug, Clone, Default)]
pub struct KnownDeviations {
    entries: Vec<KnownEntry>,
    /// The clauses of the contract that fail a run by default.
    deciding: BTreeSet<ClauseId>,
}

/// The known deviations on one day, for what must know them while a run goes on.
#[derive(Debug, Clone, Default)]
pub struct KnownOn {
    known: Arc<KnownDeviations>,
    today: Arc<str>,
}

/// One known deviation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEntry {
    /// What it covers.
    pub target: KnownTarget,
    /// Whether it covers warnings only, so that a failure of the same clause is new.
    pub warnings_only: bool,
    /// The phase whose cases show the deviation. They must have been played before the entry can be outdated.
    pub phase: Phase,
    /// Why the deviation is accepted.
    pub reason: String,
    /// Where more is written about it.
    pub link: Option<String>,
    /// The last day on which it is accepted, as `2027-01-31`.
    pub expires: Option<String>,
    /// The versions of the endpoint that it applies to, with `*` for any text; empty for all.
    pub versions: Vec<String>,
    /// The name of its file, as given by the user.
    pub file: Arc<str>,
    /// The line of its header, from 1.
    pub line: usize,
    /// Its position among the entries of its file.
    pub position: usize,
}

/// What an entry covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KnownTarget {
    /// Every deviation of a clause.
    Clause(ClauseId),
    /// Every deviation in the cases whose name matches.
    Case(String),
    /// Every deviation of a clause, and what only follows from it.
    Cause(ClauseId),
}

/// What of a finding an entry is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Deviation<'a> {
    /// The case.
    pub case: &'a str,
    /// The clause.
    pub clause: &'a ClauseId,
    /// The verdict.
    pub verdict: Verdict,
    /// The clause to blame, if the finding follows from another one.
    pub cause: Option<&'a ClauseId>,
}

impl KnownDeviations {
    /// The entries, in the order of the files.
    pub fn entries(&self) -> &[KnownEntry] {
        &self.entries
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether an entry covers a deviation, whether it has expired or not.
    pub fn covers(&self, entry: &KnownEntry, deviation: Deviation<'_>) -> bool {
        let is_named = match &entry.target {
            KnownTarget::Clause(clause) => clause == deviation.clause,
            KnownTarget::Case(pattern) => matches(pattern, deviation.case),
            KnownTarget::Cause(clause) => clause == deviation.clause || Some(clause) == deviation.cause,
        };
        is_named
            && match deviation.verdict {
                Verdict::Warn => true,
                // A clause that fails only because of --min-confidence would otherwise warn.
                Verdict::Fail => !entry.warnings_only || !self.deciding.contains(deviation.clause),
                Verdict::Pass | Verdict::Inconclusive => false,
            }
    }

    /// The position of the first entry that covers a deviation and has not expired on this day.
    pub fn find(&self, deviation: Deviation<'_>, today: &str) -> Option<usize> {
        let mut entries = self.entries.iter();
        entries.position(|entry| !entry.is_expired(today) && self.covers(entry, deviation))
    }
}

impl KnownOn {
    /// The known deviations on this day.
    pub fn new(known: KnownDeviations, today: &str) -> Self {
        KnownOn {
            known: Arc::new(known),
            today: today.into(),
        }
    }

    /// Whether a finding is known. What only follows from a cause is not: the cause may be found later.
    pub fn knows(&self, finding: &Finding) -> bool {
        let deviation = Deviation {
            case: &finding.case,
            clause: &finding.clause,
            verdict: finding.verdict,
            cause: None,
        };
        self.known.find(deviation, &self.today).is_some()
    }
}

impl KnownEntry {
    /// Whether its last day is over. Days are in UTC.
    pub fn is_expired(&self, today: &str) -> bool {
        // Dates in this form sort as texts do.
        self.expires.as_deref().is_some_and(|last| last < today)
    }

    /// The entry as it is written in a file, without its comments.
    pub fn to_toml(&self) -> String {
        file::written(self)
    }
}

impl KnownTarget {
    /// The key in a file.
    pub fn key(&self) -> &'static str {
        match self {
            KnownTarget::Clause(_) => "clause",
            KnownTarget::Case(_) => "case",
            KnownTarget::Cause(_) => "cause",
        }
    }

    /// The value of the key.
    pub fn value(&self) -> &str {
        match self {
            KnownTarget::Clause(clause) | KnownTarget::Cause(clause) => clause.as_str(),
            KnownTarget::Case(pattern) => pattern,
        }
    }

    /// The clause, unless it names cases.
    pub fn clause(&self) -> Option<&ClauseId> {
        match self {
            KnownTarget::Clause(clause) | KnownTarget::Cause(clause) => Some(clause),
            KnownTarget::Case(_) => None,
        }
    }
}

impl fmt::Display for KnownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KnownTarget::Clause(clause) => clause.fmt(f),
            KnownTarget::Case(pattern) => write!(f, "case {pattern}"),
            KnownTarget::Cause(clause) => write!(f, "cause {clause}"),
        }
    }
}

/// The names of the cases of a phase, each with the clauses that it lists. Empty for cases that come from a seed: how
/// many there are depends on the run.
pub(super) fn cases_of(phase: Phase, contract: &Contract) -> Vec<(String, Vec<ClauseId>)> {
    match phase {
        Phase::Scenarios => {
            let cases = contract.scenarios.iter();
            cases
                .map(|case| (case.name.clone(), case.clauses.clone()))
                .collect()
        }
        Phase::Coverage => {
            let cases = coverage::cases(contract, coverage::LEAST).into_iter();
            cases.map(|case| (case.name, case.clauses)).collect()
        }
        Phase::Wire => {
            let cases = wire::CASES.iter();
            cases
                .map(|case| {
                    let clauses = case.clauses(contract).map(|clause| clause.id.clone());
                    (case.name.to_owned(), clauses.collect())
                })
                .collect()
        }
        Phase::Concurrent | Phase::Random | Phase::Replay | Phase::Traffic => Vec::new(),
    }
}
