//! Cases of overlapping calls, from random bytes.
//!
//! Several callers stop, start, terminate, protect and describe instances that they share, singly and in batches in both
//! orders. Afterwards the case waits until nothing moves, and then starts and stops every instance once more: what was
//! lost while the calls overlapped shows then at the latest.

use super::bytes::ChoiceBytes;
use crate::contract::{Act, CallTemplate, ClauseId, Edition, FixtureKind, Scenario, State, Step};

/// The fewest callers of a case.
const FEWEST_CALLERS: usize = 2;
/// The most calls of one caller.
const MOST_CALLS: usize = 4;
/// The names of the instances.
const INSTANCES: [&str; 3] = ["a", "b", "c"];
/// How many bytes a case draws from at most.
pub const BYTES: usize = 256;
/// How long a change of a protection may not be seen, in milliseconds: longer than the usual read lag.
const UNTIL_SEEN_MS: u32 = 6_000;

/// What a caller does in one call.
#[derive(Debug, Clone, Copy)]
enum CallerAction {
    Stop,
    ForceStop,
    DryStop,
    Start,
    Terminate,
    Protect,
    Describe,
}

/// The calls of a case, in the frequency in which they are drawn. The first is the simplest.
const ACTIONS: [CallerAction; 16] = [
    CallerAction::Stop,
    CallerAction::Stop,
    CallerAction::Stop,
    CallerAction::Stop,
    CallerAction::Stop,
    CallerAction::Stop,
    CallerAction::Start,
    CallerAction::Start,
    CallerAction::Start,
    CallerAction::Describe,
    CallerAction::Describe,
    CallerAction::Terminate,
    CallerAction::Terminate,
    CallerAction::Protect,
    CallerAction::ForceStop,
    CallerAction::DryStop,
];

/// The name of a case.
pub fn name(number: u64) -> String {
    format!("concurrent/{number}")
}

/// The number in the name of a case.
pub fn number(name: &str) -> Option<u64> {
    name.strip_prefix("concurrent/")?.parse().ok()
}

/// The case that these bytes stand for, with at most so many callers. In the edition of 2017 nothing is protected against
/// a stop.
pub fn case(
    name: &str,
    bytes: &[u8],
    most_callers: usize,
    edition: Edition,
    clauses: Vec<ClauseId>,
) -> Scenario {
    let mut bytes = ChoiceBytes::new(bytes);
    let fixtures = INSTANCES.map(|name| {
        let (state, stop_protected) = match bytes.byte() % 8 {
            6 => (State::Stopped, false),
            7 => (State::Running, edition == Edition::Current),
            _ => (State::Running, false),
        };
        let kind = FixtureKind {
            state,
            stop_protected,
            ..FixtureKind::default()
        };
        (name.to_owned(), kind)
    });
    let range = most_callers.max(FEWEST_CALLERS) - FEWEST_CALLERS + 1;
    let count = FEWEST_CALLERS + usize::from(bytes.byte()) % range;
    // In every second case all callers begin with the same action.
    let first = bytes.flag().then(|| {
        bytes.pick(&[
            CallerAction::Stop,
            CallerAction::Start,
            CallerAction::Terminate,
            CallerAction::Stop,
        ])
    });
    let mut callers: Vec<Vec<CallTemplate>> = Vec::with_capacity(count);
    for _ in 0..count {
        let calls = 1 + usize::from(bytes.byte()) % MOST_CALLS;
        let calls = (0..calls).map(|at| {
            let drawn = match bytes.pick(&ACTIONS) {
                CallerAction::Protect if edition < Edition::Current => CallerAction::Stop,
                drawn => drawn,
            };
            call(first.filter(|_| at == 0).unwrap_or(drawn), &mut bytes)
        });
        callers.push(calls.collect());
    }
    let protects = callers
        .iter()
        .flatten()
        .any(|call| call.action.as_deref() == Some("ModifyInstanceAttribute"));
    let mut acts = vec![Act::Overlap(callers), Act::Rest];
    if protects {
        acts.push(Act::Pass(UNTIL_SEEN_MS));
    }
    for action in ["StartInstances", "StopInstances"] {
        acts.extend(INSTANCES.map(|name| Act::Call(of_instances(action, &[name]))));
        acts.push(Act::Rest);
    }
    Scenario {
        name: name.to_owned(),
        purpose: "Overlapping calls fit an order, and nothing is lost that was answered.".to_owned(),
        clauses,
        fixtures: fixtures.into(),
        steps: acts.into_iter().map(Step::from).collect(),
    }
}

