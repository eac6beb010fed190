//! Replaces what identifies an account: the same text by the same text, of the same length and form.
//!
//! Input: the originals of a recording. Output: bytes without them. An original is found in every spelling
//! ([`spelling`](super::spelling)) and inside base64, in upper and lower case, and its replacement is spelled alike, so
//! that lengths stay and every other byte is the recorded one. Secrets are not replaced but removed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::kinds::Kind;
use super::spelling::{Layer, layers, spell_like};
use crate::protocol::capture::{base64_of, bytes_of_base64};

/// What stands in the place of a secret.
pub(super) const REMOVED: &str = "REDACTED";

/// A shorter secret is removed as a whole word only.
const SHORTEST_SECRET: usize = 12;

/// The shortest run of base64 that is looked into.
const SHORTEST_BASE64: usize = 8;

/// How often base64 may be inside base64.
const MOST_WRAPPINGS: usize = 3;

/// A text, and what replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    kind: Kind,
    original: Vec<u8>,
    replacement: Vec<u8>,
}

/// The originals of a recording with their replacements.
#[derive(Debug, Clone, Default)]
pub(super) struct Replacements {
    /// Longest first, so that a part of a longer original does not leave the rest of it behind.
    pairs: Vec<Pair>,
    /// The pairs whose original begins with two bytes, in lower case.
    by_start: HashMap<[u8; 2], Vec<usize>>,
}

impl Replacements {
    /// Chooses a replacement for each of these texts. The choice depends on the texts and their order alone.
    pub(super) fn choose(originals: &[(Kind, String)]) -> Replacements {
        let lower: BTreeSet<String> = originals
            .iter()
            .map(|(_, text)| text.to_ascii_lowercase())
            .collect();
        // The originals that have a replacement, and the replacements.
        let mut done = BTreeSet::new();
        let mut used = BTreeSet::new();
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        let mut pairs = Vec::new();
        for (kind, original) in originals {
            let original = original.to_ascii_lowercase();
            if !done.insert(original.clone()) {
                continue;
            }
            let count = counts.entry(*kind).or_default();
            let replacement = loop {
                *count += 1;
                let candidate = candidate(*kind, &original, *count);
                let is_free = !lower.contains(&candidate) && !used.contains(&candidate);
                if is_free || *kind == Kind::Secret || *count > MOST_TRIED {
                    break candidate;
                }
            };
            used.insert(replacement.clone());
            if *kind == Kind::Ipv4 {
                // DNS names have the address with dashes.
                pairs.push(pair(
                    *kind,
                    &original.replace('.', "-"),
                    &replacement.replace('.', "-"),
                ));
            }
            pairs.push(pair(*kind, &original, &replacement));
        }
        pairs.sort_by(|a, b| {
            let length = b.original.len().cmp(&a.original.len());
            length.then_with(|| a.original.cmp(&b.original))
        });
        let mut by_start: HashMap<[u8; 2], Vec<usize>> = HashMap::new();
        for (at, pair) in pairs.iter().enumerate() {
            if let [first, second, ..] = pair.original.as_slice() {
                by_start.entry([*first, *second]).or_default().push(at);
            }
        }
        Replacements { pairs, by_start }
    }

    /// The originals with their kinds, in lower case.
    pub(super) fn originals(&self) -> impl Iterator<Item = (Kind, &[u8])> {
        self.pairs
            .iter()
            .map(|pair| (pair.kind, pair.original.as_slice()))
    }

    /// The texts that replace something.
    pub(super) fn replacements(&self) -> impl Iterator<Item = &[u8]> {
        self.pairs.iter().map(|pair| pair.replacement.as_slice())
    }

