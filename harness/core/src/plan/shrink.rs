//! Simpler forms of a case, used to shrink a case that shows a finding.
//!
//! A case comes in; the cases that are one step simpler go out, the boldest first: half of the steps removed, one
//! instance, one id or one parameter removed, a value or a form made plain. The caller plays them, continues with one
//! that still shows the finding, and stops when none does. Every form is simpler by a measure that cannot fall forever.

use crate::call::Form;
use crate::contract::{Act, CallTemplate, FixtureKind, Scenario, State};

/// The cases that are simpler than this one in one respect, the boldest first. `last` is the step (from 1) that shows
/// the finding; the first form drops the steps after it.
pub fn simpler(case: &Scenario, last: usize) -> Vec<Scenario> {
    let mut forms = Vec::new();
    if last < case.steps.len() {
        let mut short = case.clone();
        short.steps.truncate(last);
        forms.push(short);
    }
    forms.extend(guesses(case, last.min(case.steps.len())));
    forms.extend(without_steps(case));
    forms.extend(without_instances(case));
    forms.extend(launched_before(case));
    forms.extend(plainer_kinds(case));
    for (at, step) in case.steps.iter().enumerate() {
        let acts = match &step.act {
            Act::Call(call) => simpler_calls(call).into_iter().map(Act::Call).collect(),
            Act::Overlap(callers) => fewer_overlapping(callers),
            Act::Pages(call, _) => vec![Act::Call(call.clone())],
            // Waiting until no instance changes replaces a fixed time.
            Act::Pass(_) => vec![Act::Rest],
            Act::Settle(..) | Act::Observe | Act::Launch(..) | Act::Rest => Vec::new(),
        };
        forms.extend(acts.into_iter().filter_map(|act| {
            let mut form = case.clone();
            form.steps.get_mut(at)?.act = act;
            Some(form)
        }));
    }
    forms.extend(renamed(case));
    forms
}

/// The forms of a case with fewer overlapping calls, or without a later step.
pub fn with_fewer_calls(case: &Scenario) -> Vec<Scenario> {
    let steps = case.steps.iter().enumerate();
    let overlaps = steps.filter_map(|(at, step)| match &step.act {
        Act::Overlap(callers) => Some((at, callers)),
        _ => None,
    });
    let fewer =
        overlaps.flat_map(|(at, callers)| fewer_overlapping(callers).into_iter().map(move |act| (at, act)));
    let forms = fewer.filter_map(|(at, act)| {
        let mut form = case.clone();
        form.steps.get_mut(at)?.act = act;
        Some(form)
    });
    forms
        .map(|form| without_bystanders(&form))
        .chain(without_steps(case))
        .collect()
}

/// Overlapping calls with one caller less, or with one call less; of one caller, its calls one after another.
fn fewer_overlapping(callers: &[Vec<CallTemplate>]) -> Vec<Act> {
    if let [calls] = callers {
        return match calls.as_slice() {
            [call] => vec![Act::Call(call.clone())],
            _ => Vec::new(),
        };
    }
    let without = |caller: usize, call: Option<usize>| {
        let mut fewer = callers.to_vec();
        match (call, fewer.get_mut(caller)) {
            (Some(call), Some(calls)) if calls.len() > 1 => _ = calls.remove(call),
            _ => _ = fewer.remove(caller),
        }
        Act::Overlap(fewer)
    };
    let callers_less = (0..callers.len()).map(|caller| without(caller, None));
    let calls_less = callers.iter().enumerate().flat_map(|(caller, calls)| {
        let count = if calls.len() > 1 { calls.len() } else { 0 };
        (0..count).map(move |call| (caller, call))
    });
    callers_less
        .chain(calls_less.map(|(caller, call)| without(caller, Some(call))))
        .collect()
}

