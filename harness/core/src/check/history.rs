//! The history of overlapping calls: which orders explain their answers, and in which states these orders end.
//!
//! Instances that no call names together are searched apart. A history that fits no order is cut down to its shortest
//! beginning that fits none. A search that would take too long decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::answer::may_have_been_carried_out;
use super::facts::{self, Mismatch};
use super::overlap::{as_found, document_changes};
use super::step_judgement::{ClauseIndex, StepJudgement, Weight};
use super::{Judge, Observation, Question, Seen, is_read, rule};
use crate::contract::{Contract, State};
use crate::journal::{AnswerSummary, CallInterval, Doubt, Excerpt, Observed, OverlappingCall};
use crate::model::orders::{self, CallSpan, Effects, Orders};
use crate::model::{Belief, Fleet, Id, ReadLag, States};
use crate::protocol::reply::{self, Reply};

/// How many partial orders a search visits at most. A history of a few calls needs some hundreds.
const BUDGET: usize = 20_000;

/// One call of a history.
#[derive(Debug)]
pub(super) struct HistoryCall<'a> {
    pub(super) act: &'a Observation,
    span: CallSpan,
    effect: Effect<'a>,
    /// Whether it is a dry run, and was not accepted as if it were none.
    is_dry: bool,
    /// The instances of the case that it names.
    ids: Vec<Id>,
    /// Whether its answer says something about the state in which it took effect.
    has_answer: bool,
    /// Whether its answer is wrong by itself.
    is_ignored: bool,
}

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect<'a> {
    /// Move instances, as the contract says of this action.
    Moves(&'a str),
    /// Set these protections, against a stop and against termination.
    Protects(Option<bool>, Option<bool>),
    /// Nothing.
    Reads,
    /// Nobody knows.
    Unknown,
}

/// What orders of calls can change about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    /// The states that it may be in.
    pub(super) states: States,
    /// Whether it is protected against a stop; `None` if that is not known.
    pub(super) stop_protected: Option<bool>,
    /// Whether it is protected against termination; `None` if that is not known.
    pub(super) termination_protected: Option<bool>,
}

/// What a history shows.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// The standing of each instance at the end, where it is known.
    finals: BTreeMap<Id, Standing>,
    /// The calls of each part that fits no order.
    unexplained: Vec<Vec<OverlappingCall>>,
    /// Clauses that the last call of such a part violates in whatever order, with what was observed.
    blamed: Vec<(BTreeSet<ClauseIndex>, Vec<Observed>)>,
    /// Whether a part fits an order.
    is_explained: bool,
    /// Whether a part has too many orders.
    is_undecided: bool,
}

impl<'a> HistoryCall<'a> {
    /// The call of an observation, in a case with these instances.
    pub(super) fn new(judge: &'a Judge, fleet: &Fleet, act: &'a Observation) -> Self {
        let values = act.call.params.iter().map(|(_, value)| value.as_str());
        let named: BTreeSet<Id> = values
            .flat_map(|value| {
                [
                    fleet.get_key_value(value),
                    fleet.get_key_value(value.to_ascii_lowercase().trim()),
                ]
            })
            .flatten()
            .map(|(id, _)| Arc::clone(id))
            .collect();
        let action = act.call.action.as_deref().unwrap_or_default();
        // A dry run that is accepted as if it were none may have been carried out.
        let is_accepted = act
            .reply()
            .is_some_and(|reply| (200..300).contains(&reply.status));
        let is_dry = act.call.param("DryRun") == Some("true") && !is_accepted;
        let is_refused = act
            .reply()
            .is_some_and(|reply| (400..500).contains(&reply.status));
        let tested = judge.tested_action(&act.call);
        let flag = |name: &str| {
            act.call
                .param(&format!("{name}.Value"))
                .map(|value| value == "true")
        };
        let effect = match tested {
            Some(action) => Effect::Moves(action),
            None if is_read(&act.call) || is_refused => Effect::Reads,
            None if action == "ModifyInstanceAttribute" => {
                Effect::Protects(flag("DisableApiStop"), flag("DisableApiTermination"))
            }
            None => Effect::Unknown,
        };
        let span = act.interval.map_or(
            // A recording that does not say when its calls began and ended: any of them may have been first.
            CallSpan {
                began: 0,
                ended: Some(1),
            },
            |CallInterval { began, ended, .. }| CallSpan { began, ended },
        );
        let has_answer = act.reply().is_some_and(|reply| !may_have_been_carried_out(reply));
        HistoryCall {
            act,
            span: CallSpan {
                ended: span.ended.filter(|_| act.reply().is_some()),
                ..span
            },
            effect,
            is_dry,
            ids: named.into_iter().collect(),
            has_answer,
            is_ignored: false,
        }
    }

