//! The terminal report: one page. Every cause has a few lines; `verbose` adds requests, answers and commands.
//!
//! ```text
//! FAILS THE RUN: requirements that Amazon documents, or that its recorded answers show.
//!
//! FAIL  DRY-04  A dry run changes nothing: the instance stays running.
//!   source    R14 https://github.com/cloudlibz/nodecloud/commit/8b65d19
//!   expected  i-0a1b… stays running
//!   observed  i-0a1b…: stopping (in 4 cases)
//!   repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
//!   explains  DRY-06 in dry-run/twice, step 2: A dry run of a call that …
//!
//! WARNINGS do not fail the run. Each says why: …
//!
//! WARN  RSP-07  The answer begins with an XML declaration. (SHOULD)
//!   observed  no XML declaration (in 3 cases)
//!
//! KNOWN: 24 failures and 28 warnings of 52 clauses, as the known deviations say. -v lists them.
//!
//! NOT JUDGED: …
//!
//! FAIL         DRY-04
//! WARN         RSP-07
//!
//! 164 clauses: 120 held · 1 failed · 4 not reached · 30 untested · 6 not in this edition
//! 200 cases: 196 passed · 4 failed
//! 1234 requests in 3.2 s to http://127.0.0.1:5000 (edition current, seed 7)
//!
//! DEVIATES: 1 clause is violated in 4 cases.
//! ```
//!
//! Text from an endpoint is escaped before it is shown. No line is longer than the width, except lines to paste.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::contract::{ClauseId, Contract};
use crate::journal::{EarlyEnd, Obstacle, Outcome};
use crate::report::exit;
use crate::report::facts::most_common_first;
use crate::report::progress::FAILURES_SHOWN;
use crate::report::tally::{Case, Cause, Causes, Policy, Status, Tally};
use crate::report::text::{cut, fold, one_line, plural, seconds, some_of, visible};
use crate::verdict::Verdict;

mod finding;
mod known;

/// How the report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are used.
    pub color: bool,
    /// The width in columns; 80 is the least.
    pub width: usize,
    /// Whether everything is shown: all kinds of a finding, requests, answers and commands, titles of sources, clauses
    /// that were not judged.
    pub verbose: bool,
}

/// If more clauses could not be decided, each has one line.
const UNDECIDED_IN_TWO_LINES: usize = 4;

/// How many notes are shown.
const NOTES_SHOWN: usize = 3;

/// The least width of a page in columns.
pub const NARROWEST: usize = 80;

/// Writes the report.
pub fn write(
    tally: &Tally,
    contract: &Contract,
    style: Style,
    policy: Policy,
    out: &mut dyn Write,
) -> io::Result<()> {
    let page = Page {
        tally,
        contract,
        style: Style {
            width: style.width.max(NARROWEST),
            ..style
        },
        policy,
    };
    let causes = tally.causes();
    // A run has printed a line for each of the first clauses that failed, when it was found.
    let lines = tally.clause_counts().failed.min(FAILURES_SHOWN + 1);
    let room = PAGE.saturating_sub(PROGRESS_LINES + lines);
    out.write_all(&page.fitting(&causes, room)?)
}

/// How many lines a run prints, unless its parts need more even in short.
const PAGE: usize = 150;

/// How many progress lines a run within the default time limit prints where no terminal shows a bar.
const PROGRESS_LINES: usize = 6;

/// How many warnings have a line of their own where lines are short.
const WARNINGS_IN_LINES: usize = 12;

/// How much is shown of each cause.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// How many causes are shown in full; the others have two lines.
    full: usize,
    /// Whether statements may have two lines, warnings too, an empty line is between causes, and all ids are listed at
    /// the end.
    roomy: bool,
}

fn rendered(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    write(&mut out)?;
    Ok(out)
}

fn lines_of(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

struct Page<'a> {
    tally: &'a Tally,
    contract: &'a Contract,
    style: Style,
    policy: Policy,
}

