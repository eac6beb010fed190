//! Tests with the captures of September 2026: the answers, the descriptions that followed them, and the histories of
//! whole instances are judged without a finding. With one thing changed, the finding is under the clause that covers
//! it.

use super::samples;
use super::{Guilt, begin, exchange, failed, step};
use crate::contract::{CallTemplate, Edition, Grade, Recorded, RecordedLook, embedded};
use crate::journal::{Intent, Role};
use crate::verdict::Verdict;

/// The findings when these records are judged in one case, each followed by its descriptions.
fn found_in(records: &[Recorded]) -> Vec<(String, String, Verdict)> {
    let first = records.first().expect("a case has a record");
    let mut case = begin(Edition::Current, first);
    let mut found = Vec::new();
    for record in records {
        let mut judge = |intent, exchanges: &[_]| {
            let judged = case.judge(&step(record, intent), exchanges);
            let findings = judged.findings.into_iter();
            found.extend(
                findings.map(|finding| (record.name.clone(), finding.clause.to_string(), finding.verdict)),
            );
        };
        judge(Intent::Call, &[exchange(Role::Act, record)]);
        if let (Some(last), Some(fixture)) = (record.seen.last(), record.fixtures.first()) {
            let looks: Vec<_> = record
                .seen
                .iter()
                .map(|look| exchange(Role::Look, &description(record, &fixture.id, look)))
                .collect();
            let intent = Intent::Settle {
                ids: vec![fixture.id.clone()],
                state: last.state.wire_name().unwrap_or_default().to_owned(),
            };
            judge(intent, &looks);
        }
    }
    found
}

/// The answer to DescribeInstances that showed this.
fn description(record: &Recorded, id: &str, look: &RecordedLook) -> Recorded {
    Recorded {
        call: CallTemplate {
            action: Some("DescribeInstances".to_owned()),
            params: vec![("InstanceId.1".to_owned(), id.to_owned())],
            form: record.call.form.clone(),
        },
        at: Some(look.at.clone()),
        status: 200,
        body: samples::described(id, look),
        ..record.clone()
    }
}

/// The clauses that a case of these records violates.
fn violations_in(records: &[Recorded]) -> Vec<(String, Verdict)> {
    let found = found_in(records).into_iter();
    found.map(|(_, clause, verdict)| (clause, verdict)).collect()
}

#[track_caller]
fn assert_violations(records: &[Recorded], expected: Guilt, what: &str) {
    let found = violations_in(records);
    let found: Vec<(&str, Verdict)> = found
        .iter()
        .map(|(clause, verdict)| (clause.as_str(), *verdict))
        .collect();
    assert_eq!(found, expected, "{what}");
}

/// The captures whose action the contract judges.
fn captures() -> impl Iterator<Item = Recorded> {
    let judged = samples::judged(Edition::Current);
    judged.into_iter().filter(|one| one.source.starts_with('C'))
}

#[test]
fn a_capture_and_the_descriptions_after_it_are_without_finding() {
    for record in captures() {
        let name = record.name.clone();
        assert_eq!(found_in(&[record]), [], "{name}");
    }
}

#[test]
fn the_captured_history_of_an_instance_is_without_finding() {
    let histories: [&[&str]; 6] = [
        &[
            "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c10", "c11", "c12", "c13", "c14", "c15",
            "c16", "c17", "c18", "c19",
        ],
        &["c50", "c51"],
        &[
            "c52", "c53", "c54-1", "c54-2", "c54-3", "c54-4", "c54-5", "c54-6", "c55", "c57", "c58", "c59",
            "c61",
        ],
        &["c64", "c65"],
        &["c108", "c109"],
        &["c157", "c158", "c159", "c160", "c161", "c162", "c163"],
    ];
    for history in histories {
        let records: Vec<Recorded> = history.iter().map(|name| samples::find(name)).collect();
        assert_eq!(found_in(&records), [], "{history:?}");
    }
}

