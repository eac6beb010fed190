//! Puts the journals of the slices of a run together.
//!
//! The heads and ends of all journals come in first: [`Merge::of`] gives the head and the end of the whole run, or
//! everything that keeps the journals from being one. Then [`SliceFindings`] sees all judged events once, and
//! [`SliceFindings::finish`] knows which findings several slices have reported, so that [`MergedEvents`] can give the
//! events of the whole run, in which each is reported once. No file is opened here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Event, Fingerprint, Phase, Recurred, ReportedFindings, RunEnded, RunStarted, Slice};
use crate::contract::ClauseId;

/// What a merge must know of a journal before it reads its cases.
#[derive(Debug, Clone, Default)]
pub struct SliceJournal {
    /// Its name in messages.
    pub name: String,
    /// The starts of runs in it; a journal of a slice has one.
    pub heads: Vec<RunStarted>,
    /// The end of the run; `None` if the run was killed.
    pub end: Option<RunEnded>,
}

/// Why journals are not one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeProblem {
    /// A journal without events.
    Empty {
        /// The journal.
        name: String,
    },
    /// A journal of a run that was not divided.
    NotASlice {
        /// The journal.
        name: String,
    },
    /// A file with several runs.
    SeveralRuns {
        /// The journal.
        name: String,
    },
    /// A run without an end.
    Killed {
        /// The journal.
        name: String,
        /// Its slice.
        slice: Slice,
    },
    /// A run that was interrupted.
    Interrupted {
        /// The journal.
        name: String,
        /// Its slice.
        slice: Slice,
    },
    /// A slice of another run.
    Foreign {
        /// The journal.
        name: String,
        /// What differs.
        what: String,
        /// Its value there.
        value: String,
        /// Its value in most journals.
        expected: String,
    },
    /// A slice that several journals have.
    Doubled {
        /// The slice.
        slice: Slice,
        /// The journals.
        names: Vec<String>,
    },
    /// Slices that no journal has.
    Missing {
        /// The slices.
        slices: Vec<Slice>,
    },
}

/// How many missing slices are named.
const MISSING_NAMED: usize = 20;

impl fmt::Display for MergeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MergeProblem::Empty { name } => {
                write!(f, "{name} is empty: its run did not begin; run its slice again")
            }
            MergeProblem::NotASlice { name } => {
                write!(f, "{name} is not a slice: it was recorded without --partition")
            }
            MergeProblem::SeveralRuns { name } => write!(f, "{name} has more than one run"),
            MergeProblem::Killed { name, slice } => {
                write!(
                    f,
                    "{name} (slice {slice}) has no end: the run was killed; run this slice again"
                )
            }
            MergeProblem::Interrupted { name, slice } => {
                write!(f, "{name} (slice {slice}) was interrupted; run this slice again")
            }
            MergeProblem::Foreign {
                name,
                what,
                value,
                expected,
            } => write!(
                f,
                "{name} is of another run: its {} is {}, that of the others is {}",
                // A journal may hold anything, and this goes to a terminal.
                what.escape_debug(),
                value.escape_debug(),
                expected.escape_debug()
            ),
            MergeProblem::Doubled { slice, names } => {
                write!(
                    f,
                    "slice {slice} is there {} times: {}",
                    names.len(),
                    names.join(", ")
                )
            }
            MergeProblem::Missing { slices } => {
                let named: Vec<String> = slices.iter().take(MISSING_NAMED).map(Slice::to_string).collect();
                let (noun, verb) = if slices.len() == 1 {
                    ("slice", "is")
                } else {
                    ("slices", "are")
                };
                let more = match slices.len().saturating_sub(MISSING_NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                write!(f, "{noun} {}{more} {verb} missing", named.join(", "))
            }
        }
    }
}

/// A run whose slices are all there.
#[derive(Debug, Clone)]
pub struct Merge {
    head: RunStarted,
    end: RunEnded,
    order: Vec<usize>,
}

