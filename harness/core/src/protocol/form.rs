//! Reads and writes forms: `application/x-www-form-urlencoded` as the Query API uses it.
//!
//! Writing is exact and reversible. Reading never fails: it makes the best of malformed input.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::call::Encoding;

/// All characters except RFC 3986's unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Writes pairs as a form.
pub fn write<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
    encoding: Encoding,
) -> String {
    // Large enough for most calls.
    let mut out = String::with_capacity(160);
    if encoding == Encoding::EmptyPairs {
        out.push('&');
    }
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        match encoding {
            Encoding::NamesToo => write_value(&mut out, name.as_ref(), Encoding::EveryByte),
            Encoding::Standard
            | Encoding::PlusForSpace
            | Encoding::EveryByte
            | Encoding::LowerCase
            | Encoding::EmptyPairs => {
                write_value(&mut out, name.as_ref(), Encoding::Standard);
            }
        }
        out.push('=');
        write_value(&mut out, value.as_ref(), encoding);
        if encoding == Encoding::EmptyPairs {
            out.push('&');
        }
    }
    out
}

/// Reads a form.
///
/// Pairs are split at `&`, names and values at the first `=`. `+` is a space, and bytes that are not UTF-8 are
/// replaced. Empty pairs are skipped; a pair without `=` has an empty value.
pub fn read(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (unescape(name), unescape(value)))
        .collect()
}

/// Decodes `+` and percent escapes; bytes that are not UTF-8 are replaced.
pub fn unescape(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Encodes a text in the standard encoding: escapes everything but unreserved characters.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn write_value(out: &mut String, value: &str, encoding: Encoding) {
    match encoding {
        Encoding::Standard | Encoding::EmptyPairs => out.extend(utf8_percent_encode(value, RESERVED)),
        Encoding::PlusForSpace => {
            for (i, word) in value.split(' ').enumerate() {
                if i > 0 {
                    out.push('+');
                }
                out.extend(utf8_percent_encode(word, RESERVED));
            }
        }
        Encoding::EveryByte | Encoding::NamesToo => {
            out.extend(percent_encoding::percent_encode(value.as_bytes(), EVERYTHING));
        }
        Encoding::LowerCase => {
            let escapes = percent_encoding::percent_encode(value.as_bytes(), EVERYTHING);
            out.extend(escapes.map(str::to_ascii_lowercase));
        }
    }
}

/// The set of all ASCII bytes; other bytes are always escaped.
const EVERYTHING: &AsciiSet = &every_byte();

const fn every_byte() -> AsciiSet {
    let mut set = NON_ALPHANUMERIC.add(b'0');
    let mut byte = 0;
    while byte < 128 {
        set = set.add(byte);
        byte += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 6] = [
        Encoding::Standard,
        Encoding::PlusForSpace,
        Encoding::EveryByte,
        Encoding::LowerCase,
        Encoding::NamesToo,
        Encoding::EmptyPairs,
    ];

    #[test]
    fn every_encoding_reads_back_as_the_text_that_was_written() {
        let pairs = [
            ("Tag.1.Value", "a b+c&d=e%20~é\u{1F600}\n"),
            ("InstanceId.1", ""),
            ("", "x"),
            ("n=&", "%"),
        ];
        for encoding in ALL {
            let written = write(pairs, encoding);
            let expected: Vec<_> = pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            assert_eq!(read(&written), expected, "{encoding:?}: {written}");
        }
    }

    #[test]
    fn unreserved_characters_stay_and_all_others_are_escaped() {
        assert_eq!(
            write([("A-b._~", "A z-._~*/")], Encoding::Standard),
            "A-b._~=A%20z-._~%2A%2F"
        );
        assert_eq!(write([("a", "x y")], Encoding::PlusForSpace), "a=x+y");
        assert_eq!(write([("a", "i-0")], Encoding::EveryByte), "a=%69%2D%30");
        assert_eq!(write([("a", "i-0")], Encoding::LowerCase), "a=%69%2d%30");
        assert_eq!(write([("aZ", "i-0")], Encoding::NamesToo), "%61%5A=%69%2D%30");
        assert_eq!(
            write([("a", "x y"), ("b", "")], Encoding::EmptyPairs),
            "&&a=x%20y&&b=&"
        );
    }

    #[test]
    fn what_is_no_form_is_still_read() {
        let none: Vec<(String, String)> = Vec::new();
        assert_eq!(read(""), none);
        assert_eq!(read("&&"), none);
        assert_eq!(read("a"), vec![("a".to_owned(), String::new())]);
        assert_eq!(read("a=%zz%4"), vec![("a".to_owned(), "%zz%4".to_owned())]);
        assert_eq!(read("a=%ff"), vec![("a".to_owned(), "\u{fffd}".to_owned())]);
    }
}
