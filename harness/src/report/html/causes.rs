//! The causes on the page, with as much of each as there is room for.

use serde::Serialize;

use super::{LARGEST, MarkedPiece, compared, prose};
use crate::contract::Contract;
use crate::report::facts::{
    CLASSES, SourceLink, extent, most_common_first, sources, timeline, why_it_only_warns,
};
use crate::report::repeat::Commands;
use crate::report::tally::{Cause, Causes, Evidence, Group, Relation, Tally};
use crate::report::text::{cut, plural, some_of, visible};
use crate::verdict::Verdict;

/// How many kinds of findings of a cause are shown.
const KINDS_SHOWN: usize = 4;

/// How many cases of a kind are named.
const CASES_SHOWN: usize = 12;

/// How many consequences of a cause are listed.
const CONSEQUENCES_SHOWN: usize = 40;

/// The length to which what was allowed or observed is cut, in characters.
const TEXT_SHOWN: usize = 1_500;

/// The same where there is no room left.
const TEXT_SHOWN_AT_LEAST: usize = 160;

/// Causes with the same verdict.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    class: &'static str,
    heading: &'static str,
    meaning: &'static str,
    causes: Vec<CauseOnPage>,
}

#[derive(Debug, Serialize)]
struct CauseOnPage {
    id: String,
    verdict: &'static str,
    word: &'static str,
    level: &'static str,
    standing: String,
    statement: Vec<MarkedPiece>,
    note: String,
    extent: String,
    explains: String,
    phases: String,
    sources: Vec<SourceOnPage>,
    kinds: Vec<Kind>,
    more_kinds: usize,
    consequences: Vec<ConsequenceOnPage>,
    more_consequences: usize,
}

#[derive(Debug, Serialize)]
struct SourceOnPage {
    text: String,
    title: String,
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct ConsequenceOnPage {
    id: String,
    place: String,
    statement: Vec<MarkedPiece>,
    relation: &'static str,
}

/// Findings of a cause that say the same.
#[derive(Debug, Serialize)]
struct Kind {
    place: String,
    purpose: String,
    cases: String,
    expected: Vec<MarkedPiece>,
    observed: Vec<MarkedPiece>,
    timeline: String,
    /// The case of the exchange, if it is another one.
    shown_by: String,
    request: String,
    answer: String,
    repeat: String,
    commands: Vec<(&'static str, String)>,
}

/// The bytes that the causes may take.
#[derive(Debug)]
pub(super) struct Room {
    free: usize,
    left_out: usize,
}

impl Room {
    /// What is left for causes besides the rest of the page, and besides the least of each cause.
    pub(super) fn new() -> Self {
        Room {
            free: LARGEST / 2,
            left_out: 0,
        }
    }

    /// How many kinds of findings are shown in part, or not at all, because of the room.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether there is room for this, which is then taken.
    fn takes(&mut self, kind: &Kind) -> bool {
        let size = kind.size();
        match self.free.checked_sub(size) {
            Some(rest) => {
                self.free = rest;
                true
            }
            None => {
                self.left_out += 1;
                false
            }
        }
    }
}

impl Kind {
    /// About how many bytes it takes on the page.
    fn size(&self) -> usize {
        const MARKUP: usize = 900;
        const PIECE: usize = 15;
        let pieces = self.expected.iter().chain(&self.observed);
        let pieces = pieces.map(|piece| PIECE + escaped(&piece.text));
        let commands = self.commands.iter().map(|(_, text)| escaped(text));
        let texts = [
            &self.place,
            &self.purpose,
            &self.cases,
            &self.timeline,
            &self.shown_by,
            &self.request,
            &self.answer,
            &self.repeat,
        ];
        MARKUP
            + pieces
                .chain(commands)
                .chain(texts.map(|text| escaped(text)))
                .sum::<usize>()
    }
}

/// How many bytes a text takes on the page.
fn escaped(text: &str) -> usize {
    let more = |c: char| matches!(c, '<' | '>' | '&' | '"' | '\'' | '/');
    text.len() + 5 * text.chars().filter(|c| more(*c)).count()
}

/// The causes by verdict.
pub(super) fn sections(
    causes: &Causes<'_>,
    tally: &Tally,
    contract: &Contract,
    room: &mut Room,
) -> Vec<Section> {
    let sections = CLASSES.into_iter().map(|(verdict, heading, meaning)| Section {
        class: verdict.name(),
        heading,
        meaning,
        causes: most_common_first(causes, verdict)
            .into_iter()
            .map(|cause| on_page(cause, tally, contract, room))
            .collect(),
    });
    sections.filter(|section| !section.causes.is_empty()).collect()
}

fn on_page(cause: &Cause<'_>, tally: &Tally, contract: &Contract, room: &mut Room) -> CauseOnPage {
    let clause = contract.clause(cause.clause);
    let mut phases: Vec<&str> = cause.groups.iter().map(|group| group.case.phase.name()).collect();
    phases.sort_unstable();
    phases.dedup();
    let consequences = cause.consequences.iter().take(CONSEQUENCES_SHOWN);
    let mut kinds = Vec::new();
    for group in cause.groups.iter().take(KINDS_SHOWN) {
        let full = kind(group, tally);
        if room.takes(&full) {
            kinds.push(full);
        } else if kinds.is_empty() {
            kinds.push(kind_in_short(group, tally));
        }
    }
    CauseOnPage {
        id: visible(cause.clause.as_str()),
        verdict: cause.verdict.name(),
        word: word(cause.verdict),
        level: clause.map_or("", |clause| clause.level.word()),
        standing: clause.map_or_else(String::new, |clause| standing(clause, cause.verdict)),
        statement: prose(clause.map_or("This contract has no such clause.", |clause| &clause.statement)),
        note: clause
            .and_then(|clause| clause.note.as_deref())
            .map_or_else(String::new, visible),
        extent: extent(cause, tally),
        explains: match cause.consequences.len() {
            0 => String::new(),
            count => format!("explains {}", plural(count, "clause")),
        },
        phases: phases.join(" "),
        sources: clause.map_or_else(Vec::new, |clause| {
            sources(clause, contract).into_iter().map(source).collect()
        }),
        more_kinds: cause.groups.len() - kinds.len(),
        kinds,
        consequences: consequences
            .map(|one| ConsequenceOnPage {
                id: visible(one.clause.as_str()),
                place: format!("{}, step {}", visible(&one.case.name), one.first.step),
                statement: prose(contract.clause(one.clause).map_or("", |clause| &clause.statement)),
                relation: relation(one.relation),
            })
            .collect(),
        more_consequences: cause.consequences.len().saturating_sub(CONSEQUENCES_SHOWN),
    }
}

/// How a cause counts.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Passes",
        Verdict::Warn => "Warns",
        Verdict::Inconclusive => "Undecided",
        Verdict::Fail => "Fails",
    }
}

