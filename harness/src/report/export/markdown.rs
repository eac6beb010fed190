//! Exports a finding as the text of an issue: what the contract promises and its sources, what was observed, and how to
//! reproduce it.
//!
//! ````markdown
//! # DRY-04: A dry run changes nothing: the instance stays running.
//!
//! | | |
//! |---|---|
//! | Contract | MUST, documented+recorded |
//! | Allowed | a stays running |
//! | Observed | stopping |
//! | Endpoint | `http://127.0.0.1:5000` |
//!
//! Sources:
//! - API: Amazon EC2 API Reference, StopInstances
//!
//! ## Steps
//!
//! Instances: `a` (running, on demand, EBS root).
//!
//! 1. `StopInstances` …
//!
//! ## The exchange in step 1
//!
//! ```text
//! POST / Action=StopInstances&…
//! 200 <StopInstancesResponse …
//! ```
//!
//! ## See it again
//!
//! ```sh
//! stopcheck replay run.ndjson#dry-run/valid#1/DRY-04 --endpoint-url http://127.0.0.1:5000
//! ```
//! ````

use std::fmt::Write as _;

use super::Material;
use crate::contract::{Act, Contract};
use crate::report::list::{kind_in_words, step_in_words};
use crate::report::markup::{block, code, plain};
use crate::report::repeat::{Sent, repeat, telling, text_of};
use crate::report::text::{one_line, visible};

/// The length to which a request or an answer is cut, in characters.
const SHOWN: usize = 2000;

/// The text of the issue.
pub(super) fn export(material: &Material, contract: &Contract) -> String {
    let mut out = String::new();
    let _ = head(material, contract, &mut out);
    let _ = steps(material, &mut out);
    if let Some(sent) = telling(&material.sent, material.finding.step) {
        exchange(sent, material.finding.step, &mut out);
    }
    again(material, &mut out);
    out
}

fn head(material: &Material, contract: &Contract, out: &mut String) -> std::fmt::Result {
    let finding = &material.finding;
    let clause = contract.clause(&finding.clause);
    let statement = clause.map_or("", |clause| clause.statement.as_str());
    writeln!(out, "# {}: {}\n", finding.clause, plain(statement))?;
    writeln!(out, "| | |\n|---|---|")?;
    if let Some(clause) = clause {
        let standing = format!("{}, {}", clause.level.word(), clause.confidence.word());
        writeln!(out, "| Contract | {standing}, {} |", plain(&clause.range))?;
    }
    writeln!(out, "| Allowed | {} |", plain(&material.expected_text()))?;
    writeln!(out, "| Observed | {} |", plain(&material.observed_text()))?;
    writeln!(out, "| Endpoint | {} |", code(&material.run.endpoint))?;
    writeln!(
        out,
        "| Judged by | stopcheck {} |",
        plain(&material.run.stopcheck)
    )?;
    let Some(clause) = clause else { return Ok(()) };
    if !clause.sources.is_empty() {
        writeln!(out, "\nSources:\n")?;
        for text in &clause.sources {
            let title = contract.source(text).map(|source| source.title.as_str());
            let title = title.map_or(String::new(), |title| format!(": {}", plain(title)));
            writeln!(out, "- {}{title}", plain(text))?;
        }
    }
    if let Some(note) = &clause.note {
        writeln!(out, "\n{}", plain(note))?;
    }
    Ok(())
}

/// Writes the steps up to the one that shows the finding.
fn steps(material: &Material, out: &mut String) -> std::fmt::Result {
    let case = &material.case;
    writeln!(out, "\n## Steps\n")?;
    if !case.fixtures.is_empty() {
        let fixtures: Vec<String> = case
            .fixtures
            .iter()
            .map(|(name, kind)| format!("{} ({})", code(name), kind_in_words(kind)))
            .collect();
        writeln!(out, "Instances: {}.\n", fixtures.join(", "))?;
    }
    let last = material.finding.step;
    for (number, step) in (1..=last).zip(&case.steps) {
        let here = if number == last { " **← here**" } else { "" };
        writeln!(out, "{number}. {}{here}", code(&step_in_words(step)))?;
    }
    // The description at the end of a case is not in `steps`.
    if last > case.steps.len() {
        writeln!(
            out,
            "{last}. {} **← here**",
            code(&step_in_words(&Act::Observe.into()))
        )?;
    }
    Ok(())
}

fn exchange(sent: &Sent, step: usize, out: &mut String) {
    let body = text_of(&sent.body).unwrap_or("(a body that is not UTF-8)");
    let request = [sent.method.as_str(), &sent.target, body].join(" ");
    let answer = match &sent.answer {
        Ok(status) => format!("{status} {}", sent.answer_head),
        Err(why) => format!("no answer: could not {why}"),
    };
    let text = format!("{}\n{}", one_line(&request, SHOWN), one_line(&answer, SHOWN));
    let _ = writeln!(out, "\n## The exchange in step {step}\n");
    block("text", &text, out);
}

fn again(material: &Material, out: &mut String) {
    let _ = writeln!(out, "\n## See it again\n");
    block("sh", &visible(&material.command()), out);
    let repeat = repeat(&material.story(), material.finding.step);
    for (tool, commands) in [("curl", repeat.curl), ("the aws command", repeat.aws)] {
        match commands {
            Ok(commands) => {
                let _ = writeln!(out, "\nWith {tool}:\n");
                block("sh", &visible(&commands.line()), out);
            }
            Err(why) => {
                let _ = writeln!(out, "\nThere is no line for {tool}: {}.", plain(&why));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::report::sample::contract;

    fn material() -> Material {
        sample(contract().scenarios.swap_remove(0))
    }

    #[test]
    fn an_issue_tells_who_promised_what_and_how_to_see_it() {
        let text = export(&material(), &contract());
        let cut: Vec<&str> = text.lines().map(|line| line.get(..90).unwrap_or(line)).collect();
        insta::assert_snapshot!(cut.join("\n"));
    }

    #[test]
    fn text_of_an_endpoint_is_no_markup() {
        let mut material = material();
        material.finding.observed =
            crate::report::sample::said("<script>|x\n# `@all` ![](http://x)\u{202e}").into();
        let text = export(&material, &contract());
        let line = text
            .lines()
            .find(|line| line.starts_with("| Observed"))
            .expect("it is told");
        assert_eq!(
            line,
            r#"| Observed | Server "&lt;script&gt;\|x\\n\# \`&#64;all\` \!\[\](http://x)\\u{202e}" |"#
        );
    }

    #[test]
    fn a_block_is_not_ended_by_its_text() {
        let mut out = String::new();
        block("text", "a\n````\nb", &mut out);
        assert_eq!(out, "`````text\na\n````\nb\n`````\n");
    }
}
