//! Finds and removes secrets in bytes, in every spelling that an endpoint may use.
//!
//! An answer may repeat a secret literally, percent-encoded once or twice, escaped for XML or JSON, in another case, or
//! with zero bytes between its letters as in UTF-16. All of these spellings are removed. The search visits each byte
//! once and compares only where a secret may begin.

/// The replacement for a secret.
pub(super) const REDACTED: &str = "REDACTED";

/// Shorter secrets are dummies for mocks, for instance `test`. They are removed only as a whole word; otherwise every
/// `latest` in a journal would lose its end.
const SHORTEST_ANYWHERE: usize = 12;

/// Shorter texts cannot keep anything secret and are never removed.
const SHORTEST_WORD: usize = 4;

/// A set of secrets, prepared for searching.
pub(super) struct Scrubber {
    /// Longest first, so that a secret that is part of a longer one does not leave the rest of it behind.
    secrets: Vec<Vec<u8>>,
    /// The bytes with which a secret may begin, in any spelling.
    may_begin: [bool; 256],
}

impl Scrubber {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut secrets: Vec<Vec<u8>> = secrets
            .filter(|secret| secret.len() >= SHORTEST_WORD)
            .map(|secret| secret.as_bytes().to_vec())
            .collect();
        secrets.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        secrets.dedup();
        let mut may_begin = [false; 256];
        let firsts = secrets.iter().filter_map(|secret| secret.first());
        for byte in firsts.flat_map(|first| [first.to_ascii_lowercase(), first.to_ascii_uppercase()]) {
            mark(&mut may_begin, byte);
        }
        if !secrets.is_empty() {
            b"%&\\+".iter().for_each(|byte| mark(&mut may_begin, *byte));
        }
        Scrubber { secrets, may_begin }
    }

    /// Returns a text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Returns bytes without secrets.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let may_begin = self.may_begin.get(usize::from(byte)) == Some(&true);
            let found = may_begin
                .then(|| {
                    self.secrets
                        .iter()
                        .find_map(|secret| length_at(secret, bytes, at))
                })
                .flatten();
            match found {
                Some(length) => {
                    out.extend_from_slice(REDACTED.as_bytes());
                    at += length;
                }
                None => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
        out
    }
}

fn mark(set: &mut [bool; 256], byte: u8) {
    if let Some(place) = set.get_mut(usize::from(byte)) {
        *place = true;
    }
}

/// Returns the number of bytes of a secret that begins at this position, if there is one.
fn length_at(secret: &[u8], bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    for (i, &wanted) in secret.iter().enumerate() {
        while i > 0 && bytes.get(at) == Some(&0) {
            at += 1;
        }
        at += spelled(bytes.get(at..)?, wanted)?;
    }
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let within_a_word =
        is_letter(start.checked_sub(1).and_then(|before| bytes.get(before))) || is_letter(bytes.get(at));
    (secret.len() >= SHORTEST_ANYWHERE || !within_a_word).then_some(at - start)
}

/// Returns the number of bytes that spell the wanted byte, if they do.
fn spelled(rest: &[u8], wanted: u8) -> Option<usize> {
    let is = |high: &u8, low: &u8| {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let value = digit(high).zip(digit(low)).map(|(high, low)| high * 16 + low);
        value
            .and_then(|value| u8::try_from(value).ok())
            .is_some_and(|byte| byte.eq_ignore_ascii_case(&wanted))
    };
    match rest {
        [b'+', ..] if wanted == b' ' => Some(1),
        [b'%', b'2', b'5', high, low, ..] if is(high, low) => Some(5),
        [b'%', high, low, ..] if is(high, low) => Some(3),
        [b'\\', b'u', b'0', b'0', high, low, ..] if is(high, low) => Some(6),
        [b'\\', byte, ..] if *byte == wanted => Some(2),
        [b'&', entity @ ..] => spelled_as_entity(entity, wanted).or((wanted == b'&').then_some(1)),
        [byte, ..] if byte.eq_ignore_ascii_case(&wanted) => Some(1),
        _ => None,
    }
}

fn spelled_as_entity(rest: &[u8], wanted: u8) -> Option<usize> {
    let end = rest.iter().take(10).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(rest.get(..end)?).ok()?;
    let number = match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => digits.parse().ok()?,
        },
        None => match name {
            "amp" => u32::from(b'&'),
            "lt" => u32::from(b'<'),
            "gt" => u32::from(b'>'),
            "quot" => u32::from(b'"'),
            "apos" => u32::from(b'\''),
            _ => return None,
        },
    };
    // Add the ampersand and the semicolon.
    (u8::try_from(number).ok()?.eq_ignore_ascii_case(&wanted)).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(text: &str) -> String {
        Scrubber::new(["wJalr/XUtn+FEMI&K7", "AKIAIOSFODNN7EXAMPLE", "test", "a"].into_iter()).text(text)
    }

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        for spelling in [
            "wJalr/XUtn+FEMI&K7",
            "WJALR/xutn+femi&k7",
            "wJalr%2FXUtn%2bFEMI%26K7",
            "%77%4A%61lr%2FXUtn%2bFEMI%26K7",
            "wJalr%252FXUtn%252BFEMI%2526K7",
            "wJalr/XUtn+FEMI&amp;K7",
            "wJalr&#47;XUtn&#x2b;FEMI&#38;K7",
            "wJalr\\/XUtn\\u002bFEMI\\u0026K7",
            "w\0J\0a\0l\0r\0/\0X\0U\0t\0n\0+\0F\0E\0M\0I\0&\0K\x007",
        ] {
            assert_eq!(scrub(&format!("[{spelling}]")), "[REDACTED]", "{spelling}");
            assert_eq!(scrub(&format!("x{spelling}y")), "xREDACTEDy", "{spelling}");
        }
    }

    #[test]
    fn a_dummy_is_taken_out_only_as_a_word_and_a_letter_never() {
        assert_eq!(
            scrub("Credential=test/a, the latest tests"),
            "Credential=REDACTED/a, the latest tests"
        );
    }

    #[test]
    fn what_only_begins_like_a_secret_stays() {
        for text in [
            "",
            "AKIAIOSFODNN7EXAMPL",
            "wJalr",
            "%",
            "%7",
            "&",
            "&#;",
            "&#99999999999;",
            "\\",
            "\\u00",
            "100%",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn the_longer_of_two_secrets_leaves_nothing_standing() {
        let scrubber = Scrubber::new(["abcdefghijkl", "abcdefghijklmnop"].into_iter());
        assert_eq!(
            scrubber.text("abcdefghijklmnop abcdefghijklm"),
            "REDACTED REDACTEDm"
        );
    }
}
