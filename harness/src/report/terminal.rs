//! The terminal report: one page if everything passed, the exchanges if not.
//!
//! ```text
//! FAIL  DRY-04  A dry run changes nothing: the instance stays running.  MUST · documented+recorded · API, R14
//!       allowed   i-0a… stays running
//!       observed  stopping (DescribeInstances after the dry run)
//!       cases     dry-run/valid (+3 more)
//!       request   POST / Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a…&DryRun=true
//!       answer    200 <StopInstancesResponse …
//!       repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
//!       curl      a=$(curl …
//!       aws       a=$(aws ec2 run-instances …
//!
//! 164 clauses: 120 held · 1 failed · 4 not reached · 30 untested · 6 not in this edition
//! 200 cases: 196 passed · 4 failed
//! 1234 requests in 3.2 s to http://127.0.0.1:5000 (edition current, seed 7)
//!
//! DEVIATES: 1 clause is violated in 4 cases.
//! ```
//!
//! Text from an endpoint is escaped before it is shown. Lines to paste are never wrapped.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::contract::{Clause, ClauseId, Contract};
use crate::journal::EarlyEnd;
use crate::report::exit;
use crate::report::tally::{Case, Group, Policy, Status, Tally};
use crate::report::text::{fold, one_line, plural, seconds, some_of, visible};
use crate::verdict::{Outcome, Verdict};

/// How many causes are listed.
const CAUSES_SHOWN: usize = 12;

/// How the report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are used. The caller checks `NO_COLOR` and whether the output is a terminal.
    pub color: bool,
    /// The width in columns.
    pub width: usize,
    /// Whether everything is shown: warnings in full, titles of sources, clauses that were not judged.
    pub verbose: bool,
}

/// How many groups of one clause are shown in full; the rest are counted.
const GROUPS_OF_A_CLAUSE: usize = 3;

/// The length to which an answer is cut, in characters.
const ANSWER_SHOWN: usize = 300;

