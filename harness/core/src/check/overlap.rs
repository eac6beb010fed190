//! Overlapping calls of one step.
//!
//! Each answer is first judged against every state that an instance may have been in while the calls were under way:
//! what deviates there deviates in every order of the calls. Then `history` searches for an order that explains all
//! answers together, and for the states in which such orders end.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::{Answered, StopMode};
use super::facts::Mismatch;
use super::history::{HistoryCall, Verdicts};
use super::rule;
use super::step_judgement::{StepJudgement, Weight};
use super::witness::StepFindings;
use super::{CaseJudge, Observation, Question, Stop, is_read, place_in};
use crate::contract::Contract;
use crate::journal::{Doubt, Ending, Expected, Observed, Role, StepStarted};
use crate::model::{Fleet, Id, States};
use crate::protocol::reply::{self, Body, Reply, StateChange};

impl CaseJudge {
    /// Judges overlapping calls, and updates the beliefs.
    pub(super) fn overlap(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        step: &StepStarted,
        observations: &[Observation],
    ) {
        let judge = Arc::clone(&self.judge);
        let mut acts: Vec<&Observation> = observations.iter().filter(|one| one.role == Role::Act).collect();
        // The call that found an instance running goes first; the others are sorted so that the order of equal calls in
        // the journal, which means nothing, changes nothing.
        acts.sort_by_cached_key(|act| {
            let up = act
                .reply()
                .and_then(document_changes)
                .is_some_and(|changes| changes.items.iter().any(found_up));
            (!up, act.reply().map(|reply| &reply.body))
        });
        self.mark_unseen(acts.iter().map(|act| act.at_ms).min().unwrap_or_default());
        let mut history: Vec<HistoryCall<'_>> = acts
            .iter()
            .map(|act| HistoryCall::new(&judge, &self.fleet, act))
            .collect();
        let before = self.fleet.clone();
        let widest = widest(&judge.contract, &before, &history);
        self.fleet.clone_from(&widest);
        let mut answers = Vec::with_capacity(history.len());
        for call in &mut history {
            let act = call.act;
            judgement.about(place_in(observations, act));
            let Some(reply) = act.reply() else {
                self.unanswered(judgement, step, act);
                continue;
            };
            let Some(action) = call.tested_action() else {
                self.ask(judgement, act);
                continue;
            };
            let found = as_found(widest.clone(), reply);
            let question = Question {
                judge: &judge,
                fleet: &found,
                action,
                call: &act.call,
                may_be_unseen: self.may_be_stale(act.at_ms),
                is_watched: false,
            };
            let answered = question.judge(judgement, &mut self.seen, reply);
            if answered.wrong.is_some() || answered.misstated.is_some() {
                // It is no answer from any state, so nothing follows from it about the order.
                call.ignore_answer();
            }
            answers.push((act, answered, reply));
        }
        judgement.about(None);
        self.one_transition(judgement, &history, &answers);
        self.witness(judgement, step, &StepFindings::of(&answers));
        let verdicts = Verdicts::of(&judge, &before, &history, self.read_lag, |act| {
            self.may_be_stale(act.at_ms)
        });
        verdicts.note(judgement, &judge);
        let only_stops = history.iter().all(|call| call.only_stops(&judge.contract));
        if only_stops {
            self.apply(&answers);
        } else {
            self.moved_anyhow(&history, &answers, &widest);
        }
        for (id, standing) in verdicts.finals() {
            if let (Some(belief), Some(track)) = (self.fleet.get_mut(id), self.tracks.get_mut(id)) {
                standing.apply_to(belief);
                track.is_protection_unknown = standing.stop_protected.is_none();
                let goes_down = standing.states.within(States::down());
                if !only_stops
                    && goes_down
                    && !before
                        .get(id)
                        .is_some_and(|old| old.states.within(States::down()))
                {
                    track.stop = answers.iter().map(|(act, ..)| act.at_ms).max().map(|at_ms| Stop {
                        at_ms,
                        date: None,
                        mode: StopMode::Unknown,
                        seen_down: false,
                    });
                }
            }
        }
        for act in acts.iter().filter(|act| !is_read(&act.call)) {
            self.changed(act.answered_ms);
        }
    }

