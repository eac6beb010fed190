//! Tests of what later steps learn from a step: how the plain form was answered, and which of several overlapping calls
//! came first.

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
        let judged = case.judge(&started(1, Intent::Together), &acts(&stop(), &replies));
        assert_eq!(outcome_of(&JUDGE, Check::OneTransition, &judged), Some(true));
        let track = case.tracks.get(A).expect("it is there");
        assert!(track.stop.is_some() && track.idle_stop.is_some());
    }
}
