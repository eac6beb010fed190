//! The report in SARIF 2.1.0, for services that collect results of analyses, such as GitHub code scanning.
//!
//! ```json
//! {"version": "2.1.0", "runs": [{
//!   "tool": {"driver": {"name": "stopcheck", "rules": [{"id": "DRY-04", "help": {"text": "…"}, "…": 0}]}},
//!   "results": [{"ruleId": "DRY-04", "level": "error", "message": {"text": "expected: …"}, "occurrenceCount": 4,
//!                "locations": ["…"], "partialFingerprints": {"cause/v1": "DRY-04"}, "…": 0}]}]}
//! ```
//!
//! A rule is a clause that has a result, with its sources. A result is a cause: the findings of a clause that follow
//! from no other, with the clauses that follow from it in `properties.explains`. What could not be decided is a result
//! of the kind `review`. What is known to deviate is a suppressed result. The place of a result is the case that shows it, as a logical location and, since some readers
//! demand a file, as a path below `stopcheck/`. The fingerprint `cause/v1` is the same from run to run.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::check::time::moment;
use crate::contract::{Clause, ClauseId, Contract, Level};
use crate::report::exit;
use crate::report::facts::{extent, sources};
use crate::report::tally::{Cause, Policy, Tally};
use crate::report::text::{cut, visible};
use crate::verdict::Verdict;

/// The schema of the format.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The length to which a text of an endpoint is cut, in characters.
const TEXT_SHOWN: usize = 2_000;

/// How many more cases of a cause are located.
const CASES_SHOWN: usize = 20;

/// Writes the report.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let causes = tally.causes();
    let mut clauses: Vec<&ClauseId> = Vec::new();
    let mut rules = Vec::new();
    let mut results = Vec::new();
    for (is_known, cause) in [(false, causes.all()), (true, causes.known())]
        .into_iter()
        .flat_map(|(is_known, causes)| causes.iter().map(move |cause| (is_known, cause)))
    {
        let at = clauses
            .iter()
            .position(|clause| *clause == cause.clause)
            .unwrap_or_else(|| {
                clauses.push(cause.clause);
                rules.push(rule(cause, contract));
                clauses.len() - 1
            });
        let mut result = result(at, cause, tally, policy);
        if is_known {
            merge(&mut result, json!({"suppressions": [suppression(cause, tally)]}));
        }
        results.push(result);
    }
    let mut run = json!({
        "tool": {"driver": {
            "name": "stopcheck",
            "version": tally.run().map_or(env!("CARGO_PKG_VERSION"), |run| run.stopcheck.as_str()),
            "informationUri": env!("CARGO_PKG_REPOSITORY"),
            "rules": rules,
        }},
        "invocations": [invocation(tally, policy)],
        "results": results,
        "columnKind": "unicodeCodePoints",
    });
    if let Some(head) = tally.run() {
        merge(
            &mut run,
            json!({"properties": {
                "endpoint": visible(&head.endpoint),
                "region": visible(&head.region),
                "edition": head.edition.name(),
                "seed": head.seed,
            }}),
        );
    }
    let report = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]});
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn invocation(tally: &Tally, policy: Policy) -> Value {
    let code = tally.exit_code(policy);
    let finished = matches!(code, exit::CONFORMANT | exit::FINDINGS | exit::NOTHING_TESTED);
    let mut invocation = json!({
        "executionSuccessful": finished,
        "exitCode": code,
        "exitCodeDescription": exit::meaning(code),
    });
    if let Some(at) = tally.run().and_then(|run| moment(run.at_ms)) {
        merge(&mut invocation, json!({"startTimeUtc": at}));
    }
    invocation
}

