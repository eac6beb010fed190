//! One answer against the expectation: accepted or refused, with which states, code, status and words.

use std::collections::{BTreeMap, BTreeSet};

use super::sheet::{Sheet, Weight};
use super::text::{one_line, quote};
use super::{Judge, Seen, shape};
use crate::call::Call;
use crate::contract::Pattern;
use crate::contract::{Check, Clause, ClauseId, Condition, Demand, RefusalAnswer, State};
use crate::model::{self, Acceptance, Active, Expectation, Fleet, ItemRule, Reading, States, Switch};
use crate::protocol::reply::{self, Body, Reply, StateChange};

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
                self.refused(sheet, &expectation, reply, &mut answered);
            }
        }
        let refuses = !ok || expectation.acceptance != Acceptance::Expected;
        if refuses && answered.beliefs.is_empty() {
            answered.effects = self.effects(&expectation);
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
            answered.wrong.get_or_insert((allowed, observed));
            answered
                .beliefs
                .insert(id.to_owned(), States::named(&current).later());
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
            } else if missing > 0 {
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

    fn refused(
        &self,
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        reply: &Reply,
        answered: &mut Answered,
    ) {
        let (code, message) = match &reply.body {
            Body::Document(document) => reply::errors(&document.root)
                .and_then(|errors| errors.errors.into_iter().next())
                .map_or((None, None), |error| (error.code, error.message)),
            Body::Empty | Body::Unreadable { .. } => (None, None),
        };
        let code = code.as_deref().map(bare).unwrap_or_default();
        let message = message.unwrap_or_default();
        let observed = if code.is_empty() {
            format!("{} with {}", reply.status, shape::body_in_words(&reply.body))
        } else {
            format!("{} {} {}", reply.status, one_line(code, 80), quote(&message))
        };
        if is_passing_fault(code, reply.status) {
            let allowed = self.expected_in_words(expectation);
            let why = format!("{observed}: the service was throttling or overloaded, and stayed so");
            for active in certain(expectation) {
                sheet.unknown(self.clauses(&active.refusal.clauses.refused), &allowed, &why);
            }
            for row in expectation.items.values().flat_map(|rule| &rule.rows) {
                sheet.unknown(self.clauses(&row.clauses), &allowed, &why);
            }
            return;
        }
        if expectation.acceptance == Acceptance::Forbidden && self.is_tested() {
            let client_fault = (400..500).contains(&reply.status);
            self.judge.note(
                sheet,
                Check::StatusClass,
                Weight::Full,
                client_fault,
                "a 4xx status: the fault is the client's",
                &observed,
            );
        }
        let fitting = expectation
            .refusals
            .iter()
            .flat_map(|active| active.refusal.answers.iter().map(move |answer| (active, answer)))
            .filter(|(_, answer)| answer.code == code)
            .max_by_key(|(active, answer)| {
                let status = answer.status.contains(&reply.status);
                (
                    status && message_fits(active, answer, &message),
                    active.certain,
                    status,
                )
            });
        match fitting {
            Some((active, answer)) => {
                self.refused_with(
                    sheet,
                    expectation,
                    active,
                    answer,
                    reply,
                    &message,
                    &observed,
                    answered,
                );
            }
            None => self.not_as_expected(sheet, expectation, reply.status, &observed, answered),
        }
    }

    /// The code is one that the contract allows here.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one answer, each used once"
    )]
    fn refused_with(
        &self,
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        active: &Active<'_>,
        answer: &RefusalAnswer,
        reply: &Reply,
        message: &str,
        observed: &str,
        answered: &mut Answered,
    ) {
        let aspects = &active.refusal.clauses;
        let allowed = refusals_in_words(expectation);
        for other in certain(expectation) {
            sheet.held(self.clauses(&other.refusal.clauses.refused));
        }
        if active.refusal.demand == Demand::Odd {
            let allowed = self.expected_in_words(expectation);
            sheet.deviates(self.clauses(&aspects.code), Weight::Advisory, &allowed, observed);
        } else {
            sheet.held(self.clauses(&aspects.refused));
            sheet.held(self.clauses(&aspects.code));
        }
        if answer.status.contains(&reply.status) {
            sheet.held(self.clauses(&aspects.status));
        } else {
            let weight = if is_single(expectation) {
                Weight::Full
            } else {
                Weight::Advisory
            };
            sheet.deviates(self.clauses(&aspects.status), weight, &allowed, observed);
            answered.wrong = Some((allowed.clone(), observed.to_owned()));
        }
        let preferred = active.refusal.answers.first().map(|first| first.code.as_str());
        if preferred == Some(answer.code.as_str()) {
            sheet.held(self.clauses(&aspects.preferred));
        } else {
            let wish = format!("{}, the recorded one", preferred.unwrap_or_default());
            sheet.deviates(
                self.clauses(&aspects.preferred),
                Weight::Advisory,
                &wish,
                observed,
            );
        }
        if message_fits(active, answer, message) {
            sheet.held(self.clauses(&aspects.message));
        } else {
            let wish = format!("a message like {}", answer.message.as_deref().unwrap_or_default());
            sheet.deviates(self.clauses(&aspects.message), Weight::Advisory, &wish, observed);
        }
        self.precedence(sheet, expectation, active, answer, observed);
        self.offenders(sheet, expectation, answer, message, observed);
    }

    /// The answer is none that the contract allows here.
    fn not_as_expected(
        &self,
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        status: u16,
        observed: &str,
        answered: &mut Answered,
    ) {
        let allowed = self.expected_in_words(expectation);
        if is_tolerant(expectation) {
            // Nobody knows how such a call is refused, or only a SHOULD says that it is not.
            for active in expectation.refusals.iter().filter(|active| takes_any(active)) {
                sheet.deviates(
                    self.clauses(&active.refusal.clauses.code),
                    Weight::Advisory,
                    &allowed,
                    observed,
                );
            }
            return;
        }
        let forbidden = expectation.acceptance >= Acceptance::Discouraged;
        let weight = if expectation.acceptance == Acceptance::Forbidden && is_single(expectation) {
            Weight::Full
        } else {
            Weight::Advisory
        };
        for active in certain(expectation) {
            let aspects = &active.refusal.clauses;
            sheet.deviates(self.clauses(&aspects.code), weight, &allowed, observed);
            let status_fits = active
                .refusal
                .answers
                .iter()
                .any(|answer| answer.status.contains(&status));
            if status_fits {
                sheet.held(self.clauses(&aspects.status));
            } else {
                sheet.deviates(self.clauses(&aspects.status), weight, &allowed, observed);
            }
        }
        if !forbidden {
            let weight = if expectation.acceptance == Acceptance::Expected {
                Weight::Full
            } else {
                Weight::Advisory
            };
            for row in expectation.items.values().flat_map(|rule| &rule.rows) {
                sheet.deviates(self.clauses(&row.clauses), weight, &allowed, observed);
            }
        }
        answered.wrong = Some((allowed, observed.to_owned()));
    }

    fn precedence(
        &self,
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        named: &Active<'_>,
        answer: &RefusalAnswer,
        observed: &str,
    ) {
        for rule in &self.judge.contract.precedences {
            let active = |condition: Condition| {
                expectation
                    .refusals
                    .iter()
                    .find(|one| one.certain && one.refusal.condition == condition)
            };
            let (Some(first), Some(_)) = (active(rule.first), active(rule.before)) else {
                continue;
            };
            let names_first = first.refusal.answers.iter().any(|one| one.code == answer.code);
            if names_first {
                sheet.held(self.clauses(&rule.clauses));
            } else if named.refusal.condition == rule.before {
                let allowed = format!("the refusal for {}", rule.first.word());
                sheet.deviates(self.clauses(&rule.clauses), Weight::Advisory, &allowed, observed);
            }
        }
    }

    fn offenders(
        &self,
        sheet: &mut Sheet,
        expectation: &Expectation<'_>,
        answer: &RefusalAnswer,
        message: &str,
        observed: &str,
    ) {
        let offenders: BTreeSet<&String> = certain(expectation)
            .filter(|active| active.refusal.answers.iter().any(|one| one.code == answer.code))
            .flat_map(|active| &active.words)
            .filter(|word| self.fleet.contains_key(*word))
            .collect();
        if answer.code == "IncorrectInstanceState" && offenders.len() > 1 {
            let named = offenders
                .iter()
                .filter(|id| message.contains(id.as_str()))
                .count();
            self.judge.note(
                sheet,
                Check::NamesOneOffender,
                Weight::Full,
                named == 1,
                "one of the offending ids in the message",
                observed,
            );
        }
    }

    /// The clauses that a change of each instance would violate.
    fn effects(&self, expectation: &Expectation<'_>) -> BTreeMap<String, Vec<ClauseId>> {
        let mut effects: BTreeMap<String, Vec<ClauseId>> =
            self.fleet.keys().map(|id| (id.clone(), Vec::new())).collect();
        for active in certain(expectation) {
            let aspects = &active.refusal.clauses;
            for (id, clauses) in &mut effects {
                let own = active.words.iter().any(|word| word == id) || aspects.mates.is_empty();
                clauses.extend(if own { &aspects.effect } else { &aspects.mates }.iter().cloned());
            }
        }
        effects
    }

    fn expected_in_words(&self, expectation: &Expectation<'_>) -> String {
        if expectation.acceptance >= Acceptance::Discouraged {
            return refusals_in_words(expectation);
        }
        let items: Vec<String> = expectation
            .items
            .iter()
            .map(|(id, rule)| format!("{id}: {}", rule.describe()))
            .collect();
        format!("200 {}", items.join(", "))
    }

    fn clauses<'b>(&'b self, ids: &'b [ClauseId]) -> impl Iterator<Item = &'b Clause> {
        self.judge.clauses(ids)
    }
}