/// Renames the remaining instances to `a`, `b`, … in their order; `None` if they have these names already.
fn renamed(case: &Scenario) -> Option<Scenario> {
    let mut names = instances(case);
    names.reverse();
    let new_names: Vec<String> = ('a'..='z').map(String::from).take(names.len()).collect();
    if names == new_names || names.len() > new_names.len() {
        return None;
    }
    let renamed = |name: &str| {
        let at = names.iter().position(|one| one == name)?;
        new_names.get(at).cloned()
    };
    let mut form = case.clone();
    for (name, _) in &mut form.fixtures {
        *name = renamed(name)?;
    }
    for step in &mut form.steps {
        match &mut step.act {
            Act::Launch(name, _) => *name = renamed(name)?,
            Act::Settle(waited, _) => {
                for name in waited {
                    *name = renamed(name)?;
                }
            }
            act @ (Act::Call(_) | Act::Overlap(_) | Act::Pages(..)) => {
                for (_, value) in act.calls_mut().flat_map(|call| &mut call.params) {
                    // A value names at most one instance.
                    let old = names.iter().find(|name| stands_for(value, name));
                    if let Some(old) = old {
                        let new = renamed(old)?;
                        *value = value
                            .replace(&format!("{{{old}}}"), &format!("{{{new}}}"))
                            .replace(&format!("{{{old}."), &format!("{{{new}."));
                    }
                }
            }
            Act::Observe | Act::Pass(_) | Act::Rest => {}
        }
    }
    Some(form)
}

/// The forms that are most often enough: only the step that shows the finding, only the last few steps, or only those
/// that name the same instances; first without the instances that no call names, then with them.
fn guesses(case: &Scenario, last: usize) -> Vec<Scenario> {
    if case.steps.len() < 3 {
        return Vec::new();
    }
    let only = |keep: &dyn Fn(usize, &Act) -> bool| {
        let mut form = case.clone();
        let mut at = 0;
        form.steps.retain(|step| {
            at += 1;
            matches!(step.act, Act::Launch(..)) || keep(at, &step.act)
        });
        form
    };
    let named: Vec<String> = instances(case)
        .into_iter()
        .filter(|name| {
            case.steps
                .iter()
                .take(last)
                .rev()
                .find_map(|step| step.act.calls().next_back())
                .is_some_and(|call| call.params.iter().any(|(_, value)| stands_for(value, name)))
        })
        .collect();
    let names_one = |act: &Act| {
        let mut values = act.calls().flat_map(|call| &call.params).map(|(_, value)| value);
        values.any(|value| named.iter().any(|name| stands_for(value, name)))
    };
    let mut forms = Vec::new();
    for few in [1, 2, 4] {
        forms.push(only(&|at, _| at + few > last));
    }
    forms.push(only(&|_, act| names_one(act)));
    forms.push(only(&|_, act| {
        names_one(act) || matches!(act, Act::Rest | Act::Pass(_))
    }));
    let bare: Vec<Scenario> = forms.iter().map(without_bystanders).collect();
    let mut all: Vec<Scenario> = Vec::new();
    for form in bare.into_iter().chain(forms) {
        if form.steps.len() < case.steps.len() && !all.contains(&form) {
            all.push(form);
        }
    }
    all
}

/// The case without the instances that no call names.
fn without_bystanders(case: &Scenario) -> Scenario {
    let calls: Vec<&CallTemplate> = case.steps.iter().flat_map(|step| step.act.calls()).collect();
    let is_named = |name: &str| {
        let mut values = calls.iter().flat_map(|call| &call.params);
        values.any(|(_, value)| stands_for(value, name))
    };
    let mut form = case.clone();
    form.fixtures.retain(|(name, _)| is_named(name));
    form.steps
        .retain(|step| launched(&step.act).is_none_or(|(name, _)| is_named(name)));
    form
}

/// Whether a value refers to this instance, or to a part of it.
fn stands_for(value: &str, name: &str) -> bool {
    value.contains(&format!("{{{name}}}")) || value.contains(&format!("{{{name}."))
}

/// Forms without a stretch of steps, from half of the steps down to single ones. Steps that launch are kept.
fn without_steps(case: &Scenario) -> Vec<Scenario> {
    let removable: Vec<usize> = case
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| !matches!(step.act, Act::Launch(..)))
        .map(|(at, _)| at)
        .collect();
    let mut forms = Vec::new();
    let mut length = removable.len().div_ceil(2);
    while length > 0 {
        for stretch in removable.chunks(length) {
            let mut form = case.clone();
            let mut at = 0;
            form.steps.retain(|_| {
                at += 1;
                !stretch.contains(&(at - 1))
            });
            forms.push(form);
        }
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    forms
}