/// Level and confidence, and why the clause does not fail a run.
fn standing(clause: &crate::contract::Clause, verdict: Verdict) -> String {
    let mut text = format!("{}, {}", clause.level.word(), clause.confidence.word());
    if let Some(confirmed) = &clause.confirmed {
        text.push_str(&format!(", confirmed {}", visible(confirmed)));
    }
    if verdict == Verdict::Warn && why_it_only_warns(clause) == "minor" {
        text.push_str("; a minor deviation");
    }
    text
}

fn source(link: SourceLink) -> SourceOnPage {
    SourceOnPage {
        text: visible(&link.text),
        title: visible(&link.title),
        url: link.url,
    }
}

fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Presupposed => "needs what this clause requires",
        Relation::HoldsAlone => "holds in its own cases",
        Relation::Within => "fails only where this clause fails, by the same answers",
        Relation::EarlierCall => "an earlier call was accepted that must be refused",
    }
}

/// A kind of findings, with everything that is known of the first.
fn kind(group: &Group<'_>, tally: &Tally) -> Kind {
    let mut kind = kind_of_length(group, tally, TEXT_SHOWN);
    let lines: Vec<String> = timeline(group.first).iter().map(|line| visible(line)).collect();
    kind.timeline = lines.join("\n");
    if let Some((case, evidence)) = evidence(group, tally) {
        if case != &*group.case.name {
            kind.shown_by = visible(case);
        }
        kind.request = in_lines(&evidence.request);
        if !kind.request.is_empty() {
            kind.answer = in_lines(&evidence.answer);
        }
        let commands = [("curl", &evidence.repeat.curl), ("aws", &evidence.repeat.aws)];
        let commands = commands.into_iter();
        kind.commands = commands
            .filter_map(|(tool, commands)| {
                let line = commands.as_ref().map(Commands::line).ok()?;
                Some((tool, visible(&line)))
            })
            .collect();
    }
    kind
}

/// The exchange of the first finding, or of another one that says the same: only some are kept.
fn evidence<'a>(group: &Group<'a>, tally: &'a Tally) -> Option<(&'a str, &'a Evidence)> {
    if let Some(evidence) = group.first.evidence.as_deref() {
        return Some((&group.case.name, evidence));
    }
    let print = group.first.fingerprint();
    tally
        .findings()
        .filter(|(_, found)| found.clause == *group.clause)
        .filter_map(|(case, found)| Some((case, found, found.evidence.as_deref()?)))
        .find(|(_, found, _)| found.fingerprint() == print)
        .map(|(case, _, evidence)| (&*case.name, evidence))
}

/// A kind of findings where there is no room for everything.
fn kind_in_short(group: &Group<'_>, tally: &Tally) -> Kind {
    kind_of_length(group, tally, TEXT_SHOWN_AT_LEAST)
}

fn kind_of_length(group: &Group<'_>, tally: &Tally, length: usize) -> Kind {
    let short = |text: &str| cut(&visible(text), length);
    let (expected, observed) = compared(
        &short(&tally.expected_text(group.first)),
        &short(&tally.observed_text(group.first)),
    );
    let others = group
        .cases
        .iter()
        .copied()
        .filter(|name| **name != *group.case.name);
    Kind {
        place: short(&format!("{}, step {}", group.case.name, group.first.step)),
        purpose: short(&group.case.purpose),
        cases: cut(&some_of(others, CASES_SHOWN, group.cases.len() - 1), length),
        expected,
        observed,
        timeline: String::new(),
        shown_by: String::new(),
        request: String::new(),
        answer: String::new(),
        repeat: short(&tally.repeat_command(group.case)),
        commands: Vec::new(),
    }
}

/// Text with its line feeds, and everything else visible.
fn in_lines(text: &str) -> String {
    let lines = text.lines().map(visible);
    lines.collect::<Vec<_>>().join("\n")
}