    /// Ignores the answer: the call may have been carried out or not.
    pub(super) fn ignore_answer(&mut self) {
        self.is_ignored = true;
        self.has_answer = false;
    }

    /// The action, if the contract knows what it does to instances.
    pub(super) fn tested_action(&self) -> Option<&'a str> {
        match self.effect {
            Effect::Moves(action) => Some(action),
            Effect::Reads | Effect::Protects(..) | Effect::Unknown => None,
        }
    }

    /// Whether it is a call of the action under test, or changes nothing.
    pub(super) fn only_stops(&self, contract: &Contract) -> bool {
        self.tested_action() == Some(contract.action.as_str()) || self.only_reads()
    }

    /// The instances of the case that it names.
    pub(super) fn ids(&self) -> impl Iterator<Item = &Id> {
        self.ids.iter()
    }

    /// Whether it names this instance.
    pub(super) fn names(&self, id: &Id) -> bool {
        self.ids.contains(id)
    }

    /// Whether it may set or lift a protection.
    pub(super) fn protects(&self) -> bool {
        matches!(self.effect, Effect::Protects(..) | Effect::Unknown)
    }

    /// Whether its answer shows that it changed nothing.
    pub(super) fn only_reads(&self) -> bool {
        let Some(reply) = self.act.reply().filter(|_| self.has_answer) else {
            return self.effect == Effect::Reads || self.is_dry;
        };
        match self.effect {
            Effect::Reads => true,
            Effect::Moves(_) if self.is_dry || reply.status >= 400 => true,
            Effect::Moves(_) | Effect::Protects(..) | Effect::Unknown => false,
        }
    }

    /// The states in which it may leave an instance that is in one of these states.
    pub(super) fn reached(&self, contract: &Contract, states: States) -> States {
        match self.effect {
            Effect::Moves(_) if self.is_dry => States::NONE,
            Effect::Moves(action) => {
                let rows = contract.transitions.iter();
                let rows = rows.filter(|row| row.action == action && states.contains(row.from));
                let answers = rows.flat_map(|row| &row.answers);
                let reached: States = answers.map(|answer| answer.then).collect();
                reached.or(self.claimed())
            }
            Effect::Unknown => States::ANY,
            Effect::Reads | Effect::Protects(..) => States::NONE,
        }
    }

    /// The states that its answer names: an action of which the contract does not know everything may have led there.
    fn claimed(&self) -> States {
        let changes = self.act.reply().and_then(document_changes);
        let items = changes.into_iter().flat_map(|changes| changes.items);
        items
            .filter(|item| item.id.is_some_and(|id| self.ids.iter().any(|own| **own == *id)))
            .map(|item| States::named(item.current_name().unwrap_or_default()))
            .fold(States::NONE, States::or)
    }

    /// The call in a finding, with its answer if that counts.
    fn shown(&self, is_answered: bool) -> OverlappingCall {
        let interval = self.act.interval.unwrap_or(CallInterval {
            caller: 1,
            began: self.span.began,
            ended: self.span.ended,
        });
        let reply = self.act.reply().filter(|_| is_answered);
        OverlappingCall {
            interval: CallInterval {
                ended: interval.ended.filter(|_| is_answered),
                ..interval
            },
            action: Excerpt::name(self.act.call.action.as_deref().unwrap_or_default()),
            ids: self.ids.iter().map(|id| Excerpt::word(id)).collect(),
            answer: reply.map(|reply| match document_changes(reply) {
                Some(changes) if !changes.items.is_empty() => {
                    facts::items_summary(reply.status, &changes.items)
                }
                Some(_) | None => facts::summary(reply),
            }),
        }
    }
}

impl Standing {
    fn of(belief: &Belief) -> Self {
        Standing {
            states: belief.states.later(),
            stop_protected: Some(belief.kind.stop_protected),
            termination_protected: Some(belief.kind.termination_protected),
        }
    }

    /// Makes a belief that of an instance with this standing. A protection that is not known counts as set.
    pub(super) fn apply_to(self, belief: &mut Belief) {
        belief.states = self.states;
        belief.kind.stop_protected = self.stop_protected != Some(false);
        belief.kind.termination_protected = self.termination_protected != Some(false);
    }

