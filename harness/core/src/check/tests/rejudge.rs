//! Tests of judging a journal again: which exchanges belong to a step, and what came late or twice.

use super::*;
use crate::check::rejudge::JournalJudge;
use crate::journal::{
    Aim, Answer, Bytes, CaseEnded, CaseStarted, Ending, Event, HeaderRecords, Phase, RawFault, RequestRecord,
    WireDemand, Wired,
};
use crate::verdict::{Outcome, Verdict};

fn begun() -> JournalJudge {
    let mut again = JournalJudge::new(Arc::clone(&JUDGE));
    let case = CaseStarted {
        case: "case".to_owned(),
        index: 0,
        phase: Phase::Scenarios,
        draft: false,
        purpose: String::new(),
        clauses: Vec::new(),
        scenario: None,
    };
    again.take(Event::CaseStarted(case));
    again.take(Event::FixtureReady(FixtureReady {
        case: "case".to_owned(),
        name: "a".to_owned(),
        id: A.to_owned(),
        kind: FixtureKind::default(),
        spot_request: None,
        at_ms: 0,
    }));
    again
}

fn exchanged(step: usize) -> Event {
    Event::Exchanged(Box::new(Exchanged {
        case: "case".to_owned(),
        step,
        role: Role::Act,
        call: Call::new("StopInstances", [("InstanceId.1", A)]),
        request: RequestRecord {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: HeaderRecords::default(),
            body: Bytes::Text(String::new()),
        },
        answer: Answer::Response {
            status: 500,
            headers: HeaderRecords::default(),
            body: Bytes::Text(String::new()),
        },
        at_ms: 0,
        took_ms: 0,
    }))
}

fn wired(step: usize) -> Event {
    Event::Wired(Box::new(Wired {
        case: "case".to_owned(),
        step,
        call: Call::new("StopInstances", [("InstanceId.1", A)]),
        sent: Bytes::Text(String::new()),
        sent_length: 0,
        answers: Vec::new(),
        rest: Bytes::Text(String::new()),
        ending: Ending::Silent,
        at_ms: 0,
        took_ms: 0,
    }))
}

/// The number of findings of a step that was recorded without findings.
fn findings(again: &mut JournalJudge, intent: Intent, told: Event) -> Option<usize> {
    again.take(Event::StepStarted(started(1, intent)));
    again.take(told);
    let empty = Judged {
        case: "case".to_owned(),
        step: 1,
        held: Vec::new(),
        findings: Vec::new(),
        choices: Vec::new(),
    };
    match again.take(Event::Judged(empty))? {
        Event::Judged(judged) => Some(judged.findings.len()),
        other => unreachable!("a judgement stays one: {other:?}"),
    }
}

#[test]
fn a_step_is_judged_by_its_own_exchanges_alone() {
    assert!(findings(&mut begun(), Intent::Call, exchanged(1)) > Some(0));
    assert_eq!(findings(&mut begun(), Intent::Call, exchanged(2)), Some(0));
    let aim = || {
        Intent::Wire(Aim {
            demand: WireDemand::Answered,
            fault: RawFault::None,
            also: Vec::new(),
            roots: Vec::new(),
            should: false,
        })
    };
    assert!(findings(&mut begun(), aim(), wired(1)) > Some(0));
    assert_eq!(findings(&mut begun(), aim(), wired(2)), Some(0));
}

#[test]
fn a_case_ends_with_the_worst_that_was_found_now() {
    let ended = |again: &mut JournalJudge, outcome| {
        let event = again.take(Event::CaseEnded(CaseEnded {
            case: "case".to_owned(),
            outcome,
        }));
        match event {
            Some(Event::CaseEnded(ended)) => ended.outcome,
            other => unreachable!("an end stays one: {other:?}"),
        }
    };
    let passed = || Outcome::Judged {
        verdict: Verdict::Pass,
    };
    let mut again = begun();
    findings(&mut again, Intent::Call, exchanged(1));
    // A later step without findings does not improve the verdict.
    findings(&mut again, Intent::Call, exchanged(2));
    let failed = Outcome::Judged {
        verdict: Verdict::Fail,
    };
    assert_eq!(ended(&mut again, passed()), failed);
    assert_eq!(ended(&mut begun(), failed), passed());
    let unsupported = Outcome::Unsupported {
        reason: "no such action".to_owned(),
    };
    assert_eq!(ended(&mut begun(), unsupported.clone()), unsupported);
}
