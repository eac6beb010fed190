//! Replays every seed and every input that once found a bug, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

mod made;
mod seeds;

/// A folder of the fuzz crate.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

/// The files of a folder by name; empty if there is no such folder.
pub(super) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut all: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("the folder can be listed").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (name, fs::read(&path).expect("an input can be read"))
        })
        .collect();
    all.sort();
    all
}

/// Replays all inputs of a target.
fn replay(name: &str) {
    let target = target(name).expect("it is in the table");
    let seeds = files(&folder("corpus").join(name));
    assert!(!seeds.is_empty(), "{name} has seeds");
    let past = files(&folder("regressions").join(name));
    for (input, data) in seeds.iter().chain(&past) {
        // Captured, and shown only if it fails.
        println!("{name}/{input}");
        (target.body)(data);
    }
}

macro_rules! replayed {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(known, replayed);
        }
    };
}

// One test each, so that they run in parallel.
mod every_input_of {
    use super::*;

    replayed!(reply xml form request signature contract journal report script judge damage golden);
}

#[test]
fn every_folder_of_inputs_belongs_to_a_target_and_all_are_small() {
    let mut bytes = 0;
    for kind in ["corpus", "regressions"] {
        let Ok(entries) = fs::read_dir(folder(kind)) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("the folder can be listed").path();
            if !path.is_dir() {
                continue;
            }
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            assert!(target(&name).is_some(), "{} belongs to no target", path.display());
            bytes += files(&path).iter().map(|(_, data)| data.len()).sum::<usize>();
        }
    }
    assert!(bytes <= 1 << 20, "{bytes} bytes of inputs");
}

#[test]
fn every_part_of_a_recorded_answer_is_read_too() {
    let seed = folder("corpus/reply/stop-412-dryrun-2017-07-15.xml");
    let whole = fs::read(seed).expect("a seed can be read");
    for end in 0..whole.len() {
        answers::reply(whole.get(..end).unwrap_or_default());
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(end) {
            *byte ^= 0x20;
        }
        answers::reply(&changed);
        answers::xml(&changed);
    }
}

#[test]
fn nothing_is_wrong_with_the_answers_that_are_damaged() {
    for situation in damage::situations() {
        let findings = damage::judged(situation, situation.response.clone());
        assert_eq!(findings, [], "{situation:?}");
    }
}

#[test]
fn random_bytes_hold_everywhere() {
    for target in TARGETS {
        let mut state = 1_u32;
        for round in 0..60_usize {
            let data: Vec<u8> = (0..round * 5)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            // Captured, and shown only if it fails.
            println!("{} in round {round}", target.name);
            (target.body)(&data);
        }
    }
}
