//! The coverage phase: combinations of everything that can vary about a stop, and the boundary values of every
//! parameter.
//!
//! A contract comes in, cases go out; the judge decides what is allowed. A level that causes a refusal hides the
//! effects of the levels combined with it, so a combination counts only where it is visible: in a case without other
//! levels that cause a refusal. If a combination contains two of these levels, neither is the only cause, and more of
//! them do no harm unless they get the call refused up front, before anything else is looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::covering::{CoveringRow, Levels, Space, Tuple, choices, cover};
use crate::call::Form;
use crate::contract::{Act, CallTemplate, Contract, FixtureKind, Scenario, State, Step};
use crate::journal::Outcome;

mod bounds;
mod dimensions;

use dimensions::{DIMENSIONS, DimensionLevel, Good, Hides, OddIdPosition, RULES, RepeatedId};

/// The cases of the phase: combinations of `strength` dimensions, the plainest first, then boundary values.
pub fn cases(contract: &Contract, strength: usize) -> Vec<Scenario> {
    let grid = Grid::of(contract);
    let mut cases: Vec<Scenario> = grid.cases(strength).into_iter().map(|(case, _)| case).collect();
    cases.extend(bounds::cases(contract));
    if strength == THOROUGH {
        cases.push(bounds::thousand());
    }
    cases
}

/// The strength at which the phase has a case of this name; `None` if it is not a case of this phase.
pub fn strength_of(name: &str) -> Option<usize> {
    let rest = name.strip_prefix("coverage/")?;
    let named = |strength: &usize| rest.starts_with(&format!("{strength}-wise"));
    Some(STRENGTHS.into_iter().find(named).unwrap_or(LEAST))
}

/// What the phase combines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The dimensions with their levels, the plain one first.
    pub dimensions: Vec<(&'static str, Vec<&'static str>)>,
    /// What cannot be combined, and why.
    pub rules: Vec<(&'static str, String)>,
    /// How many dimensions each combination has.
    pub strength: usize,
    /// How many cases combine levels.
    pub cases: usize,
    /// How many cases test boundary values.
    pub bounds: usize,
    /// How many combinations there are.
    pub combinations: usize,
}

/// How a case of a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseEnding {
    /// The purpose of the case as the run recorded it. If it differs, the case comes from another version of stopcheck.
    pub purpose: String,
    /// The outcome.
    pub outcome: Outcome,
}

/// Which combinations a run reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// How many were reached.
    pub reached: usize,
    /// Why the others were not reached; the reason with the most combinations comes first.
    pub unreached: Vec<Unreached>,
}

/// Combinations that were not reached for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// How a case with them ended, which was not judged; `None` if no case of the run has them.
    pub ended: Option<Outcome>,
    /// How many.
    pub combinations: usize,
    /// Single levels that were never reached, and one combination that contains none of them, if there is one.
    pub examples: Vec<String>,
}

/// Counts what the phase combines.
pub fn survey(contract: &Contract, strength: usize) -> Survey {
    let grid = Grid::of(contract);
    let rules = RULES.iter().filter(|rule| rule.needs.are_met(contract));
    Survey {
        dimensions: grid
            .dimensions
            .iter()
            .map(|(name, levels)| (*name, levels.iter().map(|level| level.word).collect()))
            .collect(),
        rules: rules.map(|rule| (rule.why, in_words(rule.parts))).collect(),
        strength,
        cases: grid.rows(strength).len(),
        bounds: bounds::cases(contract).len() + usize::from(strength == THOROUGH),
        combinations: grid.combinations(strength).len(),
    }
}

fn in_words(parts: &[(&str, &[&str])]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|(name, words)| format!("{name} {}", words.join("/")))
        .collect();
    parts.join(" with ")
}