/// The clause of a cause.
fn rule(cause: &Cause<'_>, contract: &Contract) -> Value {
    let id = visible(cause.clause.as_str());
    let Some(clause) = contract.clause(cause.clause) else {
        return json!({"id": id});
    };
    let links = sources(clause, contract);
    let listed = |link: fn(&str, &str, Option<&str>) -> String| {
        let lines = links
            .iter()
            .map(|one| link(&one.text, &one.title, one.url.as_deref()));
        lines.collect::<Vec<_>>().join("\n")
    };
    let standing = format!("{}, {}", clause.level.word(), clause.confidence.word());
    let note = clause
        .note
        .as_deref()
        .map_or_else(String::new, |note| format!("\n\n{}", visible(note)));
    let statement = visible(&clause.statement);
    let text = format!(
        "{statement}\n\n{standing}.{note}\n\nSources:\n{}",
        listed(|text, title, url| {
            let parts = [text, title, url.unwrap_or_default()];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            format!("- {}", visible(&parts.join(": ")))
        })
    );
    let markdown = format!(
        "{}\n\n{standing}.{}\n\nSources:\n\n{}",
        plain(&clause.statement),
        plain(&note),
        listed(|text, title, url| match url {
            Some(url) => format!("- [{}](<{}>) {}", plain(text), visible(url), plain(title)),
            None => format!("- {} {}", plain(text), plain(title)),
        })
    );
    let mut rule = json!({
        "id": id,
        "shortDescription": {"text": statement},
        "fullDescription": {"text": statement},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": default_level(clause)},
        "properties": {
            "tags": [clause.group],
            "level": clause.level.word(),
            "confidence": clause.confidence.word(),
        },
    });
    if let Some(url) = links.iter().find_map(|link| link.url.as_deref()) {
        merge(&mut rule, json!({"helpUri": url}));
    }
    rule
}

/// Escapes text for Markdown, and keeps its lines.
fn plain(text: &str) -> String {
    let lines = text.split('\n').map(crate::report::markup::plain);
    lines.collect::<Vec<_>>().join("\n")
}

fn default_level(clause: &Clause) -> &'static str {
    match clause.level {
        Level::Must | Level::MustNot if clause.decides() => "error",
        Level::Must | Level::MustNot | Level::Should => "warning",
        Level::May => "note",
    }
}

fn result(at: usize, cause: &Cause<'_>, tally: &Tally, policy: Policy) -> Value {
    let (kind, level) = match cause.verdict {
        Verdict::Fail => ("fail", "error"),
        Verdict::Warn if policy.strict => ("fail", "error"),
        Verdict::Warn => ("fail", "warning"),
        // Only a failure has a level.
        Verdict::Inconclusive => ("review", "none"),
        Verdict::Pass => ("pass", "none"),
    };
    let clause = visible(cause.clause.as_str());
    let explains = cause.consequences.iter();
    let explains: Vec<String> = explains.map(|one| visible(one.clause.as_str())).collect();
    let mut result = json!({
        "ruleId": clause,
        "ruleIndex": at,
        "kind": kind,
        "level": level,
        "occurrenceCount": cause.groups.iter().map(|group| group.findings).sum::<usize>(),
        "message": {"text": format!("{clause} was seen {}.", extent(cause, tally))},
        "partialFingerprints": {"cause/v1": clause},
    });
    let Some(group) = cause.groups.first() else {
        return result;
    };
    let short = |text: &str| cut(&visible(text), TEXT_SHOWN);
    let (expected, observed) = (
        short(&tally.expected_text(group.first)),
        short(&tally.observed_text(group.first)),
    );
    let repeat = visible(&tally.repeat_command(group.case));
    let text = format!(
        "expected: {expected}\nobserved: {observed} ({})\nrepeat: {repeat}",
        extent(cause, tally)
    );
    let mut properties = json!({
        "expected": expected,
        "observed": observed,
        "repeat": repeat,
        "phase": group.case.phase.name(),
        "explains": explains,
    });
    let evidence = group.first.evidence.as_deref();
    if let Some(evidence) = evidence.filter(|evidence| !evidence.request.is_empty()) {
        merge(
            &mut properties,
            json!({"request": short(&evidence.request), "answer": short(&evidence.answer)}),
        );
    }
    let cases = cause.cases();
    let others = cases.iter().filter(|name| **name != &*group.case.name);
    let others: Vec<Value> = others.take(CASES_SHOWN).map(|name| location(name)).collect();
    merge(
        &mut result,
        json!({
            "message": {"text": text},
            "locations": [location(&group.case.name)],
            "relatedLocations": others,
            "partialFingerprints": {
                "cause/v1": clause,
                "finding/v1": group.first.fingerprint().to_string(),
            },
            "properties": properties,
        }),
    );
    result
}

