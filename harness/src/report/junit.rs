//! The report for continuous integration: JUnit XML. The only file that calls quick-junit.
//!
//! ```xml
//! <testsuites name="stopcheck" tests="4" failures="1" errors="0" time="3.200">
//!     <testsuite name="clauses" tests="2" skipped="1" errors="0" failures="1" time="0.000">
//!         <testcase name="DRY-04" classname="stopcheck.clauses" time="0.000">
//!             <failure message="DRY-04: observed stopping" type="DRY-04">…</failure>
//!         </testcase>
//!         <testcase name="DRY-06" classname="stopcheck.clauses" time="0.000">
//!             <skipped message="follows from DRY-04"/>
//!         </testcase>
//!     </testsuite>
//!     <testsuite name="dry-run" tests="1" skipped="0" errors="0" failures="0" time="0.040">
//!         <testcase name="dry-run/valid" classname="stopcheck.dry-run" time="0.030">
//!             <system-out>FAIL DRY-04 …</system-out>
//!         </testcase>
//!     </testsuite>
//! </testsuites>
//! ```
//!
//! The suite `clauses` has one test for each clause: a `failure` if it fails the run and is to blame, `skipped` with the
//! reason if it was not judged or only follows from another clause; warnings are in `system-out`. Then there is one suite
//! for each first segment of a case name, in the order of the plan. A case says in `system-out` what was found in it; an
//! error of the harness is an `error`, a case that is unsupported or unfinished is `skipped` with the reason. Changed
//! goldens are failures in a separate suite, `golden`. Times are by the clock of the run. The form is that of the schema of
//! Jenkins, `xtask/reports/schemas/junit-10.xsd`.
//!
//! A clause that deviates only as is known is `skipped` with the reason: tools for continuous integration list skipped
//! tests with their messages, and those of tests that pass they hide. Entries that are gone or expired are failures in a
//! separate suite, `known`.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::contract::{ClauseId, Contract};
use crate::journal::Outcome;
use crate::report::tally::{Case, Cause, Causes, Found, Goldens, KnownReview, Policy, Status, Tally};
use crate::report::text::some_of;
use crate::verdict::Verdict;

/// How many kinds of findings of one clause are written.
const KINDS_SHOWN: usize = 8;

/// How many cases of a kind are named.
const CASES_SHOWN: usize = 5;

/// Writes the report.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let causes = tally.causes();
    let mut suites: Vec<(String, TestSuite, u64)> = Vec::new();
    for case in tally.cases() {
        let segment = case.name.split('/').next().unwrap_or_default();
        let at = suites
            .iter()
            .position(|(name, ..)| name == segment)
            .unwrap_or_else(|| {
                suites.push((segment.to_owned(), suite(segment, tally), 0));
                suites.len() - 1
            });
        if let Some((_, suite, took_ms)) = suites.get_mut(at) {
            suite.add_test_case(test_case(case, segment, tally, contract));
            *took_ms += case.took_ms;
        }
    }
    let mut report = Report::new("stopcheck");
    report.set_time(Duration::from_millis(tally.counts().took_ms));
    report.add_test_suite(clauses(&causes, tally, contract, policy));
    for (_, mut suite, took_ms) in suites {
        suite.set_time(Duration::from_millis(took_ms));
        report.add_test_suite(suite);
    }
    if let Some(known) = tally.known().filter(|known| known.outdated().next().is_some()) {
        report.add_test_suite(outdated(known, tally));
    }
    if let Some(goldens) = tally.goldens().filter(|goldens| goldens.decide()) {
        report.add_test_suite(changed_goldens(goldens, tally));
    }
    let text = report.to_string().map_err(io::Error::other)?;
    out.write_all(valid(&text).as_bytes())
}

