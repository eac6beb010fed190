//! One answer against the expectation: accepted, and with which states? Refusals are the business of `refusal`.

use std::collections::{BTreeMap, BTreeSet};

use super::sheet::{Sheet, Weight};
use super::text::one_line;
use super::{Judge, Seen, shape};
use crate::call::Call;
use crate::contract::{Check, Clause, ClauseId, Condition, State};
use crate::model::{self, Acceptance, Expectation, Fleet, ItemRule, Reading, States, Switch};
use crate::protocol::reply::{self, Body, Reply, StateChange};

mod refusal;
mod words;

use refusal::{certain, is_tolerant};
use words::{items_in_words, refusals_in_words};

/// A call, and what is believed as it is sent.
pub(super) struct Question<'a> {
    pub(super) judge: &'a Judge,
    pub(super) fleet: &'a Fleet,
    pub(super) action: &'a str,
    pub(super) call: &'a Call,
}

/// What an answer tells.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Allowed and observed, if the answer as such is not what the contract allows.
    pub(super) wrong: Option<(String, String)>,
    /// Allowed and observed, if the call was carried out and the answer names states that it may not name.
    pub(super) misstated: Option<(String, String)>,
    /// Allowed and observed, if the call was refused where it may be: what only an acceptance shows was not shown.
    pub(super) untold: Option<(String, String)>,
    /// Whether it was refused as the client's fault, and so must have changed nothing.
    pub(super) refused: bool,
    /// The instances that were said to be unknown because they may have been purged, with the clauses that forbid
    /// to say so as long as they are visible.
    pub(super) purged: BTreeMap<String, Vec<ClauseId>>,
    /// Where the instances are that it moved.
    pub(super) beliefs: BTreeMap<String, States>,
    /// How it moved them.
    pub(super) moves: BTreeMap<String, Move>,
    /// The clauses that say where they are now.
    pub(super) reasons: BTreeMap<String, Vec<ClauseId>>,
    /// For each instance of the fleet, the clauses that forbid the call to change it.
    pub(super) effects: BTreeMap<String, Vec<ClauseId>>,
    /// The instances of the fleet that the call names.
    pub(super) named: Vec<String>,
}

/// How an accepted call moved an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// It was up and is being stopped.
    Down(Manner),
    /// It was stopping or stopped already.
    Idle,
    /// It was started.
    Up,
    /// It is being terminated.
    End,
}

/// In which manner an instance is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Shut down.
    Shutdown,
    /// Hibernated.
    Hibernate,
    /// Nobody recorded what the options of the call mean together.
    Unknown,
}

