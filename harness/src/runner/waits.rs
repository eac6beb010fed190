//! What waiting has shown about an endpoint, so that no case waits for what an earlier case has learned.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::check::RetryReason;
use crate::contract::ClauseId;

/// What the cases of a run have learned by waiting.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Clauses whose deviation was still there when descriptions could no longer be stale.
    persistent: Mutex<BTreeSet<ClauseId>>,
    /// Reasons of refusals that persisted for all the time they were given.
    lasting: Mutex<BTreeSet<RetryReason>>,
    /// Whether a description was seen to be stale.
    reads_lag: AtomicBool,
}

impl Waits {
    /// Whether to wait for descriptions that conform to these clauses. False once all of them were seen to be violated
    /// for good.
    pub(super) fn is_worth_waiting(&self, clauses: &[ClauseId]) -> bool {
        let persistent = self.persistent.lock().unwrap_or_else(PoisonError::into_inner);
        clauses.is_empty() || clauses.iter().any(|clause| !persistent.contains(clause))
    }

    /// Records that these clauses were violated for good.
    pub(super) fn in_vain(&self, clauses: impl Iterator<Item = ClauseId>) {
        let mut persistent = self.persistent.lock().unwrap_or_else(PoisonError::into_inner);
        persistent.extend(clauses);
    }

    /// Whether to send a call again that was refused for this reason.
    pub(super) fn is_worth_retrying(&self, reason: RetryReason) -> bool {
        !self
            .lasting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&reason)
    }

    /// Records that a refusal for this reason persisted.
    pub(super) fn lasts(&self, reason: RetryReason) {
        self.lasting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(reason);
    }

    /// Whether a description was seen to be stale.
    pub(super) fn reads_lag(&self) -> bool {
        self.reads_lag.load(Ordering::Relaxed)
    }

    /// Records that a description was stale.
    pub(super) fn was_stale(&self) {
        self.reads_lag.store(true, Ordering::Relaxed);
    }
}
