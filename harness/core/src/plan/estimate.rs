//! What a plan needs and costs, before anything is sent.
//!
//! Input: a [`Plan`], the [`Means`] of the run and the [`TransitionTimes`] of the endpoint. Output: an [`Estimate`], which says what
//! is launched, how many instances exist at once and for how long, which actions are called, and which cases are left
//! out. It covers the planned cases; random scripts are made during the run.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Plan, PlannedCase, special_auth};
use crate::call::{Auth, Caller, Form};
use crate::contract::{Act, CallTemplate, FixtureKind, Market, Root, Scenario, State, Step};
use crate::journal::Obstacle;

/// What a run has for its cases.
#[derive(Debug, Clone, Copy, Default)]
pub struct Means {
    /// Whether it has the credentials of a caller who may describe but not stop.
    pub denied: bool,
    /// Whether it has temporary credentials.
    pub session: bool,
    /// Whether it has temporary credentials that have expired.
    pub expired: bool,
    /// Whether the endpoint takes raw bytes.
    pub raw_socket: bool,
    /// Whether images are looked up, because none is named.
    pub looks_up_images: bool,
    /// Whether there may be an image with an instance-store root.
    pub instance_store_image: bool,
}

impl Means {
    /// Why a case cannot be played, as far as that is known before it begins.
    pub fn obstacle(&self, case: &Scenario) -> Option<Obstacle> {
        let lacking = special_auth(case)
            .map(Auth::caller)
            .find(|caller| !self.has(*caller));
        let kinds = || case.fixtures.iter().map(|(_, kind)| kind);
        let root = Root::InstanceStore;
        if let Some(caller) = lacking {
            Some(Obstacle::NoCredentials { caller })
        } else if !self.instance_store_image && kinds().any(|kind| kind.root == root) {
            Some(Obstacle::NoImage { root })
        } else if kinds().any(|kind| kind.state == State::Gone) {
            Some(Obstacle::PurgedFixture)
        } else {
            None
        }
    }

    fn has(&self, caller: Caller) -> bool {
        match caller {
            Caller::Main => true,
            Caller::Session => self.session,
            Caller::ExpiredSession => self.expired,
            Caller::Denied => self.denied,
        }
    }
}

/// How long an endpoint takes, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct TransitionTimes {
    /// Until a new instance runs.
    pub launch_ms: u64,
    /// Until a stopped instance runs again.
    pub start_ms: u64,
    /// Until an instance is stopped.
    pub stop_ms: u64,
    /// Until an instance is terminated.
    pub terminate_ms: u64,
    /// For the call of a step and the descriptions after it.
    pub step_ms: u64,
}

impl TransitionTimes {
    /// The longest spans in the captures of the real service in September 2026, stale descriptions included.
    pub const CAPTURED: TransitionTimes = TransitionTimes {
        launch_ms: 8_400,
        start_ms: 11_000,
        stop_ms: 37_400,
        terminate_ms: 47_000,
        step_ms: 5_000,
    };

    /// Every wait lasts this long.
    pub fn always(ms: u64) -> TransitionTimes {
        TransitionTimes {
            launch_ms: ms,
            start_ms: ms,
            stop_ms: ms,
            terminate_ms: ms,
            step_ms: ms,
        }
    }

    /// Until a launched instance is in the state that a case needs.
    fn arranging_ms(&self, state: State) -> u64 {
        let after_launch = match state {
            State::Pending => return self.step_ms,
            State::Running => 0,
            State::Stopping | State::ShuttingDown => self.step_ms,
            State::Stopped => self.stop_ms,
            State::Restarting => self.stop_ms.saturating_add(self.step_ms),
            State::Terminated | State::Gone => self.terminate_ms,
        };
        self.launch_ms.saturating_add(after_launch)
    }

    /// Until instances are in a state that a step waits for.
    fn settling_ms(&self, state: State) -> u64 {
        match state {
            State::Pending | State::Restarting | State::Running => self.start_ms,
            State::Stopping | State::Stopped => self.stop_ms,
            State::ShuttingDown | State::Terminated | State::Gone => self.terminate_ms,
        }
    }