/// The indentation of the text of a finding.
const INDENT: &str = "      ";

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
            width: style.width.max(40),
            ..style
        },
        policy,
    };
    let groups = tally.groups();
    page.findings(&groups, out)?;
    page.unsupported(out)?;
    page.errors(out)?;
    page.notes(out)?;
    if style.verbose {
        page.choices(out)?;
        page.unjudged(out)?;
    }
    page.summary(&groups, out)
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
    fn findings(&self, groups: &[Group<'_>], out: &mut dyn Write) -> io::Result<()> {
        let mut at = 0;
        while let Some(first) = groups.get(at) {
            let same: Vec<&Group<'_>> = groups
                .iter()
                .skip(at)
                .take_while(|group| group.clause == first.clause && group.verdict == first.verdict)
                .collect();
            at += same.len();
            let compact = first.verdict <= Verdict::Warn && !self.style.verbose;
            let shown = match (self.style.verbose, compact) {
                (true, _) => same.len(),
                (false, true) => 1,
                (false, false) => GROUPS_OF_A_CLAUSE,
            };
            for group in same.iter().take(shown) {
                match compact {
                    true => self.warning(group, out)?,
                    false => self.finding(group, out)?,
                }
            }
            let hidden = same.get(shown..).unwrap_or_default();
            if !hidden.is_empty() {
                let findings: usize = hidden.iter().map(|group| group.findings).sum();
                let text = format!(
                    "… and {} of {} told otherwise",
                    plural(findings, "finding"),
                    first.clause
                );
                writeln!(out, "{INDENT}{}", self.paint(Color::Quiet, &text))?;
                if !compact {
                    writeln!(out)?;
                }
            }
            let next_is_full = groups.get(at).is_none_or(|next| next.verdict > Verdict::Warn);
            if compact && next_is_full {
                writeln!(out)?;
            }
        }
        Ok(())
    }

    /// Writes a group of findings in full.
    fn finding(&self, group: &Group<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.heading(group, out)?;
        self.row("allowed", &visible(&self.tally.expected_text(group.first)), out)?;
        self.row("observed", &visible(&self.tally.observed_text(group.first)), out)?;
        let cases = some_of(group.cases.iter().copied(), self.names(1), group.cases.len());
        let seen = match group.first.seen {
            0 => String::new(),
            seen => format!(
                "; seen in {} of {} random scripts",
                seen,
                self.tally.counts().scripts
            ),
        };
        let step = format!("{cases}, step {}{seen}", group.first.step);
        self.row(if group.cases.len() == 1 { "case" } else { "cases" }, &step, out)?;
        if self.style.verbose {
            self.row("purpose", &visible(&group.case.purpose), out)?;
        }
        if let Some(evidence) = &group.first.evidence {
            if !evidence.request.is_empty() {
                self.row("request", &one_line(&evidence.request, 4 * ANSWER_SHOWN), out)?;
                self.row("answer", &one_line(&evidence.answer, ANSWER_SHOWN), out)?;
            }
            let repeat = &evidence.repeat;
            self.paste("repeat", Ok(&repeat.run), out)?;
            self.paste("curl", repeat.curl.as_deref().map_err(String::as_str), out)?;
            self.paste("aws", repeat.aws.as_deref().map_err(String::as_str), out)?;
        } else {
            self.paste("repeat", Ok(&self.tally.repeat_command(group.case)), out)?;
        }
        writeln!(out)
    }

    /// Writes a group of findings that do not fail the run, in a few lines.
    fn warning(&self, group: &Group<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.heading(group, out)?;
        let cases = some_of(group.cases.iter().copied(), 1, group.cases.len());
        let observed = self.tally.observed_text(group.first);
        let text = format!("{}  ({cases})", one_line(&observed, 200));
        let expected = self.tally.expected_text(group.first);
        self.row("allowed", &one_line(&expected, 200), out)?;
        self.row("observed", &text, out)?;
        self.paste("repeat", Ok(&self.tally.repeat_command(group.case)), out)
    }

    /// Writes verdict, clause and statement; the level goes to the right, or on its own line.
    fn heading(&self, group: &Group<'_>, out: &mut dyn Write) -> io::Result<()> {
        let word = group.verdict.word();
        let id = visible(group.clause.as_str());
        let clause = self.contract.clause(group.clause);
        let statement = clause.map_or("(this contract has no such clause)".into(), |clause| {
            visible(&clause.statement)
        });
        let standing = clause.map(|clause| self.standing(clause)).unwrap_or_default();
        let label = format!("{word:<4}  {id}  ");
        let used = label.chars().count();
        let painted = format!(
            "{}  {id}  ",
            self.paint(color(group.verdict), &format!("{word:<4}"))
        );
        let free = self.style.width.saturating_sub(used);
        let whole = statement.chars().count() + 2 + standing.chars().count();
        if whole <= free {
            return writeln!(
                out,
                "{painted}{statement}  {}",
                self.paint(Color::Quiet, &standing)
            );
        }
        let mut lines = fold(&statement, free.max(20)).into_iter();
        writeln!(out, "{painted}{}", lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(out, "{}{line}", " ".repeat(used.min(16)))?;
        }
        if !standing.is_empty() {
            for line in fold(&standing, self.style.width.saturating_sub(INDENT.len())) {
                writeln!(out, "{INDENT}{}", self.paint(Color::Quiet, &line))?;
            }
        }
        Ok(())
    }

    fn standing(&self, clause: &Clause) -> String {
        let sources: Vec<String> = clause
            .sources
            .iter()
            .map(
                |key| match self.contract.sources.iter().find(|source| source.key == *key) {
                    Some(source) if self.style.verbose => format!("{key} ({})", source.title),
                    _ => key.clone(),
                },
            )
            .collect();
        let mut parts = vec![
            clause.level.word().to_owned(),
            clause.confidence.word().to_owned(),
        ];
        if !sources.is_empty() {
            parts.push(sources.join(", "));
        }
        visible(&parts.join(" · "))
    }

    fn row(&self, label: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
        let width = self.style.width.saturating_sub(INDENT.len() + 10);
        for (at, line) in fold(text, width).into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            writeln!(
                out,
                "{INDENT}{}{line}",
                self.paint(Color::Quiet, &format!("{label:<10}"))
            )?;
        }
        Ok(())
    }

    /// Writes a line to paste, unwrapped, or the reason why there is none.
    fn paste(&self, label: &str, line: Result<&str, &str>, out: &mut dyn Write) -> io::Result<()> {
        let label = self.paint(Color::Quiet, &format!("{label:<10}"));
        match line {
            Ok(line) => writeln!(out, "{INDENT}{label}{}", visible(line)),
            Err(why) if self.style.verbose => {
                writeln!(
                    out,
                    "{INDENT}{label}{}",
                    self.paint(Color::Quiet, &format!("none: {}", visible(why)))
                )
            }
            Err(_) => Ok(()),
        }
    }

    fn unsupported(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut reasons: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        for case in self.tally.cases() {
            if let Some(Outcome::Unsupported { reason }) = &case.outcome {
                reasons.entry(reason).or_default().push(case);
            }
        }
        let any = !reasons.is_empty();
        for (reason, cases) in reasons {
            let text = format!("{}: {}", plural(cases.len(), "case"), one_line(reason, 300));
            self.block(Color::Doubtful, "UNSUPPORTED", &text, out)?;
            let names = cases.iter().map(|case| case.name.as_ref());
            self.row("cases", &some_of(names, self.names(3), cases.len()), out)?;
        }
        if any { writeln!(out) } else { Ok(()) }
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
        for note in self.tally.notes() {
            let text = match note.case.as_str() {
                "" => one_line(&note.text, 500),
                case => format!("{}: {}", visible(case), one_line(&note.text, 500)),
            };
            self.block(Color::Doubtful, "NOTE", &text, out)?;
        }
        if self.tally.notes().is_empty() {
            Ok(())
        } else {
            writeln!(out)
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

    fn summary(&self, groups: &[Group<'_>], out: &mut dyn Write) -> io::Result<()> {
        let clauses = self.tally.clause_counts();
        let counts = self.tally.counts();
        let line = self.list([
            (Color::Good, clauses.held, "held"),
            (Color::Bad, clauses.failed, "failed"),
            (Color::Doubtful, clauses.inconclusive, "inconclusive"),
            (Color::Doubtful, clauses.warned, "warned"),
            (Color::Quiet, clauses.unreached, "not reached"),
            (Color::Quiet, clauses.untested, "untested"),
            (Color::Quiet, clauses.not_in_edition, "not in this edition"),
        ]);
        writeln!(out, "{}: {line}", plural(clauses.all, "clause"))?;

        let all = counts.cases.all() + counts.unsupported + counts.errors + counts.unfinished;
        let line = self.list([
            (Color::Good, counts.cases.pass, "passed"),
            (Color::Bad, counts.cases.fail, "failed"),
            (Color::Doubtful, counts.cases.inconclusive, "inconclusive"),
            (Color::Doubtful, counts.cases.warn, "warned"),
            (Color::Doubtful, counts.unsupported, "unsupported"),
            (Color::Bad, counts.errors, "errored"),
            (Color::Bad, counts.unfinished, "unfinished"),
            (Color::Bad, counts.not_begun, "not begun"),
            (Color::Quiet, counts.left_out, "left out"),
        ]);
        writeln!(out, "{}: {line}", plural(all, "case"))?;

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
                writeln!(
                    out,
                    "{requests}{took} to {} (edition {}, region {}, seed {})",
                    visible(&run.endpoint),
                    run.edition.name(),
                    visible(&run.region),
                    run.seed
                )?;
            }
        }
        self.cut_short(out)?;
        writeln!(out)?;
        self.sentence(groups, out)
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
    fn sentence(&self, groups: &[Group<'_>], out: &mut dyn Write) -> io::Result<()> {
        let code = self.tally.verdict_code(self.policy);
        let counts = self.tally.counts();
        let deciding = |verdict| verdict == Verdict::Fail || (self.policy.strict && verdict == Verdict::Warn);
        let (word, color, text) = match code {
            exit::FINDINGS => {
                let mut violated: Vec<&str> = groups
                    .iter()
                    .filter(|group| deciding(group.verdict))
                    .map(|group| group.clause.as_str())
                    .collect();
                violated.dedup();
                violated.sort_unstable();
                violated.dedup();
                let cases = self
                    .tally
                    .cases()
                    .filter(|case| case.findings.iter().any(|found| deciding(found.verdict)))
                    .count();
                let verb = if violated.len() == 1 { "is" } else { "are" };
                let text = format!(
                    "{} {verb} violated in {}.",
                    plural(violated.len(), "clause"),
                    plural(cases, "case")
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
        self.causes(deciding, out)
    }

    /// Writes where to start, if one wrong answer violates several clauses.
    fn causes(&self, deciding: impl Fn(Verdict) -> bool, out: &mut dyn Write) -> io::Result<()> {
        let causes = self.tally.causes(deciding);
        let clauses: usize = causes.iter().map(|cause| cause.clauses.len()).sum();
        if causes.len() == clauses {
            return Ok(());
        }
        match causes.len() {
            1 => writeln!(out, "\nOne step shows all of them:")?,
            steps => writeln!(out, "\n{steps} steps show all of them; after each, what it adds:")?,
        }
        for cause in causes.iter().take(CAUSES_SHOWN) {
            let clauses: Vec<&str> = cause.clauses.iter().map(ClauseId::as_str).collect();
            let (case, clauses) = (visible(&cause.case), clauses.join(" "));
            let text = format!("{case}, step {}: {clauses}", cause.step);
            let lines = fold(&text, self.style.width.saturating_sub(6));
            writeln!(out, "  {}", lines.join("\n      "))?;
        }
        if causes.len() > CAUSES_SHOWN {
            writeln!(out, "  … and {} more", causes.len() - CAUSES_SHOWN)?;
        }
        Ok(())
    }

    /// Formats the counts that are not zero.
    fn list(&self, items: impl IntoIterator<Item = (Color, usize, &'static str)>) -> String {
        let shown: Vec<String> = items
            .into_iter()
            .filter(|(_, count, _)| *count > 0)
            .map(|(color, count, word)| self.paint(color, &format!("{count} {word}")))
            .collect();
        if shown.is_empty() {
            "none".to_owned()
        } else {
            shown.join(" · ")
        }
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

fn color(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Pass => Color::Good,
        Verdict::Warn | Verdict::Inconclusive => Color::Doubtful,
        Verdict::Fail => Color::Bad,
    }
}

#[cfg(test)]
mod tests;