/// Whether a refusal with words that the contract does not know is no deviation that decides.
fn is_tolerant(expectation: &Expectation<'_>) -> bool {
    let all_may = expectation.acceptance == Acceptance::Free
        && expectation
            .refusals
            .iter()
            .filter(|active| active.refusal.demand != Demand::Odd)
            .all(|active| active.refusal.demand == Demand::May);
    all_may || expectation.refusals.iter().any(takes_any)
}

/// Whether any error at all is tolerated for this reason.
fn takes_any(active: &Active<'_>) -> bool {
    active.certain && active.refusal.demand == Demand::Odd && active.refusal.answers.is_empty()
}

fn certain<'a, 'c>(expectation: &'a Expectation<'c>) -> impl Iterator<Item = &'a Active<'c>> {
    expectation
        .refusals
        .iter()
        .filter(|active| active.certain && matches!(active.refusal.demand, Demand::Must | Demand::Should))
}

/// Whether only one code is allowed. Of a larger set the evidence knows no single right one.
fn is_single(expectation: &Expectation<'_>) -> bool {
    let mut codes: Vec<&str> = expectation
        .refusals
        .iter()
        .filter(|active| active.refusal.demand != Demand::Odd)
        .flat_map(|active| active.refusal.answers.iter().map(|answer| answer.code.as_str()))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes.len() == 1
}

