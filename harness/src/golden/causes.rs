//! Changes by their cause: the same lines gone and come, whatever ids are in them, are one cause in however many
//! goldens they are.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{Changed, Hunk};
use super::names::masked;
use super::review::{Change, Place};
use crate::contract::ClauseId;

/// Changes that are the same.
#[derive(Debug, Clone)]
pub struct Cause<'r> {
    /// What became of the contract by it.
    pub turn: Turn,
    /// The clauses that say so; with [`Turn::Neither`] those that were looked at where it was seen.
    pub clauses: Vec<&'r ClauseId>,
    /// The case of the first place.
    pub case: &'r str,
    /// The first place.
    pub place: &'r Place,
    /// The lines of it that are this change.
    pub lines: Vec<&'r Changed>,
    /// The cases, each once, sorted.
    pub cases: Vec<&'r str>,
    /// In how many places.
    pub places: usize,
}

/// What a change is to the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Clauses are violated that were not.
    Broken,
    /// Both that and the next.
    Mixed,
    /// Neither.
    Neither,
    /// Clauses are no longer violated.
    Fixed,
}

/// All causes: what is broken first, then by the number of places.
pub fn of(changes: &[Change]) -> Vec<Cause<'_>> {
    let mut by_lines: BTreeMap<Vec<String>, Vec<Seen<'_>>> = BTreeMap::new();
    for change in changes {
        for place in &change.places {
            for lines in parts(&place.hunk) {
                let seen = Seen { change, place, lines };
                by_lines.entry(key(&seen.lines)).or_default().push(seen);
            }
        }
    }
    let mut causes: Vec<Cause<'_>> = by_lines.values().filter_map(|seen| cause(seen)).collect();
    causes.sort_by(|one, other| {
        let order = |cause: &Cause<'_>| (cause.turn, std::cmp::Reverse(cause.places));
        order(one)
            .cmp(&order(other))
            .then_with(|| one.case.cmp(other.case))
    });
    causes
}

/// A change where it was seen.
struct Seen<'r> {
    change: &'r Change,
    place: &'r Place,
    lines: Vec<&'r Changed>,
}

fn cause<'r>(seen: &[Seen<'r>]) -> Option<Cause<'r>> {
    let first = seen.first()?;
    let broken = clauses(seen, |change| &change.broken);
    let fixed = clauses(seen, |change| &change.fixed);
    let (turn, clauses) = match (broken.is_empty(), fixed.is_empty()) {
        (false, true) => (Turn::Broken, broken),
        (true, false) => (Turn::Fixed, fixed),
        (false, false) => (Turn::Mixed, broken.union(&fixed).copied().collect()),
        (true, true) => (Turn::Neither, clauses(seen, |change| &change.touched)),
    };
    let cases: BTreeSet<&str> = seen.iter().map(|seen| seen.change.case.as_str()).collect();
    Some(Cause {
        turn,
        clauses: clauses.into_iter().collect(),
        case: &first.change.case,
        place: first.place,
        lines: first.lines.clone(),
        cases: cases.into_iter().collect(),
        places: seen.len(),
    })
}

/// The clauses of most of the steps where it was seen. A step may show several changes; what is of another seldom goes
/// along with this one.
fn clauses<'r>(
    seen: &[Seen<'r>],
    of: impl Fn(&'r Change) -> &'r Vec<(usize, ClauseId)>,
) -> BTreeSet<&'r ClauseId> {
    let steps: BTreeSet<(&str, usize)> = seen
        .iter()
        .map(|seen| (seen.change.case.as_str(), seen.place.step))
        .collect();
    let mut counts: BTreeMap<&'r ClauseId, usize> = BTreeMap::new();
    let mut counted = BTreeSet::new();
    for seen in seen {
        if !counted.insert((seen.change.case.as_str(), seen.place.step)) {
            continue;
        }
        let here = of(seen.change)
            .iter()
            .filter(|(step, _)| *step == seen.place.step);
        for (_, clause) in here {
            *counts.entry(clause).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .filter(|(_, count)| count * 2 > steps.len())
        .map(|(clause, _)| clause)
        .collect()
}

/// A hunk line by line where its lines stand against each other one by one, else whole.
fn parts(hunk: &Hunk) -> Vec<Vec<&Changed>> {
    let (came, gone): (Vec<&Changed>, Vec<&Changed>) = hunk.lines.iter().partition(|line| line.came);
    let is_paired = came.len() == gone.len()
        && gone
            .iter()
            .zip(&came)
            .all(|(gone, came)| lead(gone) == lead(came));
    match is_paired {
        true => gone
            .into_iter()
            .zip(came)
            .map(|(gone, came)| vec![gone, came])
            .collect(),
        false => vec![hunk.lines.iter().collect()],
    }
}

/// What a line begins with: a tag, the name of a header, of a parameter.
fn lead(line: &Changed) -> String {
    let text = line.text();
    let text = text.trim_start();
    let length = text.find(['>', ':', '=']).unwrap_or(text.len());
    text.get(..length).unwrap_or_default().to_owned()
}

/// What two changes have in common that are the same.
fn key(lines: &[&Changed]) -> Vec<String> {
    let told = |line: &&Changed| {
        let mark = if line.came { '+' } else { '-' };
        format!("{mark}{}", masked(line.text().trim()))
    };
    // Whether a case can be played at all is one thing, what was seen in it another.
    let reason = lines.iter().find(|line| line.text().starts_with("= unsupported"));
    match reason {
        Some(reason) => vec![told(reason)],
        None => lines.iter().map(told).collect(),
    }
}
