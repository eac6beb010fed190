//! The time limit of a run.
//!
//! The named cases are played in any case. Others start only until shortly before the limit, so that those that wait for
//! the endpoint can end; what then still waits is cut.

use std::time::Duration;

use tokio::time::Instant;

/// The time before the limit in which no case starts any more. By default a case waits five seconds for a read that may
/// lag.
const MARGIN: Duration = Duration::from_secs(7);

/// The time before the limit in which what was launched is removed.
const CLEAN_UP: Duration = Duration::from_millis(1500);

/// When the run must end; without a limit by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TimeLimit {
    /// When no case may start any more.
    last_start: Option<Instant>,
    /// When the cases must end.
    end: Option<Instant>,
}

impl TimeLimit {
    /// A limit for a run that began then. The margin is at most a quarter of it, and the time to clean up a twentieth.
    pub(super) fn since(begin: Instant, limit: Option<Duration>) -> Self {
        TimeLimit {
            last_start: limit.map(|limit| begin + limit.saturating_sub(MARGIN.min(limit / 4))),
            end: limit.map(|limit| begin + limit.saturating_sub(CLEAN_UP.min(limit / 20))),
        }
    }

    /// Whether it is too late to start a case.
    pub(super) fn is_near(self) -> bool {
        self.last_start.is_some_and(|last| Instant::now() >= last)
    }

    /// Whether the time of the cases is up.
    pub(super) fn is_up(self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// The same limit for a phase that may use only this share of the time in which cases still start.
    pub(super) fn share(self, numerator: u32, denominator: u32) -> TimeLimit {
        let now = Instant::now();
        let of_rest =
            |last: Instant| now + last.saturating_duration_since(now) * numerator / denominator.max(1);
        TimeLimit {
            last_start: self.last_start.map(of_rest),
            end: self.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether no case may start any more, and whether the time is up, in a run that began so long ago.
    fn after(seconds: u64) -> (bool, bool) {
        let begin = Instant::now() - Duration::from_secs(seconds);
        // The limit is long enough for a busy machine.
        let limit = TimeLimit::since(begin, Some(Duration::from_secs(100_000)));
        (limit.is_near(), limit.is_up())
    }

    #[test]
    fn cases_start_until_shortly_before_the_limit() {
        assert_eq!(after(0), (false, false));
        assert_eq!(after(99_994), (true, false));
        assert_eq!(after(99_999), (true, true));
        assert_eq!(after(100_000), (true, true));
    }

    #[test]
    fn a_phase_may_have_a_share_of_the_rest() {
        let begin = Instant::now() - Duration::from_secs(500);
        let limit = TimeLimit::since(begin, Some(Duration::from_secs(1_000)));
        assert!(limit.share(0, 1).is_near());
        assert!(!limit.share(1, 2).is_near());
    }

    #[test]
    fn without_a_limit_the_time_is_never_up() {
        let none = TimeLimit::since(Instant::now(), None);
        assert!(!none.is_near() && !none.is_up() && !none.share(0, 1).is_near());
    }
}
