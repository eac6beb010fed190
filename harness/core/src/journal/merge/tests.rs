use super::*;
use crate::journal::{
    CaseEnded, CaseStarted, EarlyEnd, Excerpt, Finding, Flaky, Judged, Noted, Observed, Outcome, Partition,
    RunSetup, SCHEMA, StatePair,
};
use crate::verdict::Verdict;

fn head(slice: &str) -> RunStarted {
    RunStarted {
        schema: SCHEMA,
        stopcheck: "0.1.0".to_owned(),
        run_id: None,
        endpoint: "http://127.0.0.1:5000".to_owned(),
        region: "us-east-1".to_owned(),
        edition: Default::default(),
        min_confidence: Default::default(),
        seed: 7,
        cases: 2,
        phases: BTreeMap::from([(Phase::Scenarios, 2)]),
        scenarios: Vec::new(),
        server: Vec::new(),
        left_out: 0,
        partition: Some(Partition {
            slice: slice.parse().expect("it is a slice"),
            setup: RunSetup {
                build: "b".to_owned(),
                contract: "c".to_owned(),
                options: BTreeMap::from([("phase".to_owned(), "scenarios".to_owned())]),
            },
        }),
        setup: None,
        read_lag_ms: 5_000,
        at_ms: 1_000,
    }
}

fn journal(name: &str, slice: &str) -> SliceJournal {
    SliceJournal {
        name: name.to_owned(),
        heads: vec![head(slice)],
        end: Some(RunEnded {
            at_ms: 2_000,
            interrupted: false,
            cut_short: None,
            most_instances: None,
        }),
    }
}

/// The journals with a change of one of them, and what is said of it.
fn refused(change: impl FnOnce(&mut Vec<SliceJournal>)) -> Vec<String> {
    let mut journals = vec![journal("a", "1/3"), journal("b", "2/3"), journal("c", "3/3")];
    change(&mut journals);
    let problems = Merge::of(&journals).expect_err("these are not one run");
    problems.iter().map(MergeProblem::to_string).collect()
}

#[test]
fn slices_in_any_order_are_one_run() {
    let mut journals = [journal("c", "3/3"), journal("a", "1/3"), journal("b", "2/3")];
    let [c, a, _] = &mut journals;
    for head in &mut c.heads {
        head.endpoint = "http://127.0.0.1:5003".to_owned();
        head.phases = BTreeMap::from([(Phase::Wire, 2)]);
    }
    let limit = EarlyEnd::TimeLimit { limit_ms: 60_000 };
    a.end = Some(RunEnded {
        at_ms: 9_000,
        interrupted: false,
        cut_short: Some(limit),
        most_instances: None,
    });
    let merge = Merge::of(&journals).expect("all slices are there");
    assert_eq!(merge.order(), [1, 2, 0]);
    assert_eq!(merge.head().partition, None);
    assert_eq!(merge.head().cases, 6);
    assert_eq!(
        merge.head().phases,
        BTreeMap::from([(Phase::Scenarios, 4), (Phase::Wire, 2)])
    );
    assert_eq!(merge.head().endpoint, "http://127.0.0.1:5000");
    assert_eq!(merge.end.at_ms, 9_000);
    assert!(merge.end.cut_short.is_some(), "the run did not play everything");
}

#[test]
fn a_missing_slice_is_named() {
    assert_eq!(refused(|all| _ = all.remove(1)), ["slice 2/3 is missing"]);
    assert_eq!(refused(|all| all.truncate(1)), ["slices 2/3, 3/3 are missing"]);
    assert_eq!(
        refused(|all| *all = vec![journal("a", "1/1000")])
            .iter()
            .map(|text| text.ends_with(" and 979 more are missing"))
            .collect::<Vec<_>>(),
        [true]
    );
}

#[test]
fn a_doubled_slice_is_named_with_its_journals() {
    assert_eq!(
        refused(|all| all.push(journal("d", "2/3"))),
        ["slice 2/3 is there 2 times: b, d"]
    );
}

