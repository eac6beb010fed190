//! Tests of auxiliary calls: what their answers show, and what they change for later calls.

use super::*;
use crate::words::{English, Words as _};

/// Judges one auxiliary call in a case with one instance.
fn asked(case: &mut CaseJudge, call: &Call, reply: &Reply) -> Judged {
    let observations = [seen(Role::Act, call, Some(reply), 0)];
    case.judge(&started(1, Intent::Call), &observations)
}

/// Why a case with an instance in this state ends if an auxiliary call about it gets this answer.
fn blocked_by(state: State, action: &str, reply: &Reply) -> Option<String> {
    let mut case = case(state);
    asked(&mut case, &Call::new(action, [("InstanceId.1", A)]), reply);
    case.obstacle.as_ref().map(|obstacle| English.obstacle(obstacle))
}

#[test]
fn a_question_that_is_refused_ends_the_case_unless_the_service_refuses_it_too() {
    let body = "<Response><Errors><Error><Code>InvalidAction</Code><Message>no</Message></Error></Errors></Response>";
    let refusal = replied(400, body.to_owned());
    assert_eq!(
        blocked_by(State::Running, "RebootInstances", &refusal).as_deref(),
        Some("RebootInstances is answered by 400 InvalidAction \"no\"")
    );
    // An instance that is not running cannot be rebooted, so any endpoint may refuse.
    assert_eq!(blocked_by(State::Stopped, "RebootInstances", &refusal), None);
    // Only a document with 200 is an answer.
    let page = answer(500, "html");
    assert_eq!(
        blocked_by(State::Running, "DescribeInstanceStatus", &page).as_deref(),
        Some("DescribeInstanceStatus is answered by 500 <html>")
    );
    let answered = ok("<RebootInstancesResponse><return>true</return></RebootInstancesResponse>");
    assert_eq!(blocked_by(State::Running, "RebootInstances", &answered), None);
}

#[test]
fn only_of_a_stopped_instance_is_it_told_whether_its_status_is_hidden() {
    let call = Call::new("DescribeInstanceStatus", [("InstanceId.1", A)]);
    let reply = ok("<DescribeInstanceStatusResponse><instanceStatusSet/></DescribeInstanceStatusResponse>");
    for (state, told) in [
        // Only a stopped instance is judged; one in another state may be listed or not.
        (State::Stopped, Some(true)),
        (State::Stopping, None),
        (State::Running, None),
    ] {
        let mut case = case(state);
        let judge = Arc::clone(&case.judge);
        let judged = asked(&mut case, &call, &reply);
        assert_eq!(
            outcome_of(&judge, Check::StatusHidesStopped, &judged),
            told,
            "{state:?}"
        );
    }
}

/// Whether `spot-request-disabled` held for an instance in this state with this description of its request.
fn spot(state: State, named: &str, request: &str, status: &str) -> Option<bool> {
    let mut case = case(state);
    let judge = Arc::clone(&case.judge);
    let reply = ok(&format!(
        "<DescribeSpotInstanceRequestsResponse><spotInstanceRequestSet><item>\
         <spotInstanceRequestId>sir-1</spotInstanceRequestId><instanceId>{named}</instanceId>\
         <state>{request}</state><status><code>{status}</code></status></item></spotInstanceRequestSet>\
         </DescribeSpotInstanceRequestsResponse>"
    ));
    let call = Call::new(
        "DescribeSpotInstanceRequests",
        [("SpotInstanceRequestId.1", "sir-1")],
    );
    outcome_of(
        &judge,
        Check::SpotRequestDisabled,
        &asked(&mut case, &call, &reply),
    )
}

#[test]
fn the_request_of_a_stopped_spot_instance_is_disabled_by_the_user() {
    let by_user = "instance-stopped-by-user";
    assert_eq!(spot(State::Stopped, A, "disabled", by_user), Some(true));
    assert_eq!(spot(State::Stopped, A, "active", by_user), Some(false));
    assert_eq!(spot(State::Stopped, A, "disabled", "fulfilled"), Some(false));
    assert_eq!(spot(State::Stopping, A, "active", "fulfilled"), None);
}