/// Which combinations of `strength` dimensions the cases of a run reached, given how each case ended.
pub fn reach(contract: &Contract, strength: usize, ended: &BTreeMap<String, CaseEnding>) -> Reach {
    let grid = Grid::of(contract);
    let mut open: BTreeSet<Tuple> = grid.combinations(strength).into_iter().collect();
    let total = open.len();
    let mut seen: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut failed: Vec<(CoveringRow, &Outcome)> = Vec::new();
    // The run may have used another strength than `strength`.
    for (case, row) in STRENGTHS.into_iter().flat_map(|strength| grid.cases(strength)) {
        let ended = ended
            .get(&case.name)
            .filter(|ended| ended.purpose == case.purpose);
        match ended.map(|ended| &ended.outcome) {
            Some(Outcome::Judged { .. }) => {
                for tuple in grid.shown_by(&row, strength) {
                    if open.remove(&tuple) {
                        seen.extend(tuple);
                    }
                }
            }
            Some(outcome @ (Outcome::Unsupported { .. } | Outcome::Error { .. })) => {
                failed.push((row, outcome));
            }
            None => {}
        }
    }
    let reached = total - open.len();
    let mut why: BTreeMap<Tuple, &Outcome> = BTreeMap::new();
    for (row, outcome) in failed {
        for tuple in grid.shown_by(&row, strength) {
            if open.contains(&tuple) {
                why.entry(tuple).or_insert(outcome);
            }
        }
    }
    let never: BTreeSet<(usize, usize)> = open
        .iter()
        .flatten()
        .copied()
        .filter(|level| !seen.contains(level))
        .collect();
    let mut folded: BTreeMap<Option<&Outcome>, Vec<Tuple>> = BTreeMap::new();
    for tuple in open {
        folded.entry(why.remove(&tuple)).or_default().push(tuple);
    }
    let mut unreached: Vec<Unreached> = folded
        .into_iter()
        .map(|(ended, tuples)| Unreached {
            ended: ended.cloned(),
            combinations: tuples.len(),
            examples: grid.examples(&tuples, &never),
        })
        .collect();
    unreached.sort_by_key(|one| std::cmp::Reverse(one.combinations));
    Reach { reached, unreached }
}

/// The strength at which a case is played that takes minutes on a mock.
const THOROUGH: usize = 3;
/// The strengths that a run may use.
const STRENGTHS: [usize; 2] = [LEAST, 3];
/// The strength that a run uses by default.
pub const LEAST: usize = 2;

/// A case under construction.
pub(super) struct CaseDraft {
    target: FixtureKind,
    form: Form,
    force: Option<&'static str>,
    dry_run: Option<&'static str>,
    hibernate: Option<&'static str>,
    skip: Option<&'static str>,
    good: Good,
    odd: &'static [&'static str],
    mate: Option<FixtureKind>,
    unprepared_mate: bool,
    place: OddIdPosition,
    again: RepeatedId,
}

/// The dimensions of one edition, and the space they span.
struct Grid {
    dimensions: Vec<(&'static str, Vec<&'static DimensionLevel>)>,
    space: Space,
}

impl Grid {
    fn of(contract: &Contract) -> Self {
        let dimensions: Vec<(&'static str, Vec<&'static DimensionLevel>)> = DIMENSIONS
            .iter()
            .map(|dimension| {
                let levels = dimension.levels.iter();
                let levels = levels.filter(|level| level.needs.are_met(contract));
                (dimension.name, levels.collect())
            })
            .collect();
        let mut space = Space::new(dimensions.iter().map(|(_, levels)| levels.len()).collect());
        for rule in RULES.iter().filter(|rule| rule.needs.are_met(contract)) {
            let parts = rule.parts.iter().filter_map(|(name, words)| {
                let factor = dimensions.iter().position(|(known, _)| known == name)?;
                let (_, levels) = dimensions.get(factor)?;
                let levels = levels.iter().enumerate();
                let named = levels.filter(|(_, level)| words.contains(&level.word));
                Some((factor, Levels::of(named.map(|(index, _)| index))))
            });
            space.forbid(parts.collect());
        }
        Grid { dimensions, space }
    }

    fn cases(&self, strength: usize) -> Vec<(Scenario, CoveringRow)> {
        let numbered = self.rows(strength).into_iter().enumerate();
        numbered
            .map(|(index, row)| {
                let name = format!("coverage/{strength}-wise/{:04}", index + 1);
                (self.case(name, &row), row)
            })
            .collect()
    }

    /// The rows of the phase: levels that hide nothing with each other, each hiding level with levels that hide
    /// nothing, and hiding levels with each other; those refused up front are covered separately.
    fn rows(&self, strength: usize) -> Vec<CoveringRow> {
        let mut rows = cover(&self.plain(), strength, |_| true);
        for hiding in self.hiding() {
            // The hiding level is in all of these rows, so it adds one dimension to each combination.
            rows.extend(cover(&self.plain_with(hiding), strength - 1, |_| true));
        }
        rows.extend(cover(&self.indoors(), strength, |tuple| {
            self.hiding_in(tuple).count() > 1
        }));
        rows.extend(cover(&self.space, strength, |tuple| {
            self.hiding_in(tuple).count() > 1 && self.is_at_the_door(tuple)
        }));
        rows.sort_by_cached_key(|row| {
            let far = row.iter().filter(|level| **level > 0).count();
            (self.hiding_in(&levels_of(row)).count(), far, row.clone())
        });
        rows.dedup();
        rows
    }

