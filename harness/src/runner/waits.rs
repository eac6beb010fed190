//! What waiting has shown about an endpoint, so that no case waits for what an earlier case has learned.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

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
}

impl Waits {
    pub(super) fn new(free: bool) -> Self {
        Waits {
            free,
            persistent: Mutex::default(),
            lasting: Mutex::default(),
            reads_lag: AtomicBool::new(false),
        }
    }

    /// Whether to wait for descriptions that conform to these clauses. False once all of them were seen to be violated
    /// for good.
    pub(super) fn is_worth_waiting(&self, clauses: &[ClauseId]) -> bool {
        let persistent = self.persistent.lock().unwrap_or_else(PoisonError::into_inner);
        self.free || clauses.is_empty() || clauses.iter().any(|clause| !persistent.contains(clause))
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
