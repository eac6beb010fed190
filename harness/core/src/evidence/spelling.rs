//! Text below its spellings: what percent-encoding, entities, JSON escapes and UTF-16 say, with the bytes that say it.
//!
//! Input: bytes. Output: layers, from the bytes themselves to the text in which nothing more can be decoded. A byte of a
//! layer knows which bytes of the input spell it, so that it can be replaced in the same spelling.

use std::ops::Range;

/// How often a text may be encoded. What is encoded more often is no longer read by anything.
const MOST_LAYERS: usize = 4;

/// One layer: bytes, and for each of them the bytes of the input that spell it.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The decoded bytes.
    pub(super) bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
}

/// The layers of these bytes, the plain one first.
pub(super) fn layers(bytes: &[u8]) -> Vec<Layer> {
    let plain = Layer {
        bytes: bytes.to_vec(),
        spans: (0..bytes.len()).map(|at| at..at + 1).collect(),
    };
    let mut layers = vec![plain];
    while layers.len() < MOST_LAYERS {
        match layers.last().and_then(Layer::decoded) {
            Some(next) => layers.push(next),
            None => break,
        }
    }
    layers
}

impl Layer {
    /// The bytes of the input that spell this part of the layer, one range for each byte.
    pub(super) fn spelled(&self, part: Range<usize>) -> &[Range<usize>] {
        self.spans.get(part).unwrap_or_default()
    }

    /// The next layer; `None` if nothing is encoded.
    fn decoded(&self) -> Option<Layer> {
        let mut next = Layer {
            bytes: Vec::with_capacity(self.bytes.len()),
            spans: Vec::with_capacity(self.bytes.len()),
        };
        let mut at = 0;
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (byte, length) = decode(rest);
            let spans = self.spelled(at..at + length);
            let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
                break;
            };
            next.bytes.push(byte);
            next.spans.push(first.start..last.end);
            at += length;
        }
        (next.bytes.len() < self.bytes.len()).then_some(next)
    }
}

/// The byte at the start of a text, and the number of bytes that spell it.
fn decode(rest: &[u8]) -> (u8, usize) {
    let (byte, length) = match rest {
        [b'%', high, low, ..] => (hex(*high, *low), 3),
        [b'\\', b'u', b'0', b'0', high, low, ..] => (hex(*high, *low), 6),
        [b'\\', byte @ (b'"' | b'\\' | b'/'), ..] => (Some(*byte), 2),
        [b'&', ..] => match entity(rest) {
            Some((byte, length)) => (Some(byte), length),
            None => (None, 1),
        },
        // UTF-16 of ASCII, in either byte order.
        [byte, 0, ..] if *byte != 0 => (Some(*byte), 2),
        [0, byte, ..] if *byte != 0 => (Some(*byte), 2),
        _ => (None, 1),
    };
    match (byte, rest.first()) {
        (Some(byte), _) => (byte, length),
        (None, first) => (first.copied().unwrap_or_default(), 1),
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// The longest entity that spells one byte, for instance `&#x00000041;`.
const LONGEST_ENTITY: usize = 16;

fn entity(rest: &[u8]) -> Option<(u8, usize)> {
    let end = rest.iter().take(LONGEST_ENTITY).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(rest.get(1..end)?).ok()?;
    let byte = match name {
        "amp" => b'&',
        "lt" => b'<',
        "gt" => b'>',
        "quot" => b'"',
        "apos" => b'\'',
        name => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => digits.parse().ok()?,
            };
            u8::try_from(number).ok().filter(u8::is_ascii)?
        }
    };
    Some((byte, end + 1))
}

/// Spells a byte as these bytes spell another one.
pub(super) fn spell_like(byte: u8, like: &[u8], out: &mut Vec<u8>) {
    let text = match like {
        [_] => String::new(),
        [b'\\', b'u', ..] => format!("\\u00{byte:02x}"),
        [b'%', rest @ ..] => {
            // `%2541` is `%41`, encoded once more.
            let again = rest.len().saturating_sub(2) / 2;
            format!("%{}{byte:02X}", "25".repeat(again))
        }
        [b'&', ..] => format!("&#x{byte:x};"),
        [_, 0] => {
            out.extend([byte, 0]);
            return;
        }
        [0, _] => {
            out.extend([0, byte]);
            return;
        }
        _ => String::new(),
    };
    match text.is_empty() {
        true => out.push(byte),
        false => out.extend(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_the_same_text_below_it() {
        for spelled in [
            "i-0a/b",
            "i%2D0a%2fb",
            "%69%2d%30%61%2F%62",
            "i%252D0a%252Fb",
            "i&#45;0a&#x2F;b",
            "i&amp;#45;0a/b",
            "i-0a\\/b",
            "i\\u002d0a\\u002Fb",
            "i\0-\x000\0a\0/\0b",
        ] {
            let layers = layers(spelled.as_bytes());
            let last = layers.last().expect("the plain layer is always there");
            assert_eq!(String::from_utf8_lossy(&last.bytes), "i-0a/b", "{spelled}");
            let spans = last.spelled(0..last.bytes.len());
            assert_eq!(spans.first().map(|span| span.start), Some(0));
            assert_eq!(spans.last().map(|span| span.end), Some(spelled.len()));
        }
    }

    #[test]
    fn a_byte_is_spelled_as_the_one_before() {
        for (like, expected) in [
            ("a", "z"),
            ("%61", "%7A"),
            ("%2561", "%257A"),
            ("&#97;", "&#x7a;"),
            ("\\u0061", "\\u007a"),
            ("a\0", "z\0"),
        ] {
            let mut out = Vec::new();
            spell_like(b'z', like.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn what_only_looks_encoded_stays() {
        for text in ["100%", "%zz", "&", "&;", "&#999;", "\\", "\\u00", ""] {
            assert_eq!(layers(text.as_bytes()).len(), 1, "{text}");
        }
    }
}
