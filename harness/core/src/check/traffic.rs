//! Judges exchanges of other clients, which were only watched: a recording, or what passes through a proxy.
//!
//! Input: one exchange after the other, each with whether something that was not watched may have happened before it.
//! Output: the judgement of each. An instance is first known when a call or an answer names it, and may then be in any
//! state, of any kind, or not exist. Answers narrow this down. After a gap, and where exchanges overlap, all is forgotten
//! that another client may have changed. So a finding is a deviation in every possible history.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::slice;
use std::sync::Arc;

use super::answer::Question;
use super::look::{described, states_of};
use super::overlap::as_found;
use super::shape::code_fits;
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, Judge, Observation, Seen, Track, facts, is_read, rule};
use crate::call::Call;
use crate::contract::{FixtureKind, Market, Root, State};
use crate::journal::{Exchange, Intent, Judged, Observed, StepStarted};
use crate::model::read::shape_of;
use crate::model::{self, Belief, Id, IdShape, ReadLag, States, Unknown};
use crate::protocol::reply::{self, Instance, Reply, StateValue};

/// How many instances are remembered at least; twice as many at most.
const INSTANCES_KEPT: usize = 10_000;

/// How many request ids are remembered at most.
const REQUEST_IDS_KEPT: usize = 10_000;

/// How many instances of one exchange are looked at.
const INSTANCES_OF_AN_EXCHANGE: usize = 2_000;

/// Judges watched exchanges, and keeps what they show.
#[derive(Debug)]
pub(super) struct TrafficJudge {
    judge: Arc<Judge>,
    read_lag: ReadLag,
    known: Recent<Key, Known>,
    /// The number of gaps until now.
    gaps: u64,
    seen: Seen,
}

/// An instance: the host of the requests, and its id.
type Key = (Arc<str>, Id);

/// What is known of an instance.
#[derive(Debug)]
struct Known {
    belief: Belief,
    track: Track,
    /// When something of it may have changed last.
    changed_ms: Option<u64>,
    /// The gaps before it was last named.
    gaps: u64,
}

impl TrafficJudge {
    pub(super) fn new(judge: Arc<Judge>, read_lag: ReadLag) -> Self {
        TrafficJudge {
            judge,
            read_lag,
            known: Recent::new(INSTANCES_KEPT),
            gaps: 0,
            seen: Seen::default(),
        }
    }

    /// Judges the next exchange.
    pub(super) fn take(&mut self, started: &StepStarted, exchange: &Exchange) -> Judged {
        let one = Observation::of(exchange);
        let overlaps = one.interval.is_some();
        if matches!(started.intent, Intent::Watch { gap: true }) {
            self.gaps += 1;
        }
        let host = exchange.request().and_then(|request| request.headers.get("host"));
        let host: Arc<str> = host.unwrap_or_default().into();
        let mut case = CaseJudge::new(Arc::clone(&self.judge), &started.case).with_read_lag(self.read_lag);
        case.seen = std::mem::take(&mut self.seen);
        let launched = launched(&one);
        for id in concerned(&one, |id| {
            self.known.get(&(Arc::clone(&host), Id::from(id))).is_some()
        }) {
            let key = (Arc::clone(&host), Arc::clone(&id));
            let mut known = match launched.iter().find(|instance| *instance.id == *id) {
                Some(instance) => Known::launched(&one.call, instance, one.answered_ms),
                None => self.known.remove(&key).unwrap_or_else(Known::anything),
            };
            if overlaps || known.gaps != self.gaps && launched.is_empty() {
                known.forget();
            }
            // A protection that was set is known; that there is none was never seen.
            known.track.is_protection_unknown |= !known.belief.kind.stop_protected;
            case.changed_ms = case.changed_ms.max(known.changed_ms);
            case.fleet.insert(Arc::clone(&id), known.belief);
            case.tracks.insert(id, known.track);
        }
        let judged = case.judge(started, slice::from_ref(&one));
        let is_lost = one.reply().is_none() && !is_read(&one.call);
        for ((id, belief), track) in case.fleet.into_iter().zip(case.tracks.into_values()) {
            let mut known = Known {
                belief,
                track,
                changed_ms: case.changed_ms,
                gaps: self.gaps,
            };
            if overlaps || is_lost {
                known.forget();
            }
            self.known.insert((Arc::clone(&host), id), known);
        }
        self.seen = case.seen;
        if self.seen.request_ids.len() > REQUEST_IDS_KEPT {
            self.seen.request_ids.clear();
        }
        judged
    }
}

