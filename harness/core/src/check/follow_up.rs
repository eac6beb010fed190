//! What a step still needs before it is concluded.
//!
//! Input: the beliefs about the fleet, and the observations of the open step. Output: a [`FollowUp`], which the runner
//! carries out. The runner decides how long to pause and when to give up. What a step is judged by are its observations
//! alone, so a recording needs no follow-ups.

use super::answer::{self, Answered, bare};
use super::examine::{DescribedOddity, examine};
use super::look::{asks_for, clauses_at_stake, sighted, states_of};
use super::rule;
use super::step_judgement::{ClauseIndex, StepJudgement};
use super::views::is_first_page;
use super::{CaseJudge, Observation, Question, Seen};
use crate::call::Call;
use crate::contract::{ClauseId, Condition, Refusal, State};
use crate::journal::{Intent, Role, StepStarted};
use crate::model::{self, Belief, Id, ReadLag, States};
use crate::protocol::reply::{self, Reply};

/// How often the instances are described at most until a pipelined stop shows.
const LOOKS_FOR_A_RAW_STOP: usize = 6;

/// How long to retry a hibernation that was refused as too early. The captured bracket ends 119 s after the launch; the
/// documentation names no time (HIB-04).
const HIBERNATION_READY_MS: u64 = 180_000;
/// How long to retry after refusals for capacity, limits or the state of a Spot request. No time is documented, so a
/// few attempts must do.
const PASSING_MS: u64 = 10_000;

/// What a step needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowUp {
    /// Nothing: it can be concluded.
    Done,
    /// The same call again, because its refusal may pass by itself.
    SendAgain {
        /// Why, and for how long.
        retry: Retry,
        /// What the step needs if the call is not sent again.
        otherwise: Box<FollowUp>,
    },
    /// A description of these instances.
    Describe {
        /// Their ids, in the order in which they were launched.
        ids: Vec<Id>,
        /// When they are worth describing.
        when: When,
    },
}

/// When instances are worth describing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// After a pause: they are not yet in the state that the step waits for, and may never be.
    Unsettled,
    /// After a pause: a second description has to confirm a deviation.
    Unconfirmed,
    /// After a pause: the last description may have been stale. Contains the clauses that it violates if it was not.
    Stale(Vec<ClauseId>),
}

/// What a search saves. It changes what the judge asks for, and never how it judges what it got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Saving {
    /// Nothing: the case is played for its verdict.
    #[default]
    Nothing,
    /// Time by a real clock: no call is sent again because its refusal may pass.
    Time,
    /// Requests: what a refused call left alone is not described at once, and a rest describes only the instances in
    /// transition. The last description of the case covers both.
    Requests,
}

/// Why a call may be answered differently if it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryReason {
    /// A change of stop protection is not seen yet.
    Protection,
    /// A new id is not known yet.
    NewId,
    /// A Spot request does not show yet that its instance has stopped.
    SpotRequest,
    /// A view does not show yet that an instance has changed its state.
    View,
    /// The instance is not ready to hibernate.
    Hibernation,
    /// The contract says that the refusal passes by itself.
    Passing,
}

/// Why and for how long to retry a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The reason.
    pub reason: RetryReason,
    /// How long to retry the call, in milliseconds from the first attempt.
    pub for_ms: u64,
}

/// A step that has begun and is not concluded.
#[derive(Debug)]
pub(super) struct OpenStep {
    pub(super) started: StepStarted,
    /// The observations by which it is judged.
    pub(super) seen: Vec<Observation>,
    /// The instances that its descriptions request; `None` before the first.
    described: Option<Vec<Id>>,
    /// Whether a description was requested to confirm a deviation.
    confirmed: bool,
    /// The clauses that the last description violates if it was not stale.
    at_stake: Vec<ClauseId>,
    /// Whether a description was stale: a later one fits.
    pub(super) was_stale: bool,
    /// The clauses that descriptions showed violated until they could no longer be stale.
    pub(super) in_vain: Vec<ClauseId>,
}