/// The stop protection and the termination protection of an instance after this modification.
fn protections(params: &[(&str, &str)]) -> (bool, bool) {
    let mut case = case(State::Running);
    let call = Call::new("ModifyInstanceAttribute", params.iter().copied());
    let reply =
        ok("<ModifyInstanceAttributeResponse><return>true</return></ModifyInstanceAttributeResponse>");
    asked(&mut case, &call, &reply);
    let belief = case.fleet.get(A).expect("it is there");
    (belief.kind.stop_protected, belief.kind.termination_protected)
}

#[test]
fn a_protection_is_set_in_either_spelling_and_on_the_named_instance_only() {
    let me = ("InstanceId", A);
    assert_eq!(
        protections(&[me, ("DisableApiStop.Value", "true")]),
        (true, false)
    );
    assert_eq!(
        protections(&[me, ("DisableApiTermination.Value", "true")]),
        (false, true)
    );
    let old = ("Attribute", "disableApiStop");
    assert_eq!(protections(&[me, old, ("Value", "true")]), (true, false));
    assert_eq!(protections(&[me, old, ("Value", "false")]), (false, false));
    let old = ("Attribute", "disableApiTermination");
    assert_eq!(protections(&[me, old, ("Value", "true")]), (false, true));
    let another = ("InstanceId", "i-0cfb1e75e74229969");
    assert_eq!(
        protections(&[another, ("DisableApiStop.Value", "true")]),
        (false, false)
    );
}

#[test]
fn a_reboot_leaves_who_runs_and_may_bring_up_who_does_not() {
    let states = |state| {
        let mut case = case(state);
        let reply = ok("<RebootInstancesResponse><return>true</return></RebootInstancesResponse>");
        asked(
            &mut case,
            &Call::new("RebootInstances", [("InstanceId.1", A)]),
            &reply,
        );
        let states = case.fleet.get(A).expect("it is there").states;
        let restarted = case.tracks.get(A).is_some_and(|track| track.restarted);
        (states, restarted)
    };
    assert_eq!(states(State::Running), (States::one(State::Running), false));
    let (after, restarted) = states(State::Stopped);
    assert!(restarted);
    let possible = [State::Stopped, State::Pending, State::Restarting, State::Running];
    assert_eq!(after, possible.into_iter().collect());
}

#[test]
fn who_is_cancelled_is_the_spot_request_of_a_spot_instance() {
    for (market, cancelled) in [(Market::PersistentSpot, true), (Market::OnDemand, false)] {
        let mut case = case_of(FixtureKind {
            market,
            ..FixtureKind::default()
        });
        let call = Call::new(
            "CancelSpotInstanceRequests",
            [("SpotInstanceRequestId.1", "sir-1")],
        );
        asked(&mut case, &call, &ok("<CancelSpotInstanceRequestsResponse/>"));
        assert_eq!(
            case.fleet.get(A).map(|belief| belief.spot_cancelled),
            Some(cancelled)
        );
    }
}

/// The clauses of the findings about a refused dry run of a terminated instance that is running afterwards.
fn blamed_for_a_revival(is_rebooted: bool) -> Vec<String> {
    let mut case = case(State::Terminated);
    if is_rebooted {
        let reply = ok("<RebootInstancesResponse><return>true</return></RebootInstancesResponse>");
        asked(
            &mut case,
            &Call::new("RebootInstances", [("InstanceId.1", A)]),
            &reply,
        );
    }
    let dry_run = Call::new("StopInstances", [("InstanceId.1", A), ("DryRun", "true")]);
    let error = "<Response><Errors><Error><Code>DryRunOperation</Code><Message>m</Message></Error></Errors></Response>";
    let describe = Call::new("DescribeInstances", [("InstanceId.1", A)]);
    let observations = [
        seen(Role::Act, &dry_run, Some(&replied(412, error.to_owned())), 1),
        seen(
            Role::Look,
            &describe,
            Some(&fleet::described(&[(A, State::Running)])),
            2,
        ),
    ];
    let judged = case.judge(&started(2, Intent::Call), &observations);
    let findings = judged.findings.iter();
    let about_it =
        findings.filter(|finding| matches!(finding.observed.first(), Some(Observed::State { .. })));
    about_it.map(|finding| finding.clause.to_string()).collect()
}

#[test]
fn a_dry_run_is_not_blamed_for_what_a_reboot_brought_back() {
    let blamed = blamed_for_a_revival(false);
    assert!(blamed.contains(&"DRY-04".to_owned()), "{blamed:?}");
    assert_eq!(blamed_for_a_revival(true), ["SAF-02"]);
}
