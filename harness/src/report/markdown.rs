//! The report in Markdown, for the summary of a job or a comment.
//!
//! ````markdown
//! # StopInstances at `http://127.0.0.1:5000`
//!
//! **Exit code 1**: the endpoint deviates from the contract.
//!
//! ## Fails the run
//!
//! ### DRY-04: A dry run changes nothing: the instance stays running.
//!
//! ```text
//! expected  i-0a1b… stays running
//! observed  i-0a1b…: stopping
//! repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
//! ```
//! MUST, documented+recorded, in 4 cases. Sources: [R14](https://…). Explains DRY-06.
//! ````
//!
//! It has room in a comment on GitHub: what does not fit is left out between two findings, and counted. Text from an
//! endpoint stands in code only, so that nothing in it is markup, a link or a mention.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::contract::Contract;
use crate::journal::Outcome;
use crate::report::exit;
use crate::report::facts::{
    CLASSES, extent, most_common_first, sources, standing_of_known, timeline, why_it_only_warns, with_code,
};
use crate::report::markup::{BoundedText, block, code, code_in_cell, plain};
use crate::report::tally::{Cause, KnownReview, Policy, Tally};
use crate::report::text::{cut, plural, seconds, some_of, visible, with_short_ids};
use crate::verdict::Verdict;

/// The length to which what was allowed and observed is cut, in characters.
const TEXT_SHOWN: usize = 600;

/// The same in a table.
const CELL_SHOWN: usize = 160;

/// How many consequences of a cause are named.
const CONSEQUENCES_SHOWN: usize = 12;

/// Writes the report.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let causes = tally.causes();
    let mut page = BoundedText::default();
    page.add_in_order(&head(tally, policy));
    for (verdict, heading, meaning) in CLASSES {
        let causes = most_common_first(&causes, verdict);
        if causes.is_empty() {
            continue;
        }
        let mut start = format!("\n## {heading}\n\n{}\n", plain(meaning));
        if verdict != Verdict::Fail {
            start.push_str("\n| clause | requires | observed | |\n|---|---|---|---|\n");
        }
        // The heading goes with the first cause, so that only causes are counted where the room ends.
        for cause in causes {
            let text = match verdict {
                Verdict::Fail => in_full(cause, tally, contract),
                Verdict::Warn | Verdict::Inconclusive | Verdict::Pass => in_a_row(cause, tally, contract),
            };
            page.add_in_order(&(std::mem::take(&mut start) + &text));
        }
    }
    page.write("finding", out)
}

/// The result, the counts, and what was examined.
fn head(tally: &Tally, policy: Policy) -> String {
    let mut out = String::new();
    let endpoint = tally.run().map_or("", |run| run.endpoint.as_str());
    let _ = writeln!(out, "# StopInstances at {}\n", code(endpoint));
    let exit_code = tally.exit_code(policy);
    let _ = writeln!(out, "**Exit code {exit_code}**: {}.\n", exit::meaning(exit_code));
    let (clauses, counts) = (tally.clause_counts(), tally.counts());
    let _ = writeln!(
        out,
        "| | failed | warned | undecided | known | held | not judged |\n|---|---|---|---|---|---|---|\n\
         | clauses | {} | {} | {} | {} | {} | {} |\n| cases | {} | {} | {} | {} | {} | {} |\n",
        clauses.failed,
        clauses.warned,
        clauses.inconclusive,
        clauses.known,
        clauses.held,
        clauses.unreached + clauses.untested,
        counts.cases.fail,
        counts.cases.warn,
        counts.cases.inconclusive,
        counts.known,
        counts.cases.pass,
        counts.unsupported + counts.errors + counts.unfinished + counts.not_begun,
    );
    let took = seconds(counts.took_ms);
    let _ = write!(out, "{} requests in {took}", counts.requests);
    if let Some(run) = tally.run() {
        let (edition, region) = (run.edition.name(), code(&run.region));
        let version = code(&run.stopcheck);
        let _ = write!(
            out,
            ", edition {edition}, Region {region}, seed {}, stopcheck {version}",
            run.seed
        );
    }
    out.push_str(".\n");
    if let Some(goldens) = tally.goldens().filter(|goldens| goldens.decide()) {
        let changed = plural(goldens.changed.len(), "golden");
        let _ = writeln!(out, "\n{changed} of the set {} changed.", code(&goldens.set));
    }
    for one in tally.known().into_iter().flat_map(KnownReview::outdated) {
        let _ = writeln!(
            out,
            "\nA known deviation must be deleted: {} {} ({}, line {}).",
            code(&one.entry.target.to_string()),
            plain(&standing_of_known(one)),
            code(&one.entry.file),
            one.entry.line
        );
    }
    let errors = tally.cases().filter_map(|case| match &case.outcome {
        Some(Outcome::Error { what }) => Some((case, what)),
        Some(Outcome::Judged { .. } | Outcome::Unsupported { .. }) | None => None,
    });
    if let Some((case, what)) = errors.into_iter().next() {
        let _ = writeln!(
            out,
            "\n{} could not be finished; the first is {}: {}",
            plural(counts.errors, "case"),
            code(&case.name),
            code_in_cell(&cut(what, TEXT_SHOWN))
        );
    }
    out
}

