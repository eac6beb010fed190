//! Tests that no recorded answer of real AWS fails, and that an answer with one thing changed does.
//!
//! The records are those of `specs/recorded/`, as the contract loads them.

use std::sync::Arc;

use super::{CaseJudge, Judge, Observation};
use crate::contract::{Condition, Confidence, Edition, Grade, Moment, Recorded, embedded};
use crate::journal::{
    Answer, Bytes, Ending, Finding, FixtureReady, HeaderRecords, Intent, Role, StepStarted,
};
use crate::model::ReadLag;
use crate::plan;
use crate::protocol::capture::revive;
use crate::protocol::reply::{self, Body};
use crate::protocol::xml::Element;
use crate::verdict::Verdict;

mod captures;
mod samples;

use samples::{R01_ID, R12_ID};

/// A case with the instances of a record.
fn begin(edition: Edition, sample: &Recorded) -> CaseJudge {
    let contract = Arc::new(embedded(edition));
    let judge = Arc::new(Judge::new(contract, Confidence::default()).with_read_lag(ReadLag::NONE));
    let mut case = CaseJudge::new(judge, &sample.name);
    for fixture in &sample.fixtures {
        case.fixture(&FixtureReady {
            arranged_by: Vec::new(),
            case: sample.name.clone(),
            name: fixture.name.clone(),
            id: fixture.id.clone(),
            kind: fixture.kind,
            spot_request: None,
            at_ms: 0,
        });
    }
    case
}

/// The observation of a recorded answer.
fn exchange(role: Role, sample: &Recorded) -> Observation {
    let at_ms = sample.at.as_ref().map_or(0, Moment::unix_ms);
    let answer = Answer {
        status: sample.status,
        headers: HeaderRecords(sample.headers.clone()),
        body: Bytes::Text(sample.body.clone()),
    };
    let reply = revive(&answer)
        .map(reply::decode)
        .expect("a recorded answer is a response");
    Observation {
        role,
        call: Arc::new(plan::fill(&sample.call, sample)),
        replies: vec![reply],
        rest: Vec::new(),
        ending: Ending::Answered,
        at_ms,
        answered_ms: at_ms,
        interval: None,
    }
}

fn step(sample: &Recorded, intent: Intent) -> StepStarted {
    StepStarted {
        case: sample.name.clone(),
        step: 1,
        intent,
        witness: Vec::new(),
        control: false,
        label: None,
        same_as: None,
    }
}

fn findings(edition: Edition, sample: &Recorded) -> Vec<Finding> {
    let exchanges = [exchange(Role::Act, sample)];
    begin(edition, sample)
        .judge(&step(sample, Intent::Call), &exchanges)
        .findings
}

/// The clauses that fail for a sample.
fn failed(edition: Edition, sample: &Recorded) -> Vec<String> {
    findings(edition, sample)
        .into_iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .map(|finding| finding.clause.to_string())
        .collect()
}

#[test]
fn no_recorded_answer_of_aws_fails() {
    for edition in [Edition::Current, Edition::October2017] {
        for sample in samples::judged(edition) {
            let none: [&str; 0] = [];
            assert_eq!(failed(edition, &sample), none, "{} in {edition:?}", sample.name);
        }
    }
}

#[test]
fn what_was_recorded_in_words_warns_of_nothing_but_the_headers_of_its_year() {
    let of_its_year = ["RSP-04", "RSP-13", "RSP-21", "RSP-22"];
    for sample in samples::judged(Edition::Current) {
        let warned: Vec<String> = findings(Edition::Current, &sample)
            .into_iter()
            .filter(|finding| finding.verdict == Verdict::Warn)
            .map(|finding| finding.clause.to_string())
            .filter(|clause| !of_its_year.contains(&clause.as_str()))
            // R49 is the wording of another action.
            .filter(|clause| !(sample.name == "r49" && clause == "ERR-04"))
            .collect();
        assert_eq!(warned, [""; 0], "{}", sample.name);
    }
}