#[test]
fn a_slice_of_another_run_is_named_with_what_differs() {
    let with = |change: fn(&mut RunStarted)| {
        refused(|all| {
            let heads = all
                .iter_mut()
                .filter(|one| one.name == "a")
                .flat_map(|one| &mut one.heads);
            heads.for_each(change);
        })
    };
    for (change, complaint) in [
        (
            (|head| head.seed = 8) as fn(&mut RunStarted),
            "a is of another run: its seed is 8, that of the others is 7",
        ),
        (
            |head| head.read_lag_ms = 1,
            "a is of another run: its read-lag is 1 ms, that of the others is 5000 ms",
        ),
        (
            |head| {
                if let Some(partition) = &mut head.partition {
                    partition.setup.build = "other".to_owned();
                }
            },
            "a is of another run: its build is other, that of the others is b",
        ),
        (
            |head| {
                if let Some(partition) = &mut head.partition {
                    partition
                        .setup
                        .options
                        .insert("case".to_owned(), "stop/*".to_owned());
                }
            },
            "a is of another run: its case is stop/*, that of the others is not set",
        ),
        (
            |head| head.region = "\u{1b}[2J".to_owned(),
            "a is of another run: its region is \\u{1b}[2J, that of the others is us-east-1",
        ),
    ] {
        assert_eq!(with(change), [complaint, "slice 1/3 is missing"]);
    }
    assert_eq!(
        refused(|all| all.push(journal("d", "1/2"))),
        ["d is of another run: its number of slices is 2, that of the others is 3"]
    );
}

#[test]
fn a_journal_that_is_not_whole_or_not_a_slice_is_named() {
    let with = |change: fn(&mut SliceJournal)| {
        refused(|all| all.iter_mut().filter(|one| one.name == "b").for_each(change))
    };
    assert_eq!(
        with(|one| one.end = None),
        ["b (slice 2/3) has no end: the run was killed; run this slice again"]
    );
    assert_eq!(
        with(|one| {
            one.end = Some(RunEnded {
                at_ms: 0,
                interrupted: true,
                cut_short: None,
                most_instances: None,
            });
        }),
        ["b (slice 2/3) was interrupted; run this slice again"]
    );
    assert_eq!(
        with(|one| one.heads.clear()),
        [
            "b is empty: its run did not begin; run its slice again",
            "slice 2/3 is missing"
        ]
    );
    assert_eq!(
        with(|one| one.heads.extend(one.heads.clone())),
        ["b has more than one run", "slice 2/3 is missing"]
    );
    assert_eq!(
        with(|one| one.heads.iter_mut().for_each(|head| head.partition = None)),
        [
            "b is not a slice: it was recorded without --partition",
            "slice 2/3 is missing"
        ]
    );
    assert!(Merge::of(&[]).is_err());
}

/// The events of a case with these findings.
fn case(name: &str, phase: Phase, index: usize, findings: &[(&str, Verdict, &str)]) -> Vec<Event> {
    let findings = findings.iter().map(|(clause, verdict, current)| Finding {
        case: name.to_owned(),
        step: 1,
        clause: (*clause).into(),
        verdict: *verdict,
        expected: Vec::new(),
        observed: vec![Observed::Change(crate::journal::StateChanged {
            id: Excerpt::word("i-1"),
            states: StatePair {
                previous: Excerpt::word("terminated"),
                current: Excerpt::word(current),
            },
        })],
        circumstances: Vec::new(),
        exchange: None,
    });
    let judged = Judged {
        case: name.to_owned(),
        step: 1,
        held: Vec::new(),
        findings: findings.collect(),
        choices: Vec::new(),
    };
    vec![
        Event::CaseStarted(CaseStarted {
            case: name.to_owned(),
            index,
            phase,
            draft: false,
            purpose: String::new(),
            clauses: Vec::new(),
            scenario: None,
        }),
        Event::Judged(judged),
        Event::CaseEnded(CaseEnded {
            case: name.to_owned(),
            outcome: Outcome::Judged {
                verdict: Verdict::Fail,
            },
        }),
    ]
}

fn recurred(case: &str, clause: &str, scripts: u64) -> Event {
    Event::Recurred(Recurred {
        case: case.to_owned(),
        clause: clause.into(),
        scripts,
    })
}

