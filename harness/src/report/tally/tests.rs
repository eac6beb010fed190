//! Tests of the tally: event streams, and the results collected from them.

use super::*;
use crate::journal::RunEnded;
use crate::report::sample::{self, A, B, SampleCase};

fn tally(events: &[Event]) -> Tally {
    let mut tally = Tally::new(&sample::contract());
    events.iter().for_each(|event| tally.take(event));
    tally
}

fn status(tally: &Tally, id: &str) -> Status {
    let found = tally
        .clause_statuses()
        .into_iter()
        .find(|clause| clause.id.as_str() == id);
    found.expect("the sample has the clause").status
}

#[test]
fn findings_that_differ_in_ids_only_are_one_group() {
    let tally = tally(&sample::mixed());
    let groups = tally.groups();
    let seen: Vec<_> = groups
        .iter()
        .map(|group| (group.clause.as_str(), group.findings, group.cases.as_slice()))
        .collect();
    assert_eq!(
        seen,
        [
            ("DRY-04", 2, ["dry-run/valid", "dry-run/again"].as_slice()),
            ("RSP-07", 1, &["refuse/unknown"])
        ]
    );
}

#[test]
fn every_clause_has_the_status_that_its_cases_give_it() {
    let tally = tally(&sample::mixed());
    assert_eq!(
        status(&tally, "DRY-04"),
        Status::Found {
            verdict: Verdict::Fail,
            findings: 2,
            by: vec!["dry-run/valid".into(), "dry-run/again".into()],
            cases: 2,
            known: false
        }
    );
    assert_eq!(
        status(&tally, "ERR-02"),
        Status::Held {
            by: vec!["refuse/unknown".into()],
            cases: 1
        }
    );
    assert_eq!(
        status(&tally, "SPT-01"),
        Status::Unreached {
            reason: "unsupported: RunInstances is answered by 400 InvalidParameter \"no Spot\"".into()
        }
    );
    assert_eq!(
        status(&tally, "LIM-02"),
        Status::Untested {
            reason: "needs a thousand instances".into()
        }
    );
    assert_eq!(status(&tally, "OLD-01"), Status::NotInEdition);
    let partial = self::tally(&sample::stream(vec![sample::bad_case("dry-run/valid", 0, A)]));
    assert_eq!(
        status(&partial, "SPT-01"),
        Status::Unreached {
            reason: "left out: refuse/spot".into()
        }
    );
}

#[test]
fn interleaved_cases_give_the_same_tally_as_one_after_the_other() {
    let [one, two] = [
        sample::bad_case("a", 0, A).events(),
        sample::bad_case("b", 1, B).events(),
    ];
    let mut mixed = vec![Event::RunStarted(sample::run())];
    for (one, two) in one.into_iter().zip(two) {
        mixed.extend([two, one]);
    }
    let mixed = tally(&mixed);
    let plain = tally(&sample::stream(vec![
        sample::bad_case("a", 0, A),
        sample::bad_case("b", 1, B),
    ]));
    let names = |tally: &Tally| {
        tally
            .cases()
            .map(|case| case.name.to_string())
            .collect::<Vec<_>>()
    };
    let evidence = |tally: &Tally| {
        tally
            .findings()
            .map(|(_, found)| found.evidence.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&mixed), ["a", "b"]);
    assert_eq!(evidence(&mixed), evidence(&plain));
    assert!(mixed.open.is_empty(), "nothing is kept of cases that ended");
}

#[test]
fn the_wire_is_kept_of_the_first_cases_of_a_group_whatever_ends_first() {
    let names: Vec<String> = (0..20).map(|index| format!("case/{index:02}")).collect();
    let cases = names
        .iter()
        .enumerate()
        .rev()
        .map(|(index, name)| sample::bad_case(name, index, A));
    let tally = tally(&sample::stream(cases.collect()));
    let kept: Vec<bool> = tally
        .findings()
        .map(|(_, found)| found.evidence.is_some())
        .collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), EVIDENCE_KEPT);
    assert!(kept.iter().take(EVIDENCE_KEPT).all(|kept| *kept));
}

