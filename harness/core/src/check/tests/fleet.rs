//! Tests of what a case reports to the runner: whether a description fits, which instances are at rest, and which
//! states are still possible.

use super::*;
use crate::check::follow_up::Sight;

pub(super) const B: &str = "i-0cfb1e75e74229969";

/// A description of these instances.
pub(super) fn described(instances: &[(&str, State)]) -> Reply {
    let items: String = instances
        .iter()
        .map(|(id, state)| {
            let name = state.wire_name().expect("it can be seen");
            format!(
                "<item><instanceId>{id}</instanceId><instanceState><name>{name}</name></instanceState></item>"
            )
        })
        .collect();
    ok(&format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    ))
}

fn fits(case: &CaseJudge, call: &Call, reply: &Reply) -> bool {
    case.sight(call, reply, 1, None) == Sight::Consistent
}

fn look(call: &Call, reply: &Reply) -> Observation {
    seen(Role::Look, call, Some(reply), 1)
}

fn of(ids: &[&str]) -> Call {
    let named = ids
        .iter()
        .enumerate()
        .map(|(index, id)| (format!("InstanceId.{}", index + 1), (*id).to_owned()));
    Call::new("DescribeInstances", named)
}

#[test]
fn a_description_fits_while_each_that_was_asked_for_is_where_time_may_have_taken_it() {
    let table = [
        (State::Running, State::Running, true),
        (State::Running, State::Stopped, false),
        (State::Stopping, State::Stopping, true),
        (State::Stopping, State::Stopped, true),
        (State::Stopping, State::Running, false),
        (State::Stopped, State::Stopping, false),
    ];
    for (believed, seen, expected) in table {
        assert_eq!(
            fits(&case(believed), &of(&[A]), &described(&[(A, seen)])),
            expected,
            "{believed:?} {seen:?}"
        );
    }
}

#[test]
fn only_what_is_still_is_at_rest() {
    for (seen, rests) in [(State::Stopping, false), (State::Stopped, true)] {
        let reply = described(&[(A, seen)]);
        assert_eq!(
            case(State::Stopping).is_at_rest(&look(&of(&[A]), &reply)),
            rests,
            "{seen:?}"
        );
    }
}

#[test]
fn who_is_missing_fits_if_it_may_be_gone_or_was_not_asked_for() {
    let nobody = described(&[]);
    assert!(!fits(&case(State::Running), &of(&[A]), &nobody));
    assert!(
        !fits(&case(State::Running), &of(&[]), &nobody),
        "all are asked for"
    );
    assert!(fits(&case(State::Terminated), &of(&[A]), &nobody));
    assert!(fits(&case(State::Running), &of(&[B]), &nobody));
    // Both of two instances must be described.
    let mut case = case(State::Running);
    let stopped = FixtureKind {
        state: State::Stopped,
        ..FixtureKind::default()
    };
    add(&mut case, B, stopped);
    let both = [(A, State::Running), (B, State::Stopped)];
    assert!(fits(&case, &of(&[]), &described(&both)));
    assert!(!fits(&case, &of(&[]), &described(&both[..1])));
    assert!(!fits(&case, &of(&[]), &described(&both[1..])));
    // Each instance must be described with its own state.
    assert!(!fits(
        &case,
        &of(&[]),
        &described(&[(A, State::Stopped), (B, State::Running)])
    ));
}

#[test]
fn what_is_no_description_fits_nothing() {
    assert!(!fits(&case(State::Running), &of(&[A]), &answer(500, "Response")));
    assert!(!case(State::Running).is_at_rest(&look(&of(&[A]), &ok("<html/>"))));
}

#[test]
fn only_who_was_told_to_stop_is_waited_for() {
    for (state, waits) in [
        (State::Running, false),
        (State::Stopping, true),
        (State::Stopped, true),
        (State::ShuttingDown, false),
        (State::Pending, false),
    ] {
        let ids = case(state).stopping();
        let expected: &[&str] = if waits { &[A] } else { &[] };
        assert_eq!(ids, expected, "{state:?}");
    }
}

#[test]
fn a_state_may_be_reached_that_lies_ahead() {
    let table = [
        (State::Pending, "running", true),
        (State::Stopping, "stopped", true),
        (State::Stopping, "running", false),
        (State::Stopped, "running", false),
        (State::Running, "running", true),
        (State::Running, "a state", false),
    ];
    for (state, name, may) in table {
        assert_eq!(case(state).may_reach(A, name), may, "{state:?} {name}");
    }
    assert!(!case(State::Running).may_reach(B, "running"), "nobody knows it");
}
