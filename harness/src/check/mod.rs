//! Judging: what came back against what was allowed.
//!
//! Enters: the fixtures of a case, then its steps, each with what was heard of its exchanges: the answers as the journal
//! has them, read. Leaves: for each step the clauses that held and the findings. A pure function of the journal, so an
//! old recording is judged again by the same code, and gives the same verdicts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::call::Call;
use crate::contract::{Check, Clause, ClauseId, Confidence, Contract, State};
use crate::journal::{Exchanged, FixtureReady, Intent, Judged, Role, StepStarted};
use crate::model::{self, Belief, Fleet, States};
use crate::protocol::reply::{self, Body, Instance, Reply, StateChange};

mod again;
mod answer;
mod ask;
mod look;
mod relation;
mod shape;
mod sheet;
mod text;

#[cfg(test)]
mod recorded;

pub use again::Again;
use answer::Answered;
use sheet::{Sheet, Weight};

/// The contract, indexed for judging. One for a run.
#[derive(Debug)]
pub struct Judge {
    contract: Arc<Contract>,
    least: Confidence,
    by_id: HashMap<ClauseId, usize>,
    by_check: HashMap<Check, Vec<usize>>,
}

/// What the judge hears of one exchange. The reply is that of the *recorded* answer, so that any reader of the journal
/// hears the same.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Why the call was sent.
    pub role: Role,
    /// What was meant.
    pub call: &'a Call,
    /// What came back, read; none if no answer came.
    pub reply: Option<&'a Reply>,
    /// When it was sent, milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
}

/// The state of judging one case.
#[derive(Debug)]
pub struct CaseJudge {
    judge: Arc<Judge>,
    case: String,
    fleet: Fleet,
    tracks: BTreeMap<String, Track>,
    seen: Seen,
    control: Option<Control>,
    /// The answers of this case that later ones are compared with, by label.
    kept: BTreeMap<String, relation::Kept>,
    blocked: Option<String>,
}

/// How the plain form of what a later step varies was answered.
#[derive(Debug, Clone, Copy)]
struct Control {
    step: usize,
    wrong: bool,
    misstated: bool,
}

/// What is remembered of one instance beside where it may be.
#[derive(Debug, Default)]
struct Track {
    /// Clauses that forbid it to change, from the calls that were refused.
    effects: Vec<ClauseId>,
    /// Clauses of the last state change that was accepted.
    reasons: Vec<ClauseId>,
    /// The last accepted stop that found it up.
    stop: Option<Stop>,
    /// Whether it was started again since it was arranged.
    restarted: bool,
    /// Whether the last accepted stop found it stopped already.
    idle_stop: bool,
    /// How it was described first.
    first: Option<Instance>,
    /// How it was described last.
    last: Option<Instance>,
}

/// An accepted stop.
#[derive(Debug, Clone)]
struct Stop {
    at_ms: u64,
    date: Option<String>,
    manner: answer::Manner,
    seen_down: bool,
}

/// What must be remembered across the answers of a case.
#[derive(Debug, Default)]
struct Seen {
    request_ids: BTreeSet<String>,
}

impl Judge {
    /// Indexes a contract. A MUST known no better than `least` does not decide a run.
    pub fn new(contract: Arc<Contract>, least: Confidence) -> Self {
        let mut by_id = HashMap::new();
        let mut by_check: HashMap<Check, Vec<usize>> = HashMap::new();
        for (index, clause) in contract.clauses.iter().enumerate() {
            by_id.insert(clause.id.clone(), index);
            for check in &clause.checks {
                by_check.entry(*check).or_default().push(index);
            }
        }
        Judge {
            contract,
            least,
            by_id,
            by_check,
        }
    }

    /// The contract.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The clauses with these ids.
    fn clauses<'a>(&'a self, ids: &'a [ClauseId]) -> impl Iterator<Item = &'a Clause> {
        ids.iter()
            .filter_map(|id| self.contract.clauses.get(*self.by_id.get(id)?))
    }

    /// The clauses that a check judges.
    fn of(&self, check: Check) -> impl Iterator<Item = &Clause> {
        let indices = self.by_check.get(&check).map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .filter_map(|index| self.contract.clauses.get(*index))
    }

