//! Escapes untrusted text for Markdown, so that it is displayed as plain text.

use std::fmt::Write as _;

use super::text::one_line;

/// The length to which text in a sentence or a table cell is cut, in characters.
const SHOWN: usize = 2000;

/// Escapes text for use in a sentence or a table cell, so that nothing in it is read as markup.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text, SHOWN).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // An issue must not mention people.
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Formats text as inline code, in a sentence or a table cell.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text, SHOWN);
    if text.contains(['`', '|']) {
        return plain(&text);
    }
    format!("`{text}`")
}

/// Writes text as a code block, with a fence longer than any in the text.
pub(crate) fn block(language: &str, text: &str, out: &mut String) {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    let _ = writeln!(out, "{fence}{language}\n{text}\n{fence}");
}
