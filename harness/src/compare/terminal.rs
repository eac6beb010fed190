//! A comparison as text for the terminal.
//!
//! ```text
//! A  reference   embedded · AmazonEC2
//! B  moto        http://127.0.0.1:5000 · Werkzeug/3.1.3 Python/3.11.7
//! C  ministack   http://127.0.0.1:4566
//!
//! case               A     B                    C            odd one out
//! dry-run/valid      pass  pass                 FAIL DRY-04  C
//! stop/terminated    pass  FAIL ERR-09 STT-07   pass         B
//!
//! clause   A       B         C
//! DRY-04   held    held      FAIL ×3   A dry run changes nothing: the instance stays running.
//!
//! 84 cases: 31 alike · 20 answered differently, judged alike · 33 judged differently
//! odd one out: B 20 times, C 3 times
//! ```

use std::io::{self, Write};

use super::{
    Agreement, ComparedCase, ComparedOutcome, Comparison, FindingMovement, Since, Standing, Told, letter,
};
use crate::report::text::{fold, one_line, visible};
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

/// How much is shown, and how wide.
#[derive(Debug, Clone, Copy)]
pub struct ComparisonStyle {
    /// The width in columns.
    pub width: usize,
    /// Whether to list all cases, not only those judged differently, and to show the answers where they differ.
    pub verbose: bool,
}

/// How many clauses are named in a cell; the others are counted.
const SHOWN: usize = 3;
/// How many lines of a difference are shown before it is cut.
const LINES: usize = 24;

/// Writes the comparison of several subjects.
pub fn comparison(comparison: &Comparison, look: ComparisonStyle, out: &mut dyn Write) -> io::Result<()> {
    let named = comparison.accounts.iter().enumerate();
    let widest = named
        .clone()
        .map(|(_, account)| visible(&account.name).chars().count());
    let widest = widest.max().unwrap_or(0);
    for (at, account) in named {
        let name = visible(&account.name);
        write!(
            out,
            "{}  {name:<widest$}  {}",
            letter(at),
            one_line(&account.origin, 80)
        )?;
        if let Some(server) = &account.server {
            write!(out, " · {}", one_line(server, 60))?;
        }
        writeln!(out)?;
    }
    let shown = comparison.rows.iter().filter(|row| match row.agreement {
        Agreement::JudgedApart => true,
        Agreement::Missing | Agreement::JudgedAlike | Agreement::Alike => look.verbose,
    });
    let table: Vec<Vec<String>> = shown.map(|row| cells(comparison, row)).collect();
    if !table.is_empty() {
        writeln!(out)?;
        let mut head = vec!["case".to_owned()];
        head.extend((0..comparison.accounts.len()).map(letter));
        head.push("odd one out".to_owned());
        write_table(&head, &table, out)?;
    }
    if !comparison.clauses.is_empty() {
        writeln!(out)?;
        let mut head = vec!["clause".to_owned()];
        head.extend((0..comparison.accounts.len()).map(letter));
        head.push(String::new());
        let rows = comparison.clauses.iter().map(|row| {
            let mut cells = vec![row.id.to_string()];
            cells.extend(row.standings.iter().map(|standing| standing_in_words(*standing)));
            cells.push(one_line(&row.statement, look.width.saturating_sub(40).max(40)));
            cells
        });
        write_table(&head, &rows.collect::<Vec<_>>(), out)?;
    }
    if look.verbose {
        for row in &comparison.rows {
            differences(comparison, row, look, out)?;
        }
    }
    writeln!(out)?;
    writeln!(out, "{}", summary(comparison))?;
    let odd = odd_in_words(comparison);
    if !odd.is_empty() {
        writeln!(out, "odd one out: {odd}")?;
    }
    Ok(())
}

/// Writes what changed since earlier runs.
pub fn since(since: &Since, look: ComparisonStyle, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} since {}",
        visible(&since.now),
        since
            .before
            .iter()
            .map(|name| visible(name))
            .collect::<Vec<_>>()
            .join(", ")
    )?;
    for turn in [
        FindingMovement::Broken,
        FindingMovement::Fixed,
        FindingMovement::Flaky,
        FindingMovement::Same,
    ] {
        if turn == FindingMovement::Same && !look.verbose {
            continue;
        }
        let rows = since.of_turn(turn).map(|moved| {
            vec![
                turn.word().to_owned(),
                moved.verdict.word().to_owned(),
                moved.clause.to_string(),
                moved.case.clone(),
            ]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            writeln!(out)?;
            write_table(&[], &rows, out)?;
        }
    }
    for (case, ended, newer) in &since.unjudged {
        let why = visible(&unjudged_in_words(ended, *newer));
        for line in fold(&format!("not compared  {case}: {why}"), look.width) {
            writeln!(out, "{line}")?;
        }
    }
    for (case, newer) in &since.unmatched {
        let side = if *newer { "now" } else { "before" };
        writeln!(out, "only {side}  {}", visible(case))?;
    }
    let counts = [
        FindingMovement::Broken,
        FindingMovement::Fixed,
        FindingMovement::Flaky,
        FindingMovement::Same,
    ]
    .map(|turn| format!("{} {}", since.of_turn(turn).count(), turn.word()));
    writeln!(out, "\n{}", counts.join(" · "))
}

