//! From beliefs and a call to the set of allowed answers.

use std::collections::BTreeMap;

use super::belief::{Belief, Fleet, Id, States};
use super::conditions::{OF_ANOTHER_CALLER, is_of_an_id, of_instance};
use super::read::{IdShape, Reading, shape_of};
use crate::contract::{Condition, Contract, Demand, Refusal, State, Transition, TransitionAnswer};

/// Every answer that is allowed to one call.
#[derive(Debug)]
pub struct Expectation<'a> {
    /// Conditions that hold for the call and the instances it names, whether or not they have consequences. Sorted.
    pub circumstances: Vec<Circumstance<'a>>,
    /// The refusals that may come.
    pub refusals: Vec<Active<'a>>,
    /// Whether the call may be accepted.
    pub acceptance: Acceptance,
    /// What each named instance of the fleet may answer if the call is accepted.
    pub items: BTreeMap<&'a str, ItemRule<'a>>,
    /// Whether the set of items is not known exactly: odd indices, ids in another case or padded, repeated ids.
    pub loose: bool,
    /// Whether this is a call of a sibling action that may be refused for reasons that the contract does not cover: an
    /// id that the action does not accept, a state for which it has no row, a protection.
    pub foreign: bool,
    /// See [`Reading::is_watched`].
    pub is_watched: bool,
}

/// A condition that holds or may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstance<'a> {
    /// The condition.
    pub condition: Condition,
    /// Whether it certainly holds, in every possible state of the instances.
    pub certain: bool,
    /// The ids or words at fault.
    pub words: Vec<&'a str>,
}

/// A refusal that may come.
#[derive(Debug)]
pub struct Active<'a> {
    /// The row of the contract.
    pub refusal: &'a Refusal,
    /// Its index among the refusals of the contract.
    pub row: usize,
    /// Whether its condition certainly holds, in every possible state of the instances.
    pub certain: bool,
    /// The ids or words at fault.
    pub words: Vec<&'a str>,
}

/// Whether a call may be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acceptance {
    /// Acceptance is expected.
    Expected,
    /// Acceptance and refusal are both allowed.
    Free,
    /// A refusal is expected, but the evidence has a gap: acceptance is a warning.
    Discouraged,
    /// The call must be refused.
    Forbidden,
}

/// What an item of the answer may report about one instance.
#[derive(Debug)]
pub struct ItemRule<'a> {
    /// The instance.
    pub id: &'a Id,
    /// The rows that may apply, one for each state the instance may be in, with their indices among the transitions of
    /// the contract.
    pub rows: Vec<(usize, &'a Transition)>,
    /// The states that the instance may be in, without changes by time alone.
    pub states: States,
}

/// The allowed answers to a call.
pub fn expect<'a>(
    contract: &'a Contract,
    fleet: &'a Fleet,
    action: &str,
    reading: &Reading<'a>,
) -> Expectation<'a> {
    let odd_index = reading.is(Condition::OddIndex);
    let mut circumstances: Vec<Circumstance<'a>> = reading
        .conditions
        .iter()
        .map(|(condition, words)| Circumstance {
            condition: *condition,
            // OQ-03: it is not known what an odd index names, so a condition of an id under one is uncertain, too.
            // The client of somebody else may know parameters that are newer than the contract.
            certain: !(odd_index && is_of_an_id(*condition)
                || reading.is_watched && *condition == Condition::UnknownParameter),
            words: words.clone(),
        })
        .collect();
    if reading.is_watched {
        for condition in OF_ANOTHER_CALLER {
            add(&mut circumstances, condition, false, "");
        }
    }
    let sister = action != contract.action;
    let mut foreign = sister && !reading.conditions.is_empty();
    let mut items = BTreeMap::new();
    for written in &reading.ids {
        let exact = fleet.get_key_value(*written);
        let nearly = || {
            fleet
                .get_key_value(written.to_ascii_lowercase().as_str())
                .or_else(|| fleet.get_key_value(written.trim()))
        };
        let Some((id, belief)) = exact.or_else(nearly) else {
            continue;
        };
        // It is not known whether an id that is not written exactly names the instance at all.
        let named = exact.is_some() && !odd_index;
        // Only the action under test has refusals that depend on an instance; sibling actions only have transition
        // rows.
        if sister {
            foreign |= may_decline(contract, action, belief);
        } else {
            for (condition, certain) in of_instance(belief, reading) {
                add(&mut circumstances, condition, certain && named, id);
            }
            if belief.unknown.existence {
                let unknown = match shape_of(id) {
                    IdShape::Short => Condition::UnknownId,
                    IdShape::Long
                    | IdShape::Empty
                    | IdShape::Malformed
                    | IdShape::Impossible
                    | IdShape::Padded => Condition::UnissuedId,
                };
                add(&mut circumstances, unknown, false, id);
            }
        }
        items.insert(
            id.as_ref(),
            ItemRule {
                id,
                rows: rows_for(contract, action, belief),
                states: belief.states,
            },
        );
    }
    let refusals = activate(contract, &circumstances);
    let acceptance = acceptance_of(&refusals);
    let loose = [
        Condition::OddIndex,
        Condition::CasedId,
        Condition::PaddedId,
        Condition::RepeatedId,
    ]
    .into_iter()
    .any(|condition| reading.is(condition));
    Expectation {
        circumstances,
        refusals,
        acceptance,
        items,
        loose,
        foreign,
        is_watched: reading.is_watched,
    }
}

