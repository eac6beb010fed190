//! Generates the seeds of the corpora from data of this repository, so that nobody writes them by hand.
//!
//! They are made from recorded answers of AWS, answers and journals of the reference and of its planted faults, the
//! specs, and the small contract of the loader's tests. `cargo xtask fuzz seed` writes them; a test compares the files
//! with what is generated here. Each is small: a fuzzer gets further with many short inputs than with a few long ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::fuzzing::damage;
use crate::protocol::RequestTarget;

mod answers;
mod contracts;
mod journals;
mod requests;

/// Inputs and their names.
type Made = Vec<(String, Vec<u8>)>;

/// One seed.
pub(super) struct Seed {
    pub(super) target: &'static str,
    pub(super) name: String,
    pub(super) data: Vec<u8>,
}

/// Every generated seed.
pub(super) fn all() -> Vec<Seed> {
    let mut all = Vec::new();
    let mut add = |target: &'static str, made: Made| {
        let mut seen = BTreeSet::new();
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        for (name, data) in made {
            // Duplicates get one file only.
            if seen.insert(data.clone()) {
                let name = file_name(&name);
                let count = names.entry(name.clone()).or_default();
                *count += 1;
                let name = match count {
                    1 => name,
                    count => format!("{name}-{count}"),
                };
                all.push(Seed { target, name, data });
            }
        }
    };
    add("reply", answers::answers());
    add("xml", answers::documents());
    add("form", requests::forms());
    add("request", requests::requests());
    add("signature", requests::signatures());
    add("contract", contracts::contracts());
    let journals = journals::journals();
    // A report has as many lines as there are findings; the exchanges hardly matter.
    let findings = journals.iter().filter(|(name, _)| journals::is_of_findings(name));
    add("report", findings.cloned().collect());
    add("journal", journals);
    add("judge", exchanges());
    add("damage", damages());
    all
}

/// The prefix of all generated files, which distinguishes them from those of the fuzzer.
pub(super) const MADE: &str = "made-";

fn file_name(name: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let mut file = MADE.to_owned();
    for letter in name.chars().map(plain) {
        if letter != '-' || !file.ends_with('-') {
            file.push(letter);
        }
    }
    file.trim_end_matches('-').to_owned()
}

fn text(name: impl Into<String>, text: impl Into<String>) -> (String, Vec<u8>) {
    (name.into(), text.into().into_bytes())
}

fn target() -> RequestTarget {
    RequestTarget {
        host: "localhost:5000".to_owned(),
        path: "/".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// Random exchanges: every byte is a choice.
fn exchanges() -> Made {
    (0..24_u32)
        .map(|seed| {
            let mut state = seed.wrapping_mul(2_654_435_761);
            let bytes = (0..160).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            });
            (format!("{seed}"), bytes.collect())
        })
        .collect()
}

/// Every kind of damage to a few situations each, and every situation.
fn damages() -> Made {
    let situations = damage::situations().len();
    (0..44_u8)
        .map(|at| {
            let situation = usize::from(at) % situations;
            let spread = |by: u8| at.wrapping_mul(by);
            let first = u8::try_from(situation).unwrap_or_default();
            let bytes = [first, at % 11, spread(5), spread(3), spread(7), at, at];
            (format!("{at}"), bytes.to_vec())
        })
        .collect()
}