fn call(action: CallerAction, bytes: &mut ChoiceBytes<'_>) -> CallTemplate {
    let names = bytes.pick::<&[&str]>(&[
        &["a"],
        &["a"],
        &["b"],
        &["a", "b"],
        &["b", "a"],
        &["c", "a"],
        &["b", "c"],
        &["a"],
    ]);
    let with = |mut call: CallTemplate, name: &str| {
        call.params.push((name.to_owned(), "true".to_owned()));
        call
    };
    match action {
        CallerAction::Stop => of_instances("StopInstances", names),
        CallerAction::ForceStop => with(of_instances("StopInstances", names), "Force"),
        CallerAction::DryStop => with(of_instances("StopInstances", names), "DryRun"),
        CallerAction::Start => of_instances("StartInstances", names),
        CallerAction::Terminate => of_instances("TerminateInstances", names),
        CallerAction::Describe => of_instances("DescribeInstances", names),
        CallerAction::Protect => {
            let name = names.first().copied().unwrap_or("a");
            let on = if bytes.flag() { "false" } else { "true" };
            CallTemplate {
                action: Some("ModifyInstanceAttribute".to_owned()),
                params: vec![
                    ("InstanceId".to_owned(), format!("{{{name}}}")),
                    ("DisableApiStop.Value".to_owned(), on.to_owned()),
                ],
                form: crate::call::Form::default(),
            }
        }
    }
}

fn of_instances(action: &str, names: &[&str]) -> CallTemplate {
    let ids = (1..).zip(names);
    CallTemplate {
        action: Some(action.to_owned()),
        params: ids
            .map(|(at, name)| (format!("InstanceId.{at}"), format!("{{{name}}}")))
            .collect(),
        form: crate::call::Form::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlapping(case: &Scenario) -> Vec<CallTemplate> {
        let steps = case.steps.iter();
        let calls = steps
            .filter(|step| matches!(step.act, Act::Overlap(_)))
            .flat_map(|step| step.act.calls());
        calls.cloned().collect()
    }

    #[test]
    fn no_bytes_are_the_simplest_case() {
        let case = case("concurrent/0", &[], 8, Edition::Current, Vec::new());
        let stop = of_instances("StopInstances", &["a"]);
        assert_eq!(overlapping(&case), [stop.clone(), stop]);
    }

    #[test]
    fn bytes_of_every_value_make_cases_of_every_kind() {
        let mut actions: Vec<String> = Vec::new();
        let mut callers = Vec::new();
        for byte in 0..=u8::MAX {
            let bytes: Vec<u8> = (0..BYTES)
                .map(|at| {
                    byte.wrapping_mul(31)
                        .wrapping_add(u8::try_from(at * 7 % 256).unwrap_or_default())
                })
                .collect();
            let case = case("concurrent/0", &bytes, 8, Edition::Current, Vec::new());
            let Some(Act::Overlap(overlap)) = case.steps.first().map(|step| &step.act) else {
                unreachable!("it begins with overlapping calls: {case:?}");
            };
            assert!(
                overlap
                    .iter()
                    .all(|calls| (1..=MOST_CALLS).contains(&calls.len()))
            );
            callers.push(overlap.len());
            actions.extend(overlapping(&case).into_iter().filter_map(|call| call.action));
        }
        callers.sort_unstable();
        callers.dedup();
        assert_eq!(callers, [2, 3, 4, 5, 6, 7, 8]);
        actions.sort_unstable();
        actions.dedup();
        assert_eq!(
            actions,
            [
                "DescribeInstances",
                "ModifyInstanceAttribute",
                "StartInstances",
                "StopInstances",
                "TerminateInstances"
            ]
        );
    }
}
