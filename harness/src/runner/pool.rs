//! The pool: instances that are launched, reused and removed for several cases at once.
//!
//! Instances of one kind are launched several at a time, before they are needed. An instance that a case left as it was
//! serves a later case, except a named one: that always gets instances that no other case has used. What cases leave is
//! terminated many at a time. Only endpoints over HTTP that cost nothing have a pool.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shared;
use super::arrange::{ArrangeError, Arranger, Launched, Readiness};
use super::event_sink::EventSink;
use super::launches::Deviations;
use super::request_sender::RequestSender;
use crate::call::Call;
use crate::contract::{ClauseId, FixtureKind, State};
use crate::journal::{Event, Noted, Obstacle};

/// How many instances the first call launches, so that the first case begins soon. Each further one launches twice as
/// many, up to the most.
const LAUNCHED_AT_FIRST: usize = 8;
/// The most instances that one call launches.
const LAUNCHED_AT_ONCE: usize = 32;

/// The most instances that are terminated at once to serve cases that need terminated ones.
const TERMINATED_AT_ONCE: usize = 8;

/// The number of instances that are terminated by one call.
const REMOVED_AT_ONCE: usize = 24;

/// How many instances wait for a later case at most. Some endpoints get slower with each instance.
const MOST_USED: usize = 48;

/// The name under which instances are removed in the journal.
const REMOVAL: &str = "clean-up";

/// The pool of a run.
#[derive(Debug, Default)]
pub(super) struct Pool {
    is_used: bool,
    stock: Mutex<Stock>,
    /// One task at a time launches, so that the others take from what it launches.
    launching: tokio::sync::Mutex<()>,
    /// The same for terminated instances. Whoever holds both got this one first.
    terminating: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Stock {
    fresh: Vec<Launched>,
    /// How many instances the planned cases still need.
    expected: HashMap<FixtureKind, usize>,
    /// How many calls have launched several instances.
    launches: u32,
    used: Vec<Launched>,
    /// To be removed.
    retired: Vec<Launched>,
    /// Clauses that were violated by instances that no other case had used.
    confirmed: BTreeSet<ClauseId>,
    /// Kinds that were arranged, and those that could not be, with the first obstacle.
    arranged: HashMap<FixtureKind, Result<(), Obstacle>>,
}

impl Pool {
    /// A pool, or, where instances are not shared, none.
    pub(super) fn new(is_used: bool) -> Self {
        Pool {
            is_used,
            ..Pool::default()
        }
    }

    /// Whether there is a pool.
    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Sets which instances are going to be needed.
    pub(super) fn expect(&self, kinds: impl Iterator<Item = FixtureKind>) {
        let mut stock = self.stock();
        for kind in kinds {
            *stock.expected.entry(kind).or_default() += 1;
        }
    }

    /// An instance of exactly this kind that another case left as it was, in this zone if one is named.
    pub(super) fn take_used(&self, kind: FixtureKind, zone: Option<&str>) -> Option<Launched> {
        if !self.is_used {
            return None;
        }
        let mut stock = self.stock();
        let at = stock
            .used
            .iter()
            .position(|one| one.kind == kind && is_in(one, zone))?;
        stock.needed(kind);
        Some(stock.used.swap_remove(at))
    }

    /// An instance that no case has used, in this zone if one is named: terminated if the kind is, otherwise running.
    /// Launches some if there is none. `None` if instances of this kind are not arranged for several cases at once.
    pub(super) async fn take_fresh(
        &self,
        arranger: &Arranger,
        kind: FixtureKind,
        zone: Option<&str>,
    ) -> Result<Option<Launched>, ArrangeError> {
        let Some(launched_as) = launched_as(kind).filter(|_| self.is_used) else {
            return Ok(None);
        };
        let ready_kind = match kind.state {
            State::Terminated => kind,
            _ => launched_as,
        };
        // The task that launches or terminates may need the turn of this one.
        let _terminating = match kind.state {
            State::Terminated => Some(arranger.sender.without_turn(self.terminating.lock()).await),
            _ => None,
        };
        let launching = arranger.sender.without_turn(self.launching.lock()).await;
        self.stock().needed(kind);
        if !self.stock().has_fresh(ready_kind, zone) {
            let wanted = self.stock().count_to_terminate(kind);
            if self.stock().count_fresh(launched_as, zone) < wanted.max(1) {
                let count = self.stock().count_to_launch(launched_as);
                let launched = arranger.launch_running(launched_as, zone, count).await?;
                self.stock().fresh.extend(launched);
            }
            if wanted > 0 {
                let running = self.stock().take_running(kind, zone, wanted);
                // Termination may take long, and other cases need running instances.
                drop(launching);
                self.terminate(arranger, kind, running).await;
            }
        }
        let mut stock = self.stock();
        let at = stock.fresh_at(ready_kind, zone);
        Ok(at.map(|at| Launched {
            kind,
            ..stock.fresh.swap_remove(at)
        }))
    }