    fn case_ms(&self, case: &Scenario) -> u64 {
        // Fixtures are arranged together or one by one; one by one takes longer.
        let fixtures = case
            .fixtures
            .iter()
            .map(|(_, kind)| self.arranging_ms(kind.state));
        let steps = case.steps.iter().map(|step| match &step.act {
            Act::Call(_) | Act::Observe => self.step_ms,
            Act::Pages(_, most) => self.step_ms.saturating_mul(u64::from(*most)),
            Act::Overlap(callers) => {
                let longest = callers.iter().map(Vec::len).max().unwrap_or_default();
                self.step_ms.saturating_mul(longest as u64)
            }
            Act::Settle(_, state) => self.settling_ms(*state),
            Act::Launch(..) => self.step_ms,
            Act::Pass(ms) => u64::from(*ms),
            Act::Rest => self.stop_ms.max(self.terminate_ms),
        });
        // The last description.
        let all = fixtures.chain(steps).chain([self.step_ms]);
        all.fold(0, u64::saturating_add)
    }
}

/// How much is played at once.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    /// How many cases are open at once.
    pub open_cases: usize,
    /// The most instances that may exist at once, if that is limited.
    pub max_instances: Option<usize>,
    /// Whether instances are shared between cases, so that more exist than the open cases need.
    pub shares_instances: bool,
}

/// What the planned cases of a slice need and cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// How many cases are played.
    pub cases: usize,
    /// How many instances are launched, by kind; all of them in the state `running` and without protections.
    pub launches: Vec<Launches>,
    /// How many times an instance is started again.
    pub restarts: usize,
    /// How many instances exist at once at most.
    pub at_once: Option<AtOnce>,
    /// With the spans of the captures.
    pub usual: Extent,
    /// If every wait lasts as long as it may.
    pub at_most: Extent,
    /// The actions that the run calls with its own credentials.
    pub actions: BTreeSet<Action>,
    /// How many cases name an instance that does not exist.
    pub unknown_ids: usize,
    /// How many random scripts are played in addition; nothing else here counts them.
    pub random_scripts: Option<u64>,
    /// The cases that cannot be played.
    pub left_out: Vec<LeftOut>,
}

/// Instances of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Launches {
    /// On-Demand or Spot.
    pub market: Market,
    /// The root device type.
    pub root: Root,
    /// Whether they are configured for hibernation.
    pub hibernation: bool,
    /// How many.
    pub count: usize,
}

/// The most instances that exist at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AtOnce {
    /// Of all kinds.
    pub instances: usize,
    /// On-Demand Instances.
    pub on_demand: usize,
    /// Spot Instances.
    pub spot: usize,
}

/// How long a run takes, and what it uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// The length of the run, in milliseconds.
    pub run_ms: u64,
    /// The time of all instances together, in milliseconds, at least [`LEAST_BILLED_MS`] for each start.
    pub instances_ms: u64,
}

/// Cases that cannot be played for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The reason.
    pub obstacle: Obstacle,
    /// The names of the cases.
    pub cases: Vec<String>,
}

/// An action of EC2 that a run calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "the names are those of EC2")]
pub enum Action {
    CancelSpotInstanceRequests,
    DescribeImages,
    DescribeInstanceAttribute,
    DescribeInstanceStatus,
    DescribeInstances,
    DescribeSpotInstanceRequests,
    ModifyInstanceAttribute,
    RebootInstances,
    RunInstances,
    StartInstances,
    StopInstances,
    TerminateInstances,
}

impl Action {
    const ALL: [Action; 12] = [
        Action::CancelSpotInstanceRequests,
        Action::DescribeImages,
        Action::DescribeInstanceAttribute,
        Action::DescribeInstanceStatus,
        Action::DescribeInstances,
        Action::DescribeSpotInstanceRequests,
        Action::ModifyInstanceAttribute,
        Action::RebootInstances,
        Action::RunInstances,
        Action::StartInstances,
        Action::StopInstances,
        Action::TerminateInstances,
    ];

