//! Tests of lists that are read page by page, and of options that launches leave out.

use super::*;
use crate::check::fold::JournalFold;
use crate::journal::{Doubt, Event, Excerpt, LaunchDeviated, LaunchProperty, Observed};
use crate::verdict::Verdict;

const B: &str = "i-0cfb1e75e74229969";

/// A call for a page of two items, the first one without a token.
fn page_call(token: Option<&str>) -> Call {
    let token = token.map(|token| ("NextToken", token));
    Call::new(
        "DescribeInstances",
        [("MaxResults", "2")].into_iter().chain(token),
    )
}

/// A page with these instances, all of them running, and this token.
fn page(ids: &[&str], token: Option<&str>) -> Reply {
    let state = "<instanceState><code>16</code><name>running</name></instanceState>";
    let items: String = ids
        .iter()
        .map(|id| format!("<item><instanceId>{id}</instanceId>{state}</item>"))
        .collect();
    let token = token.map(|token| format!("<nextToken>{token}</nextToken>"));
    ok(&format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>\
         {}</DescribeInstancesResponse>",
        token.unwrap_or_default()
    ))
}

/// The verdicts on a list of `A` and `B`, which is read in these pages long after the last change.
fn listed(pages: &[(Option<&str>, Reply)]) -> Vec<Verdict> {
    listed_at(pages, 1_000_000)
}

fn listed_at(pages: &[(Option<&str>, Reply)], at_ms: u64) -> Vec<Verdict> {
    let mut case = case(State::Running);
    add(&mut case, B, FixtureKind::default());
    let observations: Vec<Observation> = pages
        .iter()
        .map(|(token, reply)| seen(Role::Act, &page_call(*token), Some(reply), at_ms))
        .collect();
    let judged = case.judge(&started(1, Intent::Pages), &observations);
    let of = case.judge.of(rule::LISTED_BY_PAGES);
    assert!(!of.is_empty());
    let findings = judged.findings.iter();
    findings.map(|finding| finding.verdict).collect()
}

#[test]
fn a_list_shows_each_instance_once_on_whichever_page() {
    let whole: [&[(Option<&str>, Reply)]; 4] = [
        &[(None, page(&[A, B], None))],
        &[(None, page(&[A], Some("1"))), (Some("1"), page(&[B], None))],
        &[(None, page(&[A, B], Some("1"))), (Some("1"), page(&[], None))],
        // Filters may leave a page empty, and instances of others may be listed.
        &[
            (None, page(&["i-0cfb1e75e7422996a"], Some("1"))),
            (Some("1"), page(&[], Some("2"))),
            (Some("2"), page(&[B, A], None)),
        ],
    ];
    for pages in whole {
        assert_eq!(listed(pages), [], "{pages:?}");
    }
}

#[test]
fn an_instance_that_no_page_shows_fails_once_it_cannot_be_late() {
    let pages = [(None, page(&[A], Some("1"))), (Some("1"), page(&[], None))];
    assert_eq!(listed(&pages), [Verdict::Fail]);
    let mut late = case(State::Running);
    add(
        &mut late,
        B,
        FixtureKind {
            state: State::Terminated,
            ..FixtureKind::default()
        },
    );
    // A terminated instance may be gone.
    let observations: Vec<Observation> = pages
        .iter()
        .map(|(token, reply)| seen(Role::Act, &page_call(*token), Some(reply), 0))
        .collect();
    assert_eq!(late.judge(&started(1, Intent::Pages), &observations).findings, []);
}

#[test]
fn what_one_page_shows_too_much_is_no_fault_of_the_pages() {
    let mut case = case(State::Running);
    let call = Call::new(
        "DescribeInstances",
        [
            ("MaxResults", "2"),
            ("Filter.1.Name", "instance-id"),
            ("Filter.1.Value.1", B),
        ],
    );
    let reply = page(&[A], None);
    let observations = [seen(Role::Act, &call, Some(&reply), 1_000_000)];
    let judge = Arc::clone(&case.judge);
    let judged = case.judge(&started(1, Intent::Pages), &observations);
    assert_eq!(outcome_of(&judge, Check::FilteredView, &judged), Some(false));
    assert_eq!(outcome_of(&judge, Check::ListedByPages, &judged), Some(true));
}

#[test]
fn a_token_that_comes_again_fails_and_a_refused_one_too() {
    let again = [
        (None, page(&[A, B], Some("1"))),
        (Some("1"), page(&[A, B], Some("1"))),
    ];
    assert_eq!(listed(&again), [Verdict::Fail]);
    let body = "<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>no</Message></Error></Errors></Response>";
    let refused = [
        (None, page(&[A], Some("1"))),
        (Some("1"), replied(400, body.to_owned())),
    ];
    assert_eq!(listed(&refused), [Verdict::Fail]);
}

#[test]
fn an_instance_twice_a_page_too_long_and_a_list_without_an_end_warn() {
    let twice = [(None, page(&[A, B], Some("1"))), (Some("1"), page(&[B], None))];
    assert_eq!(listed(&twice), [Verdict::Warn]);
    let long = [(None, page(&[A, B, "i-0cfb1e75e7422996a"], None))];
    assert_eq!(listed(&long), [Verdict::Warn]);
    let endless = [
        (None, page(&[A, B], Some("1"))),
        (Some("1"), page(&[], Some("2"))),
    ];
    assert_eq!(listed(&endless), [Verdict::Warn]);
}

