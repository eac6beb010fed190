use super::super::{
    CaseEnded, CaseStarted, Explored, Noted, Partition, RunId, RunSetup, SCHEMA, StepStarted,
};
use super::*;
use crate::journal::Intent;
use crate::verdict::Verdict;

fn head() -> RunStarted {
    RunStarted {
        schema: SCHEMA,
        stopcheck: "0.1.0".to_owned(),
        run_id: Some(RunId::new(7)),
        endpoint: "http://127.0.0.1:5000".to_owned(),
        region: "us-east-1".to_owned(),
        edition: Default::default(),
        min_confidence: Default::default(),
        seed: 7,
        cases: 2,
        phases: BTreeMap::new(),
        scenarios: Vec::new(),
        server: Vec::new(),
        left_out: 0,
        partition: None,
        setup: Some(RunSetup {
            build: "b".to_owned(),
            contract: "c".to_owned(),
            options: BTreeMap::from([("case".to_owned(), "stop/*".to_owned())]),
        }),
        read_lag_ms: 5_000,
        at_ms: 1_000,
    }
}

fn started(case: &str, phase: Phase, draft: bool) -> Event {
    Event::CaseStarted(CaseStarted {
        case: case.to_owned(),
        index: 0,
        phase,
        draft,
        purpose: String::new(),
        clauses: Vec::new(),
        scenario: None,
    })
}

fn step(case: &str) -> Event {
    Event::StepStarted(StepStarted {
        case: case.to_owned(),
        step: 1,
        intent: Intent::Observe,
        witness: Vec::new(),
        control: false,
        label: None,
        same_as: None,
    })
}

fn ended(case: &str, outcome: Outcome) -> Event {
    let case = case.to_owned();
    Event::CaseEnded(CaseEnded { case, outcome })
}

fn judged(case: &str) -> Event {
    let verdict = Verdict::Pass;
    ended(case, Outcome::Judged { verdict })
}

fn noted(case: &str) -> Event {
    let (case, text) = (case.to_owned(), String::new());
    Event::Noted(Noted { case, text })
}

fn resumed(events: &[Event], now: &RunStarted) -> Result<KeptCases, ResumeProblem> {
    let mut so_far = PlayedSoFar::default();
    for event in events {
        so_far.take(event);
    }
    so_far.resumed_as(now)
}

/// The cases whose steps are kept.
fn kept(events: &[Event]) -> Vec<&str> {
    let kept = resumed(events, &head()).expect("the run can be resumed");
    let events = events.iter().filter(|event| kept.keep(event));
    events
        .filter(|event| matches!(event, Event::StepStarted(_)))
        .filter_map(Event::case)
        .collect()
}

#[test]
fn cases_that_have_ended_are_kept_and_others_are_dropped() {
    let failed = Outcome::Error { what: "x".to_owned() };
    let (named, drawn) = (Phase::Scenarios, Phase::Random);
    let events = [
        Event::RunStarted(head()),
        started("a", named, false),
        started("b", named, false),
        step("b"),
        step("a"),
        judged("a"),
        noted("a"),
        started("c", named, false),
        step("c"),
        ended("c", failed),
        // A draft, and then the case that counts, which has not ended.
        started("d", Phase::Coverage, true),
        step("d"),
        judged("d"),
        started("d", Phase::Coverage, false),
        // The same, and it has.
        started("e", Phase::Concurrent, true),
        step("e"),
        judged("e"),
        started("e", Phase::Concurrent, false),
        step("e"),
        judged("e"),
        started("random/1", drawn, false),
        step("random/1"),
        judged("random/1"),
        step("clean-up"),
        noted(""),
        Event::Explored(Explored {
            phase: drawn,
            scripts: 1,
            steps: 1,
            untold: 0,
        }),
    ];
    assert_eq!(kept(&events), ["a", "e", "e", "clean-up"]);
    let kept = resumed(&events, &head()).expect("the run can be resumed");
    assert_eq!(kept.count(), 2);
    let about_the_run = events.iter().filter(|event| match event {
        Event::Noted(noted) => noted.case.is_empty(),
        Event::Explored(_) => true,
        _ => false,
    });
    assert_eq!(about_the_run.filter(|event| kept.keep(event)).count(), 0);
}

#[test]
fn a_run_that_has_ended_is_not_resumed_and_one_that_was_interrupted_is() {
    let end = |interrupted| {
        Event::RunEnded(RunEnded {
            at_ms: 0,
            interrupted,
            cut_short: None,
            most_instances: None,
        })
    };
    let begin = Event::RunStarted(head());
    assert_eq!(
        resumed(&[begin.clone(), end(false)], &head()),
        Err(ResumeProblem::Ended)
    );
    assert!(resumed(&[begin.clone(), end(true)], &head()).is_ok());
    // It was resumed, and killed again.
    assert!(resumed(&[begin.clone(), begin], &head()).is_ok());
}

#[test]
fn another_run_is_not_resumed_and_the_difference_is_named() {
    assert_eq!(resumed(&[], &head()), Err(ResumeProblem::NoRun));
    let begin = Event::RunStarted(head());
    let with = |change: fn(&mut RunStarted)| {
        let mut head = head();
        change(&mut head);
        head
    };
    let other = with(|head| head.run_id = Some(RunId::new(8)));
    assert_eq!(
        resumed(&[begin.clone(), Event::RunStarted(other.clone())], &head()),
        Err(ResumeProblem::SeveralRuns)
    );
    // The id of the run that is resumed is taken from the journal.
    assert!(resumed(std::slice::from_ref(&begin), &other).is_ok());
    let unknown = with(|head| head.setup = None);
    assert_eq!(
        resumed(&[Event::RunStarted(unknown)], &head()),
        Err(ResumeProblem::NoSetup)
    );
    for (change, text) in [
        (
            (|head| head.seed = 8) as fn(&mut RunStarted),
            "its seed is 7, and now it is 8",
        ),
        (
            |head| head.endpoint = "http://[::1]:1".to_owned(),
            "its endpoint is http://127.0.0.1:5000, and now it is http://[::1]:1",
        ),
        (
            |head| {
                if let Some(setup) = &mut head.setup {
                    setup.options.clear();
                }
            },
            "its case is stop/*, and now it is not set",
        ),
        (
            |head| {
                head.partition = Some(Partition {
                    slice: "2/2".parse().expect("it is a slice"),
                    setup: head.setup.take().expect("the head has one"),
                });
            },
            "its number of slices is 1, and now it is 2",
        ),
    ] {
        let problem = resumed(std::slice::from_ref(&begin), &with(change)).expect_err(text);
        assert!(problem.to_string().starts_with(text), "{problem}");
    }
    // A server that the run starts has another port each time.
    let served = |port: u16| {
        let mut head = head();
        head.server = vec!["serve".to_owned()];
        head.endpoint = format!("http://127.0.0.1:{port}");
        head
    };
    assert!(resumed(&[Event::RunStarted(served(1))], &served(2)).is_ok());
}
