//! From beliefs and a call to the set of allowed answers.

use std::collections::BTreeMap;

use super::belief::{Belief, Fleet, States};
use super::read::{Reading, Switch};
use crate::contract::{
    Condition, Contract, Demand, Market, Refusal, Root, State, Transition, TransitionAnswer,
};

/// Every answer that is allowed to one call.
#[derive(Debug)]
pub struct Expectation<'c> {
    /// The refusals that may come.
    pub refusals: Vec<Active<'c>>,
    /// Whether and how the call may be accepted.
    pub acceptance: Acceptance,
    /// What each named instance of the fleet may answer if the call is accepted.
    pub items: BTreeMap<String, ItemRule<'c>>,
    /// Whether the set of items is not known exactly: odd indices, other cases, repeated ids.
    pub loose: bool,
}

/// A refusal that may come.
#[derive(Debug)]
pub struct Active<'c> {
    /// The row of the contract.
    pub refusal: &'c Refusal,
    /// Whether its condition holds in every possible world.
    pub certain: bool,
    /// The ids or words at fault.
    pub words: Vec<String>,
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
pub struct ItemRule<'c> {
    /// The rows that may apply, one for each state the instance may be in.
    pub rows: Vec<&'c Transition>,
}

/// The allowed answers to a call.
pub fn expect<'c>(contract: &'c Contract, fleet: &Fleet, action: &str, reading: &Reading) -> Expectation<'c> {
    let mut conditions: BTreeMap<Condition, (bool, Vec<String>)> = reading
        .conditions
        .iter()
        .map(|(condition, words)| (*condition, (true, words.clone())))
        .collect();
    let mut items = BTreeMap::new();
    for id in &reading.ids {
        let Some((id, belief)) = fleet
            .get_key_value(id)
            .or_else(|| fleet.get_key_value(&id.to_ascii_lowercase()))
        else {
            continue;
        };
        // Only the action under test has refusals that depend on an instance; its siblings have rows of transitions.
        if action == contract.action {
            for (condition, certain) in conditions_of(belief, reading) {
                let entry = conditions.entry(condition).or_default();
                entry.0 |= certain;
                entry.1.push(id.clone());
            }
        }
        items.insert(
            id.clone(),
            ItemRule {
                rows: rows_for(contract, action, belief),
            },
        );
    }
    let refusals = activate(contract, &conditions);
    let acceptance = acceptance_of(&refusals);
    let loose = [Condition::OddIndex, Condition::CasedId, Condition::RepeatedId]
        .into_iter()
        .any(|condition| reading.is(condition));
    Expectation {
        refusals,
        acceptance,
        items,
        loose,
    }
}

/// The conditions that an instance brings, each with whether it holds whatever state the instance is in.
fn conditions_of(belief: &Belief, reading: &Reading) -> Vec<(Condition, bool)> {
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
    // With any other state the service may name that one first, or do nothing at all (OQ-14).
    let running = states == States::one(State::Running);
    // OQ-11: what Hibernate means beside these, nobody recorded.
    let plainly = reading.force == Switch::Off && reading.skip_os_shutdown == Switch::Off;
    let kinds = [
        (Condition::InstanceStore, belief.kind.root == Root::InstanceStore),
        (Condition::StopProtected, belief.kind.stop_protected),
        (Condition::OneTimeSpot, belief.kind.market == Market::OneTimeSpot),
        (
            Condition::PersistentSpot,
            belief.kind.market == Market::PersistentSpot,
        ),
        (Condition::CancelledSpot, belief.spot_cancelled),
        (
            Condition::NotHibernatable,
            reading.hibernate == Switch::On && !belief.kind.hibernation,
        ),
        (
            Condition::HibernateTooSoon,
            reading.hibernate != Switch::Off && belief.kind.hibernation,
        ),
    ];
    conditions.extend(
        kinds
            .into_iter()
            .filter(|(_, holds)| *holds)
            // How long an instance must have run is not documented, so nobody can tell that it is too soon.
            .map(|(condition, _)| {
                let told = condition != Condition::HibernateTooSoon
                    && (plainly || condition != Condition::NotHibernatable);
                (condition, running && told)
            }),
    );
    conditions
}

/// Whether time alone may take an instance out of this state.
fn moves(state: State) -> bool {
    States::one(state).later() != States::one(state)
}

fn rows_for<'c>(contract: &'c Contract, action: &str, belief: &Belief) -> Vec<&'c Transition> {
    let states = belief.states.later();
    contract
        .transitions
        .iter()
        .filter(|row| row.action == action && states.contains(row.from))
        .collect()
}

