//! Boundary values of every parameter, from both sides: ids, lists, indices, booleans, characters, sizes.
//!
//! Names and purposes are generated from short lists. Few instances are needed, since most boundary values are refused.

use super::{CONTROL, listed, step};
use crate::call::{Encoding, Form};
use crate::contract::{Act, CallTemplate, Contract, FixtureKind, ParameterKind, Scenario, State};

type Params = Vec<(String, String)>;

pub(super) fn cases(contract: &Contract) -> Vec<Scenario> {
    let switches: Vec<&str> = contract
        .parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Boolean && parameter.holds)
        .map(|parameter| parameter.name.as_str())
        .collect();
    [
        ids(),
        lists(),
        indices(),
        booleans(&switches),
        characters(),
        sizes(),
        lives(),
    ]
    .concat()
}

/// The length of an id, its alphabet, and characters around it.
fn ids() -> Vec<Scenario> {
    let digits = |count: usize| "0123456789abcdef0123".chars().take(count).collect::<String>();
    let lengths = [0, 1, 7, 8, 9, 16, 17, 18].map(|count| {
        let id = match count {
            // Ids of these lengths may belong to somebody, so each run generates new ones.
            8 => "{unknown}".to_owned(),
            17 => "{long}".to_owned(),
            _ => format!("i-{}", digits(count)),
        };
        let purpose = format!("An unknown id of {count} digits.");
        refused(format!("id/length-{count}"), purpose, vec![listed([id])])
    });
    let own = refused(
        "id/one-digit-more".to_owned(),
        "The id of an instance with one digit more is not that instance.".to_owned(),
        vec![
            listed(["{a}0".to_owned()]),
            listed(["{a}".to_owned(), "{a}0".to_owned()]),
        ],
    );
    let alphabet = [
        ("g-in-short", "i-0123abcg"),
        ("g-in-long", "i-g123456789abcdef0"),
        ("hyphen", "i--1234567"),
        ("underscore", "i_01234567"),
        ("no-hyphen", "i01234567"),
        ("letter-only", "i"),
        ("hyphen-only", "-"),
        ("other-prefix", "vol-01234567"),
        ("accent", "i-\u{e9}1234567"),
        (
            "arabic-digits",
            "i-\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}\u{668}",
        ),
        ("wide-letters", "\u{ff49}\u{ff0d}01234567"),
        ("zero-width", "\u{200b}ma1"),
        ("number", "1"),
        ("star", "*"),
    ];
    let alphabet = alphabet.map(|(slug, id)| {
        let purpose = format!("The id {id:?}.");
        refused(format!("id/{slug}"), purpose, vec![listed([id.to_owned()])])
    });
    let around = [
        ("space-before", " {a}"),
        ("space-after", "{a} "),
        ("tab-after", "{a}\t"),
        ("line-feed-after", "{a}\n"),
        ("nul-after", "{a}\0"),
        ("comma-after", "{a},"),
        ("quoted", "\"{a}\""),
    ];
    let around = around.map(|(slug, id)| {
        let purpose = format!("The id of an instance, written {:?}.", id.replace("{a}", "i-…"));
        refused(format!("id/{slug}"), purpose, vec![listed([id.to_owned()])])
    });
    lengths
        .into_iter()
        .chain([own])
        .chain(alphabet)
        .chain(around)
        .collect()
}

/// The number of ids in a list.
fn lists() -> Vec<Scenario> {
    let mut cases = Vec::new();
    for size in [1_usize, 2, 9, 10, 11, 99, 100, 1000] {
        let unknown = (1..=size).map(|number| format!("{{unknown{number}}}"));
        cases.push(refused(
            format!("list/unknown-{size}"),
            format!("{size} ids that nobody owns."),
            vec![listed(unknown)],
        ));
        if size == 1 {
            continue;
        }
        let same = |count: usize| vec!["{a}".to_owned(); count];
        cases.push(stopped(
            format!("list/same-{size}"),
            format!("The same id {size} times makes one transition."),
            &["a"],
            listed(same(size)),
        ));
        let mut last = same(size - 1);
        last.push("{unknown}".to_owned());
        cases.push(refused(
            format!("list/unknown-at-{size}"),
            format!("An unknown id at position {size} refuses all before it."),
            vec![listed(last)],
        ));
    }
    for count in [9, 11] {
        let names: Vec<&str> = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]
            .into_iter()
            .take(count)
            .collect();
        let ids = names.iter().map(|name| format!("{{{name}}}"));
        cases.push(stopped(
            format!("list/real-{count}"),
            format!("{count} instances are all stopped."),
            &names,
            listed(ids),
        ));
    }
    cases.push(many());
    cases
}