/// How one description of the fleet fits the beliefs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    /// It shows only what is possible.
    Consistent,
    /// It shows a deviation that a second description has to confirm.
    Unconfirmed,
    /// It shows an impossible state, or is not a description, but may be stale. Contains the clauses that would be
    /// violated.
    MayBeStale(Vec<ClauseId>),
    /// It shows an impossible state, or is not a description, and is too late to be stale.
    Inconsistent,
}

impl OpenStep {
    pub(super) fn new(started: StepStarted) -> Self {
        OpenStep {
            started,
            seen: Vec::new(),
            described: None,
            confirmed: false,
            at_stake: Vec::new(),
            was_stale: false,
            in_vain: Vec::new(),
        }
    }

    /// Keeps an observation if the step is judged by it. A call that was sent again counts with its last answer, and a list
    /// that was read again with its last pages.
    pub(super) fn record(&mut self, observation: Observation) {
        match observation.role {
            Role::Act if self.started.intent == Intent::Call => {
                self.seen.retain(|one| one.role != Role::Act);
                self.seen.push(observation);
            }
            Role::Act if self.started.intent == Intent::Pages && is_first_page(&observation.call) => {
                self.seen = vec![observation];
            }
            Role::Act | Role::Look | Role::Retried => self.seen.push(observation),
            Role::Arrange | Role::Ask | Role::Clean => {}
        }
    }

    fn last(&self, role: Role) -> Option<&Observation> {
        self.seen.iter().rfind(|one| one.role == role)
    }
}

impl CaseJudge {
    /// What a step needs before anything was observed.
    pub(super) fn at_first(&self, step: &mut OpenStep) -> FollowUp {
        match step.started.intent {
            Intent::Settle { .. } | Intent::Observe | Intent::Rest => self.describe(step, When::Now),
            // These send something first.
            Intent::Call
            | Intent::Overlap
            | Intent::Pages
            | Intent::Launch { .. }
            | Intent::Pass { .. }
            | Intent::Wire(_)
            | Intent::Watch { .. } => FollowUp::Done,
        }
    }

    /// What a step needs after its last observation, which has this role.
    pub(super) fn after(&self, step: &mut OpenStep, role: Role) -> FollowUp {
        match (role, &step.started.intent) {
            (Role::Act, Intent::Call) => self.after_call(step),
            (Role::Act, Intent::Pages) => self.after_page(step),
            (Role::Act, Intent::Wire(_)) => self.describe(step, When::Now),
            (Role::Look, Intent::Wire(aim)) => {
                let stops = aim.roots.iter().any(|root| root == "StopInstancesResponse");
                self.after_look_at_bytes(step, stops)
            }
            (Role::Look, _) => self.after_look(step),
            (Role::Act | Role::Arrange | Role::Retried | Role::Ask | Role::Clean, _) => FollowUp::Done,
        }
    }

    fn after_call(&self, step: &mut OpenStep) -> FollowUp {
        let Some((act, reply)) = step.last(Role::Act).and_then(|act| Some((act, act.reply()?))) else {
            return FollowUp::Done;
        };
        let retry = match self.saving {
            Saving::Time => None,
            Saving::Nothing | Saving::Requests => self.retry(&act.call, reply, act.at_ms),
        };
        let otherwise = match self.saving {
            Saving::Nothing | Saving::Time if self.wants_proof(&act.call, reply) => {
                self.describe(step, When::Now)
            }
            Saving::Nothing | Saving::Time | Saving::Requests => FollowUp::Done,
        };
        match retry {
            Some(retry) => FollowUp::SendAgain {
                retry,
                otherwise: Box::new(otherwise),
            },
            None => otherwise,
        }
    }

    /// After the last page, a list that may be stale is read again.
    fn after_page(&self, step: &OpenStep) -> FollowUp {
        let pages: Vec<&Observation> = step.seen.iter().filter(|one| one.role == Role::Act).collect();
        match self.saving != Saving::Time && self.is_late_list(&pages) {
            true => FollowUp::SendAgain {
                retry: Retry {
                    reason: RetryReason::View,
                    for_ms: self.read_lag.ms(),
                },
                otherwise: Box::new(FollowUp::Done),
            },
            false => FollowUp::Done,
        }
    }

