//! Annotations of GitHub Actions: one line for each cause, which the runner shows on the page of the run.
//!
//! ```text
//! ::error title=DRY-04 (in 4 cases)::A dry run changes nothing: the instance stays running.%0Aexpected: …%0Aobserved: …
//! ::warning title=RSP-07 (in 3 cases)::The answer begins with an XML declaration.%0A…
//! ```
//!
//! GitHub shows ten errors and ten warnings of a step. If there are more causes, the last line that it shows names the
//! others. What could not be decided has no annotation.

use std::io::{self, Write};

use crate::contract::Contract;
use crate::report::facts::{extent, most_common_first, sources, standing_of_known};
use crate::report::tally::{Cause, KnownReview, Policy, Tally};
use crate::report::text::{cut, one_line, plural, visible, with_short_ids};
use crate::verdict::Verdict;

/// How many annotations of each kind GitHub shows for a step.
const SHOWN: usize = 10;

/// The length to which what was allowed and observed is cut, in characters.
const TEXT_SHOWN: usize = 300;

/// Writes the annotations.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let causes = tally.causes();
    let failing = most_common_first(&causes, Verdict::Fail);
    let warnings = most_common_first(&causes, Verdict::Warn);
    let (errors, warnings) = match policy.strict {
        true => ([failing, warnings].concat(), Vec::new()),
        false => (failing, warnings),
    };
    for one in tally.known().into_iter().flat_map(KnownReview::outdated) {
        let target = one_line(&one.entry.target.to_string(), TEXT_SHOWN);
        let place = format!(
            "delete it from {}, line {}",
            visible(&one.entry.file),
            one.entry.line
        );
        let text = format!("{target} {}: {place}", visible(&standing_of_known(one)));
        annotation("error", "A known deviation is outdated", &[text], out)?;
    }
    for (command, causes) in [("error", errors), ("warning", warnings)] {
        let shown = match causes.len() {
            few if few <= SHOWN => few,
            _ => SHOWN - 1,
        };
        for cause in causes.iter().take(shown) {
            let title = format!("{} ({})", visible(cause.clause.as_str()), extent(cause, tally));
            annotation(command, &title, &lines_of(cause, tally, contract), out)?;
        }
        let others: Vec<&str> = causes
            .iter()
            .skip(shown)
            .map(|cause| cause.clause.as_str())
            .collect();
        if !others.is_empty() {
            let title = format!("and {}", plural(others.len(), "more clause"));
            annotation(command, &title, &[visible(&others.join(" "))], out)?;
        }
    }
    Ok(())
}

fn lines_of(cause: &Cause<'_>, tally: &Tally, contract: &Contract) -> Vec<String> {
    let mut lines = Vec::new();
    let clause = contract.clause(cause.clause);
    lines.extend(clause.map(|clause| visible(&clause.statement)));
    let Some(group) = cause.groups.first() else {
        return lines;
    };
    let short = |text: &str| cut(&with_short_ids(&visible(text)), TEXT_SHOWN);
    lines.push(format!("expected: {}", short(&tally.expected_text(group.first))));
    lines.push(format!("observed: {}", short(&tally.observed_text(group.first))));
    let urls = clause.map_or_else(Vec::new, |clause| sources(clause, contract));
    lines.extend(
        urls.into_iter()
            .find_map(|link| link.url)
            .map(|url| format!("source: {}", visible(&url))),
    );
    lines.push(format!("repeat: {}", visible(&tally.repeat_command(group.case))));
    lines
}

fn annotation(command: &str, title: &str, lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "::{command} title={}::{}",
        property(title),
        data(&lines.join("\n"))
    )
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, A, SampleCase};

    fn written(events: &[crate::journal::Event], policy: Policy) -> String {
        let contract = sample::contract();
        let mut tally = Tally::new(&contract);
        events.iter().for_each(|event| tally.take(event));
        let mut out = Vec::new();
        write(&tally, &contract, policy, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("annotations are text")
    }

    #[test]
    fn a_failure_is_an_error_and_a_warning_a_warning() {
        insta::assert_snapshot!(written(&sample::mixed(), Policy::default()), @r#"
        ::error title=DRY-04 (in 2 cases)::A dry run changes nothing: the instance stays running.%0Aexpected: i-0a1b… stays running%0Aobserved: i-0a1b…: stopping%0Asource: https://docs.example/API_StopInstances.html%0Arepeat: stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
        ::warning title=RSP-07 (in 1 case)::The answer begins with an XML declaration.%0Aexpected: an XML declaration of version 1.0 and encoding UTF-8%0Aobserved: Server "\u{1b}]0;owned\u{7}<not-xml>\u{202e}]]>&"%0Arepeat: stopcheck run --endpoint-url http://127.0.0.1:5000 --case refuse/unknown
        "#);
        let strict = written(&sample::mixed(), Policy { strict: true });
        assert_eq!(strict.matches("::error ").count(), 2);
        assert_eq!(strict.matches("::warning ").count(), 0);
    }

    #[test]
    fn text_of_an_endpoint_begins_no_command() {
        let hostile = "a\r\n::error title=x::b%0A::stop-commands::c\u{202e}";
        let text = written(
            &sample::stream(vec![SampleCase {
                findings: vec![sample::finding(
                    "a",
                    "DRY-04",
                    Verdict::Fail,
                    sample::stays_running(A),
                    sample::said(hostile),
                )],
                ..sample::bad_case("a", 0, A)
            }]),
            Policy::default(),
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("%250A::stop-commands"), "{text}");
        assert!(!text.contains('\u{202e}'), "{text}");
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