/// How many instances are stopped with one call and listed page by page. Amazon documents 200 values of a filter.
const MANY: usize = 150;

/// Many instances in one call. Not a named case: on genuine EC2, where only those are played, it would cost too much.
fn many() -> Scenario {
    let names: Vec<String> = (1..=MANY).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ids = || names.iter().map(|name| format!("{{{name}}}"));
    let mut page = vec![
        ("MaxResults".to_owned(), "50".to_owned()),
        ("Filter.1.Name".to_owned(), "instance-id".to_owned()),
    ];
    page.extend(
        (1..)
            .zip(ids())
            .map(|(at, id)| (format!("Filter.1.Value.{at}"), id)),
    );
    let pages = step(Act::Pages(
        CallTemplate {
            action: Some("DescribeInstances".to_owned()),
            params: page,
            form: Form::default(),
        },
        25,
    ));
    let mut case = stopped(
        format!("list/real-{MANY}"),
        format!(
            "{MANY} instances are all stopped, each is answered once, and the pages of a list show all of them."
        ),
        &names,
        listed(ids()),
    );
    case.steps.push(pages);
    case
}

/// As many instances as an account may have, but for one, in one call and in the description that proves it, of several megabytes.
pub(super) fn thousand() -> Scenario {
    let names: Vec<String> = (1..=999).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ids = names.iter().map(|name| format!("{{{name}}}"));
    Scenario {
        name: "coverage/3-wise/bounds/real-999".to_owned(),
        ..stopped(
            String::new(),
            "999 instances are all stopped, and each of them is described.".to_owned(),
            &names,
            listed(ids),
        )
    }
}

/// How often an instance is stopped and started, so that what counts to ten is seen to do so.
const CYCLES: usize = 11;

/// How often a stopped instance is stopped, so that what counts to a hundred is seen to do so.
const IDLE_STOPS: usize = 101;

/// Long lives. Not named cases: on genuine EC2, where only those are played, they would take too long.
fn lives() -> Vec<Scenario> {
    let of_a = |action: &str| {
        step(Act::Call(CallTemplate {
            action: Some(action.to_owned()),
            params: listed(["{a}".to_owned()]),
            form: Form::default(),
        }))
    };
    let until = |state| step(Act::Settle(vec!["a".to_owned()], state));
    let cycle = [
        of_a("StopInstances"),
        until(State::Stopped),
        of_a("StartInstances"),
        until(State::Running),
    ];
    let stop = [of_a("StopInstances"), until(State::Stopped)];
    let idle = std::iter::repeat_n(of_a("StopInstances"), IDLE_STOPS);
    vec![
        Scenario {
            steps: std::iter::repeat_n(cycle, CYCLES).flatten().collect(),
            ..case(
                format!("life/cycles-{CYCLES}"),
                format!(
                    "Each of {CYCLES} stops and starts of an instance is answered and done as the first was."
                ),
                &["a"],
            )
        },
        Scenario {
            steps: stop.into_iter().chain(idle).collect(),
            ..case(
                format!("life/idle-{IDLE_STOPS}"),
                format!("Each of {IDLE_STOPS} stops of a stopped instance is answered as the first was."),
                &["a"],
            )
        },
    ]
}