/// A journal of a slice, with what all slices of a run have in common.
struct Candidate<'a> {
    at: usize,
    name: &'a str,
    head: &'a RunStarted,
    slice: Slice,
    common: Vec<(String, String)>,
}

impl Merge {
    /// The run that these journals are the slices of, or every reason why they are not one.
    pub fn of(journals: &[SliceJournal]) -> Result<Merge, Vec<MergeProblem>> {
        let mut problems = Vec::new();
        let mut candidates = Vec::new();
        for (at, journal) in journals.iter().enumerate() {
            match candidate(at, journal) {
                Ok(candidate) => candidates.push(candidate),
                Err(problem) => problems.push(problem),
            }
        }
        let Some(common) = most_common(&candidates) else {
            return Err(problems);
        };
        let (own, foreign): (Vec<Candidate<'_>>, Vec<_>) =
            candidates.into_iter().partition(|one| one.common == common);
        problems.extend(foreign.iter().map(|one| difference(one, &common)));
        let mut slices: BTreeMap<Slice, Vec<&Candidate<'_>>> = BTreeMap::new();
        for one in &own {
            slices.entry(one.slice).or_default().push(one);
        }
        let of = own.first().map_or(1, |one| one.slice.of());
        for (slice, several) in slices.iter().filter(|(_, several)| several.len() > 1) {
            problems.push(MergeProblem::Doubled {
                slice: *slice,
                names: several.iter().map(|one| one.name.to_owned()).collect(),
            });
        }
        let missing: Vec<Slice> = (1..=of)
            .filter_map(|number| Slice::new(number, of))
            .filter(|slice| !slices.contains_key(slice))
            .collect();
        if !missing.is_empty() {
            problems.push(MergeProblem::Missing { slices: missing });
        }
        // Whether a run has ended is known of foreign ones as well, but concerns nobody.
        let mut ends = Vec::new();
        for one in &own {
            let (name, slice) = (one.name.to_owned(), one.slice);
            match journals.get(one.at).and_then(|journal| journal.end.as_ref()) {
                None => problems.push(MergeProblem::Killed { name, slice }),
                Some(end) if end.interrupted => problems.push(MergeProblem::Interrupted { name, slice }),
                Some(end) => ends.push(end),
            }
        }
        let in_order: Vec<&Candidate<'_>> = slices.values().flatten().copied().collect();
        match in_order.first() {
            Some(first) if problems.is_empty() => Ok(Merge {
                head: head_of(first.head, &in_order),
                end: RunEnded {
                    at_ms: ends.iter().map(|end| end.at_ms).max().unwrap_or_default(),
                    interrupted: false,
                    cut_short: ends.iter().find_map(|end| end.cut_short),
                    // Each slice has an endpoint of its own.
                    most_instances: ends.iter().filter_map(|end| end.most_instances).max(),
                },
                order: in_order.iter().map(|one| one.at).collect(),
            }),
            Some(_) | None => Err(problems),
        }
    }

    /// The start of the whole run.
    pub fn head(&self) -> &RunStarted {
        &self.head
    }

    /// The journals in the order of their slices, as indices of what was given.
    pub fn order(&self) -> &[usize] {
        &self.order
    }
}

fn candidate(at: usize, journal: &SliceJournal) -> Result<Candidate<'_>, MergeProblem> {
    let name = journal.name.clone();
    let head = match journal.heads.as_slice() {
        [] => return Err(MergeProblem::Empty { name }),
        // A run that was resumed starts several times.
        [head, rest @ ..] if rest.iter().all(|one| one.continues(head)) => head,
        [_, ..] => return Err(MergeProblem::SeveralRuns { name }),
    };
    let Some(partition) = &head.partition else {
        return Err(MergeProblem::NotASlice { name });
    };
    Ok(Candidate {
        at,
        name: &journal.name,
        head,
        slice: partition.slice,
        common: head.common_settings().unwrap_or_default(),
    })
}