    fn or(self, other: Standing) -> Self {
        let same = |one: Option<bool>, other: Option<bool>| one.filter(|_| one == other);
        Standing {
            states: self.states.or(other.states),
            stop_protected: same(self.stop_protected, other.stop_protected),
            termination_protected: same(self.termination_protected, other.termination_protected),
        }
    }
}

impl Verdicts {
    /// Searches a history of calls that began with this fleet. `may_be_unseen` says of a call whether the service may not
    /// know yet what was answered before it.
    pub(super) fn of(
        judge: &Judge,
        before: &Fleet,
        history: &[HistoryCall<'_>],
        read_lag: ReadLag,
        may_be_unseen: impl Fn(&Observation) -> bool,
    ) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for ids in parts(history) {
            let calls: Vec<&HistoryCall<'_>> = history
                .iter()
                .filter(|call| call.ids.iter().any(|id| ids.contains(id)))
                .collect();
            let protects = calls.iter().any(|call| call.protects());
            let mut part = Part {
                judge,
                // A change of a protection may not be seen for a while.
                fleet: before
                    .iter()
                    .filter(|(id, _)| ids.contains(*id))
                    .map(|(id, belief)| {
                        let mut belief = belief.clone();
                        belief.unseen.protection |= protects && read_lag != ReadLag::NONE;
                        (Arc::clone(id), belief)
                    })
                    .collect(),
                unseen: calls.iter().map(|call| may_be_unseen(call.act)).collect(),
                reads_are_exact: read_lag == ReadLag::NONE,
                steps: HashMap::new(),
                calls,
            };
            part.conclude(&mut verdicts);
        }
        verdicts
    }

    /// Records what the history shows about the clauses.
    pub(super) fn note(&self, judgement: &mut StepJudgement<'_>, judge: &Judge) {
        for (clauses, observed) in &self.blamed {
            let clauses: Vec<ClauseIndex> = clauses.iter().copied().collect();
            let mismatch = Mismatch::rule(rule::ONE_ORDER, observed.clone());
            judgement.deviates(&clauses, Weight::Full, &mismatch);
        }
        let one_order = judge.of(rule::ONE_ORDER);
        for calls in &self.unexplained {
            judge.note_rule(judgement, rule::ONE_ORDER, Weight::Full, false, || {
                Observed::History {
                    calls: calls.iter().cloned().collect(),
                }
            });
        }
        if self.is_undecided {
            judgement.unknown(one_order, &Mismatch::rule(rule::ONE_ORDER, Doubt::TooManyOrders));
        }
        if self.is_explained {
            judgement.held(one_order);
        }
    }

    /// The standing of the instances in which the orders end, where all orders were tried.
    pub(super) fn finals(&self) -> impl Iterator<Item = (&Id, &Standing)> {
        self.finals.iter()
    }
}

/// The instances that calls name together, by groups.
fn parts(history: &[HistoryCall<'_>]) -> Vec<BTreeSet<Id>> {
    let mut parts: Vec<BTreeSet<Id>> = Vec::new();
    for call in history.iter().filter(|call| !call.ids.is_empty()) {
        let own: BTreeSet<Id> = call.ids.iter().cloned().collect();
        let (mut joined, apart): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| !part.is_disjoint(&own));
        joined.push(own);
        parts = apart;
        parts.push(joined.into_iter().flatten().collect());
    }
    parts
}

/// The standings after a call, or the clauses that its answer violates if it took effect there.
type AfterCall = Result<Vec<Standing>, BTreeSet<ClauseIndex>>;

/// Instances that no call outside names, with the calls that name them.
struct Part<'a> {
    judge: &'a Judge,
    fleet: Fleet,
    calls: Vec<&'a HistoryCall<'a>>,
    /// For each call, whether the service may not know yet what was answered before it.
    unseen: Vec<bool>,
    /// Whether a read shows what is, and not what was.
    reads_are_exact: bool,
    /// What a call does to these standings, or the clauses that its answer violates there.
    steps: HashMap<(usize, bool, Vec<Standing>), AfterCall>,
}

/// Some of the calls of a part, each with whether its answer counts.
struct Selected<'p, 'a> {
    part: &'p mut Part<'a>,
    calls: Vec<(usize, bool)>,
}