/// A cause with what was allowed and observed, its sources, and the command that repeats it.
fn in_full(cause: &Cause<'_>, tally: &Tally, contract: &Contract) -> String {
    let clause = contract.clause(cause.clause);
    let statement = clause.map_or("", |clause| clause.statement.as_str());
    let mut out = format!("\n### {}: {}\n\n", plain(cause.clause.as_str()), prose(statement));
    if let Some(group) = cause.groups.first() {
        let short = |text: &str| cut(&with_short_ids(&visible(text)), TEXT_SHOWN);
        let mut text = format!(
            "expected  {}\nobserved  {}",
            short(&tally.expected_text(group.first)),
            short(&tally.observed_text(group.first))
        );
        for line in timeline(group.first) {
            let _ = write!(text, "\n          {}", short(&line));
        }
        let _ = write!(text, "\nrepeat    {}", visible(&tally.repeat_command(group.case)));
        block("text", &text, &mut out);
    }
    let mut parts = Vec::new();
    if let Some(clause) = clause {
        parts.push(format!(
            "{}, {}, {}.",
            clause.level.word(),
            clause.confidence.word(),
            extent(cause, tally)
        ));
        let links: Vec<String> = sources(clause, contract)
            .into_iter()
            .map(|link| match link.url {
                Some(url) => format!("[{}](<{}>)", plain(&link.text), address(&url)),
                None => plain(&link.text),
            })
            .collect();
        if !links.is_empty() {
            parts.push(format!("Sources: {}.", links.join(", ")));
        }
    }
    if !cause.consequences.is_empty() {
        let ids = cause.consequences.iter().map(|one| one.clause.as_str());
        let ids = some_of(ids, CONSEQUENCES_SHOWN, cause.consequences.len());
        parts.push(format!("Explains {}.", plain(&ids)));
    }
    let _ = writeln!(out, "\n{}", parts.join(" "));
    out
}

/// A cause in a row of a table.
fn in_a_row(cause: &Cause<'_>, tally: &Tally, contract: &Contract) -> String {
    let clause = contract.clause(cause.clause);
    let why = match cause.verdict {
        Verdict::Warn => clause.map_or("", why_it_only_warns),
        Verdict::Pass | Verdict::Inconclusive | Verdict::Fail => "",
    };
    let observed = cause
        .groups
        .first()
        .map_or_else(String::new, |group| tally.observed_text(group.first));
    let remarks = [why.to_owned(), extent(cause, tally)];
    let remarks: Vec<String> = remarks.into_iter().filter(|text| !text.is_empty()).collect();
    format!(
        "| {} | {} | {} | {} |\n",
        plain(cause.clause.as_str()),
        prose(clause.map_or("", |clause| clause.statement.as_str())),
        code_in_cell(&cut(&with_short_ids(&visible(&observed)), CELL_SHOWN)),
        remarks.join(", ")
    )
}

/// A sentence of the contract, which has code between backticks.
fn prose(text: &str) -> String {
    let piece = |(is_code, text): (bool, String)| match is_code {
        true => code_in_cell(&text),
        false => plain_piece(&text),
    };
    with_code(text).into_iter().map(piece).collect()
}

/// Part of a sentence, with the spaces at its ends.
fn plain_piece(text: &str) -> String {
    let start = if text.starts_with(' ') { " " } else { "" };
    let end = if text.ends_with(' ') && text.len() > 1 {
        " "
    } else {
        ""
    };
    format!("{start}{}{end}", plain(text))
}