    /// The name in a request.
    pub fn name(self) -> &'static str {
        match self {
            Action::CancelSpotInstanceRequests => "CancelSpotInstanceRequests",
            Action::DescribeImages => "DescribeImages",
            Action::DescribeInstanceAttribute => "DescribeInstanceAttribute",
            Action::DescribeInstanceStatus => "DescribeInstanceStatus",
            Action::DescribeInstances => "DescribeInstances",
            Action::DescribeSpotInstanceRequests => "DescribeSpotInstanceRequests",
            Action::ModifyInstanceAttribute => "ModifyInstanceAttribute",
            Action::RebootInstances => "RebootInstances",
            Action::RunInstances => "RunInstances",
            Action::StartInstances => "StartInstances",
            Action::StopInstances => "StopInstances",
            Action::TerminateInstances => "TerminateInstances",
        }
    }

    /// The action of a call; `None` if it has none, or one that EC2 does not have.
    fn of(call: &CallTemplate) -> Option<Action> {
        let name = call.action.as_deref()?;
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// The least that Amazon bills for each start of an instance, in milliseconds.
/// <https://aws.amazon.com/ec2/pricing/on-demand/>: "per-second … with a minimum of 60 seconds".
pub const LEAST_BILLED_MS: u64 = 60_000;

impl Plan {
    /// What the planned cases of the slice need and cost. `longest` is what they take if every wait lasts as long as it may.
    pub fn estimate(&self, means: &Means, width: Width, longest: TransitionTimes) -> Estimate {
        let mut cases = Vec::new();
        let mut left_out: Vec<LeftOut> = Vec::new();
        for placed in self.clone().take_cases() {
            let obstacle = match &placed.case {
                PlannedCase::Calls(case) => means.obstacle(case),
                PlannedCase::Bytes(_) => (!means.raw_socket).then_some(Obstacle::NoRawSocket),
            };
            let case = match placed.case {
                PlannedCase::Calls(case) => case,
                PlannedCase::Bytes(case) => in_calls(case.name),
            };
            let Some(obstacle) = obstacle else {
                cases.push(case);
                continue;
            };
            match left_out.iter_mut().find(|one| one.obstacle == obstacle) {
                Some(alike) => alike.cases.push(case.name),
                None => left_out.push(LeftOut {
                    obstacle,
                    cases: vec![case.name],
                }),
            }
        }
        Estimate {
            cases: cases.len(),
            launches: launches(&cases),
            restarts: cases.iter().map(restarts).sum(),
            at_once: at_once(&cases, width),
            usual: extent(&cases, width, TransitionTimes::CAPTURED),
            at_most: extent(&cases, width, longest),
            actions: actions(&cases, means),
            unknown_ids: cases.iter().filter(|case| names_unknown_ids(case)).count(),
            random_scripts: self.random.as_ref().map(|random| random.scripts),
            left_out,
        }
    }
}

/// What a case on a raw socket does, in calls: it stops an instance, first in the plain form.
fn in_calls(name: &str) -> Scenario {
    let stop = Act::Call(CallTemplate {
        action: Some(Action::StopInstances.name().to_owned()),
        params: vec![("InstanceId.1".to_owned(), "{target}".to_owned())],
        form: Form::default(),
    });
    Scenario {
        name: name.to_owned(),
        purpose: String::new(),
        clauses: Vec::new(),
        fixtures: vec![("target".to_owned(), FixtureKind::default())],
        steps: vec![Step::from(stop.clone()), Step::from(stop)],
    }
}

/// The instances that a case launches: before its first step, and in its steps.
fn launched(case: &Scenario) -> impl Iterator<Item = &FixtureKind> {
    let in_steps = case.steps.iter().filter_map(|step| match &step.act {
        Act::Launch(_, kind) => Some(kind),
        Act::Call(_) | Act::Pages(..) | Act::Overlap(_) | Act::Settle(..) => None,
        Act::Observe | Act::Pass(_) | Act::Rest => None,
    });
    case.fixtures.iter().map(|(_, kind)| kind).chain(in_steps)
}

fn launches(cases: &[Scenario]) -> Vec<Launches> {
    let mut all: Vec<Launches> = Vec::new();
    for kind in cases.iter().flat_map(launched) {
        let alike = all.iter_mut().find(|one| {
            (one.market, one.root, one.hibernation) == (kind.market, kind.root, kind.hibernation)
        });
        match alike {
            Some(one) => one.count += 1,
            None => all.push(Launches {
                market: kind.market,
                root: kind.root,
                hibernation: kind.hibernation,
                count: 1,
            }),
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.count));
    all
}

/// How many times a case starts an instance that was launched earlier, if every call has its effect.
fn restarts(case: &Scenario) -> usize {
    let arranged = case
        .fixtures
        .iter()
        .filter(|(_, kind)| kind.state == State::Restarting);
    let calls = case.steps.iter().flat_map(|step| step.act.calls());
    let starting = calls.filter(|call| Action::of(call) == Some(Action::StartInstances));
    let named = starting.flat_map(|call| &call.params);
    arranged.count() + named.filter(|(name, _)| name.starts_with("InstanceId")).count()
}

/// The open cases may be those with the most instances.
fn at_once(cases: &[Scenario], width: Width) -> Option<AtOnce> {
    let limit = width.max_instances.unwrap_or(usize::MAX);
    if width.shares_instances && width.max_instances.is_none() {
        return None;
    }
    let most = |counts: &dyn Fn(&FixtureKind) -> bool| {
        let mut sizes: Vec<usize> = cases
            .iter()
            .map(|case| launched(case).filter(|kind| counts(kind)).count())
            .collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        let open = match width.shares_instances {
            true => sizes.len(),
            false => width.open_cases,
        };
        sizes.iter().take(open).sum::<usize>().min(limit)
    };
    Some(AtOnce {
        instances: most(&|_| true),
        on_demand: most(&|kind| kind.market == Market::OnDemand),
        spot: most(&|kind| kind.market != Market::OnDemand),
    })
}

/// Each case is played as soon as one of the open ones has ended, and its instances exist from its beginning to its end.
fn extent(cases: &[Scenario], width: Width, times: TransitionTimes) -> Extent {
    let mut busy_until = vec![0_u64; width.open_cases.max(1)];
    let mut instances_ms = 0_u64;
    for case in cases {
        let case_ms = times.case_ms(case);
        if let Some(first) = busy_until.iter_mut().min() {
            *first = first.saturating_add(case_ms);
        }
        let launched = launched(case).count() as u64;
        let restarted = LEAST_BILLED_MS.saturating_mul(restarts(case) as u64);
        let billed = launched.saturating_mul(case_ms.max(LEAST_BILLED_MS));
        instances_ms = instances_ms.saturating_add(billed).saturating_add(restarted);
    }
    Extent {
        run_ms: busy_until.into_iter().max().unwrap_or_default(),
        instances_ms,
    }
}

fn actions(cases: &[Scenario], means: &Means) -> BTreeSet<Action> {
    // The run begins with a description.
    let mut actions = BTreeSet::from([Action::DescribeInstances]);
    for kind in cases.iter().flat_map(launched) {
        actions.extend([Action::RunInstances, Action::TerminateInstances]);
        actions.extend(match kind.state {
            State::Stopping | State::Stopped => [Action::StopInstances].as_slice(),
            State::Restarting => &[Action::StopInstances, Action::StartInstances],
            State::Pending | State::Running | State::ShuttingDown | State::Terminated | State::Gone => &[],
        });
        if kind.stop_protected || kind.termination_protected {
            actions.extend([Action::DescribeInstanceAttribute, Action::ModifyInstanceAttribute]);
        }
        if kind.market != Market::OnDemand {
            actions.insert(Action::CancelSpotInstanceRequests);
        }
        if means.looks_up_images {
            actions.insert(Action::DescribeImages);
        }
    }
    let calls = cases
        .iter()
        .flat_map(|case| &case.steps)
        .flat_map(|step| step.act.calls());
    let own = calls.filter(|call| matches!(call.form.auth.caller(), Caller::Main | Caller::Session));
    actions.extend(own.filter_map(Action::of));
    actions
}

/// Whether a case names an instance that nobody has launched.
fn names_unknown_ids(case: &Scenario) -> bool {
    let mut values = case
        .steps
        .iter()
        .flat_map(|step| step.act.calls())
        .flat_map(|call| &call.params);
    values.any(|(_, value)| ["{unknown", "{long"].iter().any(|decoy| value.contains(decoy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Contract, Edition, embedded};
    use crate::journal::Phase;
    use crate::plan::Selection;

    const ONE_BY_ONE: Width = Width {
        open_cases: 1,
        max_instances: None,
        shares_instances: false,
    };

    fn kind(state: State, market: Market) -> FixtureKind {
        FixtureKind {
            state,
            market,
            ..FixtureKind::default()
        }
    }

    fn call(action: &str, id: &str) -> Step {
        Step::from(Act::Call(CallTemplate {
            action: Some(action.to_owned()),
            params: vec![("InstanceId.1".to_owned(), id.to_owned())],
            form: Form::default(),
        }))
    }

    fn case(name: &str, kinds: &[FixtureKind], steps: Vec<Step>) -> Scenario {
        let fixtures = ["a", "b", "c"].into_iter().zip(kinds);
        Scenario {
            fixtures: fixtures.map(|(name, kind)| (name.to_owned(), *kind)).collect(),
            steps,
            ..in_calls(name)
        }
    }

    fn plan(cases: Vec<Scenario>) -> Plan {
        let mut plan = Plan::default();
        plan.add(Phase::Scenarios, cases, &Selection::default());
        plan
    }

    fn estimate(cases: Vec<Scenario>, width: Width) -> Estimate {
        plan(cases).estimate(&Means::default(), width, TransitionTimes::always(300_000))
    }

    #[test]
    fn instances_are_counted_by_kind_launches_in_steps_included() {
        let spot = kind(State::Stopped, Market::OneTimeSpot);
        let plain = kind(State::Running, Market::OnDemand);
        let launch = Step::from(Act::Launch("d".to_owned(), plain));
        let estimate = estimate(vec![case("one", &[spot, plain], vec![launch])], ONE_BY_ONE);
        let counts: Vec<_> = estimate
            .launches
            .iter()
            .map(|one| (one.market, one.count))
            .collect();
        assert_eq!(counts, [(Market::OnDemand, 2), (Market::OneTimeSpot, 1)]);
        let at_once = AtOnce {
            instances: 3,
            on_demand: 2,
            spot: 1,
        };
        assert_eq!(estimate.at_once, Some(at_once));
    }

    #[test]
    fn the_most_at_once_are_those_of_the_largest_cases_up_to_the_limit() {
        let plain = kind(State::Running, Market::OnDemand);
        let cases = || {
            [1, 3, 2, 1]
                .map(|count| case("one", &vec![plain; count], Vec::new()))
                .to_vec()
        };
        let most = |width| estimate(cases(), width).at_once.map(|at_once| at_once.instances);
        assert_eq!(most(ONE_BY_ONE), Some(3));
        let open = |open_cases| Width {
            open_cases,
            ..ONE_BY_ONE
        };
        assert_eq!(most(open(2)), Some(5));
        assert_eq!(most(open(9)), Some(7));
        let limited = Width {
            max_instances: Some(4),
            ..open(9)
        };
        assert_eq!(most(limited), Some(4));
        let shared = Width {
            shares_instances: true,
            ..open(2)
        };
        assert_eq!(most(shared), None, "a pool launches in advance");
    }

    #[test]
    fn each_start_is_billed_for_a_minute_at_least() {
        let plain = kind(State::Running, Market::OnDemand);
        let restart = vec![call("StopInstances", "{a}"), call("StartInstances", "{a}")];
        let short = TransitionTimes::always(1_000);
        let of =
            |steps| plan(vec![case("one", &[plain], steps)]).estimate(&Means::default(), ONE_BY_ONE, short);
        assert_eq!(of(Vec::new()).at_most.instances_ms, LEAST_BILLED_MS);
        let restarted = of(restart);
        assert_eq!(restarted.restarts, 1);
        assert_eq!(restarted.at_most.instances_ms, 2 * LEAST_BILLED_MS);
        assert!(restarted.at_most.run_ms < LEAST_BILLED_MS);
    }

    #[test]
    fn open_cases_share_the_time_but_not_the_instances() {
        let stopped = kind(State::Stopped, Market::OnDemand);
        let cases = || vec![case("one", &[stopped], Vec::new()); 4];
        let one = estimate(cases(), ONE_BY_ONE);
        let four = estimate(
            cases(),
            Width {
                open_cases: 4,
                ..ONE_BY_ONE
            },
        );
        assert_eq!(one.at_most.run_ms, 4 * four.at_most.run_ms);
        assert_eq!(one.at_most.instances_ms, four.at_most.instances_ms);
        assert!(one.usual.run_ms < one.at_most.run_ms);
    }

    #[test]
    fn actions_are_those_of_the_cases_and_of_their_fixtures() {
        let none = BTreeSet::from([Action::DescribeInstances]);
        assert_eq!(
            estimate(vec![case("none", &[], Vec::new())], ONE_BY_ONE).actions,
            none
        );
        let odd = vec![call("stopinstances", "{a}"), call("RebootInstances", "{a}")];
        let spot = kind(State::Restarting, Market::PersistentSpot);
        let all = estimate(vec![case("one", &[spot], odd)], ONE_BY_ONE).actions;
        assert_eq!(
            all.iter().map(|action| action.name()).collect::<Vec<_>>(),
            [
                "CancelSpotInstanceRequests",
                "DescribeInstances",
                "RebootInstances",
                "RunInstances",
                "StartInstances",
                "StopInstances",
                "TerminateInstances"
            ]
        );
    }

    #[test]
    fn what_the_run_lacks_leaves_cases_out_and_costs_nothing() {
        let mut denied = call("StopInstances", "{a}");
        for call in denied.act.calls_mut() {
            call.form.auth = Auth::Denied;
        }
        let store = FixtureKind {
            root: Root::InstanceStore,
            ..FixtureKind::default()
        };
        let mut plan = plan(vec![
            case("auth/denied", &[FixtureKind::default()], vec![denied]),
            case("store", &[store], Vec::new()),
            case("store/two", &[store], Vec::new()),
        ]);
        plan.add_wire(&embedded(Edition::Current), &Selection::default());
        let estimate = |means| plan.estimate(&means, ONE_BY_ONE, TransitionTimes::CAPTURED);
        let nothing = estimate(Means::default());
        assert_eq!((nothing.cases, nothing.launches.len()), (0, 0));
        let counts: Vec<usize> = nothing.left_out.iter().map(|one| one.cases.len()).collect();
        assert_eq!(counts, [1, 2, plan.wire.len()]);
        let all = estimate(Means {
            denied: true,
            raw_socket: true,
            instance_store_image: true,
            ..Means::default()
        });
        assert_eq!((all.cases, all.left_out.len()), (plan.planned(), 0));
    }

    #[test]
    fn a_slice_counts_its_own_cases_only() {
        let contract: Contract = embedded(Edition::Current);
        let whole = plan(contract.scenarios.clone());
        let count = |plan: &Plan| {
            let estimate = plan.estimate(&Means::default(), ONE_BY_ONE, TransitionTimes::CAPTURED);
            let left_out: usize = estimate.left_out.iter().map(|one| one.cases.len()).sum();
            estimate.cases + left_out
        };
        assert_eq!(count(&whole), contract.scenarios.len());
        let slices = [1, 2].map(|number| {
            let slice = crate::journal::Slice::new(number, 2).expect("a slice of two");
            count(&Plan {
                slice,
                ..whole.clone()
            })
        });
        assert_eq!(slices.iter().sum::<usize>(), contract.scenarios.len());
    }
}
