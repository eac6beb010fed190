//! One cause on the page: a few lines, or everything.

use std::io::{self, Write};

use super::{Color, Layout, Page, color};
use crate::contract::Clause;
use crate::report::facts;
use crate::report::repeat::Commands;
use crate::report::tally::{Cause, Consequence, Found, Group};
use crate::report::text::{cut, fold, one_line, plural, some_of, visible, with_short_ids};
use crate::verdict::Verdict;

/// The indentation of the lines of a finding.
const INDENT: &str = "  ";

/// The width of a label.
const LABEL: usize = 10;

/// The most lines of a finding, without its consequences.
const LINES: usize = 6;

/// How many consequences are listed; the others are counted.
const CONSEQUENCES_SHOWN: usize = 6;

/// The length to which an answer is cut, in characters.
const ANSWER_SHOWN: usize = 300;

impl Page<'_> {
    /// Writes a cause, in a roomy layout followed by an empty line.
    pub(super) fn finding(&self, cause: &Cause<'_>, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
        if self.style.verbose {
            for group in &cause.groups {
                self.in_full(group, out)?;
            }
        } else if let Some(group) = cause.groups.first() {
            self.in_short(cause, group, layout, out)?;
        }
        self.consequences(cause, out)?;
        match layout.roomy {
            true => writeln!(out),
            false => Ok(()),
        }
    }

    fn in_short(
        &self,
        cause: &Cause<'_>,
        group: &Group<'_>,
        layout: Layout,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (statement, most) = if layout.roomy { (2, LINES) } else { (1, LINES - 1) };
        let statement = self.heading(group, "", statement, out)?;
        if let Some(clause) = self.contract.clause(group.clause) {
            writeln!(out, "{}", self.source(clause))?;
        }
        let expected = self.tally.expected_text(group.first);
        self.short_row("expected", &expected, "", 1, out)?;
        // Source, expected and the command take one line each.
        let lines = most - 3 - statement;
        let observed = self.tally.observed_text(group.first);
        let timeline = self.timeline(group.first);
        let lines = if timeline.is_empty() { lines } else { 1 };
        self.short_row("observed", &observed, &self.extent(cause), lines, out)?;
        self.lines("timeline", &timeline, out)?;
        self.paste("repeat", Ok(&self.tally.repeat_command(group.case)), out)
    }

    /// Writes a cause in two lines, with further ones for overlapping calls and for the ids of its consequences.
    pub(super) fn in_two_lines(&self, cause: &Cause<'_>, out: &mut dyn Write) -> io::Result<()> {
        let Some(group) = cause.groups.first() else {
            return Ok(());
        };
        self.heading(group, self.why(cause), 1, out)?;
        let observed = self.tally.observed_text(group.first);
        self.short_row("observed", &observed, &self.extent(cause), 1, out)?;
        self.lines("timeline", &self.timeline(group.first), out)?;
        let ids = cause.consequences.iter().map(|one| one.clause.as_str());
        match cause.consequences.is_empty() {
            true => Ok(()),
            false => self.short_row("explains", &ids.collect::<Vec<_>>().join(" "), "", 1, out),
        }
    }

    /// Writes a cause in one line, with the ids of its consequences.
    pub(super) fn in_one_line(&self, cause: &Cause<'_>, out: &mut dyn Write) -> io::Result<()> {
        let Some(group) = cause.groups.first() else {
            return Ok(());
        };
        let mut parts = vec![self.why(cause).to_owned(), plural(cause.cases().len(), "case")];
        if !cause.consequences.is_empty() {
            let ids = cause.consequences.iter().map(|one| one.clause.as_str());
            parts.push(format!("explains {}", some_of(ids, 2, cause.consequences.len())));
        }
        parts.retain(|part| !part.is_empty());
        self.heading(group, &parts.join(", "), 1, out).map(drop)
    }

    /// Why a warning is no failure.
    fn why(&self, cause: &Cause<'_>) -> &'static str {
        match cause.verdict {
            Verdict::Warn => self
                .contract
                .clause(cause.clause)
                .map_or("", facts::why_it_only_warns),
            Verdict::Pass | Verdict::Inconclusive | Verdict::Fail => "",
        }
    }

    /// Writes verdict, clause and statement on at most `lines` lines, and returns their number.
    fn heading(&self, group: &Group<'_>, why: &str, lines: usize, out: &mut dyn Write) -> io::Result<usize> {
        let word = group.verdict.word();
        let start = format!("{word:<4}  {}  ", visible(group.clause.as_str()));
        let clause = self.contract.clause(group.clause);
        let mut statement = clause.map_or("(this contract has no such clause)".into(), |clause| {
            visible(&clause.statement)
        });
        let why = match why {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        let used = start.chars().count();
        let free = self
            .style
            .width
            .saturating_sub(used + why.chars().count())
            .max(20);
        if lines == 1 {
            statement = cut(&statement, free);
        }
        let folded = folded(
            &(statement + &why),
            self.style.width.saturating_sub(used).max(20),
            lines,
        );
        let rest = start.strip_prefix(word).unwrap_or_default();
        for (at, line) in folded.iter().enumerate() {
            match at {
                0 => writeln!(out, "{}{rest}{line}", self.paint(color(group.verdict), word))?,
                _ => writeln!(out, "{}{line}", " ".repeat(used))?,
            }
        }
        Ok(folded.len())
    }

    /// The line with the address of a source: the first address that fits.
    fn source(&self, clause: &Clause) -> String {
        let label = |text: &str| format!("{INDENT}{}{text}", self.label("source"));
        let free = self.style.width - INDENT.len();
        let links: Vec<(&String, String)> = clause
            .sources
            .iter()
            .filter_map(|text| Some((text, visible(&self.contract.url(text)?))))
            .collect();
        // A citation of a thread is its address.
        let named = links.iter().filter_map(|(text, url)| {
            let source = self.contract.source(text)?;
            Some(format!("{} {url}", visible(&source.key)))
        });
        let fits = |text: &String| text.chars().count() + LABEL <= free;
        let urls = || links.iter().map(|(_, url)| url.clone());
        if let Some(line) = named.chain(urls()).find(fits) {
            return label(&line);
        }
        if let Some(url) = urls().find(|url| url.chars().count() <= free) {
            return format!("{INDENT}{url}");
        }
        let keys = some_of(clause.sources.iter().map(String::as_str), 2, clause.sources.len());
        let text = match links.is_empty() {
            true => keys,
            false => format!("{keys}; stopcheck explain {} shows the links", clause.id),
        };
        label(&cut(&visible(&text), free - LABEL))
    }

    /// The overlapping calls that a finding shows, one line each, in an ASCII timeline.
    fn timeline(&self, found: &Found) -> Vec<String> {
        let lines = facts::timeline(found).into_iter();
        lines
            .map(|line| {
                cut(
                    &with_short_ids(&visible(&line)),
                    self.style.width - INDENT.len() - LABEL,
                )
            })
            .collect()
    }

    /// Where a cause was seen.
    fn extent(&self, cause: &Cause<'_>) -> String {
        format!(" ({})", facts::extent(cause, self.tally))
    }

    /// Writes what follows from a cause, one line for each clause.
    fn consequences(&self, cause: &Cause<'_>, out: &mut dyn Write) -> io::Result<()> {
        let shown = if self.style.verbose {
            usize::MAX
        } else {
            CONSEQUENCES_SHOWN
        };
        for one in cause.consequences.iter().take(shown) {
            self.consequence(one, out)?;
        }
        match cause.consequences.len().checked_sub(shown) {
            None | Some(0) => Ok(()),
            Some(more) => self.short_row("", &format!("and {} more", plural(more, "clause")), "", 1, out),
        }
    }

    fn consequence(&self, one: &Consequence<'_>, out: &mut dyn Write) -> io::Result<()> {
        let statement = self
            .contract
            .clause(one.clause)
            .map(|clause| clause.statement.as_str());
        let text = format!(
            "{} in {}, step {}: {}",
            one.clause,
            one.case.name,
            one.first.step,
            statement.unwrap_or_default()
        );
        self.short_row("explains", &text, "", 1, out)
    }

    /// Writes a group of findings with everything that is known of it.
    fn in_full(&self, group: &Group<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.heading(group, "", usize::MAX, out)?;
        if let Some(clause) = self.contract.clause(group.clause) {
            self.row("source", &self.standing(clause), out)?;
        }
        self.row("expected", &visible(&self.tally.expected_text(group.first)), out)?;
        self.row("observed", &visible(&self.tally.observed_text(group.first)), out)?;
        self.lines("timeline", &self.timeline(group.first), out)?;
        let place = format!("{}, step {}", visible(&group.case.name), group.first.step);
        self.row("case", &format!("{place}{}", self.seen(group.first)), out)?;
        let others = group
            .cases
            .iter()
            .copied()
            .filter(|name| **name != *group.case.name);
        if group.cases.len() > 1 {
            self.row(
                "also in",
                &some_of(others, usize::MAX, group.cases.len() - 1),
                out,
            )?;
        }
        self.row("purpose", &visible(&group.case.purpose), out)?;
        let Some(evidence) = &group.first.evidence else {
            return self.paste("repeat", Ok(&self.tally.repeat_command(group.case)), out);
        };
        if !evidence.request.is_empty() {
            self.row("request", &one_line(&evidence.request, 4 * ANSWER_SHOWN), out)?;
            self.row("answer", &one_line(&evidence.answer, ANSWER_SHOWN), out)?;
        }
        self.paste("repeat", Ok(&evidence.repeat.run), out)?;
        let line =
            |commands: &Result<_, String>| commands.as_ref().map(Commands::line).map_err(String::clone);
        self.paste(
            "curl",
            line(&evidence.repeat.curl).as_deref().map_err(String::as_str),
            out,
        )?;
        self.paste(
            "aws",
            line(&evidence.repeat.aws).as_deref().map_err(String::as_str),
            out,
        )
    }

    fn seen(&self, found: &Found) -> String {
        if let Some((times, of)) = found.plays {
            return format!("; seen in {times} of {of} plays");
        }
        match found.seen {
            0 => String::new(),
            seen if found.id.starts_with("traffic/") => format!("; seen in {seen} exchanges"),
            seen => format!(
                "; seen in {seen} of {} random scripts",
                self.tally.counts().scripts
            ),
        }
    }

    /// Level, confidence and titles of the sources of a clause.
    fn standing(&self, clause: &Clause) -> String {
        let mut parts = vec![
            clause.level.word().to_owned(),
            clause.confidence.word().to_owned(),
        ];
        let sources = clause.sources.iter().map(|text| {
            let title = self
                .contract
                .source(text)
                .map(|source| format!(" ({})", source.title));
            format!("{text}{}", title.unwrap_or_default())
        });
        let sources: Vec<String> = sources.collect();
        if !sources.is_empty() {
            parts.push(sources.join(", "));
        }
        visible(&parts.join(" · "))
    }

    /// Writes a labelled text, wrapped.
    pub(super) fn row(&self, label: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
        let lines = fold(text, self.style.width - INDENT.len() - LABEL);
        self.lines(label, &lines, out)
    }

    /// Writes a labelled text on at most `lines` lines, with `end` at its end whatever is cut.
    fn short_row(
        &self,
        label: &str,
        text: &str,
        end: &str,
        lines: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let width = self.style.width - INDENT.len() - LABEL;
        let text = one_line(&with_short_ids(text), lines * width);
        let mut folded = folded(&text, width, lines);
        if let Some(last) = folded.last_mut() {
            *last = cut(last, width.saturating_sub(end.chars().count())) + end;
        }
        self.lines(label, &folded, out)
    }

    fn lines(&self, label: &str, lines: &[String], out: &mut dyn Write) -> io::Result<()> {
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            writeln!(out, "{INDENT}{}{line}", self.label(label))?;
        }
        Ok(())
    }

    fn label(&self, label: &str) -> String {
        self.paint(Color::Quiet, &format!("{label:<LABEL$}"))
    }

    /// Writes a line to paste, unwrapped, or the reason why there is none.
    fn paste(&self, label: &str, line: Result<&str, &str>, out: &mut dyn Write) -> io::Result<()> {
        match line {
            Ok(line) => writeln!(out, "{INDENT}{}{}", self.label(label), visible(line)),
            Err(why) => self.row(label, &format!("none: {}", visible(why)), out),
        }
    }
}

/// Wraps a text into at most `lines` lines; the last is cut if there would be more.
fn folded(text: &str, width: usize, lines: usize) -> Vec<String> {
    let mut folded = fold(text, width);
    if folded.len() > lines {
        let rest = folded.split_off(lines - 1).join(" ");
        folded.push(cut(&rest, width));
    }
    folded
}
