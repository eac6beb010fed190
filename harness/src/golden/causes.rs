//! Groups changes by cause: the same lines removed and added, apart from ids, are one cause, in however many goldens
//! they occur.

use std::collections::{BTreeMap, BTreeSet};

use super::names::masked;
use super::review::{Change, DiffPlace};
use crate::contract::ClauseId;
use crate::diff::{Changed, Hunk};

/// Changes that have the same cause.
#[derive(Debug, Clone)]
pub struct ChangeGroup<'r> {
    /// The effect on the contract.
    pub turn: ContractEffect,
    /// The clauses that changed; with [`ContractEffect::Neither`], the clauses that were judged where the change was
    /// seen.
    pub clauses: Vec<&'r ClauseId>,
    /// The case in which the change was first seen.
    pub case: &'r str,
    /// The place where the change was first seen.
    pub place: &'r DiffPlace,
    /// The lines that differ, each part as it was first seen.
    pub parts: Vec<Vec<&'r Changed>>,
    /// The cases, each once, sorted.
    pub cases: Vec<&'r str>,
    /// In how many steps the change was seen.
    pub places: usize,
}

/// The effect of a change on the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContractEffect {
    /// Clauses are violated that were not before: they are broken now, or were not judged before.
    Broken,
    /// Some clauses are newly violated and others are fixed.
    Mixed,
    /// No clause is newly violated or fixed.
    Neither,
    /// Clauses are no longer violated.
    Fixed,
}

impl ContractEffect {
    /// The word in machine-readable reports.
    pub fn name(self) -> &'static str {
        match self {
            ContractEffect::Broken => "newly-violated",
            ContractEffect::Mixed => "fixed-and-newly-violated",
            ContractEffect::Neither => "different",
            ContractEffect::Fixed => "fixed",
        }
    }
}

impl ChangeGroup<'_> {
    /// The difference, line by line.
    pub fn diff(&self) -> String {
        self.parts.iter().flatten().map(|line| line.marked()).collect()
    }
}

/// A clause is listed with a cause if both were seen in (nearly) the same steps. Otherwise it is listed with the most
/// similar cause, unless the similarity is below `LITTLE`.
const NEARLY: f64 = 0.6;
const LITTLE: f64 = 0.25;

/// Changes that were seen in nearly the same steps have one cause.
const TOGETHER: f64 = 0.9;

/// All causes: first those that newly violate a clause, then by the number of places.
pub fn of(changes: &[Change]) -> Vec<ChangeGroup<'_>> {
    let mut by_lines: BTreeMap<Vec<String>, Vec<Seen<'_>>> = BTreeMap::new();
    for change in changes {
        for place in &change.places {
            for (order, lines) in parts(&place.hunk).into_iter().enumerate() {
                let seen = Seen {
                    change,
                    place,
                    order,
                    lines,
                };
                by_lines.entry(key(&seen.lines)).or_default().push(seen);
            }
        }
    }
    let groups = together(by_lines.into_values().collect());
    let steps: Vec<Steps<'_>> = groups.iter().map(|group| group.steps.clone()).collect();
    let broken = by_cause(changes, &steps, |change| &change.broken);
    let fixed = by_cause(changes, &steps, |change| &change.fixed);
    let told = groups.iter().zip(broken).zip(fixed);
    let mut causes: Vec<ChangeGroup<'_>> = told
        .filter_map(|((group, broken), fixed)| cause(group, broken, fixed))
        .collect();
    causes.sort_by(|one, other| {
        let order = |cause: &ChangeGroup<'_>| (cause.turn, std::cmp::Reverse(cause.places));
        order(one)
            .cmp(&order(other))
            .then_with(|| one.case.cmp(other.case))
            .then_with(|| one.place.hunk.at.cmp(&other.place.hunk.at))
    });
    causes
}

/// A change at one place.
struct Seen<'r> {
    change: &'r Change,
    place: &'r DiffPlace,
    /// Its index among the parts of the hunk.
    order: usize,
    lines: Vec<&'r Changed>,
}

