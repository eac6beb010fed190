//! The report for programs: one JSON object, with keys and items always in the same order.
//!
//! ```json
//! {
//!   "schema": 2,
//!   "stopcheck": "0.1.0",
//!   "endpoint": "http://127.0.0.1:5000",
//!   "region": "us-east-1",
//!   "edition": "current",
//!   "seed": 7,
//!   "summary": {"cases": {"pass": 196, "fail": 4, "…": 0}, "clauses": {"…": 0}, "findings": {"…": 0},
//!               "requests": 1234, "took_ms": 3200, "interrupted": false, "exit_code": 1},
//!   "clauses": [{"id": "DRY-04", "level": "MUST", "confidence": "documented+recorded", "statement": "…",
//!                "sources": ["API", "R14"], "status": "found", "verdict": "fail", "cases": ["dry-run/valid"]}],
//!   "findings": [{"id": "dry-run/valid#1/DRY-04", "clause": "DRY-04", "verdict": "fail", "case": "dry-run/valid",
//!                 "step": 1, "exchange": 0, "fingerprint": "DRY-04 fail stopping", "circumstances": ["dry-run"],
//!                 "expected": [{"kind": "state", "id": "i-0a…", "states": ["running"], "unchanged": true}],
//!                 "expected_text": "…", "observed": [{"kind": "state", "id": "i-0a…", "state": "stopping"}],
//!                 "observed_text": "…", "repeat": "stopcheck run …", "curl": "…"}],
//!   "cases": [{"name": "dry-run/valid", "outcome": "judged", "verdict": "fail", "clauses": ["DRY-04"], "…": 0}],
//!   "notes": [],
//!   "choices": {"unissued-id": {"InvalidInstanceID.Malformed": 12, "InvalidInstanceID.NotFound": 9}},
//!   "goldens": {"set": "moto-5.2.5", "recorded": false, "same": 97, "changed": [{"case": "stop/stopped", "diff": "…"}],
//!               "causes": [{"turn": "newly-violated", "clauses": ["STT-05"], "cases": ["stop/stopped"], "…": 0}],
//!               "new": [], "orphans": []}
//! }
//! ```
//!
//! A clause's `status` is `held`, `found`, `unreached`, `untested` or `not-in-edition`; a case's `outcome` is
//! `judged`, `unsupported`, `error` or `unfinished`. `choices` has the codes received where the contract allows
//! several, with the number of calls. `curl` and `aws` are present for the first findings of a group,
//! `goldens` if goldens were compared.
//!
//! A finding has what was allowed and observed as values ([`Expected`], [`Observed`]) and, for people, as text: the
//! wording of the texts may change in any version. `fingerprint` is the same for findings that say the same.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::contract::{ClauseId, Condition, Contract};
use crate::journal::{Expected, Noted, Observed};
use crate::report::tally::{ByVerdict, Case, Found, Goldens, Policy, Status, Tally};
use crate::verdict::Outcome;

/// The version of the format. It changes when a reader of the old version would misread the new one.
pub const SCHEMA: u32 = 2;

