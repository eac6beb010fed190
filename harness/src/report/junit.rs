//! The report for continuous integration: JUnit XML. The only file that calls quick-junit.
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
//! There is one suite for each first segment of a case name, in the order of the plan. A finding that fails the run is
//! a `failure`; a harness error is an `error`; a case that is unsupported, inconclusive or unfinished is `skipped` with
//! the reason; warnings are in `system-out`. Changed goldens are failures in a separate suite, `golden`. Times are by
//! the clock of the run.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::contract::Contract;
use crate::report::tally::{Case, Found, Goldens, Policy, Tally};
use crate::verdict::{Outcome, Verdict};

/// Writes the report.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
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
    if let Some(goldens) = tally.goldens().filter(|goldens| goldens.decide()) {
        report.add_test_suite(changed_goldens(goldens, tally));
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

fn test_case(case: &Case, segment: &str, tally: &Tally, contract: &Contract, policy: Policy) -> TestCase {
    let decides =
        |found: &&Found| found.verdict == Verdict::Fail || (policy.strict && found.verdict == Verdict::Warn);
    let (deciding, others): (Vec<&Found>, Vec<&Found>) = case.findings.iter().partition(decides);
    let status = match &case.outcome {
        Some(Outcome::Error { what }) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(clean(what)).set_type("error");
            status
        }
        // Findings count even if the case was cut short afterwards.
        _ if !deciding.is_empty() => failure(case, &deciding, tally, contract),
        Some(Outcome::Judged {
            verdict: Verdict::Fail,
        }) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Some(Outcome::Judged {
            verdict: Verdict::Inconclusive,
        }) => {
            let why = others.iter().find(|found| found.verdict == Verdict::Inconclusive);
            skipped(&why.map_or("inconclusive".into(), |found| {
                format!("inconclusive: {}", tally.observed_text(found))
            }))
        }
        Some(Outcome::Judged {
            verdict: Verdict::Pass | Verdict::Warn,
        }) => TestCaseStatus::success(),
        Some(Outcome::Unsupported { reason }) => skipped(&format!("unsupported: {reason}")),
        None => skipped("interrupted before the case ended"),
    };
    let mut test_case = TestCase::new(clean(&case.name), status);
    test_case.set_classname(clean(&format!("stopcheck.{segment}")));
    test_case.set_time(Duration::from_millis(case.took_ms));
    if !others.is_empty() {
        let text: String = others
            .iter()
            .map(|found| describe(found, tally, contract))
            .collect();
        test_case.set_system_out(clean(&text));
    }
    test_case
}