    /// Replaces the originals in bytes.
    pub(super) fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        self.apply_wrapped(bytes, MOST_WRAPPINGS)
    }

    fn apply_wrapped(&self, bytes: &[u8], wrappings: usize) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        // An outer layer may hide what an inner one shows, and a replacement never brings an original.
        let depth = layers(&bytes).len();
        for at in (0..depth).rev() {
            if let Some(layer) = layers(&bytes).get(at) {
                bytes = self.apply_in(layer, &bytes);
            }
        }
        match wrappings {
            0 => bytes,
            left => self.apply_in_base64(&bytes, left - 1),
        }
    }

    /// Replaces the originals of one layer.
    fn apply_in(&self, layer: &Layer, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut copied = 0;
        let mut at = 0;
        while at < layer.bytes.len() {
            let Some(pair) = self.pair_at(&layer.bytes, at) else {
                at += 1;
                continue;
            };
            let end = at + pair.original.len();
            let spelled = layer.spelled(at..end);
            if let (Some(first), Some(last)) = (spelled.first(), spelled.last()) {
                out.extend_from_slice(bytes.get(copied..first.start).unwrap_or_default());
                copied = last.end;
                let found = layer.bytes.get(at..end).unwrap_or_default();
                let text = pair.in_case_of(found);
                for (number, byte) in text.into_iter().enumerate() {
                    let like = spelled.get(number).or(Some(last));
                    let like = like.and_then(|span| bytes.get(span.clone()));
                    spell_like(byte, like.unwrap_or_default(), &mut out);
                }
            }
            at = end;
        }
        out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
        out
    }

    /// The longest original at this place.
    fn pair_at(&self, bytes: &[u8], at: usize) -> Option<&Pair> {
        let start = bytes.get(at..at + 2)?;
        let key = [
            start.first()?.to_ascii_lowercase(),
            start.get(1)?.to_ascii_lowercase(),
        ];
        let candidates = self.by_start.get(&key)?;
        let pairs = candidates.iter().filter_map(|index| self.pairs.get(*index));
        let mut fitting = pairs.filter(|pair| pair.is_at(bytes, at));
        fitting.next()
    }

    /// Replaces the originals inside base64.
    fn apply_in_base64(&self, bytes: &[u8], wrappings: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut copied = 0;
        for run in base64_runs(bytes) {
            let Some(text) = bytes.get(run.clone()) else {
                continue;
            };
            let Some(replaced) = self.apply_to_run(text, wrappings) else {
                continue;
            };
            out.extend_from_slice(bytes.get(copied..run.start).unwrap_or_default());
            out.extend(replaced);
            copied = run.end;
        }
        out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
        out
    }

    /// A run of base64 without originals; `None` if it has none.
    fn apply_to_run(&self, run: &[u8], wrappings: usize) -> Option<Vec<u8>> {
        for (skipped, decoded) in decoded_runs(run) {
            let replaced = self.apply_wrapped(&decoded, wrappings);
            if replaced == decoded {
                continue;
            }
            if replaced.len() != decoded.len() {
                return Some(REMOVED.into());
            }
            let mut out = run.get(..skipped).unwrap_or_default().to_vec();
            let encoded = base64_of(&replaced);
            let is_url_safe = run.iter().any(|byte| matches!(byte, b'-' | b'_'));
            let encoded = match is_url_safe {
                true => encoded.replace('+', "-").replace('/', "_"),
                false => encoded,
            };
            out.extend(encoded.trim_end_matches('=').bytes());
            // What follows the whole groups of four stays: padding, or a rest that is too short to decode.
            out.extend_from_slice(run.get(out.len()..).unwrap_or_default());
            return Some(out);
        }
        None
    }
}

fn pair(kind: Kind, original: &str, replacement: &str) -> Pair {
    Pair {
        kind,
        original: original.as_bytes().to_vec(),
        replacement: replacement.as_bytes().to_vec(),
    }
}

impl Pair {
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let end = at + self.original.len();
        let is_there = bytes
            .get(at..end)
            .is_some_and(|found| found.eq_ignore_ascii_case(&self.original));
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let within_a_word = is_letter(before) || is_letter(bytes.get(end));
        is_there && (!self.is_bounded() || !within_a_word)
    }

    /// Whether the original counts only as a whole word: otherwise a short name would be found in other words, and an
    /// address in a longer one.
    fn is_bounded(&self) -> bool {
        match self.kind {
            Kind::Name | Kind::Ipv4 | Kind::Ipv6 | Kind::Mac | Kind::ZoneId | Kind::Account => true,
            // A short secret is a dummy, for instance `test`.
            Kind::Secret => self.original.len() < SHORTEST_SECRET,
            Kind::ResourceId | Kind::Uuid | Kind::UniqueId => false,
        }
    }

    /// The replacement in the case of what was found.
    fn in_case_of(&self, found: &[u8]) -> Vec<u8> {
        let is_upper = found.iter().any(u8::is_ascii_uppercase) && !found.iter().any(u8::is_ascii_lowercase);
        match self.kind {
            Kind::ResourceId | Kind::Uuid | Kind::UniqueId if is_upper => {
                self.replacement.to_ascii_uppercase()
            }
            Kind::Secret => REMOVED.into(),
            _ => self.replacement.clone(),
        }
    }
}

