//! The status of each clause, from the cases of a run.

use super::*;

#[derive(Debug)]
pub(super) struct Heading {
    pub(super) id: ClauseId,
    pub(super) level: Level,
    pub(super) confidence: Confidence,
    pub(super) holds: bool,
    pub(super) untested: Option<String>,
    /// Whether a check of every answer judges it.
    pub(super) general: bool,
    pub(super) scenarios: Vec<String>,
}

#[derive(Default)]
pub(super) struct Seen<'a> {
    pub(super) holding: FirstNames<'a>,
    pub(super) finding: FirstNames<'a>,
    pub(super) last_holding: Option<&'a Arc<str>>,
    pub(super) last_finding: Option<&'a Arc<str>>,
    pub(super) findings: usize,
    pub(super) worst: Option<Verdict>,
    pub(super) unsupported: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    pub(super) judged: bool,
    pub(super) unfinished: bool,
}

/// The first few names, and the total count.
#[derive(Default)]
pub(super) struct FirstNames<'a>(pub(super) Vec<&'a str>, pub(super) usize);

impl<'a> FirstNames<'a> {
    pub(super) fn add(&mut self, name: &'a str) {
        self.1 += 1;
        if self.0.len() < NAMES_SHOWN {
            self.0.push(name);
        }
    }

    fn owned(&self) -> Vec<String> {
        self.0.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl Heading {
    pub(super) fn status(&self, seen: Option<&Seen<'_>>) -> Status {
        if let Some(seen) = seen {
            if let Some(verdict) = seen.worst {
                let (by, cases) = (seen.finding.owned(), seen.finding.1);
                return Status::Found {
                    verdict,
                    findings: seen.findings,
                    by,
                    cases,
                };
            }
            if seen.holding.1 > 0 {
                return Status::Held {
                    by: seen.holding.owned(),
                    cases: seen.holding.1,
                };
            }
        }
        if !self.holds {
            return Status::NotInEdition;
        }
        if let Some(reason) = &self.untested {
            return Status::Untested {
                reason: reason.clone(),
            };
        }
        Status::Unreached {
            reason: self.unreached(seen),
        }
    }

    fn unreached(&self, seen: Option<&Seen<'_>>) -> String {
        if let Some(seen) = seen {
            if let Some(what) = seen.error {
                return format!("an error of ours: {what}");
            }
            if let Some(reason) = seen.unsupported {
                return format!("unsupported: {reason}");
            }
            if seen.unfinished {
                return "its case did not end".to_owned();
            }
            if seen.judged {
                return "its cases were judged without coming to it".to_owned();
            }
        }
        match self.scenarios.as_slice() {
            [] => "no case of the run came to it".to_owned(),
            [case] => format!("left out: {case}"),
            [case, more @ ..] => format!("left out: {case} (+{} more)", more.len()),
        }
    }
}
