//! From beliefs and a call to the set of allowed answers.

use std::collections::BTreeMap;

use super::belief::{Belief, Fleet, Id, States};
use super::read::{Reading, Switch};
use crate::contract::{
    Condition, Contract, Demand, Market, Refusal, Root, State, Transition, TransitionAnswer,
};

/// Every answer that is allowed to one call.
#[derive(Debug)]
pub struct Expectation<'a> {
    /// What holds of the call and of the instances it names, whether or not anything follows from it. Sorted.
    pub circumstances: Vec<Circumstance<'a>>,
    /// The refusals that may come.
    pub refusals: Vec<Active<'a>>,
    /// Whether and how the call may be accepted.
    pub acceptance: Acceptance,
    /// What each named instance of the fleet may answer if the call is accepted.
    pub items: BTreeMap<&'a str, ItemRule<'a>>,
    /// Whether the set of items is not known exactly: odd indices, other cases, repeated ids.
    pub loose: bool,
    /// Whether a sister of the action under test may be refused for reasons that the contract does not know: an id it
    /// does not take, a state it does not leave, a protection.
    pub foreign: bool,
}

/// A condition that holds or may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstance<'a> {
    /// The condition.
    pub condition: Condition,
    /// Whether it holds in every possible world.
    pub certain: bool,
    /// The ids or words at fault.
    pub words: Vec<&'a str>,
}

/// A refusal that may come.
#[derive(Debug)]
pub struct Active<'a> {
    /// The row of the contract.
    pub refusal: &'a Refusal,
    /// Its place among the refusals of the contract.
    pub row: usize,
    /// Whether its condition holds in every possible world.
    pub certain: bool,
    /// The ids or words at fault.
    pub words: Vec<&'a str>,
}

/// Whether a call may be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acceptance {
    /// It is expected.
    Expected,
    /// Acceptance and refusal are both fine.
    Free,
    /// A refusal is expected, but the evidence has a gap: acceptance is a warning.
    Discouraged,
    /// It must be refused.
    Forbidden,
}

/// What an item about one instance may say.
#[derive(Debug)]
pub struct ItemRule<'a> {
    /// The instance.
    pub id: &'a Id,
    /// The rows that may apply, one for each state the instance may be in, with their places among the transitions of
    /// the contract.
    pub rows: Vec<(usize, &'a Transition)>,
    /// The states that the instance may be in without time having moved it on.
    pub states: States,
}

/// The allowed answers to a call.
pub fn expect<'a>(
    contract: &'a Contract,
    fleet: &'a Fleet,
    action: &str,
    reading: &Reading<'a>,
) -> Expectation<'a> {
    let odd_index = reading.is(Condition::OddIndex);
    let mut circumstances: Vec<Circumstance<'a>> = reading
        .conditions
        .iter()
        .map(|(condition, words)| Circumstance {
            condition: *condition,
            // OQ-03: what an odd index names is not known, and so it is of what stands under one.
            certain: !(odd_index && is_of_an_id(*condition)),
            words: words.clone(),
        })
        .collect();
    let sister = action != contract.action;
    let mut foreign = sister && !reading.conditions.is_empty();
    let mut items = BTreeMap::new();
    for written in &reading.ids {
        let exact = fleet.get_key_value(*written);
        let nearly = || {
            fleet
                .get_key_value(written.to_ascii_lowercase().as_str())
                .or_else(|| fleet.get_key_value(written.trim()))
        };
        let Some((id, belief)) = exact.or_else(nearly) else {
            continue;
        };
        // Whether an id that is not written exactly names the instance at all is not known.
        let named = exact.is_some() && !odd_index;
        // Only the action under test has refusals that depend on an instance; its siblings have rows of transitions.
        if sister {
            foreign |= may_decline(contract, action, belief);
        } else {
            for (condition, certain) in conditions_of(belief, reading) {
                add(&mut circumstances, condition, certain && named, id);
            }
        }
        items.insert(
            id.as_ref(),
            ItemRule {
                id,
                rows: rows_for(contract, action, belief),
                states: belief.states,
            },
        );
    }
    let refusals = activate(contract, &circumstances);
    let acceptance = acceptance_of(&refusals);
    let loose = [
        Condition::OddIndex,
        Condition::CasedId,
        Condition::PaddedId,
        Condition::RepeatedId,
    ]
    .into_iter()
    .any(|condition| reading.is(condition));
    Expectation {
        circumstances,
        refusals,
        acceptance,
        items,
        loose,
        foreign,
    }
}

