//! Reads a call the way the contract does: which ids it names, which options it sets, what is wrong with the request
//! itself.
//!
//! It works on literal names and values, so it reads calls of any origin. `expect` adds what depends on the instances.

use std::collections::BTreeSet;

use super::belief::Fleet;
use crate::call::{API_VERSION, Auth, Call};
use crate::contract::{Condition, Contract, ParameterKind};

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

/// The number of ids that every client reports as accepted; that a hundred are accepted is inferred.
const PROMISED_IDS: usize = 20;

/// Reads a call.
pub fn read<'a>(contract: &Contract, fleet: &Fleet, call: &'a Call) -> Reading<'a> {
    let mut reading = Reading {
        ids: Vec::new(),
        conditions: Vec::new(),
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
            Condition::SkipAndHibernate,
            reading.skip_os_shutdown == Switch::On && reading.hibernate == Switch::On,
        ),
        (Condition::DryRun, reading.dry_run == Switch::On),
    ];
    for (condition, holds) in combined {
        if holds {
            reading.note(condition, "");
        }
    }
    reading
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
    /// Whether this condition holds for the call.
    pub fn is(&self, condition: Condition) -> bool {
        self.conditions.iter().any(|(known, _)| *known == condition)
    }

    /// Records a condition, and a word at fault if there is one.
    fn note(&mut self, condition: Condition, word: &'a str) {
        let at = match self
            .conditions
            .binary_search_by_key(&condition, |(known, _)| *known)
        {
            Ok(at) => at,
            Err(at) => {
                self.conditions.insert(at, (condition, Vec::new()));
                at
            }
        };
        if let Some((_, words)) = self.conditions.get_mut(at)
            && !word.is_empty()
            && !words.contains(&word)
        {
            words.push(word);
        }
    }
}

fn read_envelope<'a>(contract: &Contract, call: &'a Call, reading: &mut Reading<'a>) {
    match &call.action {
        None => reading.note(Condition::MissingAction, ""),
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
                reading.note(condition, action);
            }
        }
    }
    match call.form.version.as_deref() {
        Some(API_VERSION) => {}
        None => reading.note(Condition::MissingVersion, ""),
        Some(version) => reading.note(Condition::UnknownVersion, version),
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
        reading.note(condition, "");
    }
}

fn read_parameters<'a>(contract: &Contract, call: &'a Call, reading: &mut Reading<'a>) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut indices = Vec::new();
    for (name, value) in &call.params {
        if is_odd(value) {
            reading.note(Condition::OddValue, name);
        }
        let Some(parameter) = contract
            .parameters
            .iter()
            .find(|known| is_named(&known.name, name))
        else {
            reading.note(stranger(contract, name), name);
            continue;
        };
        if !parameter.holds {
            reading.note(Condition::LaterParameter, name);
        }
        let again = !seen.insert(name.as_str());
        if again {
            reading.note(Condition::RepeatedScalar, name);
        }
        match parameter.kind {
            ParameterKind::StringList => {
                indices.push(index_of(name));
                reading.ids.push(value);
            }
            ParameterKind::Boolean => set_switch(reading, name, value, again),
        }
    }
    // The documentation describes 1, 2, 3 … in any order; what happens with other indices is not recorded (OQ-03).
    indices.sort_unstable();
    let plain = (1..)
        .map(Some)
        .zip(&indices)
        .all(|(expected, index)| expected == *index);
    if !plain {
        reading.note(Condition::OddIndex, "");
    }
    if indices.is_empty() {
        reading.note(Condition::NoIds, "");
    }
    if indices.len() > PROMISED_IDS {
        reading.note(Condition::ManyIds, "");
    }
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

/// The condition for a name that is not a parameter of the action.
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

/// The longest value that is not odd: tags, the longest documented values, are no longer than this.
const LONGEST_VALUE: usize = 255;

/// Whether a value may be refused for its length or its characters, regardless of its meaning.
fn is_odd(value: &str) -> bool {
    value.len() > LONGEST_VALUE || value.chars().any(|character| !matches!(character, ' '..='~'))
}

fn set_switch<'a>(reading: &mut Reading<'a>, name: &'a str, value: &str, again: bool) {
    let switch = match value {
        "true" => Switch::On,
        "false" => Switch::Off,
        _ => Switch::Odd,
    };
    if switch == Switch::Odd {
        reading.note(Condition::OddBoolean, name);
    }
    let place = match name {
        "DryRun" => Some(&mut reading.dry_run),
        "Force" => Some(&mut reading.force),
        "Hibernate" => Some(&mut reading.hibernate),
        "SkipOsShutdown" => Some(&mut reading.skip_os_shutdown),
        _ => None,
    };
    if let Some(place) = place {
        // OQ-17: if the two values differ, either may count.
        *place = if again && *place != switch {
            Switch::Odd
        } else {
            switch
        };
    }
    if name == "SkipOsShutdown" {
        reading.note(Condition::SkipOsShutdown, name);
    }
}