    /// Terminates running instances, to be ready for cases that need this kind.
    async fn terminate(&self, arranger: &Arranger, kind: FixtureKind, running: Vec<Launched>) {
        let ids: Vec<&str> = running.iter().map(|one| one.id.as_str()).collect();
        if ids.is_empty() {
            return;
        }
        for id in &ids {
            arranger.sender.ledger.own(id);
        }
        if arranger.terminate_all(&ids).await.is_err() {
            // One at a time it may work.
            return self.retire(&arranger.shared, &arranger.sender, running).await;
        }
        let terminated = running.into_iter().map(|one| Launched {
            kind,
            readiness: Readiness::Ready,
            ..one
        });
        self.stock().fresh.extend(terminated);
    }

    /// Why no instance of this kind can be arranged, if an earlier case has tried and none has succeeded.
    pub(super) fn lack_of(&self, kind: FixtureKind) -> Option<Obstacle> {
        if !self.is_used {
            return None;
        }
        self.stock().arranged.get(&kind)?.clone().err()
    }

    /// Remembers whether an instance of this kind could be arranged.
    pub(super) fn learn(&self, kind: FixtureKind, outcome: &Result<(), ArrangeError>) {
        if !self.is_used {
            return;
        }
        let mut stock = self.stock();
        match outcome {
            Ok(()) => _ = stock.arranged.insert(kind, Ok(())),
            Err(ArrangeError::Unsupported(obstacle)) => {
                stock
                    .arranged
                    .entry(kind)
                    .or_insert_with(|| Err(obstacle.clone()));
            }
            Err(ArrangeError::Failed(_)) => {}
        }
    }

    /// Takes back an instance that a case left as it was.
    fn put_back(&self, launched: Launched) {
        self.stock().used.push(Launched {
            readiness: Readiness::Ready,
            is_shared: true,
            ..launched
        });
    }

    /// Remembers clauses that were violated by instances that no other case had used.
    pub(super) fn confirm<'c>(&self, violated: impl Iterator<Item = &'c ClauseId>) {
        self.stock().confirmed.extend(violated.cloned());
    }

