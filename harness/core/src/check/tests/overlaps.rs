//! Tests of overlapping calls: which of their answers fit an order, what breaks a clause in every order, and what is
//! known of the instances afterwards.

use super::fleet::{B, described};
use super::verdicts::{refusal, success};
use super::*;
use crate::journal::CallInterval;
use crate::verdict::Verdict;

/// The state changes that a success reports.
type Items<'a> = &'a [(&'a str, &'a str, &'a str)];

/// A call with its answer, and when it began and ended.
fn overlapping(call: &Call, reply: Option<&Reply>, caller: usize, began: u64, ended: u64) -> Observation {
    Observation {
        interval: Some(CallInterval {
            caller,
            began,
            ended: Some(ended).filter(|_| reply.is_some()),
        }),
        ..seen(Role::Act, call, reply, 0)
    }
}

/// A call of these instances.
fn call_of(action: &str, ids: &[&str]) -> Call {
    let ids = ids.iter().enumerate();
    Call::new(
        action,
        ids.map(|(at, id)| (format!("InstanceId.{}", at + 1), (*id).to_owned())),
    )
}

/// An accepted call that makes these changes.
fn accepted(action: &str, items: Items<'_>, caller: usize, began: u64, ended: u64) -> Observation {
    let ids: Vec<&str> = items.iter().map(|(id, ..)| *id).collect();
    let reply = success(200, action, items);
    overlapping(&call_of(action, &ids), Some(&reply), caller, began, ended)
}

/// The findings about the states of instances, and the judge after the step.
fn judged(mut case: CaseJudge, calls: &[Observation]) -> (Vec<(String, Verdict)>, CaseJudge) {
    let judged = case.judge(&started(1, Intent::Overlap), calls);
    let mut findings: Vec<(String, Verdict)> = judged
        .findings
        .iter()
        .map(|finding| (finding.clause.to_string(), finding.verdict))
        .filter(|(clause, _)| !clause.starts_with("RSP"))
        .collect();
    if judged.held.iter().any(|clause| clause.as_str() == "IDM-14") {
        findings.push(("IDM-14".to_owned(), Verdict::Pass));
    }
    (findings, case)
}

fn found(state: State, calls: &[Observation]) -> Vec<(String, Verdict)> {
    judged(case(state), calls).0
}

fn states(case: &CaseJudge, id: &str) -> States {
    case.fleet.get(id).expect("it is an instance of the case").states
}

fn verdict(clause: &str, verdict: Verdict) -> (String, Verdict) {
    (clause.to_owned(), verdict)
}

const STOP: (&str, &str, &str) = (A, "running", "stopping");

#[test]
fn answers_that_fit_an_order_are_no_finding() {
    let stop = accepted("StopInstances", &[STOP], 1, 0, 3);
    let idle = accepted("StopInstances", &[(A, "stopping", "stopping")], 2, 1, 2);
    let explained = [verdict("IDM-14", Verdict::Pass)];
    // The second answer came first.
    assert_eq!(found(State::Running, &[stop.clone(), idle.clone()]), explained);
    // It began when the other had ended.
    let later = accepted("StopInstances", &[(A, "stopped", "stopped")], 2, 4, 5);
    assert_eq!(found(State::Running, &[stop.clone(), later]), explained);
    // A start that overlaps is refused before or after, and what it finds may have been the other way round.
    let refused = refusal(400, "IncorrectInstanceState", "m");
    let start = overlapping(&call_of("StartInstances", &[A]), Some(&refused), 2, 1, 2);
    assert_eq!(found(State::Running, &[stop, start]), explained);
}

#[test]
fn answers_that_fit_no_order_warn() {
    let first = accepted("StopInstances", &[STOP], 1, 0, 3);
    let second = accepted("StopInstances", &[STOP], 2, 1, 2);
    assert_eq!(
        found(State::Running, &[first.clone(), second]),
        ["IDM-08", "IDM-09", "IDM-14"].map(|clause| verdict(clause, Verdict::Warn))
    );
    // A batch found one instance after a stop and the other before it.
    let mut case = case(State::Running);
    add(&mut case, B, FixtureKind::default());
    let of_both = accepted(
        "StopInstances",
        &[(A, "stopping", "stopping"), (B, "running", "stopping")],
        1,
        2,
        9,
    );
    let of_b = accepted("StopInstances", &[(B, "stopping", "stopping")], 2, 0, 1);
    let (findings, _) = judged(case, &[first, of_both, of_b]);
    assert!(
        findings.contains(&verdict("IDM-14", Verdict::Warn)),
        "{findings:?}"
    );
}

#[test]
fn what_breaks_a_clause_in_every_order_decides() {
    // It began after the first had ended, so it cannot have found the instance running.
    let first = accepted("StopInstances", &[STOP], 1, 0, 1);
    let later = accepted("StopInstances", &[STOP], 2, 2, 3);
    let findings = found(State::Running, &[first, later]);
    let decided = |clause: &str| findings.contains(&verdict(clause, Verdict::Fail));
    assert!(decided("STT-04") || decided("STT-13"), "{findings:?}");
    // A protected instance is stopped, and no call lifts the protection.
    let protected = FixtureKind {
        stop_protected: true,
        ..FixtureKind::default()
    };
    let calls = [
        accepted("StopInstances", &[STOP], 1, 0, 3),
        accepted("StopInstances", &[(A, "stopping", "stopping")], 2, 1, 2),
    ];
    let (findings, _) = judged(case_of(protected), &calls);
    assert!(
        findings.contains(&verdict("PRO-01", Verdict::Fail)),
        "{findings:?}"
    );
    // An instance that had been terminated is stopped: the refusal that was due is to blame, and no transition.
    let calls = [
        accepted("TerminateInstances", &[(A, "running", "shutting-down")], 1, 0, 1),
        accepted("StopInstances", &[(A, "terminated", "stopping")], 2, 2, 3),
    ];
    let findings = found(State::Running, &calls);
    assert_eq!(
        findings.first(),
        Some(&verdict("ERR-09", Verdict::Fail)),
        "{findings:?}"
    );
    assert!(
        !findings
            .iter()
            .any(|(clause, _)| clause == "STT-04" || clause == "STT-01"),
        "{findings:?}"
    );
    // The answer names a state that no order explains.
    let odd = accepted("StopInstances", &[(A, "running", "running")], 1, 0, 1);
    let findings = found(State::Running, &[odd]);
    assert!(
        findings.contains(&verdict("STT-01", Verdict::Fail)),
        "{findings:?}"
    );
}

#[test]
fn afterwards_an_instance_is_where_the_orders_end() {
    let stop = || accepted("StopInstances", &[STOP], 1, 0, 5);
    let (_, case_after) = judged(
        case(State::Running),
        &[
            stop(),
            accepted("StopInstances", &[(A, "stopping", "stopping")], 2, 1, 2),
        ],
    );
    assert_eq!(states(&case_after, A), States::down());
    // Started again in one order, not yet in the other.
    let start = |reply| overlapping(&call_of("StartInstances", &[A]), reply, 2, 1, 2);
    let answered = success(200, "StartInstances", &[(A, "stopped", "pending")]);
    let (findings, case_after) = judged(case(State::Running), &[stop(), start(Some(&answered))]);
    assert_eq!(findings, [verdict("IDM-14", Verdict::Pass)]);
    assert!(
        !states(&case_after, A).contains(State::Stopping),
        "{:?}",
        states(&case_after, A)
    );
    let (_, case_after) = judged(case(State::Running), &[stop(), start(None)]);
    let states = states(&case_after, A);
    assert!(
        states.contains(State::Stopped) && states.contains(State::Running),
        "{states:?}"
    );
}

#[test]
fn a_history_that_fits_no_order_is_shown_in_its_shortest_form() {
    let mut case = case(State::Running);
    let describe = call_of("DescribeInstances", &[A]);
    let read = overlapping(&describe, Some(&described(&[(A, State::Running)])), 3, 1, 2);
    let calls = [
        read,
        accepted("StopInstances", &[STOP], 1, 0, 4),
        accepted("StopInstances", &[STOP], 2, 3, 5),
        accepted("TerminateInstances", &[(A, "stopped", "terminated")], 1, 6, 7),
    ];
    let judged = case.judge(&started(1, Intent::Overlap), &calls);
    let history = judged
        .findings
        .iter()
        .find_map(|finding| match finding.observed.as_slice() {
            [Observed::History { calls }] => Some(calls.shown.clone()),
            _ => None,
        });
    let history = history.expect("the answers fit no order");
    let told: Vec<(usize, &str)> = history
        .iter()
        .map(|call| (call.interval.caller, call.action.as_str()))
        .collect();
    assert_eq!(told, [(1, "StopInstances"), (2, "StopInstances")]);
}

#[test]
fn a_protection_that_was_set_while_calls_overlapped_holds_afterwards() {
    let mut modify = Call::new(
        "ModifyInstanceAttribute",
        [("InstanceId", A), ("DisableApiStop.Value", "true")],
    );
    let answer =
        ok("<ModifyInstanceAttributeResponse><return>true</return></ModifyInstanceAttributeResponse>");
    let (_, case_after) = judged(
        case(State::Running),
        &[overlapping(&modify, Some(&answer), 1, 0, 1)],
    );
    assert!(case_after.fleet.get(A).expect("it is there").kind.stop_protected);
    // Of two that overlap, either may have been last.
    let first = modify.clone();
    if let Some((_, value)) = modify.params.last_mut() {
        "false".clone_into(value);
    }
    let both = [
        overlapping(&first, Some(&answer), 1, 0, 3),
        overlapping(&modify, Some(&answer), 2, 1, 2),
    ];
    let (_, case_after) = judged(case(State::Running), &both);
    assert!(
        case_after
            .tracks
            .get(A)
            .expect("it is there")
            .is_protection_unknown
    );
}