#[test]
fn a_case_played_again_after_an_interruption_counts_once() {
    let unfinished = SampleCase {
        outcome: None,
        ..sample::bad_case("a", 0, A)
    };
    let mut events = vec![Event::RunStarted(sample::run())];
    events.extend(unfinished.events());
    let before = tally(&events);
    assert_eq!(
        (before.counts().unfinished, before.exit_code(Policy::default())),
        (1, exit::INTERRUPTED)
    );
    events.extend(sample::stream(vec![sample::good_case("a", 0, &["DRY-04"])]));
    let after = tally(&events);
    assert_eq!((after.counts().unfinished, after.counts().findings.fail), (0, 0));
    assert_eq!(after.exit_code(Policy::default()), exit::CONFORMANT);
}

#[test]
fn the_exit_code_follows_from_the_worst() {
    let lenient = Policy::default();
    let strict = Policy { strict: true };
    let code = |cases: Vec<SampleCase<'_>>, policy| tally(&sample::stream(cases)).exit_code(policy);
    let good = || sample::good_case("a", 0, &["DRY-01"]);
    let warned = || SampleCase {
        findings: vec![sample::finding(
            "w",
            "RSP-07",
            Verdict::Warn,
            sample::stays_running(A),
            sample::said("nginx"),
        )],
        outcome: sample::judged(Verdict::Warn),
        ..sample::good_case("w", 1, &[])
    };
    let error = || SampleCase {
        outcome: Some(Outcome::Error {
            what: "could not".into(),
        }),
        ..sample::good_case("e", 2, &[])
    };
    let bad = || sample::bad_case("b", 3, A);
    let unsupported = || SampleCase {
        outcome: Some(Outcome::Unsupported {
            obstacle: Obstacle::NoSpotRequest,
        }),
        ..sample::good_case("u", 4, &[])
    };
    assert_eq!(code(vec![good(), unsupported()], lenient), exit::CONFORMANT);
    assert_eq!(code(vec![good(), warned()], lenient), exit::CONFORMANT);
    assert_eq!(code(vec![good(), warned()], strict), exit::FINDINGS);
    assert_eq!(code(vec![good(), bad(), error()], lenient), exit::FINDINGS);
    assert_eq!(code(vec![good(), error()], lenient), exit::INTERNAL);
    assert_eq!(code(vec![unsupported()], lenient), exit::NOTHING_TESTED);
    assert_eq!(code(vec![], lenient), exit::NOTHING_TESTED);
    let mut events = sample::stream(vec![bad()]);
    events.pop();
    events.push(Event::RunEnded(RunEnded {
        at_ms: 0,
        interrupted: true,
        cut_short: None,
        most_instances: None,
    }));
    assert_eq!(tally(&events).exit_code(lenient), exit::INTERRUPTED);
}

#[test]
fn an_endpoint_that_answers_noise_does_not_make_groups_without_end() {
    let findings = (0..5000)
        .map(|number: u32| {
            sample::finding(
                "a",
                "DRY-04",
                Verdict::Fail,
                sample::stays_running(A),
                sample::seen(A, &format!("state-{number}")),
            )
        })
        .collect();
    let tally = tally(&sample::stream(vec![SampleCase {
        findings,
        ..sample::bad_case("a", 0, A)
    }]));
    assert_eq!(tally.groups().len(), GROUPS_KEPT + 1);
    assert_eq!(tally.counts().findings.fail, 5000);
}

/// The events of a case that was generated.
fn generated(name: &str, index: usize, draft: bool, fails: bool) -> Vec<Event> {
    let case = if fails {
        sample::bad_case(name, index, A)
    } else {
        sample::good_case(name, index, &["DRY-01"])
    };
    let mut events = case.events();
    for event in &mut events {
        if let Event::CaseStarted(started) = event {
            (started.phase, started.draft) = (Phase::Random, draft);
        }
    }
    events
}

