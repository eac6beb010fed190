//! The findings that a run has reported: a finding that is among them is counted and not reported again.
//!
//! A random search asks it before it pursues a finding, and a merge asks it about what the slices of a run have found
//! apart from each other.

use std::collections::BTreeMap;

use super::{Fingerprint, Recurred};
use crate::verdict::Verdict;

/// How many ways in which one clause fails are reported; further ones are counted with the first.
const FAILURES_SHOWN: usize = 3;
/// The same for warnings, which decide nothing.
const WARNINGS_SHOWN: usize = 1;

/// The reported findings, and in how many generated cases each was seen again.
#[derive(Debug)]
pub struct ReportedFindings {
    /// Whether one finding of a clause is enough.
    once_for_each_clause: bool,
    /// The index in `seen` where each is counted.
    known: BTreeMap<Fingerprint, usize>,
    seen: Vec<Recurred>,
}

impl ReportedFindings {
    /// No findings. Over HTTP each request counts, and to pursue a violation of a clause that is known to be violated
    /// adds nothing: there, one finding of a clause is enough.
    pub fn new(over_http: bool) -> ReportedFindings {
        ReportedFindings {
            once_for_each_clause: over_http,
            known: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// Adds what a case shows.
    pub fn add(&mut self, case: &str, prints: impl IntoIterator<Item = Fingerprint>) {
        for print in prints {
            if self.known.contains_key(&print) {
                continue;
            }
            self.seen.push(Recurred {
                case: case.to_owned(),
                clause: print.clause().clone(),
                scripts: 0,
            });
            self.known.insert(print, self.seen.len() - 1);
        }
    }

    /// Adds a finding that follows from the reported one at this place, and is counted with it.
    pub fn add_at(&mut self, place: usize, print: Fingerprint) {
        self.known.insert(print, place);
    }

    /// Where a finding is counted, if it is reported already, or enough findings of its clause are.
    pub fn place_of(&self, print: &Fingerprint) -> Option<usize> {
        if let Some(place) = self.known.get(print) {
            return Some(*place);
        }
        let akin = || self.known.iter().filter(|(known, _)| known.is_akin(print));
        let covered = akin().find(|(known, _)| print.covers(known));
        if let Some((_, place)) = covered {
            return Some(*place);
        }
        if self.once_for_each_clause {
            let mut known = self.known.iter();
            let is_known =
                |known: &Fingerprint| known.clause() == print.clause() && known.verdict() >= print.verdict();
            return known.find(|(known, _)| is_known(known)).map(|(_, place)| *place);
        }
        let enough = match print.verdict() {
            Verdict::Fail => FAILURES_SHOWN,
            Verdict::Pass | Verdict::Inconclusive | Verdict::Warn => WARNINGS_SHOWN,
        };
        let (_, first) = akin().next()?;
        (akin().count() >= enough).then_some(*first)
    }

    /// The place of exactly this finding.
    pub fn place_of_exactly(&self, print: &Fingerprint) -> Option<usize> {
        self.known.get(print).copied()
    }

    /// What is counted at a place.
    pub fn at(&self, place: usize) -> Option<&Recurred> {
        self.seen.get(place)
    }

    /// Counts generated cases that showed the finding at this place again.
    pub fn count(&mut self, place: usize, scripts: u64) {
        if let Some(seen) = self.seen.get_mut(place) {
            seen.scripts += scripts;
        }
    }

    /// The findings that were seen in generated cases, in the order in which they were reported.
    pub fn recurred(&self) -> impl Iterator<Item = &Recurred> {
        self.seen.iter().filter(|seen| seen.scripts > 0)
    }
}