/// Forms without one instance and everything that names it.
fn without_instances(case: &Scenario) -> Vec<Scenario> {
    instances(case)
        .into_iter()
        .map(|name| {
            let mut form = case.clone();
            form.fixtures.retain(|(fixture, _)| *fixture != name);
            form.steps.retain_mut(|step| match &mut step.act {
                Act::Launch(launched, _) => *launched != name,
                Act::Call(call) | Act::Pages(call, _) => !without_name(call, &name),
                Act::Overlap(callers) => {
                    for calls in callers.iter_mut() {
                        calls.retain_mut(|call| !without_name(call, &name));
                    }
                    callers.retain(|calls| !calls.is_empty());
                    !callers.is_empty()
                }
                Act::Settle(names, _) => {
                    names.retain(|one| *one != name);
                    !names.is_empty()
                }
                Act::Observe | Act::Pass(_) | Act::Rest => true,
            });
            form
        })
        .collect()
}

/// Removes the parameters that name an instance. Returns whether the call named no other id.
fn without_name(call: &mut CallTemplate, name: &str) -> bool {
    let before = call.params.len();
    call.params.retain(|(_, value)| !stands_for(value, name));
    let about_it = call.params.len() < before && !call.params.iter().any(|(name, _)| is_id(name));
    renumber(call);
    about_it
}

/// Forms in which one launch becomes a fixture: the instance is running before the first step.
fn launched_before(case: &Scenario) -> Vec<Scenario> {
    let launches = case.steps.iter().enumerate();
    launches
        .filter_map(|(at, step)| {
            let Act::Launch(name, kind) = &step.act else {
                return None;
            };
            let mut form = case.clone();
            form.steps.remove(at);
            let kind = FixtureKind {
                state: State::Running,
                ..*kind
            };
            form.fixtures.push((name.clone(), kind));
            Some(form)
        })
        .collect()
}

/// Forms in which one instance becomes an ordinary one, in all properties at once or in one.
fn plainer_kinds(case: &Scenario) -> Vec<Scenario> {
    let mut forms = Vec::new();
    for name in instances(case) {
        let Some(kind) = kind_of(case, &name) else {
            continue;
        };
        let plain = FixtureKind::default();
        let simpler = [
            plain,
            FixtureKind {
                state: plain.state,
                ..kind
            },
            FixtureKind {
                market: plain.market,
                ..kind
            },
            FixtureKind {
                root: plain.root,
                ..kind
            },
            FixtureKind {
                hibernation: false,
                ..kind
            },
            FixtureKind {
                stop_protected: false,
                ..kind
            },
            FixtureKind {
                termination_protected: false,
                ..kind
            },
        ];
        for kind in simpler.into_iter().filter(|simpler| *simpler != kind) {
            let mut form = case.clone();
            for (fixture, old) in &mut form.fixtures {
                if *fixture == name {
                    *old = kind;
                }
            }
            for step in &mut form.steps {
                if let Act::Launch(launched, old) = &mut step.act
                    && *launched == name
                {
                    *old = kind;
                }
            }
            forms.push(form);
        }
    }
    forms
}

/// Calls with one thing less: a parameter, a part of the form, a part of a value.
fn simpler_calls(call: &CallTemplate) -> Vec<CallTemplate> {
    let mut forms = Vec::new();
    let mut add = |change: &dyn Fn(&mut CallTemplate)| {
        let mut form = call.clone();
        change(&mut form);
        if form != *call {
            forms.push(form);
        }
    };
    let ids = call.params.iter().filter(|(name, _)| is_id(name)).count();
    if ids > 3 {
        for half in [0, 1] {
            add(&|form| {
                let mut seen = 0;
                form.params.retain(|(name, _)| {
                    seen += usize::from(is_id(name));
                    !is_id(name) || (seen <= ids / 2) == (half == 1)
                });
                renumber(form);
            });
        }
    }
    add(&|form| form.params.retain(|(name, _)| is_id(name)));
    for at in 0..call.params.len() {
        add(&|form| {
            form.params.remove(at);
            renumber(form);
        });
    }
    let plain = Form::default();
    add(&|form| form.form = plain.clone());
    add(&|form| form.form.method = plain.method);
    add(&|form| form.form.version.clone_from(&plain.version));
    add(&|form| form.form.content_type.clone_from(&plain.content_type));
    add(&|form| form.form.order = plain.order);
    add(&|form| form.form.encoding = plain.encoding);
    add(&|form| form.form.auth = plain.auth);
    for (at, (name, value)) in call.params.iter().enumerate() {
        for shorter in simpler_values(name, value) {
            add(&|form| {
                if let Some((_, value)) = form.params.get_mut(at) {
                    value.clone_from(&shorter);
                }
            });
        }
    }
    forms
}