impl Part<'_> {
    fn conclude(&mut self, verdicts: &mut Verdicts) {
        let all: Vec<(usize, bool)> = (0..self.calls.len()).map(|call| (call, true)).collect();
        match self.search(all) {
            Orders::Explained { finals, is_complete } => {
                verdicts.is_explained = true;
                if is_complete {
                    let standings = finals.into_iter().reduce(|one, other| {
                        one.into_iter()
                            .zip(other)
                            .map(|(one, other)| one.or(other))
                            .collect()
                    });
                    let ids = self.fleet.keys().map(Arc::clone);
                    verdicts.finals.extend(ids.zip(standings.into_iter().flatten()));
                }
            }
            Orders::OutOfBudget => verdicts.is_undecided = true,
            // What a wrong answer did is not known, so nothing follows from what came after it.
            Orders::Unexplained if self.calls.iter().any(|call| call.is_ignored) => {}
            Orders::Unexplained => {
                let shortest = self.shortest();
                let ends = shortest.iter().filter_map(|(call, is_answered)| {
                    let ended = self.calls.get(*call)?.span.ended.filter(|_| *is_answered)?;
                    Some((ended, *call))
                });
                let last = ends.max().map(|(_, call)| call);
                let mut shown: Vec<OverlappingCall> = shortest
                    .into_iter()
                    .filter_map(|(call, is_answered)| Some(self.calls.get(call)?.shown(is_answered)))
                    .collect();
                shown.sort_by_key(|call| call.interval.began);
                if let Some((clauses, answer)) = last.and_then(|call| self.blame(call)) {
                    let calls = shown.iter().cloned().collect();
                    let observed = vec![Observed::Answer(answer), Observed::History { calls }];
                    verdicts.blamed.push((clauses, observed));
                }
                verdicts.unexplained.push(shown);
            }
        }
    }

    fn search(&mut self, calls: Vec<(usize, bool)>) -> Orders<Vec<Standing>> {
        let spans: Vec<CallSpan> = calls
            .iter()
            .filter_map(|(call, is_answered)| {
                let span = self.calls.get(*call)?.span;
                Some(CallSpan {
                    ended: span.ended.filter(|_| *is_answered),
                    ..span
                })
            })
            .collect();
        let start: Vec<Standing> = self.fleet.values().map(Standing::of).collect();
        orders::search(&spans, start, BUDGET, &mut Selected { part: self, calls })
    }

    /// The clauses that a call violates wherever it could have taken effect, with its answer; `None` if it violates none everywhere.
    fn blame(&self, call: usize) -> Option<(BTreeSet<ClauseIndex>, AnswerSummary)> {
        let tried = self
            .steps
            .iter()
            .filter(|((one, is_answered, _), _)| *one == call && *is_answered);
        let mut common: Option<BTreeSet<ClauseIndex>> = None;
        for (_, step) in tried {
            let violated = step.as_ref().err()?;
            common = Some(match common {
                None => violated.clone(),
                Some(common) => common.intersection(violated).copied().collect(),
            });
        }
        let clauses = common.filter(|clauses| !clauses.is_empty())?;
        Some((clauses, self.calls.get(call)?.shown(true).answer?))
    }

    /// The shortest beginning of the history that fits no order, without the reads that it does not need. Calls that were
    /// still under way at its end may have taken effect or not.
    fn shortest(&mut self) -> Vec<(usize, bool)> {
        let mut ends: Vec<u64> = self.calls.iter().filter_map(|call| call.span.ended).collect();
        ends.sort_unstable();
        // A longer beginning has more answers to explain.
        let explained = ends.partition_point(|end| {
            let beginning = self.until(*end);
            self.search(beginning) != Orders::Unexplained
        });
        let mut shortest = self.until(ends.get(explained).copied().unwrap_or(u64::MAX));
        for at in (0..shortest.len()).rev() {
            let only_reads = shortest
                .get(at)
                .and_then(|(call, _)| self.calls.get(*call))
                .is_some_and(|call| call.only_reads());
            let mut without = shortest.clone();
            without.remove(at);
            if only_reads && self.search(without.clone()) == Orders::Unexplained {
                shortest = without;
            }
        }
        shortest
    }

    /// The calls that began until this moment, with the answers that had come by then.
    fn until(&self, end: u64) -> Vec<(usize, bool)> {
        let calls = self.calls.iter().enumerate();
        calls
            .filter(|(_, call)| call.span.began <= end)
            .map(|(at, call)| (at, call.span.ended.is_some_and(|ended| ended <= end)))
            .collect()
    }

    /// What a call does to these standings; the clauses that its answer violates there, if it cannot come from them.
    fn effect(&self, at: usize, is_answered: bool, standings: &[Standing]) -> AfterCall {
        let Some(call) = self.calls.get(at) else {
            return Ok(standings.to_vec());
        };
        let reply = call.act.reply().filter(|_| is_answered && call.has_answer);
        let mut after = standings.to_vec();
        let named = |id: &Id| call.names(id);
        match (call.effect, reply) {
            (Effect::Reads, Some(reply)) if self.reads_are_exact => {
                for ((id, _), standing) in self.fleet.iter().zip(&mut after) {
                    if let Some(seen) = described(call, reply, id) {
                        let fit = standing.states.and(seen);
                        if fit.is_empty() {
                            return Err(BTreeSet::new());
                        }
                        standing.states = fit.later();
                    }
                }
            }
            (Effect::Reads, _) => {}
            (Effect::Moves(action), Some(reply)) => {
                return self.answered(
                    call,
                    action,
                    reply,
                    *self.unseen.get(at).unwrap_or(&true),
                    standings,
                );
            }
            (Effect::Moves(_) | Effect::Unknown, _) => {
                for (_, standing) in self.fleet.keys().zip(&mut after).filter(|(id, _)| named(id)) {
                    let reached = call.reached(&self.judge.contract, standing.states);
                    standing.states = standing.states.or(reached).later();
                }
            }
            (Effect::Protects(stop, termination), reply) => {
                let is_certain = reply.is_some();
                let set = |old: Option<bool>, new: Option<bool>| match new {
                    Some(_) if is_certain || old == new => new,
                    Some(_) => None,
                    None => old,
                };
                for (_, standing) in self.fleet.keys().zip(&mut after).filter(|(id, _)| named(id)) {
                    standing.stop_protected = set(standing.stop_protected, stop);
                    standing.termination_protected = set(standing.termination_protected, termination);
                }
            }
        }
        Ok(after)
    }

    /// What a call did that was answered.
    fn answered(
        &self,
        call: &HistoryCall<'_>,
        action: &str,
        reply: &Reply,
        may_be_unseen: bool,
        standings: &[Standing],
    ) -> AfterCall {
        let mut fleet = self.fleet.clone();
        for (belief, standing) in fleet.values_mut().zip(standings) {
            standing.apply_to(belief);
            belief.unseen.protection |= standing.stop_protected.is_none();
        }
        let fleet = as_found(fleet, reply);
        let question = Question {
            judge: self.judge,
            fleet: &fleet,
            action,
            call: &call.act.call,
            may_be_unseen,
            is_watched: false,
        };
        let mut judgement = StepJudgement::new(&self.judge.clause_table);
        let answered = question.judge(&mut judgement, &mut Seen::default(), reply);
        if answered.wrong.is_some() || answered.misstated.is_some() {
            return Err(judgement.violated());
        }
        let mut after = standings.to_vec();
        for ((id, _), standing) in self.fleet.iter().zip(&mut after) {
            if let Some(moved) = answered.moved.get(id) {
                standing.states = moved.states.later();
            }
        }
        Ok(after)
    }
}

impl Effects<Vec<Standing>> for Selected<'_, '_> {
    fn step(&mut self, call: usize, state: &Vec<Standing>) -> Option<Vec<Standing>> {
        let (call, is_answered) = *self.calls.get(call)?;
        let key = (call, is_answered, state.clone());
        if let Some(known) = self.part.steps.get(&key) {
            return known.clone().ok();
        }
        let after = self.part.effect(call, is_answered, state);
        self.part.steps.entry(key).or_insert(after).clone().ok()
    }

    fn only_reads(&self, call: usize) -> bool {
        self.calls.get(call).is_some_and(|(call, is_answered)| {
            *is_answered && self.part.calls.get(*call).is_some_and(|call| call.only_reads())
        })
    }
}

/// The states that a description shows of an instance that it was asked for, by id.
fn described(call: &HistoryCall<'_>, reply: &Reply, id: &Id) -> Option<States> {
    let is_described = call.act.call.action.as_deref() == Some("DescribeInstances");
    let root = reply.success_root().filter(|_| is_described && call.names(id))?;
    let sightings = reply::sightings(root);
    let seen = sightings.iter().find(|(seen, _)| **seen == **id);
    Some(seen.map_or(States::one(State::Gone), |(_, state)| States::named(state)))
}
