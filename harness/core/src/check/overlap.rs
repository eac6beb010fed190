//! Overlapping calls of one step: which states they may find, and that only one of them finds an instance running.

use super::answer::Answered;
use super::rule;
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, Observation};
use crate::contract::State;
use crate::journal::Observed;
use crate::model::{Fleet, States};
use crate::protocol::reply::{self, Body, Reply, StateChange};

impl CaseJudge {
    /// Checks that at most one of several overlapping stops found an instance running.
    pub(super) fn one_transition(
        &self,
        judgement: &mut StepJudgement<'_>,
        answers: &[(&Observation, Answered, &Reply)],
    ) {
        for id in self.fleet.keys() {
            let found_up = answers
                .iter()
                .filter_map(|(_, _, reply)| document_changes(reply))
                .flat_map(|changes| changes.items)
                .filter(|item| item.id == Some(id.as_ref()))
                .filter(found_up)
                .count();
            let touched = answers
                .iter()
                .any(|(_, answered, _)| answered.moved.contains_key(id));
            if touched {
                self.judge.note_rule(
                    judgement,
                    rule::ONE_TRANSITION,
                    Weight::Full,
                    found_up <= 1,
                    || Observed::FoundRunning { calls: found_up },
                );
            }
        }
    }
}

/// The states that one of several overlapping calls may find: the state before them, or after any of them.
pub(super) fn superposed(fleet: &Fleet) -> Fleet {
    let mut fleet = fleet.clone();
    for belief in fleet.values_mut() {
        if belief.states.contains(State::Running) {
            belief.states = belief.states.or(States::one(State::Stopping)).later();
        }
    }
    fleet
}

pub(super) fn found_up(item: &StateChange<'_>) -> bool {
    item.previous_name() == Some("running")
}

pub(super) fn document_changes(reply: &Reply) -> Option<reply::StateChanges<'_>> {
    match &reply.body {
        Body::Document(document) if (200..300).contains(&reply.status) => {
            Some(reply::state_changes(document.root()))
        }
        Body::Document(_) | Body::Empty | Body::Unreadable { .. } => None,
    }
}
