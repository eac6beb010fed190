//! What real AWS was recorded to answer is never a failure, and one thing changed about it is.
//!
//! Each sample carries the number under which it stands in the evidence. Bodies are as captured; where only a code and
//! a message were quoted, the envelope around them is the captured one.

use std::sync::Arc;

use super::again::judge_recorded;
use super::{CaseJudge, Judge};
use crate::contract::{Confidence, Edition, embedded};
use crate::journal::{
    Answer, Bytes, Exchanged, Finding, FixtureReady, Intent, RequestRecord, Role, StepStarted,
};
use crate::verdict::Verdict;
use crate::wire::Headers;

pub(crate) mod samples;

use samples::{R01_ID, R12_ID, Sample};

/// A case with the instances of a sample.
fn begin(edition: Edition, sample: &Sample) -> CaseJudge {
    let contract = Arc::new(embedded(edition));
    let judge = Arc::new(Judge::new(contract, Confidence::default()));
    let mut case = CaseJudge::new(judge, sample.source);
    for (id, kind) in &sample.fixtures {
        case.fixture(&FixtureReady {
            case: sample.source.to_owned(),
            name: (*id).to_owned(),
            id: (*id).to_owned(),
            kind: *kind,
            spot_request: None,
        });
    }
    case
}

fn exchange(role: Role, sample: &Sample) -> Exchanged {
    let headers = sample
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Exchanged {
        case: sample.source.to_owned(),
        step: 1,
        role,
        call: sample.call.clone(),
        request: RequestRecord {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: Headers::default(),
            body: Bytes::Text(String::new()),
        },
        answer: Answer::Response {
            status: sample.status,
            headers: headers.collect(),
            body: Bytes::Text(sample.body.clone()),
        },
        at_ms: 0,
        took_ms: 0,
    }
}

fn step(sample: &Sample, intent: Intent) -> StepStarted {
    StepStarted {
        case: sample.source.to_owned(),
        step: 1,
        intent,
        witness: Vec::new(),
        control: false,
        label: None,
        same_as: None,
    }
}

fn findings(edition: Edition, sample: &Sample) -> Vec<Finding> {
    let exchanges = [exchange(Role::Act, sample)];
    judge_recorded(
        &mut begin(edition, sample),
        &step(sample, Intent::Call),
        &exchanges,
    )
    .findings
}

/// The clauses that fail for a sample.
fn failed(edition: Edition, sample: &Sample) -> Vec<String> {
    findings(edition, sample)
        .into_iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .map(|finding| finding.clause.to_string())
        .collect()
}

#[test]
fn no_recorded_answer_of_aws_fails() {
    for sample in samples::all() {
        for edition in [Edition::Current, Edition::October2017] {
            if edition == Edition::Current || sample.in_2017 {
                let none: [&str; 0] = [];
                assert_eq!(failed(edition, &sample), none, "{} in {edition:?}", sample.source);
            }
        }
    }
}

#[test]
fn what_was_recorded_in_words_warns_of_nothing_but_the_headers_of_its_year() {
    let of_its_year = ["RSP-04", "RSP-13", "RSP-21", "RSP-22"];
    for sample in samples::all() {
        let warned: Vec<String> = findings(Edition::Current, &sample)
            .into_iter()
            .filter(|finding| finding.verdict == Verdict::Warn)
            .map(|finding| finding.clause.to_string())
            .filter(|clause| !of_its_year.contains(&clause.as_str()))
            .collect();
        assert_eq!(warned, [""; 0], "{}", sample.source);
    }
}

