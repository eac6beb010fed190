//! Escapes untrusted text for Markdown, so that it is displayed as plain text.

use std::fmt::Write as _;
use std::io;

use super::text::{one_line, plural};

/// The length to which text in a sentence or a table cell is cut, in characters.
const SHOWN: usize = 2000;

/// The longest text for a comment, in bytes. GitHub accepts 65,536 characters.
const LONGEST: usize = 60_000;

/// Text that stays short enough for a comment on GitHub. What does not fit is left out and counted.
#[derive(Debug, Default)]
pub(crate) struct BoundedText {
    text: String,
    left_out: usize,
}

impl BoundedText {
    /// Adds a piece, unless it would make the text too long.
    pub(crate) fn add(&mut self, piece: &str) {
        // The last line has room behind the pieces.
        if self.text.len() + piece.len() + 200 <= LONGEST {
            self.text.push_str(piece);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds a piece unless an earlier one was left out: then the text is a beginning, and nothing is missing within it.
    pub(crate) fn add_in_order(&mut self, piece: &str) {
        match self.left_out {
            0 => self.add(piece),
            _ => self.left_out += 1,
        }
    }

    /// Writes the text, and the number of pieces that were left out.
    pub(crate) fn write(self, noun: &str, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())?;
        match self.left_out {
            0 => Ok(()),
            count => writeln!(
                out,
                "\n{} left out, since a comment has room for {} KB.",
                plural(count, noun),
                LONGEST / 1_000
            ),
        }
    }
}

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

/// Formats text as inline code in a table cell. Unlike [`plain`], nothing in it becomes a link.
pub(crate) fn code_in_cell(text: &str) -> String {
    // Behind a backslash, an escaped pipe would end the cell.
    let text = one_line(text, SHOWN).replace("\\|", "\\ |").replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // A backtick at an end would belong to the fence, and a reader removes the spaces.
    let edge = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    match text.is_empty() {
        true => String::new(),
        false => format!("{fence}{edge}{text}{edge}{fence}"),
    }
}

fn longest_run(text: &str, wanted: char) -> usize {
    let runs = text.split(|c| c != wanted);
    runs.map(str::len).max().unwrap_or_default()
}

/// Writes text as a code block, with a fence longer than any in the text.
pub(crate) fn block(language: &str, text: &str, out: &mut String) {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    let _ = writeln!(out, "{fence}{language}\n{text}\n{fence}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_a_cell_ends_where_the_text_ends() {
        assert_eq!(code_in_cell("a"), "`a`");
        assert_eq!(code_in_cell("a | b"), "`a \\| b`");
        assert_eq!(code_in_cell("a \\| b"), "`a \\ \\| b`");
        assert_eq!(code_in_cell("a``b`"), "``` a``b` ```");
        assert_eq!(code_in_cell("@x\n<b>"), "`@x <b>`");
        assert_eq!(code_in_cell(""), "");
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_counted() {
        let written = |page: BoundedText| {
            let mut out = Vec::new();
            page.write("piece", &mut out).expect("a buffer takes everything");
            String::from_utf8(out).expect("it is text")
        };
        let long = "x".repeat(LONGEST / 2 - 200);
        let mut page = BoundedText::default();
        for _ in 0..3 {
            page.add(&long);
        }
        page.add("short");
        let text = written(page);
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert!(text.contains("short") && text.contains("1 piece left out"));
        let mut page = BoundedText::default();
        for piece in [&long, &long, &long, "short"] {
            page.add_in_order(piece);
        }
        let text = written(page);
        assert!(!text.contains("short") && text.contains("2 pieces left out"));
    }
}
