//! From beliefs and a call to the set of allowed answers.

use std::collections::BTreeMap;

use super::belief::{Belief, Fleet, States};
use super::read::{Reading, Switch};
use crate::contract::{
    Condition, Contract, Demand, Market, Refusal, Root, State, Transition, TransitionAnswer,
};

/// Every answer that is allowed to one call.
#[derive(Debug)]
pub struct Expectation<'c> {
    /// The refusals that may come.
    pub refusals: Vec<Active<'c>>,
    /// Whether and how the call may be accepted.
    pub acceptance: Acceptance,
    /// What each named instance of the fleet may answer if the call is accepted.
    pub items: BTreeMap<String, ItemRule<'c>>,
    /// Whether the set of items is not known exactly: odd indices, other cases, repeated ids.
    pub loose: bool,
}

/// A refusal that may come.
#[derive(Debug)]
pub struct Active<'c> {
    /// The row of the contract.
    pub refusal: &'c Refusal,
    /// Whether its condition holds in every possible world.
    pub certain: bool,
    /// The ids or words at fault.
    pub words: Vec<String>,
}

/// Whether a call may be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acceptance {
    /// It is expected.
    Expected,
    /// Acceptance and refusal are both fine.
    Free,
    /// A refusal is expected, but the evidence has a gap: acceptance is a warning.
    Discouraged,
    /// It must be refused.
    Forbidden,
}

/// What an item about one instance may say.
#[derive(Debug)]
pub struct ItemRule<'c> {
    /// The rows that may apply, one for each state the instance may be in.
    pub rows: Vec<&'c Transition>,
}

/// The allowed answers to a call.
pub fn expect<'c>(contract: &'c Contract, fleet: &Fleet, action: &str, reading: &Reading) -> Expectation<'c> {
    let mut conditions: BTreeMap<Condition, (bool, Vec<String>)> = reading
        .conditions
        .iter()
        .map(|(condition, words)| (*condition, (true, words.clone())))
        .collect();
    let mut items = BTreeMap::new();
    for id in &reading.ids {
        let Some((id, belief)) = fleet
            .get_key_value(id)
            .or_else(|| fleet.get_key_value(&id.to_ascii_lowercase()))
        else {
            continue;
        };
        // Only the action under test has refusals that depend on an instance; its siblings have rows of transitions.
        if action == contract.action {
            for (condition, certain) in conditions_of(belief, reading) {
                let entry = conditions.entry(condition).or_default();
                entry.0 |= certain;
                entry.1.push(id.clone());
            }
        }
        items.insert(
            id.clone(),
            ItemRule {
                rows: rows_for(contract, action, belief),
            },
        );
    }
    let refusals = activate(contract, &conditions);
    let acceptance = acceptance_of(&refusals);
    let loose = [Condition::OddIndex, Condition::CasedId, Condition::RepeatedId]
        .into_iter()
        .any(|condition| reading.is(condition));
    Expectation {
        refusals,
        acceptance,
        items,
        loose,
    }
}

