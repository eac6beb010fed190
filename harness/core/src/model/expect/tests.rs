//! Which answers are allowed, by the beliefs about the instances and by the call.

use super::*;
use crate::call::{Auth, Call};
use crate::contract::{Edition, FixtureKind, Market, Root, embedded};
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

/// The acceptance and the refusals of an expectation; an exclamation mark means that a refusal is certain.
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
    let pairs = expectation.items.get(A).map(ItemRule::pairs).unwrap_or_default();
    let texts = pairs
        .iter()
        .map(|(previous, current)| format!("{previous} → {current}"));
    texts.collect::<Vec<_>>().join(" or ")
}

#[test]
fn a_plain_stop_is_expected_or_refused_by_the_state_it_finds() {
    let table: [(State, Acceptance, &[&str]); 8] = [
        (State::Running, Acceptance::Expected, &[]),
        // The instance may be running by now, so nothing is certain.
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
    assert!(!rule.pairs().contains(&("pending", "stopping")));
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
    // OQ-14: the service may report the protection or do nothing.
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
    let upper = A.to_ascii_uppercase().replacen("I-", "i-", 1);
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
    // It may still be stopping.
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