impl CaseJudge {
    /// Judges an exchange of another client.
    pub(super) fn watch(&mut self, judgement: &mut StepJudgement<'_>, observations: &[Observation]) {
        let judge = Arc::clone(&self.judge);
        let Some(act) = observations.first() else { return };
        judgement.about(Some(0));
        self.mark_unseen(act.at_ms);
        let Some(reply) = act.reply() else { return };
        let action = act.call.action.as_deref().unwrap_or_default();
        let succeeded = reply.success_root().is_some();
        match action {
            "DescribeInstances" => self.watch_description(judgement, act),
            "ModifyInstanceAttribute" if succeeded => {
                self.modified(act);
                self.changed(act.answered_ms);
            }
            "RebootInstances" if succeeded => {
                self.rebooted(act);
                self.changed(act.answered_ms);
            }
            _ if judge.contract.transitions.iter().any(|row| row.action == action) => {
                let reading = model::read(&judge.contract, &self.fleet, &act.call);
                self.changed(act.answered_ms);
                if action != judge.contract.action && !reading.conditions.is_empty() {
                    // What the contract does not cover of a sibling action is not judged.
                    for belief in self.fleet.values_mut() {
                        belief.states = States::ANY;
                    }
                    return;
                }
                // What an answer says of the state that it found is believed, where that is possible.
                let found = as_found(self.fleet.clone(), reply);
                let question = Question {
                    judge: &judge,
                    fleet: &found,
                    action,
                    call: &act.call,
                    may_be_unseen: self.may_be_stale(act.at_ms),
                    is_watched: true,
                };
                let answered = question.judge(judgement, &mut self.seen, reply);
                for id in answered.moved.keys() {
                    if let Some(belief) = self.fleet.get_mut(id) {
                        belief.unknown.existence = false;
                    }
                }
                self.apply(&[(act, answered, reply)]);
            }
            _ => {}
        }
    }

    /// Judges a description as far as any history allows, and narrows the beliefs by it.
    fn watch_description(&mut self, judgement: &mut StepJudgement<'_>, act: &Observation) {
        let Some(instances) = act.reply().and_then(described) else {
            return;
        };
        let judge = Arc::clone(&self.judge);
        for instance in &instances {
            if let Some(state) = instance.state.as_ref().filter(|state| state.code.is_some()) {
                let state = StateValue {
                    code: state.code.as_deref(),
                    name: state.name.as_deref(),
                };
                let fits = code_fits(&judge, &state);
                judge.note_rule(judgement, rule::DESCRIBED_CODE, Weight::Full, fits, || {
                    Observed::StateCodes {
                        states: std::iter::once(facts::written_state(&state)).collect(),
                    }
                });
            }
            if let Some(belief) = self.fleet.get_mut(instance.id.as_str()) {
                learn(belief, instance);
                // Reads are not monotonic: one that comes later may show an earlier state.
                if states_of(instance).within(States::dead()) && !belief.states.within(States::dead()) {
                    self.changed_ms = self.changed_ms.max(Some(act.at_ms));
                }
            }
        }
        self.see_watched(judgement, act, instances);
    }
}

impl Known {
    /// An instance of which only the id is known.
    fn anything() -> Self {
        let mut known = Known {
            belief: Belief::of_anything(),
            track: Track::default(),
            changed_ms: None,
            gaps: 0,
        };
        known.forget();
        known
    }

    /// An instance that the answer to this call launched.
    fn launched(call: &Call, instance: &Instance, at_ms: u64) -> Self {
        let is = |name: &str| {
            call.param(name)
                .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        };
        let spot = call.param("InstanceMarketOptions.MarketType") == Some("spot");
        let kind = call.param("InstanceMarketOptions.SpotOptions.SpotInstanceType");
        let from_template = call
            .params
            .iter()
            .any(|(name, _)| name.starts_with("LaunchTemplate"));
        let states = states_of(instance);
        let belief = Belief {
            states: match states.is_empty() {
                true => States::ANY,
                false => states,
            },
            kind: FixtureKind {
                state: State::Running,
                market: match (spot, kind) {
                    (true, Some("persistent")) => Market::PersistentSpot,
                    (true, _) => Market::OneTimeSpot,
                    (false, _) => Market::OnDemand,
                },
                root: Root::Ebs,
                stop_protected: is("DisableApiStop"),
                termination_protected: is("DisableApiTermination"),
                hibernation: is("HibernationOptions.Configured"),
            },
            unknown: Unknown {
                existence: false,
                market: from_template,
                root: true,
                hibernation: from_template,
                cancellation: from_template,
            },
            ..Belief::of_anything()
        };
        let track = Track {
            is_protection_unknown: from_template,
            ..Track::default()
        };
        Known {
            belief,
            track,
            changed_ms: Some(at_ms),
            gaps: 0,
        }
    }