/// Spellings of an index.
fn indices() -> Vec<Scenario> {
    let alone = [
        ("none", "InstanceId"),
        ("empty", "InstanceId."),
        ("zero", "InstanceId.0"),
        ("one", "InstanceId.1"),
        ("zero-one", "InstanceId.01"),
        ("zero-zero-one", "InstanceId.001"),
        ("two-alone", "InstanceId.2"),
        ("hundred-alone", "InstanceId.100"),
        ("i32", "InstanceId.2147483647"),
        ("beyond-i32", "InstanceId.2147483648"),
        ("beyond-u32", "InstanceId.4294967296"),
        ("wraps-to-one", "InstanceId.4294967297"),
        ("beyond-u64", "InstanceId.18446744073709551617"),
        ("huge", "InstanceId.99999999999999999999999999999999999999999"),
        ("negative", "InstanceId.-1"),
        ("plus", "InstanceId.+1"),
        ("space", "InstanceId. 1"),
        ("fraction", "InstanceId.1.0"),
        ("exponent", "InstanceId.1e0"),
        ("hexadecimal", "InstanceId.0x1"),
        ("letter", "InstanceId.a"),
        ("nested", "InstanceId.1.1"),
        ("member", "InstanceId.member.1"),
        ("dot-after", "InstanceId.1."),
        ("two-dots", "InstanceId..1"),
        ("arabic-digit", "InstanceId.\u{661}"),
        ("brackets", "InstanceId[1]"),
        ("plural", "InstanceIds.1"),
        ("plural-member", "InstanceIds.member.1"),
    ];
    let alone = alone.map(|(slug, name)| {
        stopped(
            format!("index/{slug}"),
            format!("One id under the name {name:?}."),
            &["a"],
            vec![(name.to_owned(), "{a}".to_owned())],
        )
    });
    let pairs = [
        ("two-first", "InstanceId.2", "InstanceId.1"),
        ("gap", "InstanceId.1", "InstanceId.3"),
        ("wide-gap", "InstanceId.1", "InstanceId.1000"),
        ("from-zero", "InstanceId.0", "InstanceId.1"),
        ("from-two", "InstanceId.2", "InstanceId.3"),
        ("same-twice", "InstanceId.1", "InstanceId.1"),
        ("same-in-two-spellings", "InstanceId.1", "InstanceId.01"),
        ("with-and-without", "InstanceId.1", "InstanceId"),
        ("without-twice", "InstanceId", "InstanceId"),
    ];
    let pairs = pairs.map(|(slug, first, second)| {
        stopped(
            format!("index/{slug}"),
            format!("Two ids under the names {first:?} and {second:?}."),
            &["a", "b"],
            vec![
                (first.to_owned(), "{a}".to_owned()),
                (second.to_owned(), "{b}".to_owned()),
            ],
        )
    });
    alone.into_iter().chain(pairs).collect()
}

