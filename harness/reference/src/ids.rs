//! Generates ids and durations from the seed, and decides which instance ids are well-formed. The only file that uses `fastrand` and
//! `uuid`.
//!
//! The real service decodes long ids, so about half of the made-up ids are malformed, and no id that it issued is. Here
//! the last eight digits of an issued id are computed from the eight digits before them, so an issued id is recognised
//! without a list of all ids ever issued.

use std::sync::atomic::{AtomicU64, Ordering};

use super::variation::{Variation, Variations};

/// Request ids: one UUID for each answer, generated without a lock.
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
        // The odd factor spreads consecutive counts over the whole range, so that neighbouring ids share no prefix.
        let mut dice = fastrand::Rng::with_seed(self.seed ^ count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        uuid::Builder::from_random_bytes(dice.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }
}

/// Durations of changes, from the seed.
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    /// Other numbers than those of the ids of the same seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed.rotate_left(32)))
    }

    /// A number from the first to the second, both included.
    pub(super) fn draw(&mut self, least: u64, most: u64) -> u64 {
        match least < most {
            true => self.0.u64(least..=most),
            false => least,
        }
    }
}

/// Ids of instances, reservations, images, volumes and Spot requests.
pub(super) struct ResourceIds(fastrand::Rng);

impl ResourceIds {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// `i-0cfb1e75e74229968`: a prefix, a zero and sixteen more digits. All real ids begin with a zero.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        let half = self.0.u32(..);
        format!("{prefix}-0{half:08x}{:08x}", other_half(half))
    }

    /// `sir-abcd1234`: Spot request ids still have the short form.
    pub(super) fn next_short(&mut self, prefix: &str) -> String {
        format!("{prefix}-{:08x}", self.0.u32(..))
    }
}

/// Whether this can be an instance id: `i-` and one to eight hexadecimal digits, an id as it is issued, or a made-up id
/// of the same length that happens to decode.
///
/// Upper and lower case are equal. Trailing spaces are ignored: an id with one was recorded as unknown.
pub(super) fn is_instance_id(id: &str, variations: Variations) -> bool {
    let Some(digits) = id.trim_end_matches(' ').strip_prefix("i-") else {
        return false;
    };
    let digits = digits.to_ascii_lowercase();
    match digits.len() {
        _ if !digits.bytes().all(|b| b.is_ascii_hexdigit()) => false,
        1..=8 => true,
        17 => digits.starts_with('0') && (is_issued(&digits) || decodes(&digits, variations)),
        _ => false,
    }
}

/// Whether these seventeen digits have the form that `ResourceIds` issues.
fn is_issued(digits: &str) -> bool {
    u64::from_str_radix(digits, 16).is_ok_and(|number| {
        let [a, b, c, d, low @ ..] = number.to_be_bytes();
        other_half(u32::from_be_bytes([a, b, c, d])) == u32::from_be_bytes(low)
    })
}

/// Whether seventeen made-up digits count as well-formed: as captured, otherwise about half of them.
fn decodes(digits: &str, variations: Variations) -> bool {
    if variations.contains(Variation::MadeUpIdsMalformed) {
        return false;
    }
    if variations.contains(Variation::MadeUpIdsNotFound) {
        return true;
    }
    let captured = |list: &[&str]| list.contains(&digits);
    // FNV-1a, then the mixing step: otherwise the last bit would depend only on the last bits of the text.
    let hash = digits.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    captured(CAPTURED_NOT_FOUND) || (!captured(CAPTURED_MALFORMED) && other_half(hash) & 1 == 0)
}

/// A mixing step: each output bit depends on all input bits. Zero must not map to zero.
fn other_half(mut half: u32) -> u32 {
    half ^= 0x9E37_79B9;
    half = (half ^ (half >> 16)).wrapping_mul(0x85EB_CA6B);
    half = (half ^ (half >> 13)).wrapping_mul(0xC2B2_AE35);
    half ^ (half >> 16)
}

/// Made-up ids that the real service answers as not found, in lower case.
const CAPTURED_NOT_FOUND: &[&str] = &[
    "00000000000000001",
    "00000000000000002",
    "00000000000000003",
    "00000000000000005",
    "00000000000000006",
    "00000000000000009",
    "0000000000000000b",
    "01000000000000001",
    "03000000000000001",
    "05000000000000001",
    "06000000000000001",
    "07000000000000001",
    "09000000000000001",
    "0c000000000000001",
    "0d000000000000001",
    "0e000000000000001",
    "01fffffffffffffff",
    "02fffffffffffffff",
    "05fffffffffffffff",
    "06fffffffffffffff",
    "09fffffffffffffff",
    "0afffffffffffffff",
    "0bfffffffffffffff",
    "0cfffffffffffffff",
    "0ffffffffffffffff",
    "01abcdef123456789",
];

/// Made-up ids that the real service answers as malformed, in lower case.
const CAPTURED_MALFORMED: &[&str] = &[
    "00000000000000000",
    "00000000000000004",
    "00000000000000007",
    "00000000000000008",
    "0000000000000000a",
    "0000000000000000c",
    "0000000000000000d",
    "0000000000000000e",
    "0000000000000000f",
    "00000000000000010",
    "02000000000000001",
    "04000000000000001",
    "08000000000000001",
    "0a000000000000001",
    "0b000000000000001",
    "0f000000000000001",
    "00fffffffffffffff",
    "03fffffffffffffff",
    "04fffffffffffffff",
    "07fffffffffffffff",
    "08fffffffffffffff",
    "0dfffffffffffffff",
    "0efffffffffffffff",
    "08000000000000000",
    "0123456789abcdef0",
];

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

    #[test]
    fn an_instance_id_is_judged_by_its_form() {
        let is_good = |id: &str| is_instance_id(id, Variations::default());
        for id in [
            "i-1",
            "i-00000000",
            "i-ABCDEF12",
            "i-c6464a3f ",
            "i-00000000000000001",
            "i-0Ffffffffffffffff",
        ] {
            assert!(is_good(id), "{id}");
        }
        for id in [
            "",
            " ",
            "i",
            "i-",
            "i2",
            "10.10.1.202",
            " i-1",
            "i-123456789",
            "i-0123456789abcdef",
            "i-00000000000000000",
            "i-0123456789abcdeF0",
            "i-10000000000000000",
            "i-00123456789abcdef0",
            "i-0224e66eafc2asdfs",
            "I-12345678",
            "i-1\u{0}",
            "ami-1",
        ] {
            assert!(!is_good(id), "{id}");
        }
    }

    #[test]
    fn what_is_issued_is_well_formed_in_either_case_and_about_half_of_what_is_made_up() {
        let strict = Variations::from(Variation::MadeUpIdsMalformed);
        let generous = Variations::from(Variation::MadeUpIdsNotFound);
        let mut ids = ResourceIds::new(3);
        let mut dice = fastrand::Rng::with_seed(3);
        let mut good = 0;
        for _ in 0..1_000 {
            let issued = ids.next("i");
            assert!(is_instance_id(&issued, strict), "{issued}");
            let upper = issued.to_uppercase().replacen("I-", "i-", 1);
            assert!(is_instance_id(&upper, strict), "{upper}");
            let made_up = format!("i-0{:016x}", dice.u64(..));
            good += usize::from(is_instance_id(&made_up, Variations::default()));
            assert!(!is_instance_id(&made_up, strict) && is_instance_id(&made_up, generous));
        }
        assert!((400..600).contains(&good), "{good}");
    }
}