impl Question<'_> {
    /// Judges the answer.
    pub(super) fn judge(&self, sheet: &mut Sheet, seen: &mut Seen, reply: &Reply) -> Answered {
        let reading = model::read(&self.judge.contract, self.fleet, self.call);
        let expectation = model::expect(&self.judge.contract, self.fleet, self.action, &reading);
        let mut answered = Answered {
            named: expectation.items.keys().cloned().collect(),
            ..Answered::default()
        };
        let ok = (200..300).contains(&reply.status);
        let mut named = None;
        match &reply.body {
            Body::Document(document) if ok && document.root.name == format!("{}Response", self.action) => {
                let changes = reply::state_changes(&document.root);
                if self.is_tested() {
                    shape::success(self.judge, sheet, seen, self.call, reply, document, &changes);
                }
                self.accepted(
                    sheet,
                    &expectation,
                    &reading,
                    reply,
                    &changes.items,
                    &mut answered,
                );
            }
            body if ok => self.foreign(sheet, &expectation, &reading, reply, body, &mut answered),
            Body::Document(_) | Body::Empty | Body::Unreadable { .. } => {
                if self.is_tested() {
                    shape::error(self.judge, sheet, seen, reply, self.echoes());
                }
                named = self.refused(sheet, &expectation, reply, &mut answered);
            }
        }
        let refuses = !ok || expectation.acceptance != Acceptance::Expected;
        if refuses && answered.beliefs.is_empty() {
            answered.effects = self.effects(&expectation, named);
        }
        answered
    }

    /// A success that is no answer of this action: another document, or none.
    fn foreign(
        &self,
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        reading: &Reading,
        reply: &Reply,
        body: &Body,
        answered: &mut Answered,
    ) {
        if expectation.acceptance >= Acceptance::Discouraged {
            // Whatever it is, it is no refusal.
            self.accepted(sheet, expectation, reading, reply, &[], answered);
            return;
        }
        let observed = format!("{} with {}", reply.status, shape::body_in_words(body));
        if self.is_tested() && !is_tolerant(expectation) {
            let allowed = format!("<{}Response>", self.action);
            self.judge.note(
                sheet,
                Check::RootElement,
                Weight::Full,
                false,
                &allowed,
                &observed,
            );
        }
        self.not_as_expected(sheet, expectation, reply.status, &observed, answered);
        // Nobody can tell what it did to the instances it names.
        for id in expectation.items.keys() {
            answered.beliefs.insert(id.clone(), States::ANY);
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
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        reading: &Reading,
        reply: &Reply,
        items: &[StateChange],
        answered: &mut Answered,
    ) {
        let observed = format!("{} {}", reply.status, items_in_words(items));
        let weight = match expectation.acceptance {
            Acceptance::Forbidden => Some(Weight::Full),
            Acceptance::Discouraged => Some(Weight::Advisory),
            Acceptance::Expected | Acceptance::Free => None,
        };
        if let Some(weight) = weight {
            let allowed = refusals_in_words(expectation);
            for active in certain(expectation) {
                sheet.deviates(
                    self.clauses(&active.refusal.clauses.refused),
                    weight,
                    &allowed,
                    &observed,
                );
            }
            answered.wrong = Some((allowed, observed));
            return;
        }
        for (id, rule) in &expectation.items {
            // OQ-09: what a second item about the same instance says, nobody recorded.
            let Some(item) = items.iter().find(|item| item.id.as_deref() == Some(id.as_str())) else {
                if expectation.loose {
                    let states = self.fleet.get(id).map_or(States::ANY, |belief| belief.states);
                    answered
                        .beliefs
                        .insert(id.clone(), states.or(States::one(State::Stopping)).later());
                }
                continue;
            };
            self.item(sheet, id, rule, item, reading, answered);
        }
        self.items_are_those_named(sheet, expectation, reading, items, &observed, answered);
    }

    /// Judges one item, and takes over where its instance is.
    fn item(
        &self,
        sheet: &mut Sheet,
        id: &str,
        rule: &ItemRule<'_>,
        item: &StateChange,
        reading: &Reading,
        answered: &mut Answered,
    ) {
        let name = |state: &Option<reply::StateValue>| {
            state
                .as_ref()
                .and_then(|state| state.name.clone())
                .unwrap_or_default()
        };
        let (previous, current) = (name(&item.previous), name(&item.current));
        let matching: Vec<_> = rule.matching(&previous, &current).collect();
        let allowed = format!("{id}: {}", rule.describe());
        let observed = format!("{id}: {} → {}", one_line(&previous, 40), one_line(&current, 40));
        let may_have_been = rule
            .rows
            .iter()
            .any(|row| row.from.wire_name() == Some(previous.as_str()));
        if self.is_tested() {
            self.judge.note(
                sheet,
                Check::PreviousState,
                Weight::Full,
                may_have_been,
                &allowed,
                &observed,
            );
        }
        if matching.is_empty() {
            for row in &rule.rows {
                sheet.deviates(self.clauses(&row.clauses), Weight::Full, &allowed, &observed);
            }
            // The states are a matter of the clauses of the rows; the call as such was understood and carried out.
            answered.misstated.get_or_insert((allowed, observed));
            // The deviation is told; the instance may be where the answer says, or where it should be.
            let right: States = rule
                .rows
                .iter()
                .flat_map(|row| &row.answers)
                .map(|answer| answer.then)
                .collect();
            let states = States::named(&current).or(right).later();
            answered.beliefs.insert(id.to_owned(), states);
            return;
        }
        let plain: Vec<_> = matching.iter().filter(|(_, answer)| !answer.odd).collect();
        for (row, _) in &matching {
            if plain.is_empty() {
                sheet.deviates(self.clauses(&row.clauses), Weight::Advisory, &allowed, &observed);
            } else {
                sheet.held(self.clauses(&row.clauses));
            }
        }
        let states: States = matching.iter().map(|(_, answer)| answer.then).collect();
        answered.beliefs.insert(id.to_owned(), states);
        answered.reasons.insert(
            id.to_owned(),
            matching
                .iter()
                .flat_map(|(row, _)| row.clauses.iter().cloned())
                .collect(),
        );
        if let Some((row, answer)) = matching.first() {
            answered
                .moves
                .insert(id.to_owned(), move_of(row.from, answer.then, manner_of(reading)));
        }
    }

    fn items_are_those_named(
        &self,
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        reading: &Reading,
        items: &[StateChange],
        observed: &str,
        answered: &mut Answered,
    ) {
        if !self.is_tested() {
            return;
        }
        let ids: Vec<&str> = items.iter().filter_map(|item| item.id.as_deref()).collect();
        let strangers = ids
            .iter()
            .filter(|id| !expectation.items.contains_key(**id))
            .count();
        let missing = expectation
            .items
            .keys()
            .filter(|id| !ids.contains(&id.as_str()))
            .count();
        let repeated = ids.len() - ids.iter().collect::<BTreeSet<_>>().len();
        let fits = strangers == 0 && missing == 0 && (repeated == 0 || reading.is(Condition::RepeatedId));
        let allowed = format!(
            "one item for each of {}",
            expectation.items.keys().cloned().collect::<Vec<_>>().join(", ")
        );
        if reading.is(Condition::OddIndex) {
            // OQ-03: what such an index names is not known; an answer that names nothing is worth a word.
            let clauses = self.judge.of(Check::OneItemPerInstance);
            if strangers > 0 {
                sheet.deviates(clauses, Weight::Full, &allowed, observed);
            } else if missing > 0 && !reading.is(Condition::RepeatedScalar) {
                sheet.deviates(clauses, Weight::Advisory, &allowed, observed);
            }
            return;
        }
        self.judge.note(
            sheet,
            Check::OneItemPerInstance,
            Weight::Full,
            fits,
            &allowed,
            observed,
        );
        if !fits {
            answered.wrong.get_or_insert((allowed, observed.to_owned()));
        }
    }

    fn clauses<'b>(&'b self, ids: &'b [ClauseId]) -> impl Iterator<Item = &'b Clause> {
        self.judge.clauses(ids)
    }
}

fn manner_of(reading: &Reading) -> Manner {
    match reading.hibernate {
        Switch::Off => Manner::Shutdown,
        Switch::On if reading.force == Switch::Off && reading.skip_os_shutdown == Switch::Off => {
            Manner::Hibernate
        }
        // OQ-07 and OQ-11.
        Switch::On | Switch::Odd => Manner::Unknown,
    }
}

fn move_of(from: State, then: State, manner: Manner) -> Move {
    match (from, then) {
        (_, State::ShuttingDown | State::Terminated | State::Gone) => Move::End,
        (State::Stopped | State::Stopping, State::Stopping | State::Stopped) => Move::Idle,
        (_, State::Stopping | State::Stopped) => Move::Down(manner),
        (_, State::Pending | State::Restarting | State::Running) => Move::Up,
    }
}
