//! From the contract to a list of cases.
//!
//! Input: a contract and a filter. Output: a [`Plan`] with its cases in a stable order. Phases that generate cases add
//! them here; the named scenarios are copied from the contract unchanged.

pub mod bytes;
pub mod concurrent;
pub mod duration;
pub mod estimate;
pub mod script;
mod selection;
pub mod shrink;
pub mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::{Auth, Call};
use crate::contract::{CallTemplate, Contract, FixtureKind, Recorded, Scenario};
use crate::journal::{Phase, Slice};

pub use selection::{Selection, matches};
use wire::WireCase;

pub mod coverage;
pub mod covering;

/// What a run plays.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The cases, in order.
    pub cases: Vec<Planned>,
    /// Cases on a raw socket, played after [`Plan::cases`].
    pub wire: Vec<WireCase>,
    /// How many cases the filter left out.
    pub left_out: usize,
    /// Scripts that are generated during the run.
    pub random: Option<Random>,
    /// The part of all this that is played.
    pub slice: Slice,
}

/// A planned case of a slice.
#[derive(Debug, Clone)]
pub struct PlacedCase {
    /// Its position in the plan of all slices, from 0.
    pub position: usize,
    /// The phase it comes from.
    pub phase: Phase,
    /// What is played.
    pub case: PlannedCase,
}

impl PlacedCase {
    /// The name of the case.
    pub fn name(&self) -> &str {
        match &self.case {
            PlannedCase::Calls(case) => &case.name,
            PlannedCase::Bytes(case) => case.name,
        }
    }
}

/// What is played in a planned case.
#[derive(Debug, Clone)]
pub enum PlannedCase {
    /// Calls over HTTP.
    Calls(Scenario),
    /// Bytes on a raw socket.
    Bytes(WireCase),
}

/// A case that is known before the run begins.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The phase it comes from.
    pub phase: Phase,
    /// What is played.
    pub case: Scenario,
}

/// How many random scripts are played, and how much may be spent on shrinking them.
#[derive(Debug, Clone, Default)]
pub struct Random {
    /// The number of scripts, unless the time runs out first.
    pub scripts: u64,
    /// The time limit, unless the number of scripts is reached first.
    pub max_time: Option<Duration>,
    /// How many requests may be spent on shrinking in a run.
    pub max_shrink_requests: usize,
    /// Which scripts are played, by the name `random/NUMBER`.
    pub selection: Selection,
}

/// Patterns are tried on the names of this many scripts, to see whether they select any.
const TRIED: u64 = 10_000;

impl Random {
    /// The numbers of the scripts to play, in order. A script whose name is selected without a `*` is played whatever
    /// the number of scripts is.
    pub fn numbers(&self) -> Box<dyn Iterator<Item = u64> + Send + '_> {
        let exact = self.exact();
        if exact.len() == self.selection.cases.len() && !exact.is_empty() {
            return Box::new(exact.into_iter());
        }
        let all = (0..self.scripts).filter(|number| self.includes(*number));
        Box::new(all.chain(exact.into_iter().filter(|number| *number >= self.scripts)))
    }

    /// The numbers of the scripts of a slice. They are dealt after the planned cases, of which all slices together have
    /// so many.
    pub fn numbers_in(&self, slice: Slice, planned: usize) -> impl Iterator<Item = u64> + Send + '_ {
        let positions = (0..usize::from(slice.of()))
            .cycle()
            .skip(planned % usize::from(slice.of()));
        let dealt = self.numbers().zip(positions);
        dealt.filter_map(move |(number, position)| slice.has(position).then_some(number))
    }

    /// The plan, or `None` if the selection has no script. A script covers no clause in particular, so a selection by
    /// clause has none.
    pub fn filtered(self) -> Option<Random> {
        let wanted = self.selection.clauses.is_empty()
            && (!self.exact().is_empty() || (0..TRIED).any(|number| self.includes(number)));
        wanted.then_some(self)
    }

    fn includes(&self, number: u64) -> bool {
        self.selection.includes(&format!("random/{number}"), [])
    }

    /// The numbers that are selected without a `*`, in order.
    fn exact(&self) -> Vec<u64> {
        let named = self.selection.cases.iter();
        let mut exact: Vec<u64> = named
            .filter_map(|pattern| pattern.strip_prefix("random/")?.parse().ok())
            .filter(|number| self.includes(*number))
            .collect();
        exact.sort_unstable();
        exact.dedup();
        exact
    }
}

impl Plan {
    /// Adds the selected cases of a phase.
    pub fn add(&mut self, phase: Phase, cases: impl IntoIterator<Item = Scenario>, selection: &Selection) {
        for case in cases {
            if selection.includes(&case.name, &case.clauses) {
                self.cases.push(Planned { phase, case });
            } else {
                self.left_out += 1;
            }
        }
    }

    /// Adds the selected cases on a raw socket.
    pub fn add_wire(&mut self, contract: &Contract, selection: &Selection) {
        for case in wire::CASES {
            let clauses = case.clauses(contract).map(|clause| &clause.id);
            if selection.includes(case.name, clauses) {
                self.wire.push(*case);
            } else {
                self.left_out += 1;
            }
        }
    }

