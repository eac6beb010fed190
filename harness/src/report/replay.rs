//! The terminal output of `stopcheck replay`: the list of findings, and one finding compared with its replay.
//!
//! ```text
//! FAIL  DRY-04  A dry run changes nothing: the instance stays running.
//!       MUST · documented+recorded · API, R14
//!       expected  a stays running
//!       then      stopping (at http://127.0.0.1:5000)
//!       now       stopping (at http://127.0.0.1:5001)
//!       case      dry-run/valid, step 1
//!       request   POST / Action=StopInstances&…
//!       answer    200 <StopInstancesResponse …
//!
//! STILL FAILING: it came 1 of 1 time at http://127.0.0.1:5001.
//! ```
//!
//! Text from an endpoint is escaped before it is shown.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::contract::{ClauseId, Contract};
use crate::journal::Finding;
use crate::report::export::Material;
use crate::report::repeat::{telling, text_of};
use crate::report::text::{fold, one_line, plural, visible};
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

/// The indentation of the text of a finding.
const INDENT: &str = "      ";

/// The length to which an answer is cut, in characters.
const ANSWER_SHOWN: usize = 300;

/// The outcome of replaying a finding.
#[derive(Debug)]
pub struct ReplayOutcome<'a> {
    /// The finding as it recurred, in the last attempt that showed it.
    pub now: Option<&'a Finding>,
    /// The exchanges and the endpoint of the attempt that is shown.
    pub attempt: &'a Material,
    /// Other findings of the same attempt.
    pub others: Vec<&'a Finding>,
    /// The conclusion: a few words and a sentence.
    pub conclusion: (&'a str, String),
}

/// A finding with its number.
type Numbered<'a> = (usize, &'a Finding);

/// Lists findings with their numbers, by verdict and clause, of each clause at most `few`.
pub fn list(
    findings: &[Numbered<'_>],
    few: Option<usize>,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut groups: BTreeMap<(Reverse<Verdict>, &ClauseId), Vec<Numbered<'_>>> = BTreeMap::new();
    for (number, finding) in findings {
        let group = groups.entry((Reverse(finding.verdict), &finding.clause));
        group.or_default().push((*number, finding));
    }
    for ((Reverse(verdict), clause), group) in groups {
        let clause = visible(clause.as_str());
        writeln!(
            out,
            "{}  {clause}  {}",
            verdict.word(),
            plural(group.len(), "finding")
        )?;
        let shown = few.unwrap_or(usize::MAX);
        for (number, finding) in group.iter().take(shown) {
            let head = format!("{number:>6}  {}  ", visible(&finding.id()));
            let free = width.saturating_sub(head.chars().count()).max(20);
            let observed = English.all_observed(&finding.observed);
            writeln!(out, "{head}{}", one_line(&observed, free))?;
        }
        if group.len() > shown {
            writeln!(
                out,
                "        … and {} more: --clause {clause}",
                group.len() - shown
            )?;
        }
    }
    writeln!(out, "{}", plural(findings.len(), "finding"))
}

/// Writes the recorded finding, the finding of the replay, and the conclusion.
pub fn write(
    then: &Material,
    outcome: &ReplayOutcome<'_>,
    contract: &Contract,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let finding = &then.finding;
    let row = |label: &str, text: &str, out: &mut dyn Write| -> io::Result<()> {
        let mut label = label;
        for line in fold(text, width.saturating_sub(INDENT.len() + 10).max(20)) {
            writeln!(out, "{INDENT}{label:<10}{line}")?;
            label = "";
        }
        Ok(())
    };
    let clause = contract.clause(&finding.clause);
    let statement = clause.map_or("(this contract has no such clause)", |clause| {
        clause.statement.as_str()
    });
    let mut label = format!(
        "{:<4}  {}  ",
        finding.verdict.word(),
        visible(finding.clause.as_str())
    );
    let used = label.chars().count();
    for line in fold(&visible(statement), width.saturating_sub(used).max(20)) {
        writeln!(out, "{label}{line}")?;
        label = " ".repeat(used);
    }
    if let Some(clause) = clause {
        let standing = [
            clause.level.word(),
            clause.confidence.word(),
            &clause.sources.join(", "),
        ]
        .join(" · ");
        for line in fold(&visible(&standing), width.saturating_sub(INDENT.len()).max(20)) {
            writeln!(out, "{INDENT}{line}")?;
        }
    }
    let asked = outcome.attempt;
    row(
        "expected",
        &visible(&English.all_expected(&finding.expected)),
        out,
    )?;
    let then_there = format!(
        "{} (at {})",
        English.all_observed(&finding.observed),
        then.run.endpoint
    );
    row("then", &visible(&then_there), out)?;
    let now = match outcome.now {
        Some(now) => English.all_observed(&now.observed),
        None => "no such finding".to_owned(),
    };
    row(
        "now",
        &visible(&format!("{now} (at {})", asked.run.endpoint)),
        out,
    )?;
    let place = format!("{}, step {}", then.case.name, finding.step);
    row("case", &visible(&place), out)?;
    let step = outcome.now.unwrap_or(finding).step;
    if let Some(sent) = telling(&asked.sent, step) {
        let body = text_of(&sent.body).unwrap_or("(a body that is not UTF-8)");
        let request = [sent.method.as_str(), &sent.target, body].join(" ");
        let answer = match &sent.answer {
            Ok(status) => format!("{status} {}", sent.answer_head),
            Err(why) => format!("none: could not {why}"),
        };
        row("request", &one_line(&request, 4 * ANSWER_SHOWN), out)?;
        row("answer", &one_line(&answer, ANSWER_SHOWN), out)?;
    }
    for other in &outcome.others {
        let observed = English.all_observed(&other.observed);
        let text = format!("{} {}: {observed}", other.verdict.word(), other.id());
        row("also", &one_line(&text, ANSWER_SHOWN), out)?;
    }
    let (words, sentence) = &outcome.conclusion;
    writeln!(out, "\n{words}: {}", visible(sentence))
}
