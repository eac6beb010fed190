//! Tests of what a step still needs: which description is worth requesting, when a call is worth sending again, and what
//! a step says about waiting.

use super::fleet::{B, described};
use super::*;
use crate::verdict::Verdict;

const LAG: ReadLag = ReadLag::from_ms(5_000);

fn describe() -> Call {
    Call::new("DescribeInstances", [("InstanceId.1", A)])
}

fn look(state: State, at_ms: u64) -> Observation {
    seen(Role::Look, &describe(), Some(&described(&[(A, state)])), at_ms)
}

fn ask(when: When) -> FollowUp {
    FollowUp::Describe {
        ids: vec![A.into()],
        when,
    }
}

fn refused(code: &str) -> Reply {
    replied(
        400,
        format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>"),
    )
}

#[test]
fn a_wait_describes_until_the_state_is_reached_or_cannot_be() {
    let settle = |state: &str| Intent::Settle {
        ids: vec![A.to_owned()],
        state: state.to_owned(),
    };
    let mut case = case(State::Stopping);
    assert_eq!(case.begin(started(1, settle("stopped"))), ask(When::Now));
    assert_eq!(case.observe(look(State::Stopping, 1)), ask(When::Unsettled));
    assert_eq!(case.observe(look(State::Stopped, 2)), FollowUp::Done);
    assert!(case.conclude().is_some());
    // It does not run again by itself, so one description is all that a wait for that is worth.
    assert_eq!(case.begin(started(2, settle("running"))), ask(When::Now));
    assert_eq!(case.observe(look(State::Stopped, 3)), FollowUp::Done);
}

#[test]
fn a_rest_describes_until_nothing_moves_and_a_search_only_what_may_move() {
    let mut case = case(State::Stopping);
    add(&mut case, B, FixtureKind::default());
    let ids = |next| match next {
        FollowUp::Describe { ids, .. } => ids,
        other => unreachable!("a rest describes: {other:?}"),
    };
    assert_eq!(
        ids(case.begin(started(1, Intent::Rest))),
        [Id::from(A), Id::from(B)]
    );
    let all = Call::new("DescribeInstances", [("InstanceId.1", A), ("InstanceId.2", B)]);
    for (state, rests) in [(State::Stopping, false), (State::Stopped, true)] {
        let reply = described(&[(A, state), (B, State::Running)]);
        let next = case.observe(seen(Role::Look, &all, Some(&reply), 1));
        assert_eq!(next == FollowUp::Done, rests, "{state:?}");
    }
    let mut search = super::case(State::Stopping).saving(Saving::Requests);
    add(&mut search, B, FixtureKind::default());
    assert_eq!(ids(search.begin(started(1, Intent::Rest))), [Id::from(A)]);
}

#[test]
fn a_stale_description_is_repeated_and_what_it_turned_out_to_be_is_reported() {
    // The fixture became ready at moment 0, and was pending before.
    for (last, was_stale, in_vain) in [(State::Running, true, false), (State::Pending, false, true)] {
        let mut case = case(State::Running).with_read_lag(LAG);
        case.begin(started(1, Intent::Observe));
        let next = case.observe(look(State::Pending, 4_999));
        assert!(
            matches!(&next, FollowUp::Describe { when: When::Stale(clauses), .. } if !clauses.is_empty()),
            "{next:?}"
        );
        assert_eq!(case.observe(look(last, 5_000)), FollowUp::Done);
        let result = case.conclude().expect("the step has begun");
        assert_eq!(
            (result.was_stale, !result.in_vain.is_empty()),
            (was_stale, in_vain),
            "{last:?}"
        );
        let is_decided = |clause: &ClauseId| {
            let mut findings = result.judged.findings.iter();
            findings.any(|finding| finding.clause == *clause && finding.verdict != Verdict::Inconclusive)
        };
        assert!(result.in_vain.iter().all(is_decided), "{result:?}");
    }
}

#[test]
fn a_deviation_is_confirmed_by_one_more_description_and_no_third() {
    let odd = ok(&format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>{A}</instanceId>\
         <instanceState><name>running</name></instanceState><reason>odd</reason></item></instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>"
    ));
    let mut case = case(State::Running).with_read_lag(LAG);
    case.begin(started(1, Intent::Observe));
    let look = |at_ms| seen(Role::Look, &describe(), Some(&odd), at_ms);
    assert_eq!(case.observe(look(6_000)), ask(When::Unconfirmed));
    assert_eq!(case.observe(look(6_001)), FollowUp::Done);
}

#[test]
fn those_that_were_purged_are_left_out_of_the_next_description() {
    let mut case = case(State::Running);
    let terminated = FixtureKind {
        state: State::Terminated,
        ..FixtureKind::default()
    };
    add(&mut case, B, terminated);
    case.begin(started(1, Intent::Observe));
    let both = Call::new("DescribeInstances", [("InstanceId.1", A), ("InstanceId.2", B)]);
    let unknown = replied(
        400,
        format!(
            "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>{B}</Message></Error></Errors>\
             </Response>"
        ),
    );
    assert_eq!(
        case.observe(seen(Role::Look, &both, Some(&unknown), 1)),
        ask(When::Now)
    );
    assert_eq!(case.observe(look(State::Running, 2)), FollowUp::Done);
    case.conclude();
    // Once is enough: later steps do not describe it.
    assert_eq!(case.begin(started(2, Intent::Observe)), ask(When::Now));
}

#[test]
fn a_refusal_that_may_pass_is_sent_again_and_the_last_answer_counts() {
    let stop = Call::new("StopInstances", [("InstanceId.1", A)]);
    // The service lacks capacity, which passes by itself, and then it is in a bad mood.
    let (passing, crash) = (refused("InsufficientInstanceCapacity"), answer(500, "Response"));
    let judged_by = |answers: &[&Reply]| {
        let mut case = case(State::Running);
        case.begin(started(1, Intent::Call));
        for reply in answers {
            case.observe(seen(Role::Act, &stop, Some(reply), 1));
        }
        case.conclude().expect("the step has begun").judged
    };
    let start = Call::new("StartInstances", [("InstanceId.1", A)]);
    let next = |saving| {
        let mut case = case(State::Stopped).saving(saving);
        case.begin(started(1, Intent::Call));
        case.observe(seen(Role::Act, &start, Some(&passing), 1))
    };
    match next(Saving::Nothing) {
        FollowUp::SendAgain { retry, otherwise } => {
            assert_eq!(retry.reason, RetryReason::Passing);
            assert_eq!(*otherwise, ask(When::Now));
        }
        other => unreachable!("it may pass: {other:?}"),
    }
    assert_eq!(
        next(Saving::Time),
        ask(When::Now),
        "a search does not wait for it"
    );
    assert_eq!(judged_by(&[&passing, &crash]), judged_by(&[&crash]));
}

#[test]
fn a_step_that_has_not_begun_observes_nothing_and_is_not_concluded() {
    let mut case = case(State::Running);
    assert_eq!(case.observe(look(State::Stopped, 1)), FollowUp::Done);
    assert_eq!(case.conclude(), None);
}