/// Whether a condition is one of the ids that a call names, whatever instances there are.
fn is_of_an_id(condition: Condition) -> bool {
    matches!(
        condition,
        Condition::EmptyId
            | Condition::MalformedId
            | Condition::EmptyMember
            | Condition::ImpossibleId
            | Condition::UnissuedId
            | Condition::PaddedId
            | Condition::CasedId
            | Condition::UnknownId
            | Condition::UnknownIds
            | Condition::RepeatedId
    )
}

/// Whether a sister action may refuse this instance: in a state for which it has no row, or protected from it.
fn may_decline(contract: &Contract, action: &str, belief: &Belief) -> bool {
    let protected = belief.kind.stop_protected || belief.kind.termination_protected;
    let rows = rows_for(contract, action, belief);
    let leaves = |state| rows.iter().any(|(_, row)| row.from == state);
    protected || !belief.states.later().iter().all(leaves)
}

/// Takes down that an instance brings a condition.
fn add<'a>(circumstances: &mut Vec<Circumstance<'a>>, condition: Condition, certain: bool, id: &'a str) {
    let found = circumstances.binary_search_by_key(&condition, |circumstance| circumstance.condition);
    let at = found.unwrap_or_else(|at| {
        let new = Circumstance {
            condition,
            certain: false,
            words: Vec::new(),
        };
        circumstances.insert(at, new);
        at
    });
    if let Some(circumstance) = circumstances.get_mut(at) {
        circumstance.certain |= certain;
        circumstance.words.push(id);
    }
}

/// The conditions that an instance brings, each with whether it holds whatever state the instance is in.
fn conditions_of(belief: &Belief, reading: &Reading<'_>) -> Vec<(Condition, bool)> {
    let states = belief.states.later();
    let certain = states.only().is_some() || belief.states.only().is_some_and(|only| !moves(only));
    let mut conditions: Vec<(Condition, bool)> = states
        .iter()
        .filter_map(|state| {
            let condition = match state {
                State::Pending => Condition::NeverRan,
                State::Restarting => Condition::Restarting,
                State::Running => return None,
                State::Stopping => Condition::Stopping,
                State::Stopped => Condition::Stopped,
                State::ShuttingDown => Condition::ShuttingDown,
                State::Terminated => Condition::Terminated,
                State::Gone => Condition::Gone,
            };
            Some((condition, certain))
        })
        .collect();
    // Such an instance is refused alike whether it is still shutting down, terminated or purged.
    let dead: States = [State::ShuttingDown, State::Terminated, State::Gone]
        .into_iter()
        .collect();
    if states.within(dead) {
        for (condition, certain) in &mut conditions {
            *certain |= matches!(*condition, Condition::ShuttingDown | Condition::Terminated);
        }
    }
    // The real call would be a no-op; that its dry run is not refused for the state is recorded for other actions only.
    let down: States = [State::Stopping, State::Stopped].into_iter().collect();
    if reading.dry_run != Switch::Off && !states.and(down).is_empty() {
        conditions.push((Condition::DryRunOfStopped, states.within(down)));
    }
    // User guide: an instance can be force-stopped while it is pending; what else Force may not bring about is known.
    if reading.force != Switch::Off {
        for (condition, certain) in &mut conditions {
            *certain &= *condition != Condition::NeverRan;
        }
    }
    // With any other state the service may name that one first, or do nothing at all (OQ-14).
    let running = states == States::one(State::Running);
    // OQ-11: what Hibernate means beside these, nobody recorded.
    let plainly = reading.force == Switch::Off && reading.skip_os_shutdown == Switch::Off;
    let unseen = belief.unseen;
    // Each with whether it may hold, and whether that is certain of a running instance.
    let kinds = [
        (
            Condition::InstanceStore,
            belief.kind.root == Root::InstanceStore,
            true,
        ),
        (
            Condition::StopProtected,
            belief.kind.stop_protected || unseen.protection,
            !unseen.protection,
        ),
        (
            Condition::OneTimeSpot,
            belief.kind.market == Market::OneTimeSpot,
            true,
        ),
        (
            Condition::PersistentSpot,
            belief.kind.market == Market::PersistentSpot,
            true,
        ),
        (
            Condition::CancelledSpot,
            belief.spot_cancelled,
            !unseen.cancellation,
        ),
        (
            Condition::NotHibernatable,
            reading.hibernate == Switch::On && !belief.kind.hibernation,
            plainly,
        ),
        // How long an instance must have run is not documented, so it is never certain that it is too soon.
        (
            Condition::HibernateTooSoon,
            reading.hibernate != Switch::Off && belief.kind.hibernation,
            false,
        ),
    ];
    conditions.extend(
        kinds
            .into_iter()
            .filter(|(_, holds, _)| *holds)
            .map(|(condition, _, certain)| (condition, running && certain)),
    );
    conditions
}