/// Colours, named by meaning.
#[derive(Clone, Copy)]
enum Color {
    Bad,
    Doubtful,
    Good,
    Quiet,
}

impl Page<'_> {
    /// The page, in the most detailed layout that has at most `room` lines.
    fn fitting(&self, causes: &Causes<'_>, room: usize) -> io::Result<Vec<u8>> {
        let all = causes.all().len();
        let roomy = Layout {
            full: all,
            roomy: true,
        };
        let dense = (0..=all).rev().map(|full| Layout { full, roomy: false });
        let mut text = Vec::new();
        for layout in std::iter::once(roomy).chain(dense) {
            text = rendered(|out| {
                self.classes(causes, layout, out)?;
                self.rest(causes, layout, out)
            })?;
            if self.style.verbose || lines_of(&text) <= room {
                break;
            }
        }
        Ok(text)
    }

    /// Writes the causes that fail the run, then the warnings, each with a sentence on what they are.
    fn classes(&self, causes: &Causes<'_>, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
        let failing = most_common_first(causes, Verdict::Fail);
        if !failing.is_empty() {
            let meaning = "requirements that Amazon documents, or that its recorded answers show.";
            self.sentence_line(Color::Bad, "FAILS THE RUN:", meaning, out)?;
            for (at, cause) in failing.iter().enumerate() {
                match at < layout.full {
                    true => self.finding(cause, layout, out)?,
                    false => self.in_two_lines(cause, out)?,
                }
            }
            if layout.full < failing.len() {
                let text = "Those with two lines only are shown in full with -v, or by their scripts: --artifacts DIR.";
                self.paragraph(text, out)?;
            }
            if !layout.roomy {
                writeln!(out)?;
            }
        }
        let warnings = most_common_first(causes, Verdict::Warn);
        if !warnings.is_empty() {
            let effect = match self.policy.strict {
                true => "fail this run (--strict).",
                false => "do not fail the run.",
            };
            let meaning = format!(
                "{effect} Each says why it only warns: SHOULD or MAY; inferred or contradicted, as the sources \
                 leave it open; sibling, known of another action only; minor, for instance another wording."
            );
            self.sentence_line(Color::Doubtful, "WARNINGS", &meaning, out)?;
            let is_short = !(self.style.verbose || layout.roomy);
            let shown = if is_short { WARNINGS_IN_LINES } else { usize::MAX };
            for cause in warnings.iter().take(shown) {
                match (self.style.verbose, layout.roomy) {
                    (true, _) => self.finding(cause, layout, out)?,
                    (false, true) => self.in_two_lines(cause, out)?,
                    (false, false) => self.in_one_line(cause, out)?,
                }
            }
            let more: Vec<&str> = warnings
                .iter()
                .skip(shown)
                .map(|cause| cause.clause.as_str())
                .collect();
            if !more.is_empty() {
                let text = format!("and {}: {}", plural(more.len(), "more clause"), more.join(" "));
                self.block(Color::Doubtful, Verdict::Warn.word(), &visible(&text), out)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// Writes everything below the causes.
    fn rest(&self, causes: &Causes<'_>, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
        self.known(out)?;
        self.not_judged(causes, out)?;
        self.errors(out)?;
        self.notes(out)?;
        if self.style.verbose {
            self.choices(out)?;
            self.unjudged(out)?;
        }
        if layout.roomy {
            self.ids(causes, out)?;
        }
        self.summary(causes, out)
    }

    /// Writes what could not be decided, and the cases that the endpoint does not support.
    fn not_judged(&self, causes: &Causes<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut obstacles: BTreeMap<&Obstacle, Vec<&Case>> = BTreeMap::new();
        for case in self.tally.cases() {
            if let Some(Outcome::Unsupported { obstacle }) = &case.outcome {
                obstacles.entry(obstacle).or_default().push(case);
            }
        }
        let undecided: Vec<&Cause<'_>> = causes
            .all()
            .iter()
            .filter(|cause| cause.verdict == Verdict::Inconclusive)
            .collect();
        if obstacles.is_empty() && undecided.is_empty() {
            return Ok(());
        }
        let meaning = "an answer that can be explained either way (INCONCLUSIVE), or cases that need what this \
                       endpoint or this run does not have.";
        self.sentence_line(Color::Doubtful, "NOT JUDGED:", meaning, out)?;
        let few = undecided.len() <= UNDECIDED_IN_TWO_LINES;
        for cause in undecided {
            match (self.style.verbose, few) {
                (true, _) => self.finding(cause, Layout { full: 1, roomy: true }, out)?,
                (false, true) => self.in_two_lines(cause, out)?,
                (false, false) => self.in_one_line(cause, out)?,
            }
        }
        for (obstacle, cases) in obstacles {
            let reason = self.tally.obstacle_text(obstacle);
            let text = format!("{}: {}", plural(cases.len(), "case"), one_line(&reason, 300));
            if self.style.verbose {
                self.block(Color::Doubtful, "UNSUPPORTED", &text, out)?;
                let names = cases.iter().map(|case| case.name.as_ref());
                self.row("cases", &some_of(names, usize::MAX, cases.len()), out)?;
                continue;
            }
            writeln!(out, "  {}", cut(&text, self.style.width - 2))?;
        }
        writeln!(out)
    }

    fn errors(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut whats: Vec<(&str, Vec<&str>)> = Vec::new();
        for case in self.tally.cases() {
            if let Some(Outcome::Error { what }) = &case.outcome {
                match whats.iter_mut().find(|(known, _)| known == what) {
                    Some((_, names)) => names.push(&case.name),
                    None => whats.push((what, vec![&case.name])),
                }
            }
        }
        for (what, names) in &whats {
            let text = format!("{}: {}", plural(names.len(), "case"), one_line(what, 500));
            self.block(Color::Bad, "ERROR", &text, out)?;
            self.row(
                "cases",
                &some_of(names.iter().copied(), self.names(3), names.len()),
                out,
            )?;
        }
        if whats.is_empty() { Ok(()) } else { writeln!(out) }
    }

    fn notes(&self, out: &mut dyn Write) -> io::Result<()> {
        let shown = self.names(NOTES_SHOWN);
        for note in self.tally.notes().iter().take(shown) {
            let text = match note.case.as_str() {
                "" => one_line(&note.text, 500),
                case => format!("{}: {}", visible(case), one_line(&note.text, 500)),
            };
            self.block(Color::Doubtful, "NOTE", &text, out)?;
        }
        if let Some(more @ 1..) = self.tally.notes().len().checked_sub(shown) {
            self.block(Color::Doubtful, "NOTE", &format!("… and {more} more (-v)"), out)?;
        }
        match self.tally.notes().is_empty() {
            true => Ok(()),
            false => writeln!(out),
        }
    }

    /// Writes which codes were received where the contract allows several.
    fn choices(&self, out: &mut dyn Write) -> io::Result<()> {
        for (condition, codes) in self.tally.choices() {
            let codes = codes
                .iter()
                .map(|(code, calls)| format!("{code} ({})", plural(*calls, "call")));
            let text = format!("{condition}: {}", codes.collect::<Vec<_>>().join(", "));
            self.block(Color::Quiet, "answered", &visible(&text), out)?;
        }
        match self.tally.choices().is_empty() {
            true => Ok(()),
            false => writeln!(out),
        }
    }

    /// Writes the clauses that no case judged; for `verbose` only.
    fn unjudged(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut any = false;
        for clause in self.tally.clause_statuses() {
            let (word, reason) = match clause.status {
                Status::Unreached { reason } => ("not reached", reason),
                Status::Untested { reason } => ("untested", reason),
                Status::NotInEdition | Status::Held { .. } | Status::Found { .. } => continue,
            };
            any = true;
            let text = format!("{}: {}", clause.id, visible(&reason));
            self.block(Color::Quiet, word, &text, out)?;
        }
        if any { writeln!(out) } else { Ok(()) }
    }

    fn summary(&self, causes: &Causes<'_>, out: &mut dyn Write) -> io::Result<()> {
        let clauses = self.tally.clause_counts();
        let counts = self.tally.counts();
        let line = self.list([
            (Color::Good, clauses.held, "held"),
            (Color::Bad, clauses.failed, "failed"),
            (Color::Doubtful, clauses.inconclusive, "inconclusive"),
            (Color::Doubtful, clauses.warned, "warned"),
            (Color::Quiet, clauses.known, "known"),
            (Color::Quiet, clauses.unreached, "not reached"),
            (Color::Quiet, clauses.untested, "untested"),
            (Color::Quiet, clauses.not_in_edition, "not in this edition"),
        ]);
        self.counted(&plural(clauses.all, "clause"), &line, out)?;

        let all = counts.cases.all() + counts.known + counts.unsupported + counts.errors + counts.unfinished;
        let line = self.list([
            (Color::Good, counts.cases.pass, "passed"),
            (Color::Bad, counts.cases.fail, "failed"),
            (Color::Doubtful, counts.cases.inconclusive, "inconclusive"),
            (Color::Doubtful, counts.cases.warn, "warned"),
            (Color::Quiet, counts.known, "known"),
            (Color::Doubtful, counts.unsupported, "unsupported"),
            (Color::Bad, counts.errors, "errored"),
            (Color::Bad, counts.unfinished, "unfinished"),
            (Color::Bad, counts.not_begun, "not begun"),
            (Color::Quiet, counts.left_out, "left out"),
        ]);
        self.counted(&plural(all, "case"), &line, out)?;

        if counts.scripts > 0 {
            let scripts = usize::try_from(counts.scripts).unwrap_or(usize::MAX);
            let cut = match counts.cut_short {
                0 => String::new(),
                cut => format!(", {cut} of them cut short"),
            };
            writeln!(
                out,
                "{} of {}{cut}",
                plural(scripts, "random script"),
                plural(counts.steps, "step")
            )?;
        }
        if counts.watched > 0 {
            let watched = usize::try_from(counts.watched).unwrap_or(usize::MAX);
            writeln!(
                out,
                "{} of other clients judged",
                plural(watched, "StopInstances call")
            )?;
        }
        let requests = plural(usize::try_from(counts.requests).unwrap_or(usize::MAX), "request");
        let took = seconds(counts.took_ms);
        match self.tally.run() {
            None => writeln!(out, "{requests} in {took}")?,
            Some(run) => {
                // The embedded reference has a virtual clock, so this is not the time that passed.
                let took = match run.endpoint.as_str() {
                    "reference" => String::new(),
                    _ => format!(" in {took}"),
                };
                let most = self.tally.most_instances().filter(|_| self.style.verbose);
                let most = most.map_or_else(String::new, |most| {
                    format!(", with at most {} at once,", plural(most, "instance"))
                });
                let text = format!(
                    "{requests}{took}{most} to {} (edition {}, region {}, seed {})",
                    visible(&run.endpoint),
                    run.edition.name(),
                    visible(&run.region),
                    run.seed
                );
                self.paragraph(&text, out)?;
            }
        }
        self.cut_short(out)?;
        writeln!(out)?;
        self.sentence(causes, out)
    }

    /// Writes how far each phase came, if not everything was played.
    fn cut_short(&self, out: &mut dyn Write) -> io::Result<()> {
        let why = match self.tally.cut_short() {
            None => return Ok(()),
            Some(EarlyEnd::TimeLimit { limit_ms }) => format!(
                "The time limit of {} ended the run; --time-limit none plays everything.",
                seconds(limit_ms)
            ),
            Some(EarlyEnd::FirstFailure) => "The first failure ended the run (--fail-fast).".to_owned(),
        };
        let phases = self.tally.progress_of_phases();
        let phases = phases
            .iter()
            .map(|(phase, begun, planned)| format!("{} {begun} of {planned}", phase.name()));
        let phases: Vec<String> = phases.collect();
        let text = format!("{why} Cases begun: {}.", phases.join(", "));
        for line in fold(&text, self.style.width) {
            writeln!(out, "{}", self.paint(Color::Doubtful, &line))?;
        }
        Ok(())
    }

    /// Writes the conclusion of the run.
    fn sentence(&self, causes: &Causes<'_>, out: &mut dyn Write) -> io::Result<()> {
        let code = self.tally.verdict_code(self.policy);
        let counts = self.tally.counts();
        let known = self.tally.known_counts();
        let violated: BTreeSet<&ClauseId> = self
            .tally
            .deciding(self.policy)
            .map(|(_, found)| &found.clause)
            .collect();
        let (word, color, text) = match code {
            exit::FINDINGS if violated.is_empty() && counts.cases.fail == 0 => {
                let text = format!("nothing new is violated, but{}", outdated(self.tally));
                ("OUTDATED", Color::Bad, text)
            }
            exit::FINDINGS => {
                let to_blame = causes
                    .all()
                    .iter()
                    .filter(|cause| self.policy.decides(cause.verdict))
                    .count();
                let cases: BTreeSet<&str> = self
                    .tally
                    .deciding(self.policy)
                    .map(|(case, _)| case.name.as_ref())
                    .collect();
                let verb = if violated.len() == 1 { "is" } else { "are" };
                let causes = match violated.len() == to_blame {
                    true => String::new(),
                    false => format!(", for {}", plural(to_blame, "cause")),
                };
                let more = match known.clauses {
                    0 => String::new(),
                    known => format!(" {} as is known.", deviate(known)),
                };
                let text = format!(
                    "{} {verb} violated in {}{causes}.{more}{}",
                    plural(violated.len(), "clause"),
                    plural(cases.len(), "case"),
                    outdated(self.tally)
                );
                ("DEVIATES", Color::Bad, text)
            }
            exit::INTERNAL => (
                "INCOMPLETE",
                Color::Bad,
                format!(
                    "no violation was seen, but the harness failed on {}.",
                    plural(counts.errors, "case")
                ),
            ),
            exit::NOTHING_TESTED => ("NOTHING TESTED", Color::Bad, "no case was judged.".to_owned()),
            exit::INTERRUPTED => (
                "INTERRUPTED",
                Color::Bad,
                format!("{} judged before the end.", plural(counts.cases.all(), "case")),
            ),
            _ if known.clauses > 0 => {
                let text = format!("nothing new is violated; {} as is known.", deviate(known.clauses));
                ("AS KNOWN", Color::Good, text)
            }
            _ if counts.findings.all() > 0 => (
                "CONFORMS",
                Color::Good,
                "nothing that is known for certain is violated; see the warnings above.".to_owned(),
            ),
            _ => (
                "CONFORMS",
                Color::Good,
                "everything observed is allowed.".to_owned(),
            ),
        };
        writeln!(out, "{}: {text}", self.paint(color, word))?;
        if counts.findings.all() > 0 && !self.style.verbose {
            let text = "-v shows requests, answers, curl and aws lines; --artifacts DIR writes a script for each cause.";
            self.paragraph(text, out)?;
        }
        Ok(())
    }

    /// Writes the ids of all causes, the worst first.
    fn ids(&self, causes: &Causes<'_>, out: &mut dyn Write) -> io::Result<()> {
        for verdict in [Verdict::Fail, Verdict::Warn, Verdict::Inconclusive] {
            let causes = most_common_first(causes, verdict);
            let ids: Vec<&str> = causes.iter().map(|cause| cause.clause.as_str()).collect();
            if !ids.is_empty() {
                self.block(color(verdict), verdict.word(), &visible(&ids.join(" ")), out)?;
            }
        }
        match causes.all().is_empty() {
            true => Ok(()),
            false => writeln!(out),
        }
    }

    /// The counts that are not zero.
    fn list(&self, items: impl IntoIterator<Item = (Color, usize, &'static str)>) -> Vec<(Color, String)> {
        let shown = items.into_iter().filter(|(_, count, _)| *count > 0);
        shown
            .map(|(color, count, word)| (color, format!("{count} {word}")))
            .collect()
    }

    /// Writes what was counted, and the counts, on as many lines as they need.
    fn counted(&self, what: &str, counts: &[(Color, String)], out: &mut dyn Write) -> io::Result<()> {
        let mut used = what.chars().count() + 1;
        write!(out, "{what}:")?;
        for (at, (color, text)) in counts.iter().enumerate() {
            let mark = if at == 0 { " " } else { " · " };
            let length = mark.chars().count() + text.chars().count();
            if used + length > self.style.width {
                write!(out, "\n ")?;
                used = 1;
            }
            write!(out, "{mark}{}", self.paint(*color, text))?;
            used += length;
        }
        match counts.is_empty() {
            true => writeln!(out, " none"),
            false => writeln!(out),
        }
    }

    /// Writes a quiet text, wrapped.
    fn paragraph(&self, text: &str, out: &mut dyn Write) -> io::Result<()> {
        for line in fold(text, self.style.width) {
            writeln!(out, "{}", self.paint(Color::Quiet, &line))?;
        }
        Ok(())
    }

    /// Writes a painted beginning and a sentence, wrapped, with an empty line after it.
    fn sentence_line(&self, color: Color, start: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
        for (at, line) in fold(&format!("{start} {text}"), self.style.width)
            .into_iter()
            .enumerate()
        {
            match line.strip_prefix(start).filter(|_| at == 0) {
                Some(rest) => writeln!(out, "{}{rest}", self.paint(color, start))?,
                None => writeln!(out, "{line}")?,
            }
        }
        writeln!(out)
    }

    /// Writes a label and a text, wrapped with a hanging indent.
    fn block(&self, color: Color, word: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
        let hang = 13;
        let lines = fold(text, self.style.width.saturating_sub(hang));
        for (at, line) in lines.into_iter().enumerate() {
            match at {
                0 => writeln!(
                    out,
                    "{}{}{line}",
                    self.paint(color, word),
                    " ".repeat(hang.saturating_sub(word.len()))
                )?,
                _ => writeln!(out, "{}{line}", " ".repeat(hang))?,
            }
        }
        Ok(())
    }

    /// How many names to list.
    fn names(&self, few: usize) -> usize {
        if self.style.verbose { usize::MAX } else { few }
    }

    fn paint(&self, color: Color, text: &str) -> String {
        if !self.style.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match color {
            Color::Bad => "1;31",
            Color::Doubtful => "33",
            Color::Good => "32",
            Color::Quiet => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// How many known deviations fail the run; empty if none does.
fn outdated(tally: &Tally) -> String {
    match tally.known().map_or(0, |known| known.outdated().count()) {
        0 => String::new(),
        1 => " 1 known deviation is gone or expired.".to_owned(),
        outdated => format!(" {outdated} known deviations are gone or expired."),
    }
}

/// How many clauses deviate.
fn deviate(clauses: usize) -> String {
    match clauses {
        1 => "1 clause deviates".to_owned(),
        clauses => format!("{clauses} clauses deviate"),
    }
}

fn color(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Pass => Color::Good,
        Verdict::Warn | Verdict::Inconclusive => Color::Doubtful,
        Verdict::Fail => Color::Bad,
    }
}

#[cfg(test)]
mod tests;
