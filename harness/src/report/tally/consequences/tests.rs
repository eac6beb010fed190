use super::*;
use crate::contract::{Check, Contract};
use crate::journal::{AllowedRefusal, Few, Finding, InstancePart, StateChanged, StatePair};
use crate::report::exit;
use crate::report::sample::{self, A, B, SampleCase};
use crate::report::tally::Policy;

/// A stop of this instance was accepted.
fn accepted(id: &str) -> Observed {
    let change = StateChanged {
        id: Excerpt::word(id),
        states: StatePair {
            previous: Excerpt::word("terminated"),
            current: Excerpt::word("stopping"),
        },
    };
    Observed::Answer(AnswerSummary {
        status: 200,
        body: BodySummary::Items {
            items: Few::from_iter([change]),
        },
    })
}

/// The instance has lost its volumes.
fn lost_volumes(id: &str) -> Observed {
    Observed::Part {
        id: Excerpt::word(id),
        part: InstancePart::Volumes,
        before: Few::from_iter([Excerpt::word("vol-1")]),
        after: Few::default(),
    }
}

fn refused() -> Expected {
    let answers = vec![AllowedRefusal {
        status: vec![400],
        code: "IncorrectInstanceState".into(),
    }];
    Expected::Refusal { answers }
}

/// A call was accepted that must be refused.
fn fails(clause: &str) -> Finding {
    sample::finding("", clause, Verdict::Fail, refused(), accepted(A))
}

fn case<'a>(
    name: &'a str,
    clauses: &'a [&'a str],
    held: &'a [&'a str],
    findings: Vec<Finding>,
) -> SampleCase<'a> {
    let findings = findings.into_iter().map(|finding| Finding {
        case: name.into(),
        ..finding
    });
    SampleCase {
        held,
        findings: findings.collect(),
        ..sample::good_case(name, 0, clauses)
    }
}

fn tally_of(cases: Vec<SampleCase<'_>>) -> Tally {
    tally_with(&sample::contract(), cases)
}

fn tally_with(contract: &Contract, cases: Vec<SampleCase<'_>>) -> Tally {
    let mut tally = Tally::new(contract);
    let cases = (0..).zip(cases).map(|(index, case)| SampleCase { index, ..case });
    sample::stream(cases.collect())
        .iter()
        .for_each(|event| tally.take(event));
    tally
}

/// The causes, one a line, each with its findings and what follows from it.
fn causes(cases: Vec<SampleCase<'_>>) -> String {
    causes_in(&tally_of(cases))
}

