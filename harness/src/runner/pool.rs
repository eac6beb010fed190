//! The pool: instances that are launched, reused and removed for several cases at once.
//!
//! Plain instances are launched several at a time, before they are needed. An instance that a case left as it was
//! serves a later case, except a named one: that always gets instances that no other case has used. What cases leave is
//! terminated many at a time. Only endpoints over HTTP that cost nothing have a pool.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shared;
use super::arrange::{ArrangeError, Arranger, Launched, Readiness};
use super::event_sink::EventSink;
use super::request_sender::RequestSender;
use crate::call::Call;
use crate::contract::{ClauseId, FixtureKind, Market, Root, State};
use crate::journal::{Event, Noted};

/// The most instances that one call launches.
const LAUNCHED_AT_ONCE: usize = 8;

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
    /// How many plain instances the planned cases still need.
    expected: AtomicUsize,
    stock: Mutex<Stock>,
    /// One task at a time launches, so that the others take from what it launches.
    launching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Stock {
    fresh: Vec<Launched>,
    used: Vec<Launched>,
    /// To be removed.
    retired: Vec<Launched>,
    /// Clauses that were violated by instances that no other case had used.
    confirmed: BTreeSet<ClauseId>,
    /// Kinds that were arranged, and those that could not be, with the reason.
    arranged: HashMap<FixtureKind, Result<(), String>>,
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

    /// Sets how many plain instances are going to be needed.
    pub(super) fn expect(&self, instances: usize) {
        self.expected.store(instances, Ordering::Relaxed);
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
        self.needed(kind);
        Some(stock.used.swap_remove(at))
    }

    /// An instance that is running and that no case has used, in this zone if one is named. Launches some if there is
    /// none. `None` if instances of this kind are not shared.
    pub(super) async fn take_fresh(
        &self,
        arranger: &Arranger,
        kind: FixtureKind,
        zone: Option<&str>,
    ) -> Result<Option<Launched>, ArrangeError> {
        if !self.is_used || !is_plain(kind) || zone.is_some_and(|_| !self.has_fresh(zone)) {
            return Ok(None);
        }
        // The task that launches may need the turn of this one.
        let _launching = arranger.sender.without_turn(self.launching.lock()).await;
        self.needed(kind);
        if !self.has_fresh(zone) {
            let expected = self.expected.load(Ordering::Relaxed);
            let launched = arranger
                .launch_running(expected.saturating_add(1).min(LAUNCHED_AT_ONCE))
                .await?;
            self.stock().fresh.extend(launched);
        }
        let mut stock = self.stock();
        let at = stock.fresh.iter().position(|one| is_in(one, zone));
        Ok(at.map(|at| Launched {
            kind,
            ..stock.fresh.swap_remove(at)
        }))
    }

    /// Why no instance of this kind can be arranged, if an earlier case has tried and none has succeeded.
    pub(super) fn lack_of(&self, kind: FixtureKind) -> Option<String> {
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
            Err(ArrangeError::Unsupported(reason)) => {
                stock.arranged.entry(kind).or_insert_with(|| Err(reason.clone()));
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

    fn needed(&self, kind: FixtureKind) {
        if is_plain(kind) {
            let less = |expected: usize| Some(expected.saturating_sub(1));
            let _ = self
                .expected
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    fn has_fresh(&self, zone: Option<&str>) -> bool {
        self.stock().fresh.iter().any(|one| is_in(one, zone))
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an instance of this kind can be made from one that was launched without options.
pub(super) fn is_plain(kind: FixtureKind) -> bool {
    let FixtureKind {
        state,
        market,
        root,
        stop_protected,
        termination_protected,
        hibernation,
    } = kind;
    // A pending instance is one that was launched a moment ago.
    !matches!(state, State::Pending | State::Gone)
        && market == Market::OnDemand
        && root == Root::Ebs
        && !(stop_protected || termination_protected || hibernation)
}

/// The calls that make an instance of a plain kind, for a case that got it from the pool.
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
    };
    let left = arranger.remove(&launched, false).await;
    if !left.is_empty() {
        let text = format!("not removed, with a tag stopcheck=…: {}", left.join(", "));
        let case = String::new();
        shared.emit(Event::Noted(Noted { case, text })).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let failed = || Err(ArrangeError::Unsupported("no such thing".to_owned()));
        assert_eq!(pool.lack_of(kind), None);
        pool.learn(kind, &failed());
        assert_eq!(pool.lack_of(kind).as_deref(), Some("no such thing"));
        pool.learn(kind, &Ok(()));
        pool.learn(kind, &failed());
        assert_eq!(pool.lack_of(kind), None);
    }

    #[test]
    fn only_instances_without_options_are_launched_in_advance() {
        let plain = FixtureKind::default();
        assert!(is_plain(plain));
        for other in [
            FixtureKind {
                state: State::Pending,
                ..plain
            },
            FixtureKind {
                market: Market::OneTimeSpot,
                ..plain
            },
            FixtureKind {
                root: Root::InstanceStore,
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
            FixtureKind {
                hibernation: true,
                ..plain
            },
        ] {
            assert!(!is_plain(other), "{other:?}");
        }
    }
}
