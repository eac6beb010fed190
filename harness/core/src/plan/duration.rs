//! How long a case takes at an endpoint that is as slow as Amazon EC2.
//!
//! Input: a case. Output: seconds, by what was captured of the real service in September 2026. The estimate orders cases
//! so that those that wait longest begin first; nothing is judged by it.

use crate::contract::{Act, CallTemplate, FixtureKind, Scenario, State};

/// From launch or start to running, in seconds.
const START_S: u64 = 8;
/// From a stop to stopped.
const STOP_S: u64 = 22;
/// From a termination to terminated.
const TERMINATION_S: u64 = 32;
/// From launch until an instance can hibernate.
const READY_S: u64 = 120;
/// How long a change of the service's own may take to show, where no state is waited for.
const LOOK_S: u64 = 2;

/// About how many seconds the case takes, from its first launch to its last description.
pub fn estimated_s(case: &Scenario) -> u64 {
    let arranged_in = |is_moving: bool| {
        let kinds = case.fixtures.iter().map(|(_, kind)| *kind);
        let kinds = kinds.filter(move |kind| is_transient(kind.state) == is_moving);
        kinds.map(arranged_in_s)
    };
    // Steady fixtures are arranged together, and the others after them, one by one.
    let arranged = arranged_in(false).max().unwrap_or_default() + arranged_in(true).sum::<u64>();
    case.steps.iter().fold(arranged, |now_s, step| match &step.act {
        Act::Call(call) if hibernates(call) => now_s.max(READY_S) + LOOK_S,
        Act::Call(_) | Act::Overlap(_) | Act::Pages(..) | Act::Observe => now_s + LOOK_S,
        Act::Settle(_, state) => now_s + reached_in_s(*state),
        Act::Launch(..) => now_s + START_S,
        Act::Pass(ms) => now_s + u64::from(*ms) / 1_000,
        Act::Rest => now_s + TERMINATION_S,
    })
}

fn is_transient(state: State) -> bool {
    match state {
        State::Running | State::Stopped | State::Terminated | State::Gone => false,
        State::Pending | State::Restarting | State::Stopping | State::ShuttingDown => true,
    }
}

fn arranged_in_s(kind: FixtureKind) -> u64 {
    match kind.state {
        State::Pending => LOOK_S,
        State::Running => START_S,
        State::Stopping | State::ShuttingDown => START_S + LOOK_S,
        State::Stopped | State::Restarting => START_S + STOP_S,
        State::Terminated | State::Gone => START_S + TERMINATION_S,
    }
}

fn reached_in_s(state: State) -> u64 {
    match state {
        State::Running => START_S,
        State::Stopped => STOP_S,
        State::Terminated | State::Gone => TERMINATION_S,
        State::Pending | State::Restarting | State::Stopping | State::ShuttingDown => LOOK_S,
    }
}

/// Whether the call waits until an instance can hibernate. A dry run does not.
fn hibernates(call: &CallTemplate) -> bool {
    let is_true = |name: &str| {
        call.params
            .iter()
            .any(|(one, value)| one == name && value == "true")
    };
    is_true("Hibernate") && !is_true("DryRun")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, Edition};

    #[test]
    fn cases_that_wait_for_hibernation_are_the_longest() {
        let contract = contract::embedded(Edition::Current);
        let seconds = |name: &str| {
            let case = contract.scenarios.iter().find(|case| case.name == name);
            estimated_s(case.expect("it is a named case"))
        };
        assert!(seconds("hibernate/configured") > seconds("stop/then-start"));
        assert!(seconds("stop/then-start") > seconds("stop/running"));
        assert!(seconds("hibernate/configured") >= READY_S);
    }
}
