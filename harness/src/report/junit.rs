//! The report for continuous integration: JUnit XML. The only file that speaks with quick-junit.
//!
//! ```xml
//! <testsuites name="stopcheck" tests="2" skipped="0" errors="0" failures="1" time="3.200">
//!     <testsuite name="dry-run" tests="2" skipped="0" errors="0" failures="1" time="0.040">
//!         <testcase name="dry-run/missing" classname="stopcheck.dry-run" time="0.010"/>
//!         <testcase name="dry-run/valid" classname="stopcheck.dry-run" time="0.030">
//!             <failure message="DRY-04: observed stopping" type="DRY-04">…</failure>
//!         </testcase>
//!     </testsuite>
//! </testsuites>
//! ```
//!
//! One suite for each first segment of a case's name, in the order of the plan. A finding that decides the run is
//! a `failure`; a harness error is an `error`; a case that could not be played or told is `skipped` with the reason;
//! warnings stand in `system-out`. Times are by the clock of the run.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::contract::Contract;
use crate::report::tally::{Case, Found, Policy, Tally};
use crate::verdict::{Outcome, Verdict};

/// Writes the report.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: Vec<(String, TestSuite, u64)> = Vec::new();
    for case in tally.cases() {
        let segment = case.name.split('/').next().unwrap_or_default();
        let at = suites.iter().position(|(name, ..)| name == segment).unwrap_or_else(|| {
            suites.push((segment.to_owned(), suite(segment, tally), 0));
            suites.len() - 1
        });
        if let Some((_, suite, took_ms)) = suites.get_mut(at) {
            suite.add_test_case(test_case(case, segment, tally, contract, policy));
            *took_ms += case.took_ms;
        }
    }
    let mut report = Report::new("stopcheck");
    report.set_time(Duration::from_millis(tally.counts().took_ms));
    for (_, mut suite, took_ms) in suites {
        suite.set_time(Duration::from_millis(took_ms));
        report.add_test_suite(suite);
    }
    report.serialize(out).map_err(io::Error::other)
}

fn suite(segment: &str, tally: &Tally) -> TestSuite {
    let mut suite = TestSuite::new(clean(segment));
    if let Some(run) = tally.run() {
        let seed = run.seed.to_string();
        for (name, value) in [
            ("endpoint", run.endpoint.as_str()),
            ("region", &run.region),
            ("edition", run.edition.name()),
            ("seed", &seed),
        ] {
            suite.add_property(Property::new(name, clean(value)));
        }
    }
    suite
}

fn test_case(case: &Case, segment: &str, tally: &Tally, contract: &Contract, policy: Policy) -> TestCase {
    let decides = |found: &&Found| found.verdict == Verdict::Fail || (policy.strict && found.verdict == Verdict::Warn);
    let (deciding, others): (Vec<&Found>, Vec<&Found>) = case.findings.iter().partition(decides);
    let status = match &case.outcome {
        Some(Outcome::Error { what }) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(clean(what)).set_type("error");
            status
        }
        // What was found before a case broke off is still found.
        _ if !deciding.is_empty() => failure(case, &deciding, tally, contract),
        Some(Outcome::Judged { verdict: Verdict::Fail }) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Some(Outcome::Judged { verdict: Verdict::Inconclusive }) => {
            let why = others.iter().find(|found| found.verdict == Verdict::Inconclusive);
            skipped(&why.map_or("inconclusive".into(), |found| format!("inconclusive: {}", found.observed)))
        }
        Some(Outcome::Judged { verdict: Verdict::Pass | Verdict::Warn }) => TestCaseStatus::success(),
        Some(Outcome::Unsupported { reason }) => skipped(&format!("unsupported: {reason}")),
        None => skipped("interrupted before the case ended"),
    };
    let mut test_case = TestCase::new(clean(&case.name), status);
    test_case.set_classname(clean(&format!("stopcheck.{segment}")));
    test_case.set_time(Duration::from_millis(case.took_ms));
    if !others.is_empty() {
        let text: String = others.iter().map(|found| describe(found, contract)).collect();
        test_case.set_system_out(clean(&text));
    }
    test_case
}

fn failure(case: &Case, findings: &[&Found], tally: &Tally, contract: &Contract) -> TestCaseStatus {
    let mut text = format!("\n{}\n\n", case.purpose);
    let mut clauses: Vec<&str> = Vec::new();
    for found in findings {
        text.push_str(&describe(found, contract));
        if !clauses.contains(&found.clause.as_str()) {
            clauses.push(found.clause.as_str());
        }
    }
    let _ = writeln!(text, "repeat    {}", tally.repeat_command(case));
    if let Some(evidence) = findings.iter().find_map(|found| found.evidence.as_ref()) {
        for (tool, line) in [("curl", &evidence.repeat.curl), ("aws", &evidence.repeat.aws)] {
            if let Ok(line) = line {
                let _ = writeln!(text, "{tool:<10}{line}");
            }
        }
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    if let Some(first) = findings.first() {
        let more = match findings.len() {
            1 => String::new(),
            count => format!(" (+{} more)", count - 1),
        };
        status.set_message(clean(&format!("{}: observed {}{more}", first.clause, first.observed)));
    }
    status.set_type(clean(&clauses.join(" "))).set_description(clean(&text));
    status
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(clean(reason));
    status
}

fn describe(found: &Found, contract: &Contract) -> String {
    let mut out = format!("{} {}", found.verdict.word(), found.clause);
    if let Some(clause) = contract.clause(&found.clause) {
        let _ = write!(
            out,
            "  {}  {} · {} · {}",
            clause.statement,
            clause.level.word(),
            clause.confidence.word(),
            clause.sources.join(", ")
        );
    }
    let _ = write!(
        out,
        "\n      allowed   {}\n      observed  {}\n      step      {}\n",
        found.allowed, found.observed, found.step
    );
    if let Some(evidence) = &found.evidence {
        let _ = write!(out, "      request   {}\n      answer    {}\n", evidence.request, evidence.answer);
    }
    out
}

/// The text without what XML 1.0 cannot hold; those characters are shown as escapes instead.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c if super::text::is_treacherous(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
