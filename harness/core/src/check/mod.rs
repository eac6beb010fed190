//! Compares what an endpoint answered with what the contract allows.
//!
//! Input: the fixtures of a case, then its steps, each with the observations of its exchanges: the answers as the
//! journal records them, decoded. Output: for each step, the clauses that held and the findings. Judging is a pure
//! function of the journal, so the same code judges an old recording again and gives the same verdicts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::header::DATE;

use crate::call::Call;
use crate::contract::{Check, Confidence, Contract, Refusal, State};
use crate::journal::{Doubt, Exchanged, Expected, FixtureReady, Intent, Judged, Observed, Role, StepStarted};
use crate::model::{self, Belief, Fleet, Id, Past, ReadLag, States, Unseen};
use crate::protocol::reply::{self, Body, Instance, Reply, StateChange};

mod answer;
mod auxiliary_calls;
mod examine;
mod facts;
mod look;
mod rejudge;
mod relation;
mod retry;
mod shape;
mod step_judgement;
pub mod time;
mod wire;
mod witness;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;

use answer::{Answered, Messages, Question};
pub use auxiliary_calls::Blocked;
use facts::Mismatch;
pub use look::Sight;
pub use rejudge::JournalJudge;
pub use retry::{Retry, RetryReason};
use step_judgement::{ClauseIndex, ClauseTable, StepJudgement, Weight};
use witness::{Control, StepFindings};

/// The contract, indexed for judging. One per run.
#[derive(Debug)]
pub struct Judge {
    contract: Arc<Contract>,
    clause_table: ClauseTable,
    /// The clauses of each check, in the order of [`Check::ALL`].
    checks: Vec<Vec<ClauseIndex>>,
    /// The clauses of each refusal of the contract, in its order.
    refusals: Vec<Bindings>,
    /// The clauses of each transition of the contract, in its order.
    transitions: Vec<Vec<ClauseIndex>>,
    /// The clauses of each precedence of the contract, in its order.
    precedences: Vec<Vec<ClauseIndex>>,
    /// The name of the root element of the action under test.
    root: String,
    /// How long reads may show what was true before an answer.
    read_lag: ReadLag,
}

/// The clauses of a refusal, by the aspect that deviates, as in [`Aspects`](crate::contract::Aspects).
#[derive(Debug)]
struct Bindings {
    refused: Vec<ClauseIndex>,
    status: Vec<ClauseIndex>,
    code: Vec<ClauseIndex>,
    preferred: Vec<ClauseIndex>,
    message: Vec<ClauseIndex>,
    effect: Vec<ClauseIndex>,
    bystanders: Vec<ClauseIndex>,
    /// The known messages of each answer; `None` if the contract has none.
    messages: Vec<Option<Messages>>,
}

/// One exchange, as the judge sees it. The reply is decoded from the *recorded* answer, so every reader of the journal
/// gets the same observation.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Why the call was sent.
    pub role: Role,
    /// The call that was sent.
    pub call: &'a Call,
    /// The decoded answer; `None` if no answer came.
    pub reply: Option<&'a Reply>,
    /// When the call was sent, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// When the answer came, by the same clock.
    pub answered_ms: u64,
}

/// Judges the steps of one case and keeps the state between them.
#[derive(Debug)]
pub struct CaseJudge {
    judge: Arc<Judge>,
    case: String,
    fleet: Fleet,
    tracks: BTreeMap<Id, Track>,
    seen: Seen,
    control: Option<Control>,
    /// The result of the plain form, in a case on a raw socket.
    plain: Option<wire::Plain>,
    /// The answers of this case that later ones are compared with, by label.
    kept: BTreeMap<String, relation::RememberedAnswer>,
    blocked: Option<Blocked>,
    read_lag: ReadLag,
    /// When the last call that may have changed something was answered, or the last fixture became ready.
    changed_ms: Option<u64>,
}

