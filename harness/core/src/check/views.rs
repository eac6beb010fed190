//! Views of the instances that are not their plain description: descriptions with filters, and instance status.
//!
//! The answer to such a call is compared with the states that the instances may be in: each instance that the call asks
//! for is listed, in a state that is possible, and no other. What may be stale is no deviation; the runner sends the call
//! again until it cannot be stale.

use std::collections::BTreeSet;

use super::facts::{self, Mismatch};
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

/// The pages of a list.
impl CaseJudge {
    /// Judges the pages of a list: together they show each instance that is asked for once, and they come to an end.
    pub(super) fn pages(&mut self, judgement: &mut StepJudgement<'_>, pages: &[&Observation]) {
        const RULE: Rule = rule::LISTED_BY_PAGES;
        let Some(list) = List::of(pages) else {
            // Without a first page there is no list; without another one that was announced, it is not whole.
            let refused = pages
                .iter()
                .position(|page| page.reply().is_some_and(|it| it.success_root().is_none()));
            match refused.and_then(|at| Some((at, pages.get(at)?))) {
                Some((0, first)) => self.ask(judgement, first),
                Some((_, page)) => {
                    let answer = page.reply().map(|reply| Observed::Answer(facts::summary(reply)));
                    let refused = Mismatch::rule(RULE, answer.into_iter().collect::<Vec<_>>());
                    judgement.deviates(self.judge.of(RULE), Weight::Full, &refused);
                }
                None => {}
            }
            return;
        };
        let mut found = Vec::new();
        if let Some(token) = &list.repeated_token {
            found.push((Weight::Full, values("nextToken", token, 2)));
        } else if !list.has_end {
            // It may only be longer than we read.
            found.push((Weight::Advisory, elements("page", pages.len())));
        }
        // An item counts for the service, which need not be an instance.
        if let Some(most) = list.most_shown.filter(|_| list.is_over) {
            found.push((Weight::Advisory, elements("instance", most)));
        }
        let repeated = self.fleet.keys().map(|id| (id, list.times(id)));
        let repeated = repeated.filter(|(_, times)| *times > 1);
        found.extend(repeated.map(|(id, times)| (Weight::Advisory, values("instanceId", id, times))));
        let mut is_late = false;
        for Deviation { observed, may_pass } in self.deviations_in(&list) {
            // What a list shows too much, or in another state, would be wrong on a single page, too.
            let rule = match observed {
                Observed::Listed { listed: false, .. } => RULE,
                _ => rule::FILTERED_VIEW,
            };
            match (may_pass, rule) {
                (true, _) => {
                    is_late |= rule == RULE;
                    let late = Mismatch::rule(rule, observed.doubted(Doubt::DescriptionsLag));
                    judgement.unknown(self.judge.of(rule), &late);
                }
                (false, RULE) => found.push((Weight::Full, observed)),
                (false, _) => {
                    let shown = Mismatch::rule(rule, observed);
                    judgement.deviates(self.judge.of(rule), Weight::Full, &shown);
                }
            }
        }
        if found.is_empty() && !is_late {
            judgement.held(self.judge.of(RULE));
        }
        for (weight, observed) in found {
            judgement.deviates(self.judge.of(RULE), weight, &Mismatch::rule(RULE, observed));
        }
    }

    /// Whether a whole list shows a deviation that may be gone later.
    pub(super) fn is_late_list(&self, pages: &[&Observation]) -> bool {
        let list = List::of(pages);
        list.is_some_and(|list| self.deviations_in(&list).iter().any(|one| one.may_pass))
    }

    /// How the instances deviate in a list, if it was read to its end.
    fn deviations_in(&self, list: &List<'_>) -> Vec<Deviation> {
        match list.has_end {
            true => self.deviations(list.call, &list.shown, list.sent_ms),
            false => Vec::new(),
        }
    }
}

/// A list that was read page by page.
struct List<'a> {
    /// The call for its first page.
    call: &'a Call,
    sent_ms: u64,
    /// What all pages show together.
    shown: Shown,
    /// The most instances on a page.
    most_shown: Option<usize>,
    /// Whether a page shows more instances than the call asks for at most.
    is_over: bool,
    /// A token that came twice.
    repeated_token: Option<String>,
    /// Whether the last page that was read announces no other.
    has_end: bool,
}

impl<'a> List<'a> {
    /// Puts the pages together; `None` if an answer is not a page.
    fn of(pages: &[&'a Observation]) -> Option<Self> {
        let first = pages.first()?;
        let limit = first.call.param("MaxResults").and_then(|most| most.parse().ok());
        let mut list = List {
            call: &first.call,
            sent_ms: first.at_ms,
            shown: Vec::new(),
            most_shown: None,
            is_over: false,
            repeated_token: None,
            has_end: false,
        };
        let mut tokens = BTreeSet::new();
        for page in pages {
            let root = page.reply()?.success_root()?;
            let (_, shown) = view_of(&page.call, root)?;
            list.is_over |= limit.is_some_and(|limit: usize| shown.len() > limit);
            list.most_shown = list.most_shown.max(Some(shown.len()));
            list.shown.extend(shown);
            let token = reply::next_token(root);
            list.has_end = token.is_none();
            if let Some(token) = token
                && !tokens.insert(token.clone())
            {
                list.repeated_token = Some(token);
            }
        }
        Some(list)
    }

    /// On how many places the list shows an instance.
    fn times(&self, id: &str) -> usize {
        self.shown.iter().filter(|(seen, _)| seen == id).count()
    }
}

/// Whether a call asks for the first page of a list.
pub(super) fn is_first_page(call: &Call) -> bool {
    call.param("NextToken").is_none()
}

fn values(name: &str, text: &str, times: usize) -> Observed {
    Observed::Values {
        name: name.to_owned(),
        values: std::iter::repeat_n(Excerpt::word(text), times).collect(),
    }
}

fn elements(name: &str, count: usize) -> Observed {
    Observed::Elements {
        name: name.to_owned(),
        count,
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