fn cells(comparison: &Comparison, row: &ComparedCase) -> Vec<String> {
    let mut cells = vec![row.case.clone()];
    for at in 0..comparison.accounts.len() {
        cells.push(comparison.cell(at, &row.case));
    }
    cells.push(row.odd.map_or_else(String::new, letter));
    cells
}

/// The result of a case at a subject, as the text of a table cell.
pub(super) fn told_in_words(comparison: &Comparison, subject: usize, told: &Told) -> String {
    match &told.outcome {
        ComparedOutcome::Unsupported(_) => return "unsupported".to_owned(),
        ComparedOutcome::Error(_) => return "error".to_owned(),
        ComparedOutcome::Judged => {}
    }
    let Some(worst) = told.verdict() else {
        return String::new();
    };
    if worst == Verdict::Pass {
        return "pass".to_owned();
    }
    let word = match worst {
        Verdict::Fail if !told.is_whole => "violates",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "?",
        Verdict::Warn => "warn",
        Verdict::Pass => "pass",
    };
    let guilty = comparison.guilty(subject, told);
    let mut text = word.to_owned();
    for clause in guilty.iter().take(SHOWN) {
        text.push_str(&format!(" {clause}"));
    }
    if guilty.len() > SHOWN {
        text.push_str(&format!(" +{}", guilty.len() - SHOWN));
    }
    text
}

/// Why a case was not judged on one of two sides.
pub(super) fn unjudged_in_words(ended: &ComparedOutcome, newer: bool) -> String {
    let when = if newer { "now" } else { "before" };
    match ended {
        ComparedOutcome::Judged => format!("judged {when}"),
        ComparedOutcome::Unsupported(obstacle) => {
            format!("unsupported {when}: {}", English.obstacle(obstacle))
        }
        ComparedOutcome::Error(what) => format!("not finished {when}: {what}"),
    }
}

/// The standing of a clause at a subject, as the text of a table cell.
pub(super) fn standing_in_words(standing: Standing) -> String {
    match standing {
        Standing::Unseen => "-".to_owned(),
        Standing::Held => "held".to_owned(),
        Standing::Violated(times) => format!("violated ×{times}"),
        Standing::Found(verdict, times) => format!("{} ×{times}", verdict.word()),
    }
}

/// How far the subjects agree, in one line.
pub(super) fn summary(comparison: &Comparison) -> String {
    let mut parts = Vec::new();
    for (agreement, words) in [
        (Agreement::Alike, "alike"),
        (Agreement::JudgedAlike, "answered differently, judged alike"),
        (Agreement::JudgedApart, "judged differently"),
        (Agreement::Missing, "not played by all, else alike"),
    ] {
        let count = comparison.count(agreement);
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    }
    let all = comparison.rows.len();
    let noun = if all == 1 { "case" } else { "cases" };
    format!("{all} {noun}: {}", parts.join(" · "))
}

/// How often each subject is the odd one out.
pub(super) fn odd_in_words(comparison: &Comparison) -> String {
    let odd = comparison.odd();
    let odd = odd.iter().enumerate().filter(|(_, times)| **times > 0);
    odd.map(|(at, times)| {
        let name = comparison
            .accounts
            .get(at)
            .map_or_else(String::new, |one| visible(&one.name));
        let noun = if *times == 1 { "time" } else { "times" };
        format!("{name} {times} {noun}")
    })
    .collect::<Vec<_>>()
    .join(", ")
}

/// Writes the answers that differ: the first subject's compared with the first of each other group.
fn differences(
    comparison: &Comparison,
    row: &ComparedCase,
    look: ComparisonStyle,
    out: &mut dyn Write,
) -> io::Result<()> {
    for difference in comparison.differences(row, LINES) {
        writeln!(out, "\n{}: {}", row.case, row.purpose)?;
        for line in &difference.lines {
            writeln!(out, "  {}", cut(line, look.width))?;
        }
    }
    Ok(())
}

/// Cuts a line at the width, without folding it.
fn cut(line: &str, width: usize) -> String {
    let width = width.saturating_sub(3);
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(width).collect();
    cut.push('…');
    cut
}

/// Writes a table with columns as wide as their widest cell; the last one is not padded.
fn write_table(head: &[String], rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    let all = || {
        rows.iter()
            .map(Vec::as_slice)
            .chain((!head.is_empty()).then_some(head))
    };
    let columns = all().map(<[String]>::len).max().unwrap_or(0);
    let wide = |column: usize| {
        let cells = all().filter_map(|row| row.get(column));
        cells.map(|cell| visible(cell).chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    for row in (!head.is_empty())
        .then_some(head)
        .into_iter()
        .chain(rows.iter().map(Vec::as_slice))
    {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{:<width$}  ", visible(cell)));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