    /// Writes down the result of a check.
    fn note(
        &self,
        sheet: &mut Sheet,
        check: Check,
        weight: Weight,
        fits: bool,
        allowed: &str,
        observed: &str,
    ) {
        if fits {
            sheet.held(self.of(check));
        } else {
            sheet.deviates(self.of(check), weight, allowed, observed);
        }
    }
}

impl<'a> Heard<'a> {
    /// What is heard of an exchange, given its answer as [`decode`](reply::decode) reads it.
    pub fn of(exchanged: &'a Exchanged, reply: Option<&'a Reply>) -> Self {
        Heard {
            role: exchanged.role,
            call: &exchanged.call,
            reply,
            at_ms: exchanged.at_ms,
        }
    }
}

impl CaseJudge {
    /// Begins a case.
    pub fn new(judge: Arc<Judge>, case: &str) -> Self {
        CaseJudge {
            judge,
            case: case.to_owned(),
            fleet: Fleet::new(),
            tracks: BTreeMap::new(),
            seen: Seen::default(),
            control: None,
            kept: BTreeMap::new(),
            blocked: None,
        }
    }

    /// An instance is there, and was described as wished.
    pub fn fixture(&mut self, ready: &FixtureReady) {
        self.fleet.insert(ready.id.clone(), Belief::of(ready.kind));
        self.tracks.insert(ready.id.clone(), Track::default());
    }

