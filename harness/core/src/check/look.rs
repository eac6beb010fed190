//! Compares descriptions of the fleet with the beliefs about it: the proof after a refusal, the wait after a stop, and
//! the last description of a case.
//!
//! The first description never decides. A description with an impossible state is not judged as long as it may be stale
//! ([`ReadLag`](crate::model::ReadLag)). A description with a possible state shows the whole instance at that moment,
//! and a deviation in its details has to be seen in a second description.

use super::rule::{self, Rule};
use std::sync::Arc;

use super::answer::Answered;
use super::examine::{Examined, examine};
use super::facts::{self, Mismatch, described_state};
use super::step_judgement::{ClauseIndex, StepJudgement, Weight};
use super::{CaseJudge, Judge, Observation, Track, place_in};
use crate::call::Call;
use crate::contract::State;
use crate::journal::{Doubt, Excerpt, Expected, Observed, Role};
use crate::model::{Belief, Fleet, Id, ReadLag, States};
use crate::protocol::reply::{self, Instance, Reply};
use crate::protocol::xml::Element;

/// Milliseconds after which the user guide calls a stop stuck.
const STUCK_MS: u64 = 600_000;

/// A description of the fleet, or of the requested part of it.
struct Look<'a> {
    /// Its place in the step; see [`Finding::exchange`](crate::journal::Finding::exchange).
    exchange: Option<usize>,
    at_ms: u64,
    call: &'a Call,
    instances: Vec<Instance>,
}

/// The root of an answer to DescribeInstances, if it is one.
fn description(reply: &Reply) -> Option<Element<'_>> {
    let is_one = |root: &Element<'_>| root.name() == "DescribeInstancesResponse";
    reply.success_root().filter(is_one)
}

/// The code of a refusal for ids that do not exist.
const NOT_FOUND: &str = "InvalidInstanceID.NotFound";

/// The instances of an answer to DescribeInstances, if it is one.
pub(super) fn described(reply: &Reply) -> Option<Vec<Instance>> {
    description(reply).map(reply::instances)
}

/// Like [`described`], but only the id of each instance and the states that its description may mean.
pub(super) fn sighted(reply: &Reply) -> Option<Vec<(&str, States)>> {
    let named = |(id, state)| (id, States::named(state));
    let sightings = reply::sightings(description(reply)?);
    Some(sightings.into_iter().map(named).collect())
}

/// The states that a description may mean.
pub(super) fn states_of(instance: &Instance) -> States {
    instance
        .state
        .as_ref()
        .and_then(|state| state.name.as_deref())
        .map_or(States::NONE, States::named)
}

/// Whether all of these instances were stopping or stopped before a call, and all are described as stopping after it.
pub(super) fn finds_stopping(before: &Fleet, ids: &[Id], proof: &Observation) -> bool {
    let Some(seen) = proof.reply().and_then(sighted) else {
        return false;
    };
    !ids.is_empty()
        && ids.iter().all(|id| {
            let was_down = before
                .get(id)
                .is_some_and(|belief| belief.states.within(States::down()));
            let seen = seen.iter().find(|(seen, _)| *seen == id.as_ref());
            was_down && seen.is_some_and(|(_, states)| *states == States::one(State::Stopping))
        })
}

impl CaseJudge {
    /// The instances that a refused description reports as unknown and that may have been purged after they ended. A
    /// description that names them shows none of the other instances either, so those are requested without them.
    pub(super) fn purged(&self, call: &Call, reply: &Reply) -> Vec<Id> {
        let error = reply.error().filter(|error| error.code == Some(NOT_FOUND));
        let Some(message) = error.and_then(|error| error.message) else {
            return Vec::new();
        };
        let is_purged = |(id, belief): &(&Id, &Belief)| {
            belief.states.later().contains(State::Gone) && asks_for(call, id) && message.contains(&***id)
        };
        let purged = self.fleet.iter().filter(is_purged);
        purged.map(|(id, _)| Id::clone(id)).collect()
    }