/// Steps of cases.
type Steps<'r> = BTreeSet<(&'r str, usize)>;

fn steps_of<'r>(seen: &[Seen<'r>]) -> Steps<'r> {
    seen.iter()
        .map(|seen| (seen.change.case.as_str(), seen.place.step))
        .collect()
}

/// Changes that belong together.
struct Group<'r> {
    steps: Steps<'r>,
    parts: Vec<Vec<Seen<'r>>>,
}

/// Groups the changes, beginning with the most frequent.
fn together(mut parts: Vec<Vec<Seen<'_>>>) -> Vec<Group<'_>> {
    parts.sort_by_key(|seen| std::cmp::Reverse(seen.len()));
    let mut groups: Vec<Group<'_>> = Vec::new();
    for seen in parts {
        let steps = steps_of(&seen);
        match groups
            .iter_mut()
            .find(|group| likeness(&group.steps, &steps) >= TOGETHER)
        {
            Some(group) => group.parts.push(seen),
            None => groups.push(Group {
                steps,
                parts: vec![seen],
            }),
        }
    }
    for group in &mut groups {
        // In the order of a transcript.
        group
            .parts
            .sort_by_key(|seen| seen.first().map(|first| (first.place.hunk.at, first.order)));
    }
    groups
}

/// The clauses of each cause: those that changed in the steps where the cause was seen, and hardly anywhere else. A
/// step may show several changes, and a clause that changed in half of the run says nothing about a change that was
/// seen twice.
fn by_cause<'r>(
    changes: &'r [Change],
    causes: &[Steps<'r>],
    turned: impl Fn(&'r Change) -> &'r Vec<(usize, ClauseId)>,
) -> Vec<BTreeSet<&'r ClauseId>> {
    let mut by_clause: BTreeMap<&ClauseId, Steps<'r>> = BTreeMap::new();
    for change in changes {
        for (step, clause) in turned(change) {
            by_clause.entry(clause).or_default().insert((&change.case, *step));
        }
    }
    let mut told = vec![BTreeSet::new(); causes.len()];
    for (clause, steps) in &by_clause {
        let likeness: Vec<f64> = causes.iter().map(|cause| likeness(cause, steps)).collect();
        let most = likeness.iter().copied().fold(0.0, f64::max);
        for (told, likeness) in told.iter_mut().zip(&likeness) {
            if *likeness >= NEARLY || most >= LITTLE && *likeness >= most {
                told.insert(*clause);
            }
        }
    }
    told
}

/// The similarity of two sets: 1 if they are equal, 0 if they have nothing in common.
#[expect(clippy::cast_precision_loss, reason = "there are not that many steps")]
fn likeness(one: &Steps<'_>, other: &Steps<'_>) -> f64 {
    let both = one.intersection(other).count();
    both as f64 / (one.len() + other.len() - both).max(1) as f64
}

fn cause<'r>(
    group: &Group<'r>,
    broken: BTreeSet<&'r ClauseId>,
    fixed: BTreeSet<&'r ClauseId>,
) -> Option<ChangeGroup<'r>> {
    let first = group.parts.first()?.first()?;
    let (turn, clauses) = match (broken.is_empty(), fixed.is_empty()) {
        (false, true) => (ContractEffect::Broken, broken),
        (true, false) => (ContractEffect::Fixed, fixed),
        (false, false) => (ContractEffect::Mixed, broken.union(&fixed).copied().collect()),
        (true, true) => (ContractEffect::Neither, touched(group)),
    };
    let seen = || group.parts.iter().flatten();
    let cases: BTreeSet<&str> = seen().map(|seen| seen.change.case.as_str()).collect();
    let places: BTreeSet<(&str, usize)> = seen()
        .map(|seen| (seen.change.case.as_str(), seen.place.step))
        .collect();
    Some(ChangeGroup {
        turn,
        clauses: clauses.into_iter().collect(),
        case: &first.change.case,
        place: first.place,
        parts: group
            .parts
            .iter()
            .filter_map(|seen| Some(seen.first()?.lines.clone()))
            .collect(),
        cases: cases.into_iter().collect(),
        places: places.len(),
    })
}

