//! A comparison as Markdown, for an issue or a page: the same tables, with the differences folded below them.
//!
//! The text is short enough for a comment on GitHub. What does not fit is left out and counted.

use std::io::{self, Write};

use super::terminal::{odd_in_words, standing_in_words, summary, unjudged_in_words};
use super::{Agreement, Comparison, FindingMovement, Since, letter};
use crate::report::markup::{block, code, plain};
use crate::report::text::plural;

/// How many lines of a difference are written before it is cut.
const LINES: usize = 200;

/// The longest text, in bytes. GitHub accepts comments of 65,536 characters.
const LONGEST: usize = 60_000;

/// Text that stays below the limit.
#[derive(Debug, Default)]
struct Page {
    text: String,
    left_out: usize,
}

impl Page {
    /// Adds a piece, unless it would make the text too long.
    fn add(&mut self, piece: &str) {
        // The last line has room behind the pieces.
        if self.text.len() + piece.len() + 200 <= LONGEST {
            self.text.push_str(piece);
        } else {
            self.left_out += 1;
        }
    }

    fn row(&mut self, cells: &[String]) {
        self.add(&format!("| {} |\n", cells.join(" | ")));
    }

    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())?;
        match self.left_out {
            0 => Ok(()),
            count => writeln!(
                out,
                "\n{} left out, since a comment has room for {} KB.",
                plural(count, "piece"),
                LONGEST / 1_000
            ),
        }
    }
}

/// Writes the comparison of several subjects.
pub fn comparison(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::default();
    page.add(&format!(
        "# StopInstances, side by side\n\n{}\n",
        summary(comparison)
    ));
    let odd = odd_in_words(comparison);
    if !odd.is_empty() {
        page.add(&format!("\nOdd one out: {}.\n", plain(&odd)));
    }
    page.add("\n|   | subject | where | calls itself |\n|---|---|---|---|\n");
    for (at, account) in comparison.accounts.iter().enumerate() {
        let server = account.server.as_deref().unwrap_or("");
        let cells = [
            letter(at),
            plain(&account.name),
            plain(&account.origin),
            plain(server),
        ];
        page.row(&cells);
    }
    let letters: Vec<String> = (0..comparison.accounts.len()).map(letter).collect();
    let rule = "---|".repeat(letters.len());
    if !comparison.clauses.is_empty() {
        page.add(&format!(
            "\n## Clauses\n\n| clause | {} | it says |\n|---|{rule}---|\n",
            letters.join(" | ")
        ));
        for row in &comparison.clauses {
            let mut cells = vec![row.id.to_string()];
            cells.extend(row.standings.iter().map(|standing| standing_in_words(*standing)));
            cells.push(plain(&row.statement));
            page.row(&cells);
        }
    }
    let shown = |agreement| agreement != Agreement::Alike;
    page.add(&format!(
        "\n## Cases\n\n| case | {} | odd one out |\n|---|{rule}---|\n",
        letters.join(" | ")
    ));
    for row in comparison.rows.iter().filter(|row| shown(row.agreement)) {
        let mut cells = vec![code(&row.case)];
        for at in 0..comparison.accounts.len() {
            cells.push(comparison.cell(at, &row.case));
        }
        cells.push(row.odd.map_or_else(String::new, letter));
        page.row(&cells);
    }
    page.add("\n## What was answered\n");
    for row in &comparison.rows {
        for difference in comparison.differences(row, LINES) {
            let (case, purpose) = (plain(&row.case), plain(&row.purpose));
            let mut text = format!("\n<details><summary><code>{case}</code>: {purpose}</summary>\n\n");
            block("diff", &difference.lines.join("\n"), &mut text);
            text.push_str("\n\n</details>\n");
            page.add(&text);
        }
    }
    page.write(out)
}

/// Writes what changed since earlier runs.
pub fn since(since: &Since, out: &mut dyn Write) -> io::Result<()> {
    let before: Vec<String> = since.before.iter().map(|name| plain(name)).collect();
    let mut page = Page::default();
    page.add(&format!("# {} since {}\n", plain(&since.now), before.join(", ")));
    for turn in [
        FindingMovement::Broken,
        FindingMovement::Fixed,
        FindingMovement::Flaky,
        FindingMovement::Same,
    ] {
        let mut any = false;
        for moved in since.of_turn(turn) {
            if !any {
                let word = turn.word();
                page.add(&format!(
                    "\n## {word}\n\n| clause | verdict | case |\n|---|---|---|\n"
                ));
                any = true;
            }
            let (clause, verdict, case) = (&moved.clause, moved.verdict.word(), code(&moved.case));
            page.add(&format!("| {clause} | {verdict} | {case} |\n"));
        }
    }
    for (case, ended, newer) in &since.unjudged {
        let why = unjudged_in_words(ended, *newer);
        page.add(&format!("\nNot compared: {}, {}.\n", code(case), plain(&why)));
    }
    page.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_counted() {
        let mut page = Page::default();
        for _ in 0..3 {
            page.add(&"x".repeat(LONGEST / 2 - 200));
        }
        let mut out = Vec::new();
        page.write(&mut out).expect("a buffer takes everything");
        let text = String::from_utf8(out).expect("it is text");
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert!(text.contains("1 piece left out"));
    }
}