/// What is remembered about one instance, apart from its possible states.
#[derive(Debug, Default)]
struct Track {
    /// Clauses of refused calls that forbid the instance to change.
    effects: Vec<ClauseIndex>,
    /// Clauses of the last state change that was accepted.
    reasons: Vec<ClauseIndex>,
    /// The last accepted stop that found the instance neither stopping nor stopped.
    stop: Option<Stop>,
    /// Whether the instance was started again after its fixture was ready.
    restarted: bool,
    /// The last accepted stop, if it found the instance already stopping or stopped.
    idle_stop: Option<IdleStop>,
    /// Milliseconds that the case waited on purpose since the instance was last described, or last got a stop that had
    /// nothing to do.
    passed_ms: u64,
    /// The first description of the instance.
    first: Option<Instance>,
    /// The last description of the instance.
    last: Option<Instance>,
    /// Earlier states of the instance, which descriptions may still show.
    past: Past,
    /// Checks that deviated in the last description and that a second description has to confirm.
    odd: BTreeSet<Check>,
    /// When a change of its stop protection was answered.
    protection_changed_ms: Option<u64>,
    /// When the cancellation of its Spot request was answered.
    cancelled_ms: Option<u64>,
    /// Whether a description reported the instance as purged.
    purged: bool,
    /// When a description first showed the current state.
    arrived_ms: Option<u64>,
}

/// An accepted stop.
#[derive(Debug, Clone)]
struct Stop {
    at_ms: u64,
    date: Option<String>,
    manner: answer::Manner,
    seen_down: bool,
}

/// An accepted stop that had nothing to do.
#[derive(Debug, Clone, Copy)]
struct IdleStop {
    /// Milliseconds that the case waited on purpose before the stop.
    passed_ms: u64,
}

/// What is remembered across the answers of a case.
#[derive(Debug, Default)]
struct Seen {
    request_ids: BTreeSet<String>,
}

impl Judge {
    /// Indexes a contract. A MUST with less confidence than `least` does not decide a run.
    pub fn new(contract: Arc<Contract>, least: Confidence) -> Self {
        let clause_table = ClauseTable::new(&contract.clauses, least);
        let of_check = |check: &Check| {
            let clauses = contract.clauses.iter();
            let judged = clauses.filter(|clause| clause.checks.contains(check));
            clause_table.indices(&judged.map(|clause| clause.id.clone()).collect::<Vec<_>>())
        };
        let checks = Check::ALL.iter().map(of_check).collect();
        let refusals = contract.refusals.iter();
        let refusals = refusals.map(|row| Bindings::new(row, &clause_table)).collect();
        let transitions = contract.transitions.iter();
        let transitions = transitions
            .map(|row| clause_table.indices(&row.clauses))
            .collect();
        let precedences = contract.precedences.iter();
        let precedences = precedences
            .map(|row| clause_table.indices(&row.clauses))
            .collect();
        let root = format!("{}Response", contract.action);
        Judge {
            contract,
            clause_table,
            checks,
            refusals,
            transitions,
            precedences,
            root,
            read_lag: ReadLag::default(),
        }
    }

    /// Sets how long the reads of the endpoint may lag.
    #[must_use]
    pub fn with_read_lag(self, read_lag: ReadLag) -> Self {
        Judge { read_lag, ..self }
    }

    /// The contract.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The clauses that a check judges.
    fn of(&self, check: Check) -> &[ClauseIndex] {
        self.checks.get(check as usize).map_or(&[], Vec::as_slice)
    }

    /// The clauses of a refusal, by its row in the contract.
    fn refusal(&self, row: usize) -> &Bindings {
        self.refusals.get(row).expect("a row is one of this contract")
    }

    /// The clauses of a transition, by its row in the contract.
    fn transition(&self, row: usize) -> &[ClauseIndex] {
        self.transitions.get(row).map_or(&[], Vec::as_slice)
    }

    /// Records the result of a check. `mismatch` is called only for a deviation.
    fn note(
        &self,
        judgement: &mut StepJudgement<'_>,
        check: Check,
        weight: Weight,
        fits: bool,
        mismatch: impl FnOnce() -> Mismatch,
    ) {
        if fits {
            judgement.held(self.of(check));
        } else {
            judgement.deviates(self.of(check), weight, &mismatch());
        }
    }