    /// Judges a call that was not answered: the endpoint has to answer overlapping calls, too.
    fn unanswered(&self, judgement: &mut StepJudgement<'_>, step: &StepStarted, act: &Observation) {
        let judge = &self.judge;
        judgement.unknown(
            &judge.clause_table.indices(&step.witness),
            &Mismatch::new(Expected::Answer, Doubt::NoAnswer),
        );
        let rule = match &act.ending {
            Ending::Failed { .. } | Ending::Silent => Some(rule::WIRE_ANSWERED),
            _ => act.breach(),
        };
        if let Some(rule) = rule {
            judge.note_rule(judgement, rule, Weight::Full, false, || act.on_the_connection());
        }
    }

    /// Checks that at most one of several overlapping stops found an instance running, if none of the calls may have
    /// brought it up again.
    fn one_transition(
        &self,
        judgement: &mut StepJudgement<'_>,
        history: &[HistoryCall<'_>],
        answers: &[(&Observation, Answered, &Reply)],
    ) {
        for id in self.fleet.keys() {
            let contract = &self.judge.contract;
            if history
                .iter()
                .any(|call| call.names(id) && !call.only_stops(contract))
            {
                continue;
            }
            let calls = answers
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
                self.judge
                    .note_rule(judgement, rule::ONE_TRANSITION, Weight::Full, calls <= 1, || {
                        Observed::FoundRunning { calls }
                    });
            }
        }
    }

    /// Updates the tracks of the instances that calls name which do not all stop: how each was moved last is not known.
    fn moved_anyhow(
        &mut self,
        history: &[HistoryCall<'_>],
        answers: &[(&Observation, Answered, &Reply)],
        widest: &Fleet,
    ) {
        let named: BTreeSet<&Id> = history
            .iter()
            .filter(|call| !call.only_reads())
            .flat_map(HistoryCall::ids)
            .collect();
        let last_ms = history.iter().map(|call| call.act.answered_ms).max();
        for id in named {
            let (Some(belief), Some(track)) = (widest.get(id), self.tracks.get_mut(id)) else {
                continue;
            };
            track.past.leave(belief.states, last_ms.unwrap_or_default());
            track.odd.clear();
            track.effects.clear();
            (track.last, track.stop, track.idle_stop) = (None, None, None);
            track.restarted = true;
            track.has_ended |= !belief.states.and(States::dead()).is_empty();
            track.is_protection_unknown |= history.iter().any(|call| call.protects() && call.names(id));
            let moves = answers
                .iter()
                .filter_map(|(_, answered, _)| answered.moved.get(id));
            let reasons: BTreeSet<_> = moves.flat_map(|moved| moved.reasons.iter().copied()).collect();
            track.reasons = reasons.into_iter().collect();
        }
    }
}

/// The fleet with every state that an instance may be in while the calls are under way, in whatever order they take
/// effect.
fn widest(contract: &Contract, fleet: &Fleet, history: &[HistoryCall<'_>]) -> Fleet {
    let mut widest = fleet.clone();
    loop {
        let mut grows = false;
        for call in history.iter().filter(|call| !call.only_reads()) {
            for id in call.ids() {
                let Some(belief) = widest.get_mut(id) else {
                    continue;
                };
                let states = belief.states.or(call.reached(contract, belief.states)).later();
                grows |= states != belief.states;
                belief.states = states;
                belief.unseen.protection |= call.protects();
            }
        }
        if !grows {
            return widest;
        }
    }
}

/// The fleet as a call found it by its own answer: an instance was in the state that the answer names, if that is
/// possible.
pub(super) fn as_found(mut fleet: Fleet, reply: &Reply) -> Fleet {
    let items = document_changes(reply)
        .into_iter()
        .flat_map(|changes| changes.items);
    for item in items {
        let Some(belief) = item.id.and_then(|id| fleet.get_mut(id)) else {
            continue;
        };
        let found = belief
            .states
            .and(States::named(item.previous_name().unwrap_or_default()));
        if !found.is_empty() {
            belief.states = found;
        }
    }
    fleet
}

/// Whether an item says that its instance was running.
pub(super) fn found_up(item: &StateChange<'_>) -> bool {
    item.previous_name() == Some("running")
}

/// The items of a success.
pub(super) fn document_changes(reply: &Reply) -> Option<reply::StateChanges<'_>> {
    match &reply.body {
        Body::Document(document) if (200..300).contains(&reply.status) => {
            Some(reply::state_changes(document.root()))
        }
        Body::Document(_) | Body::Empty | Body::Unreadable { .. } => None,
    }
}
