use std::sync::LazyLock;

use http::Response;

use super::*;
use crate::contract::{Edition, FixtureKind, Market, State, embedded};
use crate::journal::Ending;
use crate::protocol::decode;

mod auxiliary_calls;
mod fleet;
mod fold;
mod follow_ups;
mod lag;
mod lists;
mod overlaps;
mod relations;
mod steps;
mod stops;
mod verdicts;
mod wires;

const A: &str = "i-0cfb1e75e74229968";

/// Shared, because reading the contract takes longer than any of the tests.
static JUDGE: LazyLock<Arc<Judge>> = LazyLock::new(|| {
    let contract = Arc::new(embedded(Edition::Current));
    // The first description decides here; `tests/lag.rs` tests the read lag.
    Arc::new(Judge::new(contract, Confidence::default()).with_read_lag(ReadLag::NONE))
});

/// A case with one instance in this state.
fn case(state: State) -> CaseJudge {
    case_of(FixtureKind {
        state,
        ..FixtureKind::default()
    })
}

/// A case with one instance of this kind.
fn case_of(kind: FixtureKind) -> CaseJudge {
    let mut case = CaseJudge::new(Arc::clone(&JUDGE), "case");
    add(&mut case, A, kind);
    case
}

/// Adds an instance to a case.
fn add(case: &mut CaseJudge, id: &str, kind: FixtureKind) {
    case.fixture(&FixtureReady {
        arranged_by: Vec::new(),
        case: "case".to_owned(),
        name: "a".to_owned(),
        id: id.to_owned(),
        kind,
        spot_request: None,
        at_ms: 0,
    });
}

/// The observation of a call over HTTP that was sent and answered at one moment; `None` if it was not answered.
fn seen(role: Role, call: &Call, reply: Option<&Reply>, at_ms: u64) -> Observation {
    Observation {
        role,
        call: Arc::new(call.clone()),
        replies: reply.cloned().into_iter().collect(),
        rest: Vec::new(),
        ending: Ending::Answered,
        at_ms,
        answered_ms: at_ms,
        interval: None,
    }
}

fn answer(status: u16, root: &str) -> Reply {
    replied(status, format!("<{root}/>"))
}

fn replied(status: u16, body: String) -> Reply {
    let response = Response::builder().status(status).body(body.into());
    decode(response.expect("the status is valid"))
}

#[test]
fn a_look_follows_whatever_is_no_plain_success_where_one_is_expected() {
    let stop = Call::new("StopInstances", [("InstanceId.1", A)]);
    let table = [
        (State::Running, 200, "StopInstancesResponse", false),
        // Another document, an error with the right root, an error.
        (State::Running, 200, "StartInstancesResponse", true),
        (State::Running, 500, "StopInstancesResponse", true),
        (State::Running, 400, "Response", true),
        // A success that should be a refusal.
        (State::Terminated, 200, "StopInstancesResponse", true),
    ];
    let next = |state, saving, call: &Call, reply: &Reply| {
        let mut case = case(state).saving(saving);
        assert_eq!(case.begin(started(1, Intent::Call)), FollowUp::Done);
        case.observe(seen(Role::Act, call, Some(reply), 1))
    };
    let look = FollowUp::Describe {
        ids: vec![A.into()],
        when: When::Now,
    };
    for (state, status, root, wants) in table {
        let reply = answer(status, root);
        for saving in [Saving::Nothing, Saving::Time, Saving::Requests] {
            let expected = match wants && saving != Saving::Requests {
                true => look.clone(),
                false => FollowUp::Done,
            };
            let next = next(state, saving, &stop, &reply);
            assert_eq!(next, expected, "{state:?} {status} {root} {saving:?}");
        }
    }
    let question = Call::new("DescribeInstanceStatus", [("InstanceId.1", A)]);
    let reply = answer(500, "Response");
    assert_eq!(
        next(State::Running, Saving::Nothing, &question, &reply),
        FollowUp::Done,
        "a question changes nothing"
    );
}

