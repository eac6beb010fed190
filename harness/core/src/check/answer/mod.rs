//! Compares one answer with the expectation: was the call accepted, and with which states? Refusals are judged in
//! `refusal`.

use super::rule;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::facts::{self, Mismatch};
use super::step_judgement::{ClauseIndex, StepJudgement, Weight};
use super::{Judge, Seen, shape};
use crate::call::Call;
use crate::contract::{Condition, State};
use crate::journal::{Excerpt, Expected, Observed};
use crate::model::{self, Acceptance, Expectation, Fleet, Id, ItemRule, Reading, States, Switch};
use crate::protocol::reply::{self, Body, Reply, StateChange};
use crate::protocol::xml::Element;

mod message;
mod refusal;

pub(super) use message::Messages;
pub(super) use refusal::may_have_been_carried_out;
use refusal::{any_form, is_tolerant};
pub(super) use refusal::{bare, certain, denies_own, messages_fit};
use shape::ErrorForm;

/// A call, and what was believed when it was sent.
pub(super) struct Question<'a> {
    pub(super) judge: &'a Judge,
    pub(super) fleet: &'a Fleet,
    pub(super) action: &'a str,
    pub(super) call: &'a Call,
    /// Whether the service may not know yet what was answered before the call was sent.
    pub(super) may_be_unseen: bool,
    /// Whether another client sent the call, of whose credentials and rights nothing is known.
    pub(super) is_watched: bool,
}

/// What an answer means for the call and its instances.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// What is wrong, if the answer as such is not what the contract allows.
    pub(super) wrong: Option<Mismatch>,
    /// What is wrong, if the call was carried out and the answer names states that it may not name.
    pub(super) misstated: Option<Mismatch>,
    /// What came instead, if the call was refused and may be: what only an accepted call shows was not shown.
    pub(super) untold: Option<Mismatch>,
    /// Whether the call was refused as the client's fault, and so must have changed nothing.
    pub(super) refused: bool,
    /// The instances that were reported as unknown because they may have been purged, with the clauses that forbid this
    /// as long as the instances are visible.
    pub(super) purged: BTreeMap<String, Vec<ClauseIndex>>,
    /// What the call did to the instances that it names.
    pub(super) moved: BTreeMap<Id, InstanceChange>,
    /// The states that the answer reports although the call should have been refused.
    pub(super) claimed: BTreeMap<Id, States>,
    /// For each instance, in the order of the fleet, the clauses that forbid the call to change it. Empty if the call
    /// may change instances.
    pub(super) effects: Vec<(Id, Vec<ClauseIndex>)>,
    /// The instances of the fleet that the call names.
    pub(super) named: Vec<Id>,
}

impl Answered {
    /// Whether an instance must stay as it is because the call does not concern it. `clauses` are those that forbid the
    /// call to change it. A refused call that no clause binds must not change even the instances that it names.
    pub(super) fn binds_as_control(&self, id: &Id, clauses: &[ClauseIndex]) -> bool {
        !self.named.contains(id) || (self.refused && clauses.is_empty())
    }
}

/// What a call did to an instance.
#[derive(Debug)]
pub(super) struct InstanceChange {
    /// The states that it may be in now.
    pub(super) states: States,
    /// How it was moved, if that is known.
    pub(super) how: Option<Move>,
    /// The clauses that say which state it is in now.
    pub(super) reasons: Vec<ClauseIndex>,
}

impl InstanceChange {
    /// The instance is in one of these states; how it got there is unknown.
    fn somewhere(states: States) -> Self {
        InstanceChange {
            states,
            how: None,
            reasons: Vec::new(),
        }
    }
}

/// Whether this is the root element of a successful answer of an action.
pub(super) fn is_response(root: Element<'_>, action: &str) -> bool {
    root.name().strip_suffix("Response") == Some(action)
}

