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
use crate::contract::{Check, ClauseId, Confidence, Contract, Refusal};
use crate::journal::{
    Doubt, Expected, Finding, FixtureReady, Intent, Judged, Observed, Obstacle, Role, StepStarted,
};
use crate::model::{Belief, Fleet, Id, ReadLag, States, Unseen};
use crate::protocol::reply::Reply;
use crate::verdict::Verdict;

mod answer;
mod attempts;
mod auxiliary_calls;
mod examine;
mod facts;
mod fold;
mod follow_up;
mod history;
mod launches;
mod look;
mod observation;
mod overlap;
mod relation;
mod rule;
mod shape;
mod step_judgement;
pub mod time;
mod track;
mod traffic;
mod views;
mod wire;
mod witness;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;

use answer::{Answered, Messages, Question};
use facts::Mismatch;
pub use facts::summary;
pub use fold::JournalFold;
use follow_up::OpenStep;
pub use follow_up::{FollowUp, Retry, RetryReason, Saving, When};
pub use observation::Observation;
use rule::Rule;
use step_judgement::{ClauseIndex, ClauseTable, StepJudgement, Weight};
use track::{IdleStop, Stop, Track, before};
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

/// The result of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// Its judgement.
    pub judged: Judged,
    /// Why the case cannot go on, if the endpoint lacks an action that the step needs.
    pub obstacle: Option<Obstacle>,
    /// Whether a description was stale: a later one fits.
    pub was_stale: bool,
    /// The clauses that were waited for in vain: descriptions showed them violated until they could no longer be stale,
    /// and so they were judged.
    pub in_vain: Vec<ClauseId>,
}

/// Judges the steps of one case and keeps the state between them. For each step: [`CaseJudge::begin`], then
/// [`CaseJudge::observe`] for each exchange, then [`CaseJudge::conclude`].
#[derive(Debug)]
pub struct CaseJudge {
    judge: Arc<Judge>,
    case: String,
    fleet: Fleet,
    tracks: BTreeMap<Id, Track>,
    /// The instances in the order in which they were launched.
    launched: Vec<Id>,
    /// The options of launches, as far as they were seen and are not judged yet.
    launches: launches::Launches,
    saving: Saving,
    step: Option<OpenStep>,
    seen: Seen,
    control: Option<Control>,
    /// The result of the plain form, in a case on a raw socket.
    plain: Option<wire::Plain>,
    /// The answers of this case that later ones are compared with, by label.
    kept: BTreeMap<String, relation::RememberedAnswer>,
    obstacle: Option<Obstacle>,
    read_lag: ReadLag,
    /// When the last call that may have changed something was answered, or the last fixture became ready.
    changed_ms: Option<u64>,
    /// Whether the last thing that happened was a description of all instances, and no other was needed.
    is_up_to_date: bool,
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
    fn of(&self, rule: Rule) -> &[ClauseIndex] {
        self.checks.get(rule.check() as usize).map_or(&[], Vec::as_slice)
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
        rule: Rule,
        weight: Weight,
        fits: bool,
        mismatch: impl FnOnce() -> Mismatch,
    ) {
        if fits {
            judgement.held(self.of(rule));
        } else {
            judgement.deviates(self.of(rule), weight, &mismatch());
        }
    }

