//! What waiting has shown about an endpoint, so that no case waits for what an earlier case has learned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::check::{Retry, RetryReason, StepResult};
use crate::contract::ClauseId;

/// What the cases of a run have learned by waiting.
#[derive(Debug)]
pub(super) struct Waits {
    /// Whether waiting costs nothing, because the clock is virtual. Then no lesson is heeded, so that each case is played
    /// in the same way every time.
    free: bool,
    /// Clauses whose deviation was still there when descriptions could no longer be stale.
    persistent: Mutex<BTreeSet<ClauseId>>,
    /// Reasons of refusals that persisted for all the time they were given.
    lasting: Mutex<BTreeSet<RetryReason>>,
    /// Whether a description was seen to be stale.
    reads_lag: AtomicBool,
    /// For each clause, the first wait for a description that conforms to it, until it has ended.
    first_waits: Mutex<BTreeMap<ClauseId, Arc<FirstWait>>>,
    /// What waiting for a state has taken, by what was waited for.
    arrivals: Mutex<BTreeMap<String, Arrivals>>,
}

/// The first wait for a description that conforms to a clause. Later ones begin when it has ended: then it is known
/// whether waiting helps.
#[derive(Debug, Default)]
struct FirstWait {
    has_ended: AtomicBool,
    under_way: Arc<tokio::sync::Mutex<()>>,
}

/// Held by a case while its wait is the first of its kind.
#[derive(Debug)]
pub(super) struct Waiting {
    first: Arc<FirstWait>,
    _under_way: OwnedMutexGuard<()>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.first.has_ended.store(true, Ordering::Relaxed);
    }
}

/// What waiting for one state has shown.
#[derive(Debug, Default)]
struct Arrivals {
    /// The shortest and the longest wait that ended well, in milliseconds.
    shortest_ms: Option<u64>,
    longest_ms: u64,
    /// Whether one wait lasted until its time-out.
    timed_out: bool,
}

/// The longest first pause between two descriptions that wait for a state.
const LONGEST_FIRST_PAUSE: Duration = Duration::from_secs(5);

/// An endpoint that reaches a state sooner is described often from the start: a pause that is too long by a second or two
/// would be most of the wait.
const SLOW_MS: u64 = 4_000;

/// The shortest wait for a state, in milliseconds, once another wait for it has timed out.
const SHORT_WAIT_MS: u64 = 2_000;

impl Waits {
    pub(super) fn new(free: bool) -> Self {
        Waits {
            free,
            persistent: Mutex::default(),
            lasting: Mutex::default(),
            reads_lag: AtomicBool::new(false),
            first_waits: Mutex::default(),
            arrivals: Mutex::default(),
        }
    }

    /// How long to wait for a state, in milliseconds: until the time-out, or, once a wait for this state has timed out,
    /// a few times as long as it took those that reached it.
    pub(super) fn longest_ms(&self, state: &str, timeout_ms: u64) -> u64 {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        match arrivals.get(state) {
            Some(seen) if seen.timed_out && !self.free => {
                timeout_ms.min(SHORT_WAIT_MS.max(seen.longest_ms.saturating_mul(4)))
            }
            Some(_) | None => timeout_ms,
        }
    }

    /// Remembers that a wait for a state ended well, after so many milliseconds.
    pub(super) fn arrived(&self, state: &str, after_ms: u64) {
        if self.free {
            return;
        }
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = arrivals.entry(state.to_owned()).or_default();
        seen.longest_ms = seen.longest_ms.max(after_ms);
        seen.shortest_ms = Some(
            seen.shortest_ms
                .map_or(after_ms, |shortest| shortest.min(after_ms)),
        );
    }

    /// The first pause between two descriptions that wait for a state: this one, or half of the shortest wait for it so
    /// far, if that is long. An endpoint that has never been quick is not described again and again in vain.
    pub(super) fn first_pause(&self, state: &str, usual: Duration) -> Duration {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let shortest_ms = arrivals.get(state).and_then(|seen| seen.shortest_ms);
        let shortest_ms = shortest_ms.filter(|shortest| *shortest >= SLOW_MS);
        let half = Duration::from_millis(shortest_ms.unwrap_or_default() / 2);
        half.min(LONGEST_FIRST_PAUSE).max(usual)
    }