/// The names of the cases that are reported after a merge, and how often findings were seen in generated cases.
fn merged(slices: &[Vec<Event>], endpoint: &str) -> (Vec<String>, Vec<(String, String, u64)>) {
    let of = slices.len();
    let mut journals: Vec<SliceJournal> = (1..=of)
        .map(|number| journal(&number.to_string(), &format!("{number}/{of}")))
        .collect();
    for head in journals.iter_mut().flat_map(|journal| &mut journal.heads) {
        head.endpoint = endpoint.to_owned();
    }
    let merge = Merge::of(&journals).expect("all slices are there");
    let mut findings = SliceFindings::default();
    for event in slices.iter().flatten() {
        findings.take(event);
    }
    let mut events = findings.finish(&merge);
    let mut given: Vec<Event> = slices
        .iter()
        .flatten()
        .filter_map(|event| events.next(event.clone()))
        .collect();
    given.extend(events.finish());
    assert!(matches!(given.last(), Some(Event::RunEnded(_))));
    let (mut cases, mut seen) = (Vec::new(), Vec::new());
    for event in given {
        if let Event::CaseStarted(started) = &event
            && !started.draft
        {
            cases.push(started.case.clone());
        }
        if let Event::Recurred(one) = event {
            seen.push((one.case, one.clause.to_string(), one.scripts));
        }
    }
    (cases, seen)
}

const HTTP: &str = "http://127.0.0.1:5000";

#[test]
fn a_random_finding_of_several_slices_is_reported_once() {
    let found = |number: u64, current: &str| {
        let name = format!("random/{number}/err-09");
        let mut events = case(&name, Phase::Random, 10, &[("ERR-09", Verdict::Fail, current)]);
        events.push(recurred(&name, "ERR-09", 3));
        events
    };
    let slices = [found(7, "stopping"), found(4, "stopping"), found(5, "stopped")];
    let (cases, seen) = merged(&slices, HTTP);
    assert_eq!(
        cases,
        ["random/4/err-09"],
        "the first script, whichever slice played it"
    );
    assert_eq!(seen, [("random/4/err-09".to_owned(), "ERR-09".to_owned(), 9)]);
    // On the reference, a clause that fails in another way is another finding.
    let (cases, _) = merged(&slices, "reference");
    assert_eq!(cases, ["random/4/err-09", "random/5/err-09"]);
}

#[test]
fn a_random_finding_that_a_named_case_of_another_slice_shows_is_counted_there() {
    let mut random = case(
        "random/1/err-09",
        Phase::Random,
        10,
        &[("ERR-09", Verdict::Warn, "stopped")],
    );
    random.push(recurred("random/1/err-09", "ERR-09", 2));
    let mut named = case(
        "stop/terminated",
        Phase::Scenarios,
        3,
        &[("ERR-09", Verdict::Fail, "stopping")],
    );
    named.push(recurred("stop/terminated", "ERR-09", 5));
    let (cases, seen) = merged(&[random, named], HTTP);
    assert_eq!(cases, ["stop/terminated"]);
    assert_eq!(seen, [("stop/terminated".to_owned(), "ERR-09".to_owned(), 7)]);
}

#[test]
fn a_random_case_that_also_shows_something_new_stays() {
    let (known, new) = (
        ("ERR-09", Verdict::Fail, "stopping"),
        ("STT-07", Verdict::Fail, "stopping"),
    );
    let slices = [
        case("random/1/err-09", Phase::Random, 10, &[known]),
        case("random/2/stt-07", Phase::Random, 10, &[known, new]),
    ];
    assert_eq!(merged(&slices, HTTP).0, ["random/1/err-09", "random/2/stt-07"]);
}

#[test]
fn a_flaky_finding_is_not_taken_for_a_known_one() {
    let shown = [("ERR-09", Verdict::Fail, "stopping")];
    let mut flaky = case("random/1/err-09", Phase::Random, 10, &shown);
    let print = flaky.iter().find_map(|event| {
        let Event::Judged(judged) = event else { return None };
        judged.findings.first().map(Fingerprint::of)
    });
    flaky.push(Event::Flaky(Flaky {
        case: "random/1/err-09".to_owned(),
        clause: "ERR-09".into(),
        fingerprint: print.expect("it has a finding"),
        times: 1,
        of: 2,
    }));
    let sure = case("random/2/err-09", Phase::Random, 10, &shown);
    assert_eq!(
        merged(&[flaky, sure], HTTP).0,
        ["random/1/err-09", "random/2/err-09"]
    );
}

#[test]
fn a_note_about_the_whole_run_is_given_once() {
    let note = Event::Noted(Noted {
        case: String::new(),
        text: "no Spot".to_owned(),
    });
    let merge = Merge::of(&[journal("a", "1/1")]).expect("one slice is a run");
    let mut events = SliceFindings::default().finish(&merge);
    assert!(events.next(note.clone()).is_some());
    assert!(events.next(note).is_none());
}
