use super::*;
use crate::contract::{Edition, FixtureKind, embedded};
use crate::protocol::decode;
use crate::wire::{Headers, Response};

const A: &str = "i-0cfb1e75e74229968";

/// A case with one instance in this state.
fn case(state: State) -> CaseJudge {
    let contract = Arc::new(embedded(Edition::Current));
    let mut case = CaseJudge::new(Arc::new(Judge::new(contract, Confidence::default())), "case");
    case.fixture(&FixtureReady {
        case: "case".to_owned(),
        name: "a".to_owned(),
        id: A.to_owned(),
        kind: FixtureKind {
            state,
            ..FixtureKind::default()
        },
        spot_request: None,
    });
    case
}

fn answer(status: u16, root: &str) -> Reply {
    decode(Response {
        status,
        headers: Headers::default(),
        body: format!("<{root}/>").into_bytes(),
    })
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
        // A success that should be none.
        (State::Terminated, 200, "StopInstancesResponse", true),
    ];
    for (state, status, root, wants) in table {
        let reply = answer(status, root);
        assert_eq!(
            case(state).wants_proof(&stop, &reply),
            wants,
            "{state:?} {status} {root}"
        );
    }
    let question = Call::new("DescribeInstanceStatus", [("InstanceId.1", A)]);
    let reply = answer(500, "Response");
    assert!(
        !case(State::Running).wants_proof(&question, &reply),
        "a question changes nothing"
    );
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
