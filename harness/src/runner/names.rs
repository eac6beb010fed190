//! Resolves the names in a scenario: arranged instances, and ids that nobody owns.

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use crate::plan::TemplateValues;

/// The names of one case.
#[derive(Debug)]
pub(super) struct CaseNames {
    seed: u64,
    fixtures: BTreeMap<String, Fixture>,
}

#[derive(Debug)]
struct Fixture {
    id: String,
    spot_request: Option<String>,
}

impl CaseNames {
    pub(super) fn new(seed: u64, case: &str) -> Self {
        CaseNames {
            seed: mix(seed, case),
            fixtures: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, id: &str, spot_request: Option<&str>) {
        let fixture = Fixture {
            id: id.to_owned(),
            spot_request: spot_request.map(str::to_owned),
        };
        self.fixtures.insert(name.to_owned(), fixture);
    }

    /// The id of a fixture.
    pub(super) fn id(&self, name: &str) -> Option<&str> {
        self.fixtures.get(name).map(|fixture| fixture.id.as_str())
    }
}

impl TemplateValues for CaseNames {
    fn resolve(&self, name: &str) -> Option<String> {
        if let Some(fixture) = self.fixtures.get(name) {
            return Some(fixture.id.clone());
        }
        if let Some((fixture, part)) = name.split_once('.') {
            let fixture = self.fixtures.get(fixture)?;
            return match part {
                "spot" => fixture.spot_request.clone(),
                "upper" => fixture
                    .id
                    .strip_prefix("i-")
                    .map(|digits| format!("i-{}", digits.to_ascii_uppercase())),
                _ => None,
            };
        }
        let numbered = |word: &str| {
            let number = name.strip_prefix(word)?;
            (number.is_empty() || number.parse::<u16>().is_ok()).then_some(number)
        };
        // EC2 answers to any id of eight digits that it does not exist. It decodes ids of 17 digits, and refuses most
        // of those that were never issued as malformed.
        let (prefix, count, number) = if let Some(number) = numbered("unknown") {
            ("i-", 8, number)
        } else {
            ("i-0", 16, numbered("long")?)
        };
        // `{unknown}` and `{unknown1}` are the same id.
        let number = if number.is_empty() { "1" } else { number };
        let mut random = fastrand::Rng::with_seed(mix(self.seed, &format!("{prefix} {number}")));
        let digits: String = (0..count).map(|_| random.digit(16)).collect();
        Some(format!("{prefix}{digits}"))
    }
}

/// An endless stream of random bytes that depends on the seed and the text.
pub(super) fn bytes(seed: u64, text: &str) -> impl FnMut() -> u8 {
    let mut random = fastrand::Rng::with_seed(mix(seed, text));
    move || random.u8(..)
}

/// A factor between a half and one for a waiting time; it depends on the seed and the text.
pub(super) fn jitter(seed: u64, text: &str) -> f64 {
    0.5 + fraction(seed, text) / 2.0
}

/// A number between zero and one; it depends on the seed and the text.
pub(super) fn fraction(seed: u64, text: &str) -> f64 {
    fastrand::Rng::with_seed(mix(seed, text)).f64()
}

/// A separate seed for each text, the same on every machine and in every release.
pub(super) fn mix(seed: u64, text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(&seed.to_le_bytes());
    hasher.write(text.as_bytes());
    hasher.write(&[0xff]);
    hasher.finish()
}

/// A digest of bytes, the same on every machine and in every release. It tells apart what differs by accident.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Whether an id has a length that the service never issued. A text with other characters than letters and digits may
/// contain another id.
pub(super) fn is_no_id_of_anybody(value: &str) -> bool {
    value.strip_prefix("i-").is_some_and(|digits| {
        !matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_nobody_owns_are_well_formed_and_the_same_every_time() {
        let names = CaseNames::new(7, "id/unknown");
        let id = names.resolve("unknown").expect("a known name");
        assert_eq!(id.len(), "i-0123abcd".len());
        assert_eq!(names.resolve("unknown1"), Some(id.clone()));
        assert_ne!(names.resolve("unknown2"), Some(id.clone()));
        let long = names.resolve("long").expect("a known name");
        assert_eq!((long.len(), long.get(..3)), (19, Some("i-0")));
        assert_ne!(names.resolve("long2"), Some(long));
        assert_eq!(CaseNames::new(7, "id/unknown").resolve("unknown"), Some(id));
        assert_eq!(names.resolve("nobody"), None);
    }

    #[test]
    fn the_seed_of_a_text_stays_the_same_in_every_release() {
        assert_eq!(mix(7, "case"), 11261583236674379225);
    }

    #[test]
    fn a_fixture_has_an_id_a_spelling_of_it_and_maybe_a_spot_request() {
        let mut names = CaseNames::new(7, "case");
        names.add("a", "i-0abc", Some("sir-1"));
        assert_eq!(names.resolve("a").as_deref(), Some("i-0abc"));
        assert_eq!(names.resolve("a.upper").as_deref(), Some("i-0ABC"));
        assert_eq!(names.resolve("a.spot").as_deref(), Some("sir-1"));
        assert_eq!(names.resolve("b.spot"), None);
    }

    #[test]
    fn an_id_of_a_length_that_was_never_given_out_is_nobodys_unless_another_is_in_it() {
        for (text, nobodys) in [
            ("i-ffffff", true),
            ("i-0123abcd", false),
            ("i-0123abcd0", true),
            ("i-0cfb1e75e74229968", false),
            ("i-0cfb1e75e742299680", true),
            ("i-0cfb1e75e74229968 ", false),
            ("i-1,i-0cfb1e75e74229968", false),
            ("ma1", false),
        ] {
            assert_eq!(is_no_id_of_anybody(text), nobodys, "{text}");
        }
    }
}