    /// Like [`note`](Judge::note), for a check that demands the same of every endpoint. `observed` is called only for a
    /// deviation.
    fn note_rule<O: Into<Vec<Observed>>>(
        &self,
        judgement: &mut StepJudgement<'_>,
        check: Check,
        weight: Weight,
        fits: bool,
        observed: impl FnOnce() -> O,
    ) {
        self.note(judgement, check, weight, fits, || {
            Mismatch::rule(check, observed())
        });
    }

    /// The action by which a call is judged; `None` for an auxiliary call. A call with a missing or unknown action is
    /// judged as a call of the action under test.
    fn tested_action<'a>(&'a self, call: &'a Call) -> Option<&'a str> {
        match call.action.as_deref() {
            Some(action) if self.contract.transitions.iter().any(|row| row.action == action) => Some(action),
            Some(action) if auxiliary_calls::is_question(action) => None,
            Some(_) | None => Some(&self.contract.action),
        }
    }
}

impl Bindings {
    fn new(refusal: &Refusal, clause_table: &ClauseTable) -> Self {
        let aspects = &refusal.clauses;
        let templates = refusal.answers.iter().map(|answer| answer.message.as_deref());
        Bindings {
            refused: clause_table.indices(&aspects.refused),
            status: clause_table.indices(&aspects.status),
            code: clause_table.indices(&aspects.code),
            preferred: clause_table.indices(&aspects.preferred),
            message: clause_table.indices(&aspects.message),
            effect: clause_table.indices(&aspects.effect),
            bystanders: clause_table.indices(&aspects.bystanders),
            messages: templates.map(|template| template.map(Messages::new)).collect(),
        }
    }
}

impl<'a> Observation<'a> {
    /// The observation of an exchange, given its answer as [`decode`](reply::decode) returns it.
    pub fn of(exchanged: &'a Exchanged, reply: Option<&'a Reply>) -> Self {
        Observation {
            role: exchanged.role,
            call: &exchanged.call,
            reply,
            at_ms: exchanged.at_ms,
            answered_ms: exchanged.at_ms.saturating_add(exchanged.took_ms),
        }
    }
}

impl CaseJudge {
    /// Starts a case.
    pub fn new(judge: Arc<Judge>, case: &str) -> Self {
        CaseJudge {
            read_lag: judge.read_lag,
            changed_ms: None,
            judge,
            case: case.to_owned(),
            fleet: Fleet::new(),
            tracks: BTreeMap::new(),
            seen: Seen::default(),
            control: None,
            plain: None,
            kept: BTreeMap::new(),
            blocked: None,
        }
    }

    /// Sets another read lag for this case.
    #[must_use]
    pub fn with_read_lag(self, read_lag: ReadLag) -> Self {
        CaseJudge { read_lag, ..self }
    }

    /// Adds an instance that is ready: it was described in the state that the case needs.
    pub fn fixture(&mut self, ready: &FixtureReady) {
        let id = Id::from(ready.id.as_str());
        self.fleet.insert(Arc::clone(&id), Belief::of(ready.kind));
        let mut track = Track::default();
        track.past.leave(before(ready.kind.state), ready.at_ms);
        self.tracks.insert(id, track);
        self.changed(ready.at_ms);
    }

    /// Records that something may have changed, by an answer that came at `at_ms`.
    fn changed(&mut self, at_ms: u64) {
        self.changed_ms = self.changed_ms.max(Some(at_ms));
    }

    /// Whether a read sent at `sent_ms` may not show yet what was answered before it.
    fn may_be_stale(&self, sent_ms: u64) -> bool {
        self.changed_ms
            .is_some_and(|changed_ms| self.read_lag.covers(changed_ms, sent_ms))
    }