#[test]
fn a_success_of_a_pending_instance_warns_unless_it_was_forced() {
    let answer = ok(&format!(
        "<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <instancesSet><item><instanceId>{A}</instanceId><currentState><code>64</code><name>stopping</name>\
         </currentState><previousState><code>0</code><name>pending</name></previousState></item></instancesSet>\
         </StopInstancesResponse>"
    ));
    for (force, expected) in [(None, &["ERR-11", "STT-08"][..]), (Some(("Force", "true")), &[])] {
        let call = Call::new("StopInstances", [("InstanceId.1", A)].into_iter().chain(force));
        let act = seen(Role::Act, &call, Some(&answer), 1);
        let judged = case(State::Pending).judge(&started(1, Intent::Call), &[act]);
        let states: Vec<String> = judged
            .findings
            .iter()
            .map(|finding| finding.clause.to_string())
            .filter(|clause| !clause.starts_with("RSP"))
            .collect();
        assert_eq!(states, expected, "{force:?}");
    }
}

#[test]
fn those_move_that_time_may_take_elsewhere() {
    for (state, moves) in [
        (State::Pending, true),
        (State::Running, false),
        (State::Stopping, true),
        (State::Stopped, false),
        (State::ShuttingDown, true),
        (State::Restarting, true),
    ] {
        assert_eq!(!case(state).moving().is_empty(), moves, "{state:?}");
    }
}

/// Whether `reason-unchanged` held in the last description, where a stopped instance is described, `ms` pass, it is
/// stopped again, and described with another reason. `None` if it was not checked.
fn on_a_reason_that_became(before: &str, after: &str, ms: u32) -> Option<bool> {
    let mut case = case(State::Stopped);
    let judge = Arc::clone(&case.judge);
    let described = |reason: &str| {
        let body = format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>{A}</instanceId>\
             <instanceState><code>80</code><name>stopped</name></instanceState><reason>{reason}</reason></item>\
             </instancesSet></item></reservationSet></DescribeInstancesResponse>"
        );
        ok(&body)
    };
    let stopped = ok(&format!(
        "<StopInstancesResponse><instancesSet><item><instanceId>{A}</instanceId>\
         <currentState><code>80</code><name>stopped</name></currentState>\
         <previousState><code>80</code><name>stopped</name></previousState></item></instancesSet></StopInstancesResponse>"
    ));
    let (describe, stop) = (
        Call::new("DescribeInstances", [("InstanceId.1", A)]),
        Call::new("StopInstances", [("InstanceId.1", A)]),
    );
    let (first, last) = (described(before), described(after));
    let steps = [
        (Intent::Observe, vec![(Role::Look, &describe, &first)]),
        (Intent::Pass { ms }, vec![]),
        (Intent::Call, vec![(Role::Act, &stop, &stopped)]),
        (Intent::Observe, vec![(Role::Look, &describe, &last)]),
    ];
    let mut told = None;
    for (number, (intent, observations)) in steps.into_iter().enumerate() {
        let observations: Vec<Observation> = observations
            .into_iter()
            .map(|(role, call, reply)| seen(role, call, Some(reply), 0))
            .collect();
        let judged = case.judge(&started(number + 1, intent), &observations);
        told = outcome_of(&judge, Check::ReasonUnchanged, &judged).or(told);
    }
    told
}

fn started(step: usize, intent: Intent) -> StepStarted {
    StepStarted {
        case: "case".to_owned(),
        step,
        intent,
        witness: Vec::new(),
        control: false,
        label: None,
        same_as: None,
    }
}

/// Whether a check held in a step; `None` if it was not checked.
fn outcome_of(judge: &Judge, check: Check, judged: &Judged) -> Option<bool> {
    let clause = judge.contract.clauses_of(check).next();
    let clause = &clause.expect("a clause is judged by it").id;
    if judged.findings.iter().any(|finding| finding.clause == *clause) {
        return Some(false);
    }
    judged.held.contains(clause).then_some(true)
}

