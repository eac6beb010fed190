//! Reading a call the way the contract does: which ids does it name, which options does it set, what is wrong with
//! the request as such?
//!
//! It works on literal names and values, so it reads calls of any origin. What depends on instances is `expect`'s.

use std::collections::{BTreeMap, BTreeSet};

use super::belief::Fleet;
use crate::call::{API_VERSION, Auth, Call};
use crate::contract::{Condition, Contract, ParameterKind};

/// A call as the contract reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The ids under well-formed or odd indices, in the order written, repeated ones kept.
    pub ids: Vec<String>,
    /// What is wrong with the request as such, with the words at fault (a parameter name, an id, a value).
    pub conditions: BTreeMap<Condition, Vec<String>>,
    /// `DryRun`.
    pub dry_run: Switch,
    /// `Force`.
    pub force: Switch,
    /// `Hibernate`.
    pub hibernate: Switch,
    /// `SkipOsShutdown`.
    pub skip_os_shutdown: Switch,
}

/// A boolean parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Switch {
    /// Absent or `false`.
    #[default]
    Off,
    /// `true`.
    On,
    /// Any other text: nobody knows.
    Odd,
}

/// What an id looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdShape {
    /// `i-` and 8 or 17 lower-case hexadecimal digits.
    WellFormed,
    /// The empty string.
    Empty,
    /// Clearly not of the form `i-…`.
    Malformed,
    /// On the border that no document draws: `i-` and something else.
    Doubtful,
    /// Well formed but for white space around it.
    Padded,
    /// Well formed but for the case of its letters.
    Cased,
}

/// Actions that a harness uses beside the one under test; calling them is never an unknown action.
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

/// So many ids are read by every client's account; that a hundred are is inferred.
const PROMISED_IDS: usize = 20;

/// Reads a call.
pub fn read(contract: &Contract, fleet: &Fleet, call: &Call) -> Reading {
    let mut reading = Reading {
        ids: Vec::new(),
        conditions: BTreeMap::new(),
        dry_run: Switch::Off,
        force: Switch::Off,
        hibernate: Switch::Off,
        skip_os_shutdown: Switch::Off,
    };
    read_envelope(contract, call, &mut reading);
    read_parameters(contract, call, &mut reading);
    read_ids(fleet, &mut reading);
    let combined = [
        (
            Condition::ForceAndHibernate,
            reading.force == Switch::On && reading.hibernate == Switch::On,
        ),
        (
            Condition::SkipAndOther,
            reading.skip_os_shutdown == Switch::On
                && (reading.force == Switch::On || reading.hibernate == Switch::On),
        ),
        (Condition::DryRun, reading.dry_run == Switch::On),
    ];
    for (condition, holds) in combined {
        if holds {
            reading.note(condition, String::new());
        }
    }
    reading
}

/// What an id looks like.
pub fn shape_of(id: &str) -> IdShape {
    if id.is_empty() {
        return IdShape::Empty;
    }
    if is_well_formed(id) {
        return IdShape::WellFormed;
    }
    if is_well_formed(id.trim()) {
        return IdShape::Padded;
    }
    if is_well_formed(&id.to_ascii_lowercase()) {
        return IdShape::Cased;
    }
    if id.trim_start().to_ascii_lowercase().starts_with("i-") {
        IdShape::Doubtful
    } else {
        IdShape::Malformed
    }
}

fn is_well_formed(id: &str) -> bool {
    id.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17)
            && digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

impl Reading {
    /// Whether the call is read as one of this condition.
    pub fn is(&self, condition: Condition) -> bool {
        self.conditions.contains_key(&condition)
    }