    /// Records which instances were purged.
    pub(super) fn note_purged(&mut self, observations: &[Observation]) {
        for look in observations.iter().filter(|one| one.role == Role::Look) {
            for id in look
                .reply()
                .map(|reply| self.purged(&look.call, reply))
                .unwrap_or_default()
            {
                if let Some(track) = self.tracks.get_mut(&id) {
                    track.purged = true;
                }
            }
        }
    }

    fn looks<'a>(&self, observations: &'a [Observation]) -> impl Iterator<Item = Look<'a>> {
        observations
            .iter()
            .filter(|one| one.role == Role::Look)
            .filter_map(|one| {
                Some(Look {
                    exchange: place_in(observations, one),
                    at_ms: one.at_ms,
                    call: &one.call,
                    instances: self.shown(&one.call, one.reply()?)?,
                })
            })
    }

    /// The instances that an answer to DescribeInstances shows: an empty list if it reports that all of them were
    /// purged.
    pub(super) fn shown(&self, call: &Call, reply: &Reply) -> Option<Vec<Instance>> {
        described(reply).or_else(|| {
            let purged = self.purged(call, reply);
            let mut asked = self.fleet.keys().filter(|id| asks_for(call, id));
            (!purged.is_empty() && asked.all(|id| purged.contains(id))).then(Vec::new)
        })
    }

    /// Examines the instances in the descriptions before the last one, which may have to confirm a deviation. `before` as
    /// for [`CaseJudge::prove`].
    pub(super) fn examine_all_but_last(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        before: &[States],
        observations: &[Observation],
    ) {
        let judge = Arc::clone(&self.judge);
        let mut looks: Vec<Look<'_>> = self.looks(observations).collect();
        looks.pop();
        for look in looks {
            judgement.about(look.exchange);
            only_requested(&judge, judgement, look.call, &look.instances);
            for ((id, track), before) in self.tracks.iter_mut().zip(before) {
                let Some(instance) = look.instances.iter().find(|instance| *instance.id == **id) else {
                    continue;
                };
                let states = states_of(instance);
                let is_past = track.was_in(states, self.read_lag, look.at_ms);
                if !states.and(before.later()).is_empty() && !is_past {
                    note_details(&judge, judgement, id, track, instance, self.read_lag);
                }
            }
        }
    }

    /// Checks that a refused call, or one that should have been refused, changed nothing. `before` has the possible
    /// states of each instance of the fleet when the call was sent.
    pub(super) fn prove(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        before: &[States],
        answered: &Answered,
        proof: &Observation,
    ) {
        let judge = Arc::clone(&self.judge);
        let may_be_stale = self.may_be_stale(proof.at_ms);
        let lag = self.read_lag;
        let instances = proof.reply().and_then(|reply| self.shown(&proof.call, reply));
        if let Some(instances) = instances.as_ref().filter(|_| !answered.effects.is_empty()) {
            only_requested(&judge, judgement, &proof.call, instances);
        }
        // Both are in the order of the fleet.
        for ((id, clauses), before) in answered.effects.iter().zip(before) {
            let Some(instances) = &instances else {
                let undescribed = Mismatch::new(facts::stays(id, *before), Doubt::NotDescribed);
                judgement.unknown(clauses, &undescribed);
                continue;
            };
            let (Some(belief), Some(track)) = (self.fleet.get_mut(id), self.tracks.get_mut(id)) else {
                continue;
            };
            let later = before.later();
            let instance = instances.iter().find(|instance| *instance.id == **id);
            let states = instance.map_or(States::one(State::Gone), states_of);
            track.shown = states;
            let clauses = match std::mem::take(&mut track.may_be_revived) {
                true => judge.of(rule::CONTROL_UNCHANGED),
                false => clauses.as_slice(),
            };
            let fit = states.and(later);
            let seen = || described_state(id, instance, true);
            let changed = || Mismatch::new(facts::stays(id, *before), seen());
            if !fit.is_empty() {
                judgement.held(clauses);
                judgement.held(judge.of(rule::CONTROL_UNCHANGED));
                if !track.was_in(states, lag, proof.at_ms) {
                    belief.states = fit;
                    if let Some(instance) = instance {
                        note_details(&judge, judgement, id, track, instance, lag);
                    }
                }
            } else if may_be_stale && track.may_have_been(instance, lag, proof.at_ms) {
                judgement.unknown(clauses, &changed().doubted(Doubt::DescriptionsLag));
                belief.states = later.or(states);
            } else {
                let changed = changed();
                judgement.deviates(clauses, Weight::Full, &changed);
                if answered.binds_as_control(id, clauses) {
                    let clauses = judge.of(rule::CONTROL_UNCHANGED);
                    judgement.deviates(clauses, Weight::Full, &changed);
                }
                track.past.leave(later, proof.at_ms);
                belief.states = states;
                // The deviation is reported; its consequences are not reported again.
                track.effects.clear();
            }
            if let (Some(clauses), Some(_)) = (answered.purged.get(id.as_ref()), instance) {
                let expected = Expected::Gone {
                    id: Excerpt::word(id),
                };
                let still_there = Mismatch::new(expected, seen());
                if may_be_stale {
                    judgement.unknown(clauses, &still_there.doubted(Doubt::DescriptionsLag));
                } else {
                    judgement.deviates(clauses, Weight::Full, &still_there);
                }
            }
        }
        if answered.effects.is_empty()
            && let Some(instances) = instances
        {
            // The call was carried out, so this is not a proof but a first look: the next one judges what lags in it.
            let look = Look {
                exchange: judgement.exchange(),
                at_ms: proof.at_ms,
                call: &proof.call,
                instances,
            };
            self.see(judgement, &look, false);
        }
    }

    /// Judges the step of an observation: the fleet was described repeatedly until it fitted or time was up. The last
    /// description counts.
    pub(super) fn look_around(&mut self, judgement: &mut StepJudgement<'_>, observations: &[Observation]) {
        let looks: Vec<Look<'_>> = self.looks(observations).collect();
        if looks.is_empty() && !self.tracks.values().all(|track| track.purged) {
            let judge = Arc::clone(&self.judge);
            judgement.unknown(
                judge.of(rule::VISIBLE_AFTER_STOP),
                &Mismatch::rule(rule::VISIBLE_AFTER_STOP, Doubt::NotDescribed),
            );
        }
        for (at, look) in looks.iter().enumerate() {
            self.see(judgement, look, at + 1 == looks.len());
        }
    }

    /// Judges a wait until the instances reach a state.
    pub(super) fn settle(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        ids: &[String],
        state: &str,
        observations: &[Observation],
    ) {
        let wanted = States::named(state);
        // After a refused call there is nothing to wait for, and the refusal was judged already.
        let reachable: Vec<&String> = ids.iter().filter(|id| self.may_reach(id, state)).collect();
        let looks: Vec<Look<'_>> = self.looks(observations).collect();
        for (at, look) in looks.iter().enumerate() {
            self.see(judgement, look, at + 1 == looks.len());
        }
        let Some(look) = looks.last() else {
            return;
        };
        for id in reachable {
            let seen = look
                .instances
                .iter()
                .find(|one| one.id == *id)
                .map_or(States::NONE, states_of);
            let reached = !seen.and(wanted).is_empty();
            if wanted == States::one(State::Stopped) {
                self.judge_stop(judgement, id, seen, reached, look.at_ms);
            }
        }
    }

    fn judge_stop(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        id: &str,
        seen: States,
        reached: bool,
        at_ms: u64,
    ) {
        let judge = Arc::clone(&self.judge);
        let Some(track) = self.tracks.get(id) else { return };
        if track.idle_stop.is_some() && reached {
            judgement.held(judge.of(rule::ENDS_STOPPED));
        }
        let Some(stop) = &track.stop else {
            if track.idle_stop.is_some() && reached {
                judgement.held(judge.of(rule::ONE_TRANSITION));
            }
            return;
        };
        let took_ms = at_ms.saturating_sub(stop.at_ms);
        let observed = || Observed::StopTime {
            id: Excerpt::word(id),
            stopped: reached,
            ms: took_ms,
        };
        if reached {
            for check in [
                rule::SETTLES,
                rule::STAYS_STOPPED,
                rule::WAITER,
                rule::VISIBLE_AFTER_STOP,
                rule::ONE_TRANSITION,
            ] {
                judgement.held(judge.of(check));
            }
            judge.note_rule(
                judgement,
                rule::STOP_TIME,
                Weight::Full,
                took_ms < STUCK_MS,
                observed,
            );
        } else if seen == States::one(State::Stopping) {
            let expected = facts::is_in(id, States::one(State::Stopped));
            judgement.unknown(judge.of(rule::SETTLES), &Mismatch::new(expected, observed()));
            if took_ms >= STUCK_MS {
                judgement.deviates(
                    judge.of(rule::STOP_TIME),
                    Weight::Full,
                    &Mismatch::rule(rule::STOP_TIME, observed()),
                );
            }
        }
    }

    /// Judges a description that another client requested, and updates the beliefs.
    pub(super) fn see_watched(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        act: &Observation,
        instances: Vec<Instance>,
    ) {
        let look = Look {
            exchange: judgement.exchange(),
            at_ms: act.at_ms,
            call: &act.call,
            instances,
        };
        self.see(judgement, &look, true);
    }

    /// Judges a description and updates the beliefs. An impossible state counts only in the last description, or in one
    /// that cannot be stale if the instance was seen stopping or stopped before.
    fn see(&mut self, judgement: &mut StepJudgement<'_>, look: &Look<'_>, last: bool) {
        let judge = Arc::clone(&self.judge);
        let may_be_stale = self.may_be_stale(look.at_ms);
        judgement.about(look.exchange);
        only_requested(&judge, judgement, look.call, &look.instances);
        for (id, belief) in &mut self.fleet {
            if !asks_for(look.call, id) {
                continue;
            }
            let Some(track) = self.tracks.get_mut(id) else {
                continue;
            };
            let later = belief.states.later();
            let instance = look.instances.iter().find(|instance| *instance.id == **id);
            let states = instance.map_or(States::one(State::Gone), states_of);
            track.shown = states;
            track.may_be_revived = false;
            let fit = states.and(later);
            if !fit.is_empty() {
                judgement.held(judge.of(rule::CONTROL_UNCHANGED));
                if track.was_in(states, self.read_lag, look.at_ms) {
                    // It may show an earlier state as well as the current one, so nothing follows from it.
                    continue;
                }
                if belief.states != fit || track.arrived_ms.is_none() {
                    track.arrived_ms = Some(look.at_ms);
                    track.past.leave(later.without(fit.later()), look.at_ms);
                    belief.states = fit;
                }
                if let Some(instance) = instance {
                    note_details(&judge, judgement, id, track, instance, self.read_lag);
                }
                continue;
            }
            let may_be_stale = may_be_stale && track.may_have_been(instance, self.read_lag, look.at_ms);
            let down_before = track.stop.as_ref().is_some_and(|stop| stop.seen_down);
            if !last && (!down_before || may_be_stale) {
                continue;
            }
            let seen = described_state(id, instance, false);
            let mismatch = Mismatch::new(facts::is_in(id, later), seen);
            let clauses = clauses_at_stake(&judge, track, states);
            if may_be_stale {
                judgement.unknown(&clauses, &mismatch.doubted(Doubt::DescriptionsLag));
                belief.states = later.or(states);
            } else {
                judgement.deviates(&clauses, Weight::Full, &mismatch);
                track.past.leave(later, look.at_ms);
                belief.states = states;
            }
        }
    }
}