/// Whether a sibling action may refuse this instance: it has no row for a possible state, or the instance is protected.
fn may_decline(contract: &Contract, action: &str, belief: &Belief) -> bool {
    let kind = &belief.kind;
    let protected = kind.stop_protected || kind.termination_protected || belief.unseen.protection;
    let rows = rows_for(contract, action, belief);
    let leaves = |state| rows.iter().any(|(_, row)| row.from == state);
    protected || !belief.states.later().iter().all(leaves)
}

/// Records that an instance meets a condition.
fn add<'a>(circumstances: &mut Vec<Circumstance<'a>>, condition: Condition, certain: bool, id: &'a str) {
    let found = circumstances.binary_search_by_key(&condition, |circumstance| circumstance.condition);
    let at = found.unwrap_or_else(|at| {
        let new = Circumstance {
            condition,
            certain: false,
            words: Vec::new(),
        };
        circumstances.insert(at, new);
        at
    });
    if let Some(circumstance) = circumstances.get_mut(at) {
        circumstance.certain |= certain;
        if !id.is_empty() {
            circumstance.words.push(id);
        }
    }
}

fn rows_for<'a>(contract: &'a Contract, action: &str, belief: &Belief) -> Vec<(usize, &'a Transition)> {
    let states = belief.states.later();
    contract
        .transitions
        .iter()
        .enumerate()
        .filter(|(_, row)| states.contains(row.from) && row.action == action)
        .collect()
}

/// The rows whose condition holds, except those that a certain `must` row masks.
fn activate<'a>(contract: &'a Contract, circumstances: &[Circumstance<'a>]) -> Vec<Active<'a>> {
    if circumstances.is_empty() {
        return Vec::new();
    }
    let mut active: Vec<Active<'a>> = contract
        .refusals
        .iter()
        .enumerate()
        .filter_map(|(row, refusal)| {
            let circumstance = circumstances
                .iter()
                .find(|circumstance| circumstance.condition == refusal.condition)?;
            Some(Active {
                refusal,
                row,
                certain: circumstance.certain,
                words: circumstance.words.clone(),
            })
        })
        .collect();
    let masked: Vec<Condition> = active
        .iter()
        .filter(|active| active.certain && active.refusal.demand == Demand::Must)
        .flat_map(|active| active.refusal.masks.iter().copied())
        .collect();
    active.retain(|active| !masked.contains(&active.refusal.condition));
    active
}

fn acceptance_of(refusals: &[Active<'_>]) -> Acceptance {
    refusals
        .iter()
        .map(|active| match (active.refusal.demand, active.certain) {
            (Demand::Must, true) => Acceptance::Forbidden,
            (Demand::Should, true) => Acceptance::Discouraged,
            (Demand::Must | Demand::Should, false) | (Demand::May, _) => Acceptance::Free,
            (Demand::Tolerated, _) => Acceptance::Expected,
        })
        .max()
        .unwrap_or(Acceptance::Expected)
}

impl<'r> ItemRule<'r> {
    /// The answers with exactly these two states, each with its row and the index of the row.
    pub fn matching<'a>(
        &'a self,
        previous: &'a str,
        current: &'a str,
    ) -> impl Iterator<Item = (usize, &'r Transition, &'r TransitionAnswer)> + 'a {
        self.rows
            .iter()
            .flat_map(|(at, row)| row.answers.iter().map(move |answer| (*at, *row, answer)))
            .filter(move |(_, _, answer)| answer.previous == previous && answer.current == current)
    }

    /// The indices of the rows that are violated if the answer fits none: the rows of the previous state that the
    /// answer reports, or else of the states the instance was last known to be in (not those that time may have moved
    /// it to), or else all rows.
    pub fn blamed(&self, previous: Option<&str>) -> Vec<usize> {
        let of = |fits: &dyn Fn(State) -> bool| -> Vec<usize> {
            let rows = self.rows.iter().filter(|(_, row)| fits(row.from));
            rows.map(|(at, _)| *at).collect()
        };
        let named = of(&|state| previous.is_some() && state.wire_name() == previous);
        let known = of(&|state| self.states.contains(state));
        [named, known]
            .into_iter()
            .find(|rows| !rows.is_empty())
            .unwrap_or_else(|| of(&|_| true))
    }

    /// The states that the instance may be in after the call, if the call is accepted.
    pub fn reached(&self) -> States {
        let answers = self.rows.iter().flat_map(|(_, row)| &row.answers);
        answers.map(|answer| answer.then).collect()
    }

    /// The allowed pairs of previous and current state, in the order of the contract.
    pub fn pairs(&self) -> Vec<(&'r str, &'r str)> {
        let mut pairs: Vec<_> = self
            .rows
            .iter()
            .flat_map(|(_, row)| row.answers.iter())
            .filter(|answer| !answer.odd)
            .map(|answer| (answer.previous.as_str(), answer.current.as_str()))
            .collect();
        pairs.dedup();
        pairs
    }
}

#[cfg(test)]
mod tests;