fn failure(case: &Case, findings: &[&Found], tally: &Tally, contract: &Contract) -> TestCaseStatus {
    let mut text = format!("\n{}\n\n", case.purpose);
    let mut clauses: Vec<&str> = Vec::new();
    for found in findings {
        text.push_str(&describe(found, tally, contract));
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
        status.set_message(clean(&format!(
            "{}: observed {}{more}",
            first.clause,
            tally.observed_text(first)
        )));
    }
    status
        .set_type(clean(&clauses.join(" ")))
        .set_description(clean(&text));
    status
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
        "\n      allowed   {}\n      observed  {}\n      step      {}\n",
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
        <testsuites name="stopcheck" tests="5" skipped="1" failures="2" errors="1" time="3.250">
            <testsuite name="dry-run" tests="2" skipped="0" errors="0" failures="2" time="0.034">
                <properties>
                    <property name="endpoint" value="http://127.0.0.1:5000"/>
                    <property name="region" value="us-east-1"/>
                    <property name="edition" value="current"/>
                    <property name="seed" value="0"/>
                </properties>
                <testcase name="dry-run/valid" classname="stopcheck.dry-run" time="0.017">
                    <failure message="DRY-04: observed i-0a1b2c3d4e5f60718: stopping" type="DRY-04">
        What dry-run/valid shows.

        FAIL DRY-04  A dry run changes nothing: the instance stays running.  MUST · documented+recorded · API, R14
              allowed   i-0a1b2c3d4e5f60718 stays running
              observed  i-0a1b2c3d4e5f60718: stopping
              step      1
              request   POST / Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=i-0a1b2c3d4e5f60718&amp;DryRun=true
              answer    200 &lt;StopInstancesResponse&gt;
          &lt;instanceId&gt;i-0a1b2c3d4e5f60718&lt;/instanceId&gt;
        &lt;/StopInstancesResponse&gt;
        repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
        curl      a=$(curl -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=RunInstances&amp;Version=2016-11-15&amp;ImageId=ami-12345678&amp;InstanceType=t3.micro&amp;MinCount=1&amp;MaxCount=1&amp;TagSpecification.1.ResourceType=instance&amp;TagSpecification.1.Tag.1.Key=stopcheck&amp;TagSpecification.1.Tag.1.Value=run&apos; http://127.0.0.1:5000/ | grep -o &apos;instanceId&gt;i-[0-9a-f]\{8,17\}&apos; | head -n1 | cut -d&apos;&gt;&apos; -f2); : &quot;${a:?has no value}&quot;; until curl -s --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=DescribeInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot; http://127.0.0.1:5000/ | grep -q &apos;&lt;name&gt;running&lt;/name&gt;&apos;; do sleep 1; done; curl -i -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} -H &apos;content-type: application/x-www-form-urlencoded; charset=utf-8&apos; --data-raw &apos;Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot;&apos;&amp;DryRun=true&apos; http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=DescribeInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot; http://127.0.0.1:5000/ | grep -o &apos;&lt;name&gt;[^&lt;]*&lt;/name&gt;&apos;
        aws       a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query &apos;Instances[0].InstanceId&apos; --output text); : &quot;${a:?has no value}&quot;; aws ec2 wait instance-running --instance-ids &quot;$a&quot; --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids &quot;$a&quot; --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids &quot;$a&quot; --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query &apos;Reservations[].Instances[].[InstanceId,State.Name]&apos; --output text
        </failure>
                </testcase>
                <testcase name="dry-run/again" classname="stopcheck.dry-run" time="0.017">
                    <failure message="DRY-04: observed i-0b1b2c3d4e5f60718: stopping" type="DRY-04">
        What dry-run/again shows.

        FAIL DRY-04  A dry run changes nothing: the instance stays running.  MUST · documented+recorded · API, R14
              allowed   i-0b1b2c3d4e5f60718 stays running
              observed  i-0b1b2c3d4e5f60718: stopping
              step      1
              request   POST / Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=i-0b1b2c3d4e5f60718&amp;DryRun=true
              answer    200 &lt;StopInstancesResponse&gt;
          &lt;instanceId&gt;i-0b1b2c3d4e5f60718&lt;/instanceId&gt;
        &lt;/StopInstancesResponse&gt;
        repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/again
        curl      a=$(curl -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=RunInstances&amp;Version=2016-11-15&amp;ImageId=ami-12345678&amp;InstanceType=t3.micro&amp;MinCount=1&amp;MaxCount=1&amp;TagSpecification.1.ResourceType=instance&amp;TagSpecification.1.Tag.1.Key=stopcheck&amp;TagSpecification.1.Tag.1.Value=run&apos; http://127.0.0.1:5000/ | grep -o &apos;instanceId&gt;i-[0-9a-f]\{8,17\}&apos; | head -n1 | cut -d&apos;&gt;&apos; -f2); : &quot;${a:?has no value}&quot;; until curl -s --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=DescribeInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot; http://127.0.0.1:5000/ | grep -q &apos;&lt;name&gt;running&lt;/name&gt;&apos;; do sleep 1; done; curl -i -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} -H &apos;content-type: application/x-www-form-urlencoded; charset=utf-8&apos; --data-raw &apos;Action=StopInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot;&apos;&amp;DryRun=true&apos; http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 &quot;aws:amz:us-east-1:ec2&quot; --user &quot;$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY&quot; ${AWS_SESSION_TOKEN:+-H &quot;x-amz-security-token: $AWS_SESSION_TOKEN&quot;} --data-raw &apos;Action=DescribeInstances&amp;Version=2016-11-15&amp;InstanceId.1=&apos;&quot;$a&quot; http://127.0.0.1:5000/ | grep -o &apos;&lt;name&gt;[^&lt;]*&lt;/name&gt;&apos;
        aws       a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query &apos;Instances[0].InstanceId&apos; --output text); : &quot;${a:?has no value}&quot;; aws ec2 wait instance-running --instance-ids &quot;$a&quot; --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids &quot;$a&quot; --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids &quot;$a&quot; --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query &apos;Reservations[].Instances[].[InstanceId,State.Name]&apos; --output text
        </failure>
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
              allowed   an XML declaration of version 1.0 and encoding UTF-8
              observed  Server &quot;\u{1b}]0;owned\u{7}&lt;not-xml&gt;\u{202e}]]&gt;&amp;&quot;
              step      1
        </system-out>
                </testcase>
                <testcase name="refuse/spot" classname="stopcheck.refuse" time="0.000">
                    <skipped message="unsupported: RunInstances refuses Spot: InvalidParameter"/>
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