/// The clauses that were judged in all of the steps.
fn touched<'r>(group: &Group<'r>) -> BTreeSet<&'r ClauseId> {
    let mut common: Option<BTreeSet<&ClauseId>> = None;
    for seen in group.parts.iter().flatten() {
        let here = seen
            .change
            .touched
            .iter()
            .filter(|(step, _)| *step == seen.place.step);
        let here: BTreeSet<&ClauseId> = here.map(|(_, clause)| clause).collect();
        common = Some(match common {
            Some(common) => common.intersection(&here).copied().collect(),
            None => here,
        });
    }
    common.unwrap_or_default()
}

/// Splits a hunk into parts: lines that correspond to each other form a part, and lines without a counterpart stay with
/// their neighbours. An answer with another status is a different answer, and one part.
fn parts(hunk: &Hunk) -> Vec<Vec<&Changed>> {
    let (came, gone): (Vec<&Changed>, Vec<&Changed>) = hunk.lines.iter().partition(|line| line.came);
    if hunk.lines.iter().any(is_status) {
        return vec![hunk.lines.iter().collect()];
    }
    let mut parts = Vec::new();
    let mut alone: (Vec<&Changed>, Vec<&Changed>) = Default::default();
    let mut left = came.as_slice();
    for gone in gone {
        let Some(at) = left.iter().position(|came| lead(came) == lead(gone)) else {
            alone.0.push(gone);
            continue;
        };
        let (before, rest) = left.split_at(at);
        alone.1.extend(before);
        end_part(&mut alone, &mut parts);
        if let Some((came, rest)) = rest.split_first() {
            parts.push(vec![gone, came]);
            left = rest;
        }
    }
    alone.1.extend(left);
    end_part(&mut alone, &mut parts);
    parts
}

fn end_part<'r>(alone: &mut (Vec<&'r Changed>, Vec<&'r Changed>), parts: &mut Vec<Vec<&'r Changed>>) {
    let (gone, came) = std::mem::take(alone);
    if !gone.is_empty() || !came.is_empty() {
        parts.push(gone.into_iter().chain(came).collect());
    }
}