#[test]
fn a_description_that_was_captured_whole_is_judged_as_one() {
    let started = Recorded {
        seen: Vec::new(),
        ..samples::find("c109")
    };
    let found_after = |changed: fn(&str) -> String| -> Vec<(String, Verdict)> {
        let mut case = begin(Edition::Current, &started);
        let mut found = Vec::new();
        let answer = [exchange(Role::Act, &started)];
        found.extend(case.judge(&step(&started, Intent::Call), &answer).findings);
        for name in ["c116", "c117"] {
            let look = samples::find(name);
            let look = Recorded {
                body: changed(&look.body),
                ..look
            };
            let looks = [exchange(Role::Look, &look)];
            found.extend(case.judge(&step(&look, Intent::Observe), &looks).findings);
        }
        let found = found.into_iter();
        found
            .map(|finding| (finding.clause.to_string(), finding.verdict))
            .collect()
    };
    assert_eq!(found_after(str::to_owned), []);
    let still_stopped = found_after(|body| body.replace("<name>running<", "<name>stopped<"));
    assert!(!still_stopped.is_empty(), "a started instance is not stopped");
}

#[test]
fn every_captured_stop_whose_answer_was_read_is_there() {
    let contract = embedded(Edition::Current);
    let of = |action: &str, grade: Grade| -> Vec<&str> {
        let records = contract.recorded.iter().filter(|one| {
            one.source.starts_with('C') && one.grade == grade && one.call.action.as_deref() == Some(action)
        });
        let mut sources: Vec<&str> = records.map(|one| one.source.as_str()).collect();
        sources.dedup();
        sources
    };
    assert_eq!(
        of("StopInstances", Grade::B),
        [
            "C01", "C06", "C10", "C14", "C18", "C50", "C52", "C53", "C54", "C55", "C57", "C59", "C63", "C64",
            "C65", "C69", "C101", "C135", "C157", "C158", "C159", "C160", "C161", "C163"
        ]
    );
    assert_eq!(of("StopInstances", Grade::A), ["C108"]);
    assert_eq!(of("StartInstances", Grade::A), ["C109"]);
    assert_eq!(of("DescribeInstances", Grade::A), ["C116", "C117"]);
}

const STOPPED: &str = "State><code>80</code><name>stopped</name>";
const STOPPING: &str = "State><code>64</code><name>stopping</name>";
const RUNNING: &str = "State><code>16</code><name>running</name>";

fn previous(state: &str) -> String {
    format!("<previous{state}")
}

fn current(state: &str) -> String {
    format!("<current{state}")
}

#[test]
fn one_thing_changed_about_a_captured_answer_fails() {
    let table: [(&str, String, String, &[&str]); 15] = [
        ("c06", current(STOPPING), current(STOPPED), &["STT-01"]),
        (
            "c14",
            "<name>stopping</name>".into(),
            "<name>stopped</name>".into(),
            &["RSP-07", "STT-01"],
        ),
        (
            "c101",
            "<code>16</code>".into(),
            "<code>80</code>".into(),
            &["RSP-07"],
        ),
        (
            "c108",
            "i-03e5ca91b6aebe68b".into(),
            "i-02cf94755c7c86a99".into(),
            &["RSP-05"],
        ),
        ("c135", "2016-11-15/\"".into(), "2016-11-15\"".into(), &["RSP-02"]),
        ("c163", "requestId>".into(), "RequestId>".into(), &["RSP-03"]),
        ("c12", previous(STOPPED), previous(RUNNING), &["STT-10"]),
        ("c15", previous(STOPPED), previous(RUNNING), &["STT-12"]),
        (
            "c18",
            "IncorrectInstanceState".into(),
            "IncorrectState".into(),
            &["ERR-09", "STT-07"],
        ),
        (
            "c50",
            "UnsupportedHibernationConfiguration".into(),
            "UnsupportedOperation".into(),
            &["HIB-03"],
        ),
        (
            "c63",
            "UnsupportedHibernationConfiguration".into(),
            "InvalidParameterCombination".into(),
            &["HIB-03"],
        ),
        ("c01", "DryRunOperation".into(), "DryRun".into(), &["DRY-01"]),
        (
            "c158",
            "DryRunOperation".into(),
            "InvalidParameterCombination".into(),
            &["DRY-01"],
        ),
        ("c158", "Errors>".into(), "Error>".into(), &["DRY-01", "RSP-19"]),
        ("c157", "RequestID>".into(), "requestId>".into(), &["RSP-19"]),
    ];
    assert_each_fails(&table);
}