fn message_fits(active: &Active<'_>, answer: &RefusalAnswer, message: &str) -> bool {
    let Some(template) = &answer.message else {
        return true;
    };
    let ids: Vec<&str> = active.words.iter().map(String::as_str).collect();
    let value = ids.first().copied().unwrap_or_default();
    // The contract was checked as it was loaded, so a pattern that does not compile cannot be in it.
    let fits = Pattern::new(template, &ids, value).is_ok_and(|pattern| pattern.is_match(message));
    let all_named =
        active.refusal.condition != Condition::UnknownIds || ids.iter().all(|id| message.contains(id));
    fits && all_named
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

/// Throttling and overload are said to pass; they tell nothing about the call.
fn is_passing_fault(code: &str, status: u16) -> bool {
    status == 503
        && matches!(
            code,
            "RequestLimitExceeded"
                | "EC2ThrottledException"
                | "Throttling"
                | "Unavailable"
                | "ServiceUnavailable"
        )
}

fn bare(code: &str) -> &str {
    code.strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code)
}

fn refusals_in_words(expectation: &Expectation<'_>) -> String {
    let mut words: Vec<String> = certain(expectation)
        .chain(expectation.refusals.iter().filter(|active| !active.certain))
        .flat_map(|active| &active.refusal.answers)
        .map(|answer| {
            let status: Vec<String> = answer.status.iter().map(u16::to_string).collect();
            format!("{} {}", status.join("/"), answer.code)
        })
        .collect();
    words.dedup();
    format!("a refusal: {}", words.join(" or "))
}

fn items_in_words(items: &[StateChange]) -> String {
    let words: Vec<String> = items
        .iter()
        .take(12)
        .map(|item| {
            let name = |state: &Option<reply::StateValue>| {
                state
                    .as_ref()
                    .and_then(|state| state.name.as_deref())
                    .map_or_else(|| "?".to_owned(), |name| one_line(name, 40))
            };
            format!(
                "{}: {} → {}",
                one_line(item.id.as_deref().unwrap_or("?"), 40),
                name(&item.previous),
                name(&item.current)
            )
        })
        .collect();
    let more = if items.len() > words.len() { ", …" } else { "" };
    format!("[{}{more}]", words.join(", "))
}
