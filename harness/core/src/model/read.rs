//! Reads a call the way the contract does: which ids it names, which options it sets, what is wrong with the request
//! itself.
//!
//! It works on literal names and values, so it reads calls of any origin. `conditions` says which condition holds, and
//! `expect` adds what depends on the instances.

use std::collections::BTreeSet;

use super::belief::Fleet;
use super::conditions::{FoundIn, found_in};
use crate::call::{Auth, Call};
use crate::contract::{Condition, Contract, Parameter, ParameterKind};

/// A call as the contract reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The ids under well-formed or odd indices, in the order written, including repeated ones.
    pub ids: Vec<&'a str>,
    /// What is wrong with the request itself, with the words at fault (a parameter name, an id, a value). Sorted; each
    /// condition occurs once.
    pub conditions: Vec<(Condition, Vec<&'a str>)>,
    /// `DryRun`.
    pub dry_run: Switch,
    /// `Force`.
    pub force: Switch,
    /// `Hibernate`.
    pub hibernate: Switch,
    /// `SkipOsShutdown`.
    pub skip_os_shutdown: Switch,
    /// Whether another client sent the call, of whose credentials and rights nothing is known.
    pub is_watched: bool,
}

/// A boolean parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Switch {
    /// Absent or `false`.
    #[default]
    Off,
    /// `true`.
    On,
    /// Any other text; its effect is not known.
    Odd,
}

/// What an id looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdShape {
    /// `i-` and 1 to 8 hexadecimal digits in either case. EC2 reported each of them as unknown, never as malformed
    /// (captures of September 2026, R27, R28).
    Short,
    /// `i-` and 17 hexadecimal digits in either case, the form of the ids issued today. EC2 decodes them: an id that it
    /// cannot have issued is malformed.
    Long,
    /// The empty string.
    Empty,
    /// Clearly not of the form `i-…`.
    Malformed,
    /// `i-` and anything else, or `I-`.
    Impossible,
    /// Short or long, with white space around it.
    Padded,
}

/// Supporting actions that a harness uses; a call of one of them is never an unknown action.
const SUPPORTING_ACTIONS: &[&str] = &[
    "RunInstances",
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeInstanceAttribute",
    "DescribeImages",
    "DescribeSpotInstanceRequests",
    "ModifyInstanceAttribute",
    "RebootInstances",
    "RegisterImage",
    "CreateTags",
    "CancelSpotInstanceRequests",
    "GetCallerIdentity",
];

/// What the conditions of the request as a whole are found in.
pub(super) struct RequestFacts<'a> {
    pub(super) call: &'a Call,
    action: ActionName,
    /// Whether the indices of the ids are not 1, 2, 3, … in some order.
    pub(super) odd_index: bool,
    /// The number of ids.
    pub(super) ids: usize,
    pub(super) dry_run: Switch,
    pub(super) force: Switch,
    pub(super) hibernate: Switch,
    pub(super) skip_os_shutdown: Switch,
}

/// How well the name of the action is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionName {
    /// It is absent, or an action of the service.
    Usual,
    /// An action of the service in another case.
    Miscased,
    /// No action of the service.
    Unknown,
}

/// A parameter as the contract reads it.
pub(super) struct ReadParameter<'a> {
    pub(super) written: &'a str,
    pub(super) value: &'a str,
    pub(super) name: ParameterName,
    /// Whether the same known name was given before.
    pub(super) again: bool,
}

/// How well the name of a parameter is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterName {
    /// A parameter of the action, in some edition.
    Known {
        kind: ParameterKind,
        /// Whether the action has it in this edition.
        holds: bool,
    },
    /// A parameter of the action in another case.
    Miscased,
    /// A parameter of other actions.
    ClientToken,
    Unknown,
}

/// An id as the contract reads it.
pub(super) struct NamedId<'a> {
    written: &'a str,
    pub(super) kind: IdKind,
    /// Whether the same id was named before.
    pub(super) again: bool,
    /// The number of all ids of the call.
    pub(super) ids: usize,
    /// The number of different ids of the call that are unknown.
    pub(super) unknown: usize,
}

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    /// An instance of the fleet.
    Own,
    /// An instance of the fleet, in another case.
    Cased,
    /// An instance of the fleet, with white space around it.
    Padded,
    /// Nothing: a short id that nobody owns.
    Unknown,
    /// Nothing that the endpoint is known to have issued.
    Unissued,
    /// The empty string.
    Empty,
    /// Clearly not of the form `i-…`.
    Malformed,
    /// `i-` and what no id has.
    Impossible,
}