fn ok(body: &str) -> Reply {
    replied(200, body.to_owned())
}

#[test]
fn a_reason_that_is_written_anew_is_told_once_its_second_is_surely_another() {
    let (first, next) = (
        "User initiated (2026-01-01 00:00:00 GMT)",
        "User initiated (2026-01-01 00:00:01 GMT)",
    );
    assert_eq!(on_a_reason_that_became(first, next, 1_001), Some(false));
    assert_eq!(on_a_reason_that_became(first, first, 1_001), Some(true));
    // Within a second, both results depend on the endpoint's clock.
    assert_eq!(on_a_reason_that_became(first, next, 1_000), None);
    assert_eq!(on_a_reason_that_became(first, first, 1_000), None);
    // The format of the time makes no difference.
    let utc = |second| format!("User initiated (2026-01-01 00:00:0{second} UTC)");
    assert_eq!(on_a_reason_that_became(&utc(0), &utc(1), 1_000), None);
    assert_eq!(on_a_reason_that_became(&utc(0), &utc(1), 1_001), Some(false));
    assert_eq!(on_a_reason_that_became(&utc(0), next, 0), Some(false));
    // Another text is a change after any time.
    assert_eq!(on_a_reason_that_became(first, "", 0), Some(false));
    assert_eq!(on_a_reason_that_became("", "", 0), Some(true));
}

/// Whether a check held for two overlapping stops, the second of which was answered with this status.
fn of_two_at_once(check: Check, status: u16) -> Option<bool> {
    let mut case = case(State::Running);
    let judge = Arc::clone(&case.judge);
    let stop = Call::new("StopInstances", [("InstanceId.1", A)]);
    let body = format!(
        "<StopInstancesResponse><instancesSet><item><instanceId>{A}</instanceId>\
         <currentState><code>64</code><name>stopping</name></currentState>\
         <previousState><code>16</code><name>running</name></previousState></item></instancesSet></StopInstancesResponse>"
    );
    let replies = [200, status].map(|status| replied(status, body.clone()));
    let observations = replies.map(|reply| seen(Role::Act, &stop, Some(&reply), 0));
    let judged = case.judge(&started(1, Intent::Overlap), &observations);
    outcome_of(&judge, check, &judged)
}

#[test]
fn only_an_accepted_stop_can_be_the_second_to_find_an_instance_running() {
    assert_eq!(of_two_at_once(Check::OneTransition, 200), Some(false));
    assert_eq!(of_two_at_once(Check::OneTransition, 500), Some(true));
}

/// Whether there is a finding about a start whose answer reports this transition, for an instance arranged in this
/// state.
fn start_is_faulted(arranged: State, previous: &str, current: &str) -> bool {
    let mut case = case(arranged);
    let start = Call::new("StartInstances", [("InstanceId.1", A)]);
    let reply = ok(&format!(
        "<StartInstancesResponse><instancesSet><item><instanceId>{A}</instanceId>\
         <currentState><code>0</code><name>{current}</name></currentState>\
         <previousState><code>0</code><name>{previous}</name></previousState></item></instancesSet></StartInstancesResponse>"
    ));
    let observations = [seen(Role::Act, &start, Some(&reply), 0)];
    let judged = case.judge(&started(1, Intent::Call), &observations);
    let told = Observed::Change(facts::changed(A, previous, current));
    judged
        .findings
        .iter()
        .any(|finding| finding.observed.contains(&told))
}

#[test]
fn what_a_start_does_from_a_state_that_the_contract_leaves_open_is_no_fault() {
    assert!(!start_is_faulted(State::Stopped, "stopped", "pending"));
    assert!(!start_is_faulted(State::Stopping, "stopping", "pending"));
    // The instance was not in that state, so the answer is wrong, no matter what the contract leaves open.
    assert!(start_is_faulted(State::Stopped, "running", "pending"));
}