#[test]
fn one_thing_changed_about_a_recorded_answer_fails() {
    let table: [(&str, &str, &str, &[&str]); 14] = [
        ("r01", "2016-11-15/\"", "2016-11-15\"", &["RSP-02"]),
        ("r01", "requestId>", "RequestId>", &["RSP-03"]),
        ("r01", "<code>64</code>", "<code>16</code>", &["RSP-07"]),
        (
            "r01",
            "<name>running</name>",
            "",
            &["RSP-06", "RSP-07", "STT-01", "STT-13"],
        ),
        ("r12-stop", R12_ID, R01_ID, &["RSP-05"]),
        ("r14", "DryRunOperation", "DryRun", &["DRY-01"]),
        ("r14", "Errors>", "Error>", &["DRY-01", "RSP-19"]),
        (
            "r16",
            "IncorrectInstanceState",
            "IncorrectState",
            &["ERR-09", "STT-07"],
        ),
        (
            "r19",
            "UnsupportedOperation",
            "IncorrectInstanceState",
            &["IST-02"],
        ),
        (
            "r24",
            "UnsupportedHibernationConfiguration",
            "UnsupportedOperation",
            &["HIB-03"],
        ),
        ("r25", "Malformed", "NotFound", &["ERR-03"]),
        ("r28-border", "NotFound", "Malformed", &["ERR-05"]),
        ("r33", "InvalidAction", "UnknownAction", &["REQ-03"]),
        ("r34", "UnknownParameter", "InvalidParameter", &["REQ-13"]),
    ];
    for (source, from, to, clauses) in table {
        let sample = samples::find(source);
        assert!(sample.body.contains(from), "{source} holds {from}");
        let changed = Recorded {
            body: sample.body.replace(from, to),
            ..sample
        };
        assert_eq!(
            failed(Edition::Current, &changed),
            clauses,
            "{source}: {from} → {to}"
        );
    }
}

#[test]
fn a_finding_tells_the_circumstances_of_its_call() {
    let table: [(&str, &[Condition]); 4] = [
        ("r12-stop", &[]),
        ("r14", &[Condition::DryRun]),
        ("r16", &[Condition::Terminated]),
        ("r34", &[Condition::UnknownParameter]),
    ];
    for (source, circumstances) in table {
        let sample = samples::find(source);
        let changed = Recorded {
            headers: Vec::new(),
            ..sample
        };
        let findings = findings(Edition::Current, &changed);
        assert!(!findings.is_empty(), "{source} without its headers");
        for finding in findings {
            assert_eq!(finding.circumstances, circumstances, "{source}");
        }
    }
}

#[test]
fn another_status_fails_where_every_allowed_answer_has_the_same() {
    let table: [(&str, u16, &[&str]); 7] = [
        ("r14", 400, &["DRY-02"]),
        ("r16", 409, &["ERR-09", "ERR-13"]),
        ("r28-one", 404, &["ERR-13"]),
        ("r44", 404, &["ERR-01"]),
        ("r29", 401, &["AUT-10"]),
        // The records disagree about the status, so another one is a warning.
        ("r36", 400, &[]),
        ("r12-stop", 201, &["RSP-01"]),
    ];
    for (source, status, clauses) in table {
        let sample = samples::find(source);
        let changed = Recorded { status, ..sample };
        assert_eq!(
            failed(Edition::Current, &changed),
            clauses,
            "{source} with {status}"
        );
    }
}

/// Clauses and their verdicts.
type Guilt = &'static [(&'static str, Verdict)];

/// The clauses that a sample, followed by a description of its first instance, violates.
fn seen_after(sample: &Recorded, role: Role, state: &str, reason: &str, why: &str) -> Vec<(String, Verdict)> {
    let id = sample
        .fixtures
        .first()
        .map(|fixture| fixture.id.as_str())
        .unwrap_or_default();
    let look = Recorded {
        status: 200,
        body: samples::description(id, state, reason, why),
        ..samples::find(&sample.name)
    };
    let mut case = begin(Edition::Current, sample);
    let mut exchanges = vec![exchange(Role::Act, sample)];
    let mut found = Vec::new();
    if role == Role::Look {
        exchanges.push(exchange(Role::Look, &look));
    }
    found.extend(case.judge(&step(sample, Intent::Call), &exchanges).findings);
    if role == Role::Act {
        let looks = [exchange(Role::Look, &look)];
        found.extend(case.judge(&step(sample, Intent::Observe), &looks).findings);
    }
    let of_its_year = ["RSP-13", "RSP-21", "RSP-22"];
    found
        .into_iter()
        .map(|finding| (finding.clause.to_string(), finding.verdict))
        .filter(|(clause, _)| !of_its_year.contains(&clause.as_str()))
        .collect()
}