/// Reads a call.
pub fn read<'a>(contract: &Contract, fleet: &Fleet, call: &'a Call) -> Reading<'a> {
    let parameters = read_parameters(contract, call);
    let lists = || parameters.iter().filter(|one| one.is(ParameterKind::StringList));
    let ids = read_ids(fleet, &lists().map(|one| one.value).collect::<Vec<_>>());
    let switch = |name: &str| {
        let given = parameters.iter().filter(|one| one.written == name);
        let switches = given.filter_map(ReadParameter::switch);
        // OQ-17: if two values differ, either may count.
        let both = |one, other| if one == other { one } else { Switch::Odd };
        switches.reduce(both).unwrap_or_default()
    };
    let request = RequestFacts {
        call,
        action: action_of(contract, call),
        odd_index: has_odd_index(lists().map(|one| one.written)),
        ids: ids.len(),
        dry_run: switch("DryRun"),
        force: switch("Force"),
        hibernate: switch("Hibernate"),
        skip_os_shutdown: switch("SkipOsShutdown"),
    };
    let found = |condition: Condition| {
        let words = match found_in(condition) {
            FoundIn::Request(holds) => words(holds(&request)),
            FoundIn::Parameter(holds) => {
                words(parameters.iter().filter(|one| holds(one)).map(|one| one.written))
            }
            FoundIn::Id(holds) => words(ids.iter().filter(|one| holds(one)).map(|one| one.written)),
            FoundIn::Instance(_) => None,
        };
        Some((condition, words?))
    };
    Reading {
        conditions: Condition::ALL.iter().copied().filter_map(found).collect(),
        ids: ids.into_iter().map(|one| one.written).collect(),
        dry_run: request.dry_run,
        force: request.force,
        hibernate: request.hibernate,
        skip_os_shutdown: request.skip_os_shutdown,
        is_watched: false,
    }
}

/// The words at fault, each once; `None` if there is nothing at fault. An empty text is at fault without being a word.
fn words<'a>(all: impl IntoIterator<Item = &'a str>) -> Option<Vec<&'a str>> {
    let mut words: Option<Vec<&str>> = None;
    for word in all {
        let words = words.get_or_insert_default();
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// What an id looks like.
pub fn shape_of(id: &str) -> IdShape {
    if id.is_empty() {
        return IdShape::Empty;
    }
    if let Some(shape) = issuable(id) {
        return shape;
    }
    let trimmed = id.trim();
    if issuable(trimmed).is_some() {
        return IdShape::Padded;
    }
    let prefix = trimmed.get(..2).unwrap_or_default();
    if prefix.eq_ignore_ascii_case("i-") {
        IdShape::Impossible
    } else {
        IdShape::Malformed
    }
}

/// The shape of an id that has the syntax of an instance id.
fn issuable(id: &str) -> Option<IdShape> {
    let digits = id.strip_prefix("i-")?;
    let shape = match digits.len() {
        1..=8 => IdShape::Short,
        17 => IdShape::Long,
        _ => return None,
    };
    digits
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then_some(shape)
}

impl<'a> Reading<'a> {
    /// The same call, sent by another client.
    #[must_use]
    pub fn watched(self) -> Self {
        Reading {
            is_watched: true,
            ..self
        }
    }

    /// Whether this condition holds for the call.
    pub fn is(&self, condition: Condition) -> bool {
        self.conditions.iter().any(|(known, _)| *known == condition)
    }
}

impl<'a> RequestFacts<'a> {
    /// The condition of a request that is signed in this way.
    pub(super) fn signed(&self, auth: Auth) -> Option<&'a str> {
        self.signed_as(&[auth])
    }

    /// The condition of a request that is signed in one of these ways.
    pub(super) fn signed_as(&self, any: &[Auth]) -> Option<&'a str> {
        any.contains(&self.call.form.auth).then_some("")
    }

    /// The action, if its name is of this kind.
    pub(super) fn action(&self, name: ActionName) -> Option<&'a str> {
        self.call.action.as_deref().filter(|_| self.action == name)
    }
}