/// Writes the report.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let run = tally.run();
    let report = Report {
        schema: SCHEMA,
        stopcheck: run.map(|run| run.stopcheck.as_str()),
        endpoint: run.map(|run| run.endpoint.as_str()),
        region: run.map(|run| run.region.as_str()),
        edition: contract.edition.name(),
        seed: run.map(|run| run.seed),
        summary: summary(tally, policy),
        clauses: clauses(tally, contract),
        findings: tally
            .findings()
            .map(|(case, found)| finding(tally, contract, case, found))
            .collect(),
        cases: tally.cases().map(case_line).collect(),
        notes: tally.notes(),
        choices: tally.choices(),
        goldens: tally.goldens(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    stopcheck: Option<&'a str>,
    endpoint: Option<&'a str>,
    region: Option<&'a str>,
    edition: &'static str,
    seed: Option<u64>,
    summary: Summary,
    clauses: Vec<ClauseLine<'a>>,
    findings: Vec<FindingLine<'a>>,
    cases: Vec<CaseLine<'a>>,
    notes: &'a [Noted],
    choices: &'a BTreeMap<String, BTreeMap<String, usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goldens: Option<&'a Goldens>,
}

#[derive(Serialize)]
struct Summary {
    clauses: ClauseNumbers,
    cases: CaseNumbers,
    findings: FindingNumbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    random: Option<RandomNumbers>,
    requests: u64,
    took_ms: u64,
    interrupted: bool,
    strict: bool,
    exit_code: u8,
}

#[derive(Serialize)]
struct RandomNumbers {
    scripts: u64,
    steps: usize,
    cut_short: usize,
}

#[derive(Serialize)]
struct ClauseNumbers {
    all: usize,
    held: usize,
    failed: usize,
    warned: usize,
    inconclusive: usize,
    unreached: usize,
    untested: usize,
    not_in_edition: usize,
}

#[derive(Serialize)]
struct CaseNumbers {
    pass: usize,
    warn: usize,
    inconclusive: usize,
    fail: usize,
    unsupported: usize,
    error: usize,
    unfinished: usize,
    not_begun: usize,
    left_out: usize,
}

#[derive(Serialize)]
struct FindingNumbers {
    warn: usize,
    inconclusive: usize,
    fail: usize,
}

#[derive(Serialize)]
struct ClauseLine<'a> {
    id: ClauseId,
    level: &'static str,
    confidence: &'static str,
    decides: bool,
    statement: &'a str,
    sources: &'a [String],
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<usize>,
    /// The number of cases; `cases` has the names of the first few.
    case_count: usize,
    cases: Vec<String>,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    id: &'a str,
    clause: &'a ClauseId,
    verdict: &'static str,
    case: &'a str,
    step: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<usize>,
    fingerprint: String,
    circumstances: &'a [Condition],
    expected: &'a [Expected],
    expected_text: String,
    observed: &'a [Observed],
    observed_text: String,
    #[serde(skip_serializing_if = "is_zero")]
    seen: u64,
    repeat: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    curl: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    level: Option<&'static str>,
    confidence: Option<&'static str>,
    sources: &'a [String],
}

#[derive(Serialize)]
struct CaseLine<'a> {
    name: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    purpose: &'a str,
    clauses: &'a [ClauseId],
    findings: Vec<&'a str>,
    requests: usize,
    took_ms: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn summary(tally: &Tally, policy: Policy) -> Summary {
    let (counts, clauses) = (tally.counts(), tally.clause_counts());
    let ByVerdict {
        pass,
        warn,
        inconclusive,
        fail,
    } = counts.cases;
    Summary {
        clauses: ClauseNumbers {
            all: clauses.all,
            held: clauses.held,
            failed: clauses.failed,
            warned: clauses.warned,
            inconclusive: clauses.inconclusive,
            unreached: clauses.unreached,
            untested: clauses.untested,
            not_in_edition: clauses.not_in_edition,
        },
        cases: CaseNumbers {
            pass,
            warn,
            inconclusive,
            fail,
            unsupported: counts.unsupported,
            error: counts.errors,
            unfinished: counts.unfinished,
            not_begun: counts.not_begun,
            left_out: counts.left_out,
        },
        findings: FindingNumbers {
            warn: counts.findings.warn,
            inconclusive: counts.findings.inconclusive,
            fail: counts.findings.fail,
        },
        random: (counts.scripts > 0).then_some(RandomNumbers {
            scripts: counts.scripts,
            steps: counts.steps,
            cut_short: counts.cut_short,
        }),
        requests: counts.requests,
        took_ms: counts.took_ms,
        interrupted: tally.interrupted(),
        strict: policy.strict,
        exit_code: tally.exit_code(policy),
    }
}

fn clauses<'a>(tally: &Tally, contract: &'a Contract) -> Vec<ClauseLine<'a>> {
    let statuses = tally.clause_statuses();
    statuses
        .into_iter()
        .filter_map(|line| {
            let clause = contract.clause(&line.id)?;
            let mut out = ClauseLine {
                id: line.id,
                level: line.level.word(),
                confidence: line.confidence.word(),
                decides: clause.decides(),
                statement: &clause.statement,
                sources: &clause.sources,
                status: "not-in-edition",
                verdict: None,
                reason: None,
                findings: None,
                case_count: 0,
                cases: Vec::new(),
            };
            match line.status {
                Status::NotInEdition => {}
                Status::Untested { reason } => (out.status, out.reason) = ("untested", Some(reason)),
                Status::Unreached { reason } => (out.status, out.reason) = ("unreached", Some(reason)),
                Status::Held { by, cases } => (out.status, out.cases, out.case_count) = ("held", by, cases),
                Status::Found {
                    verdict,
                    findings,
                    by,
                    cases,
                } => {
                    (out.status, out.verdict) = ("found", Some(verdict.name()));
                    (out.findings, out.cases, out.case_count) = (Some(findings), by, cases);
                }
            }
            Some(out)
        })
        .collect()
}

