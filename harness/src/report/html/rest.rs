//! What the page has besides the causes: counts, cases that were not judged, notes, and all clauses.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{MarkedPiece, prose};
use crate::contract::Contract;
use crate::journal::Outcome;
use crate::report::facts;
use crate::report::tally::{ReviewedEntry, Standing, Status, Tally};
use crate::report::text::{cut, one_line, plural, some_of, visible};
use crate::verdict::Verdict;

/// The length to which a reason or a note is cut, in characters.
const TEXT_SHOWN: usize = 300;

/// How many reasons, notes and goldens are shown.
const LINES_SHOWN: usize = 50;

/// How many known deviations are listed.
const ROWS_SHOWN: usize = 250;

/// How many cases are named for a reason.
const CASES_SHOWN: usize = 8;

/// A number of clauses.
#[derive(Debug, Serialize)]
pub(super) struct CountTile {
    class: &'static str,
    count: usize,
    label: &'static str,
}

/// Cases that were not judged for the same reason.
#[derive(Debug, Serialize)]
pub(super) struct Unjudged {
    reason: String,
    count: String,
    cases: String,
}

/// An entry of the known deviations.
#[derive(Debug, Serialize)]
pub(super) struct KnownRow {
    target: String,
    what: String,
    reason: String,
    link: Option<String>,
}

/// A clause in the table of all clauses.
#[derive(Debug, Serialize)]
pub(super) struct ClauseRow {
    id: String,
    class: &'static str,
    status: &'static str,
    verdict: &'static str,
    level: &'static str,
    confidence: &'static str,
    statement: Vec<MarkedPiece>,
    remark: String,
    has_cause: bool,
}

/// The clauses by status.
pub(super) fn tiles(tally: &Tally) -> Vec<CountTile> {
    let counts = tally.clause_counts();
    [
        ("fail", counts.failed, "failed"),
        ("warn", counts.warned, "warned"),
        ("inconclusive", counts.inconclusive, "undecided"),
        ("none", counts.known, "known to deviate"),
        ("held", counts.held, "held"),
        ("none", counts.unreached, "not reached"),
        ("none", counts.untested, "untestable"),
        ("none", counts.not_in_edition, "not in this edition"),
    ]
    .into_iter()
    .filter(|(_, count, _)| *count > 0)
    .map(|(class, count, label)| CountTile { class, count, label })
    .collect()
}

