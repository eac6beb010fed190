//! Names for new things, all from the seed: the only file that speaks with `fastrand` and `uuid`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Request ids: UUIDs, one for each answer, without a lock.
pub(super) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            next: AtomicU64::new(1),
        }
    }

    /// The next id, 36 lower-case characters.
    pub(super) fn next(&self) -> String {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        // The odd factor spreads consecutive counts over the whole range, so neighbours share no prefix.
        let mut dice = fastrand::Rng::with_seed(self.seed ^ count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        uuid::Builder::from_random_bytes(dice.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }
}

/// Ids of instances, reservations, images, volumes and Spot requests.
pub(super) struct ResourceIds(fastrand::Rng);

impl ResourceIds {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// `i-0cfb1e75e74229968`: a prefix, a zero and sixteen more digits. All real ones begin with a zero.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.0.u64(..))
    }

    /// `sir-abcd1234`: Spot requests kept the short form.
    pub(super) fn next_short(&mut self, prefix: &str) -> String {
        format!("{prefix}-{:08x}", self.0.u32(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids_and_differ() {
        let ids = RequestIds::new(7);
        let many: std::collections::BTreeSet<String> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(many.len(), 10_000);
        assert!(
            many.iter()
                .all(|id| id.len() == 36 && id.as_bytes().get(14) == Some(&b'4'))
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        assert_eq!(RequestIds::new(7).next(), RequestIds::new(7).next());
        assert_ne!(RequestIds::new(7).next(), RequestIds::new(8).next());
        assert_eq!(ResourceIds::new(7).next("i"), ResourceIds::new(7).next("i"));
    }

    #[test]
    fn an_instance_id_has_seventeen_digits() {
        assert_eq!(ResourceIds::new(1).next("i").len(), "i-0cfb1e75e74229968".len());
    }
}