fn finding<'a>(tally: &Tally, contract: &'a Contract, case: &'a Case, found: &'a Found) -> FindingLine<'a> {
    let clause = contract.clause(&found.clause);
    let evidence = found.evidence.as_deref();
    let on_the_wire = evidence.filter(|evidence| !evidence.request.is_empty());
    FindingLine {
        id: &found.id,
        clause: &found.clause,
        verdict: found.verdict.name(),
        case: &case.name,
        step: found.step,
        exchange: found.exchange,
        fingerprint: found.fingerprint().to_string(),
        circumstances: &found.circumstances,
        expected: &found.expected,
        expected_text: tally.expected_text(found),
        observed: &found.observed,
        observed_text: tally.observed_text(found),
        seen: found.seen,
        repeat: tally.repeat_command(case),
        curl: evidence.and_then(|evidence| evidence.repeat.curl.as_deref().ok()),
        aws: evidence.and_then(|evidence| evidence.repeat.aws.as_deref().ok()),
        request: on_the_wire.map(|evidence| evidence.request.as_str()),
        answer: on_the_wire.map(|evidence| evidence.answer.as_str()),
        level: clause.map(|clause| clause.level.word()),
        confidence: clause.map(|clause| clause.confidence.word()),
        sources: clause.map_or(&[], |clause| clause.sources.as_slice()),
    }
}

