//! The report as one self-contained HTML page, for a browser. The only file that calls base64 and sha2.
//!
//! The page has the result, the causes with what follows from them, what could not be judged, and all clauses. It can be
//! filtered, works without its script and on paper, and requests nothing. Its Content-Security-Policy permits only the
//! style and the script of this file, by their digests, so that no text of an endpoint is executed even if it were not
//! escaped. The template is `html/page.html`.
//!
//! The page stays below [`LARGEST`]: the first causes have everything, the others what the room permits, and the page
//! says how much it leaves out.

use std::collections::BTreeSet;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::check::time::moment;
use crate::contract::{Contract, Level};
use crate::diff::by_word;
use crate::journal::EarlyEnd;
use crate::report::digest::sha256;
use crate::report::exit;
use crate::report::facts::with_code;
use crate::report::tally::{Policy, Tally};
use crate::report::template::render;
use crate::report::text::{plural, seconds, visible};

mod causes;
mod rest;

use causes::{Room, Section};
use rest::{ClauseRow, CountTile, KnownRow, Unjudged};

const TEMPLATE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The most bytes of a page.
pub const LARGEST: usize = 1_000_000;

#[derive(Serialize)]
struct Page {
    policy: String,
    style: &'static str,
    script: &'static str,
    endpoint: String,
    result: PageResult,
    tiles: Vec<CountTile>,
    cases: String,
    facts: Vec<(&'static str, String)>,
    early_end: String,
    sections: Vec<Section>,
    causes: usize,
    levels: Vec<&'static str>,
    phases: Vec<&'static str>,
    left_out: usize,
    unjudged: Vec<Unjudged>,
    errors: Vec<Unjudged>,
    notes: Vec<String>,
    more_notes: usize,
    known: Vec<KnownRow>,
    outdated: Vec<KnownRow>,
    goldens: Vec<String>,
    clauses: Vec<ClauseRow>,
}

/// How the run ended.
#[derive(Serialize)]
struct PageResult {
    class: &'static str,
    word: &'static str,
    meaning: &'static str,
    exit_code: u8,
}

/// A text in pieces, of which some are marked.
#[derive(Debug, Clone, Serialize)]
struct MarkedPiece {
    marked: bool,
    text: String,
}

/// Writes the page.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let causes = tally.causes();
    let mut room = Room::new();
    let sections = causes::sections(&causes, tally, contract, &mut room);
    let shown = || causes.all().iter();
    let levels: BTreeSet<Level> = contract.clauses.iter().map(|clause| clause.level).collect();
    let phases: BTreeSet<&str> = tally
        .cases()
        .filter(|case| !case.findings.is_empty())
        .map(|case| case.phase.name())
        .collect();
    let run = tally.run();
    let (known, outdated) = rest::known(tally);
    let (notes, more_notes) = rest::notes(tally);
    let page = Page {
        policy: format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            digest(STYLE),
            digest(SCRIPT)
        ),
        style: STYLE,
        script: SCRIPT,
        endpoint: run.map_or_else(String::new, |run| visible(&run.endpoint)),
        result: page_result(tally.exit_code(policy)),
        tiles: rest::tiles(tally),
        cases: rest::cases_in_words(tally),
        facts: facts(tally),
        early_end: early_end(tally),
        sections,
        causes: shown().count(),
        levels: levels.into_iter().rev().map(Level::word).collect(),
        phases: phases.into_iter().collect(),
        left_out: room.left_out(),
        unjudged: rest::unsupported(tally),
        errors: rest::errors(tally),
        notes,
        more_notes,
        known,
        outdated,
        goldens: rest::goldens(tally),
        clauses: rest::clauses(tally, contract),
    };
    out.write_all(render(TEMPLATE, page)?.as_bytes())
}

/// The digest of an element's text, as a Content-Security-Policy names it.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(sha256(text.as_bytes())))
}

fn page_result(exit_code: u8) -> PageResult {
    let (class, word) = match exit_code {
        exit::CONFORMANT => ("held", "Conforms"),
        exit::FINDINGS => ("fail", "Deviates"),
        exit::INTERNAL => ("fail", "Incomplete"),
        exit::NOTHING_TESTED => ("fail", "Nothing tested"),
        exit::INTERRUPTED => ("fail", "Interrupted"),
        _ => ("fail", "No result"),
    };
    PageResult {
        class,
        word,
        meaning: exit::meaning(exit_code),
        exit_code,
    }
}

/// What was examined, and how.
fn facts(tally: &Tally) -> Vec<(&'static str, String)> {
    let counts = tally.counts();
    let requests = plural(usize::try_from(counts.requests).unwrap_or(usize::MAX), "request");
    let Some(run) = tally.run() else {
        return vec![("Sent", requests)];
    };
    let (sent, began) = match run.endpoint.as_str() {
        // Its clock is virtual.
        "reference" => (requests, None),
        _ => (
            format!("{requests} in {}", seconds(counts.took_ms)),
            moment(run.at_ms),
        ),
    };
    let mut facts = vec![
        ("Judged by", format!("stopcheck {}", visible(&run.stopcheck))),
        ("Edition", run.edition.name().to_owned()),
        ("Region", visible(&run.region)),
        ("Seed", run.seed.to_string()),
        ("Sent", sent),
    ];
    facts.extend(began.map(|at| ("Began", at.replace('T', " ").replace('Z', " UTC"))));
    facts
}

/// Why the run ended before everything was played, and how far it came.
fn early_end(tally: &Tally) -> String {
    let why = match tally.cut_short() {
        None => return String::new(),
        Some(EarlyEnd::TimeLimit { limit_ms }) => {
            format!("The time limit of {} ended the run.", seconds(limit_ms))
        }
        Some(EarlyEnd::FirstFailure) => "The first failure ended the run.".to_owned(),
    };
    let phases = tally.progress_of_phases();
    let phases = phases
        .iter()
        .map(|(phase, begun, planned)| format!("{} {begun} of {planned}", phase.name()));
    format!("{why} Cases begun: {}.", phases.collect::<Vec<_>>().join(", "))
}

/// Two texts with their differences marked.
fn compared(one: &str, other: &str) -> (Vec<MarkedPiece>, Vec<MarkedPiece>) {
    let (one, other) = by_word(one, other);
    (marked(one), marked(other))
}

/// A sentence of the contract with its code marked.
fn prose(text: &str) -> Vec<MarkedPiece> {
    marked(with_code(&visible(text)))
}

fn marked(pieces: Vec<(bool, String)>) -> Vec<MarkedPiece> {
    pieces
        .into_iter()
        .map(|(marked, text)| MarkedPiece { marked, text })
        .collect()
}

#[cfg(test)]
mod tests;