/// An address between angle brackets, which it cannot leave.
fn address(url: &str) -> String {
    visible(url)
        .replace('<', "%3C")
        .replace('>', "%3E")
        .replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, A, SampleCase};

    fn written(events: &[crate::journal::Event], contract: &Contract) -> String {
        let mut tally = Tally::new(contract);
        events.iter().for_each(|event| tally.take(event));
        let mut out = Vec::new();
        write(&tally, contract, Policy::default(), &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("Markdown is text")
    }

    #[test]
    fn a_cause_has_what_a_reader_needs_to_believe_it() {
        insta::assert_snapshot!(written(&sample::mixed(), &sample::contract()), @r#"
        # StopInstances at `http://127.0.0.1:5000`

        **Exit code 1**: the endpoint deviates from the contract.

        | | failed | warned | undecided | known | held | not judged |
        |---|---|---|---|---|---|---|
        | clauses | 1 | 1 | 0 | 0 | 2 | 2 |
        | cases | 2 | 1 | 0 | 0 | 0 | 2 |

        10 requests in 3.2 s, edition current, Region `us-east-1`, seed 0, stopcheck `0.1.0`.

        1 case could not be finished; the first is `concurrent/two`: `could not connect: refused`

        ## Fails the run

        Requirements that Amazon documents, or that its recorded answers show.

        ### DRY-04: A dry run changes nothing: the instance stays running.

        ```text
        expected  i-0a1b… stays running
        observed  i-0a1b…: stopping
        repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
        ```

        MUST, documented+recorded, in 2 cases. Sources: [API](<https://docs.example/API_StopInstances.html>), [R14](<https://github.com/example/answers>).

        ## Warnings

        They do not fail the run unless --strict is given: a SHOULD or MAY; a requirement that is inferred or contradicted, or known of another action only (sibling); or a minor matter, for instance another wording.

        | clause | requires | observed | |
        |---|---|---|---|
        | RSP-07 | The answer begins with an XML declaration. | `Server "\u{1b}]0;owned\u{7}<not-xml>\u{202e}]]>&"` | SHOULD, in 1 case |
        "#);
    }

    #[test]
    fn code_in_a_statement_stays_code() {
        assert_eq!(prose("A `<b>` and a *b*, `c`"), "A `<b>` and a \\*b\\*, `c`");
    }

    #[test]
    fn text_of_an_endpoint_stays_in_its_code() {
        let hostile = "x\n```\n# owned @everyone <img src=x> | `a` \\| [b](http://evil.example) \u{202e}";
        for (clause, verdict) in [("DRY-04", Verdict::Fail), ("RSP-07", Verdict::Warn)] {
            let text = written(
                &sample::stream(vec![SampleCase {
                    findings: vec![sample::finding(
                        "a",
                        clause,
                        verdict,
                        sample::stays_running(A),
                        sample::said(hostile),
                    )],
                    ..sample::bad_case("a", 0, A)
                }]),
                &sample::contract(),
            );
            let line = text.lines().find(|line| line.contains("@everyone")).expect(&text);
            match verdict {
                Verdict::Fail => assert!(line.starts_with("observed  "), "{line}"),
                _ => {
                    let cells: Vec<&str> = line.split(" | ").collect();
                    let cell = cells.get(2).expect("the third column has what was observed");
                    assert!(cell.starts_with("```` ") || cell.starts_with('`'), "{line}");
                    assert!(line.contains("\\|"), "a bar is escaped: {line}");
                }
            }
            assert!(!text.contains('\u{202e}'), "{text}");
        }
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let mut contract = sample::contract();
        let clause = contract.clauses.first().cloned().expect("it has clauses");
        let cases = (0..200).map(|number| {
            let mut clause = clause.clone();
            clause.id = format!("NEW-{number}").as_str().into();
            contract.clauses.push(clause);
            SampleCase {
                findings: vec![sample::finding(
                    "a",
                    &format!("NEW-{number}"),
                    Verdict::Fail,
                    sample::stays_running(A),
                    sample::said(&"x ".repeat(4_000)),
                )],
                ..sample::bad_case("a", number, A)
            }
        });
        let events = sample::stream(cases.collect());
        let text = written(&events, &contract);
        assert!(text.len() <= 60_000, "{}", text.len());
        let last = text.lines().last().expect("it has lines");
        assert!(
            last.contains(" findings left out, since a comment has room for 60 KB."),
            "{last}"
        );
        let shown = text.matches("\n### NEW-").count();
        assert!(
            last.starts_with(&format!("{} ", 200 - shown)),
            "{shown} shown; {last}"
        );
        assert_eq!(text.matches("```").count() % 2, 0, "no block is open");
    }
}
