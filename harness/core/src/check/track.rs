//! What a case remembers about one instance beside its possible states.

use std::collections::BTreeSet;

use super::answer;
use super::look::states_of;
use super::rule::Rule;
use super::step_judgement::ClauseIndex;
use crate::contract::State;
use crate::model::{Past, ReadLag, States};
use crate::protocol::reply::Instance;

/// What is remembered about one instance, apart from its possible states.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Clauses of refused calls that forbid the instance to change.
    pub(super) effects: Vec<ClauseIndex>,
    /// Clauses of the last state change that was accepted.
    pub(super) reasons: Vec<ClauseIndex>,
    /// The last accepted stop that found the instance neither stopping nor stopped.
    pub(super) stop: Option<Stop>,
    /// Whether the instance was started again after its fixture was ready.
    pub(super) restarted: bool,
    /// The last accepted stop, if it found the instance already stopping or stopped.
    pub(super) idle_stop: Option<IdleStop>,
    /// Milliseconds that the case waited on purpose since the instance was last described, or last got a stop that had
    /// nothing to do.
    pub(super) passed_ms: u64,
    /// The first description of the instance.
    pub(super) first: Option<Instance>,
    /// The last description of the instance.
    pub(super) last: Option<Instance>,
    /// The states that the last description or proof may have shown; none before the first.
    pub(super) shown: States,
    /// Earlier states of the instance, which descriptions may still show.
    pub(super) past: Past,
    /// Checks that deviated in the last description and that a second description has to confirm.
    pub(super) odd: BTreeSet<Rule>,
    /// Whether one of them deviated for the first time.
    pub(super) is_unconfirmed: bool,
    /// Whether overlapping calls left it open whether it is protected against a stop.
    pub(super) is_protection_unknown: bool,
    /// When a change of its stop protection was answered.
    pub(super) protection_changed_ms: Option<u64>,
    /// When the cancellation of its Spot request was answered.
    pub(super) cancelled_ms: Option<u64>,
    /// Whether a description reported the instance as purged.
    pub(super) purged: bool,
    /// Whether the instance has certainly ended once. What one that comes back has kept is promised nowhere.
    pub(super) has_ended: bool,
    /// Whether the instance had ended when its reboot was accepted, and was not described since. No later call is to
    /// blame if it is up.
    pub(super) may_be_revived: bool,
    /// When a description first showed the current state.
    pub(super) arrived_ms: Option<u64>,
}

/// An accepted stop.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) at_ms: u64,
    pub(super) date: Option<String>,
    pub(super) mode: answer::StopMode,
    pub(super) seen_down: bool,
}

/// An accepted stop that had nothing to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdleStop {
    /// Milliseconds that the case waited on purpose before the stop.
    pub(super) passed_ms: u64,
}

impl Track {
    /// Whether the instance may have been so a moment ago, so that a description sent at `sent_ms` may show it if it is
    /// stale. One that is not described may be missing in a part of the service.
    pub(super) fn may_have_been(&self, instance: Option<&Instance>, lag: ReadLag, sent_ms: u64) -> bool {
        instance.is_none_or(|instance| self.was_in(states_of(instance), lag, sent_ms))
    }

    /// Whether the instance was in one of these states a moment ago, so that a description sent at `sent_ms` may show it
    /// if it is stale.
    pub(super) fn was_in(&self, states: States, lag: ReadLag, sent_ms: u64) -> bool {
        !states.and(self.past.shown(lag, sent_ms)).is_empty()
    }
}

/// The states that a fixture may have been in before it reached this one.
pub(super) fn before(state: State) -> States {
    let states: &[State] = match state {
        State::Pending => &[State::Gone],
        State::Running => &[State::Gone, State::Pending],
        State::Stopping => &[State::Running],
        State::Stopped => &[State::Running, State::Stopping],
        State::Restarting => &[State::Stopping, State::Stopped],
        State::ShuttingDown => &[State::Running],
        State::Terminated | State::Gone => &[State::Running, State::ShuttingDown],
    };
    states.iter().copied().collect()
}