    /// Judges a step. Call it once for each step, in order.
    pub fn judge(&mut self, step: &StepStarted, heard: &[Heard<'_>]) -> Judged {
        let mut sheet = Sheet::new(self.judge.least);
        match &step.intent {
            Intent::Call | Intent::Together => self.acts(&mut sheet, step, heard),
            Intent::Settle { ids, state } => self.settle(&mut sheet, ids, state, heard),
            Intent::Observe => self.observe(&mut sheet, heard),
            Intent::Rest => {
                let ids = self.stopping();
                self.settle(&mut sheet, &ids, "stopped", heard);
            }
            Intent::Launch { .. } | Intent::Pass { .. } => {}
        }
        let (held, findings) = sheet.close(&self.case, step.step);
        Judged {
            case: self.case.clone(),
            step: step.step,
            held,
            findings,
        }
    }

    /// Why the case cannot go on, if the endpoint lacks an action that a step needs.
    pub fn blocked(&self) -> Option<&str> {
        self.blocked.as_deref()
    }

    /// Whether the answer to a call must be followed by a look at the fleet: it refused, it should have, or it is no
    /// answer of this action, so that nobody can tell what it did.
    pub fn wants_proof(&self, call: &Call, reply: &Reply) -> bool {
        let Some(action) = self.tested_action(call) else {
            return false;
        };
        let reading = model::read(&self.judge.contract, &self.fleet, call);
        let expectation = model::expect(&self.judge.contract, &self.fleet, action, &reading);
        let own = reply
            .root()
            .is_some_and(|root| root.name == format!("{action}Response"));
        !own || !(200..300).contains(&reply.status) || expectation.acceptance != model::Acceptance::Expected
    }

    /// Whether the fleet is described as it may be. If not, it is worth asking again: descriptions may lag.
    pub fn fits(&self, reply: &Reply) -> bool {
        let Some(instances) = look::described(reply) else {
            return false;
        };
        self.fleet.iter().all(|(id, belief)| {
            let later = belief.states.later();
            match instances.iter().find(|instance| instance.id == *id) {
                None => later.contains(State::Gone),
                Some(instance) => !look::states_of(instance).and(later).is_empty(),
            }
        })
    }

    /// Whether the fleet is described as it may be, and nothing in it is on its way to another state.
    pub fn at_rest(&self, reply: &Reply) -> bool {
        let still: States = [State::Running, State::Stopped, State::Terminated, State::Gone]
            .into_iter()
            .collect();
        self.fits(reply)
            && look::described(reply).is_some_and(|instances| {
                let ours = instances.iter().filter(|one| self.fleet.contains_key(&one.id));
                ours.map(look::states_of).all(|states| states.within(still))
            })
    }

    /// The instances that were told to stop and are not known to have done anything else since.
    fn stopping(&self) -> Vec<String> {
        let down: States = [State::Stopping, State::Stopped].into_iter().collect();
        let stopping = |belief: &Belief| belief.states.within(down);
        self.fleet
            .iter()
            .filter(|(_, belief)| stopping(belief))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Whether an instance may still come to a state of this name by itself.
    pub fn may_reach(&self, id: &str, state: &str) -> bool {
        self.fleet
            .get(id)
            .is_some_and(|belief| !belief.states.later().and(States::named(state)).is_empty())
    }

    /// The action of a call if its answers are the oracle's business, whatever is wrong with its name.
    fn tested_action<'a>(&'a self, call: &'a Call) -> Option<&'a str> {
        let contract = &self.judge.contract;
        match call.action.as_deref() {
            Some(action) if contract.transitions.iter().any(|row| row.action == action) => Some(action),
            Some(action) if ask::is_question(action) => None,
            Some(_) | None => Some(&contract.action),
        }
    }

    fn acts(&mut self, sheet: &mut Sheet, step: &StepStarted, heard: &[Heard<'_>]) {
        let judge = Arc::clone(&self.judge);
        let mut acts: Vec<&Heard<'_>> = heard.iter().filter(|one| one.role == Role::Act).collect();
        if step.intent == Intent::Together {
            // They ran at once, so the order in which they were written down means nothing: the one that found the
            // instance running goes first, and the rest in an order that any reader of the journal gets too.
            acts.sort_by_cached_key(|act| {
                let up = act
                    .reply
                    .and_then(document_changes)
                    .is_some_and(|changes| changes.items.iter().any(found_up));
                (!up, act.reply.map(|reply| &reply.body))
            });
        }
        let Some(first) = acts.first() else { return };
        let Some(action) = self.tested_action(first.call).map(str::to_owned) else {
            for act in acts {
                self.ask(sheet, act);
            }
            if let Some(same_as) = &step.same_as {
                let why = "answers of this action are not compared";
                sheet.unknown(judge.clauses(&same_as.clauses), "the same answer as before", why);
            }
            return;
        };
        let before = self.fleet.clone();
        let together = step.intent == Intent::Together;
        let fleet = if together {
            superposed(&before)
        } else {
            before.clone()
        };
        let mut answers = Vec::new();
        for act in &acts {
            let Some(reply) = act.reply else {
                sheet.unknown(judge.clauses(&step.witness), "an answer", "no answer came");
                continue;
            };
            let question = answer::Question {
                judge: &judge,
                fleet: &fleet,
                action: &action,
                call: act.call,
            };
            answers.push((*act, question.judge(sheet, &mut self.seen, reply), reply));
        }
        if together {
            self.one_transition(sheet, &answers);
        }
        if step.label.is_some() || step.same_as.is_some() {
            let answer = answers
                .first()
                .map(|(act, answered, reply)| (act.call, answered, *reply));
            self.relate(sheet, step, &before, &action, answer);
        }
        self.apply(&before, &answers);
        let proof = heard.iter().rev().find(|one| one.role == Role::Look);
        let first = |which: fn(&Answered) -> Option<&(String, String)>| {
            answers.iter().find_map(|(_, answered, _)| which(answered))
        };
        let untold = first(|answered| answered.untold.as_ref());
        // What is stopping after the call was stopping when it came, so it was not refused for being stopped (OQ-06).
        let was_stopping = answers.iter().any(|(_, answered, _)| {
            proof.is_some_and(|proof| look::finds_stopping(&before, &answered.named, proof))
        });
        let wrong = first(|answered| answered.wrong.as_ref()).or(untold.filter(|_| was_stopping));
        let told = Told {
            wrong,
            misstated: first(|answered| answered.misstated.as_ref()),
            untold,
        };
        self.witness(sheet, step, &told);
        if let (Some(proof), Some((_, answered, _))) = (proof, answers.last()) {
            self.prove(sheet, &before, answered, proof);
        }
    }

    /// Of several stops at once, no more than one may have found an instance running.
    fn one_transition(&self, sheet: &mut Sheet, answers: &[(&Heard<'_>, Answered, &Reply)]) {
        for id in self.fleet.keys() {
            let found_up = answers
                .iter()
                .filter_map(|(_, _, reply)| document_changes(reply))
                .flat_map(|changes| changes.items)
                .filter(|item| item.id.as_deref() == Some(id))
                .filter(|item| {
                    item.previous.as_ref().and_then(|state| state.name.as_deref()) == Some("running")
                })
                .count();
            let touched = answers
                .iter()
                .any(|(_, answered, _)| answered.beliefs.contains_key(id));
            if touched {
                self.judge.note(
                    sheet,
                    Check::OneTransition,
                    Weight::Full,
                    found_up <= 1,
                    "one of the calls found the instance running, the others found it stopping or stopped",
                    &format!("{found_up} calls found it running"),
                );
            }
        }
    }

    /// Takes over what the answers tell of the instances.
    fn apply(&mut self, before: &Fleet, answers: &[(&Heard<'_>, Answered, &Reply)]) {
        for (act, answered, reply) in answers {
            for (id, states) in &answered.beliefs {
                if let Some(belief) = self.fleet.get_mut(id) {
                    belief.states = *states;
                }
                let Some(track) = self.tracks.get_mut(id) else {
                    continue;
                };
                track.reasons = answered.reasons.get(id).cloned().unwrap_or_default();
                track.effects.clear();
                match answered.moves.get(id) {
                    Some(answer::Move::Down(manner)) => {
                        track.stop = Some(Stop {
                            at_ms: act.at_ms,
                            date: reply.headers.get("date").map(str::to_owned),
                            manner: *manner,
                            seen_down: false,
                        });
                        track.idle_stop = false;
                    }
                    Some(answer::Move::Idle) => track.idle_stop = true,
                    Some(answer::Move::Up) => {
                        track.stop = None;
                        track.restarted = true;
                        track.idle_stop = false;
                    }
                    Some(answer::Move::End) => {
                        track.stop = None;
                        track.idle_stop = false;
                    }
                    None => {}
                }
            }
            for (id, clauses) in &answered.effects {
                // An instance that an accepted call moves is bound by that call, not by an earlier refusal.
                if let Some(track) = self.tracks.get_mut(id).filter(|_| before.contains_key(id)) {
                    track.effects.extend(clauses.iter().cloned());
                }
            }
        }
    }

    /// Judges the clauses that only this step can show. A call that was carried out with other states than it should
    /// is a matter of the transitions, unless the plain form fared better: then the variation made the difference.
    fn witness(&mut self, sheet: &mut Sheet, step: &StepStarted, told: &Told<'_>) {
        let judge = Arc::clone(&self.judge);
        let clauses = || judge.clauses(&step.witness);
        let wrong = match self.control {
            Some(control) if !control.misstated => told.wrong.or(told.misstated),
            Some(_) | None => told.wrong,
        };
        match (wrong, self.control, told.untold) {
            (
                _,
                Some(Control {
                    step, wrong: true, ..
                }),
                _,
            ) => sheet.unknown(
                clauses(),
                "the same answer as to the plain form",
                &format!("the plain form in step {step} is not answered as it should be either"),
            ),
            (Some((allowed, observed)), _, _) => {
                sheet.deviates(clauses(), Weight::Full, allowed, observed);
            }
            (None, _, Some((allowed, observed))) => {
                let why = format!("{observed}: such a call may be refused");
                sheet.unknown(clauses(), allowed, &why);
            }
            (None, _, None) => sheet.held(clauses()),
        }
        if step.control {
            self.control = Some(Control {
                step: step.step,
                wrong: told.wrong.is_some(),
                misstated: told.misstated.is_some(),
            });
        }
    }
}

/// What the answers of a step tell, allowed and observed, of the first for which it holds.
struct Told<'a> {
    wrong: Option<&'a (String, String)>,
    misstated: Option<&'a (String, String)>,
    untold: Option<&'a (String, String)>,
}

/// What may be found by one of several calls that run at once: the state before them, or after any of them.
fn superposed(fleet: &Fleet) -> Fleet {
    let mut fleet = fleet.clone();
    for belief in fleet.values_mut() {
        if belief.states.contains(State::Running) {
            belief.states = belief.states.or(States::one(State::Stopping)).later();
        }
    }
    fleet
}

fn found_up(item: &StateChange) -> bool {
    item.previous.as_ref().and_then(|state| state.name.as_deref()) == Some("running")
}

fn document_changes(reply: &Reply) -> Option<reply::StateChanges> {
    match &reply.body {
        Body::Document(document) if (200..300).contains(&reply.status) => {
            Some(reply::state_changes(&document.root))
        }
        Body::Document(_) | Body::Empty | Body::Unreadable { .. } => None,
    }
}
