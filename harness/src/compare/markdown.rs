//! A comparison as Markdown, for an issue or a page: the same tables, with the differences folded below them.

use std::io::{self, Write};

use super::terminal::{odd_in_words, standing_in_words, summary};
use super::{Agreement, Comparison, FindingMovement, Since, letter};
use crate::report::markup::{block, code, plain};

/// How many lines of a difference are written before it is cut.
const LINES: usize = 200;

/// Writes the comparison of several subjects.
pub fn comparison(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# StopInstances, side by side\n")?;
    writeln!(out, "{}", summary(comparison))?;
    let odd = odd_in_words(comparison);
    if !odd.is_empty() {
        writeln!(out, "\nOdd one out: {}.", plain(&odd))?;
    }
    writeln!(out, "\n|   | subject | where | calls itself |\n|---|---|---|---|")?;
    for (at, account) in comparison.accounts.iter().enumerate() {
        let server = account.server.as_deref().unwrap_or("");
        let cells = [
            letter(at),
            plain(&account.name),
            plain(&account.origin),
            plain(server),
        ];
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    let letters: Vec<String> = (0..comparison.accounts.len()).map(letter).collect();
    let rule = "---|".repeat(letters.len());
    let shown = |agreement| agreement != Agreement::Alike;
    writeln!(
        out,
        "\n## Cases\n\n| case | {} | odd one out |\n|---|{rule}---|",
        letters.join(" | ")
    )?;
    for row in comparison.rows.iter().filter(|row| shown(row.agreement)) {
        let mut cells = vec![code(&row.case)];
        for at in 0..comparison.accounts.len() {
            cells.push(comparison.cell(at, &row.case));
        }
        cells.push(row.odd.map_or_else(String::new, letter));
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    if !comparison.clauses.is_empty() {
        writeln!(
            out,
            "\n## Clauses\n\n| clause | {} | it says |\n|---|{rule}---|",
            letters.join(" | ")
        )?;
        for row in &comparison.clauses {
            let mut cells = vec![row.id.to_string()];
            cells.extend(row.standings.iter().map(|standing| standing_in_words(*standing)));
            cells.push(plain(&row.statement));
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
    }
    writeln!(out, "\n## What was answered")?;
    for row in &comparison.rows {
        for difference in comparison.differences(row, LINES) {
            let (case, purpose) = (plain(&row.case), plain(&row.purpose));
            writeln!(
                out,
                "\n<details><summary><code>{case}</code>: {purpose}</summary>\n"
            )?;
            let mut text = String::new();
            block("diff", &difference.lines.join("\n"), &mut text);
            writeln!(out, "{text}\n</details>")?;
        }
    }
    Ok(())
}

/// Writes what changed since earlier runs.
pub fn since(since: &Since, out: &mut dyn Write) -> io::Result<()> {
    let before: Vec<String> = since.before.iter().map(|name| plain(name)).collect();
    writeln!(out, "# {} since {}", plain(&since.now), before.join(", "))?;
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
                writeln!(out, "\n## {word}\n\n| clause | verdict | case |\n|---|---|---|")?;
                any = true;
            }
            let (clause, verdict, case) = (&moved.clause, moved.verdict.word(), code(&moved.case));
            writeln!(out, "| {clause} | {verdict} | {case} |")?;
        }
    }
    for (case, why) in &since.unjudged {
        writeln!(out, "\nNot compared: {}, {}.", code(case), plain(why))?;
    }
    Ok(())
}