    /// The number of planned cases of all slices.
    pub fn planned(&self) -> usize {
        self.cases.len() + self.wire.len()
    }

    /// The instances that the planned cases of the slice begin with, as far as `is_played` says that they are played.
    pub fn fixtures(&self, is_played: impl Fn(&str) -> bool + Copy) -> impl Iterator<Item = FixtureKind> {
        let calls = self.in_slice(self.cases.iter(), 0);
        let calls = calls.filter(move |planned| is_played(&planned.case.name));
        let calls = calls.flat_map(|planned| &planned.case.fixtures);
        let bytes = self.in_slice(self.wire.iter(), self.cases.len());
        let bytes = bytes.filter(move |case| is_played(case.name));
        calls
            .map(|(_, kind)| *kind)
            .chain(bytes.map(|_| FixtureKind::default()))
    }

    /// The number of planned cases of each phase in the slice.
    pub fn sizes(&self) -> BTreeMap<Phase, usize> {
        let calls = self.in_slice(self.cases.iter(), 0).map(|planned| planned.phase);
        let bytes = self.in_slice(self.wire.iter(), self.cases.len());
        let mut sizes = BTreeMap::new();
        for phase in calls.chain(bytes.map(|_| Phase::Wire)) {
            *sizes.entry(phase).or_default() += 1;
        }
        sizes
    }

    /// Takes the planned cases out. Those of the slice are returned, in order.
    pub fn take_cases(&mut self) -> impl Iterator<Item = PlacedCase> + use<> {
        let slice = self.slice;
        let calls = std::mem::take(&mut self.cases).into_iter();
        let calls = calls.map(|planned| (planned.phase, PlannedCase::Calls(planned.case)));
        let bytes = std::mem::take(&mut self.wire).into_iter();
        let bytes = bytes.map(|case| (Phase::Wire, PlannedCase::Bytes(case)));
        let placed = calls.chain(bytes).enumerate();
        let own = placed.filter(move |(position, _)| slice.has(*position));
        own.map(|(position, (phase, case))| PlacedCase {
            position,
            phase,
            case,
        })
    }

    /// The cases of the slice, of which the first has this position in the plan.
    fn in_slice<T>(&self, cases: impl Iterator<Item = T>, first: usize) -> impl Iterator<Item = T> {
        let slice = self.slice;
        let placed = (first..).zip(cases);
        placed.filter_map(move |(position, case)| slice.has(position).then_some(case))
    }

    /// Whether there is nothing to play in any slice.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.wire.is_empty() && self.random.is_none()
    }
}

/// The selected named cases of the contract.
pub fn generate(contract: &Contract, selection: &Selection) -> Plan {
    let mut plan = Plan::default();
    plan.add(Phase::Scenarios, contract.scenarios.iter().cloned(), selection);
    plan
}

/// The kinds of authentication that a case needs in addition to the run's own credentials.
pub fn special_auth(case: &Scenario) -> impl Iterator<Item = Auth> {
    case.steps
        .iter()
        .flat_map(|step| step.act.calls())
        .map(|call| call.form.auth)
}

/// The values for the placeholders of a template.
pub trait TemplateValues {
    /// The text for a name between braces.
    fn resolve(&self, name: &str) -> Option<String>;
}

/// The names of a recorded call stand for the ids in the record.
impl TemplateValues for Recorded {
    fn resolve(&self, name: &str) -> Option<String> {
        let fixtures = self.fixtures.iter().map(|fixture| (&fixture.name, &fixture.id));
        let decoys = self.decoys.iter().map(|(name, id)| (name, id));
        let mut ids = fixtures.chain(decoys);
        ids.find(|(known, _)| *known == name).map(|(_, id)| id.clone())
    }
}

/// Fills the placeholders of a template. A placeholder with an unknown name stays as it is.
pub fn fill(template: &CallTemplate, names: &dyn TemplateValues) -> Call {
    Call {
        action: template.action.clone(),
        params: template
            .params
            .iter()
            .map(|(name, value)| (name.clone(), fill_text(value, names)))
            .collect(),
        form: template.form.clone(),
    }
}

fn fill_text(text: &str, names: &dyn TemplateValues) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after
            .split_once('}')
            .and_then(|(name, tail)| Some((names.resolve(name)?, tail)))
        {
            Some((value, tail)) => {
                filled.push_str(&value);
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl TemplateValues for One {
        fn resolve(&self, name: &str) -> Option<String> {
            (name == "a").then(|| "i-1".to_owned())
        }
    }

    #[test]
    fn holes_are_filled_and_other_braces_stay() {
        for (text, filled) in [
            ("{a}", "i-1"),
            (" {a} {b}", " i-1 {b}"),
            ("{", "{"),
            ("{{a}}", "{i-1}"),
            ("", ""),
        ] {
            assert_eq!(fill_text(text, &One), filled, "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, fits) in [
            ("stop/running", "stop/running", true),
            ("stop/running", "stop/running2", false),
            ("stop/*", "stop/running", true),
            ("*run*", "stop/running", true),
            ("*/running", "stop/running", true),
            ("*x*", "stop/running", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