impl ReadParameter<'_> {
    fn is(&self, wanted: ParameterKind) -> bool {
        matches!(self.name, ParameterName::Known { kind, .. } if kind == wanted)
    }

    /// The value of a boolean parameter.
    pub(super) fn switch(&self) -> Option<Switch> {
        self.is(ParameterKind::Boolean).then_some(match self.value {
            "true" => Switch::On,
            "false" => Switch::Off,
            _ => Switch::Odd,
        })
    }
}

fn action_of(contract: &Contract, call: &Call) -> ActionName {
    let Some(action) = &call.action else {
        return ActionName::Usual;
    };
    let known = || {
        SUPPORTING_ACTIONS
            .iter()
            .copied()
            .chain(contract.transitions.iter().map(|row| row.action.as_str()))
            .chain([contract.action.as_str()])
    };
    if known().any(|name| name == action) {
        ActionName::Usual
    } else if known().any(|name| name.eq_ignore_ascii_case(action)) {
        ActionName::Miscased
    } else {
        ActionName::Unknown
    }
}

fn read_parameters<'a>(contract: &Contract, call: &'a Call) -> Vec<ReadParameter<'a>> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let read = |(written, value): &'a (String, String)| {
        let known = contract
            .parameters
            .iter()
            .find(|known| is_named(&known.name, written));
        let name = match known {
            Some(Parameter { kind, holds, .. }) => ParameterName::Known {
                kind: *kind,
                holds: *holds,
            },
            None => stranger(contract, written),
        };
        ReadParameter {
            written,
            value,
            name,
            again: known.is_some() && !seen.insert(written),
        }
    };
    call.params.iter().map(read).collect()
}

/// Whether the indices of a list are not 1, 2, 3, … in any order, as documented; what happens with others is not recorded
/// (OQ-03).
fn has_odd_index<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut indices: Vec<Option<u64>> = names.map(index_of).collect();
    indices.sort_unstable();
    let mut numbered = (1..).map(Some).zip(&indices);
    !numbered.all(|(expected, index)| expected == *index)
}

/// Whether a written name is this parameter; a list matches with any index or without one.
fn is_named(parameter: &str, written: &str) -> bool {
    match parameter.strip_suffix(".N") {
        None => parameter == written,
        Some(list) => {
            written == list
                || written
                    .strip_prefix(list)
                    .is_some_and(|rest| rest.starts_with('.'))
        }
    }
}

fn index_of(name: &str) -> Option<u64> {
    let (_, digits) = name.split_once('.')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}

/// What a name is that is not a parameter of the action.
fn stranger(contract: &Contract, name: &str) -> ParameterName {
    let lower = name.to_ascii_lowercase();
    let miscased = contract.parameters.iter().any(|known| {
        let parameter = match known.name.strip_suffix(".N") {
            Some(list) => list.to_ascii_lowercase() + ".N",
            None => known.name.to_ascii_lowercase(),
        };
        is_named(&parameter, &lower)
    });
    if miscased {
        ParameterName::Miscased
    } else if name == "ClientToken" {
        ParameterName::ClientToken
    } else {
        ParameterName::Unknown
    }
}

fn read_ids<'a>(fleet: &Fleet, ids: &[&'a str]) -> Vec<NamedId<'a>> {
    let mut seen = BTreeSet::new();
    let mut unknown = 0;
    let mut named: Vec<NamedId<'a>> = Vec::with_capacity(ids.len());
    for written in ids {
        let kind = kind_of(fleet, written);
        let again = ids.len() > 1 && !seen.insert(*written);
        unknown += usize::from(kind == IdKind::Unknown && !again);
        named.push(NamedId {
            written,
            kind,
            again,
            ids: ids.len(),
            unknown: 0,
        });
    }
    for one in &mut named {
        one.unknown = unknown;
    }
    named
}

fn kind_of(fleet: &Fleet, id: &str) -> IdKind {
    if fleet.contains_key(id) {
        return IdKind::Own;
    }
    let own_in_another_case = || fleet.contains_key(id.to_ascii_lowercase().as_str());
    match shape_of(id) {
        IdShape::Short | IdShape::Long if own_in_another_case() => IdKind::Cased,
        IdShape::Short => IdKind::Unknown,
        IdShape::Padded if fleet.contains_key(id.trim()) => IdKind::Padded,
        IdShape::Long | IdShape::Padded => IdKind::Unissued,
        IdShape::Empty => IdKind::Empty,
        IdShape::Malformed => IdKind::Malformed,
        IdShape::Impossible => IdKind::Impossible,
    }
}

#[cfg(test)]
mod tests;
