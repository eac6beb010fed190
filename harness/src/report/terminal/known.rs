//! The known deviations of a run: how many there are, and the entries that are outdated.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::{Color, Page};
use crate::report::known::pack;
use crate::report::tally::{KnownReview, ReviewedEntry, Standing};
use crate::report::text::{cut, one_line, plural, visible};

/// How much of a reason is shown, in characters.
const REASON_SHOWN: usize = 300;

impl Page<'_> {
    /// Writes the entries that must be deleted, and then how many deviations are known.
    pub(super) fn known(&self, out: &mut dyn Write) -> io::Result<()> {
        self.outdated(out)?;
        let counts = self.tally.known_counts();
        let Some(review) = self.tally.known() else {
            return Ok(());
        };
        if counts.failures + counts.warnings == 0 {
            return Ok(());
        }
        let more = if self.style.verbose { "" } else { " -v lists them." };
        let text = format!(
            "{} and {} of {}, as the known deviations say.{more}",
            plural(counts.failures, "failure"),
            plural(counts.warnings, "warning"),
            plural(counts.clauses, "clause")
        );
        self.sentence_line(Color::Quiet, "KNOWN:", &text, out)?;
        if !self.style.verbose {
            return Ok(());
        }
        let deviating = |one: &&ReviewedEntry| one.standing == Standing::Deviates && !one.expired;
        for one in review.entries.iter().filter(deviating) {
            let entry = &one.entry;
            let link = entry.link.as_ref().map(|link| format!(" ({link})"));
            let text = format!(
                "{}, {}: {}{}",
                entry.target,
                plural(one.findings, "finding"),
                one_line(&entry.reason, REASON_SHOWN),
                link.unwrap_or_default()
            );
            self.block(Color::Quiet, "known", &visible(&text), out)?;
        }
        writeln!(out)
    }

    fn outdated(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut outdated = self
            .tally
            .known()
            .into_iter()
            .flat_map(KnownReview::outdated)
            .peekable();
        if outdated.peek().is_none() {
            return Ok(());
        }
        let mut packs = BTreeSet::new();
        let meaning = "entries of the known deviations that do not hold any more. Delete them:";
        self.sentence_line(Color::Bad, "OUTDATED:", meaning, out)?;
        for one in outdated {
            let entry = &one.entry;
            packs.extend(pack(&entry.file).map(|pack| pack.name));
            let why = match (&entry.expires, one.standing) {
                (Some(last), _) if one.expired => format!("expired after {last}"),
                (Some(_) | None, _) => "deviates no more, and was judged".to_owned(),
            };
            let word = if one.expired { "EXPIRED" } else { "GONE" };
            let text = format!("{}: {why}; {}: line {}", entry.target, entry.file, entry.line);
            self.block(Color::Bad, word, &visible(&text), out)?;
            for line in entry.to_toml().lines() {
                writeln!(out, "  {}", cut(&visible(line), self.style.width - 2))?;
            }
            writeln!(out)?;
        }
        for name in &packs {
            let text = format!(
                "{name} is part of stopcheck: stopcheck explain {name} > known.toml makes it a file of your own."
            );
            self.paragraph(&text, out)?;
        }
        match packs.is_empty() {
            true => Ok(()),
            false => writeln!(out),
        }
    }
}
