//! Compares the committed seeds and dictionary with what is generated, or writes them.
//!
//! `cargo xtask fuzz seed` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use super::seeds::{self, MADE, Seed};
use super::{files, folder};
use crate::contract::vocabulary::{Check, Condition};
use crate::contract::{self, Edition};
use crate::fuzzing::TARGETS;

/// The variable that writes the files instead of comparing them.
const WRITE: &str = "STOPCHECK_WRITE_SEEDS";

fn are_written() -> bool {
    std::env::var_os(WRITE).is_some()
}

#[test]
fn the_corpora_hold_every_seed_as_it_is_made() {
    let seeds = seeds::all();
    if are_written() {
        write(&seeds);
    }
    for target in TARGETS {
        let made: BTreeMap<&str, &[u8]> = seeds
            .iter()
            .filter(|seed| seed.target == target.name)
            .map(|seed| (seed.name.as_str(), seed.data.as_slice()))
            .collect();
        let there = files(&folder("corpus").join(target.name));
        let there: BTreeMap<&str, &[u8]> = there
            .iter()
            .filter(|(name, _)| name.starts_with(MADE))
            .map(|(name, data)| (name.as_str(), data.as_slice()))
            .collect();
        let names = made.keys().chain(there.keys());
        let differ: BTreeSet<&&str> = names.filter(|name| made.get(*name) != there.get(*name)).collect();
        assert!(
            differ.is_empty(),
            "fuzz/corpus/{}: {differ:?} are not as they are made; run `cargo xtask fuzz seed`",
            target.name
        );
    }
}

fn write(seeds: &[Seed]) {
    for target in TARGETS {
        let folder = folder("corpus").join(target.name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        for (name, _) in files(&folder) {
            if name.starts_with(MADE) {
                fs::remove_file(folder.join(name)).expect("a seed can be removed");
            }
        }
    }
    for seed in seeds {
        let path = folder("corpus").join(seed.target).join(&seed.name);
        fs::write(&path, &seed.data).expect("a seed can be written");
    }
}

#[test]
fn the_dictionary_has_the_words_of_the_specs() {
    let made = dictionary();
    let path = folder("ec2.dict");
    if are_written() {
        fs::write(&path, &made).expect("the dictionary can be written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, made, "run `cargo xtask fuzz seed`");
}

/// Words of the formats themselves, which no file of ours lists.
const WORDS: &[&str] = &[
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?",
    "?>",
    "<!DOCTYPE",
    " xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"",
    " xmlns:p='u'",
    "&#x41;",
    "&amp;",
    "StopInstancesResponse",
    "instancesSet",
    "item",
    "instanceId",
    "currentState",
    "previousState",
    "<code>",
    "<name>",
    "Response",
    "Errors",
    "Error",
    "Code",
    "Message",
    "RequestID",
    "requestId",
    "reservationSet",
    "instanceState",
    "stateReason",
    "Action=",
    "&Version=2016-11-15",
    "&InstanceId.1=",
    "{0}",
    "{a}",
    "i-0cfb1e75e74229968",
    "%2B",
    "\n%\n",
    "\n\n",
    "AWS4-HMAC-SHA256 Credential=",
    "X-Amz-Date",
    "X-Amz-Signature",
    "Authorization",
    "[[scenario]]",
    "[[clause]]",
    "[[refusal]]",
    "[[transition]]",
    "[action]",
    "{\"event\":\"",
    "run_started",
    "case_started",
    "fixture_ready",
    "step_started",
    "exchanged",
    "raw",
    "judged",
    "case_ended",
    "run_ended",
    "\"intent\":{\"do\":\"call\"}",
    "\"role\":\"act\"",
];

/// The dictionary of libFuzzer: one word a line, in quotation marks.
fn dictionary() -> String {
    let contract = contract::embedded(Edition::Current);
    let mut words: BTreeSet<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    let parameters = contract.parameters.iter();
    words.extend(parameters.map(|parameter| parameter.name.replace(".N", ".1")));
    words.extend(contract.transitions.iter().map(|row| row.action.clone()));
    words.extend(contract.states.iter().map(|state| state.name.clone()));
    let answers = contract.refusals.iter().flat_map(|row| &row.answers);
    words.extend(answers.map(|answer| answer.code.clone()));
    words.extend(Check::ALL.iter().map(|check| check.word().to_owned()));
    words.extend(Condition::ALL.iter().map(|condition| condition.word().to_owned()));
    words.extend(contract.clauses.iter().map(|clause| clause.id.to_string()));
    let mut out =
        String::from("# Words of EC2 and of our files, for libFuzzer. Made by `cargo xtask fuzz seed`.\n");
    for word in words.iter().filter(|word| !word.is_empty()) {
        let mut escaped = String::new();
        for byte in word.bytes() {
            match byte {
                b'"' | b'\\' => escaped.extend(['\\', char::from(byte)]),
                b' '..=b'~' => escaped.push(char::from(byte)),
                byte => {
                    let _ = write!(escaped, "\\x{byte:02X}");
                }
            }
        }
        let _ = writeln!(out, "\"{escaped}\"");
    }
    out
}

#[test]
fn the_fuzz_crate_has_a_program_for_each_target() {
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("the manifest can be read");
    let bins: BTreeSet<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(bins, names);
    for target in TARGETS {
        let source = folder("fuzz_targets").join(format!("{}.rs", target.name));
        let text = fs::read_to_string(source).expect("the program can be read");
        let body = format!("::{}(data));\n", target.name);
        assert!(text.ends_with(&body), "{} runs another body", target.name);
    }
}