/// Whether a line is the status of an answer.
fn is_status(line: &Changed) -> bool {
    let text = line.text();
    text.strip_prefix("< ")
        .is_some_and(|rest| rest.len() == 3 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The beginning of a line: a tag, or the name of a header or a parameter.
fn lead(line: &Changed) -> String {
    let text = line.text();
    let text = text.trim_start();
    let length = text.find(['>', ':', '=']).unwrap_or(text.len());
    text.get(..length).unwrap_or_default().to_owned()
}

/// What equal changes have in common.
fn key(lines: &[&Changed]) -> Vec<String> {
    let told = |line: &&Changed| {
        let mark = if line.came { '+' } else { '-' };
        format!("{mark}{}", masked(line.text().trim()))
    };
    // Whether a case can be played is a separate question from what was seen in it.
    let reason = lines.iter().find(|line| line.text().starts_with("= unsupported"));
    match reason {
        Some(reason) => vec![told(reason)],
        None => lines.iter().map(told).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff;

    /// A change of a case: the old and new text of each step, and the clauses that were broken or fixed.
    fn change(
        case: &str,
        steps: &[(usize, &str, &str)],
        broken: &[(usize, &str)],
        fixed: &[(usize, &str)],
    ) -> Change {
        let clauses = |turned: &[(usize, &str)]| -> Vec<(usize, ClauseId)> {
            turned
                .iter()
                .map(|(step, clause)| (*step, ClauseId::from(*clause)))
                .collect()
        };
        let place = |(step, old, new): &(usize, &str, &str)| {
            let hunks = diff::hunks(old, new, 2).into_iter();
            let step = *step;
            hunks.map(move |hunk| DiffPlace {
                step,
                heading: format!("step {step}: call"),
                hunk,
            })
        };
        Change {
            case: case.to_owned(),
            places: steps.iter().flat_map(place).collect(),
            broken: clauses(broken),
            fixed: clauses(fixed),
            touched: clauses(&[(1, "RSP-01")]),
        }
    }

    /// One line for each cause: the effect, the clauses, the number of cases and of steps.
    fn told(changes: &[Change]) -> Vec<String> {
        let told = |cause: &ChangeGroup<'_>| {
            let clauses: Vec<&str> = cause.clauses.iter().map(|clause| clause.as_str()).collect();
            let (turn, clauses) = (cause.turn.name(), clauses.join(" "));
            format!("{turn} {clauses} {} {}", cause.cases.len(), cause.places)
        };
        of(changes).iter().map(told).collect()
    }

    #[test]
    fn the_same_change_of_many_goldens_is_one_cause_whatever_the_ids() {
        let changes: Vec<Change> = (1..=200)
            .map(|number| {
                let old = format!("<instanceId><instance:{number}></instanceId>\n<s>stopped</s>\n");
                let new = old.replace("stopped", "running");
                change(
                    &format!("case/{number}"),
                    &[(1, &old, &new)],
                    &[(1, "STT-05")],
                    &[],
                )
            })
            .collect();
        assert_eq!(told(&changes), ["newly-violated STT-05 200 200"]);
    }

    #[test]
    fn changes_of_the_same_steps_are_told_together_and_others_apart() {
        let both = (
            "<state>running</state>\n<ip>1</ip>\n",
            "<state>stopped</state>\n<ip>2</ip>\n",
        );
        let one = ("<code>16</code>\n", "<code>80</code>\n");
        let changes = [
            change("a", &[(1, both.0, both.1)], &[(1, "DRY-04")], &[]),
            change(
                "b",
                &[(1, both.0, both.1), (2, one.0, one.1)],
                &[(1, "DRY-04")],
                &[(2, "STT-13")],
            ),
        ];
        assert_eq!(told(&changes), ["newly-violated DRY-04 2 2", "fixed STT-13 1 1"]);
    }

    #[test]
    fn a_clause_is_told_with_the_change_of_its_own_steps_not_with_what_changed_everywhere() {
        let header = ("< content-type: text/xml\n", "< content-type: text/html\n");
        let both = (
            "< content-type: text/xml\n<b>1</b>\n<s>stopped</s>\n",
            "< content-type: text/html\n<b>1</b>\n<s>running</s>\n",
        );
        let mut changes: Vec<Change> = (0..9)
            .map(|number| {
                change(
                    &format!("case/{number}"),
                    &[(1, header.0, header.1)],
                    &[(1, "RSP-11")],
                    &[],
                )
            })
            .collect();
        changes.push(change(
            "rare",
            &[(1, both.0, both.1)],
            &[(1, "RSP-11"), (1, "STT-05")],
            &[],
        ));
        assert_eq!(
            told(&changes),
            ["newly-violated RSP-11 10 10", "newly-violated STT-05 1 1"]
        );
    }

    #[test]
    fn a_change_that_turned_no_clause_names_those_that_were_looked_at() {
        let changes = [change("a", &[(1, "<m>one</m>\n", "<m>two</m>\n")], &[], &[])];
        assert_eq!(told(&changes), ["different RSP-01 1 1"]);
    }

    #[test]
    fn an_answer_of_another_status_is_one_part_however_alike_its_lines() {
        let [hunk] = diff::hunks("< 400\n<Code>A</Code>\n", "< 200\n<Code>B</Code>\n", 0)
            .try_into()
            .expect("the lines stand together");
        assert_eq!(parts(&hunk).len(), 1);
        let [hunk] = diff::hunks("<a>1</a>\n<b>1</b>\n<gone/>\n", "<a>2</a>\n<b>2</b>\n", 0)
            .try_into()
            .expect("the lines stand together");
        assert_eq!(parts(&hunk).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    }
}