const SHUTDOWN: &str = "UserInitiatedShutdown: User initiated shutdown";
const HIBERNATE: &str = "UserInitiatedHibernate: User initiated hibernate";

#[test]
fn what_was_described_after_a_recorded_stop_is_without_finding() {
    // The Date of R01 is 2017-07-15 14:02:41, that of R06 2020-02-14 22:03:44; reasons were recorded up to one second
    // later.
    let table = [
        (
            "r01",
            "stopped",
            "User initiated (2017-07-15 14:02:41 GMT)",
            SHUTDOWN,
            "r50",
        ),
        (
            "r01",
            "stopping",
            "User initiated (2017-07-15 14:02:42 GMT)",
            SHUTDOWN,
            "r08",
        ),
        (
            "r06-hibernate",
            "stopping",
            "User initiated (2020-02-14 22:03:45 GMT)",
            HIBERNATE,
            "r07",
        ),
    ];
    for (source, state, reason, why, seen) in table {
        let found = seen_after(&samples::find(source), Role::Act, state, reason, why);
        assert_eq!(found, [], "{source}, then {seen}");
    }
}

#[test]
fn one_thing_changed_about_a_description_is_found() {
    let good = "User initiated (2017-07-15 14:02:41 GMT)";
    let late = "User initiated (2017-07-15 14:02:47 GMT)";
    let table: [(&str, &str, &str, &str, Guilt); 8] = [
        (
            "r01",
            "stopped",
            "User initiated",
            SHUTDOWN,
            &[("VIS-02", Verdict::Fail)],
        ),
        ("r01", "stopped", late, SHUTDOWN, &[("VIS-03", Verdict::Warn)]),
        ("r01", "stopped", good, HIBERNATE, &[("VIS-04", Verdict::Fail)]),
        // A hibernation that fails at run time becomes a shutdown; what a description shows then was not recorded.
        (
            "r06-hibernate",
            "stopping",
            "User initiated (2020-02-14 22:03:45 GMT)",
            SHUTDOWN,
            &[("HIB-02", Verdict::Warn)],
        ),
        (
            "r06-hibernate",
            "stopping",
            "User initiated (2020-02-14 22:03:45 GMT)",
            "",
            &[("HIB-02", Verdict::Fail), ("VIS-05", Verdict::Fail)],
        ),
        // The kind of a reason is a fact; the format of its time is wording.
        (
            "r01",
            "stopped",
            "User initiated (2017-07-15 14:02:41 UTC)",
            SHUTDOWN,
            &[("VIS-02", Verdict::Warn)],
        ),
        (
            "r01",
            "stopping",
            good,
            "",
            &[("VIS-04", Verdict::Fail), ("VIS-05", Verdict::Fail)],
        ),
        // This decides because reads do not lag in these tests.
        (
            "r01",
            "running",
            "",
            "",
            &[
                ("STT-02", Verdict::Fail),
                ("VIS-01", Verdict::Fail),
                ("VIS-07", Verdict::Fail),
            ],
        ),
    ];
    for (source, state, reason, why, expected) in table {
        let found = seen_after(&samples::find(source), Role::Act, state, reason, why);
        let found: Vec<(&str, Verdict)> = found
            .iter()
            .map(|(id, verdict)| (id.as_str(), *verdict))
            .collect();
        assert_eq!(found, expected, "{source}: {state} {reason} {why}");
    }
}

#[test]
fn a_refusal_is_believed_as_long_as_nothing_changed() {
    let table: [(&str, &str, Guilt); 9] = [
        ("r14", "running", &[]),
        ("r14", "stopping", &[("DRY-04", Verdict::Fail)]),
        ("r16", "terminated", &[]),
        ("r16", "stopped", &[("STT-07", Verdict::Fail)]),
        // A launch may complete while the call is being refused.
        ("r17", "running", &[]),
        ("r17", "stopping", &[("STT-08", Verdict::Fail)]),
        ("r32", "stopping", &[("IDM-03", Verdict::Fail)]),
        ("r34", "stopping", &[("REQ-13", Verdict::Fail)]),
        ("r19", "terminated", &[("IST-04", Verdict::Fail)]),
    ];
    for (source, state, expected) in table {
        let found = seen_after(&samples::find(source), Role::Look, state, "", "");
        let found: Vec<(&str, Verdict)> = found
            .iter()
            .map(|(id, verdict)| (id.as_str(), *verdict))
            .collect();
        assert_eq!(found, expected, "{source}, then {state}");
    }
}