/// What most journals have in common; of equals, the first.
fn most_common(candidates: &[Candidate<'_>]) -> Option<Vec<(String, String)>> {
    let count = |common: &[(String, String)]| candidates.iter().filter(|one| one.common == common).count();
    let mut best: Option<&Candidate<'_>> = None;
    for one in candidates {
        if best.is_none_or(|best| count(&one.common) > count(&best.common)) {
            best = Some(one);
        }
    }
    best.map(|best| best.common.clone())
}

/// The first setting in which a slice differs from the others.
fn difference(foreign: &Candidate<'_>, expected: &[(String, String)]) -> MergeProblem {
    let value_in = |settings: &[(String, String)], what: &str| {
        let found = settings.iter().find(|(known, _)| known == what);
        found.map_or_else(|| "not set".to_owned(), |(_, value)| value.clone())
    };
    let names = foreign
        .common
        .iter()
        .chain(expected)
        .map(|(what, _)| what.as_str());
    let mut values = names.map(|what| (what, value_in(&foreign.common, what), value_in(expected, what)));
    let (what, value, expected) = values
        .find(|(_, value, expected)| value != expected)
        .unwrap_or_default();
    MergeProblem::Foreign {
        name: foreign.name.to_owned(),
        what: what.to_owned(),
        value,
        expected,
    }
}

fn head_of(first: &RunStarted, slices: &[&Candidate<'_>]) -> RunStarted {
    let mut phases: BTreeMap<Phase, usize> = BTreeMap::new();
    for (phase, count) in slices.iter().flat_map(|one| &one.head.phases) {
        *phases.entry(*phase).or_default() += count;
    }
    RunStarted {
        cases: slices.iter().map(|one| one.head.cases).sum(),
        phases,
        partition: None,
        // Every slice has one of its own.
        run_id: None,
        at_ms: slices.iter().map(|one| one.head.at_ms).min().unwrap_or_default(),
        ..first.clone()
    }
}

/// A case of a slice, and how what it shows deviates.
#[derive(Debug)]
struct FoundCase {
    /// Its position in the plan, or the number of the script that it was made from.
    number: u64,
    case: String,
    prints: Vec<Fingerprint>,
}

/// A case that has begun and not ended.
#[derive(Debug)]
struct OpenCase {
    phase: Phase,
    draft: bool,
    index: usize,
    prints: Vec<Fingerprint>,
}

/// What all slices found, apart from each other. Sees every judged event of every slice.
#[derive(Debug, Default)]
pub struct SliceFindings {
    open: BTreeMap<String, OpenCase>,
    planned: Vec<FoundCase>,
    random: Vec<FoundCase>,
    /// Findings that did not recur every time, which decide nothing.
    flaky: BTreeSet<(String, Fingerprint)>,
    recurred: BTreeMap<(String, ClauseId), u64>,
}

impl SliceFindings {
    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::CaseStarted(started) => {
                let open = OpenCase {
                    phase: started.phase,
                    draft: started.draft,
                    index: started.index,
                    prints: Vec::new(),
                };
                self.open.insert(started.case.clone(), open);
            }
            Event::Judged(judged) => {
                if let Some(open) = self.open.get_mut(&judged.case) {
                    let deviating = judged.findings.iter().filter(|one| one.verdict.is_deviation());
                    open.prints.extend(deviating.map(Fingerprint::of));
                }
            }
            Event::CaseEnded(ended) => {
                if let Some(open) = self.open.remove(&ended.case)
                    && !open.draft
                    && !open.prints.is_empty()
                {
                    self.add(ended.case.clone(), open);
                }
            }
            Event::Flaky(flaky) => {
                self.flaky.insert((flaky.case.clone(), flaky.fingerprint.clone()));
            }
            Event::Recurred(seen) => {
                let key = (seen.case.clone(), seen.clause.clone());
                self.recurred.insert(key, seen.scripts);
            }
            Event::RunStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Reproduced(_)
            | Event::RunEnded(_) => {}
        }
    }

    fn add(&mut self, case: String, open: OpenCase) {
        let (found, number) = match open.phase {
            // `random/12/err-09` reports what script 12 found.
            Phase::Random => {
                let script = case.split('/').nth(1).and_then(|number| number.parse().ok());
                (&mut self.random, script.unwrap_or(u64::MAX))
            }
            // What random scripts find is never what raw bytes have shown.
            Phase::Wire | Phase::Traffic => return,
            Phase::Scenarios | Phase::Coverage | Phase::Concurrent | Phase::Replay => {
                (&mut self.planned, u64::try_from(open.index).unwrap_or(u64::MAX))
            }
        };
        let prints = open.prints;
        found.push(FoundCase { number, case, prints });
    }

    /// The events of the whole run can be given now. Scripts are taken in the order of their numbers, as one run plays
    /// them, so that the result does not depend on the slices.
    pub fn finish(mut self, merge: &Merge) -> MergedEvents {
        let mut reported = ReportedFindings::new(merge.head.endpoint != "reference");
        self.planned.sort_by_key(|one| one.number);
        for one in self.planned {
            reported.add(&one.case, one.prints);
        }
        let mut seen = self.recurred;
        let mut known = BTreeSet::new();
        self.random.sort_by_key(|one| one.number);
        for mut one in self.random {
            one.prints
                .retain(|print| !self.flaky.contains(&(one.case.clone(), print.clone())));
            let places: Option<Vec<usize>> =
                one.prints.iter().map(|print| reported.place_of(print)).collect();
            let Some(places) = places.filter(|places| !places.is_empty()) else {
                reported.add(&one.case, one.prints);
                continue;
            };
            // Each clause once: a case may show it in several steps.
            let first: BTreeMap<&ClauseId, usize> = one
                .prints
                .iter()
                .map(Fingerprint::clause)
                .zip(places)
                .rev()
                .collect();
            for (clause, place) in first {
                let scripts = seen.remove(&(one.case.clone(), clause.clone()));
                if let (Some(scripts), Some(counted)) = (scripts, reported.at(place)) {
                    let key = (counted.case.clone(), counted.clause.clone());
                    *seen.entry(key).or_default() += scripts;
                }
            }
            known.insert(one.case);
        }
        seen.retain(|(case, _), _| !known.contains(case));
        MergedEvents {
            end: merge.end.clone(),
            seen,
            known,
            notes: BTreeSet::new(),
        }
    }
}

