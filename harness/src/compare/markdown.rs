//! A comparison as Markdown, for an issue or a page: the same tables, with the differences folded below them.
//!
//! The text is short enough for a comment on GitHub. What does not fit is left out and counted.

use std::io::{self, Write};

use super::terminal::{odd_in_words, standing_in_words, summary, unjudged_in_words};
use super::{Agreement, Comparison, FindingMovement, Since, letter};
use crate::report::markup::{BoundedText, block, code, plain};

/// How many lines of a difference are written before it is cut.
const LINES: usize = 200;

/// Writes the comparison of several subjects.
pub fn comparison(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let mut page = BoundedText::default();
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
        page.add(&table_row(&cells));
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
            page.add(&table_row(&cells));
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
        page.add(&table_row(&cells));
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
    page.write("piece", out)
}

/// Writes what changed since earlier runs.
pub fn since(since: &Since, out: &mut dyn Write) -> io::Result<()> {
    let before: Vec<String> = since.before.iter().map(|name| plain(name)).collect();
    let mut page = BoundedText::default();
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
    page.write("piece", out)
}

fn table_row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}