    /// Every combination whose effect is visible.
    fn combinations(&self, strength: usize) -> Vec<Tuple> {
        let plain = self.plain();
        let with: BTreeMap<(usize, usize), Space> = self
            .hiding()
            .map(|hiding| (hiding, self.plain_with(hiding)))
            .collect();
        let indoors = self.indoors();
        let mut tuples = self.space.tuples(strength);
        tuples.retain(|tuple| {
            let mut hiding = self.hiding_in(tuple);
            let space = match (hiding.next(), hiding.next()) {
                (None, _) => Some(&plain),
                (Some(only), None) => with.get(&only),
                (Some(_), Some(_)) if self.is_at_the_door(tuple) => Some(&self.space),
                (Some(_), Some(_)) => Some(&indoors),
            };
            space.is_some_and(|space| space.completion(tuple).is_some())
        });
        tuples
    }

    /// The combinations whose effect is visible in the case of this row.
    fn shown_by(&self, row: &CoveringRow, strength: usize) -> Vec<Tuple> {
        let levels = levels_of(row);
        let hiding: Vec<(usize, usize)> = self.hiding_in(&levels).collect();
        let shows = |tuple: &Tuple| {
            let mut beyond = hiding.iter().filter(|level| !tuple.contains(level));
            match self.hiding_in(tuple).count() {
                0 | 1 => beyond.next().is_none(),
                _ => beyond.all(|(factor, level)| self.hides(*factor, *level) != Hides::All),
            }
        };
        choices(&levels, strength).into_iter().filter(shows).collect()
    }

    /// The space of the levels that hide nothing.
    fn plain(&self) -> Space {
        self.space_of(|factor, level| self.hides(factor, level) == Hides::Nothing)
    }

    /// The space of the levels that hide nothing, with one hiding level in every row.
    fn plain_with(&self, hiding: (usize, usize)) -> Space {
        self.space_of(|factor, level| {
            if factor == hiding.0 {
                level == hiding.1
            } else {
                self.hides(factor, level) == Hides::Nothing
            }
        })
    }

    /// The space without the levels that are refused up front.
    fn indoors(&self) -> Space {
        self.space_of(|factor, level| self.hides(factor, level) != Hides::All)
    }

    fn space_of(&self, keep: impl Fn(usize, usize) -> bool) -> Space {
        let mut space = self.space.clone();
        for (factor, (_, levels)) in self.dimensions.iter().enumerate() {
            let left_out = (0..levels.len()).filter(|level| !keep(factor, *level));
            space.forbid(vec![(factor, Levels::of(left_out))]);
        }
        space
    }

    fn hiding(&self) -> impl Iterator<Item = (usize, usize)> {
        let all = self.dimensions.iter().enumerate();
        all.flat_map(|(factor, (_, levels))| (0..levels.len()).map(move |level| (factor, level)))
            .filter(|(factor, level)| self.hides(*factor, *level) != Hides::Nothing)
    }

    fn hiding_in(&self, tuple: &[(usize, usize)]) -> impl Iterator<Item = (usize, usize)> {
        let levels = tuple.iter().copied();
        levels.filter(|(factor, level)| self.hides(*factor, *level) != Hides::Nothing)
    }

    fn is_at_the_door(&self, tuple: &[(usize, usize)]) -> bool {
        tuple
            .iter()
            .any(|(factor, level)| self.hides(*factor, *level) == Hides::All)
    }

    fn hides(&self, factor: usize, level: usize) -> Hides {
        self.level(factor, level)
            .map_or(Hides::Nothing, |(_, level)| level.hides)
    }

    fn level(&self, factor: usize, level: usize) -> Option<(&'static str, &'static DimensionLevel)> {
        let (name, levels) = self.dimensions.get(factor)?;
        Some((name, levels.get(level)?))
    }

    /// The never reached levels that explain these combinations, and one combination that contains none of them.
    fn examples(&self, tuples: &[Tuple], never: &BTreeSet<(usize, usize)>) -> Vec<String> {
        let mut rest: Vec<&Tuple> = tuples.iter().collect();
        let mut found = Vec::new();
        loop {
            let count = |level: &(usize, usize)| rest.iter().filter(|tuple| tuple.contains(level)).count();
            let most = never.iter().rev().max_by_key(|level| count(level));
            let Some(level) = most.filter(|level| count(level) > 0) else {
                break;
            };
            found.push(self.words(&[*level]));
            rest.retain(|tuple| !tuple.contains(level));
        }
        found.extend(rest.first().map(|tuple| self.words(tuple)));
        found
    }

    fn words(&self, tuple: &[(usize, usize)]) -> String {
        let words: Vec<String> = tuple
            .iter()
            .filter_map(|(factor, level)| self.level(*factor, *level))
            .map(|(name, level)| format!("{name} {}", level.word))
            .collect();
        words.join(", ")
    }