    /// Remembers that a wait for a state lasted until its time-out.
    pub(super) fn timed_out(&self, state: &str) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.entry(state.to_owned()).or_default().timed_out = true;
    }

    /// Whether to wait for descriptions that conform to these clauses. False once all of them were seen to be violated
    /// for good.
    pub(super) fn is_worth_waiting(&self, clauses: &[ClauseId]) -> bool {
        let persistent = self.persistent.lock().unwrap_or_else(PoisonError::into_inner);
        self.free || clauses.is_empty() || clauses.iter().any(|clause| !persistent.contains(clause))
    }

    /// Waits until the first wait for one of these clauses has ended, unless this is the first one: then it has ended when
    /// the result is dropped. Once descriptions were seen to be stale, every case waits for itself.
    pub(super) async fn begin(&self, clauses: &[ClauseId]) -> Option<Waiting> {
        if self.free || self.reads_lag() {
            return None;
        }
        let first = {
            let mut waits = self.first_waits.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(waits.entry(clauses.first()?.clone()).or_default())
        };
        if first.has_ended.load(Ordering::Relaxed) {
            return None;
        }
        let under_way = Arc::clone(&first.under_way).lock_owned().await;
        (!first.has_ended.load(Ordering::Relaxed)).then_some(Waiting {
            first,
            _under_way: under_way,
        })
    }

    /// Whether to send a call again, this long after the first attempt. If its time is over, that its refusal persists is
    /// remembered.
    pub(super) fn is_worth_retrying(&self, retry: Retry, after_ms: u64) -> bool {
        let mut lasting = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.free && lasting.contains(&retry.reason) {
            return false;
        }
        let again = after_ms < retry.for_ms;
        if !again {
            lasting.insert(retry.reason);
        }
        again
    }

    /// Whether a description was seen to be stale.
    pub(super) fn reads_lag(&self) -> bool {
        self.reads_lag.load(Ordering::Relaxed)
    }

    /// Remembers what a step has shown about waiting.
    pub(super) fn learn(&self, result: &StepResult) {
        if result.was_stale {
            self.reads_lag.store(true, Ordering::Relaxed);
        }
        if !result.in_vain.is_empty() {
            let mut persistent = self.persistent.lock().unwrap_or_else(PoisonError::into_inner);
            persistent.extend(result.in_vain.iter().cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    #[test]
    fn a_time_out_is_waited_for_once_for_each_state() {
        let waits = Waits::new(false);
        waits.arrived("stopped", 3_000);
        assert_eq!(waits.longest_ms("stopped", 120_000), 120_000);
        waits.timed_out("stopped");
        assert_eq!(waits.longest_ms("stopped", 120_000), 12_000);
        assert_eq!(waits.longest_ms("stopped", 5_000), 5_000);
        assert_eq!(waits.longest_ms("running", 120_000), 120_000);
        waits.timed_out("running");
        assert_eq!(waits.longest_ms("running", 120_000), SHORT_WAIT_MS);
    }

    #[test]
    fn a_state_that_is_never_reached_soon_is_not_described_again_and_again() {
        let waits = Waits::new(false);
        let usual = Duration::from_millis(25);
        let pause_ms = |waits: &Waits| waits.first_pause("stopped", usual).as_millis();
        assert_eq!(pause_ms(&waits), 25);
        waits.arrived("stopped", 9_000);
        assert_eq!(pause_ms(&waits), 4_500);
        waits.arrived("stopped", 37_000);
        assert_eq!(pause_ms(&waits), 4_500);
        waits.arrived("stopped", 3_000);
        assert_eq!(pause_ms(&waits), 25);
        assert_eq!(waits.first_pause("running", usual), usual);
        let by_a_virtual_clock = Waits::new(true);
        by_a_virtual_clock.arrived("stopped", 9_000);
        assert_eq!(pause_ms(&by_a_virtual_clock), 25);
    }

    #[tokio::test]
    async fn waits_for_a_clause_begin_when_the_first_has_ended() {
        let waits = Waits::new(false);
        let clauses = [ClauseId::from("VIS-01")];
        let first = waits.begin(&clauses).await;
        assert!(first.is_some());
        assert!(waits.begin(&[ClauseId::from("VIS-02")]).await.is_some());
        let mut second = Box::pin(waits.begin(&clauses));
        assert!(
            std::future::poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await
        );
        drop(first);
        assert!(second.await.is_none());
        assert!(waits.begin(&clauses).await.is_none());
    }

    #[test]
    fn by_a_virtual_clock_every_wait_is_as_long_as_the_first() {
        let waits = Waits::new(true);
        waits.timed_out("stopped");
        assert_eq!(waits.longest_ms("stopped", 120_000), 120_000);
    }
}
