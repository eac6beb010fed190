//! Each outside library is called from one module only (a file, and the files in the folder of its name), so that a
//! change of the library changes one module.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::ImportTarget;
use super::{Complaint, Source};

/// Libraries that any module may use: they define types, or are the runtime, which the pure crates do not depend on.
const VOCABULARY: &[&str] = &[
    "bytes",
    "http",
    "schemars",
    "serde",
    "serde_json",
    "stopcheck_core",
    "thiserror",
    "tokio",
];

/// Complaints about libraries that more than one file uses. `libraries` are the names in the manifest.
pub(super) fn check(libraries: &[String], sources: &[Source]) -> Vec<Complaint> {
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let names: BTreeSet<String> = libraries
        .iter()
        .map(|library| library.replace('-', "_"))
        .collect();
    let mut complaints = Vec::new();
    for source in sources {
        for used in &source.uses {
            let ImportTarget::Name(name) = &used.to else {
                continue;
            };
            if !names.contains(name) || VOCABULARY.contains(&name.as_str()) {
                continue;
            }
            users.entry(name).or_default().insert(&source.path);
        }
    }
    for (library, files) in users {
        // The files in the folder of a module are part of the module.
        let is_part = |path: &str| {
            let owner = path.rsplit_once('/').map(|(folder, _)| format!("{folder}.rs"));
            owner.is_some_and(|owner| files.contains(owner.as_str()))
        };
        let files: Vec<&str> = files.iter().copied().filter(|path| !is_part(path)).collect();
        if files.len() > 1 {
            complaints.push(Complaint::new(
                files.first().copied().unwrap_or_default(),
                format!(
                    "`{library}` is called from {} modules, and should be from one: {}",
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
        let libraries = ["clap", "http", "jiff", "quick-xml", "serde", "tokio"].map(str::to_owned);
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
    fn vocabulary_is_not_counted() {
        let text = "use http::Request; use serde::Serialize; use tokio::net::TcpStream;";
        let files = ["harness/src/endpoint/raw.rs", "harness/src/cli/serve.rs"];
        assert_eq!(count(&files.map(|file| (file, text))), 0);
    }
}