    /// Like [`note`](Judge::note), for a check that demands the same of every endpoint. `observed` is called only for a
    /// deviation.
    fn note_rule<O: Into<Vec<Observed>>>(
        &self,
        judgement: &mut StepJudgement<'_>,
        rule: Rule,
        weight: Weight,
        fits: bool,
        observed: impl FnOnce() -> O,
    ) {
        self.note(judgement, rule, weight, fits, || Mismatch::rule(rule, observed()));
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

impl CaseJudge {
    /// Starts a case.
    pub fn new(judge: Arc<Judge>, case: &str) -> Self {
        CaseJudge {
            read_lag: judge.read_lag,
            changed_ms: None,
            is_up_to_date: false,
            judge,
            case: case.to_owned(),
            fleet: Fleet::new(),
            tracks: BTreeMap::new(),
            launched: Vec::new(),
            launches: launches::Launches::default(),
            saving: Saving::Nothing,
            step: None,
            seen: Seen::default(),
            control: None,
            plain: None,
            kept: BTreeMap::new(),
            obstacle: None,
        }
    }

    /// Sets another read lag for this case.
    #[must_use]
    pub fn with_read_lag(self, read_lag: ReadLag) -> Self {
        CaseJudge { read_lag, ..self }
    }

    /// Sets what the case saves, if it is part of a search.
    #[must_use]
    pub fn saving(self, saving: Saving) -> Self {
        CaseJudge { saving, ..self }
    }

    /// Adds an instance that is ready: it was described in the state that the case needs.
    pub fn fixture(&mut self, ready: &FixtureReady) {
        let id = Id::from(ready.id.as_str());
        self.fleet.insert(Arc::clone(&id), Belief::of(ready.kind));
        self.launched.push(Arc::clone(&id));
        self.launches.ready(ready);
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

    /// Whether no call was accepted that changed an instance, and the last description shows it in the state in which the
    /// case got it: then it can serve another case.
    pub fn is_as_it_was(&self, id: &str) -> bool {
        let (Some(belief), Some(track)) = (self.fleet.get(id), self.tracks.get(id)) else {
            return false;
        };
        let state = States::one(belief.kind.state);
        let Track {
            stop: None,
            restarted: false,
            idle_stop: None,
            protection_changed_ms: None,
            cancelled_ms: None,
            purged: false,
            shown,
            ..
        } = track
        else {
            return false;
        };
        belief.states == state && *shown == state
    }

    /// Begins a step. A step that was not concluded is given up.
    pub fn begin(&mut self, started: StepStarted) -> FollowUp {
        self.is_up_to_date &= !matches!(started.intent, Intent::Launch { .. } | Intent::Pass { .. });
        let mut step = OpenStep::new(started);
        let next = self.at_first(&mut step);
        self.step = Some(step);
        next
    }

    /// Takes the next observation of the step, and says what the step needs then.
    pub fn observe(&mut self, observation: Observation) -> FollowUp {
        let Some(mut step) = self.step.take() else {
            return FollowUp::Done;
        };
        let role = observation.role;
        step.record(observation);
        let next = self.after(&mut step, role);
        self.is_up_to_date = role == Role::Look && next == FollowUp::Done && self.has_described_all(&step);
        self.step = Some(step);
        next
    }

    /// Whether all instances were just described, each in the one state that it must be in, no deviation is to be
    /// confirmed, and nothing happened since. Then another description adds nothing.
    pub fn is_up_to_date(&self) -> bool {
        let is_known = |(belief, track): (&Belief, &Track)| {
            let is_as_believed = belief.states == track.shown && track.shown.only().is_some();
            track.purged || is_as_believed && !track.is_unconfirmed
        };
        self.is_up_to_date && self.fleet.values().zip(self.tracks.values()).all(is_known)
    }

    /// Takes the next observation of a step that gets no follow-ups any more, because it is a recording.
    pub fn record(&mut self, observation: Observation) {
        if let Some(step) = &mut self.step {
            step.record(observation);
        }
    }

    /// Concludes the step: judges it by what was observed. `None` if no step has begun.
    pub fn conclude(&mut self) -> Option<StepResult> {
        let step = self.step.take()?;
        let judged = self.judge(&step.started, &step.seen);
        let mut in_vain = step.in_vain;
        in_vain.retain(|clause| {
            let decides =
                |finding: &Finding| finding.clause == *clause && finding.verdict != Verdict::Inconclusive;
            judged.findings.iter().any(decides)
        });
        Some(StepResult {
            judged,
            obstacle: self.obstacle.take(),
            was_stale: step.was_stale,
            in_vain,
        })
    }

    fn judge(&mut self, step: &StepStarted, observations: &[Observation]) -> Judged {
        let judge = Arc::clone(&self.judge);
        let mut judgement = StepJudgement::new(&judge.clause_table);
        // Bytes on a socket are judged as such.
        if !matches!(step.intent, Intent::Wire(_)) {
            // One of several overlapping calls may be broken without the others.
            let is_judged_here = |one: &&Observation| step.intent != Intent::Overlap || one.reply().is_some();
            let broken = observations.iter().filter(is_judged_here);
            let mut broken = broken.filter_map(|one| Some((one, one.breach()?)));
            if let Some((one, rule)) = broken.next() {
                judgement.about(place_in(observations, one));
                judge.note_rule(&mut judgement, rule, Weight::Full, false, || {
                    one.on_the_connection()
                });
                judgement.about(None);
                if one.reply().is_none() {
                    // What the call did is not known, so nothing else is judged.
                    return judgement.close(&self.case, step.step);
                }
            } else if !matches!(step.intent, Intent::Overlap | Intent::Watch { .. })
                && !observations.is_empty()
            {
                judgement.held(judge.of(rule::WHOLE_ANSWER));
            }
        }
        if self.launches.have_held() {
            judgement.held(judge.of(rule::LAUNCH_OPTIONS));
        }
        match &step.intent {
            Intent::Call | Intent::Pages => self.acts(&mut judgement, step, observations),
            Intent::Overlap => self.overlap(&mut judgement, step, observations),
            Intent::Settle { ids, state } => self.settle(&mut judgement, ids, state, observations),
            Intent::Observe => self.look_around(&mut judgement, observations),
            Intent::Rest => {
                let ids = self.stopping();
                self.settle(&mut judgement, &ids, "stopped", observations);
            }
            Intent::Launch { .. } => {}
            Intent::Pass { ms } => {
                for track in self.tracks.values_mut() {
                    track.passed_ms += u64::from(*ms);
                }
            }
            Intent::Wire(aim) => self.bytes(&mut judgement, step.step, aim, observations),
            Intent::Watch { .. } => self.watch(&mut judgement, observations),
        }
        self.note_purged(observations);
        for (belief, track) in self.fleet.values().zip(self.tracks.values_mut()) {
            track.has_ended |= belief.states.within(States::dead());
        }
        judgement.close(&self.case, step.step)
    }

    /// Records which changes a call sent at `sent_ms` may not see yet.
    fn mark_unseen(&mut self, sent_ms: u64) {
        let lag = self.read_lag;
        let may_miss = |changed_ms: Option<u64>| changed_ms.is_some_and(|at_ms| lag.covers(at_ms, sent_ms));
        for (belief, track) in self.fleet.values_mut().zip(self.tracks.values()) {
            belief.unseen = Unseen {
                protection: may_miss(track.protection_changed_ms) || track.is_protection_unknown,
                cancellation: may_miss(track.cancelled_ms),
            };
        }
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

    fn acts(&mut self, judgement: &mut StepJudgement<'_>, step: &StepStarted, observations: &[Observation]) {
        let judge = Arc::clone(&self.judge);
        self.allow_for_failed(observations);
        let sent_ms = observations
            .iter()
            .filter(|one| one.role == Role::Act)
            .map(|one| one.at_ms);
        self.mark_unseen(sent_ms.min().unwrap_or_default());
        let acts: Vec<&Observation> = observations.iter().filter(|one| one.role == Role::Act).collect();
        let place = |one: &Observation| place_in(observations, one);
        let Some(first) = acts.first() else { return };
        let Some(action) = judge.tested_action(&first.call) else {
            if step.intent == Intent::Pages {
                self.pages(judgement, &acts);
            } else {
                for act in acts {
                    judgement.about(place(act));
                    self.ask(judgement, act);
                    if !is_read(&act.call) {
                        self.changed(act.answered_ms);
                    }
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
        let mut answers = Vec::with_capacity(acts.len());
        for act in acts {
            judgement.about(place(act));
            let Some(reply) = act.reply() else {
                judgement.unknown(
                    &judge.clause_table.indices(&step.witness),
                    &Mismatch::new(Expected::Answer, Doubt::NoAnswer),
                );
                continue;
            };
            let question = Question {
                judge: &judge,
                fleet: &self.fleet,
                action,
                call: &act.call,
                may_be_unseen: self.may_be_stale(act.at_ms),
                is_watched: false,
            };
            answers.push((act, question.judge(judgement, &mut self.seen, reply), reply));
        }
        if step.label.is_some() || step.same_as.is_some() {
            let answer = answers
                .first()
                .map(|(act, answered, reply)| (act.call.as_ref(), answered, *reply));
            self.relate(judgement, step, action, answer);
        }
        let proof = observations.iter().rev().find(|one| one.role == Role::Look);
        let mut findings = StepFindings::of(&answers);
        // An instance that is stopping after the call was stopping when the call came, so a dry run was not refused
        // because the instance was stopped (DRY-07).
        let was_stopping = || {
            proof.is_some_and(|proof| {
                let mut answers = answers.iter();
                answers.any(|(_, answered, _)| look::finds_stopping(&self.fleet, &answered.named, proof))
            })
        };
        findings.wrong = findings
            .wrong
            .or_else(|| findings.untold.filter(|_| was_stopping()));
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
            self.examine_all_but_last(judgement, &before, observations);
            judgement.about(place_in(observations, proof));
            self.prove(judgement, &before, answered, proof);
        }
    }

    /// Updates the beliefs and tracks from the answers.
    fn apply(&mut self, answers: &[(&Observation, Answered, &Reply)]) {
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
                    Some(answer::Move::Down(mode)) => {
                        track.stop = Some(Stop {
                            at_ms: act.at_ms,
                            date: reply.header(DATE).map(Cow::into_owned),
                            mode,
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
                    // What a call did that is not understood is not known, so nothing follows from an earlier stop.
                    Some(answer::Move::End) | None => {
                        track.stop = None;
                        track.idle_stop = None;
                    }
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
fn place_in(observations: &[Observation], one: &Observation) -> Option<usize> {
    let judged = observations
        .iter()
        .filter(|other| matches!(other.role, Role::Act | Role::Look | Role::Ask));
    judged
        .map(std::ptr::from_ref)
        .position(|other| std::ptr::eq(other, one))
}

/// Whether a call only reads.
fn is_read(call: &Call) -> bool {
    let action = call.action.as_deref().unwrap_or_default();
    action.starts_with("Describe") || action.starts_with("Get")
}
