//! Writes changes as a Markdown changelog for the maintainer of an endpoint, grouped by effect on the contract.
//!
//! ````text
//! ## Against the goldens of moto-4.0.6 (2026-11-28)
//!
//! 84 of 98 named cases are answered otherwise, for 29 causes.
//!
//! ### Fixed
//!
//! - **STT-13** The previous state is the state before the call. In 54 steps of 20 cases, for instance `stop/stopped`
//!   (step 2: call):
//!
//!   ```diff
//!   -<previousState><code>16</code><name>running</name></previousState>
//!   +<previousState><code>80</code><name>stopped</name></previousState>
//!   ```
//! ````

use std::io::{self, Write};

use super::causes::{ChangeGroup, ContractEffect};
use super::review::Review;
use crate::contract::Contract;

/// How many lines of one cause are shown.
const LINES_SHOWN: usize = 24;
/// How many clauses are shown with their statements.
const CLAUSES_SHOWN: usize = 6;

/// Writes the changes.
pub fn write(review: &Review, contract: &Contract, day: &str, out: &mut dyn Write) -> io::Result<()> {
    let causes = review.causes();
    writeln!(out, "## Against the goldens of {} ({day})\n", review.set)?;
    let compared = review.compared();
    match review.changed.len() {
        0 => writeln!(out, "All {compared} named cases are answered as they were.")?,
        changed => writeln!(
            out,
            "{changed} of {compared} named cases are answered otherwise, for {} {}.",
            causes.len(),
            if causes.len() == 1 { "cause" } else { "causes" },
        )?,
    }
    for (turn, title) in [
        (ContractEffect::Fixed, "Fixed"),
        (ContractEffect::Broken, "Newly violated"),
        (ContractEffect::Mixed, "Fixed, with other clauses newly violated"),
        (
            ContractEffect::Neither,
            "Changed, and the contract says nothing else of it than before",
        ),
    ] {
        let mut here = causes.iter().filter(|cause| cause.turn == turn).peekable();
        if here.peek().is_none() {
            continue;
        }
        writeln!(out, "\n### {title}")?;
        for cause in here {
            writeln!(out)?;
            entry(cause, contract, out)?;
        }
    }
    names("Without a golden", &review.fresh, out)?;
    names("Goldens of no case", &review.orphans, out)
}

fn entry(cause: &ChangeGroup<'_>, contract: &Contract, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "- ")?;
    if cause.turn != ContractEffect::Neither {
        for clause in cause.clauses.iter().take(CLAUSES_SHOWN) {
            let statement = contract
                .clause(clause)
                .map_or("", |clause| clause.statement.as_str());
            writeln!(out, "**{clause}** {statement}")?;
            write!(out, "  ")?;
        }
        if cause.clauses.len() > CLAUSES_SHOWN {
            writeln!(out, "… and {} more clauses.", cause.clauses.len() - CLAUSES_SHOWN)?;
            write!(out, "  ")?;
        }
    }
    let count = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    let where_first = match cause.place.heading.as_str() {
        "" => "before the first step",
        heading => heading,
    };
    writeln!(
        out,
        "In {} of {}, for instance `{}` ({}):\n",
        count(cause.places, "step"),
        count(cause.cases.len(), "case"),
        cause.case,
        // This is the only text here that may contain an id.
        where_first.replace(['<', '>'], ""),
    )?;
    writeln!(out, "  ```diff")?;
    let diff = cause.diff();
    let lines: Vec<&str> = diff.lines().collect();
    for line in lines.iter().take(LINES_SHOWN) {
        writeln!(out, "  {line}")?;
    }
    if lines.len() > LINES_SHOWN {
        writeln!(out, "  @@ {} more lines @@", lines.len() - LINES_SHOWN)?;
    }
    writeln!(out, "  ```")
}

fn names(title: &str, names: &[String], out: &mut dyn Write) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n### {title}\n")?;
    for name in names {
        writeln!(out, "- `{}`", name.replace('`', "'"))?;
    }
    Ok(())
}