fn case_line(case: &Case) -> CaseLine<'_> {
    let (outcome, verdict, reason) = match &case.outcome {
        Some(Outcome::Judged { verdict }) => ("judged", Some(verdict.name()), None),
        Some(Outcome::Unsupported { reason }) => ("unsupported", None, Some(reason.as_str())),
        Some(Outcome::Error { what }) => ("error", None, Some(what.as_str())),
        None => ("unfinished", None, None),
    };
    CaseLine {
        name: &case.name,
        outcome,
        verdict,
        reason,
        purpose: &case.purpose,
        clauses: &case.clauses,
        findings: case.findings.iter().map(|found| found.id.as_ref()).collect(),
        requests: case.requests,
        took_ms: case.took_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_report_is_one_object_with_everything_in_order() {
        let contract = sample::contract();
        let mut tally = Tally::new(&contract);
        sample::mixed().iter().for_each(|event| tally.take(event));
        let mut out = Vec::new();
        write(&tally, &contract, Policy::default(), &mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("JSON is text");
        let report: serde_json::Value = serde_json::from_str(&text).expect("JSON is JSON");
        assert_eq!(report.pointer("/summary/exit_code"), Some(&1.into()));
        insta::assert_snapshot!(text.replace('\u{202e}', "<U+202E>"), @r#"
        {
          "schema": 2,
          "stopcheck": "0.1.0",
          "endpoint": "http://127.0.0.1:5000",
          "region": "us-east-1",
          "edition": "current",
          "seed": 0,
          "summary": {
            "clauses": {
              "all": 7,
              "held": 2,
              "failed": 1,
              "warned": 1,
              "inconclusive": 0,
              "unreached": 1,
              "untested": 1,
              "not_in_edition": 1
            },
            "cases": {
              "pass": 0,
              "warn": 1,
              "inconclusive": 0,
              "fail": 2,
              "unsupported": 1,
              "error": 1,
              "unfinished": 0,
              "not_begun": 0,
              "left_out": 0
            },
            "findings": {
              "warn": 1,
              "inconclusive": 0,
              "fail": 2
            },
            "requests": 10,
            "took_ms": 3250,
            "interrupted": false,
            "strict": false,
            "exit_code": 1
          },
          "clauses": [
            {
              "id": "DRY-01",
              "level": "MUST",
              "confidence": "documented",
              "decides": true,
              "statement": "A dry run answers `DryRunOperation`.",
              "sources": [
                "API"
              ],
              "status": "held",
              "case_count": 2,
              "cases": [
                "dry-run/valid",
                "dry-run/again"
              ]
            },
            {
              "id": "DRY-04",
              "level": "MUST",
              "confidence": "documented+recorded",
              "decides": true,
              "statement": "A dry run changes nothing: the instance stays running.",
              "sources": [
                "API",
                "R14"
              ],
              "status": "found",
              "verdict": "fail",
              "findings": 2,
              "case_count": 2,
              "cases": [
                "dry-run/valid",
                "dry-run/again"
              ]
            },
            {
              "id": "RSP-07",
              "level": "SHOULD",
              "confidence": "recorded",
              "decides": false,
              "statement": "The answer begins with an XML declaration.",
              "sources": [
                "R01"
              ],
              "status": "found",
              "verdict": "warn",
              "findings": 1,
              "case_count": 1,
              "cases": [
                "refuse/unknown"
              ]
            },
            {
              "id": "ERR-02",
              "level": "MUST",
              "confidence": "recorded",
              "decides": true,
              "statement": "An unknown id is refused.",
              "sources": [
                "R02"
              ],
              "status": "held",
              "case_count": 1,
              "cases": [
                "refuse/unknown"
              ]
            },
            {
              "id": "SPT-01",
              "level": "MUST",
              "confidence": "documented",
              "decides": true,
              "statement": "A one-time Spot Instance cannot be stopped.",
              "sources": [
                "API"
              ],
              "status": "unreached",
              "reason": "unsupported: RunInstances refuses Spot: InvalidParameter",
              "case_count": 0,
              "cases": []
            },
            {
              "id": "LIM-02",
              "level": "SHOULD",
              "confidence": "inferred",
              "decides": false,
              "statement": "A thousand ids are accepted.",
              "sources": [
                "a guess"
              ],
              "status": "untested",
              "reason": "needs a thousand instances",
              "case_count": 0,
              "cases": []
            },
            {
              "id": "OLD-01",
              "level": "MUST",
              "confidence": "documented",
              "decides": true,
              "statement": "Force flushes nothing.",
              "sources": [
                "M"
              ],
              "status": "not-in-edition",
              "case_count": 0,
              "cases": []
            }
          ],
          "findings": [
            {
              "id": "dry-run/valid#1/DRY-04",
              "clause": "DRY-04",
              "verdict": "fail",
              "case": "dry-run/valid",
              "step": 1,
              "exchange": 0,
              "fingerprint": "DRY-04 fail stopping",
              "circumstances": [
                "dry-run"
              ],
              "expected": [
                {
                  "kind": "state",
                  "id": "i-0a1b2c3d4e5f60718",
                  "states": [
                    "running"
                  ],
                  "unchanged": true
                }
              ],
              "expected_text": "i-0a1b2c3d4e5f60718 stays running",
              "observed": [
                {
                  "kind": "state",
                  "id": "i-0a1b2c3d4e5f60718",
                  "state": "stopping"
                }
              ],
              "observed_text": "i-0a1b2c3d4e5f60718: stopping",
              "repeat": "stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid",
              "curl": "a=$(curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\\{8,17\\}' | head -n1 | cut -d'>' -f2); : \"${a:?has no value}\"; until curl -s --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -q '<name>running</name>'; do sleep 1; done; curl -i -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} -H 'content-type: application/x-www-form-urlencoded; charset=utf-8' --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='\"$a\"'&DryRun=true' http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -o '<name>[^<]*</name>'",
              "aws": "a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text); : \"${a:?has no value}\"; aws ec2 wait instance-running --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids \"$a\" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text",
              "request": "POST / Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a1b2c3d4e5f60718&DryRun=true",
              "answer": "200 <StopInstancesResponse>\n  <instanceId>i-0a1b2c3d4e5f60718</instanceId>\n</StopInstancesResponse>",
              "level": "MUST",
              "confidence": "documented+recorded",
              "sources": [
                "API",
                "R14"
              ]
            },
            {
              "id": "dry-run/again#1/DRY-04",
              "clause": "DRY-04",
              "verdict": "fail",
              "case": "dry-run/again",
              "step": 1,
              "exchange": 0,
              "fingerprint": "DRY-04 fail stopping",
              "circumstances": [
                "dry-run"
              ],
              "expected": [
                {
                  "kind": "state",
                  "id": "i-0b1b2c3d4e5f60718",
                  "states": [
                    "running"
                  ],
                  "unchanged": true
                }
              ],
              "expected_text": "i-0b1b2c3d4e5f60718 stays running",
              "observed": [
                {
                  "kind": "state",
                  "id": "i-0b1b2c3d4e5f60718",
                  "state": "stopping"
                }
              ],
              "observed_text": "i-0b1b2c3d4e5f60718: stopping",
              "repeat": "stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/again",
              "curl": "a=$(curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\\{8,17\\}' | head -n1 | cut -d'>' -f2); : \"${a:?has no value}\"; until curl -s --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -q '<name>running</name>'; do sleep 1; done; curl -i -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} -H 'content-type: application/x-www-form-urlencoded; charset=utf-8' --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='\"$a\"'&DryRun=true' http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -o '<name>[^<]*</name>'",
              "aws": "a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text); : \"${a:?has no value}\"; aws ec2 wait instance-running --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids \"$a\" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text",
              "request": "POST / Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0b1b2c3d4e5f60718&DryRun=true",
              "answer": "200 <StopInstancesResponse>\n  <instanceId>i-0b1b2c3d4e5f60718</instanceId>\n</StopInstancesResponse>",
              "level": "MUST",
              "confidence": "documented+recorded",
              "sources": [
                "API",
                "R14"
              ]
            },
            {
              "id": "refuse/unknown#1/RSP-07",
              "clause": "RSP-07",
              "verdict": "warn",
              "case": "refuse/unknown",
              "step": 1,
              "exchange": 0,
              "fingerprint": "RSP-07 warn Server",
              "circumstances": [
                "dry-run"
              ],
              "expected": [
                {
                  "kind": "rule",
                  "check": "xml-declaration"
                }
              ],
              "expected_text": "an XML declaration of version 1.0 and encoding UTF-8",
              "observed": [
                {
                  "kind": "header",
                  "name": "Server",
                  "value": "\u001b]0;owned\u0007<not-xml><U+202E>]]>&"
                }
              ],
              "observed_text": "Server \"\\u{1b}]0;owned\\u{7}<not-xml><U+202E>]]>&\"",
              "repeat": "stopcheck run --endpoint-url http://127.0.0.1:5000 --case refuse/unknown",
              "level": "SHOULD",
              "confidence": "recorded",
              "sources": [
                "R01"
              ]
            }
          ],
          "cases": [
            {
              "name": "dry-run/valid",
              "outcome": "judged",
              "verdict": "fail",
              "purpose": "What dry-run/valid shows.",
              "clauses": [
                "DRY-01",
                "DRY-04"
              ],
              "findings": [
                "dry-run/valid#1/DRY-04"
              ],
              "requests": 5,
              "took_ms": 17
            },
            {
              "name": "dry-run/again",
              "outcome": "judged",
              "verdict": "fail",
              "purpose": "What dry-run/again shows.",
              "clauses": [
                "DRY-01",
                "DRY-04"
              ],
              "findings": [
                "dry-run/again#1/DRY-04"
              ],
              "requests": 5,
              "took_ms": 17
            },
            {
              "name": "refuse/unknown",
              "outcome": "judged",
              "verdict": "warn",
              "purpose": "What refuse/unknown shows.",
              "clauses": [
                "ERR-02"
              ],
              "findings": [
                "refuse/unknown#1/RSP-07"
              ],
              "requests": 0,
              "took_ms": 0
            },
            {
              "name": "refuse/spot",
              "outcome": "unsupported",
              "reason": "RunInstances refuses Spot: InvalidParameter",
              "purpose": "What refuse/spot shows.",
              "clauses": [
                "SPT-01"
              ],
              "findings": [],
              "requests": 0,
              "took_ms": 0
            },
            {
              "name": "concurrent/two",
              "outcome": "error",
              "reason": "could not connect: refused",
              "purpose": "What concurrent/two shows.",
              "clauses": [
                "DRY-01"
              ],
              "findings": [],
              "requests": 0,
              "took_ms": 0
            }
          ],
          "notes": [],
          "choices": {
            "unissued-id": {
              "InvalidInstanceID.NotFound": 3
            }
          }
        }
        "#);
    }
}