/// After so many attempts a replacement may be used twice: of very short names there are not more.
const MOST_TRIED: usize = 100_000;

/// The replacement number `count` for an original of a kind.
fn candidate(kind: Kind, original: &str, count: usize) -> String {
    match kind {
        Kind::Secret => REMOVED.to_owned(),
        Kind::Account => format!("{:012}", 999_900_000_000 + count),
        Kind::Uuid => format!("00000000-0000-4000-8000-{count:012x}"),
        Kind::ResourceId => {
            let (prefix, digits) = original.rsplit_once('-').unwrap_or(("", original));
            match digits.len() {
                8 => format!("{prefix}-aaaa{count:04x}"),
                _ => format!("{prefix}-0aaaaaaaaaa{count:06x}"),
            }
        }
        Kind::Ipv4 => ipv4(original, count),
        Kind::Ipv6 | Kind::Mac => hex_groups(original, count),
        Kind::ZoneId => {
            let (region, digits) = original.rsplit_once("-az").unwrap_or(("", "9"));
            match digits.len() {
                1 => format!("{region}-az{}", count % 10),
                _ => format!("{region}-az{:02}", count % 100),
            }
        }
        Kind::UniqueId => {
            let prefix = original.get(..4).unwrap_or_default();
            let width = original.len().saturating_sub(4);
            format!("{prefix}{count:0>width$}")
        }
        Kind::Name => name(original.len(), count),
    }
}

/// An address with as many digits in each place, of a block that nobody has on the internet.
fn ipv4(original: &str, count: usize) -> String {
    let places: Vec<&str> = original.split('.').collect();
    let first = match places.first().map_or(0, |first| first.len()) {
        1 => "0",
        2 => "10",
        _ => "240",
    };
    let mut left = count;
    let mut rest: Vec<String> = Vec::new();
    for place in places.iter().skip(1).rev() {
        let (least, choices) = match place.len() {
            1 => (0, 10),
            2 => (10, 90),
            _ => (100, 156),
        };
        rest.push((least + left % choices).to_string());
        left /= choices;
    }
    rest.reverse();
    format!("{first}.{}", rest.join("."))
}

/// Hexadecimal groups of the same lengths: digits are filled from the end.
fn hex_groups(original: &str, count: usize) -> String {
    let mut digits = format!("{count:x}").into_bytes();
    let mut out: Vec<u8> = Vec::new();
    for byte in original.bytes().rev() {
        out.push(match byte {
            b':' | b'.' => byte,
            _ => digits.pop().unwrap_or(b'd'),
        });
    }
    out.reverse();
    String::from_utf8_lossy(&out).into_owned()
}

/// A name of this length.
fn name(length: usize, count: usize) -> String {
    let number = count.to_string();
    let width = length.saturating_sub(1).min(6);
    let name = format!("n{number:0>width$}");
    match name.len() > length {
        // More short names than there are: these are the same in the recording, which only hides more.
        true => "n".repeat(length),
        false => format!("{name}{}", "x".repeat(length - name.len())),
    }
}

/// The runs of base64 in bytes, with their padding.
pub(super) fn base64_runs(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(is_digit)?;
            let rest = bytes.get(start..)?;
            let length = rest.iter().position(|byte| !is_digit(byte)).unwrap_or(rest.len());
            let padding = rest
                .get(length..)?
                .iter()
                .take_while(|byte| **byte == b'=')
                .count()
                .min(2);
            at = start + length + padding;
            if length >= SHORTEST_BASE64 {
                return Some(start..at);
            }
        }
    })
}