#[test]
fn a_list_whose_first_page_is_refused_is_not_judged() {
    let body = "<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>no</Message></Error></Errors></Response>";
    assert_eq!(listed(&[(None, replied(400, body.to_owned()))]), []);
}

#[test]
fn only_the_last_reading_of_a_list_counts() {
    let mut case = case(State::Running);
    case.begin(started(1, Intent::Pages));
    for (token, reply) in [
        (None, page(&[], Some("1"))),
        (Some("1"), page(&[], None)),
        (None, page(&[A], None)),
    ] {
        case.record(seen(Role::Act, &page_call(token), Some(&reply), 1_000_000));
    }
    let result = case.conclude().expect("a step was begun");
    assert_eq!(result.judged.findings, []);
}

#[test]
fn a_list_that_may_be_stale_is_read_again() {
    let kind = FixtureKind {
        state: State::Stopped,
        ..FixtureKind::default()
    };
    let mut case = case_of(kind).with_read_lag(ReadLag::from_ms(5_000));
    case.begin(started(1, Intent::Pages));
    let next = case.observe(seen(
        Role::Act,
        &page_call(None),
        Some(&page(&[A], Some("1"))),
        10,
    ));
    assert_eq!(next, FollowUp::Done, "there is another page");
    let next = case.observe(seen(Role::Act, &page_call(Some("1")), Some(&page(&[], None)), 10));
    let is_again = matches!(
        next,
        FollowUp::SendAgain {
            retry: Retry {
                reason: RetryReason::View,
                ..
            },
            ..
        }
    );
    assert!(is_again, "it may have been running a moment ago: {next:?}");
    let result = case.conclude().expect("a step was begun");
    let [finding] = result.judged.findings.as_slice() else {
        unreachable!("{:?}", result.judged.findings);
    };
    assert_eq!(finding.verdict, Verdict::Inconclusive);
    let [Observed::Undecided { why, .. }] = finding.observed.as_slice() else {
        unreachable!("{finding:?}");
    };
    assert_eq!(*why, Doubt::DescriptionsLag);
}

fn deviated(property: LaunchProperty) -> LaunchDeviated {
    LaunchDeviated {
        case: "case".to_owned(),
        step: 0,
        id: A.to_owned(),
        property,
        described: Some(Excerpt::word("false")),
    }
}

/// A case with an instance that was launched with stop protection, after these deviations of launches.
fn launched(deviations: &[LaunchProperty]) -> (Vec<Verdict>, bool) {
    let kind = FixtureKind {
        stop_protected: true,
        ..FixtureKind::default()
    };
    let mut case = CaseJudge::new(Arc::clone(&case(State::Running).judge), "case");
    let mut verdicts = Vec::new();
    for property in deviations {
        let judged = case.launched_otherwise(&deviated(*property));
        assert_eq!(judged.step, 0);
        verdicts.extend(judged.findings.iter().map(|finding| finding.verdict));
    }
    case.fixture(&FixtureReady {
        arranged_by: Vec::new(),
        case: "case".to_owned(),
        name: "a".to_owned(),
        id: A.to_owned(),
        kind,
        spot_request: None,
        at_ms: 0,
    });
    let judged = case.judge(&started(1, Intent::Pass { ms: 1 }), &[]);
    let clauses = case
        .judge
        .clause_table
        .ids(case.judge.of(rule::LAUNCH_OPTIONS).iter().copied());
    let held = clauses.iter().all(|clause| judged.held.contains(clause));
    (verdicts, held && !clauses.is_empty())
}

#[test]
fn an_option_that_a_launch_left_out_warns_and_one_that_is_there_holds() {
    assert_eq!(launched(&[]), (vec![], true));
    assert_eq!(
        launched(&[LaunchProperty::StopProtection]),
        (vec![Verdict::Warn], false)
    );
    // The root device is that of the image, so no launch asks for it.
    let (verdicts, _) = launched(&[LaunchProperty::InstanceStore]);
    assert_eq!(verdicts, []);
}

#[test]
fn the_fold_judges_a_launch_after_its_event() {
    let judge = Arc::clone(&case(State::Running).judge);
    let mut fold = JournalFold::new(judge);
    let start = Event::CaseStarted(crate::journal::CaseStarted {
        case: "case".to_owned(),
        index: 0,
        phase: crate::journal::Phase::Scenarios,
        draft: false,
        purpose: String::new(),
        clauses: Vec::new(),
        scenario: None,
    });
    let mut events = Vec::new();
    for event in [
        start,
        Event::LaunchDeviated(deviated(LaunchProperty::Hibernation)),
    ] {
        fold.take(event, |event| events.push(event));
    }
    let [_, Event::LaunchDeviated(_), Event::Judged(judged)] = events.as_slice() else {
        unreachable!("{events:?}");
    };
    assert_eq!(judged.findings.len(), 1);
}