    /// The clauses of these that are not known to be violated by instances that no other case had used. A case that
    /// violates one with other instances must be played again.
    pub(super) fn unconfirmed<'c>(&self, violated: impl Iterator<Item = &'c ClauseId>) -> BTreeSet<ClauseId> {
        let stock = self.stock();
        violated
            .filter(|clause| !stock.confirmed.contains(*clause))
            .cloned()
            .collect()
    }

    /// Takes the instances of a case that has ended. Those that `is_as_it_was` serve later cases; the others are removed
    /// once they are many.
    pub(super) async fn take_back(
        &self,
        shared: &Arc<Shared>,
        sender: &RequestSender,
        launched: Vec<Launched>,
        is_as_it_was: impl Fn(&Launched) -> bool,
    ) {
        let mut rest = Vec::new();
        for one in launched {
            let is_steady = matches!(
                one.kind.state,
                State::Running | State::Stopped | State::Terminated
            );
            if is_steady && self.stock().used.len() < MOST_USED && is_as_it_was(&one) {
                self.put_back(one);
            } else {
                rest.push(one);
            }
        }
        self.retire(shared, sender, rest).await;
    }

    /// Takes instances to be removed, and removes them once they are many.
    pub(super) async fn retire(&self, shared: &Arc<Shared>, sender: &RequestSender, launched: Vec<Launched>) {
        let removed = {
            let mut stock = self.stock();
            stock.retired.extend(launched);
            match stock.retired.len() >= REMOVED_AT_ONCE {
                true => std::mem::take(&mut stock.retired),
                false => Vec::new(),
            }
        };
        remove(shared, sender, removed).await;
    }

    /// Removes everything, at the end of the run.
    pub(super) async fn close(&self, shared: &Arc<Shared>) {
        let removed: Vec<Launched> = {
            let mut stock = self.stock();
            let Stock {
                fresh,
                expected: _,
                launches: _,
                used,
                retired,
                confirmed: _,
                arranged: _,
            } = &mut *stock;
            fresh
                .drain(..)
                .chain(used.drain(..))
                .chain(retired.drain(..))
                .collect()
        };
        let turn = shared.turns.take().await;
        let sender = RequestSender::new(shared, REMOVAL, EventSink::Live(shared.events.clone()), turn);
        for some in removed.chunks(REMOVED_AT_ONCE) {
            remove(shared, &sender, some.to_vec()).await;
        }
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stock {
    /// Counts an instance as no longer expected.
    fn needed(&mut self, kind: FixtureKind) {
        if let Some(expected) = self.expected.get_mut(&kind) {
            *expected = expected.saturating_sub(1);
        }
    }

    /// How many instances to launch for one case and those that follow.
    fn count_to_launch(&mut self, kind: FixtureKind) -> usize {
        let alike = self
            .expected
            .iter()
            .filter(|(later, _)| launched_as(**later) == Some(kind));
        let expected: usize = alike.map(|(_, count)| *count).sum();
        let most = LAUNCHED_AT_FIRST.saturating_mul(2_usize.saturating_pow(self.launches));
        self.launches += 1;
        expected.saturating_add(1).min(most).min(LAUNCHED_AT_ONCE)
    }

    /// How many instances to terminate for a case of this kind and those that follow; 0 if it needs none.
    fn count_to_terminate(&self, kind: FixtureKind) -> usize {
        match kind.state {
            State::Terminated => {
                let expected = self.expected.get(&kind).copied().unwrap_or_default();
                expected.saturating_add(1).min(TERMINATED_AT_ONCE)
            }
            _ => 0,
        }
    }

    /// Takes so many running instances of one zone that can become this kind.
    fn take_running(&mut self, kind: FixtureKind, zone: Option<&str>, count: usize) -> Vec<Launched> {
        let mut taken: Vec<Launched> = Vec::new();
        while taken.len() < count {
            let zone = taken.first().map_or(zone, |one| one.zone.as_deref());
            let Some(at) = launched_as(kind).and_then(|kind| self.fresh_at(kind, zone)) else {
                break;
            };
            taken.push(self.fresh.swap_remove(at));
        }
        taken
    }

    fn count_fresh(&self, kind: FixtureKind, zone: Option<&str>) -> usize {
        let fresh = self.fresh.iter();
        fresh.filter(|one| one.kind == kind && is_in(one, zone)).count()
    }

    fn fresh_at(&self, kind: FixtureKind, zone: Option<&str>) -> Option<usize> {
        let mut fresh = self.fresh.iter();
        fresh.position(|one| one.kind == kind && is_in(one, zone))
    }

    fn has_fresh(&self, kind: FixtureKind, zone: Option<&str>) -> bool {
        self.fresh_at(kind, zone).is_some()
    }
}

/// The kind in which an instance is launched that becomes one of this kind later; `None` if it cannot be launched in
/// advance. A pending instance is one that was launched a moment ago, and protection may have to be set afterwards.
fn launched_as(kind: FixtureKind) -> Option<FixtureKind> {
    let is_late = matches!(kind.state, State::Pending | State::Gone);
    let is_protected = kind.stop_protected || kind.termination_protected;
    (!is_late && !is_protected).then_some(FixtureKind {
        state: State::Running,
        ..kind
    })
}

/// The calls that make an instance of a kind, for a case that got it from the pool.
pub(super) fn calls_for(launch: Call, launched: &Launched) -> Vec<Call> {
    let change = |action: &str| Call::new(action, [("InstanceId.1", launched.id.as_str())]);
    let changes = match launched.kind.state {
        State::Stopping | State::Stopped => vec![change("StopInstances")],
        State::Restarting => vec![change("StopInstances"), change("StartInstances")],
        State::ShuttingDown | State::Terminated => vec![change("TerminateInstances")],
        State::Pending | State::Running | State::Gone => Vec::new(),
    };
    [launch].into_iter().chain(changes).collect()
}

fn is_in(launched: &Launched, zone: Option<&str>) -> bool {
    zone.is_none_or(|zone| launched.zone.as_deref() == Some(zone))
}

async fn remove(shared: &Arc<Shared>, sender: &RequestSender, launched: Vec<Launched>) {
    if launched.is_empty() {
        return;
    }
    let sender = sender.for_removal(REMOVAL);
    for one in &launched {
        sender.ledger.own(&one.id);
        if let Some(request) = &one.spot_request {
            sender.ledger.own(request);
        }
    }
    let arranger = Arranger {
        shared: Arc::clone(shared),
        sender,
        case: REMOVAL.to_owned(),
        step: 0,
        trusting: true,
        is_limited: false,
        // Nothing is launched here.
        deviations: Deviations::default(),
    };
    let left = arranger.remove(&launched, false).await;
    shared.instances.remove(launched.len().saturating_sub(left.len()));
    if !left.is_empty() {
        let text = format!(
            "not removed, with the tag stopcheck={}: {}",
            shared.options.run_id,
            left.join(", ")
        );
        let case = String::new();
        shared.emit(Event::Noted(Noted { case, text })).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Market;

    fn launched(id: &str, kind: FixtureKind, zone: &str) -> Launched {
        Launched {
            id: id.to_owned(),
            kind,
            spot_request: None,
            zone: Some(zone.to_owned()),
            state: State::Running,
            readiness: Readiness::Running,
            is_shared: true,
        }
    }

    #[test]
    fn a_used_instance_serves_a_case_that_needs_exactly_its_kind_and_zone() {
        let pool = Pool::new(true);
        let stopped = FixtureKind {
            state: State::Stopped,
            ..FixtureKind::default()
        };
        pool.put_back(launched("i-1", stopped, "a"));
        assert!(pool.take_used(FixtureKind::default(), None).is_none());
        assert!(pool.take_used(stopped, Some("b")).is_none());
        assert_eq!(
            pool.take_used(stopped, Some("a")).map(|one| one.id).as_deref(),
            Some("i-1")
        );
        assert!(pool.take_used(stopped, None).is_none());
    }

    #[test]
    fn what_a_used_instance_shows_is_unconfirmed_until_a_fresh_one_shows_it() {
        let pool = Pool::new(true);
        let (known, other) = (ClauseId::from("STT-05"), ClauseId::from("STT-01"));
        assert_eq!(pool.unconfirmed([&known, &other].into_iter()).len(), 2);
        pool.confirm([&known].into_iter());
        assert_eq!(
            pool.unconfirmed([&known, &other].into_iter()),
            BTreeSet::from([other.clone()])
        );
    }

    #[test]
    fn a_kind_that_was_never_arranged_is_not_tried_again() {
        let pool = Pool::new(true);
        let kind = FixtureKind::default();
        let failed = |obstacle: Obstacle| Err(ArrangeError::Unsupported(obstacle));
        assert_eq!(pool.lack_of(kind), None);
        pool.learn(kind, &failed(Obstacle::NothingLaunched));
        pool.learn(kind, &failed(Obstacle::NoSpotRequest));
        assert_eq!(pool.lack_of(kind), Some(Obstacle::NothingLaunched));
        pool.learn(kind, &Ok(()));
        pool.learn(kind, &failed(Obstacle::NothingLaunched));
        assert_eq!(pool.lack_of(kind), None);
    }

    #[test]
    fn protected_and_pending_instances_are_not_launched_in_advance() {
        let plain = FixtureKind::default();
        let spot = FixtureKind {
            market: Market::OneTimeSpot,
            ..plain
        };
        let stopped = FixtureKind {
            state: State::Stopped,
            ..spot
        };
        assert_eq!(launched_as(plain), Some(plain));
        assert_eq!(launched_as(stopped), Some(spot));
        for other in [
            FixtureKind {
                state: State::Pending,
                ..plain
            },
            FixtureKind {
                stop_protected: true,
                ..plain
            },
            FixtureKind {
                termination_protected: true,
                ..plain
            },
        ] {
            assert_eq!(launched_as(other), None, "{other:?}");
        }
    }
}
