//! Tests of the fold over a journal: which exchanges belong to a step, when it is over, and what came late or twice.

use super::*;
use crate::check::fold::JournalFold;
use crate::journal::{
    Aim, Answer, Bytes, CaseEnded, CaseStarted, Ending, Event, Exchange, HeaderRecords, Outcome, Phase,
    RawFault, RawRecord, RequestRecord, SentRecord, WireDemand,
};
use crate::verdict::Verdict;

/// The start of a case with one running instance.
fn begun() -> Vec<Event> {
    let case = CaseStarted {
        case: "case".to_owned(),
        index: 0,
        phase: Phase::Scenarios,
        draft: false,
        purpose: String::new(),
        clauses: Vec::new(),
        scenario: None,
    };
    let ready = FixtureReady {
        arranged_by: Vec::new(),
        case: "case".to_owned(),
        name: "a".to_owned(),
        id: A.to_owned(),
        kind: FixtureKind::default(),
        spot_request: None,
        at_ms: 0,
    };
    vec![Event::CaseStarted(case), Event::FixtureReady(ready)]
}

fn step(number: usize, intent: Intent) -> Event {
    Event::StepStarted(started(number, intent))
}

fn ended(outcome: Outcome) -> Event {
    Event::CaseEnded(CaseEnded {
        case: "case".to_owned(),
        outcome,
    })
}

fn passed() -> Outcome {
    Outcome::Judged {
        verdict: Verdict::Pass,
    }
}

/// A recorded judgement without findings.
fn judged(step: usize) -> Event {
    Event::Judged(Judged {
        case: "case".to_owned(),
        step,
        held: Vec::new(),
        findings: Vec::new(),
        choices: Vec::new(),
    })
}

/// The events that follow from a case with these events.
fn folded(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut fold = JournalFold::new(Arc::clone(&JUDGE));
    let mut out = Vec::new();
    for event in begun().into_iter().chain(events) {
        fold.take(event, |event| out.push(event));
    }
    fold.finish(|event| out.push(event));
    out.split_off(2)
}

/// The number of findings in each judgement.
fn findings(events: impl IntoIterator<Item = Event>) -> Vec<usize> {
    let judged = |event| match event {
        Event::Judged(judged) => Some(judged.findings.len()),
        _ => None,
    };
    folded(events).into_iter().filter_map(judged).collect()
}

fn exchanged(step: usize, sent: SentRecord, answers: Vec<Answer>) -> Event {
    Event::Exchanged(Box::new(Exchange {
        case: "case".to_owned(),
        step,
        role: Role::Act,
        call: Call::new("StopInstances", [("InstanceId.1", A)]),
        sent,
        answers,
        rest: Bytes::default(),
        ending: Ending::Silent,
        at_ms: 0,
        took_ms: 0,
        interval: None,
    }))
}

/// A stop that was answered with a server error.
fn call(step: usize) -> Event {
    let request = RequestRecord {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: HeaderRecords::default(),
        body: Bytes::default(),
    };
    let answer = Answer {
        status: 500,
        headers: HeaderRecords::default(),
        body: Bytes::default(),
    };
    exchanged(step, SentRecord::Request(request), vec![answer])
}

/// Raw bytes that were not answered.
fn bytes(step: usize) -> Event {
    let bytes = RawRecord {
        bytes: Bytes::default(),
        length: 0,
    };
    exchanged(step, SentRecord::Raw(bytes), Vec::new())
}

#[test]
fn a_step_is_judged_by_its_own_exchanges_alone() {
    let alone = |intent, exchange| findings([step(1, intent), exchange]);
    assert!(alone(Intent::Call, call(1)) > vec![0]);
    assert_eq!(alone(Intent::Call, call(2)), [0]);
    let aim = || {
        Intent::Wire(Aim {
            demand: WireDemand::Answered,
            fault: RawFault::None,
            also: Vec::new(),
            roots: Vec::new(),
            should: false,
        })
    };
    assert!(alone(aim(), bytes(1)) > vec![0]);
    assert_eq!(alone(aim(), bytes(2)), [0]);
    // An exchange that comes late belongs to no step.
    let late = [step(1, Intent::Call), step(2, Intent::Call), call(1)];
    assert_eq!(findings(late), [0, 0]);
}

#[test]
fn a_step_is_judged_when_the_next_begins_or_the_case_or_the_journal_ends() {
    let kinds = |events: Vec<Event>| -> Vec<&'static str> {
        let kind = |event| match event {
            Event::StepStarted(_) => "step",
            Event::Exchanged(_) => "exchange",
            Event::Judged(_) => "judged",
            Event::CaseEnded(_) => "end",
            _ => "other",
        };
        folded(events).into_iter().map(kind).collect()
    };
    let first = || vec![step(1, Intent::Call), call(1)];
    assert_eq!(kinds(first()), ["step", "exchange", "judged"]);
    let next = [first(), vec![step(2, Intent::Observe)]].concat();
    assert_eq!(kinds(next), ["step", "exchange", "judged", "step", "judged"]);
    let end = [first(), vec![ended(passed())]].concat();
    assert_eq!(kinds(end), ["step", "exchange", "judged", "end"]);
    // A step that we could not finish says nothing about the endpoint.
    let broken = ended(Outcome::Error {
        what: "gone".to_owned(),
    });
    assert_eq!(
        kinds([first(), vec![broken]].concat()),
        ["step", "exchange", "end"]
    );
}

#[test]
fn recorded_judgements_change_nothing() {
    let observed = || {
        [
            step(1, Intent::Call),
            call(1),
            step(2, Intent::Call),
            call(2),
            ended(passed()),
        ]
    };
    let expected = folded(observed());
    let [first, act, second, last, end] = observed();
    let with = [first, judged(1), act, judged(1), second, last, judged(7), end];
    assert_eq!(folded(with), expected);
    // What was derived once is derived the same again.
    assert_eq!(folded(expected.clone()), expected);
}

#[test]
fn a_case_ends_with_the_worst_that_was_found_now() {
    let outcome = |events: Vec<Event>| match folded(events).pop() {
        Some(Event::CaseEnded(ended)) => ended.outcome,
        other => unreachable!("an end stays one: {other:?}"),
    };
    let failed = || Outcome::Judged {
        verdict: Verdict::Fail,
    };
    // A later step without findings does not improve the verdict.
    let steps = vec![
        step(1, Intent::Call),
        call(1),
        step(2, Intent::Call),
        ended(passed()),
    ];
    assert_eq!(outcome(steps), failed());
    assert_eq!(outcome(vec![ended(failed())]), passed());
    let unsupported = Outcome::Unsupported {
        obstacle: Obstacle::NothingLaunched,
    };
    assert_eq!(outcome(vec![ended(unsupported.clone())]), unsupported);
}
