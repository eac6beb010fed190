//! Project rules that the compiler does not check: which module may import which, which file may use a library, why a
//! dependency is needed, what no file may contain, which files may exist, and which licences are allowed.
//!
//! Each rule is a pure function from text to complaints, in its own file; this file reads the work tree and prints. All
//! complaints are collected before anything is printed.

mod layers;
mod library_boundaries;
mod licences;
mod manifests;
mod text;
mod tokens;
mod tracked_files;

use std::fmt;
use std::fs;

use anyhow::{Context, Result};

use crate::shell::TaskOutcome;
use crate::tools::Install;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct TidyArgs {
    /// Installs nothing: what needs a tool that is absent is left out, and said so.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// A violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Complaint {
    /// The file, with the line if there is one.
    place: String,
    /// What is wrong, and what to write instead.
    text: String,
}

/// The crates that are checked, and whether their modules stand on the staircase.
const CRATES: &[(&str, bool)] = &[
    ("harness/core", true),
    ("harness/reference", false),
    ("harness", true),
];

pub(crate) fn run(args: &TidyArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let all = read_all(workspace)?;
    // A file that is not text has no lines to check.
    let files: Vec<(&str, &str)> = all
        .iter()
        .filter_map(|(path, bytes)| Some((path.as_str(), std::str::from_utf8(bytes).ok()?)))
        .collect();
    let mut complaints = Vec::new();
    for (folder, has_layers) in CRATES {
        let prefix = format!("{folder}/src/");
        let sources: Vec<Source> = files
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix) && path.ends_with(".rs"))
            .map(|(path, text)| Source::new(path, text))
            .collect::<Result<_>>()?;
        if *has_layers {
            complaints.extend(layers::check(&sources));
        }
        let manifest = format!("{folder}/Cargo.toml");
        let libraries = fs::read_to_string(workspace.path(&manifest))
            .map_err(anyhow::Error::from)
            .and_then(|text| manifests::dependencies(&text))
            .with_context(|| format!("could not read {manifest}"))?;
        complaints.extend(library_boundaries::check(&libraries, &sources));
    }
    for (path, bytes) in &all {
        complaints.extend(tracked_files::check(path, bytes));
    }
    for (path, text) in &files {
        if path.ends_with("Cargo.toml") {
            complaints.extend(manifests::check(path, text));
        }
        complaints.extend(text::check(path, text));
    }
    let install = if args.offline {
        Install::Never
    } else {
        Install::Allowed
    };
    complaints.extend(licences::check(workspace, install)?);

    complaints.sort();
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!("tidy: {} files read, {} complaints", all.len(), complaints.len());
    Ok(TaskOutcome::bad_if(!complaints.is_empty()))
}

/// One file of the harness: its place, and the paths it uses outside of its tests.
#[derive(Debug)]
struct Source {
    path: String,
    /// The module path from the crate root to this file; empty for `lib.rs` and `main.rs`.
    module: Vec<String>,
    uses: Vec<tokens::Use>,
}

impl Source {
    fn new(path: &str, text: &str) -> Result<Source> {
        let module = module_of(path);
        let uses = if is_test_file(&module) {
            Vec::new()
        } else {
            tokens::uses(text, &module).with_context(|| format!("could not read {path} as Rust"))?
        };
        Ok(Source {
            path: path.to_owned(),
            module,
            uses,
        })
    }
}

impl Complaint {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Complaint {
        Complaint {
            place: place.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

fn read_all(workspace: &Workspace) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for path in workspace.files()? {
        let bytes = fs::read(workspace.path(&path)).with_context(|| format!("could not read {path}"))?;
        files.push((path, bytes));
    }
    Ok(files)
}

fn module_of(path: &str) -> Vec<String> {
    let below_sources = |folder: &str| path.strip_prefix(folder)?.strip_prefix("/src/");
    let below = CRATES
        .iter()
        .find_map(|(folder, _)| below_sources(folder))
        .unwrap_or(path);
    let below = below.strip_suffix(".rs").unwrap_or(below);
    let mut module: Vec<String> = below.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod")
        || matches!(module.as_slice(), [only] if only == "lib" || only == "main")
    {
        module.pop();
    }
    module
}

fn is_test_file(module: &[String]) -> bool {
    module.iter().any(|name| name == "tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_its_module() {
        assert_eq!(module_of("harness/core/src/plan/mod.rs"), ["plan"]);
        assert_eq!(module_of("harness/core/src/check/state.rs"), ["check", "state"]);
        assert_eq!(module_of("harness/core/src/call.rs"), ["call"]);
        assert!(module_of("harness/src/lib.rs").is_empty());
    }
}