#[test]
fn not_found_is_no_answer_for_what_is_still_described() {
    let gone = samples::purged("r16");
    assert_eq!(failed(Edition::Current, &gone), [""; 0], "it may be purged");
    let found = seen_after(&gone, Role::Look, "terminated", "", "");
    let found: Vec<(&str, Verdict)> = found
        .iter()
        .map(|(id, verdict)| (id.as_str(), *verdict))
        .collect();
    assert_eq!(found, [("ERR-09", Verdict::Fail), ("STT-07", Verdict::Fail)]);
}

#[test]
fn what_is_read_of_a_recorded_answer_is_all_of_it() {
    for sample in embedded(Edition::Current).recorded {
        let observation = exchange(Role::Act, &sample);
        let reply = observation.reply().expect("a record is an answer");
        assert_eq!(reply.status, sample.status, "{}", sample.name);
        for (name, value) in &sample.headers {
            assert_eq!(
                reply.header(name).as_deref(),
                Some(value.as_str()),
                "{}: {name}",
                sample.name
            );
        }
        let mut written = String::new();
        if let Body::Document(document) = &reply.body {
            write(document.root(), &mut written);
        }
        let body = sample.body.trim_end();
        let (_, body) = body.split_once("?>").expect("every record has a declaration");
        // White space between elements has no meaning.
        let body: Vec<&str> = body
            .split('>')
            .map(|part| {
                if part.trim_start().starts_with('<') {
                    part.trim_start()
                } else {
                    part
                }
            })
            .collect();
        assert_eq!(written, spelt_out(&body.join(">")), "{}", sample.name);
    }
}

/// A document in which `<a/>` is `<a></a>`.
fn spelt_out(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive("/>") {
        match part.strip_suffix("/>").and_then(|part| part.rsplit_once('<')) {
            Some((before, name)) => out.push_str(&format!("{before}<{name}></{name}>")),
            None => out.push_str(part),
        }
    }
    out
}

/// An element as the service writes it.
fn write(element: Element<'_>, out: &mut String) {
    let name = element.name();
    out.push_str(&format!("<{name}"));
    for (name, value) in element.attributes() {
        out.push_str(&format!(" {name}=\"{value}\""));
    }
    out.push('>');
    let before = out.len();
    for child in element.children() {
        write(child, out);
    }
    if out.len() == before {
        out.push_str(element.text());
    }
    out.push_str(&format!("</{name}>"));
}

#[test]
fn every_record_of_the_wire_and_of_an_sdk_is_there() {
    let contract = embedded(Edition::Current);
    let of_grade = |grade: Grade| -> Vec<&str> {
        let sources = contract.recorded.iter().filter(|one| one.grade == grade);
        let sources = sources.map(|one| one.source.as_str());
        let mut sources: Vec<&str> = sources.filter(|source| source.starts_with('R')).collect();
        sources.dedup();
        sources
    };
    // R07 and R50 are parts of descriptions, played by the tests above; the body of R41 was not kept.
    assert_eq!(
        of_grade(Grade::A),
        [
            "R01", "R14", "R33", "R34", "R37", "R38", "R39", "R43", "R45", "R46"
        ]
    );
    assert_eq!(
        of_grade(Grade::B),
        [
            "R02", "R03", "R04", "R05", "R06", "R08", "R09", "R10", "R11", "R12", "R15", "R48"
        ]
    );
}

#[test]
fn a_length_that_was_recorded_is_that_of_the_body() {
    let mut seen = 0;
    for sample in embedded(Edition::Current).recorded {
        let length = sample.headers.iter().find(|(name, _)| name == "Content-Length");
        if let Some((_, length)) = length {
            assert_eq!(*length, sample.body.len().to_string(), "{}", sample.name);
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen}");
}