/// Spellings of a boolean, and booleans given twice.
fn booleans(switches: &[&str]) -> Vec<Scenario> {
    let spellings = [
        ("true", "true"),
        ("false", "false"),
        ("capital-true", "True"),
        ("capitals-true", "TRUE"),
        ("mixed-true", "tRUE"),
        ("capital-false", "False"),
        ("capitals-false", "FALSE"),
        ("one", "1"),
        ("zero", "0"),
        ("two", "2"),
        ("minus-one", "-1"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("t", "t"),
        ("f", "f"),
        ("null", "null"),
        ("word", "garbage"),
        ("empty", ""),
        ("space", " "),
        ("space-before-true", " true"),
        ("space-after-true", "true "),
        ("line-feed-after-true", "true\n"),
        ("quoted-true", "\"true\""),
        ("true-true", "true,true"),
    ];
    let twice = [
        ("true-then-true", "true", "true"),
        ("true-then-false", "true", "false"),
        ("false-then-true", "false", "true"),
    ];
    let mut cases = Vec::new();
    for switch in switches {
        let with = |values: &[&str]| {
            let mut params = listed(["{a}".to_owned()]);
            params.extend(
                values
                    .iter()
                    .map(|value| ((*switch).to_owned(), (*value).to_owned())),
            );
            params
        };
        let folder = slug_of(switch);
        for (slug, value) in spellings {
            cases.push(stopped(
                format!("{folder}/{slug}"),
                format!("{switch} is {value:?}."),
                &["a"],
                with(&[value]),
            ));
        }
        for (slug, first, second) in twice {
            cases.push(stopped(
                format!("{folder}/{slug}"),
                format!("{switch} is given twice: {first:?}, then {second:?}."),
                &["a"],
                with(&[first, second]),
            ));
        }
    }
    cases
}

/// Each character with a special meaning in a form, in XML or on a terminal: in an id, and in the value of an unknown
/// parameter.
fn characters() -> Vec<Scenario> {
    let odd = "\0\u{1}\t\n\r\u{1b} !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u{7f}\u{80}\u{e9}\u{fffd}\u{feff}\u{ffff}\u{1f6d1}";
    let of = |character: char| {
        let ids = [format!("m{character}a1"), format!("i-zz{character}zz")];
        let mut calls: Vec<Params> = ids.into_iter().map(|id| listed([id])).collect();
        calls.push(with_unknown(&format!("x{character}y")));
        refused(
            format!("character/{:04x}", u32::from(character)),
            format!("The character {character:?} in ids and in a value."),
            calls,
        )
    };
    let mut cases: Vec<Scenario> = odd.chars().map(of).collect();
    for (slug, encoding) in [
        ("plus-for-space", Encoding::PlusForSpace),
        ("every-byte", Encoding::EveryByte),
    ] {
        // Some of these decode to another text if they are decoded twice.
        let texts = ["ma 1", "ma+1", "ma%201", "ma%2B1", "ma%251"];
        let mut case = refused(
            format!("character/{slug}"),
            format!("Spaces, plus signs and escapes in ids, written as {slug}."),
            texts.map(|id| listed([id.to_owned()])).to_vec(),
        );
        for step in &mut case.steps {
            if let Act::Call(call) = &mut step.act {
                call.form.encoding = encoding;
            }
        }
        cases.push(case);
    }
    cases
}

/// The length of a value.
fn sizes() -> Vec<Scenario> {
    let of = |size: usize| {
        let text = |first: &str, filler: &str| format!("{first}{}", filler.repeat(size - first.len()));
        let mut forced = listed(["{unknown}".to_owned()]);
        forced.push(("Force".to_owned(), text("", "x")));
        refused(
            format!("size/{size}"),
            format!("Values of {size} characters: ids, a boolean, and one that nobody knows."),
            vec![
                listed([text("m", "a")]),
                listed([text("i-", "0")]),
                listed([text("i-", "z")]),
                with_unknown(&text("", "x")),
                forced,
            ],
        )
    };
    [255, 256, 257, 1023, 1024, 1025, 16_383, 16_384, 16_385]
        .map(of)
        .to_vec()
}

/// The parameters of a stop of `a` with a parameter that the action does not have.
fn with_unknown(value: &str) -> Params {
    let mut params = listed(["{a}".to_owned()]);
    params.push(("Bogus".to_owned(), value.to_owned()));
    params
}

/// A case whose calls are all refused; its instance stays as it is.
fn refused(name: String, purpose: String, calls: Vec<Params>) -> Scenario {
    Scenario {
        steps: calls.into_iter().map(call).collect(),
        ..case(name, purpose, &["a"])
    }
}

/// A case whose call may stop these instances, followed by a wait until they have stopped. A dry run stops none.
fn stopped(name: String, purpose: String, names: &[&str], params: Params) -> Scenario {
    if params
        .iter()
        .any(|(name, value)| name == "DryRun" && value == "true")
    {
        return Scenario {
            steps: vec![call(params)],
            ..case(name, purpose, names)
        };
    }
    let settled = names.iter().map(|name| (*name).to_owned()).collect();
    Scenario {
        steps: vec![call(params), step(Act::Settle(settled, State::Stopped))],
        ..case(name, purpose, names)
    }
}

fn case(mut name: String, purpose: String, names: &[&str]) -> Scenario {
    name.insert_str(0, "coverage/bounds/");
    let fixtures = names.iter().chain([&CONTROL]);
    Scenario {
        name,
        purpose,
        clauses: Vec::new(),
        fixtures: fixtures
            .map(|name| ((*name).to_owned(), FixtureKind::default()))
            .collect(),
        steps: Vec::new(),
    }
}

fn call(params: Params) -> crate::contract::Step {
    step(Act::Call(CallTemplate {
        action: Some("StopInstances".to_owned()),
        params,
        form: Form::default(),
    }))
}

/// `DryRun` as `dry-run`.
fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !slug.is_empty() {
            slug.push('-');
        }
        slug.push(character.to_ascii_lowercase());
    }
    slug
}
