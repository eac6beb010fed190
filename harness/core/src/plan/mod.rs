//! From the contract to a list of cases.
//!
//! Input: a contract and a filter. Output: a [`Plan`] with its cases in a stable order. Phases that generate cases add
//! them here; the named scenarios are copied from the contract unchanged.

pub mod bytes;
pub mod script;
pub mod shrink;
pub mod wire;

use std::time::Duration;

use crate::call::{Auth, Call};
use crate::contract::{CallTemplate, Contract, Recorded, Scenario};
use crate::journal::Phase;

use wire::WireCase;

pub mod coverage;
pub mod covering;

/// What a run plays.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The cases, in order.
    pub cases: Vec<Planned>,
    /// Cases on a raw socket, played after [`Plan::cases`].
    pub wire: Vec<WireCase>,
    /// How many cases the filter left out.
    pub left_out: usize,
    /// Scripts that are generated during the run.
    pub random: Option<Random>,
}

/// A case that is known before the run begins.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The phase it comes from.
    pub phase: Phase,
    /// What is played.
    pub case: Scenario,
}

/// How many random scripts are played, and how much may be spent on shrinking them.
#[derive(Debug, Clone, Default)]
pub struct Random {
    /// The number of scripts, unless the time runs out first.
    pub scripts: u64,
    /// The time limit, unless the number of scripts is reached first.
    pub max_time: Option<Duration>,
    /// How many requests may be spent on shrinking one finding.
    pub max_shrink_requests: usize,
    /// The numbers of the scripts to play; `None` for all.
    pub only: Option<Vec<u64>>,
}

impl Random {
    /// The numbers of the scripts to play, in order.
    pub fn numbers(&self) -> Box<dyn Iterator<Item = u64> + Send + '_> {
        match &self.only {
            None => Box::new(0..self.scripts),
            Some(only) => Box::new(only.iter().copied()),
        }
    }

    /// Keeps the scripts whose name matches one of the patterns, or all if there are no patterns; `None` if no pattern
    /// matches a script. A pattern with `*` selects all scripts if it matches `random/0`, and otherwise none.
    pub fn filtered(self, patterns: &[String]) -> Option<Random> {
        if patterns.is_empty() {
            return Some(self);
        }
        let named = patterns
            .iter()
            .filter_map(|pattern| pattern.strip_prefix("random/"));
        let mut only: Vec<u64> = named.filter_map(|number| number.parse().ok()).collect();
        if patterns
            .iter()
            .any(|pattern| pattern.contains('*') && matches(pattern, "random/0"))
        {
            return Some(self);
        }
        only.sort_unstable();
        only.dedup();
        (!only.is_empty()).then_some(Random {
            only: Some(only),
            ..self
        })
    }
}

impl Plan {
    /// Adds the cases of a phase whose name matches one of the patterns, or all cases if there are no patterns. `*`
    /// stands for any text.
    pub fn add(&mut self, phase: Phase, cases: impl IntoIterator<Item = Scenario>, patterns: &[String]) {
        for case in cases {
            if patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, &case.name)) {
                self.cases.push(Planned { phase, case });
            } else {
                self.left_out += 1;
            }
        }
    }

    /// Whether there is nothing to play.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.wire.is_empty() && self.random.is_none()
    }
}

/// The named cases of the contract.
pub fn generate(contract: &Contract, patterns: &[String]) -> Plan {
    let mut plan = Plan::default();
    plan.add(Phase::Scenarios, contract.scenarios.iter().cloned(), patterns);
    plan
}

/// Whether a name matches a pattern in which `*` stands for any text, slashes included.
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

/// The kinds of authentication that a case needs in addition to the run's own credentials.
pub fn special_auth(case: &Scenario) -> impl Iterator<Item = Auth> {
    case.steps
        .iter()
        .filter_map(|step| Some(step.act.call()?.form.auth))
}

/// The values for the placeholders of a template.
pub trait TemplateValues {
    /// The text for a name between braces.
    fn resolve(&self, name: &str) -> Option<String>;
}

/// The names of a recorded call stand for the ids in the record.
impl TemplateValues for Recorded {
    fn resolve(&self, name: &str) -> Option<String> {
        let fixtures = self.fixtures.iter().map(|fixture| (&fixture.name, &fixture.id));
        let decoys = self.decoys.iter().map(|(name, id)| (name, id));
        let mut ids = fixtures.chain(decoys);
        ids.find(|(known, _)| *known == name).map(|(_, id)| id.clone())
    }
}

/// Fills the placeholders of a template. A placeholder with an unknown name stays as it is.
pub fn fill(template: &CallTemplate, names: &dyn TemplateValues) -> Call {
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

fn fill_text(text: &str, names: &dyn TemplateValues) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let mut filled = String::with_capacity(text.len() + 16);
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

    impl TemplateValues for One {
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