/// The rows whose condition holds, without those that a certain one hides.
fn activate<'c>(
    contract: &'c Contract,
    conditions: &BTreeMap<Condition, (bool, Vec<String>)>,
) -> Vec<Active<'c>> {
    let all: Vec<Active<'c>> = contract
        .refusals
        .iter()
        .filter_map(|refusal| {
            let (certain, words) = conditions.get(&refusal.condition)?;
            Some(Active {
                refusal,
                certain: *certain,
                words: words.clone(),
            })
        })
        .collect();
    let masked: Vec<Condition> = all
        .iter()
        .filter(|active| active.certain && active.refusal.demand == Demand::Must)
        .flat_map(|active| active.refusal.masks.iter().copied())
        .collect();
    all.into_iter()
        .filter(|active| !masked.contains(&active.refusal.condition))
        .collect()
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

impl<'c> ItemRule<'c> {
    /// The answers of any row that say exactly this, with their rows.
    pub fn matching<'a>(
        &'a self,
        previous: &'a str,
        current: &'a str,
    ) -> impl Iterator<Item = (&'c Transition, &'c TransitionAnswer)> + 'a {
        self.rows
            .iter()
            .flat_map(|row| row.answers.iter().map(move |answer| (*row, answer)))
            .filter(move |(_, answer)| answer.previous == previous && answer.current == current)
    }

    /// The allowed pairs, for people.
    pub fn describe(&self) -> String {
        let mut pairs: Vec<String> = self
            .rows
            .iter()
            .flat_map(|row| row.answers.iter())
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
            .map(|(id, belief)| ((*id).to_owned(), belief.clone()))
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
        let fleet = Fleet::from([(A.to_owned(), belief)]);
        let reading = read(&contract, &fleet, &stop(&[]));
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
            (State::Stopping, Acceptance::Expected, &["stopping", "stopped"]),
            (State::Stopped, Acceptance::Expected, &["stopped!"]),
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
        let fleet = Fleet::from([(A.to_owned(), Belief::of(kind(State::Stopped)))]);
        let reading = read(&contract, &fleet, &stop(&[]));
        let expectation = expect(&contract, &fleet, "StopInstances", &reading);
        let rule = expectation.items.get(A).expect("the instance is named");
        let odd = |previous, current| rule.matching(previous, current).all(|(_, answer)| answer.odd);
        assert!(!odd("stopped", "stopped"));
        assert!(odd("stopped", "stopping") && rule.matching("stopped", "stopping").count() == 1);
        assert_eq!(rule.matching("running", "stopping").count(), 0);
        assert!(!rule.describe().contains("stopped → stopping"));
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
        assert_eq!(refusals, ["stopped!", "stop-protected"]);
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
        let table: [(&[(&str, &str)], Acceptance); 7] = [
            (&[], Acceptance::Expected),
            (&[("SkipOsShutdown", "true")], Acceptance::Expected),
            (&[("DryRun", "1")], Acceptance::Free),
            // OQ-17.
            (&[("Force", "true"), ("Force", "false")], Acceptance::Free),
            // OQ-11.
            (&[("SkipOsShutdown", "true"), ("Force", "true")], Acceptance::Free),
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
        // OQ-12.
        assert_eq!(told(now, &[(A, cancelled)], &stop(&[])).0, Acceptance::Free);
    }

    #[test]
    fn each_offender_of_a_batch_is_named_and_the_others_are_not() {
        let contract = embedded(Edition::Current);
        let call = stop(&[("InstanceId.2", B)]);
        let fleet = Fleet::from([
            (A.to_owned(), Belief::of(kind(State::Running))),
            (B.to_owned(), Belief::of(kind(State::Terminated))),
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
        let fleet = Fleet::from([(A.to_owned(), Belief::of(kind(State::Running)))]);
        let loose = |params: &[(&str, &str)]| {
            let call = Call::new("StopInstances", params.iter().copied());
            let reading = read(&contract, &fleet, &call);
            expect(&contract, &fleet, "StopInstances", &reading).loose
        };
        assert!(!loose(&[("InstanceId.1", A)]));
        assert!(loose(&[("InstanceId.2", A)]));
        assert!(loose(&[("InstanceId.1", A), ("InstanceId.2", A)]));
        assert!(loose(&[("InstanceId.1", &A.to_ascii_uppercase())]));
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
