//! Licences, banned crates, sources and advisories of all dependencies.
//!
//! `cargo-deny` checks them by `deny.toml`. Without `cargo-deny`, the licences are still read from cargo's own metadata
//! and compared with the same list, and the unchecked parts are printed. Advisories need a database that is not always
//! available; the few that matter here are built in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Complaint;
use crate::shell;
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// Crates with known advisories, and the first version without them.
const KNOWN_BAD_BEFORE: &[(&str, [u64; 3], &str)] = &[
    (
        "quick-xml",
        [0, 41, 0],
        "denial of service: RUSTSEC-2026-0194, -0195",
    ),
    ("rustls", [0, 23, 46], "known advisories"),
    ("rustls-webpki", [0, 103, 17], "known advisories"),
    ("ring", [0, 17, 12], "known advisories"),
];

pub(super) fn check(workspace: &Workspace, install: Install) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for path in ["Cargo.lock", "fuzz/Cargo.lock"] {
        if let Ok(lock) = fs::read_to_string(workspace.path(path)) {
            complaints.extend(known_bad(path, &lock)?);
        }
    }
    match tools::cargo_deny(workspace, install)? {
        Some(deny) => complaints.extend(by_cargo_deny(workspace, &deny, install)?),
        None => {
            println!(
                "note: cargo-deny is absent: licences are read from cargo's metadata; bans and sources not checked"
            );
            println!("note: advisories not checked: cargo-deny is absent (the built-in list was)");
            complaints.extend(by_metadata(workspace)?);
        }
    }
    Ok(complaints)
}

fn by_cargo_deny(workspace: &Workspace, deny: &Path, install: Install) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut fetch = workspace.command(deny);
    fetch.args(["fetch", "db"]);
    let has_advisories = install == Install::Allowed && shell::capture(&mut fetch).is_ok();
    if !has_advisories {
        println!("note: advisories not checked: database unreachable (the built-in list was)");
    }
    for manifest in manifests(workspace) {
        let mut check = |what: &[&str]| {
            let mut command = workspace.command(deny);
            command.args(["--manifest-path", manifest, "--config", "deny.toml", "check"]);
            command.arg("--hide-inclusion-graph").args(what);
            if let Err(error) = shell::capture(&mut command) {
                complaints.push(Complaint::new("deny.toml", format!("{error:#}")));
            }
        };
        check(&["licenses", "bans", "sources"]);
        if has_advisories {
            check(&["--disable-fetch", "advisories"]);
        }
    }
    Ok(complaints)
}

fn by_metadata(workspace: &Workspace) -> Result<Vec<Complaint>> {
    let deny = fs::read_to_string(workspace.path("deny.toml")).context("could not read deny.toml")?;
    let deny: Deny = toml::from_str(&deny).context("could not read deny.toml")?;
    let mut complaints = Vec::new();
    for manifest in manifests(workspace) {
        let metadata = [
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--manifest-path",
            manifest,
        ];
        let text = shell::capture(&mut workspace.cargo(&metadata))?;
        let metadata: Metadata = serde_json::from_str(&text).context("could not read cargo's metadata")?;
        complaints.extend(unlicensed(&metadata.packages, &deny.licenses.allow));
    }
    complaints.sort();
    complaints.dedup();
    Ok(complaints)
}

/// The manifests of the two workspaces: the main one and the fuzz crate.
fn manifests(workspace: &Workspace) -> impl Iterator<Item = &'static str> {
    ["Cargo.toml", "fuzz/Cargo.toml"]
        .into_iter()
        .filter(|manifest| workspace.path(manifest).is_file())
}

/// The parts of `deny.toml` that are used; the rest is for cargo-deny.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licences,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
}

/// The parts of `cargo metadata` that are used.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// The parts of `Cargo.lock` that are used.
#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
}

fn known_bad(path: &str, lock: &str) -> Result<Vec<Complaint>> {
    let lock: Lock = toml::from_str(lock).with_context(|| format!("could not read {path}"))?;
    let mut complaints = Vec::new();
    for package in &lock.package {
        for (name, good, why) in KNOWN_BAD_BEFORE {
            if package.name == *name && numbers(&package.version) < *good {
                let [major, minor, patch] = good;
                complaints.push(Complaint::new(
                    path,
                    format!(
                        "{name} {} is older than {major}.{minor}.{patch}: {why}",
                        package.version
                    ),
                ));
            }
        }
    }
    Ok(complaints)
}

fn numbers(version: &str) -> [u64; 3] {
    let mut numbers = version
        .split(['.', '-', '+'])
        .map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

fn unlicensed(packages: &[Package], allowed: &[String]) -> Vec<Complaint> {
    packages
        .iter()
        .filter_map(|package| {
            let licence = package.license.as_deref().unwrap_or("(none)");
            (!is_allowed(licence, allowed)).then(|| {
                Complaint::new(
                    "deny.toml",
                    format!(
                        "{} {} has the licence {licence}, which is not on the list",
                        package.name, package.version
                    ),
                )
            })
        })
        .collect()
}

/// Whether the allowed licences satisfy an SPDX expression.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    // The slash is the older spelling of OR.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let satisfied = any_of(&words, &mut at, allowed);
    satisfied && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut satisfied = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        satisfied |= all_of(words, at, allowed);
    }
    satisfied
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut satisfied = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        satisfied &= one(words, at, allowed);
    }
    satisfied
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(&word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if word == "(" {
        let satisfied = any_of(words, at, allowed);
        *at += 1;
        return satisfied;
    }
    let name = match (words.get(*at), words.get(*at + 1)) {
        (Some(&"WITH"), Some(exception)) => {
            *at += 2;
            format!("{word} WITH {exception}")
        }
        _ => word.to_owned(),
    };
    allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_if_some_choice_of_it_is() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "Unlicense/MIT",
            "MIT AND ISC",
            "(GPL-3.0 OR MIT) AND ISC",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(none)",
            "",
            "Apache-2.0",
            "MIT MIT",
        ] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_known_bad_version_is_told_from_the_first_good_one() {
        let lock = |version| format!("[[package]]\nname = \"ring\"\nversion = \"{version}\"\n");
        assert_eq!(
            known_bad("Cargo.lock", &lock("0.17.11"))
                .expect("it is TOML")
                .len(),
            1
        );
        assert!(
            known_bad("Cargo.lock", &lock("0.17.12"))
                .expect("it is TOML")
                .is_empty()
        );
        assert!(
            known_bad("Cargo.lock", &lock("0.18.0"))
                .expect("it is TOML")
                .is_empty()
        );
    }
}