/// Why a deviation is known.
fn suppression(cause: &Cause<'_>, tally: &Tally) -> Value {
    let entry = cause.groups.first().and_then(|group| tally.known_as(group.first));
    let reason = entry.map_or_else(String::new, |entry| cut(&visible(&entry.reason), TEXT_SHOWN));
    json!({"kind": "external", "status": "accepted", "justification": reason})
}

/// The place of a case.
fn location(case: &str) -> Value {
    json!({
        "physicalLocation": {"artifactLocation": {"uri": format!("stopcheck/{}", path(case))}},
        "logicalLocations": [{"fullyQualifiedName": visible(case), "kind": "member"}],
    })
}

/// The name of a case as a relative path of a URI.
fn path(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'/' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Adds the members of an object to another one; they replace those of the same name.
fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, A, B};

    fn written(events: &[crate::journal::Event]) -> Value {
        let contract = sample::contract();
        let mut tally = Tally::new(&contract);
        events.iter().for_each(|event| tally.take(event));
        let mut out = Vec::new();
        write(&tally, &contract, Policy::default(), &mut out).expect("a vector takes everything");
        serde_json::from_slice(&out).expect("it is JSON")
    }

    #[test]
    fn a_cause_is_a_result_and_its_clause_a_rule() {
        let report = written(&sample::mixed());
        let run = report.pointer("/runs/0").expect("there is a run");
        let at = |path: &str| run.pointer(path).cloned().unwrap_or_default();
        assert_eq!(at("/results").as_array().map(Vec::len), Some(2));
        assert_eq!(
            at("/results/0/message/text"),
            json!(format!(
                "expected: {A} stays running\nobserved: {A}: stopping (in 2 cases)\nrepeat: stopcheck run \
                 --endpoint-url http://127.0.0.1:5000 --case dry-run/valid"
            ))
        );
        assert_eq!(
            (at("/results/0/level"), at("/results/1/level")),
            (json!("error"), json!("warning"))
        );
        assert_eq!(at("/results/0/occurrenceCount"), json!(2));
        let place = "/physicalLocation/artifactLocation/uri";
        assert_eq!(
            at(&format!("/results/0/locations/0{place}")),
            json!("stopcheck/dry-run/valid")
        );
        assert_eq!(
            at(&format!("/results/0/relatedLocations/0{place}")),
            json!("stopcheck/dry-run/again")
        );
        let rule = at("/tool/driver/rules/0");
        assert_eq!(rule.pointer("/id"), Some(&json!("DRY-04")));
        assert_eq!(rule.pointer("/defaultConfiguration/level"), Some(&json!("error")));
        let help = rule
            .pointer("/help/markdown")
            .and_then(Value::as_str)
            .unwrap_or_default();
        for text in ["Looked at with DescribeInstances.", "- [R14](<https://"] {
            assert!(help.contains(text), "{text:?} is missing in {help}");
        }
        assert!(rule.pointer("/helpUri").is_some());
        assert_eq!(
            run.pointer("/invocations/0/startTimeUtc"),
            Some(&json!("1970-01-01T00:16:40Z"))
        );
    }

    #[test]
    fn the_fingerprint_of_a_cause_does_not_depend_on_ids_or_cases() {
        let prints = |name: &str, id: &str| {
            let report = written(&sample::stream(vec![sample::bad_case(name, 0, id)]));
            report.pointer("/runs/0/results/0/partialFingerprints").cloned()
        };
        let one = prints("dry-run/valid", A);
        assert!(one.is_some());
        assert_eq!(one, prints("dry-run/again", B));
    }

    #[test]
    fn a_name_cannot_leave_its_path() {
        assert_eq!(path("dry-run/valid"), "dry-run/valid");
        assert_eq!(path("../a b\u{202e}"), "%2E%2E/a%20b%E2%80%AE");
    }
}