    /// A stop that was sent as raw bytes may show late.
    fn after_look_at_bytes(&self, step: &mut OpenStep, stops: bool) -> FollowUp {
        let runs = |look: &Observation| {
            let root = look.reply().and_then(Reply::success_root);
            root.is_some_and(|root| {
                reply::sightings(root)
                    .iter()
                    .any(|(_, state)| *state == "running")
            })
        };
        let looks = step.seen.iter().filter(|one| one.role == Role::Look).count();
        if stops && looks < LOOKS_FOR_A_RAW_STOP && step.last(Role::Look).is_some_and(runs) {
            self.describe(step, When::Unconfirmed)
        } else {
            FollowUp::Done
        }
    }

    fn after_look(&self, step: &mut OpenStep) -> FollowUp {
        let Some((look, reply)) = step.last(Role::Look).and_then(|look| Some((look, look.reply()?))) else {
            return FollowUp::Done;
        };
        let purged = self.purged(&look.call, reply);
        if !purged.is_empty() {
            let mut ids = step
                .described
                .take()
                .unwrap_or_else(|| self.listed(&step.started.intent));
            ids.retain(|id| !purged.contains(id));
            step.described = Some(ids);
            return self.describe(step, When::Now);
        }
        let act = step
            .last(Role::Act)
            .filter(|_| step.started.intent == Intent::Call);
        match self.sight(&look.call, reply, look.at_ms, act) {
            Sight::Consistent => {
                step.was_stale |= !std::mem::take(&mut step.at_stake).is_empty();
                self.until_reached(step)
            }
            Sight::Unconfirmed if std::mem::replace(&mut step.confirmed, true) => self.until_reached(step),
            Sight::Unconfirmed => self.describe(step, When::Unconfirmed),
            Sight::MayBeStale(clauses) => {
                step.at_stake.clone_from(&clauses);
                self.describe(step, When::Stale(clauses))
            }
            Sight::Inconsistent => {
                step.in_vain = std::mem::take(&mut step.at_stake);
                FollowUp::Done
            }
        }
    }

    /// Another description, unless the last one shows what the step waits for.
    fn until_reached(&self, step: &mut OpenStep) -> FollowUp {
        let look = step.last(Role::Look);
        let reached = look.is_none_or(|look| match &step.started.intent {
            Intent::Settle { ids, state } => self.has_settled(ids, state, look),
            Intent::Rest => self.is_at_rest(look),
            Intent::Call
            | Intent::Overlap
            | Intent::Pages
            | Intent::Observe
            | Intent::Launch { .. }
            | Intent::Pass { .. }
            | Intent::Wire(_)
            | Intent::Watch { .. } => true,
        });
        match reached {
            true => FollowUp::Done,
            false => self.describe(step, When::Unsettled),
        }
    }

    fn describe(&self, step: &mut OpenStep, when: When) -> FollowUp {
        let ids = step
            .described
            .get_or_insert_with(|| self.listed(&step.started.intent));
        match ids.is_empty() {
            true => FollowUp::Done,
            false => FollowUp::Describe {
                ids: ids.clone(),
                when,
            },
        }
    }

    /// The instances that a step describes: all that can be described, except for a search that saves requests.
    fn listed(&self, intent: &Intent) -> Vec<Id> {
        if *intent == Intent::Rest && self.saving == Saving::Requests {
            return self.moving();
        }
        let is_purged = |id: &Id| self.tracks.get(id).is_some_and(|track| track.purged);
        let ids = self.launched.iter().filter(|id| !is_purged(id));
        ids.cloned().collect()
    }

    /// Whether the step has described all instances.
    pub(super) fn has_described_all(&self, step: &OpenStep) -> bool {
        step.described.as_deref() == Some(&*self.listed(&Intent::Observe))
    }

    /// The instances that may be changing their state.
    pub(super) fn moving(&self) -> Vec<Id> {
        let moves = |belief: &Belief| !belief.states.within(States::still());
        let moving = self.fleet.iter().filter(|(_, belief)| moves(belief));
        moving.map(|(id, _)| Id::clone(id)).collect()
    }

