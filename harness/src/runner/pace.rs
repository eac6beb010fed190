//! Paces the requests of a run: no more than the rate limit permits, and fewer while the endpoint throttles.
//!
//! The cases of all workers, raw bytes and clean-up wait for the same pace. Nothing is paced by a virtual clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// What each throttled answer adds to the time between two requests. Every other answer takes a quarter of it away.
const SLOWDOWN_MS: u64 = 20;
const MOST_SLOWDOWN_MS: u64 = 1_000;

/// The longest wait before the first retry of a throttled call, and before any: those of the AWS SDKs' standard mode.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MOST_BACKOFF: Duration = Duration::from_secs(20);

/// The pace of a run.
#[derive(Debug)]
pub(super) struct Pace {
    /// The least time between two requests.
    spacing: Duration,
    /// What throttled answers add to it.
    slowdown_ms: AtomicU64,
    /// When the next request may be sent. The lock is passed on in order of arrival, and a waiter that is dropped leaves
    /// no gap.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn of(spacing: Duration) -> Self {
        Pace {
            spacing,
            slowdown_ms: AtomicU64::new(0),
            next: Mutex::new(None),
        }
    }

    /// Waits until a request may be sent.
    pub(super) async fn wait(&self) {
        if self.interval().is_zero() {
            return;
        }
        let mut next = self.next.lock().await;
        if let Some(next) = *next {
            sleep_until(next).await;
        }
        *next = Some(Instant::now() + self.interval());
    }

    /// Records that a call was throttled: all cases slow down.
    pub(super) fn throttled(&self) {
        self.change_slowdown(|ms| (ms + SLOWDOWN_MS).min(MOST_SLOWDOWN_MS));
    }

    /// Records that a call was not throttled.
    pub(super) fn passed(&self) {
        if self.slowdown_ms.load(Ordering::Relaxed) > 0 {
            self.change_slowdown(|ms| ms * 3 / 4);
        }
    }

    fn change_slowdown(&self, change: impl Fn(u64) -> u64) {
        let changed = |ms| Some(change(ms));
        let _ = self
            .slowdown_ms
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    fn interval(&self) -> Duration {
        self.spacing + Duration::from_millis(self.slowdown_ms.load(Ordering::Relaxed))
    }
}

/// How long to wait before this retry of a throttled call, counted from 1: exponential with full jitter. `fraction` is
/// between 0 and 1.
pub(super) fn backoff(retry: u32, fraction: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(retry.saturating_sub(1));
    let longest = FIRST_BACKOFF.saturating_mul(doubled).min(MOST_BACKOFF);
    longest.mul_f64(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_spaced_over_all_workers() {
        let pace = Pace::of(Duration::from_millis(10));
        let begin = Instant::now();
        tokio::join!(pace.wait(), pace.wait(), pace.wait());
        assert!(begin.elapsed() >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        let pace = Pace::of(Duration::ZERO);
        let _held = pace.next.lock().await;
        // Would wait for ever for the lock.
        pace.wait().await;
    }

    #[test]
    fn throttling_slows_all_down_and_passes() {
        let pace = Pace::of(Duration::from_millis(5));
        pace.throttled();
        pace.throttled();
        assert_eq!(pace.interval(), Duration::from_millis(45));
        pace.passed();
        assert_eq!(pace.interval(), Duration::from_millis(35));
        (0..20).for_each(|_| pace.passed());
        assert_eq!(pace.interval(), Duration::from_millis(5));
        (0..100).for_each(|_| pace.throttled());
        assert_eq!(pace.interval(), Duration::from_millis(1_005));
    }

    #[test]
    fn the_backoff_doubles_up_to_a_limit_and_has_full_jitter() {
        let longest: Vec<u64> = (1..=7).map(|retry| backoff(retry, 1.0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 20, 20]);
        assert_eq!(backoff(u32::MAX, 0.5), Duration::from_secs(10));
        assert_eq!(backoff(3, 0.0), Duration::ZERO);
    }
}
