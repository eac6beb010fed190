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
    let stop = |more: &[(&'static str, &'static str)]| conditions(&[&[("InstanceId.1", ID)], more].concat());
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
        (Auth::Recent, Some("skewed-signature")),
        (Auth::Early, Some("skewed-signature")),
        (Auth::Future, Some("future-signature")),
        (Auth::AlteredParameters, Some("wrong-signature")),
        (Auth::AlteredPath, Some("wrong-signature")),
        (Auth::AlteredMethod, Some("wrong-signature")),
        (Auth::OtherPayloadHash, Some("wrong-signature")),
        (Auth::AlteredScope, Some("wrong-signature")),
        (Auth::ShortSignature, Some("malformed-signature")),
        (Auth::LongSignature, Some("malformed-signature")),
        (Auth::UpperCaseSignature, Some("upper-case-signature")),
        (Auth::OtherDate, Some("scope-of-another-date")),
        (Auth::OtherRegion, Some("other-scope")),
        (Auth::OtherService, Some("other-scope")),
        (Auth::OtherTerminator, Some("other-scope")),
        (Auth::UnsignedHost, Some("unsigned-host")),
        (Auth::UnsignedDate, Some("unsigned-header")),
        (Auth::MissingToken, Some("wrong-token")),
        (Auth::WrongToken, Some("wrong-token")),
        (Auth::RightThenWrong, Some("two-signatures")),
        (Auth::WrongThenRight, Some("two-signatures")),
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
