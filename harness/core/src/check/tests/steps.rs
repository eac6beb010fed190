//! Tests of what later steps learn from a step: how the plain form was answered, and which of several overlapping calls
//! came first.

use super::fleet::described;
use super::verdicts::refusal;
use super::*;
use crate::verdict::Verdict;

/// A success in which `a` makes this transition.
fn moves(previous: &str, current: &str) -> Reply {
    ok(&format!(
        "<StopInstancesResponse><instancesSet><item><instanceId>{A}</instanceId>\
         <currentState><name>{current}</name></currentState>\
         <previousState><name>{previous}</name></previousState></item></instancesSet></StopInstancesResponse>"
    ))
}

fn stop() -> Call {
    Call::new("StopInstances", [("InstanceId.1", A)])
}

fn acts(call: &Call, replies: &[Reply]) -> Vec<Observation> {
    let observations = |reply| seen(Role::Act, call, Some(reply), 0);
    replies.iter().map(observations).collect()
}

/// Whether a clause that only a variation can show holds, given the answers to the plain form and to the variation.
fn variation(plain: &Reply, varied: Reply) -> Option<bool> {
    let clause = "FRC-01";
    let mut case = case(State::Running);
    let control = StepStarted {
        control: true,
        ..started(1, Intent::Call)
    };
    let stop = stop();
    case.judge(&control, &acts(&stop, std::slice::from_ref(plain)));
    let witness = StepStarted {
        witness: vec![clause.into()],
        ..started(2, Intent::Call)
    };
    let judged = case.judge(&witness, &acts(&stop, &[varied]));
    if let Some(finding) = judged
        .findings
        .iter()
        .find(|finding| finding.clause.as_str() == clause)
    {
        return (finding.verdict != Verdict::Inconclusive).then_some(false);
    }
    judged
        .held
        .iter()
        .any(|held| held.as_str() == clause)
        .then_some(true)
}

#[test]
fn a_variation_is_held_against_the_plain_form() {
    let right = || moves("running", "stopping");
    let again = || moves("stopping", "stopping");
    let misstated = || moves("running", "asleep");
    let wrong = || answer(500, "Response");
    assert_eq!(variation(&right(), again()), Some(true));
    assert_eq!(variation(&right(), wrong()), Some(false));
    // Wrong states are due to the variation only if the plain form had the right ones.
    assert_eq!(variation(&right(), misstated()), Some(false));
    assert_eq!(variation(&misstated(), misstated()), Some(true));
    // If the plain form is answered wrongly, its variation shows nothing.
    assert_eq!(variation(&wrong(), right()), None);
}

#[test]
fn of_stops_at_once_the_one_that_found_it_running_was_first_in_whatever_order_they_are_told() {
    let (first, second) = (|| moves("running", "stopping"), || moves("stopping", "stopping"));
    for replies in [[first(), second()], [second(), first()]] {
        let mut case = case(State::Running);
        let judged = case.judge(&started(1, Intent::Overlap), &acts(&stop(), &replies));
        assert_eq!(outcome_of(&JUDGE, Check::OneTransition, &judged), Some(true));
        let track = case.tracks.get(A).expect("it is there");
        assert!(track.stop.is_some() && track.idle_stop.is_some());
    }
}

/// What is found about `a`, which the case got in this state, after these attempts of a call, the last of which is
/// judged, and then a dry run of a stop and a description in which `a` runs.
fn found_running_after(state: State, action: &str, attempts: &[(Role, Reply)]) -> Vec<String> {
    let mut case = case(state);
    let call = Call::new(action, [("InstanceId.1", A)]);
    let sent = attempts
        .iter()
        .map(|(role, reply)| seen(*role, &call, Some(reply), 0));
    case.judge(&started(1, Intent::Call), &sent.collect::<Vec<_>>());
    let dry = Call::new("StopInstances", [("InstanceId.1", A), ("DryRun", "true")]);
    let would = refusal(
        412,
        "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.",
    );
    case.judge(&started(2, Intent::Call), &acts(&dry, &[would]));
    let describe = Call::new("DescribeInstances", [("InstanceId.1", A)]);
    let look = seen(Role::Look, &describe, Some(&described(&[(A, State::Running)])), 0);
    let judged = case.judge(&started(3, Intent::Observe), &[look]);
    let findings = judged.findings.into_iter();
    findings.map(|finding| finding.clause.to_string()).collect()
}

#[test]
fn a_call_that_met_a_server_error_may_have_been_carried_out() {
    let error = |code: &str| {
        replied(
            500,
            format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>"),
        )
    };
    let refused = || refusal(400, "IncorrectInstanceState", "m");
    let nothing: [&str; 0] = [];
    let start = |attempts: &[(Role, Reply)]| found_running_after(State::Stopped, "StartInstances", attempts);
    assert_eq!(start(&[(Role::Act, error("InternalError"))]), nothing);
    assert_eq!(
        start(&[(Role::Retried, error("InternalError")), (Role::Act, refused())]),
        nothing,
        "the first attempt may have started it"
    );
    for turned_away in [
        vec![(Role::Act, refused())],
        vec![
            (Role::Retried, error("RequestLimitExceeded")),
            (Role::Act, refused()),
        ],
    ] {
        assert!(
            start(&turned_away).contains(&"DRY-04".to_owned()),
            "{turned_away:?}"
        );
    }
}