/// The clauses that are violated if an instance is in these impossible states.
pub(super) fn clauses_at_stake(judge: &Judge, track: &Track, states: States) -> Vec<ClauseIndex> {
    let up: States = [State::Pending, State::Restarting, State::Running]
        .into_iter()
        .collect();
    let mut clauses = Vec::new();
    if !track.effects.is_empty() {
        clauses.extend_from_slice(&track.effects);
        clauses.extend_from_slice(judge.of(rule::CONTROL_UNCHANGED));
        return clauses;
    }
    if track.idle_stop.is_some() && states.within(up) {
        clauses.extend_from_slice(judge.of(rule::ENDS_STOPPED));
    }
    let rules: &[Rule] = match &track.stop {
        None => {
            clauses.extend_from_slice(&track.reasons);
            &[rule::CONTROL_UNCHANGED]
        }
        Some(stop) if stop.seen_down && states.within(up) => &[rule::STAYS_STOPPED],
        Some(_) => &[rule::VISIBLE_AFTER_STOP, rule::WAITER, rule::SETTLES],
    };
    for rule in rules {
        clauses.extend_from_slice(judge.of(*rule));
    }
    clauses
}

/// How many instances that were not requested a finding shows.
const STRANGERS_SHOWN: usize = 3;

/// Checks that a description shows no instance that the call does not request.
fn only_requested(judge: &Judge, judgement: &mut StepJudgement<'_>, call: &Call, instances: &[Instance]) {
    let mut strangers = instances
        .iter()
        .filter(|instance| !asks_for(call, &instance.id))
        .peekable();
    let fits = strangers.peek().is_none();
    judge.note_rule(
        judgement,
        rule::DESCRIBES_ONLY_REQUESTED,
        Weight::Full,
        fits,
        || {
            let shown = strangers.take(STRANGERS_SHOWN);
            let seen = shown.map(|instance| described_state(&instance.id, Some(instance), false));
            seen.collect::<Vec<_>>()
        },
    );
}