fn causes_in(tally: &Tally) -> String {
    let causes = tally.causes();
    let lines = causes.all().iter().map(|cause| {
        let findings: usize = cause.groups.iter().map(|group| group.findings).sum();
        let consequences = cause
            .consequences
            .iter()
            .map(|one| format!("; {} {} {}", one.clause, one.relation.word(), one.findings));
        format!("{} {findings}{}", cause.clause, consequences.collect::<String>())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `DRY-01` fails in its own case, and with `ERR-02` where both concern one call; the case of `ERR-02` holds.
fn in_company(together: Vec<Finding>) -> Vec<SampleCase<'static>> {
    vec![
        case("dry-run/valid", &["DRY-01"], &[], vec![fails("DRY-01")]),
        case("refuse/unknown", &["ERR-02"], &["ERR-02"], vec![]),
        case("both", &[], &[], together),
    ]
}

#[test]
fn a_clause_that_holds_alone_is_not_blamed_in_company() {
    assert_eq!(
        causes(in_company(vec![fails("DRY-01"), fails("ERR-02")])),
        "DRY-01 2; ERR-02 holds-alone 1"
    );
}

#[test]
fn an_observation_that_includes_the_other_is_the_same() {
    let mut more = fails("DRY-01");
    more.observed.push(sample::seen(A, "stopped"));
    assert_eq!(
        causes(in_company(vec![more, fails("ERR-02")])),
        "DRY-01 2; ERR-02 holds-alone 1"
    );
}

#[test]
fn a_clause_follows_from_the_case_that_shows_what_it_needs() {
    let mut contract = sample::contract();
    for clause in &mut contract.clauses {
        if clause.id.as_str() == "ERR-02" {
            clause.explained_by = Some("dry-run/valid".to_owned());
        }
    }
    let cases = |of_needed: Vec<Finding>| {
        let needed = case("dry-run/valid", &["DRY-01"], &[], of_needed);
        let own = case("refuse/unknown", &["ERR-02"], &[], vec![fails("ERR-02")]);
        tally_with(&contract, vec![needed, own])
    };
    let explained = causes_in(&cases(vec![fails("DRY-01")]));
    assert_eq!(explained, "DRY-01 1; ERR-02 presupposed 1");
    assert_eq!(causes_in(&cases(vec![])), "ERR-02 1");
    let warned = Finding {
        verdict: Verdict::Warn,
        ..fails("DRY-01")
    };
    assert_eq!(causes_in(&cases(vec![warned])), "ERR-02 1\nDRY-01 1");
    let of_another = case("dry-run/valid", &["STT-01"], &[], vec![fails("DRY-01")]);
    let own = case("refuse/unknown", &["ERR-02"], &[], vec![fails("ERR-02")]);
    let tally = tally_with(&contract, vec![of_another, own]);
    assert_eq!(causes_in(&tally), "DRY-01 1\nERR-02 1");
}

#[test]
fn company_alone_explains_nothing() {
    let blames_both = "DRY-01 2\nERR-02 1";
    let other_answer = Finding {
        observed: vec![accepted(B)],
        ..fails("ERR-02")
    };
    assert_eq!(
        causes(in_company(vec![fails("DRY-01"), other_answer])),
        blames_both
    );
    let other_exchange = Finding {
        exchange: Some(1),
        ..fails("ERR-02")
    };
    assert_eq!(
        causes(in_company(vec![fails("DRY-01"), other_exchange])),
        blames_both
    );
    let no_exchange = |clause| Finding {
        exchange: None,
        ..fails(clause)
    };
    assert_eq!(
        causes(in_company(vec![no_exchange("DRY-01"), no_exchange("ERR-02")])),
        blames_both
    );
    let milder = Finding {
        verdict: Verdict::Warn,
        ..fails("DRY-01")
    };
    assert_eq!(causes(in_company(vec![milder, fails("ERR-02")])), blames_both);
}

#[test]
fn a_clause_that_fails_alone_stays_a_cause() {
    let mut cases = in_company(vec![fails("DRY-01"), fails("ERR-02")]);
    cases.push(case("refuse/again", &["ERR-02"], &[], vec![fails("ERR-02")]));
    assert_eq!(causes(cases), "DRY-01 2\nERR-02 2");
}

#[test]
fn a_clause_whose_own_case_was_not_judged_follows_only_if_it_fails_nowhere_else() {
    let mut cases = in_company(vec![fails("DRY-01"), fails("ERR-02")]);
    cases.remove(1);
    cases.push(case("elsewhere", &[], &[], vec![fails("ERR-02")]));
    assert_eq!(causes(cases), "DRY-01 2\nERR-02 2");
}

#[test]
fn a_failure_is_explained_although_the_cases_of_its_clause_warn_and_a_warning_is_not() {
    let warns = |clause| Finding {
        verdict: Verdict::Warn,
        ..fails(clause)
    };
    let with = |together: Vec<Finding>| {
        let mut cases = in_company(together);
        cases.push(case("refuse/again", &["ERR-02"], &[], vec![warns("ERR-02")]));
        causes(cases)
    };
    assert_eq!(
        with(vec![fails("DRY-01"), fails("ERR-02")]),
        "DRY-01 2; ERR-02 holds-alone 1\nERR-02 1"
    );
    assert_eq!(with(vec![fails("DRY-01"), warns("ERR-02")]), "DRY-01 2\nERR-02 2");
}

#[test]
fn observations_of_several_parts_are_not_the_same_thing() {
    let reason = |clause| Finding {
        observed: vec![Observed::Reason {
            id: Excerpt::word(A),
            reason: Excerpt::quote("User initiated"),
            state_reason: None,
            apart_s: None,
        }],
        ..fails(clause)
    };
    assert_eq!(
        causes(in_company(vec![reason("DRY-01"), reason("ERR-02")])),
        "DRY-01 2\nERR-02 1"
    );
}

#[test]
fn a_check_of_every_answer_does_not_explain_a_clause_about_the_request() {
    let declaration = || Finding {
        expected: vec![Expected::Rule {
            check: Check::XmlDeclaration,
        }],
        ..fails("RSP-07")
    };
    let cases = vec![
        case("answer", &["RSP-07"], &[], vec![declaration()]),
        case("refuse/unknown", &["ERR-02"], &["ERR-02"], vec![]),
        case("both", &[], &[], vec![declaration(), fails("ERR-02")]),
    ];
    assert_eq!(causes(cases), "RSP-07 2\nERR-02 1");
}

#[test]
fn another_kind_of_answer_than_in_its_own_case_is_not_what_a_clause_explains() {
    let page = |clause| Finding {
        observed: vec![Observed::Answer(AnswerSummary {
            status: 500,
            body: BodySummary::NotXml { why: None },
        })],
        ..fails(clause)
    };
    assert_eq!(
        causes(in_company(vec![page("DRY-01"), page("ERR-02")])),
        "DRY-01 2\nERR-02 1"
    );
}

#[test]
fn of_two_explanations_the_one_counts_whose_own_case_fails_in_the_same_way() {
    let page = |clause| Finding {
        observed: vec![Observed::Answer(AnswerSummary {
            status: 200,
            body: BodySummary::Document {
                root: Excerpt::name("ListAllMyBucketsResult"),
            },
        })],
        ..fails(clause)
    };
    let cases = vec![
        case("dry-run/valid", &["DRY-01"], &[], vec![fails("DRY-01")]),
        case("refuse/spot", &["SPT-01"], &[], vec![page("SPT-01")]),
        case("spot/again", &["SPT-01"], &[], vec![page("SPT-01")]),
        case("refuse/unknown", &["ERR-02"], &["ERR-02"], vec![]),
        case(
            "all",
            &[],
            &[],
            vec![page("DRY-01"), page("SPT-01"), page("ERR-02")],
        ),
    ];
    assert_eq!(causes(cases), "DRY-01 2\nSPT-01 3; ERR-02 holds-alone 1");
}

#[test]
fn a_cause_is_shown_by_a_case_of_its_own() {
    let tally = tally_of(vec![
        case("both", &[], &[], vec![fails("DRY-01")]),
        case("dry-run/valid", &["DRY-01"], &[], vec![fails("DRY-01")]),
    ]);
    let causes = tally.causes();
    let first = causes.all().first().and_then(|cause| cause.groups.first());
    assert_eq!(first.map(|group| group.case.name.as_ref()), Some("dry-run/valid"));
}

#[test]
fn the_unexplained_findings_of_a_clause_stay_its_own() {
    let mut cases = in_company(vec![fails("DRY-01"), fails("ERR-02")]);
    cases.push(case("elsewhere", &[], &[], vec![fails("ERR-02")]));
    let tally = tally_of(cases);
    let causes = tally.causes();
    let of_clause: Vec<_> = causes
        .findings()
        .filter(|(_, found, _)| found.clause == "ERR-02".into())
        .map(|(case, _, by)| (case.name.as_ref(), by.map(|(by, _)| by.id.as_ref())))
        .collect();
    assert_eq!(of_clause, [("both", Some("both#1/DRY-01")), ("elsewhere", None)]);
    assert_eq!(causes.blamed_for(&"ERR-02".into()), None, "it is a cause, too");
}

/// `SPT-01` fails in its own case, together with `ERR-02`, which fails elsewhere, too.
fn within(more: Vec<SampleCase<'static>>) -> Vec<SampleCase<'static>> {
    let mut cases = vec![
        case(
            "refuse/spot",
            &["SPT-01"],
            &[],
            vec![fails("ERR-02"), fails("SPT-01")],
        ),
        case("refuse/unknown", &["ERR-02"], &[], vec![fails("ERR-02")]),
    ];
    cases.extend(more);
    cases
}

#[test]
fn a_clause_that_fails_only_with_a_wider_one_follows_from_it() {
    assert_eq!(causes(within(vec![])), "ERR-02 2; SPT-01 within 1");
}

#[test]
fn a_clause_that_also_fails_without_the_wider_one_stays_a_cause() {
    let alone = case("spot/alone", &[], &[], vec![fails("SPT-01")]);
    assert_eq!(causes(within(vec![alone])), "ERR-02 2\nSPT-01 2");
    let mut equal = within(vec![]);
    equal.truncate(1);
    assert_eq!(causes(equal), "ERR-02 1\nSPT-01 1", "neither is wider");
}

/// `ERR-02` fails in step 1, and `DRY-04`, whose own case holds, in another step.
fn later(step: usize, observed: Observed, first: Finding) -> Vec<SampleCase<'static>> {
    let second = Finding {
        step,
        exchange: Some(1),
        ..sample::finding("", "DRY-04", Verdict::Fail, sample::stays_running(A), observed)
    };
    vec![
        case("dry-run/valid", &["DRY-04"], &["DRY-04"], vec![]),
        case("revived", &[], &[], vec![first, second]),
    ]
}

#[test]
fn what_a_wrongly_accepted_call_did_to_its_instance_follows_from_it() {
    assert_eq!(
        causes(later(3, lost_volumes(A), fails("ERR-02"))),
        "ERR-02 1; DRY-04 earlier-call 1"
    );
}

#[test]
fn a_later_finding_about_another_instance_or_after_an_allowed_call_stays_a_cause() {
    let both = "DRY-04 1\nERR-02 1";
    assert_eq!(causes(later(3, lost_volumes(B), fails("ERR-02"))), both);
    assert_eq!(
        causes(later(1, lost_volumes(A), fails("ERR-02"))),
        both,
        "not later"
    );
    let allowed = Finding {
        expected: vec![sample::stays_running(A)],
        ..fails("ERR-02")
    };
    assert_eq!(causes(later(3, lost_volumes(A), allowed)), both);
}

#[test]
fn what_is_explained_counts_all_the_same() {
    let tally = tally_of(in_company(vec![fails("DRY-01"), fails("ERR-02")]));
    assert_eq!(tally.counts().findings.fail, 3);
    assert_eq!(tally.clause_counts().failed, 2);
    assert_eq!(tally.exit_code(Policy::default()), exit::FINDINGS);
    assert_eq!(
        tally.causes().blamed_for(&"ERR-02".into()),
        Some(&"DRY-01".into())
    );
}

#[test]
fn failures_come_before_warnings_and_warnings_before_doubts() {
    let with = |clause, verdict| Finding {
        verdict,
        ..fails(clause)
    };
    let cases = vec![case(
        "all",
        &[],
        &[],
        vec![
            with("DRY-01", Verdict::Inconclusive),
            with("DRY-04", Verdict::Warn),
            with("DRY-04", Verdict::Inconclusive),
            with("ERR-02", Verdict::Fail),
        ],
    )];
    let tally = tally_of(cases);
    let causes = tally.causes();
    let order: Vec<_> = causes
        .all()
        .iter()
        .map(|cause| (cause.clause.as_str(), cause.verdict))
        .collect();
    assert_eq!(
        order,
        [
            ("ERR-02", Verdict::Fail),
            ("DRY-04", Verdict::Warn),
            ("DRY-01", Verdict::Inconclusive)
        ]
    );
}

#[test]
fn an_answer_includes_its_items_and_the_same_error_without_its_message() {
    let change = |id: &str| {
        Observed::Change(StateChanged {
            id: Excerpt::word(id),
            states: StatePair {
                previous: Excerpt::word("terminated"),
                current: Excerpt::word("stopping"),
            },
        })
    };
    assert!(includes(&accepted(A), &change(A)));
    assert!(!includes(&accepted(A), &change(B)));
    let error = |status, code: &str, message: Option<&str>| {
        Observed::Answer(AnswerSummary {
            status,
            body: BodySummary::Error {
                code: Excerpt::name(code),
                message: message.map(Excerpt::quote),
            },
        })
    };
    let whole = error(400, "InvalidAction", Some("no"));
    assert!(includes(&whole, &error(400, "InvalidAction", None)));
    assert!(!includes(&whole, &error(500, "InvalidAction", None)));
    assert!(!includes(&whole, &error(400, "InvalidAction", Some("other"))));
    assert!(!includes(&error(400, "InvalidAction", None), &whole));
}
