//! Tests of reads that may be stale: what they show decides nothing until they cannot be stale any more.

use super::fleet::{B, described};
use super::*;
use crate::check::follow_up::Sight;
use crate::verdict::Verdict;

const LAG: ReadLag = ReadLag::from_ms(5_000);
const STOPPED_AT_MS: u64 = 100_000;

/// The findings about one description `after_ms` after a running instance was stopped at [`STOPPED_AT_MS`].
fn said_of(after_ms: u64, state: &str) -> Vec<(String, Verdict)> {
    let mut case = case(State::Running).with_read_lag(LAG);
    let (stop, describe) = (call("StopInstances"), call("DescribeInstances"));
    let stopping = ok(&format!(
        "<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <instancesSet><item><instanceId>{A}</instanceId><currentState><code>64</code><name>stopping</name>\
         </currentState><previousState><code>16</code><name>running</name></previousState></item></instancesSet>\
         </StopInstancesResponse>"
    ));
    let act = at(Role::Act, &stop, &stopping, STOPPED_AT_MS);
    case.judge(&started(1, Intent::Call), &[act]);
    let seen = description(state);
    let look = at(Role::Look, &describe, &seen, STOPPED_AT_MS + after_ms);
    let judged = case.judge(&started(2, Intent::Observe), &[look]);
    let found = judged.findings.into_iter();
    found
        .map(|finding| (finding.clause.to_string(), finding.verdict))
        .collect()
}

fn call(action: &str) -> Call {
    Call::new(action, [("InstanceId.1", A)])
}

fn at(role: Role, call: &Call, reply: &Reply, at_ms: u64) -> Observation {
    seen(role, call, Some(reply), at_ms)
}

/// Records that an instance was in a state until [`STOPPED_AT_MS`].
fn has_been(case: &mut CaseJudge, id: &str, state: State) {
    let track = case.tracks.get_mut(id).expect("the case has the instance");
    track.past.leave(States::one(state), STOPPED_AT_MS);
}

fn description(state: &str) -> Reply {
    ok(&format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>{A}</instanceId>\
         <instanceState><name>{state}</name></instanceState></item></instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    ))
}

#[test]
fn a_state_of_before_is_no_finding_within_the_lag_and_one_after_it() {
    let clauses = ["STT-02", "VIS-01", "VIS-07"].map(str::to_owned);
    let all = |verdict| clauses.clone().map(|clause| (clause, verdict)).to_vec();
    assert_eq!(said_of(1, "running"), all(Verdict::Inconclusive));
    assert_eq!(said_of(4_999, "running"), all(Verdict::Inconclusive));
    assert_eq!(said_of(5_000, "running"), all(Verdict::Fail));
}

#[test]
fn a_description_is_worth_repeating_until_it_cannot_be_stale() {
    let mut case = case(State::Running).with_read_lag(LAG);
    let describe = call("DescribeInstances");
    case.changed(STOPPED_AT_MS);
    has_been(&mut case, A, State::Stopped);
    let sight = |state, after_ms| case.sight(&describe, &description(state), STOPPED_AT_MS + after_ms, None);
    assert_eq!(sight("running", 0), Sight::Consistent);
    assert!(matches!(sight("stopped", 4_999), Sight::MayBeStale(_)));
    assert_eq!(sight("stopped", 5_000), Sight::Inconsistent);
    // No stale description shows a state in which the instance never was.
    assert_eq!(sight("terminated", 0), Sight::Inconsistent);
    let nothing = answer(500, "Response");
    let sight = |after_ms| case.sight(&describe, &nothing, STOPPED_AT_MS + after_ms, None);
    assert!(matches!(sight(0), Sight::MayBeStale(_)));
    assert_eq!(sight(5_000), Sight::Inconsistent);
}

#[test]
fn what_a_description_shows_of_a_possible_state_has_to_be_seen_twice() {
    let mut case = case(State::Running).with_read_lag(LAG);
    let describe = call("DescribeInstances");
    let odd = ok(&format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>{A}</instanceId>\
         <instanceState><name>running</name></instanceState><reason>odd</reason></item></instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>"
    ));
    assert_eq!(
        case.sight(&describe, &odd, STOPPED_AT_MS, None),
        Sight::Unconfirmed
    );
    let verdicts = |judged: Judged| -> Vec<Verdict> {
        judged
            .findings
            .into_iter()
            .map(|finding| finding.verdict)
            .collect()
    };
    let look = |at_ms| at(Role::Look, &describe, &odd, STOPPED_AT_MS + at_ms);
    let once = case.judge(&started(1, Intent::Observe), &[look(0)]);
    assert_eq!(verdicts(once), [Verdict::Inconclusive]);
    let twice = case.judge(&started(2, Intent::Observe), &[look(10)]);
    assert_eq!(verdicts(twice), [Verdict::Fail]);
}

/// A refused batch of an unprotected and a protected instance.
fn refused_batch() -> (CaseJudge, Call, Reply) {
    let mut case = case(State::Running).with_read_lag(LAG);
    let protected = FixtureKind {
        stop_protected: true,
        ..FixtureKind::default()
    };
    add(&mut case, B, protected);
    let stop = Call::new("StopInstances", [("InstanceId.1", A), ("InstanceId.2", B)]);
    (case, stop, refusal_with(400, "OperationNotPermitted", "m"))
}