fn of_a_run(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mixed = sample::mixed();
    let head = mixed.iter().find(|event| matches!(event, Event::RunStarted(_)));
    let end = Event::RunEnded(RunEnded {
        at_ms: 9,
        interrupted: false,
        cut_short: None,
        most_instances: None,
    });
    head.cloned().into_iter().chain(events).chain([end]).collect()
}

#[test]
fn a_draft_costs_requests_and_tells_nothing() {
    let tally = tally(&of_a_run(generated("random/1", 0, true, true)));
    let counts = tally.counts();
    assert!(counts.requests > 0);
    assert_eq!(
        (counts.findings.fail, counts.cases.all(), tally.cases().count()),
        (0, 0, 0)
    );
}

#[test]
fn scripts_of_which_there_is_nothing_to_tell_are_counted_and_not_kept() {
    let scripts = (0..100).flat_map(|number| generated(&format!("random/{number}"), 0, false, false));
    let explored = Event::Explored(Explored {
        phase: Phase::Random,
        scripts: 100,
        steps: 2000,
        untold: 7,
    });
    let with_sum = tally(&of_a_run(scripts.chain([explored])));
    let counts = with_sum.counts();
    assert_eq!(
        (counts.scripts, counts.steps, with_sum.cases().count()),
        (100, 2000, 0)
    );
    assert!(matches!(status(&with_sum, "DRY-01"), Status::Held { .. }));
    assert_eq!(with_sum.exit_code(Policy::default()), exit::CONFORMANT);
    let empty = tally(&of_a_run([]));
    assert_eq!(empty.exit_code(Policy::default()), exit::NOTHING_TESTED);
}

#[test]
fn a_finding_that_came_again_is_told_once_with_its_count() {
    let recurred = Event::Recurred(Recurred {
        case: "random/1/dry-04".into(),
        clause: "DRY-04".into(),
        scripts: 41,
    });
    let tally = tally(&of_a_run(
        generated("random/1/dry-04", 0, false, true)
            .into_iter()
            .chain([recurred]),
    ));
    let seen: Vec<u64> = tally.findings().map(|(_, found)| found.seen).collect();
    assert_eq!((seen, tally.counts().findings.fail), (vec![41], 1));
    assert_eq!(tally.exit_code(Policy::default()), exit::FINDINGS);
}

#[test]
fn what_does_not_come_every_time_decides_nothing() {
    let events = generated("random/1/dry-04", 0, false, true);
    let print = events
        .iter()
        .find_map(|event| match event {
            Event::Judged(judged) => judged.findings.first().map(Fingerprint::of),
            _ => None,
        })
        .expect("the case has a finding");
    let flaky = |fingerprint: Fingerprint| {
        Event::Flaky(Flaky {
            case: "random/1/dry-04".into(),
            clause: "DRY-04".into(),
            fingerprint,
            times: 1,
            of: 3,
        })
    };
    let told = |flaky: Event| tally(&of_a_run(events.clone().into_iter().chain([flaky])));
    let taken_back = told(flaky(print));
    let counts = taken_back.counts();
    assert_eq!((counts.findings.fail, counts.findings.inconclusive), (0, 1));
    assert_eq!(counts.cases.inconclusive, 1);
    assert_eq!(taken_back.exit_code(Policy::default()), exit::CONFORMANT);
    // Another finding of the same case keeps its verdict.
    let failed = Observed::Status { status: 500 };
    let other = told(flaky(Fingerprint::new(
        &"DRY-04".into(),
        Verdict::Fail,
        &[failed],
    )));
    assert_eq!(
        (other.counts().findings.fail, other.counts().findings.inconclusive),
        (1, 1)
    );
    assert_eq!(other.exit_code(Policy::default()), exit::FINDINGS);
}