/// The cases by outcome, in a sentence.
pub(super) fn cases_in_words(tally: &Tally) -> String {
    let counts = tally.counts();
    let all = counts.cases.all() + counts.known + counts.unsupported + counts.errors + counts.unfinished;
    let parts = [
        (counts.cases.pass, "passed"),
        (counts.cases.fail, "failed"),
        (counts.cases.warn, "warned"),
        (counts.cases.inconclusive, "undecided"),
        (counts.known, "deviate as is known"),
        (counts.unsupported, "unsupported"),
        (counts.errors, "ended with an error"),
        (counts.unfinished, "unfinished"),
        (counts.not_begun, "not begun"),
        (counts.left_out, "left out"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let mut text = plural(all, "case");
    if !parts.is_empty() {
        text.push_str(&format!(": {}", parts.join(", ")));
    }
    if counts.scripts > 0 {
        let scripts = usize::try_from(counts.scripts).unwrap_or(usize::MAX);
        text.push_str(&format!(
            "; {} of {}",
            plural(scripts, "random script"),
            plural(counts.steps, "step")
        ));
    }
    if counts.watched > 0 {
        let watched = usize::try_from(counts.watched).unwrap_or(usize::MAX);
        text.push_str(&format!(
            "; {} of other clients",
            plural(watched, "StopInstances call")
        ));
    }
    text
}

/// What the endpoint or this run does not have, with the cases that need it.
pub(super) fn unsupported(tally: &Tally) -> Vec<Unjudged> {
    by_reason(tally, |outcome| match outcome {
        Outcome::Unsupported { obstacle } => Some(tally.obstacle_text(obstacle)),
        Outcome::Judged { .. } | Outcome::Error { .. } => None,
    })
}

/// Our own errors, with the cases that ended with them.
pub(super) fn errors(tally: &Tally) -> Vec<Unjudged> {
    by_reason(tally, |outcome| match outcome {
        Outcome::Error { what } => Some(what.clone()),
        Outcome::Judged { .. } | Outcome::Unsupported { .. } => None,
    })
}

fn by_reason(tally: &Tally, reason: impl Fn(&Outcome) -> Option<String>) -> Vec<Unjudged> {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for case in tally.cases() {
        if let Some(text) = case.outcome.as_ref().and_then(&reason) {
            let names = reasons.entry(one_line(&text, TEXT_SHOWN)).or_default();
            names.push(&case.name);
        }
    }
    let mut reasons: Vec<(String, Vec<&str>)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let shown = reasons.into_iter().take(LINES_SHOWN);
    shown
        .map(|(reason, names)| Unjudged {
            reason,
            count: plural(names.len(), "case"),
            cases: cut(
                &some_of(names.iter().copied(), CASES_SHOWN, names.len()),
                TEXT_SHOWN,
            ),
        })
        .collect()
}

/// The first notes, and the number of the others.
pub(super) fn notes(tally: &Tally) -> (Vec<String>, usize) {
    let notes = tally.notes();
    let shown = notes.iter().take(LINES_SHOWN);
    let texts = shown.map(|note| match note.case.as_str() {
        "" => one_line(&note.text, TEXT_SHOWN),
        case => one_line(&format!("{case}: {}", note.text), TEXT_SHOWN),
    });
    (texts.collect(), notes.len().saturating_sub(LINES_SHOWN))
}

/// The goldens that changed, if they decide.
pub(super) fn goldens(tally: &Tally) -> Vec<String> {
    let goldens = tally.goldens().filter(|goldens| goldens.decide());
    let changed = goldens.into_iter().flat_map(|goldens| &goldens.changed);
    let names = changed.map(|changed| cut(&visible(&changed.case), TEXT_SHOWN));
    names.take(LINES_SHOWN).collect()
}

/// The known deviations that apply: those that still deviate, and those that must be deleted.
pub(super) fn known(tally: &Tally) -> (Vec<KnownRow>, Vec<KnownRow>) {
    let entries = tally.known().map_or(&[][..], |known| &known.entries);
    let row = |one: &ReviewedEntry| KnownRow {
        target: one_line(&one.entry.target.to_string(), TEXT_SHOWN),
        what: facts::standing_of_known(one),
        reason: one_line(&one.entry.reason, TEXT_SHOWN),
        link: one.entry.link.clone().filter(|link| facts::is_web_address(link)),
    };
    let (outdated, others): (Vec<_>, Vec<_>) = entries.iter().partition(|one| one.is_outdated());
    let deviating = others
        .into_iter()
        .filter(|one| one.standing == Standing::Deviates);
    (
        deviating.map(row).take(ROWS_SHOWN).collect(),
        outdated.into_iter().map(row).take(ROWS_SHOWN).collect(),
    )
}

/// All clauses in the order of the contract.
pub(super) fn clauses(tally: &Tally, contract: &Contract) -> Vec<ClauseRow> {
    let causes = tally.causes();
    let row = |line: crate::report::tally::ClauseStatus| {
        let clause = contract.clause(&line.id)?;
        let mut row = ClauseRow {
            id: visible(line.id.as_str()),
            class: "none",
            status: "not in this edition",
            verdict: "",
            level: line.level.word(),
            confidence: line.confidence.word(),
            statement: prose(&clause.statement),
            remark: String::new(),
            has_cause: causes.all().iter().any(|cause| *cause.clause == line.id),
        };
        match line.status {
            Status::NotInEdition => {}
            Status::Untested { reason } => (row.status, row.remark) = ("untestable", reason),
            Status::Unreached { reason } => (row.status, row.remark) = ("not reached", reason),
            Status::Held { cases, .. } => {
                (row.class, row.status) = ("held", "held");
                row.remark = format!("in {}", plural(cases, "case"));
            }
            Status::Found {
                known: true, cases, ..
            } => {
                row.status = "known";
                row.remark = format!("in {}", plural(cases, "case"));
            }
            Status::Found { verdict, cases, .. } => {
                (row.class, row.verdict) = (verdict.name(), verdict.name());
                row.status = match verdict {
                    Verdict::Pass => "held",
                    Verdict::Warn => "warned",
                    Verdict::Inconclusive => "undecided",
                    Verdict::Fail => "failed",
                };
                row.remark = match causes.blamed_for(&line.id) {
                    Some(cause) => format!("follows from {cause}"),
                    None => format!("in {}", plural(cases, "case")),
                };
            }
        }
        row.remark = one_line(&row.remark, TEXT_SHOWN);
        Some(row)
    };
    tally.clause_statuses().into_iter().filter_map(row).collect()
}
