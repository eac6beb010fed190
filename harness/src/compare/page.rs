//! A comparison as one self-contained HTML page. Everything that an endpoint answered is escaped.

use std::io::{self, Write};

use serde::Serialize;

use super::terminal::{odd_in_words, standing_in_words, summary};
use super::{Agreement, ComparedCase, Comparison, Standing, letter};
use crate::report::template::render;
use crate::report::text::visible;
use crate::verdict::Verdict;

const TEMPLATE: &str = include_str!("page.html");

/// How many lines of a difference are shown before it is cut.
const LINES: usize = 400;

#[derive(Serialize)]
struct Page {
    summary: String,
    odd: String,
    version: &'static str,
    edition: &'static str,
    alike: usize,
    subjects: Vec<Subject>,
    apart: Vec<Case>,
    others: Vec<Case>,
    clauses: Vec<ClauseOfPage>,
}

#[derive(Serialize)]
struct Subject {
    letter: String,
    name: String,
    origin: String,
    server: String,
    cases: usize,
}

#[derive(Serialize)]
struct Case {
    case: String,
    purpose: String,
    cells: Vec<Cell>,
    diffs: Vec<Diff>,
}

#[derive(Serialize)]
struct ClauseOfPage {
    id: String,
    statement: String,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    class: &'static str,
    text: String,
    odd: bool,
}

#[derive(Serialize)]
struct Diff {
    old: String,
    new: String,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    class: &'static str,
    text: String,
}

/// Writes the page.
pub fn comparison(comparison: &Comparison, edition: &'static str, out: &mut dyn Write) -> io::Result<()> {
    let of = |agreements: &[Agreement]| {
        let rows = comparison.rows.iter();
        let rows = rows.filter(|row| agreements.contains(&row.agreement));
        rows.map(|row| case(comparison, row)).collect()
    };
    let page = Page {
        summary: summary(comparison),
        odd: odd_in_words(comparison),
        version: env!("CARGO_PKG_VERSION"),
        edition,
        alike: comparison.count(Agreement::Alike),
        subjects: subjects(comparison),
        apart: of(&[Agreement::JudgedApart]),
        others: of(&[Agreement::JudgedAlike, Agreement::Missing]),
        clauses: clauses(comparison),
    };
    out.write_all(render(TEMPLATE, page)?.as_bytes())
}

fn subjects(comparison: &Comparison) -> Vec<Subject> {
    let accounts = comparison.accounts.iter().enumerate();
    let subject = |(at, account): (usize, &super::Account)| Subject {
        letter: letter(at),
        name: visible(&account.name),
        origin: visible(&account.origin),
        server: account.server.as_deref().map_or_else(String::new, visible),
        cases: account.cases.len(),
    };
    accounts.map(subject).collect()
}

fn case(comparison: &Comparison, row: &ComparedCase) -> Case {
    let cell = |at: usize| {
        let told = comparison.told(at, &row.case);
        let class = match told.map(super::Told::verdict) {
            Some(Some(verdict)) => class_of(verdict),
            Some(None) | None => "none",
        };
        Cell {
            class,
            text: comparison.cell(at, &row.case),
            odd: row.odd == Some(at),
        }
    };
    Case {
        case: visible(&row.case),
        purpose: visible(&row.purpose),
        cells: (0..comparison.accounts.len()).map(cell).collect(),
        diffs: diffs(comparison, row),
    }
}

/// The differences from the first answer, without the head of the diff: the page shows its names above the diff.
fn diffs(comparison: &Comparison, row: &ComparedCase) -> Vec<Diff> {
    let line = |text: String| Line {
        class: match text.chars().next() {
            Some('-') => "gone",
            Some('+') => "came",
            _ => "",
        },
        text,
    };
    let differences = comparison.differences(row, LINES).into_iter();
    differences
        .map(|one| Diff {
            old: one.old,
            new: one.new,
            lines: one.lines.into_iter().skip(2).map(line).collect(),
        })
        .collect()
}

fn clauses(comparison: &Comparison) -> Vec<ClauseOfPage> {
    let cell = |standing: &Standing| Cell {
        class: match standing {
            Standing::Unseen => "none",
            Standing::Held => "held",
            Standing::Violated(_) => class_of(Verdict::Fail),
            Standing::Found(verdict, _) => class_of(*verdict),
        },
        text: standing_in_words(*standing),
        odd: false,
    };
    let rows = comparison.clauses.iter().map(|row| ClauseOfPage {
        id: row.id.to_string(),
        statement: row.statement.clone(),
        cells: row.standings.iter().map(cell).collect(),
    });
    rows.collect()
}

fn class_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}