    fn note(&mut self, condition: Condition, word: String) {
        let words = self.conditions.entry(condition).or_default();
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
}

fn read_envelope(contract: &Contract, call: &Call, reading: &mut Reading) {
    match &call.action {
        None => reading.note(Condition::MissingAction, String::new()),
        Some(action) => {
            let known = || {
                SUPPORTING_ACTIONS
                    .iter()
                    .copied()
                    .chain(contract.transitions.iter().map(|row| row.action.as_str()))
                    .chain([contract.action.as_str()])
            };
            if !known().any(|name| name == action) {
                let miscased = known().any(|name| name.eq_ignore_ascii_case(action));
                let condition = if miscased {
                    Condition::MiscasedAction
                } else {
                    Condition::UnknownAction
                };
                reading.note(condition, action.clone());
            }
        }
    }
    match call.form.version.as_deref() {
        Some(API_VERSION) => {}
        None => reading.note(Condition::MissingVersion, String::new()),
        Some(version) => reading.note(Condition::UnknownVersion, version.to_owned()),
    }
    let fault = match call.form.auth {
        Auth::Header | Auth::Session => None,
        Auth::Query => Some(Condition::QuerySignature),
        Auth::Unsigned => Some(Condition::Unsigned),
        Auth::Garbage => Some(Condition::GarbageSignature),
        Auth::UnknownKey => Some(Condition::UnknownKey),
        Auth::WrongSignature => Some(Condition::WrongSignature),
        Auth::Stale => Some(Condition::StaleSignature),
        Auth::ExpiredSession => Some(Condition::ExpiredSession),
        Auth::Denied => Some(Condition::Denied),
    };
    if let Some(condition) = fault {
        reading.note(condition, String::new());
    }
}

fn read_parameters(contract: &Contract, call: &Call, reading: &mut Reading) {
    let mut seen = BTreeSet::new();
    let mut indices = Vec::new();
    for (name, value) in &call.params {
        let Some(parameter) = contract
            .parameters
            .iter()
            .find(|known| is_named(&known.name, name))
        else {
            reading.note(stranger(contract, name), name.clone());
            continue;
        };
        if !parameter.holds {
            reading.note(Condition::LaterParameter, name.clone());
        }
        match parameter.kind {
            ParameterKind::StringList => {
                indices.push(index_of(name));
                reading.ids.push(value.clone());
            }
            ParameterKind::Boolean => {
                if !seen.insert(name.as_str()) {
                    reading.note(Condition::RepeatedScalar, name.clone());
                }
                set_switch(reading, name, value);
            }
        }
    }
    // 1, 2, 3 … in any order is what the documents describe; whatever else, nobody recorded (OQ-03).
    let ordered: BTreeSet<u64> = indices.iter().copied().flatten().collect();
    let plain = ordered.len() == indices.len()
        && ordered
            .iter()
            .copied()
            .eq(1..=u64::try_from(indices.len()).unwrap_or(u64::MAX));
    if !plain {
        reading.note(Condition::OddIndex, String::new());
    }
    if indices.is_empty() {
        reading.note(Condition::NoIds, String::new());
    }
    if indices.len() > PROMISED_IDS {
        reading.note(Condition::ManyIds, String::new());
    }
}

/// Whether a written name is this parameter, a list with any index or none.
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

/// What a name is that the action does not have.
fn stranger(contract: &Contract, name: &str) -> Condition {
    let lower = name.to_ascii_lowercase();
    let miscased = contract.parameters.iter().any(|known| {
        let parameter = match known.name.strip_suffix(".N") {
            Some(list) => list.to_ascii_lowercase() + ".N",
            None => known.name.to_ascii_lowercase(),
        };
        is_named(&parameter, &lower)
    });
    if miscased {
        Condition::MiscasedParameter
    } else if name == "ClientToken" {
        Condition::ClientToken
    } else {
        Condition::UnknownParameter
    }
}

fn set_switch(reading: &mut Reading, name: &str, value: &str) {
    let switch = match value {
        "true" => Switch::On,
        "false" => Switch::Off,
        _ => Switch::Odd,
    };
    if switch == Switch::Odd {
        reading.note(Condition::OddBoolean, name.to_owned());
    }
    match name {
        "DryRun" => reading.dry_run = switch,
        "Force" => reading.force = switch,
        "Hibernate" => reading.hibernate = switch,
        "SkipOsShutdown" => reading.skip_os_shutdown = switch,
        _ => {}
    }
    if name == "SkipOsShutdown" {
        reading.note(Condition::SkipOsShutdown, name.to_owned());
    }
}

fn read_ids(fleet: &Fleet, reading: &mut Reading) {
    let ids = reading.ids.clone();
    let mut seen = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for id in &ids {
        if !seen.insert(id.as_str()) {
            reading.note(Condition::RepeatedId, id.clone());
        }
        let condition = match shape_of(id) {
            IdShape::WellFormed if fleet.contains_key(id) => continue,
            IdShape::WellFormed => {
                unknown.insert(id.clone());
                continue;
            }
            IdShape::Empty => Condition::EmptyId,
            IdShape::Malformed => Condition::MalformedId,
            IdShape::Padded => Condition::PaddedId,
            IdShape::Cased => Condition::CasedId,
            IdShape::Doubtful => Condition::DoubtfulId,
        };
        reading.note(condition, id.clone());
    }
    let condition = if unknown.len() > 1 {
        Condition::UnknownIds
    } else {
        Condition::UnknownId
    };
    for id in unknown {
        reading.note(condition, id);
    }
}