    /// Judges a step. Call it once for each step, in order.
    pub fn judge(&mut self, step: &StepStarted, heard: &[Observation<'_>]) -> Judged {
        let judge = Arc::clone(&self.judge);
        let mut judgement = StepJudgement::new(&judge.clause_table);
        match &step.intent {
            Intent::Call | Intent::Together => self.acts(&mut judgement, step, heard),
            Intent::Settle { ids, state } => self.settle(&mut judgement, ids, state, heard),
            Intent::Observe => self.observe(&mut judgement, heard),
            Intent::Rest => {
                let ids = self.stopping();
                self.settle(&mut judgement, &ids, "stopped", heard);
            }
            Intent::Launch { .. } => {}
            Intent::Pass { ms } => {
                for track in self.tracks.values_mut() {
                    track.passed_ms += u64::from(*ms);
                }
            }
            // `judge_wire` judges these steps.
            Intent::Wire(_) => {}
        }
        self.note_purged(heard);
        judgement.close(&self.case, step.step)
    }

    /// Why the case cannot go on, if the endpoint lacks an action that a step needs.
    pub fn blocked(&self) -> Option<&Blocked> {
        self.blocked.as_ref()
    }

    /// Whether the fleet must be described after this answer: the call was refused, or should have been, or the answer
    /// is not one of this action, so that its effect is unknown.
    pub fn wants_proof(&self, call: &Call, reply: &Reply) -> bool {
        let Some(action) = self.judge.tested_action(call) else {
            return false;
        };
        let reading = model::read(&self.judge.contract, &self.fleet, call);
        let expectation = model::expect(&self.judge.contract, &self.fleet, action, &reading);
        let own = reply.root().is_some_and(|root| answer::is_response(root, action));
        !own || !(200..300).contains(&reply.status) || expectation.acceptance != model::Acceptance::Expected
    }

    /// Whether the answer describes every requested instance of the fleet in a possible state, and none of them is
    /// changing its state.
    pub fn at_rest(&self, call: &Call, reply: &Reply) -> bool {
        self.all_described(call, reply, |states| states.within(States::still()))
    }

    fn all_described(&self, call: &Call, reply: &Reply, holds: impl Fn(States) -> bool) -> bool {
        let Some(seen) = look::sighted(reply) else {
            return false;
        };
        let mut asked = self.fleet.iter().filter(|(id, _)| look::asks_for(call, id));
        asked.all(|(id, belief)| {
            let later = belief.states.later();
            match seen.iter().find(|(seen, _)| *seen == id.as_ref()) {
                None => later.contains(State::Gone),
                Some((_, states)) => !states.and(later).is_empty() && holds(*states),
            }
        })
    }

    /// Records which changes a call sent at `sent_ms` may not see yet.
    fn mark_unseen(&mut self, sent_ms: u64) {
        let lag = self.read_lag;
        let may_miss = |changed_ms: Option<u64>| changed_ms.is_some_and(|at_ms| lag.covers(at_ms, sent_ms));
        for (belief, track) in self.fleet.values_mut().zip(self.tracks.values()) {
            belief.unseen = Unseen {
                protection: may_miss(track.protection_changed_ms),
                cancellation: may_miss(track.cancelled_ms),
            };
        }
    }

    /// The instances that may be changing their state.
    pub fn moving(&self) -> Vec<&str> {
        let moves = |belief: &Belief| !belief.states.within(States::still());
        self.fleet
            .iter()
            .filter(|(_, belief)| moves(belief))
            .map(|(id, _)| id.as_ref())
            .collect()
    }

    /// The instances that are certainly stopping or stopped.
    fn stopping(&self) -> Vec<String> {
        let stopping = |belief: &Belief| belief.states.within(States::down());
        self.fleet
            .iter()
            .filter(|(_, belief)| stopping(belief))
            .map(|(id, _)| id.to_string())
            .collect()
    }

    /// Whether an instance may still reach the named state by itself.
    pub fn may_reach(&self, id: &str, state: &str) -> bool {
        self.fleet
            .get(id)
            .is_some_and(|belief| !belief.states.later().and(States::named(state)).is_empty())
    }

    fn acts(&mut self, judgement: &mut StepJudgement<'_>, step: &StepStarted, heard: &[Observation<'_>]) {
        let judge = Arc::clone(&self.judge);
        let sent_ms = heard
            .iter()
            .filter(|one| one.role == Role::Act)
            .map(|one| one.at_ms);
        self.mark_unseen(sent_ms.min().unwrap_or_default());
        let mut acts: Vec<&Observation<'_>> = heard.iter().filter(|one| one.role == Role::Act).collect();
        let together = step.intent == Intent::Together;
        if together {
            // The calls overlapped, so their order in the journal means nothing. The call that found the instance
            // running goes first; the others are sorted so that every reader of the journal gets the same order.
            acts.sort_by_cached_key(|act| {
                let up = act
                    .reply
                    .and_then(document_changes)
                    .is_some_and(|changes| changes.items.iter().any(found_up));
                (!up, act.reply.map(|reply| &reply.body))
            });
        }
        let Some(first) = acts.first() else { return };
        let Some(action) = judge.tested_action(first.call) else {
            for act in acts {
                self.ask(judgement, act);
                if !is_read(act.call) {
                    self.changed(act.answered_ms);
                }
            }
            if let Some(same_as) = &step.same_as {
                judgement.unknown(
                    &judge.clause_table.indices(&same_as.clauses),
                    &Mismatch::new(relation::as_before(), Doubt::NotCompared),
                );
            }
            return;
        };
        let superposed = together.then(|| superposed(&self.fleet));
        let fleet = superposed.as_ref().unwrap_or(&self.fleet);
        let mut answers = Vec::with_capacity(acts.len());
        // The order of overlapping calls in a journal means nothing, so nothing is said about one of them.
        let place = |one: &Observation<'_>| place_in(heard, one).filter(|_| !together);
        for act in acts {
            judgement.about(place(act));
            let Some(reply) = act.reply else {
                judgement.unknown(
                    &judge.clause_table.indices(&step.witness),
                    &Mismatch::new(Expected::Answer, Doubt::NoAnswer),
                );
                continue;
            };
            let question = Question {
                judge: &judge,
                fleet,
                action,
                call: act.call,
                may_be_unseen: self.may_be_stale(act.at_ms),
            };
            answers.push((act, question.judge(judgement, &mut self.seen, reply), reply));
        }
        if together {
            self.one_transition(judgement, &answers);
        }
        if step.label.is_some() || step.same_as.is_some() {
            let answer = answers
                .first()
                .map(|(act, answered, reply)| (act.call, answered, *reply));
            self.relate(judgement, step, action, answer);
        }
        let first = |which: fn(&Answered) -> Option<&Mismatch>| {
            answers.iter().find_map(|(_, answered, _)| which(answered))
        };
        let proof = heard.iter().rev().find(|one| one.role == Role::Look);
        let untold = first(|answered| answered.untold.as_ref());
        // An instance that is stopping after the call was stopping when the call came, so a dry run was not refused
        // because the instance was stopped (DRY-07).
        let was_stopping = || {
            proof.is_some_and(|proof| {
                let mut answers = answers.iter();
                answers.any(|(_, answered, _)| look::finds_stopping(&self.fleet, &answered.named, proof))
            })
        };
        let findings = StepFindings {
            wrong: first(|answered| answered.wrong.as_ref()).or_else(|| untold.filter(|_| was_stopping())),
            misstated: first(|answered| answered.misstated.as_ref()),
            untold,
        };
        // The proof is compared with the states believed when the calls were sent.
        let before: Vec<States> = match proof {
            Some(_) => self.fleet.values().map(|belief| belief.states).collect(),
            None => Vec::new(),
        };
        self.apply(&answers);
        for (act, ..) in &answers {
            self.changed(act.answered_ms);
        }
        self.witness(judgement, step, &findings);
        if let (Some(proof), Some((_, answered, _))) = (proof, answers.last()) {
            judgement.about(place_in(heard, proof));
            self.prove(judgement, &before, answered, proof);
        }
    }

