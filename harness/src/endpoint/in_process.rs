//! A service in this process, with a clock of its own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::endpoint::Handler;
use crate::wire::{Request, Response};

/// 2026-01-01T00:00:00Z, when every virtual clock starts.
const START_MS: u64 = 1_767_225_600_000;

/// A service in this process. Clones share the service and the clock.
#[derive(Clone)]
pub struct InProcess {
    make: Arc<dyn Fn(&str) -> Handler + Send + Sync>,
    handler: Handler,
    clock_ms: Arc<AtomicU64>,
}

impl InProcess {
    pub(super) fn new(make: Arc<dyn Fn(&str) -> Handler + Send + Sync>) -> Self {
        let handler = make("");
        InProcess {
            make,
            handler,
            clock_ms: Arc::new(AtomicU64::new(START_MS)),
        }
    }

    pub(super) fn for_case(&self, case: &str) -> Self {
        InProcess {
            make: Arc::clone(&self.make),
            handler: (self.make)(case),
            clock_ms: Arc::new(AtomicU64::new(START_MS)),
        }
    }

    /// Each request takes one virtual millisecond, so no two of them happen at the same time.
    pub(super) fn send(&self, request: &Request) -> Response {
        let now_ms = self.clock_ms.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        (self.handler)(request, now_ms)
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock_ms.load(Ordering::SeqCst)
    }

    pub(super) fn advance(&self, span: Duration) {
        let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        // A pause longer than the clock can tell ends at its last moment instead of before its first.
        let _ = self
            .clock_ms
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now_ms| {
                Some(now_ms.saturating_add(span_ms).min(LAST_MS))
            });
    }
}

/// 9999-12-31T23:59:59Z: later moments have no four-digit year, which signatures need.
const LAST_MS: u64 = 253_402_300_799_000;

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess")
            .field("now_ms", &self.now_ms())
            .finish_non_exhaustive()
    }
}