    /// Forgets what another client may have changed. Nobody brings back an instance that has ended, or changes what
    /// it was launched as; but what is usual of one that was described says little about why a call may be refused.
    fn forget(&mut self) {
        let belief = &mut self.belief;
        let has_ended = !belief.states.is_empty() && belief.states.within(States::dead());
        belief.states = match has_ended {
            true => belief.states.later(),
            false => States::ANY,
        };
        belief.unknown.market |= belief.kind.market == Market::OnDemand;
        belief.unknown.root |= belief.kind.root == Root::Ebs;
        belief.unknown.cancellation = true;
        self.track = Track {
            is_protection_unknown: true,
            has_ended,
            ..Track::default()
        };
    }
}

/// Learns what an instance is from its description.
fn learn(belief: &mut Belief, instance: &Instance) {
    belief.unknown.existence = false;
    if instance.instance_lifecycle.is_none() && instance.spot_request_id.is_none() && belief.unknown.market {
        belief.kind.market = Market::OnDemand;
        (belief.unknown.market, belief.unknown.cancellation) = (false, false);
    }
    let root = match instance.root_device_type.as_deref() {
        Some("ebs") => Some(Root::Ebs),
        Some("instance-store") => Some(Root::InstanceStore),
        _ => None,
    };
    if let Some(root) = root {
        belief.kind.root = root;
        belief.unknown.root = false;
    }
    if let Some(configured) = instance.hibernation_configured {
        belief.kind.hibernation = configured;
        belief.unknown.hibernation = false;
    }
}

/// The instances that an exchange has launched.
fn launched(one: &Observation) -> Vec<Instance> {
    if one.call.action.as_deref() != Some("RunInstances") {
        return Vec::new();
    }
    let root = one.reply().and_then(Reply::success_root);
    let mut launched = root.map(reply::instances).unwrap_or_default();
    launched.truncate(INSTANCES_OF_AN_EXCHANGE);
    launched
}

/// The instances that an exchange is about. `is_known` says whether an id was seen before.
fn concerned(one: &Observation, is_known: impl Fn(&str) -> bool) -> Vec<Id> {
    let call = &one.call;
    let has = |part: &str| call.params.iter().any(|(name, _)| name.starts_with(part));
    let action = call.action.as_deref().unwrap_or_default();
    let is_description = matches!(action, "DescribeInstances" | "RunInstances");
    // One that is filtered, or a page, need not list every id that is requested.
    let is_part = ["Filter", "MaxResults", "NextToken"].into_iter().any(has);
    let mut ids: Vec<Id> = Vec::new();
    if !is_description || !is_part {
        let named = call
            .params
            .iter()
            .filter(|(name, _)| name.starts_with("InstanceId"));
        ids.extend(named.filter_map(|(_, written)| {
            let plain = written.trim().to_ascii_lowercase();
            match shape_of(&plain) {
                IdShape::Short | IdShape::Long => Some(Id::from(plain)),
                IdShape::Empty | IdShape::Malformed | IdShape::Impossible | IdShape::Padded => {
                    is_known(written).then(|| Id::from(written.as_str()))
                }
            }
        }));
    }
    if is_description && let Some(root) = one.reply().and_then(Reply::success_root) {
        let listed = reply::sightings(root).into_iter();
        ids.extend(listed.map(|(id, _)| Id::from(id)));
    }
    ids.truncate(INSTANCES_OF_AN_EXCHANGE);
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// A map that keeps at least the entries used last, and at most twice as many.
#[derive(Debug)]
struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    kept: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    fn new(kept: usize) -> Self {
        Recent {
            young: HashMap::new(),
            old: HashMap::new(),
            kept,
        }
    }

    fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.young.insert(key, value);
        if self.young.len() >= self.kept {
            self.old = std::mem::take(&mut self.young);
        }
    }
}
