//! The status of each clause, from the cases of a run.

use super::*;

/// How many case names a clause status lists.
const NAMES_SHOWN: usize = 5;

#[derive(Debug)]
pub(super) struct Heading {
    pub(super) id: ClauseId,
    pub(super) level: Level,
    pub(super) confidence: Confidence,
    pub(super) holds: bool,
    pub(super) untested: Option<String>,
    /// Whether a check of every answer judges it.
    pub(super) general: bool,
    /// The case whose failure explains that it is violated.
    pub(super) explained_by: Option<String>,
    pub(super) scenarios: Vec<String>,
}

#[derive(Default)]
struct Seen<'a> {
    holding: FirstNames<'a>,
    finding: FirstNames<'a>,
    last_holding: Option<&'a Arc<str>>,
    last_finding: Option<&'a Arc<str>>,
    findings: usize,
    worst: Option<Verdict>,
    unsupported: Option<&'a Obstacle>,
    error: Option<&'a str>,
    judged: bool,
    unfinished: bool,
}

/// The first few names, and the total count.
#[derive(Default)]
struct FirstNames<'a>(Vec<&'a str>, usize);

impl<'a> FirstNames<'a> {
    fn add(&mut self, name: &'a str) {
        self.1 += 1;
        if self.0.len() < NAMES_SHOWN {
            self.0.push(name);
        }
    }

    fn owned(&self) -> Vec<String> {
        self.0.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl Tally {
    /// The status of every clause, in the order of the contract.
    pub fn clause_statuses(&self) -> Vec<ClauseStatus> {
        let mut seen: HashMap<&ClauseId, Seen<'_>> = HashMap::new();
        let known = self.only_known();
        for id in &self.folded.held {
            seen.entry(id).or_default().holding.add("random/…");
        }
        for case in self.cases() {
            for id in self.held_by(case) {
                let seen = seen.entry(id).or_default();
                if seen.last_holding != Some(&case.name) {
                    seen.holding.add(&case.name);
                    seen.last_holding = Some(&case.name);
                }
            }
            for found in &case.findings {
                let seen = seen.entry(&found.clause).or_default();
                seen.findings += 1;
                if seen.last_finding != Some(&case.name) {
                    seen.finding.1 += 1;
                    seen.last_finding = Some(&case.name);
                }
                if found.known.is_some() != known.contains(&found.clause) {
                    continue;
                }
                if seen.worst.is_none_or(|worst| worst < found.verdict) {
                    seen.worst = Some(found.verdict);
                    seen.finding.0.clear();
                }
                if seen.worst == Some(found.verdict)
                    && seen.finding.0.len() < NAMES_SHOWN
                    && seen.finding.0.last() != Some(&case.name.as_ref())
                {
                    seen.finding.0.push(&case.name);
                }
            }
            for id in case.clauses.iter() {
                let seen = seen.entry(id).or_default();
                match &case.outcome {
                    Some(Outcome::Unsupported { obstacle }) => _ = seen.unsupported.get_or_insert(obstacle),
                    Some(Outcome::Error { what }) => _ = seen.error.get_or_insert(what),
                    Some(Outcome::Judged { .. }) => seen.judged = true,
                    None => seen.unfinished = true,
                }
            }
        }
        self.clauses
            .iter()
            .map(|heading| ClauseStatus {
                id: heading.id.clone(),
                level: heading.level,
                confidence: heading.confidence,
                status: heading.status(seen.get(&heading.id), known.contains(&heading.id), self.words),
            })
            .collect()
    }

    /// The clauses that deviate, and only as is known.
    pub(super) fn only_known(&self) -> BTreeSet<&ClauseId> {
        let (known, new): (Vec<_>, Vec<_>) = self
            .findings()
            .map(|(_, found)| found)
            .filter(|found| found.verdict.is_deviation())
            .partition(|found| found.known.is_some());
        let mut clauses: BTreeSet<&ClauseId> = known.iter().map(|found| &found.clause).collect();
        new.iter().for_each(|found| _ = clauses.remove(&found.clause));
        clauses
    }
}

impl Heading {
    fn status(&self, seen: Option<&Seen<'_>>, known: bool, words: &dyn Words) -> Status {
        if let Some(seen) = seen {
            if let Some(verdict) = seen.worst {
                let (by, cases) = (seen.finding.owned(), seen.finding.1);
                return Status::Found {
                    verdict,
                    findings: seen.findings,
                    by,
                    cases,
                    known,
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
            reason: self.unreached(seen, words),
        }
    }

    fn unreached(&self, seen: Option<&Seen<'_>>, words: &dyn Words) -> String {
        if let Some(seen) = seen {
            if let Some(what) = seen.error {
                return format!("an error of ours: {what}");
            }
            if let Some(obstacle) = seen.unsupported {
                return format!("unsupported: {}", words.obstacle(obstacle));
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
