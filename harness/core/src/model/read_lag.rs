//! How long reads may lag behind earlier answers. This is the only definition; every check uses it.
//!
//! EC2 is eventually consistent: a description that is read right after a change may show the state before it, and a
//! call that follows a change of an attribute may not see the change yet. Of 28 descriptions that were captured a
//! quarter of a second after a stop or a start, 26 were stale; some seconds later, none was. No source gives an upper
//! bound (captures of September 2026; Amazon's page on eventual consistency mentions minutes of retries).

use std::time::Duration;

use super::belief::States;
use crate::contract::State;

/// How long reads may lag, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadLag(u64);

impl ReadLag {
    /// No lag: the first read decides. For searches, whose cases are played again with more patience before they count.
    pub const NONE: ReadLag = ReadLag(0);
    /// For endpoints that do not look like real AWS: longer than any lag that was captured.
    pub const USUAL: ReadLag = ReadLag(5_000);
    /// For real AWS, where no upper bound is known.
    pub const AWS: ReadLag = ReadLag(300_000);

    /// A lag of this many milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        ReadLag(ms)
    }

    /// The lag in milliseconds.
    pub fn ms(self) -> u64 {
        self.0
    }

    /// Whether a request sent at `sent_ms` may not yet see what was answered at `answered_ms`.
    pub fn covers(self, answered_ms: u64, sent_ms: u64) -> bool {
        sent_ms < answered_ms.saturating_add(self.0)
    }
}

impl Default for ReadLag {
    fn default() -> Self {
        ReadLag::USUAL
    }
}

impl From<Duration> for ReadLag {
    fn from(time: Duration) -> Self {
        ReadLag(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The states that an instance may have left, each with the last time at which it may have left it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    left_ms: [Option<u64>; State::ALL.len()],
}

impl Past {
    /// Records that an instance was in one of these states until `at_ms`.
    pub fn leave(&mut self, states: States, at_ms: u64) {
        for (left, state) in self.left_ms.iter_mut().zip(State::ALL) {
            if states.contains(state) {
                *left = (*left).max(Some(at_ms));
            }
        }
    }

    /// The states that a read sent at `sent_ms` may still show.
    pub fn shown(&self, lag: ReadLag, sent_ms: u64) -> States {
        self.left_ms
            .iter()
            .zip(State::ALL)
            .filter(|(left, _)| left.is_some_and(|left| lag.covers(left, sent_ms)))
            .map(|(_, state)| state)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_within_the_lag_may_show_what_was_before() {
        let mut past = Past::default();
        past.leave(States::one(State::Running), 1_000);
        let lag = ReadLag::from_ms(300);
        assert!(past.shown(lag, 1_299).contains(State::Running));
        assert!(past.shown(lag, 1_300).is_empty());
        assert!(past.shown(ReadLag::NONE, 1_000).is_empty());
    }

    #[test]
    fn a_state_that_was_left_twice_counts_from_the_last_time() {
        let mut past = Past::default();
        past.leave(States::one(State::Running), 1_000);
        past.leave(States::one(State::Running), 500);
        assert_eq!(
            past.shown(ReadLag::from_ms(10), 1_005),
            States::one(State::Running)
        );
        past.leave(States::one(State::Stopped), 1_004);
        let both = past.shown(ReadLag::from_ms(10), 1_005);
        assert_eq!(both, [State::Running, State::Stopped].into_iter().collect());
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        assert!(ReadLag::AWS.covers(u64::MAX, u64::MAX - 1));
    }
}