/// Simpler values. References are not shortened: what they stand for differs from run to run.
fn simpler_values(name: &str, value: &str) -> Vec<String> {
    if value.starts_with('{') && value.ends_with('}') {
        let first = value
            .strip_prefix("{unknown")
            .and_then(|rest| rest.strip_suffix('}'));
        return match first {
            Some(number) if !number.is_empty() => vec!["{unknown}".to_owned()],
            Some(_) | None => Vec::new(),
        };
    }
    if value.contains('{') || is_id(name) && value.starts_with("i-") {
        return Vec::new();
    }
    let length = value.chars().count();
    [length / 2, length.saturating_sub(1)]
        .into_iter()
        .filter(|shorter| *shorter > 0 && *shorter < length)
        .map(|shorter| value.chars().take(shorter).collect())
        .collect()
}

/// The names of all instances, the last one first, since it is the least likely to matter.
fn instances(case: &Scenario) -> Vec<String> {
    let launches = case.steps.iter().filter_map(|step| launched(&step.act));
    let mut names: Vec<String> = case
        .fixtures
        .iter()
        .map(|(name, _)| name)
        .chain(launches.map(|(name, _)| name))
        .cloned()
        .collect();
    names.reverse();
    names
}

fn kind_of(case: &Scenario, name: &str) -> Option<FixtureKind> {
    let launches = case.steps.iter().filter_map(|step| launched(&step.act));
    let fixtures = case.fixtures.iter().map(|(name, kind)| (name, kind));
    fixtures
        .chain(launches)
        .find(|(known, _)| *known == name)
        .map(|(_, kind)| *kind)
}

/// The name and the kind of the instance that an act launches.
fn launched(act: &Act) -> Option<(&String, &FixtureKind)> {
    match act {
        Act::Launch(name, kind) => Some((name, kind)),
        Act::Call(_)
        | Act::Overlap(_)
        | Act::Pages(..)
        | Act::Settle(..)
        | Act::Observe
        | Act::Pass(_)
        | Act::Rest => None,
    }
}

fn is_id(name: &str) -> bool {
    name.starts_with("InstanceId")
}