/// How an accepted call moved an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// It was up and is being stopped.
    Down(StopMode),
    /// It was stopping or stopped already.
    Idle,
    /// It was started.
    Up,
    /// It is being terminated.
    End,
}

/// How an instance is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopMode {
    /// Shut down.
    Shutdown,
    /// Hibernated.
    Hibernate,
    /// What the options of the call mean together is not recorded.
    Unknown,
}

impl Question<'_> {
    /// Judges the answer.
    pub(super) fn judge(
        &self,
        judgement: &mut StepJudgement<'_>,
        seen: &mut Seen,
        reply: &Reply,
    ) -> Answered {
        let reading = model::read(&self.judge.contract, self.fleet, self.call);
        let reading = if self.is_watched {
            reading.watched()
        } else {
            reading
        };
        let expectation = model::expect(&self.judge.contract, self.fleet, self.action, &reading);
        let mut answered = Answered {
            named: expectation
                .items
                .values()
                .map(|rule| Arc::clone(rule.id))
                .collect(),
            ..Answered::default()
        };
        let certain = expectation.circumstances.iter().filter(|one| one.certain);
        judgement.circumstances(certain.map(|one| one.condition));
        let ok = (200..300).contains(&reply.status);
        let mut named = None;
        match &reply.body {
            Body::Document(document) if ok && is_response(document.root(), self.action) => {
                let changes = reply::state_changes(document.root());
                if self.is_tested() {
                    shape::success(self.judge, judgement, seen, self.call, reply, document, &changes);
                }
                self.accepted(
                    judgement,
                    &expectation,
                    &reading,
                    reply,
                    &changes.items,
                    &mut answered,
                );
            }
            Body::Document(_) | Body::Empty | Body::Unreadable { .. } if ok => {
                self.foreign(judgement, &expectation, &reading, reply, &mut answered);
            }
            Body::Document(_) | Body::Empty | Body::Unreadable { .. } => {
                if self.is_tested() {
                    let form = ErrorForm {
                        echoes: self.echoes(),
                        any: any_form(&expectation),
                    };
                    shape::error(self.judge, judgement, seen, reply, form);
                }
                named = self.refused(judgement, &expectation, reply, &mut answered);
            }
        }
        if may_have_been_carried_out(reply) && expectation.acceptance != Acceptance::Forbidden {
            for rule in expectation.items.values() {
                let moved = InstanceChange::somewhere(rule.states.or(rule.reached()).later());
                answered.moved.entry(Arc::clone(rule.id)).or_insert(moved);
            }
        }
        let refuses = !ok || expectation.acceptance != Acceptance::Expected;
        if refuses && answered.moved.is_empty() {
            answered.effects = self.effects(&expectation, named);
        }
        answered
    }

    /// Judges a success that is not an answer of this action: another document, or none.
    fn foreign(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        reading: &Reading<'_>,
        reply: &Reply,
        answered: &mut Answered,
    ) {
        if expectation.acceptance >= Acceptance::Discouraged {
            // It is not a refusal, so the call counts as accepted.
            self.accepted(judgement, expectation, reading, reply, &[], answered);
            return;
        }
        let observed = Observed::Answer(facts::summary(reply));
        if self.is_tested() && !is_tolerant(expectation) {
            let expected = Expected::Root {
                name: format!("{}Response", self.action),
                namespace: None,
            };
            let clauses = self.judge.of(rule::ROOT_ELEMENT);
            judgement.deviates(clauses, Weight::Full, &Mismatch::new(expected, observed.clone()));
        }
        self.not_as_expected(judgement, expectation, reply.status, &observed, answered);
        // What the call did to the instances that it names is unknown.
        for rule in expectation.items.values() {
            answered
                .moved
                .insert(Arc::clone(rule.id), InstanceChange::somewhere(States::ANY));
        }
    }

    fn is_tested(&self) -> bool {
        self.action == self.judge.contract.action
    }

    /// Whether a parameter holds text that XML must escape, or cannot hold at all.
    fn echoes(&self) -> bool {
        self.call.params.iter().any(|(_, value)| {
            value
                .chars()
                .any(|character| character.is_control() || matches!(character, '<' | '>' | '&'))
        })
    }

    fn accepted(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        reading: &Reading<'_>,
        reply: &Reply,
        items: &[StateChange<'_>],
        answered: &mut Answered,
    ) {
        let of_action = reply.root().is_some_and(|root| is_response(root, self.action));
        let observed = || match of_action {
            true => facts::accepted(reply.status, items),
            false => Observed::Answer(facts::summary(reply)),
        };
        let weight = match expectation.acceptance {
            Acceptance::Forbidden => Some(Weight::Full),
            Acceptance::Discouraged => Some(Weight::Advisory),
            Acceptance::Expected | Acceptance::Free => None,
        };
        if let Some(weight) = weight {
            let mismatch = Mismatch::new(facts::refusals(expectation), observed());
            for active in certain(expectation) {
                let clauses = &self.judge.refusal(active.row).refused;
                judgement.deviates(clauses, weight, &mismatch);
            }
            answered.wrong = Some(mismatch);
            for item in items {
                let current = item.current_name().unwrap_or_default();
                let own = item.id.and_then(|id| self.fleet.get_key_value(id));
                if let Some((id, _)) = own {
                    let states = States::named(current).later();
                    answered.claimed.insert(Arc::clone(id), states);
                }
            }
            return;
        }
        for rule in expectation.items.values() {
            // OQ-09: what a second item about the same instance means is not recorded.
            let Some(item) = items.iter().find(|item| item.id == Some(rule.id.as_ref())) else {
                if expectation.loose {
                    let states = self
                        .fleet
                        .get(rule.id)
                        .map_or(States::ANY, |belief| belief.states);
                    let moved = InstanceChange::somewhere(states.or(States::one(State::Stopping)).later());
                    answered.moved.insert(Arc::clone(rule.id), moved);
                }
                continue;
            };
            self.item(judgement, rule, item, reading, answered);
        }
        self.items_are_those_named(judgement, expectation, reading, items, &observed, answered);
    }

    /// Judges one item, and records the state of its instance.
    fn item(
        &self,
        judgement: &mut StepJudgement<'_>,
        rule: &ItemRule<'_>,
        item: &StateChange<'_>,
        reading: &Reading<'_>,
        answered: &mut Answered,
    ) {
        let previous = item.previous_name().unwrap_or_default();
        let current = item.current_name().unwrap_or_default();
        let id = rule.id;
        let mismatch = || {
            let expected = Expected::Changes {
                status: None,
                items: vec![facts::allowed_change(rule)],
            };
            Mismatch::new(expected, Observed::Change(facts::changed(id, previous, current)))
        };
        let may_have_been = rule
            .rows
            .iter()
            .any(|(_, row)| row.from.wire_name() == Some(previous));
        if self.is_tested() {
            self.judge.note(
                judgement,
                rule::PREVIOUS_STATE,
                Weight::Full,
                may_have_been,
                mismatch,
            );
        }
        let matching: Vec<_> = rule.matching(previous, current).collect();
        let found = self.fleet.get(id).map_or(States::NONE, |belief| {
            belief.states.later().and(States::named(previous))
        });
        if matching.is_empty() && !self.is_tested() && !may_have_been && !found.is_empty() {
            // The contract does not say what a sister action does from this state.
            let states = States::named(current).later();
            answered
                .moved
                .insert(Arc::clone(id), InstanceChange::somewhere(states));
            return;
        }
        let Some((_, first_row, first_answer)) = matching.first() else {
            let mismatch = mismatch();
            for row in rule.blamed(Some(previous)) {
                judgement.deviates(self.judge.transition(row), Weight::Full, &mismatch);
            }
            // The clauses of the rows judge the states; the call itself was understood and carried out.
            answered.misstated.get_or_insert(mismatch);
            // The deviation is reported; the instance may be in the state that the answer reports, or in the right one.
            let states = States::named(current).or(rule.reached()).later();
            answered
                .moved
                .insert(Arc::clone(id), InstanceChange::somewhere(states));
            return;
        };
        // User guide: an instance can be force-stopped while it is pending, so the clauses of a plain stop do not
        // apply.
        let is_free = reading.force != Switch::Off && first_row.from == State::Pending;
        let only_odd = matching.iter().all(|(_, _, answer)| answer.odd);
        let mut reasons = Vec::new();
        for (row, _, _) in &matching {
            let clauses = self.judge.transition(*row);
            match (is_free, only_odd) {
                (true, _) => {}
                (false, true) => judgement.deviates(clauses, Weight::Advisory, &mismatch()),
                (false, false) => judgement.held(clauses),
            }
            reasons.extend_from_slice(clauses);
        }
        let moved = InstanceChange {
            states: matching.iter().map(|(_, _, answer)| answer.then).collect(),
            how: Some(move_of(first_row.from, first_answer.then, mode_of(reading))),
            reasons,
        };
        answered.moved.insert(Arc::clone(id), moved);
    }

    fn items_are_those_named(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        reading: &Reading<'_>,
        items: &[StateChange<'_>],
        observed: &dyn Fn() -> Observed,
        answered: &mut Answered,
    ) {
        if !self.is_tested() {
            return;
        }
        let ids: BTreeSet<&str> = items.iter().filter_map(|item| item.id).collect();
        let with_id = items.iter().filter(|item| item.id.is_some()).count();
        let named = &expectation.items;
        let strangers = ids.iter().any(|id| !named.contains_key(id));
        let missing = named.keys().any(|id| !ids.contains(id));
        let repeated = with_id > ids.len();
        // An id with white space around it may be ignored, or name the instance a second time.
        let padded = reading.is(Condition::PaddedId);
        let may_repeat = padded || reading.is(Condition::RepeatedId);
        let fits = !strangers && (!missing || padded) && (!repeated || may_repeat);
        let mismatch = || {
            let expected = Expected::Items {
                ids: named.keys().map(|id| Excerpt::word(id)).collect(),
            };
            Mismatch::new(expected, observed())
        };
        if reading.is(Condition::OddIndex) {
            // OQ-03: what an odd index names is not known; an answer that leaves out an instance is worth a warning.
            let weight = if strangers { Weight::Full } else { Weight::Advisory };
            if strangers || missing && !reading.is(Condition::RepeatedScalar) {
                let clauses = self.judge.of(rule::ONE_ITEM_PER_INSTANCE);
                judgement.deviates(clauses, weight, &mismatch());
            }
            return;
        }
        self.judge.note(
            judgement,
            rule::ONE_ITEM_PER_INSTANCE,
            Weight::Full,
            fits,
            mismatch,
        );
        if !fits {
            answered.wrong.get_or_insert_with(mismatch);
        }
    }
}

fn mode_of(reading: &Reading<'_>) -> StopMode {
    match reading.hibernate {
        Switch::Off => StopMode::Shutdown,
        Switch::On if reading.force == Switch::Off && reading.skip_os_shutdown == Switch::Off => {
            StopMode::Hibernate
        }
        // OQ-07 and OQ-11.
        Switch::On | Switch::Odd => StopMode::Unknown,
    }
}

fn move_of(from: State, then: State, mode: StopMode) -> Move {
    match (from, then) {
        (_, State::ShuttingDown | State::Terminated | State::Gone) => Move::End,
        (State::Stopped | State::Stopping, State::Stopping | State::Stopped) => Move::Idle,
        (_, State::Stopping | State::Stopped) => Move::Down(mode),
        (_, State::Pending | State::Restarting | State::Running) => Move::Up,
    }
}