fn read_ids(fleet: &Fleet, reading: &mut Reading<'_>) {
    let ids = std::mem::take(&mut reading.ids);
    let mut seen = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for id in &ids {
        if ids.len() > 1 && !seen.insert(*id) {
            reading.note(Condition::RepeatedId, id);
        }
        if fleet.contains_key(*id) {
            continue;
        }
        let shape = shape_of(id);
        let own_in_another_case = || fleet.contains_key(id.to_ascii_lowercase().as_str());
        let condition = match shape {
            IdShape::Short | IdShape::Long if own_in_another_case() => Condition::CasedId,
            IdShape::Short => {
                unknown.insert(*id);
                continue;
            }
            IdShape::Padded if fleet.contains_key(id.trim()) => Condition::PaddedId,
            IdShape::Long | IdShape::Padded => Condition::UnissuedId,
            IdShape::Empty if ids.len() > 1 => Condition::EmptyMember,
            IdShape::Empty => Condition::EmptyId,
            IdShape::Malformed => Condition::MalformedId,
            IdShape::Impossible => Condition::ImpossibleId,
        };
        reading.note(condition, id);
    }
    let condition = if unknown.len() > 1 {
        Condition::UnknownIds
    } else {
        Condition::UnknownId
    };
    for id in unknown {
        reading.note(condition, id);
    }
    reading.ids = ids;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Edition, FixtureKind, embedded};
    use crate::model::Belief;

    const ID: &str = "i-0cfb1e75e74229968";

    fn reading(edition: Edition, call: &Call) -> Reading<'_> {
        let fleet = Fleet::from([(ID.into(), Belief::of(FixtureKind::default()))]);
        read(&embedded(edition), &fleet, call)
    }

    /// The words of the conditions of a stop with these parameters.
    fn conditions(params: &[(&str, &str)]) -> Vec<&'static str> {
        let call = Call::new("StopInstances", params.iter().copied());
        words(&reading(Edition::Current, &call))
    }

    fn words(reading: &Reading<'_>) -> Vec<&'static str> {
        reading
            .conditions
            .iter()
            .map(|(condition, _)| condition.word())
            .collect()
    }

    #[test]
    fn a_plain_stop_has_no_condition_at_all() {
        assert_eq!(conditions(&[("InstanceId.1", ID)]), [""; 0]);
        assert_eq!(
            conditions(&[("DryRun", "false"), ("Force", "true"), ("InstanceId.1", ID)]),
            [""; 0]
        );
    }

    #[test]
    fn an_id_has_one_to_eight_or_seventeen_digits_and_nothing_around_them() {
        let table = [
            ("i-0123abcd", IdShape::Short),
            ("i-0123abc", IdShape::Short),
            ("i-f", IdShape::Short),
            ("i-ABCDEF12", IdShape::Short),
            (ID, IdShape::Long),
            ("i-0CFB1E75E74229968", IdShape::Long),
            ("i-0123abcde", IdShape::Impossible),
            ("i-0cfb1e75e7422996", IdShape::Impossible),
            ("i-0cfb1e75e742299680", IdShape::Impossible),
            ("i-0123abcg", IdShape::Impossible),
            ("i-012g", IdShape::Impossible),
            ("i-", IdShape::Impossible),
            ("I-0123abcd", IdShape::Impossible),
            (" i-1", IdShape::Padded),
            ("i-0cfb1e75e74229968 ", IdShape::Padded),
            ("\ti-0123abcd", IdShape::Padded),
            ("", IdShape::Empty),
            (" ", IdShape::Malformed),
            ("i", IdShape::Malformed),
            ("i2", IdShape::Malformed),
            ("ma1", IdShape::Malformed),
            ("10.10.1.202", IdShape::Malformed),
            ("\u{0130}-0123abcd", IdShape::Malformed),
        ];
        for (id, shape) in table {
            assert_eq!(shape_of(id), shape, "{id:?}");
        }
    }

    #[test]
    fn each_shape_of_an_id_is_a_condition_of_its_own() {
        let table = [
            ("", "empty-id"),
            ("ma1", "malformed-id"),
            ("i-ffffff", "unknown-id"),
            ("i-zzzzzz", "impossible-id"),
            ("i-0cfb1e75e74229968 ", "padded-id"),
            ("i-0CFB1E75E74229968", "cased-id"),
            ("i-00000000000000000", "unissued-id"),
            (" i-00000000", "unissued-id"),
            ("i-00000000", "unknown-id"),
        ];
        for (id, word) in table {
            assert_eq!(conditions(&[("InstanceId.1", id)]), [word], "{id:?}");
        }
        let two = [
            ("InstanceId.1", "i-00000000"),
            ("InstanceId.2", ID),
            ("InstanceId.3", "i-00000001"),
        ];
        assert_eq!(conditions(&two), ["unknown-ids"]);
        let empty = [("InstanceId.1", ID), ("InstanceId.2", "")];
        assert_eq!(conditions(&empty), ["empty-member"]);
    }

    #[test]
    fn one_unknown_id_given_twice_is_still_one() {
        let twice = [("InstanceId.1", "i-00000000"), ("InstanceId.2", "i-00000000")];
        assert_eq!(conditions(&twice), ["unknown-id", "repeated-id"]);
    }

    #[test]
    fn indices_count_from_one_without_gaps_in_any_order() {
        let names: [(&[&str], bool); 10] = [
            (&["InstanceId.1"], true),
            (&["InstanceId.2", "InstanceId.1"], true),
            (&["InstanceId"], false),
            (&["InstanceId."], false),
            (&["InstanceId.0"], false),
            (&["InstanceId.2"], false),
            (&["InstanceId.01"], false),
            (&["InstanceId.1", "InstanceId.3"], false),
            (&["InstanceId.1", "InstanceId.1"], false),
            (&["InstanceId.1.1"], false),
        ];
        for (names, plain) in names {
            let ids = ["i-00000000", "i-00000001"];
            let call = Call::new("StopInstances", names.iter().copied().zip(ids));
            let reading = reading(Edition::Current, &call);
            assert_eq!(reading.is(Condition::OddIndex), !plain, "{names:?}");
            assert!(!reading.is(Condition::NoIds), "{names:?}");
            assert_eq!(reading.ids.len(), names.len(), "{names:?}");
        }
    }

    #[test]
    fn no_index_overflows() {
        let call = [("InstanceId.1", ID), ("InstanceId.99999999999999999999999", ID)];
        assert_eq!(conditions(&call), ["odd-index", "repeated-id"]);
    }

    #[test]
    fn a_call_without_ids_names_none_whatever_else_it_holds() {
        assert_eq!(conditions(&[]), ["no-ids"]);
        assert_eq!(
            conditions(&[("instanceId.1", ID)]),
            ["miscased-parameter", "no-ids"]
        );
        assert_eq!(
            conditions(&[("InstanceIds.1", ID)]),
            ["unknown-parameter", "no-ids"]
        );
    }

    #[test]
    fn twenty_ids_are_promised_and_twenty_one_are_many() {
        let ids = |count: u32| {
            let params = (1..=count).map(|n| (format!("InstanceId.{n}"), format!("i-{n:08x}")));
            let call = Call::new("StopInstances", params);
            reading(Edition::Current, &call).is(Condition::ManyIds)
        };
        assert!(!ids(20));
        assert!(ids(21));
    }

    #[test]
    fn booleans_are_two_words_and_all_else_is_odd() {
        let table = [
            ("true", Switch::On),
            ("false", Switch::Off),
            ("True", Switch::Odd),
            ("TRUE", Switch::Odd),
            ("1", Switch::Odd),
            ("0", Switch::Odd),
            ("", Switch::Odd),
            (" true", Switch::Odd),
        ];
        for (value, switch) in table {
            let call = Call::new("StopInstances", [("InstanceId.1", ID), ("DryRun", value)]);
            let reading = reading(Edition::Current, &call);
            assert_eq!(reading.dry_run, switch, "{value:?}");
            assert_eq!(reading.is(Condition::DryRun), switch == Switch::On, "{value:?}");
            assert_eq!(
                reading.is(Condition::OddBoolean),
                switch == Switch::Odd,
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_scalar_given_twice_is_told_even_if_it_says_the_same() {
        let twice = [("InstanceId.1", ID), ("Force", "true"), ("Force", "true")];
        assert_eq!(conditions(&twice), ["repeated-scalar"]);
        let dry = |values: [&'static str; 2]| {
            conditions(&[("InstanceId.1", ID), ("DryRun", values[0]), ("DryRun", values[1])])
        };
        assert_eq!(dry(["true", "true"]), ["repeated-scalar", "dry-run"]);
        assert_eq!(dry(["true", "false"]), ["repeated-scalar"], "either may count");
        assert_eq!(dry(["false", "true"]), ["repeated-scalar"], "either may count");
        let once = [("InstanceId.1", ID), ("Force", "true"), ("DryRun", "true")];
        assert_eq!(conditions(&once), ["dry-run"]);
    }

    #[test]
    fn a_value_is_odd_from_256_characters_on_and_beyond_printable_ascii() {
        let odd = |value: &str| {
            let call = Call::new("StopInstances", [("InstanceId.1", ID), ("Bogus", value)]);
            reading(Edition::Current, &call).is(Condition::OddValue)
        };
        assert!(!odd(&"x".repeat(255)) && odd(&"x".repeat(256)));
        for plain in ["", " ", "~", "<&>\"'%"] {
            assert!(!odd(plain), "{plain:?}");
        }
        for value in ["\0", "\n", "\u{7f}", "\u{e9}"] {
            assert!(odd(value), "{value:?}");
        }
    }

    #[test]
    fn strange_names_are_unknown_miscased_or_of_other_actions() {
        let table = [
            ("Bogus", "unknown-parameter"),
            ("InstanceType", "unknown-parameter"),
            ("dryRun", "miscased-parameter"),
            ("force", "miscased-parameter"),
            ("DRYRUN", "miscased-parameter"),
            ("instanceid.2", "miscased-parameter"),
            ("ClientToken", "client-token"),
            ("clienttoken", "unknown-parameter"),
        ];
        for (name, word) in table {
            assert_eq!(conditions(&[("InstanceId.1", ID), (name, "x")]), [word], "{name}");
        }
    }

    #[test]
    fn a_parameter_of_a_later_year_is_no_unknown_one() {
        for name in ["Hibernate", "SkipOsShutdown"] {
            let call = Call::new("StopInstances", [("InstanceId.1", ID), (name, "false")]);
            let then = reading(Edition::October2017, &call);
            assert!(then.is(Condition::LaterParameter), "{name}");
            assert!(!then.is(Condition::UnknownParameter), "{name}");
            assert!(
                !reading(Edition::Current, &call).is(Condition::LaterParameter),
                "{name}"
            );
        }
    }

    #[test]
    fn options_that_nobody_saw_together_are_told() {
        let stop =
            |more: &[(&'static str, &'static str)]| conditions(&[&[("InstanceId.1", ID)], more].concat());
        let force = ("Force", "true");
        let hibernate = ("Hibernate", "true");
        let skip = ("SkipOsShutdown", "true");
        assert_eq!(stop(&[force]), [""; 0]);
        assert_eq!(stop(&[force, hibernate]), ["force-and-hibernate"]);
        assert_eq!(stop(&[force, ("Hibernate", "false")]), [""; 0]);
        assert_eq!(stop(&[skip]), ["skip-os-shutdown"]);
        assert_eq!(stop(&[skip, force]), ["skip-os-shutdown"], "documented as a pair");
        assert_eq!(
            stop(&[skip, hibernate]),
            ["skip-os-shutdown", "skip-and-hibernate"]
        );
    }

    #[test]
    fn the_envelope_is_read_too() {
        let mut call = Call::new("StopInstances", [("InstanceId.1", ID)]);
        let look = |change: &dyn Fn(&mut Call)| {
            let mut changed = call.clone();
            change(&mut changed);
            words(&reading(Edition::Current, &changed))
        };
        assert_eq!(look(&|call| call.action = None), ["missing-action"]);
        assert_eq!(
            look(&|call| call.action = Some("StopInstance".into())),
            ["unknown-action"]
        );
        assert_eq!(
            look(&|call| call.action = Some("stopInstances".into())),
            ["miscased-action"]
        );
        assert_eq!(look(&|call| call.form.version = None), ["missing-version"]);
        assert_eq!(
            look(&|call| call.form.version = Some("1999-01-01".into())),
            ["unknown-version"]
        );
        assert_eq!(
            look(&|call| call.form.version = Some(String::new())),
            ["unknown-version"]
        );
        let auth = [
            (Auth::Header, None),
            (Auth::Session, None),
            (Auth::Query, Some("query-signature")),
            (Auth::Unsigned, Some("unsigned")),
            (Auth::Garbage, Some("garbage-signature")),
            (Auth::UnknownKey, Some("unknown-key")),
            (Auth::WrongSignature, Some("wrong-signature")),
            (Auth::Stale, Some("stale-signature")),
            (Auth::ExpiredSession, Some("expired-session")),
            (Auth::Denied, Some("denied")),
        ];
        for (auth, word) in auth {
            call.form.auth = auth;
            assert_eq!(
                words(&reading(Edition::Current, &call)),
                word.into_iter().collect::<Vec<_>>(),
                "{auth:?}"
            );
        }
    }
}