/// Removes what the schema of Jenkins does not have: the sum of skipped tests in the root element.
fn valid(text: &str) -> String {
    const ROOT: &str = "<testsuites ";
    const SUM: &str = " skipped=\"";
    let valid = text.split_once(ROOT).and_then(|(before, rest)| {
        let (root, suites) = rest.split_once('>')?;
        let (start, end) = root.split_once(SUM)?;
        let (_, end) = end.split_once('"')?;
        Some(format!("{before}{ROOT}{start}{end}>{suites}"))
    });
    valid.unwrap_or_else(|| text.to_owned())
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

/// The suite of changed goldens. Each is a failure of its own, in addition to the result of its case.
fn changed_goldens(goldens: &Goldens, tally: &Tally) -> TestSuite {
    let mut suite = suite("golden", tally);
    for changed in &goldens.changed {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let message = format!("not as reviewed in the set {}", goldens.set);
        status
            .set_message(clean(&message))
            .set_type("golden")
            .set_description(clean(&format!("\n{}", changed.diff)));
        let mut test_case = TestCase::new(clean(&format!("golden/{}", changed.case)), status);
        test_case.set_classname("stopcheck.golden");
        suite.add_test_case(test_case);
    }
    suite
}

/// The suite of known deviations that are gone or expired.
fn outdated(known: &KnownReview, tally: &Tally) -> TestSuite {
    let mut suite = suite("known", tally);
    for one in known.outdated() {
        let entry = &one.entry;
        let what = if one.expired {
            "has expired"
        } else {
            "deviates no more"
        };
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let message = format!("{what}: delete it from {}, line {}", entry.file, entry.line);
        status
            .set_message(clean(&message))
            .set_type("known")
            .set_description(clean(&format!("\n{}", entry.to_toml())));
        let name = format!("known/{}/{}", entry.target.key(), entry.target.value());
        let mut test_case = TestCase::new(clean(&name), status);
        test_case.set_classname("stopcheck.known");
        suite.add_test_case(test_case);
    }
    suite
}

/// Why the deviations of a clause are known.
fn known_as(clause: &ClauseId, tally: &Tally) -> String {
    let mut findings = tally.findings().filter(|(_, found)| found.clause == *clause);
    let entry = findings.find_map(|(_, found)| tally.known_as(found));
    let link = entry
        .and_then(|entry| entry.link.as_ref())
        .map(|link| format!(" ({link})"));
    let reason = entry.map_or("", |entry| entry.reason.as_str());
    format!("known: {reason}{}", link.unwrap_or_default())
}

/// The suite of clauses.
fn clauses(causes: &Causes<'_>, tally: &Tally, contract: &Contract, policy: Policy) -> TestSuite {
    let mut suite = suite("clauses", tally);
    suite.set_time(Duration::ZERO);
    for clause in tally.clause_statuses() {
        let cause = causes.all().iter().find(|cause| *cause.clause == clause.id);
        let status = match (&clause.status, cause) {
            (Status::Found { .. }, Some(cause)) => match cause.verdict {
                verdict if policy.decides(verdict) => failure(cause, tally, contract),
                Verdict::Inconclusive => skipped(&first_observed(cause, tally)),
                Verdict::Pass | Verdict::Warn | Verdict::Fail => TestCaseStatus::success(),
            },
            (Status::Found { known: true, .. }, None) => skipped(&known_as(&clause.id, tally)),
            (Status::Found { .. }, None) => match causes.blamed_for(&clause.id) {
                Some(cause) => skipped(&format!("follows from {cause}")),
                None => TestCaseStatus::success(),
            },
            (Status::Held { .. }, _) => TestCaseStatus::success(),
            (Status::NotInEdition, _) => skipped("not in this edition"),
            (Status::Untested { reason }, _) => skipped(&format!("untested: {reason}")),
            (Status::Unreached { reason }, _) => skipped(&format!("not reached: {reason}")),
        };
        let succeeds = matches!(status, TestCaseStatus::Success { .. });
        let mut test_case = TestCase::new(clean(clause.id.as_str()), status);
        test_case.set_classname("stopcheck.clauses");
        // Some readers demand a time of every test.
        test_case.set_time(Duration::ZERO);
        if let Some(cause) = cause.filter(|_| succeeds) {
            test_case.set_system_out(clean(&text_of(cause, tally, contract)));
        }
        suite.add_test_case(test_case);
    }
    suite
}

fn test_case(case: &Case, segment: &str, tally: &Tally, contract: &Contract) -> TestCase {
    let status = match &case.outcome {
        Some(Outcome::Error { what }) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(clean(what)).set_type("error");
            status
        }
        Some(Outcome::Judged { .. }) => TestCaseStatus::success(),
        Some(Outcome::Unsupported { obstacle }) => {
            skipped(&format!("unsupported: {}", tally.obstacle_text(obstacle)))
        }
        None => skipped("interrupted before the case ended"),
    };
    let mut test_case = TestCase::new(clean(&case.name), status);
    test_case.set_classname(clean(&format!("stopcheck.{segment}")));
    test_case.set_time(Duration::from_millis(case.took_ms));
    if !case.findings.is_empty() {
        let findings = case.findings.iter();
        let text: String = findings.map(|found| describe(found, tally, contract)).collect();
        test_case.set_system_out(clean(&text));
    }
    test_case
}