/// Renumbers the ids of a plain list from 1. An odd list stays as it is.
fn renumber(call: &mut CallTemplate) {
    let indices: Vec<usize> = call
        .params
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("InstanceId.")?.parse().ok())
        .collect();
    // Removing ids from a plain list leaves gaps but keeps the order.
    let plain = indices.is_sorted() && indices.iter().zip(1..).all(|(index, at)| *index >= at);
    let odd = indices.first().is_some_and(|first| *first == 0)
        || indices.len() != call.params.iter().filter(|(name, _)| is_id(name)).count();
    if !plain || odd {
        return;
    }
    let ids = call.params.iter_mut().filter(|(name, _)| is_id(name));
    for (at, (name, _)) in ids.enumerate() {
        *name = format!("InstanceId.{}", at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Step;
    use crate::plan::script::{Features, Script};

    fn stop(ids: &[&str], more: &[(&str, &str)]) -> Act {
        let ids = ids
            .iter()
            .enumerate()
            .map(|(at, id)| (format!("InstanceId.{}", at + 1), (*id).to_owned()));
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Act::Call(CallTemplate {
            action: Some("StopInstances".to_owned()),
            params: ids.chain(more).collect(),
            form: Form::default(),
        })
    }

    fn case(steps: Vec<Act>) -> Scenario {
        Scenario {
            name: "x".to_owned(),
            purpose: "x".to_owned(),
            clauses: Vec::new(),
            fixtures: Vec::new(),
            steps: steps.into_iter().map(Step::from).collect(),
        }
    }

    /// Shrinks a case as long as a simpler form holds; also returns how many forms were tried.
    fn least(case: &Scenario, holds: impl Fn(&Scenario) -> bool) -> (Scenario, usize) {
        let (mut least, mut tried) = (case.clone(), 0);
        'again: loop {
            for form in simpler(&least, least.steps.len()) {
                tried += 1;
                if holds(&form) {
                    least = form;
                    continue 'again;
                }
            }
            return (least, tried);
        }
    }

    fn names(case: &Scenario, id: &str) -> usize {
        let values = case
            .steps
            .iter()
            .flat_map(|step| step.act.calls())
            .flat_map(|call| &call.params);
        values.filter(|(_, value)| value == id).count()
    }

    #[test]
    fn a_case_shrinks_to_what_is_needed_and_nothing_else() {
        let launch = |name: &str| {
            Act::Launch(
                name.to_owned(),
                FixtureKind {
                    hibernation: true,
                    ..FixtureKind::default()
                },
            )
        };
        let whole = case(vec![
            launch("a"),
            launch("b"),
            stop(&["{a}"], &[("Force", "true")]),
            Act::Rest,
            launch("c"),
            stop(&["{b}", "{c}", "{unknown2}"], &[("DryRun", "true")]),
            Act::Pass(500),
            stop(&["{b}", "{a}"], &[("Hibernate", "true")]),
            Act::Observe,
        ]);
        // The finding needs two stops of b.
        let (least, tried) = least(&whole, |form| names(form, "{b}") >= 2);
        let plain = FixtureKind::default();
        assert_eq!(least.fixtures, [("b".to_owned(), plain)]);
        let acts: Vec<Act> = least.steps.into_iter().map(|step| step.act).collect();
        assert_eq!(acts, [stop(&["{b}"], &[]), stop(&["{b}"], &[])]);
        assert!(tried < 150, "{tried}");
    }

    #[test]
    fn ids_that_stay_are_numbered_from_one_and_odd_lists_stay_odd() {
        let whole = case(vec![stop(&["{a}", "{b}", "{c}"], &[])]);
        let forms = simpler(&whole, 1);
        assert!(forms.contains(&case(vec![stop(&["{a}", "{c}"], &[])])));
        let mut odd = whole.clone();
        if let Some(call) = odd.steps.first_mut().and_then(|step| step.act.calls_mut().next()) {
            for (at, (name, _)) in call.params.iter_mut().enumerate() {
                *name = format!("InstanceId.{at}");
            }
        }
        for form in simpler(&odd, 1) {
            for call in form.steps.iter().flat_map(|step| step.act.calls()) {
                let zero = call.params.iter().any(|(name, _)| name == "InstanceId.0");
                assert!(zero || call.params.len() < 3, "{call:?}");
            }
        }
    }

    #[test]
    fn instances_that_are_left_are_called_by_the_first_letters() {
        let mut gaps = case(vec![
            Act::Launch("c".to_owned(), FixtureKind::default()),
            stop(&["{c}", "{k.upper}", " {c}", "{unknown}"], &[]),
            Act::Settle(vec!["k".to_owned()], State::Stopped),
        ]);
        gaps.fixtures.push(("k".to_owned(), FixtureKind::default()));
        let mut plain = case(vec![
            Act::Launch("b".to_owned(), FixtureKind::default()),
            stop(&["{b}", "{a.upper}", " {b}", "{unknown}"], &[]),
            Act::Settle(vec!["a".to_owned()], State::Stopped),
        ]);
        plain.fixtures.push(("a".to_owned(), FixtureKind::default()));
        assert_eq!(renamed(&gaps), Some(plain.clone()));
        assert_eq!(renamed(&plain), None);
    }

    #[test]
    fn shrinking_comes_to_an_end_whatever_holds() {
        for seed in 0..40_u32 {
            let mut state = seed;
            let bytes = Script::bytes(30, || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            });
            let whole = Script::decode(&bytes, Features::ALL).into_case("x");
            let (nothing, _) = least(&whole, |_| true);
            assert_eq!((nothing.steps.len(), nothing.fixtures.len()), (0, 0));
            let (same, tried) = least(&whole, |_| false);
            assert_eq!(same, whole);
            assert!(tried < 2_000, "{tried}");
        }
    }
}