    /// Whether the fleet must be described after this answer: the call was refused, or should have been, or the answer
    /// is not one of this action, so that its effect is unknown.
    fn wants_proof(&self, call: &Call, reply: &Reply) -> bool {
        let Some(action) = self.judge.tested_action(call) else {
            return false;
        };
        let own = reply.root().is_some_and(|root| answer::is_response(root, action));
        if !own || !(200..300).contains(&reply.status) {
            return true;
        }
        let reading = model::read(&self.judge.contract, &self.fleet, call);
        let expectation = model::expect(&self.judge.contract, &self.fleet, action, &reading);
        expectation.acceptance != model::Acceptance::Expected
    }

    /// Whether a description shows these instances in the state, except those that can no longer reach it.
    fn has_settled(&self, ids: &[String], state: &str, look: &Observation) -> bool {
        let seen = look.reply().and_then(sighted).unwrap_or_default();
        let wanted = States::named(state);
        let mut reachable = ids.iter().filter(|id| self.may_reach(id, state));
        reachable.all(|id| seen.iter().any(|(one, states)| one == id && *states == wanted))
    }

    /// Whether an instance may still reach the named state by itself.
    pub(super) fn may_reach(&self, id: &str, state: &str) -> bool {
        self.fleet
            .get(id)
            .is_some_and(|belief| !belief.states.later().and(States::named(state)).is_empty())
    }

    /// Whether the answer describes every requested instance of the fleet in a possible state, and none of them is
    /// changing its state.
    pub(super) fn is_at_rest(&self, look: &Observation) -> bool {
        let Some(seen) = look.reply().and_then(sighted) else {
            return false;
        };
        let mut asked = self.fleet.iter().filter(|(id, _)| asks_for(&look.call, id));
        asked.all(|(id, belief)| {
            let later = belief.states.later();
            match seen.iter().find(|(seen, _)| *seen == id.as_ref()) {
                None => later.contains(State::Gone),
                Some((_, states)) => !states.and(later).is_empty() && states.within(States::still()),
            }
        })
    }

    /// How a description sent at `sent_ms` fits the beliefs. `act` is the call of the same step that it follows.
    pub(super) fn sight(&self, call: &Call, reply: &Reply, sent_ms: u64, act: Option<&Observation>) -> Sight {
        let may_be_stale = self.may_be_stale(sent_ms)
            || act.is_some_and(|act| self.read_lag.covers(act.answered_ms, sent_ms));
        let Some(instances) = self.shown(call, reply) else {
            return match may_be_stale {
                true => Sight::MayBeStale(Vec::new()),
                false => Sight::Inconsistent,
            };
        };
        let mut sight = Sight::Consistent;
        let mut at_stake: Option<Vec<ClauseIndex>> = None;
        // Judging the answer once more is worth it only where something may be at stake.
        let answered = act.filter(|_| may_be_stale).and_then(|act| self.meaning_of(act));
        // Instances that the answer reports as unknown, but that are still described.
        if let Some(answered) = &answered {
            for (id, clauses) in &answered.purged {
                if instances.iter().any(|instance| instance.id == *id) {
                    at_stake.get_or_insert_default().extend_from_slice(clauses);
                }
            }
        }
        // After a refusal, the proof judges only what the answer forbids.
        let effects = answered.as_ref().filter(|answered| !answered.effects.is_empty());
        for ((id, belief), track) in self.fleet.iter().zip(self.tracks.values()) {
            if !asks_for(call, id) {
                continue;
            }
            let instance = instances.iter().find(|instance| *instance.id == **id);
            let states = instance.map_or(States::one(State::Gone), states_of);
            // The beliefs do not contain yet what an accepted call of this step did.
            let moved = answered.as_ref().and_then(|answered| answered.moved.get(id));
            let believed = moved.map_or(belief.states, |moved| moved.states);
            if states.and(believed.later()).is_empty() {
                if !(may_be_stale && track.may_have_been(instance, self.read_lag, sent_ms)) {
                    return Sight::Inconsistent;
                }
                at_stake.get_or_insert_default().extend(match effects {
                    Some(answered) => self.forbidden(answered, id),
                    None => clauses_at_stake(&self.judge, track, states),
                });
                continue;
            }
            let is_new = |oddity: &DescribedOddity| !track.odd.contains(&oddity.rule);
            if let Some(instance) = instance
                && !track.was_in(states, self.read_lag, sent_ms)
                && self.read_lag != ReadLag::NONE
                && examine(&self.judge, id, track, instance).odd.iter().any(is_new)
            {
                sight = Sight::Unconfirmed;
            }
        }
        let Some(at_stake) = at_stake else {
            return sight;
        };
        let mut clauses = self.judge.clause_table.ids(at_stake);
        clauses.sort_unstable();
        clauses.dedup();
        Sight::MayBeStale(clauses)
    }