fn failure(cause: &Cause<'_>, tally: &Tally, contract: &Contract) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_message(clean(&format!(
            "{}: observed {}",
            cause.clause,
            first_observed(cause, tally)
        )))
        .set_type(clean(cause.clause.as_str()))
        .set_description(clean(&format!("\n{}", text_of(cause, tally, contract))));
    status
}

fn first_observed(cause: &Cause<'_>, tally: &Tally) -> String {
    let first = cause.groups.first();
    first.map_or(String::new(), |group| tally.observed_text(group.first))
}

/// The kinds of findings of a cause, what follows from it, and how to repeat the first.
fn text_of(cause: &Cause<'_>, tally: &Tally, contract: &Contract) -> String {
    let mut text = String::new();
    for group in cause.groups.iter().take(KINDS_SHOWN) {
        text.push_str(&describe(group.first, tally, contract));
        let cases = some_of(group.cases.iter().copied(), CASES_SHOWN, group.cases.len());
        let _ = writeln!(text, "      cases     {cases}");
    }
    if cause.groups.len() > KINDS_SHOWN {
        let _ = writeln!(text, "… and {} more kinds", cause.groups.len() - KINDS_SHOWN);
    }
    for one in &cause.consequences {
        let _ = writeln!(text, "explains  {} in {}", one.clause, one.case.name);
    }
    if let Some(group) = cause.groups.first() {
        let _ = writeln!(text, "repeat    {}", tally.repeat_command(group.case));
        if let Some(evidence) = &group.first.evidence {
            for (tool, commands) in [("curl", &evidence.repeat.curl), ("aws", &evidence.repeat.aws)] {
                if let Ok(commands) = commands {
                    let _ = writeln!(text, "{tool:<10}{}", commands.line());
                }
            }
        }
    }
    text
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(clean(reason));
    status
}

fn describe(found: &Found, tally: &Tally, contract: &Contract) -> String {
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
        "\n      expected  {}\n      observed  {}\n      step      {}\n",
        tally.expected_text(found),
        tally.observed_text(found),
        found.step
    );
    if let Some(evidence) = &found.evidence
        && !evidence.request.is_empty()
    {
        let _ = write!(
            out,
            "      request   {}\n      answer    {}\n",
            evidence.request, evidence.answer
        );
    }
    out
}