/// Asserts that each record, with all occurrences of one text in its body replaced, fails exactly these clauses.
#[track_caller]
fn assert_each_fails(table: &[(&str, String, String, &[&str])]) {
    let mut wrong = Vec::new();
    for (name, from, to, clauses) in table {
        let sample = samples::find(name);
        assert!(sample.body.contains(from), "{name} holds {from}");
        let changed = Recorded {
            body: sample.body.replace(from, to),
            ..sample
        };
        let found = failed(Edition::Current, &changed);
        if found != *clauses {
            wrong.push(format!("{name}, {from} → {to}: {found:?}, expected {clauses:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_endpoint_that_always_says_running_fails_at_a_stop_with_nothing_to_do() {
    let table: [(&str, String, String, &[&str]); 4] = [
        ("c10", previous(STOPPED), previous(RUNNING), &["STT-05", "STT-13"]),
        ("c57", previous(STOPPED), previous(RUNNING), &["STT-05", "STT-13"]),
        ("c10", current(STOPPED), current(STOPPING), &["STT-05"]),
        ("c69", previous(RUNNING), previous(STOPPED), &["STT-01", "STT-13"]),
    ];
    assert_each_fails(&table);
}

#[test]
fn another_status_of_a_captured_answer_fails() {
    let table: [(&str, u16, &[&str]); 5] = [
        ("c01", 400, &["DRY-02"]),
        ("c159", 400, &["DRY-02"]),
        ("c18", 409, &["ERR-09", "ERR-13"]),
        ("c50", 412, &["ERR-13", "HIB-03"]),
        ("c161", 202, &["RSP-01"]),
    ];
    let mut wrong = Vec::new();
    for (name, status, clauses) in table {
        let changed = Recorded {
            status,
            ..samples::find(name)
        };
        let found = failed(Edition::Current, &changed);
        if found != clauses {
            wrong.push(format!("{name} with {status}: {found:?}, expected {clauses:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_thing_changed_about_a_captured_description_is_found() {
    type Change = fn(&mut RecordedLook);
    let table: [(&str, Change, Guilt); 7] = [
        ("c06", |last| last.reason.clear(), &[("VIS-02", Verdict::Fail)]),
        (
            "c06",
            |last| last.state_reason = None,
            &[("VIS-04", Verdict::Fail)],
        ),
        (
            "c55",
            |last| last.state_reason = None,
            &[("HIB-02", Verdict::Fail)],
        ),
        (
            "c55",
            |last| {
                last.state_reason = Some("Client.UserInitiatedShutdown: User initiated shutdown".to_owned());
            },
            &[("HIB-02", Verdict::Warn)],
        ),
        (
            "c108",
            |last| last.public_ip = Some("98.83.222.71".to_owned()),
            &[("STT-11", Verdict::Fail)],
        ),
        (
            "c108",
            |last| last.private_ip = Some("10.237.42.57".to_owned()),
            &[("STT-11", Verdict::Fail)],
        ),
        (
            "c14",
            |last| last.private_ip = Some("10.237.0.15".to_owned()),
            &[("STT-11", Verdict::Fail)],
        ),
    ];
    for (name, change, expected) in table {
        let mut record = samples::find(name);
        assert_violations(&[record.clone()], &[], name);
        change(record.seen.last_mut().expect("it was described"));
        let what = format!("{name}: {:?}", record.seen.last());
        assert_violations(&[record], expected, &what);
    }
}

#[test]
fn a_restarted_instance_that_keeps_the_reason_of_its_stop_is_found() {
    let mut started = samples::find("c12");
    let last = started.seen.last_mut().expect("it was described");
    last.reason = "User initiated (2026-09-25 20:59:05 GMT)".to_owned();
    assert_violations(&[started], &[("VIS-06", Verdict::Fail)], "a reason while running");
}

#[test]
fn a_stop_that_has_nothing_to_do_leaves_the_reason_of_the_first() {
    let first = samples::find("c06");
    let mut again = samples::find("c10");
    let mut look = first.seen.last().cloned().expect("it was described");
    again.seen = vec![look.clone()];
    assert_violations(&[first.clone(), again.clone()], &[], "the reason stays");
    look.state_reason = Some("Client.UserInitiatedHibernate: User initiated hibernate".to_owned());
    again.seen = vec![look];
    assert_violations(
        &[first, again],
        &[("IDM-02", Verdict::Warn), ("VIS-04", Verdict::Fail)],
        "another reason afterwards",
    );
}
