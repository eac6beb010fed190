//! From the contract to a list of cases.
//!
//! Enters: a contract and a filter. Leaves: a [`Plan`], its cases in a stable order. Phases that generate cases add
//! theirs here; the named scenarios come as they stand in the contract.

use crate::call::{Auth, Call};
use crate::contract::{Act, CallTemplate, Contract, Scenario};

pub mod coverage;
pub mod covering;

/// What a run plays.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The cases, in order.
    pub cases: Vec<Scenario>,
    /// How many cases the filter left out.
    pub left_out: usize,
}

/// A kind of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The named cases of the contract.
    Scenarios,
    /// Combinations of so many dimensions, and borders.
    Coverage(usize),
}

/// The named cases whose name matches one of the patterns, or all if there is none. `*` stands for any text.
pub fn generate(contract: &Contract, patterns: &[String]) -> Plan {
    generate_phases(contract, &[Phase::Scenarios], patterns)
}

/// The same, of these phases.
pub fn generate_phases(contract: &Contract, phases: &[Phase], patterns: &[String]) -> Plan {
    let wanted =
        |case: &Scenario| patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, &case.name));
    let mut plan = Plan {
        cases: Vec::new(),
        left_out: 0,
    };
    for phase in phases {
        let all = match phase {
            Phase::Scenarios => contract.scenarios.clone(),
            Phase::Coverage(strength) => coverage::cases(contract, *strength),
        };
        let count = all.len();
        let before = plan.cases.len();
        plan.cases.extend(all.into_iter().filter(|case| wanted(case)));
        plan.left_out += count - (plan.cases.len() - before);
    }
    plan
}

/// Whether a name fits a pattern in which `*` stands for any text, slashes included.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// The ways of authenticating, beyond the run's own credentials, that a case needs.
pub fn special_auth(case: &Scenario) -> impl Iterator<Item = Auth> {
    case.steps.iter().filter_map(|step| match &step.act {
        Act::Call(call) | Act::Together(call, _) => Some(call.form.auth),
        Act::Settle(..) | Act::Observe => None,
    })
}

/// What the holes of a template are filled with.
pub trait Names {
    /// The text for a name between braces.
    fn resolve(&self, name: &str) -> Option<String>;
}

/// A template with its holes filled. A hole nobody knows stays as it is.
pub fn fill(template: &CallTemplate, names: &dyn Names) -> Call {
    Call {
        action: template.action.clone(),
        params: template
            .params
            .iter()
            .map(|(name, value)| (name.clone(), fill_text(value, names)))
            .collect(),
        form: template.form.clone(),
    }
}

fn fill_text(text: &str, names: &dyn Names) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after
            .split_once('}')
            .and_then(|(name, tail)| Some((names.resolve(name)?, tail)))
        {
            Some((value, tail)) => {
                filled.push_str(&value);
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Names for One {
        fn resolve(&self, name: &str) -> Option<String> {
            (name == "a").then(|| "i-1".to_owned())
        }
    }

    #[test]
    fn holes_are_filled_and_other_braces_stay() {
        for (text, filled) in [
            ("{a}", "i-1"),
            (" {a} {b}", " i-1 {b}"),
            ("{", "{"),
            ("{{a}}", "{i-1}"),
            ("", ""),
        ] {
            assert_eq!(fill_text(text, &One), filled, "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, fits) in [
            ("stop/running", "stop/running", true),
            ("stop/running", "stop/running2", false),
            ("stop/*", "stop/running", true),
            ("*run*", "stop/running", true),
            ("*/running", "stop/running", true),
            ("*x*", "stop/running", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
