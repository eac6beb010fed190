//! Text of strangers in Markdown: it stays text.

use std::fmt::Write as _;

use super::text::one_line;

/// The longest text in the middle of a sentence or a table, in characters.
const SHOWN: usize = 2000;

/// Text in the middle of a sentence or a table: nothing of it is taken for markup.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text, SHOWN).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // No issue shall call people together.
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

/// Text as code in the middle of a sentence or a table.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text, SHOWN);
    if text.contains(['`', '|']) {
        return plain(&text);
    }
    format!("`{text}`")
}

/// Text as a block of code. Its fence is longer than any in it.
pub(crate) fn block(language: &str, text: &str, out: &mut String) {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    let _ = writeln!(out, "{fence}{language}\n{text}\n{fence}");
}