/// What a run of base64 may say: it may begin at any of its first four digits.
pub(super) fn decoded_runs(run: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let text = String::from_utf8_lossy(run).replace('-', "+").replace('_', "/");
    (0..4).filter_map(move |skipped| {
        let part = text.get(skipped..)?.trim_end_matches('=');
        let decoded = match part.len() % 4 {
            // No group of four has one digit.
            1 => bytes_of_base64(part.get(..part.len() - 1)?)?,
            _ => bytes_of_base64(part)?,
        };
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte == 0;
        let readable = decoded.iter().filter(|byte| is_text(byte)).count();
        // Any text decodes to something; what is not text hides no text.
        (readable * 4 >= decoded.len() * 3).then_some((skipped, decoded))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINALS: [(Kind, &str); 9] = [
        (Kind::ResourceId, "i-0c28137fce7e9f44b"),
        (Kind::ResourceId, "vol-1a2b3c4d"),
        (Kind::Account, "210987654321"),
        (Kind::Ipv4, "54.1.22.133"),
        (Kind::Ipv4, "172.31.5.6"),
        (Kind::Ipv6, "2600:1f18:1234::abcd"),
        (Kind::Uuid, "59dbff89-35bd-4eac-99ed-be587ea82825"),
        (Kind::Name, "acme-ops"),
        (Kind::Secret, "AKIAIOSFODNN7EXAMPLE"),
    ];

    fn table() -> Replacements {
        Replacements::choose(&ORIGINALS.map(|(kind, text)| (kind, text.to_owned())))
    }

    fn replaced(text: &str) -> String {
        String::from_utf8(table().apply(text.as_bytes())).expect("replacements are ASCII")
    }

    #[test]
    fn the_same_text_becomes_the_same_text_of_the_same_form_and_length() {
        insta::assert_snapshot!(
            replaced("i-0c28137fce7e9f44b vol-1a2b3c4d 210987654321 54.1.22.133 ip-172-31-5-6 2600:1f18:1234::abcd \
                      59dbff89-35bd-4eac-99ed-be587ea82825 acme-ops AKIAIOSFODNN7EXAMPLE I-0C28137FCE7E9F44B"),
            @"i-0aaaaaaaaaa000001 vol-aaaa0002 999900000001 10.0.10.101 ip-240-10-0-2 dddd:dddd:dddd::ddd1 00000000-0000-4000-8000-000000000001 n000001x REDACTED I-0AAAAAAAAAA000001"
        );
        for (kind, text) in ORIGINALS {
            if kind != Kind::Secret {
                assert_eq!(replaced(text).len(), text.len(), "{text}");
            }
        }
    }

    #[test]
    fn an_original_is_found_in_every_spelling_and_replaced_in_the_same() {
        let plain = replaced("54.1.22.133");
        for (text, expected) in [
            (
                "a%2E54%2e1%2E22.133",
                format!("a%2E{}", plain.replacen('.', "%2E", 2)),
            ),
            ("54&#46;1.22.133", plain.replacen('.', "&#x2e;", 1)),
            ("%252E54.1.22.133", format!("%252E{plain}")),
            ("154.1.22.133", "154.1.22.133".to_owned()),
            ("54.1.22.1334", "54.1.22.1334".to_owned()),
        ] {
            assert_eq!(replaced(text), expected, "{text}");
        }
    }

    #[test]
    fn an_original_inside_base64_is_replaced_there() {
        for text in ["account 210987654321 and key acme-ops", "acme-ops", "x:acme-ops:"] {
            for lead in ["", "v1/", "k=", "a/b/"] {
                let wrapped = format!("{lead}{}", base64_of(text.as_bytes()));
                let expected = format!("{lead}{}", base64_of(replaced(text).as_bytes()));
                assert_eq!(replaced(&wrapped), expected, "{text} after {lead:?}");
            }
        }
        let secret = base64_of(b"the key AKIAIOSFODNN7EXAMPLE is not for you");
        assert_eq!(replaced(&secret), REMOVED);
    }

    #[test]
    fn what_is_replaced_stays_as_it_is_when_it_is_replaced_again() {
        let all = ORIGINALS.map(|(_, text)| text).join(" & %2D \\u0041 ");
        let once = replaced(&all);
        assert_eq!(replaced(&once), once);
        for (_, text) in ORIGINALS {
            assert!(!once.contains(text), "{text} is in {once}");
        }
    }

    #[test]
    fn a_replacement_is_never_one_of_the_originals() {
        let first = Replacements::choose(&[(Kind::Account, "210987654321".to_owned())]);
        let taken = first
            .replacements()
            .next()
            .map(|text| String::from_utf8_lossy(text).into_owned());
        let taken = taken.expect("there is one");
        let both = [
            (Kind::Account, "210987654321".to_owned()),
            (Kind::Account, taken.clone()),
        ];
        let table = Replacements::choose(&both);
        assert!(table.replacements().all(|text| text != taken.as_bytes()));
    }
}
