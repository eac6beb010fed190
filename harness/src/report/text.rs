//! Text for people: escaped, wrapped and shortened.
//!
//! The input is any text, including bytes from a hostile endpoint. The output has nothing in it that could manipulate a
//! terminal or mislead a reader. All reports use these functions instead of escaping on their own.

use std::fmt::Write as _;

/// Escapes every character that is not plainly visible as `\n`, `\t` or `\u{…}`.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_treacherous(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Puts the text on one line of at most `limit` characters: runs of white space become one space, the rest is
/// escaped by [`visible`].
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut taken = 0;
    for word in text.split_ascii_whitespace() {
        if taken > 0 {
            out.push(' ');
        }
        for c in word.chars() {
            if taken >= limit {
                out.push('…');
                return visible(&out);
            }
            out.push(c);
            taken += 1;
        }
        taken += 1;
    }
    visible(&out)
}

/// Whether a character controls the terminal or reorders text instead of being displayed.
pub(crate) fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Wraps the text into lines of at most `width` characters, at spaces; a word is split only if it is longer than a
/// line. Never returns an empty list.
pub(crate) fn fold(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        // A word that is longer than a line starts on the current line.
        if used > 0 && used + 1 + length > width && (length <= width || used + 8 > width) {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        if length <= width {
            line.push_str(word);
            used += length;
            continue;
        }
        for c in word.chars() {
            if used >= width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += 1;
        }
    }
    lines.push(line);
    lines
}

/// Cuts a text of one line to this many characters, with `…` at its end where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(width.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

/// Shortens the long ids of instances in a text, for people: `i-0a1b2c3d4e5f60718` becomes `i-0a1b…`.
pub(crate) fn with_short_ids(text: &str) -> String {
    const LONG: usize = 17;
    const KEPT: usize = 4;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("i-") {
        let (before, id) = rest.split_at(at);
        let digits = id.bytes().skip(2).take_while(u8::is_ascii_hexdigit).count();
        let (shown, skipped) = if digits == LONG {
            (2 + KEPT, 2 + LONG)
        } else {
            (2, 2)
        };
        out.push_str(before);
        out.push_str(id.get(..shown).unwrap_or_default());
        if shown < skipped {
            out.push('…');
        }
        rest = id.get(skipped..).unwrap_or_default();
    }
    out + rest
}

/// A count with its noun: `1 case`, `2 cases`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// The first few names and the number of the others: `a, b (+3 more)`.
pub(crate) fn some_of<'a>(names: impl IntoIterator<Item = &'a str>, shown: usize, total: usize) -> String {
    let first: Vec<String> = names.into_iter().take(shown).map(visible).collect();
    let list = first.join(", ");
    match total.saturating_sub(first.len()) {
        0 => list,
        more if first.is_empty() => format!("{more} of them"),
        more => format!("{list} (+{more} more)"),
    }
}

/// Formats milliseconds as seconds: `0.4 s`, `12.0 s`.
pub(crate) fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_becomes_visible() {
        assert_eq!(
            visible("a\x1b[31mb\u{9b}2J\n\u{202e}c"),
            "a\\u{1b}[31mb\\u{9b}2J\\n\\u{202e}c"
        );
        assert_eq!(visible("ü ✓ 日本"), "ü ✓ 日本");
    }

    #[test]
    fn an_answer_becomes_one_short_line() {
        assert_eq!(one_line("<a>\n   <b/>\r\n</a>", 99), "<a> <b/> </a>");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc", 3), "abc");
    }

    #[test]
    fn a_cut_text_says_that_it_is_cut() {
        assert_eq!(cut("abc def", 7), "abc def");
        assert_eq!(cut("abc def", 6), "abc d…");
        assert_eq!(cut("abc def", 5), "abc…");
    }

    #[test]
    fn long_ids_of_instances_are_shortened_and_nothing_else_is() {
        assert_eq!(
            with_short_ids("i-0a1b2c3d4e5f60718: running, i-b0156197: hi-fi i-"),
            "i-0a1b…: running, i-b0156197: hi-fi i-"
        );
    }

    #[test]
    fn a_long_text_is_folded_at_spaces_and_a_long_word_anywhere() {
        assert_eq!(fold("one two three", 7), ["one two", "three"]);
        assert_eq!(fold("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(fold("", 3), [""]);
        assert_eq!(fold("a  b", 9), ["a  b"], "runs of spaces may be the point");
        assert_eq!(
            fold("POST / abcdefghijklmnopqrstuvwxyz", 20),
            ["POST / abcdefghijklm", "nopqrstuvwxyz"]
        );
    }
}