    /// The clauses that are violated if the call changed this instance.
    fn forbidden(&self, answered: &Answered, id: &Id) -> Vec<ClauseIndex> {
        let of = answered.effects.iter().find(|(one, _)| one == id);
        let mut clauses = of.map(|(_, clauses)| clauses.clone()).unwrap_or_default();
        if answered.binds_as_control(id, &clauses) {
            clauses.extend_from_slice(self.judge.of(rule::CONTROL_UNCHANGED));
        }
        clauses
    }

    /// Judges the answer to a call without recording the result, and returns what it means.
    fn meaning_of(&self, act: &Observation) -> Option<Answered> {
        let action = self.judge.tested_action(&act.call)?;
        let question = Question {
            judge: &self.judge,
            fleet: &self.fleet,
            action,
            call: &act.call,
            may_be_unseen: false,
            is_watched: false,
        };
        let mut judgement = StepJudgement::new(&self.judge.clause_table);
        Some(question.judge(&mut judgement, &mut Seen::default(), act.reply()?))
    }

    /// Whether to retry a call, given its answer and when it was sent.
    pub(super) fn retry(&self, call: &Call, reply: &Reply, sent_ms: u64) -> Option<Retry> {
        let action = call.action.as_deref()?;
        let lagging = |reason| Retry {
            reason,
            for_ms: self.read_lag.ms(),
        };
        if action == "DescribeSpotInstanceRequests" {
            let late = self.shows_late_request(reply, sent_ms);
            return late.then(|| lagging(RetryReason::SpotRequest));
        }
        if self.is_late_view(call, reply, sent_ms) {
            return Some(lagging(RetryReason::View));
        }
        let error = reply.error()?;
        let code = bare(error.code?);
        let contract = &self.judge.contract;
        if contract.passes_by_itself(action, code) {
            return Some(Retry {
                reason: RetryReason::Passing,
                for_ms: PASSING_MS,
            });
        }
        let action = self.judge.tested_action(call)?;
        let reading = model::read(contract, &self.fleet, call);
        let expectation = model::expect(contract, &self.fleet, action, &reading);
        if self.may_be_stale(sent_ms) && answer::denies_own(call, &error, &expectation) {
            return Some(lagging(RetryReason::NewId));
        }
        let message = error.message.unwrap_or_default();
        let refused_for = |condition: Condition| {
            expectation.refusals.iter().find(|active| {
                let codes = &active.refusal.answers;
                active.refusal.condition == condition && codes.iter().any(|known| known.code == code)
            })
        };
        let lifted = self
            .fleet
            .values()
            .zip(self.tracks.values())
            .any(|(belief, track)| {
                let changed_ms = track
                    .protection_changed_ms
                    .filter(|_| !belief.kind.stop_protected);
                changed_ms.is_some_and(|changed_ms| self.read_lag.covers(changed_ms, sent_ms))
            });
        // The belief by which the call is judged does not matter here: the protection was lifted.
        let is_protection = |row: &&Refusal| row.condition == Condition::StopProtected;
        let mut rows = contract.refusals.iter().filter(is_protection);
        if lifted && rows.any(|row| row.answers.iter().any(|known| known.code == code)) {
            return Some(lagging(RetryReason::Protection));
        }
        // The code alone has many other meanings.
        let too_soon = refused_for(Condition::HibernateTooSoon)?;
        let fits = answer::messages_fit(self.judge.refusal(too_soon.row), message, &too_soon.words);
        fits.then_some(Retry {
            reason: RetryReason::Hibernation,
            for_ms: HIBERNATION_READY_MS,
        })
    }
}
