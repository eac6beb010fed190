//! Prints a review to the terminal.
//!
//! ```text
//! CHANGED: 12 of 98 goldens are not as reviewed (set moto-5.2.5), for 2 causes.
//!
//! 1. NEWLY VIOLATED: RSP-17, STT-05, in 10 goldens, 14 steps
//!      stop/stopped, step 2: call
//!         <instanceId><instance:1></instanceId>
//!      -  <previousState><code>80</code><name>stopped</name></previousState>
//!      +  <previousState><code>16</code><name>running</name></previousState>
//!      in batch/at-once, batch/three-of-mixed-states (+8 more)
//! ```

use std::io::{self, Write};

use super::causes::{ChangeGroup, ContractEffect};
use super::review::Review;
use super::transcript::plain;
use crate::diff::Changed;

/// How a review is printed.
#[derive(Debug, Clone, Copy)]
pub struct ReviewStyle {
    /// Whether to use colours.
    pub color: bool,
    /// Whether to show everything.
    pub verbose: bool,
}

/// How many causes are shown in full; the others are counted.
const CAUSES_SHOWN: usize = 12;
/// How many lines of one cause are shown; the others are counted.
const LINES_SHOWN: usize = 10;
/// How many names of a list are shown.
const NAMES_SHOWN: usize = 5;
/// How many characters of a line are shown.
const WIDTH_SHOWN: usize = 240;

/// Writes the review.
pub fn write(review: &Review, look: ReviewStyle, out: &mut dyn Write) -> io::Result<()> {
    let page = Page { review, look };
    page.changes(out)?;
    page.rest(out)
}

struct Page<'r> {
    review: &'r Review,
    look: ReviewStyle,
}

