//! Views of the instances that are not their plain description: descriptions with filters, and instance status.
//!
//! The answer to such a call is compared with the states that the instances may be in: each instance that the call asks
//! for is listed, in a state that is possible, and no other. What may be stale is no deviation; the runner sends the call
//! again until it cannot be stale.

use super::facts::Mismatch;
use super::rule::{self, Rule};
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, Observation};
use crate::call::Call;
use crate::contract::{Contract, State, StateCode};
use crate::journal::{Doubt, Excerpt, Observed};
use crate::model::States;
use crate::protocol::reply::{self, Reply};
use crate::protocol::xml::Element;

/// How an instance deviates in a view.
struct Deviation {
    observed: Observed,
    /// Whether the view may be stale.
    may_pass: bool,
}

/// What a view shows: the ids, each with the name of its state.
type Shown = Vec<(String, String)>;

impl CaseJudge {
    /// Judges the answer to a call that asks for a part of the instances.
    pub(super) fn view(&self, judgement: &mut StepJudgement<'_>, act: &Observation, root: Element<'_>) {
        let Some((rule, shown)) = view_of(&act.call, root) else {
            return;
        };
        let deviations = self.deviations(&act.call, &shown, act.at_ms);
        if deviations.is_empty() {
            judgement.held(self.judge.of(rule));
        }
        for Deviation { observed, may_pass } in deviations {
            if may_pass {
                let late = Mismatch::rule(rule, observed.doubted(Doubt::DescriptionsLag));
                judgement.unknown(self.judge.of(rule), &late);
            } else {
                self.judge
                    .note_rule(judgement, rule, Weight::Full, false, || observed);
            }
        }
    }

    /// Whether a view shows a deviation that may be gone later.
    pub(super) fn is_late_view(&self, call: &Call, reply: &Reply, sent_ms: u64) -> bool {
        let Some(root) = reply.success_root() else {
            return false;
        };
        let Some((_, shown)) = view_of(call, root) else {
            return false;
        };
        let deviations = self.deviations(call, &shown, sent_ms);
        deviations.iter().any(|one| one.may_pass)
    }

    fn deviations(&self, call: &Call, shown: &Shown, sent_ms: u64) -> Vec<Deviation> {
        let mut deviations = Vec::new();
        for ((id, belief), track) in self.fleet.iter().zip(self.tracks.values()) {
            let now = belief.states.later();
            let or_past = now.or(track.past.shown(self.read_lag, sent_ms));
            let state = shown.iter().find(|(seen, _)| *seen == **id);
            let listed = state.is_some();
            let asked = |states| is_asked_for(&self.judge.contract, call, id, states);
            if asked(now).is_some_and(|asked| asked != listed) {
                deviations.push(Deviation {
                    observed: Observed::Listed {
                        id: Excerpt::word(id),
                        listed,
                    },
                    may_pass: asked(or_past) != Some(!listed),
                });
            } else if let Some((_, name)) = state {
                let seen = States::named(name);
                if seen.and(now).is_empty() {
                    deviations.push(Deviation {
                        observed: Observed::State {
                            id: Excerpt::word(id),
                            state: Some(Excerpt::word(name)),
                            after_call: false,
                        },
                        may_pass: !seen.and(or_past).is_empty(),
                    });
                }
            }
        }
        deviations
    }
}

/// The rule that a view is judged by, and what it shows; `None` if the call has no view to judge.
fn view_of(call: &Call, root: Element<'_>) -> Option<(Rule, Shown)> {
    match call.action.as_deref()? {
        "DescribeInstances" => {
            let sightings = reply::sightings(root).into_iter();
            let shown = sightings.map(|(id, state)| (id.to_owned(), state.to_owned()));
            Some((rule::FILTERED_VIEW, shown.collect()))
        }
        // Without this parameter, instances that do not run may be left out (VIS-08).
        "DescribeInstanceStatus" if call.param("IncludeAllInstances") == Some("true") => {
            let statuses = reply::instance_statuses(root).into_iter();
            let shown = statuses.map(|(id, state)| (id, state.name.unwrap_or_default()));
            Some((rule::STATUS_AGREES, shown.collect()))
        }
        _ => None,
    }
}

/// Whether a call asks for an instance that is in one of these states; `None` if that depends on the state, or on what
/// is not known.
fn is_asked_for(contract: &Contract, call: &Call, id: &str, states: States) -> Option<bool> {
    let mut ids = numbered(call, "InstanceId.").peekable();
    if ids.peek().is_some() && !ids.any(|named| named == id) {
        return Some(false);
    }
    let mut asked = match states.contains(State::Gone) {
        true => None,
        false => Some(true),
    };
    for (name, filter) in call.params.iter().filter_map(|(name, filter)| {
        let prefix = name
            .strip_suffix("Name")
            .filter(|name| name.starts_with("Filter."))?;
        Some((prefix, filter.as_str()))
    }) {
        let values: Vec<&str> = numbered(call, &format!("{name}Value.")).collect();
        let in_states = |fits: &dyn Fn(State) -> bool| {
            let fitting: States = states.iter().filter(|state| fits(*state)).collect();
            match (fitting.is_empty(), states.within(fitting)) {
                (true, _) => Some(false),
                (false, true) => Some(true),
                (false, false) => None,
            }
        };
        let fits = match filter {
            "instance-id" => Some(values.contains(&id)),
            "instance-state-name" => {
                in_states(&|state| state.wire_name().is_some_and(|name| values.contains(&name)))
            }
            "instance-state-code" => in_states(&|state| {
                let is_it = |known: &&StateCode| Some(known.name.as_str()) == state.wire_name();
                let row = contract.states.iter().find(is_it);
                row.is_some_and(|row| values.contains(&row.code.to_string().as_str()))
            }),
            // Every instance of a run has this tag.
            "tag-key" if values.contains(&"stopcheck") => Some(true),
            _ => None,
        };
        asked = match (asked, fits) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (None, _) | (_, None) => None,
        };
    }
    asked
}

/// The values of the parameters with this prefix and a number.
fn numbered<'c>(call: &'c Call, prefix: &str) -> impl Iterator<Item = &'c str> {
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    call.params
        .iter()
        .filter(move |(name, _)| name.strip_prefix(prefix).is_some_and(is_number))
        .map(|(_, value)| value.as_str())
}
