//! Beliefs about the instances of a case: for each, a set of possible states, and facts that do not change by
//! themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::contract::{FixtureKind, Market, State};

/// The id of an instance. Cheap to clone.
pub type Id = Arc<str>;

/// The instances of a case, by id.
pub type Fleet = BTreeMap<Id, Belief>;

/// What the model believes about one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// The states it may be in.
    pub states: States,
    /// Its fixed properties, and its protections as they were last set.
    pub kind: FixtureKind,
    /// Whether its Spot request was cancelled.
    pub spot_cancelled: bool,
    /// Changes of it that a call sent now may not see yet.
    pub unseen: Unseen,
    /// What is not known of it. The values in `kind` mean nothing then.
    pub unknown: Unknown,
}

/// What is not known of an instance that another client launched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Whether there has ever been an instance with this id.
    pub existence: bool,
    /// Its market.
    pub market: bool,
    /// Its root device.
    pub root: bool,
    /// Whether it is configured for hibernation.
    pub hibernation: bool,
    /// Whether its Spot request was cancelled.
    pub cancellation: bool,
}

/// Changes of an instance that were answered but that calls may not see yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Its stop protection was set or lifted.
    pub protection: bool,
    /// Its Spot request was cancelled.
    pub cancellation: bool,
}

/// A set of states.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct States(u8);

impl Belief {
    /// The belief about an instance that is exactly as its fixture requires.
    pub fn of(kind: FixtureKind) -> Self {
        Belief {
            states: States::one(kind.state),
            kind,
            spot_cancelled: false,
            unseen: Unseen::default(),
            unknown: Unknown::default(),
        }
    }

    /// The belief about an instance of which only its id is known, and that may not exist.
    pub fn of_anything() -> Self {
        Belief {
            states: States::ANY,
            kind: FixtureKind::default(),
            spot_cancelled: false,
            unseen: Unseen::default(),
            unknown: Unknown {
                existence: true,
                market: true,
                root: true,
                hibernation: true,
                cancellation: true,
            },
        }
    }

    /// Whether it is a Spot Instance.
    pub fn is_spot(&self) -> bool {
        self.kind.market != Market::OnDemand
    }
}

impl States {
    /// No state: a contradiction.
    pub const NONE: States = States(0);
    /// Every state: nothing is known.
    pub const ANY: States = States(u8::MAX);

    /// The states that an instance does not leave by itself, except that a terminated one is purged.
    pub fn still() -> Self {
        [State::Running, State::Stopped, State::Terminated, State::Gone]
            .into_iter()
            .collect()
    }

    /// The states of an instance that is being stopped or is stopped.
    pub fn down() -> Self {
        [State::Stopping, State::Stopped].into_iter().collect()
    }

    /// Shutting down, terminated, or purged.
    pub fn dead() -> Self {
        [State::ShuttingDown, State::Terminated, State::Gone]
            .into_iter()
            .collect()
    }

    /// Only this state.
    pub fn one(state: State) -> Self {
        States(bit(state))
    }

    /// The states with this name on the wire; empty if no state has it.
    pub fn named(name: &str) -> Self {
        State::ALL
            .into_iter()
            .filter(|state| state.wire_name() == Some(name))
            .collect()
    }

    /// Whether the set contains this state.
    pub fn contains(self, state: State) -> bool {
        self.0 & bit(state) != 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every state of the set is also in `other`.
    pub fn within(self, other: States) -> bool {
        self.0 & !other.0 == 0
    }

    /// The states in both sets.
    #[must_use]
    pub fn and(self, other: States) -> States {
        States(self.0 & other.0)
    }

    /// The states in this set that are not in `other`.
    #[must_use]
    pub fn without(self, other: States) -> States {
        States(self.0 & !other.0)
    }

    /// The states in either set.
    #[must_use]
    pub fn or(self, other: States) -> States {
        States(self.0 | other.0)
    }

    /// The states in the set, in the order of an instance's life.
    pub fn iter(self) -> impl Iterator<Item = State> {
        State::ALL.into_iter().filter(move |state| self.contains(*state))
    }

    /// The only state in the set; `None` if it has no state or several.
    pub fn only(self) -> Option<State> {
        if self.0.count_ones() == 1 {
            self.iter().next()
        } else {
            None
        }
    }

    /// The states to which time alone may have moved it: each state of the set, and all that follow without a call.
    #[must_use]
    pub fn later(self) -> States {
        let mut set = self;
        for state in State::ALL {
            if set.contains(state) {
                set = set.or(next_by_itself(state).map_or(States::NONE, States::one));
            }
        }
        set
    }
}

/// The next state that an instance enters by itself. The order of [`State::ALL`] makes one pass in [`States::later`]
/// enough.
fn next_by_itself(state: State) -> Option<State> {
    match state {
        State::Pending | State::Restarting => Some(State::Running),
        State::Stopping => Some(State::Stopped),
        State::ShuttingDown => Some(State::Terminated),
        State::Terminated => Some(State::Gone),
        State::Running | State::Stopped | State::Gone => None,
    }
}

fn bit(state: State) -> u8 {
    1 << (state as u8)
}

impl FromIterator<State> for States {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> Self {
        states
            .into_iter()
            .fold(States::NONE, |set, state| set.or(States::one(state)))
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_a_stopping_instance_to_stopped_and_no_further() {
        let later = States::one(State::Stopping).later();
        assert_eq!(later, [State::Stopping, State::Stopped].into_iter().collect());
        assert_eq!(later.later(), later);
    }

    #[test]
    fn time_purges_an_instance_that_is_shutting_down() {
        let later = States::one(State::ShuttingDown).later();
        assert!(later.contains(State::Gone));
        assert!(!later.contains(State::Stopped));
    }

    #[test]
    fn time_never_stops_a_running_instance() {
        assert_eq!(States::one(State::Running).later(), States::one(State::Running));
    }

    #[test]
    fn pending_on_the_wire_may_be_a_launch_or_a_restart() {
        assert_eq!(States::named("pending").iter().count(), 2);
        assert!(States::named("Pending").is_empty());
    }

    #[test]
    fn every_state_has_a_bit_of_its_own() {
        let all: States = State::ALL.into_iter().collect();
        assert_eq!(all, States::ANY);
        assert_eq!(States::one(State::Gone).only(), Some(State::Gone));
    }
}