#[test]
fn at_stake_is_only_what_the_instance_that_changed_was_forbidden() {
    let at_stake = |a: State, b: State| -> Vec<String> {
        let (mut case, stop, refusal) = refused_batch();
        has_been(&mut case, A, State::Stopping);
        has_been(&mut case, B, State::Stopping);
        let act = at(Role::Act, &stop, &refusal, STOPPED_AT_MS);
        let describe = Call::new("DescribeInstances", [("InstanceId.1", A), ("InstanceId.2", B)]);
        let reply = described(&[(A, a), (B, b)]);
        let sight = case.sight(&describe, &reply, STOPPED_AT_MS, Some(&act));
        let Sight::MayBeStale(clauses) = sight else {
            return Vec::new();
        };
        clauses.iter().map(ToString::to_string).collect()
    };
    let of_the_mate = at_stake(State::Stopping, State::Running);
    let of_the_protected = at_stake(State::Running, State::Stopping);
    assert!(of_the_mate.contains(&"IDM-13".to_owned()), "{of_the_mate:?}");
    assert!(
        of_the_protected.contains(&"PRO-01".to_owned()),
        "{of_the_protected:?}"
    );
    assert!(!of_the_mate.contains(&"PRO-01".to_owned()), "{of_the_mate:?}");
}

#[test]
fn an_instance_that_was_purged_does_not_hide_the_others() {
    let mut case = case(State::Running);
    add(
        &mut case,
        B,
        FixtureKind {
            state: State::Terminated,
            ..FixtureKind::default()
        },
    );
    let both = Call::new("DescribeInstances", [("InstanceId.1", A), ("InstanceId.2", B)]);
    let unknown = |id: &str| {
        let message = format!("The instance ID '{id}' does not exist");
        refusal_with(400, "InvalidInstanceID.NotFound", &message)
    };
    assert!(
        case.purged(&both, &unknown(A)).is_empty(),
        "it runs, so it cannot be gone"
    );
    assert!(
        case.purged(&call("DescribeInstances"), &unknown(B)).is_empty(),
        "it was not asked for"
    );
    let without_b = unknown(B);
    assert_eq!(case.purged(&both, &without_b), [Id::from(B)]);

    let stop = call("StopInstances");
    let refusal = refusal_with(403, "UnauthorizedOperation", "m");
    let rest = described(&[(A, State::Stopped)]);
    let one = call("DescribeInstances");
    let judged = case.judge(
        &started(1, Intent::Call),
        &[
            at(Role::Act, &stop, &refusal, 1),
            at(Role::Look, &both, &without_b, 2),
            at(Role::Look, &one, &rest, 3),
        ],
    );
    let is_purged = |id: &str| case.tracks.get(id).is_some_and(|track| track.purged);
    assert!(is_purged(B) && !is_purged(A));
    let failed = judged
        .findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Fail);
    assert!(
        failed,
        "A was stopped by a call that was refused: {:?}",
        judged.findings
    );
}

#[test]
fn protection_that_was_lifted_is_worth_another_attempt_while_reads_lag() {
    let mut case = case_of(FixtureKind {
        stop_protected: true,
        ..FixtureKind::default()
    })
    .with_read_lag(LAG);
    let lift = Call::new(
        "ModifyInstanceAttribute",
        [("InstanceId", A), ("DisableApiStop.Value", "false")],
    );
    let done = ok("<ModifyInstanceAttributeResponse><return>true</return></ModifyInstanceAttributeResponse>");
    case.judge(
        &started(1, Intent::Call),
        &[at(Role::Act, &lift, &done, STOPPED_AT_MS)],
    );
    let stop = call("StopInstances");
    let refusal = refusal_with(400, "OperationNotPermitted", "m");
    let retry = |after_ms| case.retry(&stop, &refusal, STOPPED_AT_MS + after_ms);
    assert_eq!(
        retry(4_999).map(|retry| retry.reason),
        Some(RetryReason::Protection)
    );
    assert_eq!(retry(5_000), None);
}

#[test]
fn an_id_that_is_not_known_yet_is_worth_another_attempt_unless_another_one_is_blamed() {
    let case = case(State::Running).with_read_lag(LAG);
    let batch = Call::new("StopInstances", [("InstanceId.1", A), ("InstanceId.2", "ma1")]);
    let retry = |id: &str| {
        let message = format!("The instance ID '{id}' does not exist");
        let refusal = refusal_with(400, "InvalidInstanceID.NotFound", &message);
        case.retry(&batch, &refusal, 1).map(|retry| retry.reason)
    };
    // Only a malformed id beside it is due to be refused, with another code.
    assert_eq!(retry(A), Some(RetryReason::NewId));
    assert_eq!(retry("ma1"), None);
}

fn refusal_with(status: u16, code: &str, message: &str) -> Reply {
    replied(
        status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>r</RequestID></Response>"
        ),
    )
}

#[test]
fn a_description_by_id_shows_no_other_instance_however_stale_it_is() {
    let fails = |shown: &[(&str, State)]| {
        let mut case = case(State::Running).with_read_lag(LAG);
        let look = at(Role::Look, &call("DescribeInstances"), &described(shown), 1);
        let judged = case.judge(&started(1, Intent::Observe), &[look]);
        let mut findings = judged.findings.iter();
        findings.any(|one| one.clause.as_str() == "VIS-12" && one.verdict == Verdict::Fail)
    };
    assert!(!fails(&[(A, State::Running)]));
    assert!(fails(&[(A, State::Running), (B, State::Running)]));
}