    /// The case of a row.
    fn case(&self, name: String, row: &CoveringRow) -> Scenario {
        let mut odd: Tuple = levels_of(row);
        odd.retain(|(_, level)| *level > 0);
        let mut draft = CaseDraft::plain();
        let mut refused = false;
        for (factor, level) in &odd {
            if let Some((_, level)) = self.level(*factor, *level) {
                (level.set)(&mut draft);
                refused |= matches!(level.hides, Hides::Others | Hides::All);
            }
        }
        let purpose = if odd.is_empty() {
            "A plain stop.".to_owned()
        } else {
            format!("A stop with {}.", self.words(&odd))
        };
        draft.into_case(name, purpose, refused)
    }
}

fn levels_of(row: &[usize]) -> Tuple {
    row.iter().copied().enumerate().collect()
}

/// The names of the good instances: the target, and up to nine others.
const GOOD: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

impl CaseDraft {
    fn plain() -> Self {
        CaseDraft {
            target: FixtureKind::default(),
            form: Form::default(),
            force: None,
            dry_run: None,
            hibernate: None,
            skip: None,
            good: Good::And(0),
            odd: &[],
            mate: None,
            unprepared_mate: false,
            place: OddIdPosition::Last,
            again: RepeatedId::Never,
        }
    }

    /// Turns the draft into a case. Unless the call is certain to be refused, the case waits for the instances to stop;
    /// otherwise its final description shows that nothing changed.
    fn into_case(self, name: String, purpose: String, refused: bool) -> Scenario {
        let good: Vec<&str> = match self.good {
            Good::And(others) => GOOD.iter().copied().take(others + 1).collect(),
            Good::No => Vec::new(),
        };
        let fixtures = self.fixtures(&good);
        let call = CallTemplate {
            action: Some("StopInstances".to_owned()),
            params: self.params(&good),
            form: self.form,
        };
        let mut steps = vec![step(Act::Call(call))];
        if !refused {
            let named = fixtures.iter().map(|(name, _)| name.clone());
            let named = named.filter(|name| name != CONTROL).collect();
            steps.push(step(Act::Settle(named, State::Stopped)));
        }
        Scenario {
            name,
            purpose,
            clauses: Vec::new(),
            fixtures,
            steps,
        }
    }

    fn fixtures(&self, good: &[&str]) -> Vec<(String, FixtureKind)> {
        let plain = FixtureKind {
            hibernation: self.target.hibernation,
            ..FixtureKind::default()
        };
        let kind = |name: &str| if name == "a" { self.target } else { plain };
        let mut fixtures: Vec<(String, FixtureKind)> =
            good.iter().map(|name| ((*name).to_owned(), kind(name))).collect();
        if self.unprepared_mate
            && let Some((_, last)) = fixtures.last_mut()
        {
            last.hibernation = false;
        }
        if let Some(mate) = self.mate {
            // The mate is prepared for hibernation like the other instances of the call, if its kind allows that.
            let can_hibernate = mate.root == plain.root && mate.market == plain.market;
            let hibernation = plain.hibernation && can_hibernate;
            fixtures.push(("mate".to_owned(), FixtureKind { hibernation, ..mate }));
        }
        fixtures.push((CONTROL.to_owned(), FixtureKind::default()));
        fixtures
    }

    fn params(&self, good: &[&str]) -> Vec<(String, String)> {
        let mut ids: Vec<String> = good.iter().map(|name| format!("{{{name}}}")).collect();
        let place = match self.place {
            OddIdPosition::First => 0,
            OddIdPosition::AfterFirst => ids.len().min(1),
            OddIdPosition::Last => ids.len(),
        };
        ids.splice(place..place, self.odd.iter().map(|odd| (*odd).to_owned()));
        let target = "{a}".to_owned();
        match self.again {
            RepeatedId::Never => {}
            RepeatedId::TargetAtEnd => ids.push(target),
            RepeatedId::TargetAtOnce => {
                let after = ids.iter().position(|id| *id == target).map_or(0, |at| at + 1);
                ids.insert(after, target);
            }
            RepeatedId::Odd => ids.extend(self.odd.first().map(|odd| (*odd).to_owned())),
        }
        let switches = [
            ("Force", self.force),
            ("DryRun", self.dry_run),
            ("Hibernate", self.hibernate),
            ("SkipOsShutdown", self.skip),
        ];
        let switches = switches
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        listed(ids).into_iter().chain(switches).collect()
    }
}

/// An instance that no call names.
const CONTROL: &str = "control";

/// Ids under the indices 1, 2, 3 …
fn listed(ids: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let numbered = ids.into_iter().enumerate();
    numbered
        .map(|(at, id)| (format!("InstanceId.{}", at + 1), id))
        .collect()
}

fn step(act: Act) -> Step {
    Step::from(act)
}

#[cfg(test)]
mod tests;