/// The conditions that an instance brings, each with whether it holds whatever state the instance is in.
fn conditions_of(belief: &Belief, reading: &Reading) -> Vec<(Condition, bool)> {
    let states = belief.states.later();
    let certain = states.only().is_some() || belief.states.only().is_some_and(|only| !moves(only));
    let mut conditions: Vec<(Condition, bool)> = states
        .iter()
        .filter_map(|state| {
            let condition = match state {
                State::Pending => Condition::NeverRan,
                State::Restarting => Condition::Restarting,
                State::Running => return None,
                State::Stopping => Condition::Stopping,
                State::Stopped => Condition::Stopped,
                State::ShuttingDown => Condition::ShuttingDown,
                State::Terminated => Condition::Terminated,
                State::Gone => Condition::Gone,
            };
            Some((condition, certain))
        })
        .collect();
    // Such an instance is refused alike whether it is still shutting down, terminated or purged.
    let dead: States = [State::ShuttingDown, State::Terminated, State::Gone]
        .into_iter()
        .collect();
    if states.within(dead) {
        for (condition, certain) in &mut conditions {
            *certain |= matches!(*condition, Condition::ShuttingDown | Condition::Terminated);
        }
    }
    // With any other state the service may name that one first, or do nothing at all (OQ-14).
    let running = states == States::one(State::Running);
    let kinds = [
        (Condition::InstanceStore, belief.kind.root == Root::InstanceStore),
        (Condition::StopProtected, belief.kind.stop_protected),
        (Condition::OneTimeSpot, belief.kind.market == Market::OneTimeSpot),
        (
            Condition::PersistentSpot,
            belief.kind.market == Market::PersistentSpot,
        ),
        (Condition::CancelledSpot, belief.spot_cancelled),
        (
            Condition::NotHibernatable,
            reading.hibernate == Switch::On && !belief.kind.hibernation,
        ),
        (
            Condition::HibernateTooSoon,
            reading.hibernate != Switch::Off && belief.kind.hibernation,
        ),
    ];
    conditions.extend(
        kinds
            .into_iter()
            .filter(|(_, holds)| *holds)
            // How long an instance must have run is not documented, so nobody can tell that it is too soon.
            .map(|(condition, _)| (condition, running && condition != Condition::HibernateTooSoon)),
    );
    conditions
}

/// Whether time alone may take an instance out of this state.
fn moves(state: State) -> bool {
    States::one(state).later() != States::one(state)
}

fn rows_for<'c>(contract: &'c Contract, action: &str, belief: &Belief) -> Vec<&'c Transition> {
    let states = belief.states.later();
    contract
        .transitions
        .iter()
        .filter(|row| row.action == action && states.contains(row.from))
        .collect()
}

/// The rows whose condition holds, without those that a certain one hides.
fn activate<'c>(
    contract: &'c Contract,
    conditions: &BTreeMap<Condition, (bool, Vec<String>)>,
) -> Vec<Active<'c>> {
    let all: Vec<Active<'c>> = contract
        .refusals
        .iter()
        .filter_map(|refusal| {
            let (certain, words) = conditions.get(&refusal.condition)?;
            Some(Active {
                refusal,
                certain: *certain,
                words: words.clone(),
            })
        })
        .collect();
    let masked: Vec<Condition> = all
        .iter()
        .filter(|active| active.certain && active.refusal.demand == Demand::Must)
        .flat_map(|active| active.refusal.masks.iter().copied())
        .collect();
    all.into_iter()
        .filter(|active| !masked.contains(&active.refusal.condition))
        .collect()
}

fn acceptance_of(refusals: &[Active<'_>]) -> Acceptance {
    refusals
        .iter()
        .map(|active| match (active.refusal.demand, active.certain) {
            (Demand::Must, true) => Acceptance::Forbidden,
            (Demand::Should, true) => Acceptance::Discouraged,
            (Demand::Must | Demand::Should, false) | (Demand::May, _) => Acceptance::Free,
            (Demand::Odd, _) => Acceptance::Expected,
        })
        .max()
        .unwrap_or(Acceptance::Expected)
}

impl<'c> ItemRule<'c> {
    /// The answers of any row that say exactly this, with their rows.
    pub fn matching<'a>(
        &'a self,
        previous: &'a str,
        current: &'a str,
    ) -> impl Iterator<Item = (&'c Transition, &'c TransitionAnswer)> + 'a {
        self.rows
            .iter()
            .flat_map(|row| row.answers.iter().map(move |answer| (*row, answer)))
            .filter(move |(_, answer)| answer.previous == previous && answer.current == current)
    }

    /// The allowed pairs, for people.
    pub fn describe(&self) -> String {
        let mut pairs: Vec<String> = self
            .rows
            .iter()
            .flat_map(|row| row.answers.iter())
            .filter(|answer| !answer.odd)
            .map(|answer| format!("{} → {}", answer.previous, answer.current))
            .collect();
        pairs.dedup();
        pairs.join(" or ")
    }
}
