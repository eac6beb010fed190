//! Token buckets, by which Amazon limits how often an account calls an action.
//!
//! Each action has a bucket. A call takes a token, and tokens are added at a fixed rate until the bucket is full. Amazon
//! documents the sizes and the rates ("Request throttling for the Amazon EC2 API", EC2 Developer Guide).

use std::collections::BTreeMap;

use super::names::Action;

/// The buckets of an account. One that was never used is full.
#[derive(Debug, Default)]
pub(super) struct TokenBuckets(BTreeMap<Action, Bucket>);

/// What is left in a bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of tokens: with a rate per second, a whole number is added each millisecond.
    thousandths: u64,
    at_ms: u64,
}

/// The size of a bucket in tokens, and how many are added each second.
struct Limit {
    size: u64,
    per_second: u64,
}

/// The documented limit of an action.
fn limit(action: Action) -> Limit {
    let (size, per_second) = match action {
        Action::RunInstances | Action::StartInstances => (5, 2),
        Action::TerminateInstances => (100, 5),
        other if other.mutates() => (50, 5),
        _ => (100, 20),
    };
    Limit { size, per_second }
}

impl TokenBuckets {
    /// Takes a token for a call, or returns false if there is none. A clock that runs backwards adds none.
    pub(super) fn take(&mut self, action: Action, now_ms: u64) -> bool {
        let Limit { size, per_second } = limit(action);
        let full = Bucket {
            thousandths: size * 1_000,
            at_ms: now_ms,
        };
        let bucket = self.0.entry(action).or_insert(full);
        let added = now_ms.saturating_sub(bucket.at_ms).saturating_mul(per_second);
        bucket.thousandths = bucket.thousandths.saturating_add(added).min(full.thousandths);
        bucket.at_ms = bucket.at_ms.max(now_ms);
        let left = bucket.thousandths.checked_sub(1_000);
        bucket.thousandths = left.unwrap_or(bucket.thousandths);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_emptied_at_once_and_filled_at_its_rate() {
        let mut buckets = TokenBuckets::default();
        let taken = |buckets: &mut TokenBuckets, now_ms| {
            (0..1_000)
                .take_while(|_| buckets.take(Action::RunInstances, now_ms))
                .count()
        };
        assert_eq!(taken(&mut buckets, 10_000), 5);
        assert_eq!(taken(&mut buckets, 10_499), 0);
        assert_eq!(taken(&mut buckets, 10_500), 1);
        assert_eq!(taken(&mut buckets, 9_000), 0, "a clock that runs backwards");
        assert_eq!(taken(&mut buckets, 60_000), 5, "no more than the bucket holds");
        assert!(buckets.take(Action::StopInstances, 60_000), "each action has one");
    }
}