impl Page<'_> {
    fn changes(&self, out: &mut dyn Write) -> io::Result<()> {
        let Review { set, changed, .. } = self.review;
        let compared = self.review.compared();
        if changed.is_empty() {
            if compared > 0 {
                writeln!(out, "{} as reviewed (set {set}).", plural(compared, "golden"))?;
            }
            return Ok(());
        }
        let causes = self.review.causes();
        writeln!(
            out,
            "{}: {} of {} {} not as reviewed (set {set}), for {}.",
            self.paint("1;31", "CHANGED"),
            changed.len(),
            plural(compared, "golden"),
            if changed.len() == 1 { "is" } else { "are" },
            plural(causes.len(), "cause"),
        )?;
        let shown = if self.look.verbose {
            usize::MAX
        } else {
            CAUSES_SHOWN
        };
        for (at, cause) in causes.iter().take(shown).enumerate() {
            writeln!(out)?;
            self.cause(at + 1, cause, out)?;
        }
        if causes.len() > shown {
            writeln!(
                out,
                "\n… and {} more; --verbose shows them",
                plural(causes.len() - shown, "cause")
            )?;
        }
        writeln!(out)
    }

    fn cause(&self, number: usize, cause: &ChangeGroup<'_>, out: &mut dyn Write) -> io::Result<()> {
        let clauses: Vec<&str> = cause.clauses.iter().map(|clause| clause.as_str()).collect();
        let clauses = match cause.turn {
            ContractEffect::Neither => self.some_of(&clauses),
            ContractEffect::Broken | ContractEffect::Mixed | ContractEffect::Fixed => clauses.join(", "),
        };
        let turn = match (cause.turn, clauses.as_str()) {
            (ContractEffect::Broken, clauses) => {
                format!("{}: {clauses}", self.paint("1;31", "NEWLY VIOLATED"))
            }
            (ContractEffect::Fixed, clauses) => format!("{}: {clauses}", self.paint("32", "FIXED")),
            (ContractEffect::Mixed, clauses) => {
                format!("{}: {clauses}", self.paint("33", "FIXED AND NEWLY VIOLATED"))
            }
            (ContractEffect::Neither, "") => self.paint("33", "DIFFERENT"),
            (ContractEffect::Neither, clauses) => format!(
                "{}, where these are looked at: {clauses}",
                self.paint("33", "DIFFERENT")
            ),
        };
        let goldens = plural(cause.cases.len(), "golden");
        let places = if cause.places > cause.cases.len() {
            format!(", {}", plural(cause.places, "step"))
        } else {
            String::new()
        };
        writeln!(out, "{number}. {turn}, in {goldens}{places}")?;
        let heading = match cause.place.heading.as_str() {
            "" => "before the first step",
            heading => heading,
        };
        writeln!(out, "     {}, {heading}", cause.case)?;
        let [part] = cause.parts.as_slice() else {
            return self.parts(cause, out);
        };
        // If only a part of a hunk is shown, the lines before the hunk may not be the lines before the part.
        if part.len() == cause.place.hunk.lines.len() {
            for line in &cause.place.hunk.before {
                writeln!(out, "     {}", self.paint("2", &format!("   {}", cut(line))))?;
            }
        }
        self.parts(cause, out)
    }

    fn parts(&self, cause: &ChangeGroup<'_>, out: &mut dyn Write) -> io::Result<()> {
        let shown = if self.look.verbose {
            usize::MAX
        } else {
            LINES_SHOWN
        };
        let lines: usize = cause.parts.iter().map(Vec::len).sum();
        for line in cause.parts.iter().flatten().take(shown) {
            writeln!(out, "     {}", self.line(line))?;
        }
        if lines > shown {
            writeln!(out, "     … {} more lines", lines - shown)?;
        }
        if cause.cases.len() > 1 {
            writeln!(out, "     in {}", self.some_of(&cause.cases))?;
        }
        Ok(())
    }

    /// A removed or added line; the words that differ are marked.
    fn line(&self, line: &Changed) -> String {
        let (mark, color, strong) = if line.came {
            ("+", "32", "1;32")
        } else {
            ("-", "31", "1;31")
        };
        if !self.look.color {
            return format!("{mark}  {}", cut(&line.text()));
        }
        let pieces: String = line
            .pieces
            .iter()
            .map(|(marked, text)| self.paint(if *marked { strong } else { color }, text))
            .collect();
        format!("{}{pieces}", self.paint(color, &format!("{mark}  ")))
    }

    fn rest(&self, out: &mut dyn Write) -> io::Result<()> {
        let review = self.review;
        if !review.fresh.is_empty() {
            let names = self.some_of(&review.fresh);
            let cases = plural(review.fresh.len(), "case");
            let verb = if review.fresh.len() == 1 { "has" } else { "have" };
            writeln!(out, "{cases} {verb} no golden in the set {}: {names}", review.set)?;
        }
        if !review.uncompared.is_empty() {
            let names: Vec<&str> = review.uncompared.iter().map(|(case, _)| case.as_str()).collect();
            let cases = plural(names.len(), "case");
            writeln!(
                out,
                "{cases} cut short and not compared: {}",
                self.some_of(&names)
            )?;
        }
        if !review.orphans.is_empty() {
            let goldens = plural(review.orphans.len(), "golden");
            let verb = if review.orphans.len() == 1 {
                "belongs"
            } else {
                "belong"
            };
            let names = self.some_of(&review.orphans);
            writeln!(
                out,
                "{goldens} of the set {} {verb} to no case: {names}",
                review.set
            )?;
        }
        if review.held_back > 0 {
            let recordings = plural(review.held_back, "recording");
            writeln!(
                out,
                "{recordings} not written: in continuous integration (CI is set) nothing is."
            )?;
        }
        if !review.pending.is_empty() {
            let recordings = plural(review.pending.len(), "recording");
            let verb = if review.pending.len() == 1 {
                "waits"
            } else {
                "wait"
            };
            writeln!(
                out,
                "{recordings} {verb} to be reviewed ({} new): cargo insta review, accept or reject",
                review.written
            )?;
        } else if review.has_changes() && review.held_back == 0 {
            writeln!(
                out,
                "To review them, run it again with --golden record, then: cargo insta review"
            )?;
        }
        Ok(())
    }

    fn some_of(&self, names: &[impl AsRef<str>]) -> String {
        let shown = if self.look.verbose {
            usize::MAX
        } else {
            NAMES_SHOWN
        };
        // A file name may contain any character.
        let first = names.iter().take(shown).map(|name| plain(name.as_ref()));
        let first: Vec<String> = first.collect();
        match names.len() - first.len() {
            0 => first.join(", "),
            more => format!("{} (+{more} more)", first.join(", ")),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.look.color && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ClauseId;
    use crate::diff;
    use crate::golden::review::{Change, DiffPlace};

    const PLAIN: ReviewStyle = ReviewStyle {
        color: false,
        verbose: false,
    };

    fn told(review: &Review, look: ReviewStyle) -> String {
        let mut out = Vec::new();
        write(review, look, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("it is text")
    }

    fn changed() -> Review {
        let (old, new) = (
            "<a>\n  <state>stopped</state>\n",
            "<a>\n  <state>running</state>\n",
        );
        let change = |case: &str| Change {
            case: case.to_owned(),
            places: diff::hunks(old, new, 2)
                .into_iter()
                .map(|hunk| DiffPlace {
                    step: 2,
                    heading: "step 2: call".to_owned(),
                    hunk,
                })
                .collect(),
            broken: vec![(2, ClauseId::from("STT-05"))],
            fixed: Vec::new(),
            touched: Vec::new(),
        };
        Review {
            set: "mine".to_owned(),
            same: 3,
            changed: vec![change("stop/stopped"), change("batch/two")],
            fresh: vec!["new/case".to_owned()],
            orphans: vec!["gone/\u{1b}[2Jcase".to_owned()],
            uncompared: vec![("stop/cut-short".to_owned(), "could not connect".to_owned())],
            ..Review::default()
        }
    }

    #[test]
    fn changes_are_told_by_cause_and_then_what_else_there_is() {
        insta::assert_snapshot!(told(&changed(), PLAIN), @r"
        CHANGED: 2 of 5 goldens are not as reviewed (set mine), for 1 cause.

        1. NEWLY VIOLATED: STT-05, in 2 goldens
             stop/stopped, step 2: call
                <a>
             -    <state>stopped</state>
             +    <state>running</state>
             in batch/two, stop/stopped

        1 case has no golden in the set mine: new/case
        1 case cut short and not compared: stop/cut-short
        1 golden of the set mine belongs to no case: gone/\u{1b}[2Jcase
        To review them, run it again with --golden record, then: cargo insta review
        ");
    }

    #[test]
    fn nothing_is_told_of_nothing_and_one_line_when_all_is_well() {
        assert_eq!(told(&Review::default(), PLAIN), "");
        let review = Review {
            set: "mine".to_owned(),
            same: 2,
            ..Review::default()
        };
        assert_eq!(told(&review, PLAIN), "2 goldens as reviewed (set mine).\n");
    }

    #[test]
    fn with_colours_the_words_that_differ_are_marked() {
        let coloured = told(&changed(), ReviewStyle { color: true, ..PLAIN });
        assert!(coloured.contains("\x1b[1;31mstopped\x1b[0m"), "{coloured:?}");
        assert!(coloured.contains("\x1b[1;32mrunning\x1b[0m"), "{coloured:?}");
    }
}
