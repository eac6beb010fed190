//! The bodies of the fuzz targets: bytes come in, and nothing may go wrong.
//!
//! They live here so that the tests replay every seed and every input that once found a bug, without a fuzzer.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use crate::contract::{self, Edition};
use crate::embedded;
use crate::plan::script::{Features, Script};
use crate::protocol::{self, Body};
use crate::report::list;
use crate::runner::Alone;
use crate::verdict::Outcome;
use crate::wire::{Headers, Response};

/// Reads the bytes as the body of an answer, and looks at it through every view there is.
pub fn reply(data: &[u8]) {
    let response = Response {
        status: 200,
        headers: Headers::default(),
        body: data.to_vec(),
    };
    let reply = protocol::decode(response);
    // What is read without the strict judge must be what he would pass.
    if let Ok(text) = std::str::from_utf8(data)
        && protocol::limits::within(text, &protocol::Limits::default()).is_ok()
        && protocol::xml::read_plain(text).is_some()
    {
        assert_eq!(protocol::wellformed::judge(text), Ok(()));
    }
    let Body::Document(document) = &reply.body else {
        return;
    };
    let root = document.root();
    let changes = protocol::state_changes(root);
    for state in changes
        .items
        .iter()
        .flat_map(|item| [&item.current, &item.previous])
        .flatten()
    {
        let _ = state.code_number();
    }
    let _ = protocol::errors(root);
    let _ = protocol::instances(root);
    let _ = protocol::images(root);
    let _ = protocol::spot_requests(root);
    let _ = protocol::instance_statuses(root);
    let _ = protocol::next_token(root);
    let _ = protocol::return_value(root);
    let _ = protocol::attribute_value(root, "disableApiStop");
}

/// Plays the bytes as a script against the reference, which does nothing wrong. What is found is a mistake of the
/// judge, of the reference, or of a script that asks what nobody can judge.
pub fn script(data: &[u8]) {
    static ALONE: OnceLock<Alone> = OnceLock::new();
    let alone = ALONE.get_or_init(|| {
        let contract = Arc::new(contract::embedded(Edition::Current));
        Alone::new(contract, embedded::options(Edition::Current))
            .expect("a runtime of one thread needs nothing but memory")
    });
    let case = Script::decode(data, Features::ALL).into_case("fuzz/script");
    let ended = alone.play(&case);
    // A script may ask for what the service does not have, such as stop protection of a Spot Instance; it ends there.
    let is_ours = matches!(ended.outcome, Outcome::Error { .. });
    if !is_ours && ended.findings.is_empty() {
        return;
    }
    let mut told = format!("{:?}\n", ended.outcome);
    for step in &case.steps {
        let _ = writeln!(told, "  {}", list::step_in_words(step));
    }
    for finding in &ended.findings {
        let _ = writeln!(
            told,
            "{} allowed {} observed {}",
            finding.id, finding.allowed, finding.observed
        );
    }
    assert!(!is_ours && ended.findings.is_empty(), "{told}");
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_of_the_corpus_is_read() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/reply");
        let seeds = fs::read_dir(&corpus).expect("the corpus is there");
        let mut count = 0;
        for seed in seeds {
            let path = seed.expect("the folder can be listed").path();
            reply(&fs::read(&path).expect("a seed can be read"));
            count += 1;
        }
        assert!(count > 0, "{} is empty", corpus.display());
    }

    #[test]
    fn every_script_of_the_corpus_is_played_and_nothing_is_found() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/script");
        let seeds = fs::read_dir(&corpus).expect("the corpus is there");
        let mut count = 0;
        for seed in seeds {
            let path = seed.expect("the folder can be listed").path();
            script(&fs::read(&path).expect("a seed can be read"));
            count += 1;
        }
        assert!(count > 0, "{} is empty", corpus.display());
    }

    #[test]
    fn every_part_of_a_seed_is_read_too() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/reply");
        let whole = fs::read(corpus.join("stop-412-dryrun-2017-07-15.xml")).expect("a seed can be read");
        for end in 0..whole.len() {
            reply(whole.get(..end).unwrap_or_default());
            let mut changed = whole.clone();
            if let Some(byte) = changed.get_mut(end) {
                *byte ^= 0x20;
            }
            reply(&changed);
        }
    }
}