/// Checks the details of an instance that is described in a possible state, and remembers the description.
fn note_details(
    judge: &Judge,
    judgement: &mut StepJudgement<'_>,
    id: &str,
    track: &mut Track,
    instance: &Instance,
    lag: ReadLag,
) {
    let found = examine(judge, id, track, instance);
    confirm(judge, judgement, track, found, lag);
    remember(track, instance);
}

/// Records the results of the checks on a described instance. If reads may lag, a deviation is inconclusive the first
/// time.
fn confirm(
    judge: &Judge,
    judgement: &mut StepJudgement<'_>,
    track: &mut Track,
    found: Examined,
    lag: ReadLag,
) {
    for rule in found.held {
        if track.odd.remove(&rule) {
            judgement.clear_unknown(judge.of(rule));
        }
        judgement.held(judge.of(rule));
    }
    track.is_unconfirmed = false;
    for oddity in found.odd {
        let clauses = judge.of(oddity.rule);
        if lag == ReadLag::NONE || !track.odd.insert(oddity.rule) {
            judgement.deviates(clauses, oddity.weight, &oddity.mismatch);
        } else {
            track.is_unconfirmed = true;
            judgement.unknown(clauses, &oddity.mismatch.doubted(Doubt::SeenOnce));
        }
    }
}

fn remember(track: &mut Track, instance: &Instance) {
    track.first.get_or_insert_with(|| instance.clone());
    // The description that a reason is compared with is kept until a second one has confirmed that the reason changed.
    if !track.odd.contains(&rule::REASON_UNCHANGED) {
        track.last = Some(instance.clone());
    }
    track.passed_ms = 0;
    if let Some(stop) = &mut track.stop
        && states_of(instance).within(States::down())
    {
        stop.seen_down = true;
    }
}

/// Whether a call requests a description of this instance: a call without ids requests all of them.
pub(super) fn asks_for(call: &Call, id: &str) -> bool {
    let mut ids = call
        .params
        .iter()
        .filter(|(name, _)| name.starts_with("InstanceId"));
    let mut any = false;
    ids.any(|(_, named)| {
        any = true;
        named == id
    }) || !any
}