/// Escapes the characters that XML 1.0 does not allow.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_kind_of_case_has_its_element_and_hostile_text_stays_text() {
        let contract = sample::contract();
        let mut tally = Tally::new(&contract);
        sample::mixed().iter().for_each(|event| tally.take(event));
        let mut out = Vec::new();
        write(&tally, &contract, Policy::default(), &mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("XML is text");
        assert_eq!(crate::protocol::wellformed::judge(&text), Ok(()), "{text}");
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="stopcheck" tests="12" failures="1" errors="1" time="3.250">
            <testsuite name="clauses" tests="7" skipped="3" errors="0" failures="1" time="0.000">
                <properties>
                    <property name="endpoint" value="http://127.0.0.1:5000"/>
                    <property name="region" value="us-east-1"/>
                    <property name="edition" value="current"/>
                    <property name="seed" value="0"/>
                </properties>
                <testcase name="DRY-01" classname="stopcheck.clauses" time="0.000"/>
                <testcase name="DRY-04" classname="stopcheck.clauses" time="0.000">
                    <failure message="DRY-04: observed i-0a1b2c3d4e5f60718: stopping" type="DRY-04">
        FAIL DRY-04  A dry run changes nothing: the instance stays running.  MUST · documented+recorded · API, R14
              expected  i-0a1b2c3d4e5f60718 stays running
              observed  i-0a1b2c3d4e5f60718: stopping
              step      1
              request   POST / Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=i-0a1b2c3d4e5f60718&amp;DryRun=true
              answer    200 &lt;StopInstancesResponse&gt;
          &lt;instanceId&gt;i-0a1b2c3d4e5f60718&lt;/instanceId&gt;
        &lt;/StopInstancesResponse&gt;
              cases     dry-run/valid, dry-run/again
        repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
        curl      a=$(curl -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=RunInstances&amp;Version=2016-11-15&amp;ImageId=ami-12345678&amp;InstanceType=t3.micro&amp;MinCount=1&amp;MaxCount=1&amp;TagSpecification.1.ResourceType=instance&amp;TagSpecification.1.Tag.1.Key=stopcheck&amp;TagSpecification.1.Tag.1.Value=run&apos; http://127.0.0.1:5000/ | grep -o &apos;instanceId&gt;i-[0-9a-f]\{8,17\}&apos; | head -n1 | cut -d&apos;&gt;&apos; -f2); : &quot;${a:?has no value}&quot;; until curl -s --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=DescribeInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot; http://127.0.0.1:5000/ | grep -q &apos;&lt;name&gt;running&lt;/name&gt;&apos;; do sleep 1; done; curl -i -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} -H &apos;content-type: application/x-www-form-urlencoded; charset=utf-8&apos; --data-raw &apos;Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot;&apos;&amp;DryRun=true&apos; http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=DescribeInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot; http://127.0.0.1:5000/ | grep -o &apos;&lt;name&gt;[^&lt;]*&lt;/name&gt;&apos;
        aws       a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query &apos;Instances[0].InstanceId&apos; --output text); : &quot;${a:?has no value}&quot;; aws ec2 wait instance-running --instance-ids &quot;$a&quot; --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids &quot;$a&quot; --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids &quot;$a&quot; --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query &apos;Reservations[].Instances[].[InstanceId,State.Name]&apos; --output text
        </failure>
                </testcase>
                <testcase name="RSP-07" classname="stopcheck.clauses" time="0.000">
                    <system-out>WARN RSP-07  The answer begins with an XML declaration.  SHOULD · recorded · R01
              expected  an XML declaration of version 1.0 and encoding UTF-8
              observed  Server &quot;\u{1b}]0;owned\u{7}&lt;not-xml&gt;\u{202e}]]&gt;&amp;&quot;
              step      1
              cases     refuse/unknown
        repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case refuse/unknown
        </system-out>
                </testcase>
                <testcase name="ERR-02" classname="stopcheck.clauses" time="0.000"/>
                <testcase name="SPT-01" classname="stopcheck.clauses" time="0.000">
                    <skipped message="not reached: unsupported: RunInstances is answered by 400 InvalidParameter &quot;no Spot&quot;"/>
                </testcase>
                <testcase name="LIM-02" classname="stopcheck.clauses" time="0.000">
                    <skipped message="untested: needs a thousand instances"/>
                </testcase>
                <testcase name="OLD-01" classname="stopcheck.clauses" time="0.000">
                    <skipped message="not in this edition"/>
                </testcase>
            </testsuite>
            <testsuite name="dry-run" tests="2" skipped="0" errors="0" failures="0" time="0.034">
                <properties>
                    <property name="endpoint" value="http://127.0.0.1:5000"/>
                    <property name="region" value="us-east-1"/>
                    <property name="edition" value="current"/>
                    <property name="seed" value="0"/>
                </properties>
                <testcase name="dry-run/valid" classname="stopcheck.dry-run" time="0.017">
                    <system-out>FAIL DRY-04  A dry run changes nothing: the instance stays running.  MUST · documented+recorded · API, R14
              expected  i-0a1b2c3d4e5f60718 stays running
              observed  i-0a1b2c3d4e5f60718: stopping
              step      1
              request   POST / Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=i-0a1b2c3d4e5f60718&amp;DryRun=true
              answer    200 &lt;StopInstancesResponse&gt;
          &lt;instanceId&gt;i-0a1b2c3d4e5f60718&lt;/instanceId&gt;
        &lt;/StopInstancesResponse&gt;
        </system-out>
                </testcase>
                <testcase name="dry-run/again" classname="stopcheck.dry-run" time="0.017">
                    <system-out>FAIL DRY-04  A dry run changes nothing: the instance stays running.  MUST · documented+recorded · API, R14
              expected  i-0b1b2c3d4e5f60718 stays running
              observed  i-0b1b2c3d4e5f60718: stopping
              step      1
              request   POST / Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=i-0b1b2c3d4e5f60718&amp;DryRun=true
              answer    200 &lt;StopInstancesResponse&gt;
          &lt;instanceId&gt;i-0b1b2c3d4e5f60718&lt;/instanceId&gt;
        &lt;/StopInstancesResponse&gt;
        </system-out>
                </testcase>
            </testsuite>
            <testsuite name="refuse" tests="2" skipped="1" errors="0" failures="0" time="0.000">
                <properties>
                    <property name="endpoint" value="http://127.0.0.1:5000"/>
                    <property name="region" value="us-east-1"/>
                    <property name="edition" value="current"/>
                    <property name="seed" value="0"/>
                </properties>
                <testcase name="refuse/unknown" classname="stopcheck.refuse" time="0.000">
                    <system-out>WARN RSP-07  The answer begins with an XML declaration.  SHOULD · recorded · R01
              expected  an XML declaration of version 1.0 and encoding UTF-8
              observed  Server &quot;\u{1b}]0;owned\u{7}&lt;not-xml&gt;\u{202e}]]&gt;&amp;&quot;
              step      1
        </system-out>
                </testcase>
                <testcase name="refuse/spot" classname="stopcheck.refuse" time="0.000">
                    <skipped message="unsupported: RunInstances is answered by 400 InvalidParameter &quot;no Spot&quot;"/>
                </testcase>
            </testsuite>
            <testsuite name="concurrent" tests="1" skipped="0" errors="1" failures="0" time="0.000">
                <properties>
                    <property name="endpoint" value="http://127.0.0.1:5000"/>
                    <property name="region" value="us-east-1"/>
                    <property name="edition" value="current"/>
                    <property name="seed" value="0"/>
                </properties>
                <testcase name="concurrent/two" classname="stopcheck.concurrent" time="0.000">
                    <error message="could not connect: refused" type="error"/>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn what_xml_cannot_hold_becomes_visible() {
        assert_eq!(
            clean("a\0b\u{ffff}\r\n\tc\u{85}"),
            "a\\u{0}b\\u{ffff}\\u{d}\n\tc\\u{85}"
        );
    }
}