#[test]
fn one_thing_changed_about_a_recorded_answer_fails() {
    let table: [(&str, &str, &str, &[&str]); 14] = [
        ("R01", "2016-11-15/\"", "2016-11-15\"", &["RSP-02"]),
        ("R01", "requestId>", "RequestId>", &["RSP-03"]),
        ("R01", "<code>64</code>", "<code>16</code>", &["RSP-07"]),
        ("R01", "<name>running</name>", "", &["RSP-06", "RSP-07", "STT-01"]),
        ("R12", R12_ID, R01_ID, &["RSP-05"]),
        ("R14", "DryRunOperation", "DryRun", &["DRY-01"]),
        ("R14", "Errors>", "Error>", &["DRY-01", "RSP-19"]),
        (
            "R16",
            "IncorrectInstanceState",
            "IncorrectState",
            &["ERR-09", "STT-07"],
        ),
        (
            "R19",
            "UnsupportedOperation",
            "IncorrectInstanceState",
            &["IST-02"],
        ),
        (
            "R24",
            "UnsupportedHibernationConfiguration",
            "UnsupportedOperation",
            &["HIB-03"],
        ),
        ("R25", "Malformed", "NotFound", &["ERR-03"]),
        ("R28, one", "NotFound", "Malformed", &["ERR-05"]),
        ("R33", "InvalidAction", "UnknownAction", &["REQ-03"]),
        ("R34", "UnknownParameter", "InvalidParameter", &["REQ-13"]),
    ];
    for (source, from, to, clauses) in table {
        let sample = samples::find(source);
        assert!(sample.body.contains(from), "{source} holds {from}");
        let changed = Sample {
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
    let table: [(&str, &[&str]); 4] = [
        ("R12", &[]),
        ("R14", &["dry-run"]),
        ("R16", &["terminated"]),
        ("R34", &["unknown-parameter"]),
    ];
    for (source, circumstances) in table {
        let sample = samples::find(source);
        let changed = Sample {
            headers: &[],
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
        ("R14", 400, &["DRY-02"]),
        ("R16", 409, &["ERR-09", "ERR-13"]),
        ("R28, one", 404, &["ERR-05", "ERR-13"]),
        ("R44", 404, &["ERR-01"]),
        ("R29", 401, &["AUT-10"]),
        // The records disagree about the status, so another one is a warning.
        ("R36", 400, &[]),
        ("R12", 201, &["RSP-01"]),
    ];
    for (source, status, clauses) in table {
        let sample = samples::find(source);
        let changed = Sample { status, ..sample };
        assert_eq!(
            failed(Edition::Current, &changed),
            clauses,
            "{source} with {status}"
        );
    }
}

/// Clauses and what became of them.
type Guilt = &'static [(&'static str, Verdict)];

/// What a sample, and then a description of its first instance, are found guilty of.
fn seen_after(sample: &Sample, role: Role, state: &str, reason: &str, why: &str) -> Vec<(String, Verdict)> {
    let id = sample.fixtures.first().map(|(id, _)| *id).unwrap_or_default();
    let look = Sample {
        status: 200,
        body: samples::description(id, state, reason, why),
        ..samples::find(sample.source)
    };
    let mut case = begin(Edition::Current, sample);
    let mut exchanges = vec![exchange(Role::Act, sample)];
    let mut found = Vec::new();
    if role == Role::Look {
        exchanges.push(exchange(Role::Look, &look));
    }
    found.extend(judge_recorded(&mut case, &step(sample, Intent::Call), &exchanges).findings);
    if role == Role::Act {
        let looks = [exchange(Role::Look, &look)];
        found.extend(judge_recorded(&mut case, &step(sample, Intent::Observe), &looks).findings);
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
    // The Date of the answers is 2017-07-15 14:02:41; reasons were recorded up to one second later.
    let table = [
        (
            "R01",
            "stopped",
            "User initiated (2017-07-15 14:02:41 GMT)",
            SHUTDOWN,
            "R50",
        ),
        (
            "R01",
            "stopping",
            "User initiated (2017-07-15 14:02:42 GMT)",
            SHUTDOWN,
            "R08",
        ),
        (
            "R06",
            "stopping",
            "User initiated (2017-07-15 14:02:42 GMT)",
            HIBERNATE,
            "R07",
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
            "R01",
            "stopped",
            "User initiated",
            SHUTDOWN,
            &[("VIS-02", Verdict::Fail)],
        ),
        ("R01", "stopped", late, SHUTDOWN, &[("VIS-03", Verdict::Warn)]),
        ("R01", "stopped", good, HIBERNATE, &[("VIS-04", Verdict::Fail)]),
        // A hibernation that fails at run time becomes a shutdown; how that is told was not recorded.
        ("R06", "stopping", good, SHUTDOWN, &[("HIB-02", Verdict::Warn)]),
        (
            "R06",
            "stopping",
            good,
            "",
            &[("HIB-02", Verdict::Fail), ("VIS-05", Verdict::Fail)],
        ),
        // The kind of a reason is a fact, how its time is written is a text.
        (
            "R01",
            "stopped",
            "User initiated (2017-07-15 14:02:41 UTC)",
            SHUTDOWN,
            &[("VIS-02", Verdict::Warn)],
        ),
        (
            "R01",
            "stopping",
            good,
            "",
            &[("VIS-04", Verdict::Fail), ("VIS-05", Verdict::Fail)],
        ),
        // For a minute, descriptions may lag.
        ("R01", "running", "", "", &[("VIS-01", Verdict::Inconclusive)]),
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
        ("R14", "running", &[]),
        ("R14", "stopping", &[("DRY-04", Verdict::Fail)]),
        ("R16", "terminated", &[]),
        ("R16", "stopped", &[("STT-07", Verdict::Fail)]),
        // A launch may end while its refusal is under way.
        ("R17", "running", &[]),
        ("R17", "stopping", &[("STT-08", Verdict::Fail)]),
        ("R32", "stopping", &[("IDM-03", Verdict::Fail)]),
        ("R34", "stopping", &[("REQ-13", Verdict::Fail)]),
        ("R19", "terminated", &[("IST-04", Verdict::Fail)]),
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
    let gone = samples::purged("R16");
    assert_eq!(failed(Edition::Current, &gone), [""; 0], "it may be purged");
    let found = seen_after(&gone, Role::Look, "terminated", "", "");
    let found: Vec<(&str, Verdict)> = found
        .iter()
        .map(|(id, verdict)| (id.as_str(), *verdict))
        .collect();
    assert_eq!(found, [("ERR-09", Verdict::Fail), ("STT-07", Verdict::Fail)]);
}