/// Whether time alone may take an instance out of this state.
fn moves(state: State) -> bool {
    States::one(state).later() != States::one(state)
}

fn rows_for<'a>(contract: &'a Contract, action: &str, belief: &Belief) -> Vec<(usize, &'a Transition)> {
    let states = belief.states.later();
    contract
        .transitions
        .iter()
        .enumerate()
        .filter(|(_, row)| states.contains(row.from) && row.action == action)
        .collect()
}

/// The rows whose condition holds, without those that a certain one hides.
fn activate<'a>(contract: &'a Contract, circumstances: &[Circumstance<'a>]) -> Vec<Active<'a>> {
    if circumstances.is_empty() {
        return Vec::new();
    }
    let mut active: Vec<Active<'a>> = contract
        .refusals
        .iter()
        .enumerate()
        .filter_map(|(row, refusal)| {
            let circumstance = circumstances
                .iter()
                .find(|circumstance| circumstance.condition == refusal.condition)?;
            Some(Active {
                refusal,
                row,
                certain: circumstance.certain,
                words: circumstance.words.clone(),
            })
        })
        .collect();
    let masked: Vec<Condition> = active
        .iter()
        .filter(|active| active.certain && active.refusal.demand == Demand::Must)
        .flat_map(|active| active.refusal.masks.iter().copied())
        .collect();
    active.retain(|active| !masked.contains(&active.refusal.condition));
    active
}

fn acceptance_of(refusals: &[Active<'_>]) -> Acceptance {
    refusals
        .iter()
        .map(|active| match (active.refusal.demand, active.certain) {
            (Demand::Must, true) => Acceptance::Forbidden,
            (Demand::Should, true) => Acceptance::Discouraged,
            (Demand::Must | Demand::Should, false) | (Demand::May, _) => Acceptance::Free,
            (Demand::Odd, _) => Acceptance::Expected,
        })
        .max()
        .unwrap_or(Acceptance::Expected)
}

impl<'r> ItemRule<'r> {
    /// The answers of any row that say exactly this, with their rows and the places of these.
    pub fn matching<'a>(
        &'a self,
        previous: &'a str,
        current: &'a str,
    ) -> impl Iterator<Item = (usize, &'r Transition, &'r TransitionAnswer)> + 'a {
        self.rows
            .iter()
            .flat_map(|(at, row)| row.answers.iter().map(move |answer| (*at, *row, answer)))
            .filter(move |(_, _, answer)| answer.previous == previous && answer.current == current)
    }

    /// The places of the rows to blame if the answer fits none: those of the state that the answer itself says the
    /// instance was in, or else of the states it was last known to be in, not of those that time may have brought it to.
    pub fn blamed(&self, previous: Option<&str>) -> Vec<usize> {
        let of = |fits: &dyn Fn(State) -> bool| -> Vec<usize> {
            let rows = self.rows.iter().filter(|(_, row)| fits(row.from));
            rows.map(|(at, _)| *at).collect()
        };
        let named = of(&|state| previous.is_some() && state.wire_name() == previous);
        let known = of(&|state| self.states.contains(state));
        [named, known]
            .into_iter()
            .find(|rows| !rows.is_empty())
            .unwrap_or_else(|| of(&|_| true))
    }

    /// The allowed pairs, for people.
    pub fn describe(&self) -> String {
        let mut pairs: Vec<String> = self
            .rows
            .iter()
            .flat_map(|(_, row)| row.answers.iter())
            .filter(|answer| !answer.odd)
            .map(|answer| format!("{} → {}", answer.previous, answer.current))
            .collect();
        pairs.dedup();
        pairs.join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Auth, Call};
    use crate::contract::{Edition, FixtureKind, embedded};
    use crate::model::read;

    const A: &str = "i-0cfb1e75e74229968";
    const B: &str = "i-0d5c1f10a2b3c4d5e";

    fn kind(state: State) -> FixtureKind {
        FixtureKind {
            state,
            ..FixtureKind::default()
        }
    }

    fn stop(params: &[(&str, &str)]) -> Call {
        Call::new(
            "StopInstances",
            [("InstanceId.1", A)]
                .into_iter()
                .chain(params.iter().copied())
                .collect::<Vec<_>>(),
        )
    }

    /// What is told of an expectation: the acceptance, and the refusals, certain ones with an exclamation mark.
    fn told(edition: Edition, beliefs: &[(&str, Belief)], call: &Call) -> (Acceptance, Vec<String>) {
        let contract = embedded(edition);
        let fleet: Fleet = beliefs
            .iter()
            .map(|(id, belief)| ((*id).into(), belief.clone()))
            .collect();
        let reading = read(&contract, &fleet, call);
        let action = call.action.clone().unwrap_or_default();
        let expectation = expect(&contract, &fleet, &action, &reading);
        let refusals = expectation
            .refusals
            .iter()
            .map(|active| {
                let mark = if active.certain { "!" } else { "" };
                format!("{}{mark}", active.refusal.condition.word())
            })
            .collect();
        (expectation.acceptance, refusals)
    }

    fn of(kind: FixtureKind, call: &Call) -> (Acceptance, Vec<String>) {
        told(Edition::Current, &[(A, Belief::of(kind))], call)
    }

    fn pairs(states: States) -> String {
        let contract = embedded(Edition::Current);
        let mut belief = Belief::of(FixtureKind::default());
        belief.states = states;
        let fleet = Fleet::from([(A.into(), belief)]);
        let call = stop(&[]);
        let reading = read(&contract, &fleet, &call);
        let expectation = expect(&contract, &fleet, "StopInstances", &reading);
        expectation
            .items
            .get(A)
            .map(ItemRule::describe)
            .unwrap_or_default()
    }

    #[test]
    fn a_plain_stop_is_expected_or_refused_by_the_state_it_finds() {
        let table: [(State, Acceptance, &[&str]); 8] = [
            (State::Running, Acceptance::Expected, &[]),
            // Time may have brought it to running, so nothing is certain.
            (State::Pending, Acceptance::Free, &["never-ran"]),
            (State::Restarting, Acceptance::Free, &["restarting"]),
            (State::Stopping, Acceptance::Expected, &[]),
            (State::Stopped, Acceptance::Expected, &[]),
            (
                State::ShuttingDown,
                Acceptance::Forbidden,
                &["shutting-down!", "terminated!", "gone"],
            ),
            (State::Terminated, Acceptance::Forbidden, &["terminated!", "gone"]),
            (State::Gone, Acceptance::Free, &["gone!"]),
        ];
        for (state, acceptance, refusals) in table {
            let (seen, all) = of(kind(state), &stop(&[]));
            assert_eq!(seen, acceptance, "{state:?}");
            assert_eq!(all, refusals, "{state:?}");
        }
    }

    #[test]
    fn the_pairs_of_an_item_are_those_of_every_state_it_may_be_in() {
        assert_eq!(pairs(States::one(State::Running)), "running → stopping");
        assert_eq!(
            pairs(States::one(State::Stopping)),
            "stopping → stopping or stopping → stopped or stopped → stopped"
        );
        assert_eq!(pairs(States::one(State::Stopped)), "stopped → stopped");
        assert_eq!(pairs(States::one(State::Terminated)), "");
    }

    #[test]
    fn an_odd_answer_matches_and_is_not_described() {
        let contract = embedded(Edition::Current);
        let fleet = Fleet::from([(A.into(), Belief::of(kind(State::Pending)))]);
        let call = stop(&[]);
        let reading = read(&contract, &fleet, &call);
        let expectation = expect(&contract, &fleet, "StopInstances", &reading);
        let rule = expectation.items.get(A).expect("the instance is named");
        let odd = |previous, current| rule.matching(previous, current).all(|(_, _, answer)| answer.odd);
        assert!(!odd("running", "stopping"));
        assert!(odd("pending", "stopping") && rule.matching("pending", "stopping").count() == 1);
        assert_eq!(rule.matching("stopped", "stopping").count(), 0);
        assert!(!rule.describe().contains("pending → stopping"));
    }

    #[test]
    fn an_instance_refuses_for_what_it_is_only_while_it_is_known_to_run() {
        let protected = |state| FixtureKind {
            stop_protected: true,
            ..kind(state)
        };
        let (acceptance, refusals) = of(protected(State::Running), &stop(&[]));
        assert_eq!(
            (acceptance, refusals),
            (Acceptance::Forbidden, vec!["stop-protected!".to_owned()])
        );
        // OQ-14: the service may name the protection or do nothing.
        let (acceptance, refusals) = of(protected(State::Stopped), &stop(&[]));
        assert_eq!(acceptance, Acceptance::Free);
        assert_eq!(refusals, ["stop-protected"]);
        let store = FixtureKind {
            root: Root::InstanceStore,
            ..protected(State::Running)
        };
        assert_eq!(
            of(store, &stop(&[])).1,
            ["instance-store!", "stop-protected!"],
            "either may be named"
        );
    }

    #[test]
    fn a_dry_run_is_one_more_reason_and_hides_none_but_a_denied_caller_hides_it() {
        let dry = stop(&[("DryRun", "true")]);
        assert_eq!(
            of(kind(State::Running), &dry),
            (Acceptance::Forbidden, vec!["dry-run!".to_owned()])
        );
        assert_eq!(
            of(kind(State::Terminated), &dry).1,
            ["dry-run!", "terminated!", "gone"]
        );
        let mut denied = dry;
        denied.form.auth = Auth::Denied;
        assert_eq!(of(kind(State::Running), &denied).1, ["denied!"]);
    }

    #[test]
    fn acceptance_is_that_of_the_strictest_reason() {
        let running = kind(State::Running);
        let table: [(&[(&str, &str)], Acceptance); 8] = [
            (&[], Acceptance::Expected),
            (&[("SkipOsShutdown", "true")], Acceptance::Expected),
            (&[("DryRun", "1")], Acceptance::Free),
            // OQ-17.
            (&[("Force", "true"), ("Force", "false")], Acceptance::Free),
            (
                &[("SkipOsShutdown", "true"), ("Force", "true")],
                Acceptance::Expected,
            ),
            // OQ-11.
            (
                &[("SkipOsShutdown", "true"), ("Hibernate", "true")],
                Acceptance::Free,
            ),
            (&[("DryRun", "1"), ("Bogus", "1")], Acceptance::Forbidden),
            (&[("InstanceId.2", "ma1")], Acceptance::Forbidden),
        ];
        for (params, acceptance) in table {
            assert_eq!(of(running, &stop(params)).0, acceptance, "{params:?}");
        }
    }

    #[test]
    fn a_hibernation_may_come_too_soon_but_nobody_can_tell() {
        let hibernate = stop(&[("Hibernate", "true")]);
        let ready = FixtureKind {
            hibernation: true,
            ..kind(State::Running)
        };
        assert_eq!(
            of(ready, &hibernate),
            (Acceptance::Free, vec!["hibernate-too-soon".to_owned()])
        );
        assert_eq!(
            of(kind(State::Running), &hibernate),
            (Acceptance::Forbidden, vec!["not-hibernatable!".to_owned()])
        );
        // OQ-11.
        for beside in ["Force", "SkipOsShutdown"] {
            let call = stop(&[("Hibernate", "true"), (beside, "true")]);
            let (acceptance, refusals) = of(kind(State::Running), &call);
            assert_eq!(acceptance, Acceptance::Free, "{beside}");
            assert!(refusals.contains(&"not-hibernatable".to_owned()), "{refusals:?}");
        }
        assert_eq!(
            of(ready, &stop(&[("Hibernate", "false")])).0,
            Acceptance::Expected
        );
    }

    #[test]
    fn spot_instances_are_refused_by_the_rules_of_their_year() {
        let spot = |market| FixtureKind {
            market,
            ..kind(State::Running)
        };
        let look = |edition, market| told(edition, &[(A, Belief::of(spot(market)))], &stop(&[]));
        let (then, now) = (Edition::October2017, Edition::Current);
        assert_eq!(look(now, Market::PersistentSpot).0, Acceptance::Expected);
        assert_eq!(look(now, Market::OneTimeSpot).0, Acceptance::Forbidden);
        assert_eq!(look(then, Market::PersistentSpot).0, Acceptance::Forbidden);
        assert_eq!(look(then, Market::OneTimeSpot).0, Acceptance::Forbidden);
        let mut cancelled = Belief::of(spot(Market::PersistentSpot));
        cancelled.spot_cancelled = true;
        assert_eq!(
            told(now, &[(A, cancelled.clone())], &stop(&[])).0,
            Acceptance::Forbidden
        );
        cancelled.unseen.cancellation = true;
        assert_eq!(told(now, &[(A, cancelled)], &stop(&[])).0, Acceptance::Free);
    }

    #[test]
    fn a_change_of_protection_that_may_not_be_seen_yet_leaves_both_answers_open() {
        for stop_protected in [false, true] {
            let mut belief = Belief::of(FixtureKind {
                stop_protected,
                ..kind(State::Running)
            });
            belief.unseen.protection = true;
            let (acceptance, refusals) = told(Edition::Current, &[(A, belief)], &stop(&[]));
            assert_eq!(acceptance, Acceptance::Free);
            assert_eq!(refusals, ["stop-protected"]);
        }
    }

    #[test]
    fn a_forced_stop_of_a_pending_instance_is_accepted_or_refused() {
        let pending = [(A, Belief::of(kind(State::Pending)))];
        let (acceptance, refusals) = told(Edition::Current, &pending, &stop(&[("Force", "true")]));
        assert_eq!(acceptance, Acceptance::Free);
        assert_eq!(refusals, ["never-ran"]);
    }

    #[test]
    fn each_offender_of_a_batch_is_named_and_the_others_are_not() {
        let contract = embedded(Edition::Current);
        let call = stop(&[("InstanceId.2", B)]);
        let fleet = Fleet::from([
            (A.into(), Belief::of(kind(State::Running))),
            (B.into(), Belief::of(kind(State::Terminated))),
        ]);
        let reading = read(&contract, &fleet, &call);
        let expectation = expect(&contract, &fleet, "StopInstances", &reading);
        let words: Vec<_> = expectation
            .refusals
            .iter()
            .map(|active| active.words.as_slice())
            .collect();
        assert_eq!(words, [[B], [B]]);
        assert_eq!(expectation.acceptance, Acceptance::Forbidden);
        assert_eq!(expectation.items.len(), 2);
    }

    #[test]
    fn only_odd_indices_cases_and_repetitions_make_the_set_of_items_loose() {
        let contract = embedded(Edition::Current);
        let fleet = Fleet::from([(A.into(), Belief::of(kind(State::Running)))]);
        let loose = |params: &[(&str, &str)]| {
            let call = Call::new("StopInstances", params.iter().copied());
            let reading = read(&contract, &fleet, &call);
            expect(&contract, &fleet, "StopInstances", &reading).loose
        };
        assert!(!loose(&[("InstanceId.1", A)]));
        assert!(loose(&[("InstanceId.2", A)]));
        assert!(loose(&[("InstanceId.1", A), ("InstanceId.2", A)]));
        let upper = format!("i-{}", A[2..].to_ascii_uppercase());
        assert!(loose(&[("InstanceId.1", &upper)]));
        assert!(loose(&[("InstanceId.1", &format!("{A} "))]));
    }

    #[test]
    fn what_stands_under_an_odd_index_is_held_against_nobody() {
        let at = |name: &'static str, id: &'static str| {
            let call = Call::new("StopInstances", [("InstanceId.1", A), (name, id)]);
            let dead = Belief::of(kind(State::Terminated));
            let beliefs = [(A, Belief::of(kind(State::Running))), (B, dead)];
            told(Edition::Current, &beliefs, &call).0
        };
        for id in [B, "ma1", "i-00000000000000000"] {
            assert_eq!(at("InstanceId.2", id), Acceptance::Forbidden, "{id}");
            assert_eq!(at("InstanceId.3", id), Acceptance::Free, "{id}");
        }
    }

    #[test]
    fn a_sister_action_may_decline_what_the_contract_has_no_row_for() {
        let contract = embedded(Edition::Current);
        let foreign = |action: &str, kind: FixtureKind| {
            let fleet = Fleet::from([(A.into(), Belief::of(kind))]);
            let call = Call::new(action, [("InstanceId.1", A)]);
            let reading = read(&contract, &fleet, &call);
            expect(&contract, &fleet, action, &reading).foreign
        };
        let protected = FixtureKind {
            termination_protected: true,
            ..kind(State::Running)
        };
        assert!(!foreign("StartInstances", kind(State::Stopped)));
        // It may be stopping still.
        assert!(foreign("StartInstances", kind(State::Stopping)));
        assert!(foreign("StartInstances", kind(State::Terminated)));
        assert!(!foreign("TerminateInstances", kind(State::Running)));
        assert!(foreign("TerminateInstances", protected));
        assert!(!foreign("StopInstances", kind(State::Terminated)));
    }

    #[test]
    fn a_sister_action_is_refused_for_no_state() {
        let start = Call::new("StartInstances", [("InstanceId.1", A)]);
        for state in State::ALL {
            let (acceptance, refusals) = of(kind(state), &start);
            assert_eq!(
                (acceptance, refusals),
                (Acceptance::Expected, Vec::new()),
                "{state:?}"
            );
        }
    }
}