    /// Checks that at most one of several overlapping stops found an instance running.
    fn one_transition(
        &self,
        judgement: &mut StepJudgement<'_>,
        answers: &[(&Observation<'_>, Answered, &Reply)],
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
                    Check::OneTransition,
                    Weight::Full,
                    found_up <= 1,
                    || Observed::FoundRunning { calls: found_up },
                );
            }
        }
    }

    /// Updates the beliefs and tracks from the answers.
    fn apply(&mut self, answers: &[(&Observation<'_>, Answered, &Reply)]) {
        for (act, answered, reply) in answers {
            for (id, moved) in &answered.moved {
                let (Some(belief), Some(track)) = (self.fleet.get_mut(id), self.tracks.get_mut(id)) else {
                    continue;
                };
                let left = belief.states.later().without(moved.states.later());
                track.past.leave(left, act.answered_ms);
                track.odd.clear();
                belief.states = moved.states;
                track.reasons.clone_from(&moved.reasons);
                // An instance that an accepted call moves is bound by that call, not by an earlier refusal.
                track.effects.clear();
                if let Some(answer::Move::Down(_) | answer::Move::Up | answer::Move::End) = moved.how {
                    // A description from before the move does not show what a later call must leave unchanged.
                    track.last = None;
                }
                match moved.how {
                    Some(answer::Move::Down(manner)) => {
                        track.stop = Some(Stop {
                            at_ms: act.at_ms,
                            date: reply.header(DATE).map(Cow::into_owned),
                            manner,
                            seen_down: false,
                        });
                        track.idle_stop = None;
                    }
                    Some(answer::Move::Idle) => {
                        let passed_ms = std::mem::take(&mut track.passed_ms);
                        track.idle_stop = Some(IdleStop { passed_ms });
                    }
                    Some(answer::Move::Up) => {
                        track.stop = None;
                        track.restarted = true;
                        track.idle_stop = None;
                    }
                    Some(answer::Move::End) => {
                        track.stop = None;
                        track.idle_stop = None;
                    }
                    None => {}
                }
            }
            for (id, states) in &answered.claimed {
                if let (Some(belief), Some(track)) = (self.fleet.get_mut(id), self.tracks.get_mut(id)) {
                    // A description that shows the old state may be stale, so it does not show that nothing was done.
                    track.past.leave(belief.states.later(), act.answered_ms);
                    belief.states = belief.states.or(*states);
                }
            }
            for (id, clauses) in &answered.effects {
                if let Some(track) = self.tracks.get_mut(id) {
                    track.effects.extend(clauses);
                }
            }
        }
    }
}

/// The place of an exchange among the judged exchanges of its step; see [`Finding::exchange`].
///
/// [`Finding::exchange`]: crate::journal::Finding::exchange
fn place_in(heard: &[Observation<'_>], one: &Observation<'_>) -> Option<usize> {
    let judged = heard
        .iter()
        .filter(|other| matches!(other.role, Role::Act | Role::Look | Role::Ask));
    judged
        .map(std::ptr::from_ref)
        .position(|other| std::ptr::eq(other, one))
}

/// The states that a fixture may have been in before it reached this one.
fn before(state: State) -> States {
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

/// Whether a call only reads.
fn is_read(call: &Call) -> bool {
    let action = call.action.as_deref().unwrap_or_default();
    action.starts_with("Describe") || action.starts_with("Get")
}

/// The states that one of several overlapping calls may find: the state before them, or after any of them.
fn superposed(fleet: &Fleet) -> Fleet {
    let mut fleet = fleet.clone();
    for belief in fleet.values_mut() {
        if belief.states.contains(State::Running) {
            belief.states = belief.states.or(States::one(State::Stopping)).later();
        }
    }
    fleet
}

fn found_up(item: &StateChange<'_>) -> bool {
    item.previous_name() == Some("running")
}

fn document_changes(reply: &Reply) -> Option<reply::StateChanges<'_>> {
    match &reply.body {
        Body::Document(document) if (200..300).contains(&reply.status) => {
            Some(reply::state_changes(document.root()))
        }
        Body::Document(_) | Body::Empty | Body::Unreadable { .. } => None,
    }
}