/// Turns the events of slices into those of one run.
#[derive(Debug)]
pub struct MergedEvents {
    end: RunEnded,
    /// In how many generated cases findings were seen in all slices.
    seen: BTreeMap<(String, ClauseId), u64>,
    /// Cases of random scripts whose findings another slice has reported.
    known: BTreeSet<String>,
    /// The notes about the whole run that were given.
    notes: BTreeSet<String>,
}

impl MergedEvents {
    /// An event of the whole run; `None` for what it has only once.
    pub fn next(&mut self, mut event: Event) -> Option<Event> {
        match &mut event {
            Event::RunStarted(_) | Event::RunEnded(_) | Event::Recurred(_) => return None,
            Event::CaseStarted(started) => started.draft |= self.known.contains(&started.case),
            Event::Flaky(flaky) if self.known.contains(&flaky.case) => return None,
            Event::Noted(note) if note.case.is_empty() && !self.notes.insert(note.text.clone()) => {
                return None;
            }
            Event::Flaky(_)
            | Event::Noted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Judged(_)
            | Event::CaseEnded(_)
            | Event::Explored(_)
            | Event::Reproduced(_) => {}
        }
        Some(event)
    }

    /// The last events of the run.
    pub fn finish(self) -> impl Iterator<Item = Event> {
        let seen = self.seen.into_iter().map(|((case, clause), scripts)| {
            Event::Recurred(Recurred {
                case,
                clause,
                scripts,
            })
        });
        seen.chain([Event::RunEnded(self.end)])
    }
}

#[cfg(test)]
mod tests;
