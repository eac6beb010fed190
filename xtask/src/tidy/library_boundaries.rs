//! Each outside library is called from one module only (a file, and the files in the folder of its name), so that a
//! change of the library changes one module.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::ImportTarget;
use super::{Complaint, Source};

/// Libraries that serve to define types and are not called directly.
const VOCABULARY: &[&str] = &["serde", "serde_json", "thiserror"];

/// The second witness is not counted: an independent reader may need the same library.
const HOUSE_OF_ITS_OWN: &str = "reference";

/// The asynchronous runtime, and the modules that may use it freely.
const RUNTIME: &str = "tokio";
const RUNTIME_FLOORS: &[&str] = &[
    "endpoint",
    "golden",
    "report",
    "runner",
    "selfcheck",
    "fuzzing",
    "replay",
    "cli",
];

/// Complaints about libraries that more than one file uses. `libraries` are the names in the manifest.
pub(super) fn check(libraries: &[String], sources: &[Source]) -> Vec<Complaint> {
    let mut houses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let names: BTreeSet<String> = libraries
        .iter()
        .map(|library| library.replace('-', "_"))
        .collect();
    let mut complaints = Vec::new();
    for source in sources {
        let floor = source.module.first().map_or("", String::as_str);
        if floor == HOUSE_OF_ITS_OWN {
            continue;
        }
        for used in &source.uses {
            let ImportTarget::Name(name) = &used.to else {
                continue;
            };
            if !names.contains(name) || VOCABULARY.contains(&name.as_str()) {
                continue;
            }
            if name != RUNTIME {
                houses.entry(name).or_default().insert(&source.path);
            } else if !RUNTIME_FLOORS.contains(&floor) && !source.module.is_empty() {
                complaints.push(Complaint::new(
                    format!("{}:{}", source.path, used.line),
                    format!("`{RUNTIME}` is for hands and conduct; `{floor}` is pure"),
                ));
            }
        }
    }
    for (library, files) in houses {
        // The files in the folder of a module are part of the module.
        let is_part = |path: &str| {
            let owner = path.rsplit_once('/').map(|(folder, _)| format!("{folder}.rs"));
            owner.is_some_and(|owner| files.contains(owner.as_str()))
        };
        let files: Vec<&str> = files.iter().copied().filter(|path| !is_part(path)).collect();
        if files.len() > 1 {
            complaints.push(Complaint::new(
                "harness/src",
                format!(
                    "`{library}` is spoken to in {} files, one is its house: {}",
                    files.len(),
                    files.join(", ")
                ),
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(files: &[(&str, &str)]) -> usize {
        let libraries = ["clap", "quick-xml", "serde", "tokio", "jiff"].map(str::to_owned);
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::new(path, text).expect("it is Rust"))
            .collect();
        check(&libraries, &sources).len()
    }

    #[test]
    fn a_library_has_one_house() {
        let one = ("harness/core/src/protocol/xml.rs", "use quick_xml::Reader;");
        let two = (
            "harness/src/report/junit.rs",
            "fn f() { quick_xml::Writer::new() }",
        );
        assert_eq!(count(&[one]), 0);
        assert_eq!(count(&[one, two]), 1);
    }

    #[test]
    fn a_folder_belongs_to_the_module_of_its_name() {
        let one = ("harness/src/cli/args.rs", "use clap::Args;");
        let two = ("harness/src/cli/args/values.rs", "use clap::ValueEnum;");
        let other = ("harness/src/cli/run.rs", "use clap::Args;");
        assert_eq!(count(&[one, two]), 0);
        assert_eq!(count(&[one, other]), 1);
    }

    #[test]
    fn the_second_witness_and_the_vocabulary_are_not_counted() {
        let one = (
            "harness/core/src/protocol/xml.rs",
            "use quick_xml::Reader; use serde::Serialize;",
        );
        let two = (
            "harness/src/reference/xml.rs",
            "use quick_xml::Writer; use serde::Serialize;",
        );
        assert_eq!(count(&[one, two]), 0);
    }

    #[test]
    fn the_runtime_lives_in_hands_and_conduct() {
        let text = "use tokio::net::TcpStream;";
        assert_eq!(
            count(&[
                ("harness/src/endpoint/raw.rs", text),
                ("harness/src/cli/serve.rs", text)
            ]),
            0
        );
        assert_eq!(count(&[("harness/core/src/model/mod.rs", text)]), 1);
    }
}
